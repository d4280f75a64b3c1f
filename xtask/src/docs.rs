//! Writes the documents that follow from the code, so that they cannot say anything else.

use std::fs;

use anyhow::{Context as _, Result, bail};
use pullmill_core::policy::Policy;

use crate::root;
use crate::test::STAGES;

const CI: &str = "\
# Continuous integration

This page is written by `cargo xtask docs`; the stages stand in `xtask/src/test/stage.rs`.

`.ci/run` and the workflow in `.github/workflows/ci.yml` both call `cargo xtask test`, the command that people call too. It needs
Rust and git, and goes on after a failure so that one run says everything. It ends with the minutes of each stage beside
its budget, and with the numbers of tests that passed and failed. A stage over its budget is marked and does not fail.

`.ci/run` builds without `CARGO_INCREMENTAL`, which fills a disk: so lint and tests took 4.5 GB when that was measured, before the release
build. It ends with what the build took and what is left.

What is not installed is named with the way to get it, and skipped: rustfmt, clippy, nextest (then `cargo test` runs the
same tests), npm (then the SARIF schema is not fetched and the test against it says so).

The test stage installs Debian's Postgres where it may (as root) and moto into `target/tools`, and starts both on free loopback
ports. Without them it fails: a store that was not tried is not known to work.

The budgets are minutes from a fresh clone on two cores; together they must stay under 60.

| stage | budget | what |
|---|---|---|
";

/// Writes every generated document.
pub(crate) fn write() -> Result<()> {
    let root = root::folder()?;
    for (path, text) in documents()? {
        let file = root.join(path);
        if fs::read_to_string(&file).ok().as_ref() == Some(&text) {
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

/// Fails if a generated document is out of date.
pub(crate) fn check() -> Result<()> {
    let root = root::folder()?;
    let mut stale = Vec::new();
    for (path, text) in documents()? {
        if fs::read_to_string(root.join(path)).ok().as_ref() != Some(&text) {
            stale.push(path);
        }
    }
    if !stale.is_empty() {
        bail!("out of date: {}; run `cargo xtask docs`", stale.join(", "));
    }
    Ok(())
}

fn documents() -> Result<Vec<(&'static str, String)>> {
    let schema = serde_json::to_string_pretty(&Policy::schema())? + "\n";
    Ok(vec![
        (
            "crates/core/src/policy/default.toml",
            Policy::default().to_toml(),
        ),
        ("docs/configuration.md", Policy::reference()),
        ("schema/config.schema.json", schema),
        ("docs/ci.md", ci()),
    ])
}

fn ci() -> String {
    let mut page = CI.to_owned();
    let mut total = 0;
    for stage in STAGES {
        total += stage.budget;
        page += &format!("| {} | {} | {} |\n", stage.name, stage.budget, stage.what);
    }
    page + &format!(
        "| total | {total} | |\n\nThe workflow also runs `cargo deny check`, which reads `deny.toml` like `cargo xtask tidy` and \
         adds security advisories.\n"
    )
}
