//! Fetches what some tests compare against, by the ordinary clients, into `target/tools`. Runs nothing that it fetches.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::stage::Outcome;

/// The npm package that carries the SARIF 2.1.0 schema, and the schema in it.
const SARIF_PACKAGE: &str = "@microsoft/jest-sarif@1.0.0-beta.0";
const SARIF_FILE: &str = "package/lib/schemas/sarif-2.1.0-rtm.5.json";

/// Environment variables that tell the tests where to look; only for what is there.
pub(super) fn variables(root: &Path) -> Vec<(&'static str, PathBuf)> {
    let schema = folder(root).join("sarif").join(SARIF_FILE);
    let found = schema
        .is_file()
        .then_some(("PULLMILL_SARIF_SCHEMA", schema));
    found.into_iter().collect()
}

/// Fetches what is not there yet. What cannot be had is named, and the tests that need it say that they were skipped.
pub(super) fn fetch(root: &Path) -> Result<Outcome> {
    if !variables(root).is_empty() {
        return Ok(Outcome::Passed);
    }
    match sarif_schema(&folder(root).join("sarif")) {
        Ok(()) => Ok(Outcome::Passed),
        Err(error) => {
            let reason = format!("no SARIF schema (npm package {SARIF_PACKAGE}): {error:#}");
            Ok(Outcome::Skipped(reason))
        }
    }
}

fn sarif_schema(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let output = Command::new("npm")
        .args(["pack", "--silent", SARIF_PACKAGE])
        .current_dir(folder)
        .output()
        .context("npm cannot be run")?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    anyhow::ensure!(
        output.status.success() && !name.is_empty(),
        "npm cannot fetch it"
    );
    let status = Command::new("tar")
        .args(["-xzf", &name, SARIF_FILE])
        .current_dir(folder)
        .status()
        .context("tar cannot be run")?;
    anyhow::ensure!(status.success(), "tar cannot read it");
    Ok(())
}

fn folder(root: &Path) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target).join("tools")
}
