//! Which crate may use which, and what may come from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Each crate of the workspace and the crates of the workspace that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("pullmill-core", &[]),
    ("pullmill-analysis", &["pullmill-core"]),
    ("pullmill-adapters", &["pullmill-core", "pullmill-testkit"]),
    ("pullmill-engine", &["pullmill-core", "pullmill-testkit"]),
    ("pullmill-fakehub", &["pullmill-core"]),
    ("pullmill-testkit", &["pullmill-core"]),
    (
        "pullmill",
        &[
            "pullmill-core",
            "pullmill-analysis",
            "pullmill-adapters",
            "pullmill-engine",
            "pullmill-fakehub",
            "pullmill-testkit",
        ],
    ),
    (
        "xtask",
        &["pullmill-core", "pullmill-fakehub", "pullmill-testkit"],
    ),
];

/// For tests alone, and for the tasks that run them.
const TESTKIT: &str = "pullmill-testkit";

/// What cargo says of the workspace and of all it is built from.
pub(super) fn metadata(root: &Path) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
        ])
        .current_dir(root)
        .output()
        .context("cargo cannot be run")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// All packages, as cargo lists them.
pub(super) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// A text field of a package.
pub(super) fn text<'v>(package: &'v Value, field: &str) -> &'v str {
    package[field].as_str().unwrap_or_default()
}

fn own(metadata: &Value) -> impl Iterator<Item = &Value> {
    packages(metadata).filter(|package| package["source"].is_null())
}

/// Crates of the workspace that use one another against the map.
pub(super) fn directions(metadata: &Value) -> Vec<String> {
    let names: BTreeSet<&str> = own(metadata).map(|package| text(package, "name")).collect();
    let mut problems = Vec::new();
    for package in own(metadata) {
        let name = text(package, "name");
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
            problems.push(format!(
                "crate {name} is not on the map in xtask/src/tidy/crates.rs"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = text(dependency, "name");
            if used == TESTKIT && name != "xtask" && dependency["kind"] != "dev" {
                problems.push(format!("crate {name} may use {used} in tests only"));
            }
            if names.contains(used) && !allowed.contains(&used) {
                problems.push(format!("crate {name} may not use {used}"));
            }
        }
    }
    problems
}

/// Dependencies whose version does not come from the workspace.
pub(super) fn versions(metadata: &Value, root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in own(metadata) {
        let path = Path::new(text(package, "manifest_path"));
        let manifest: toml::Table = toml::from_str(&fs::read_to_string(path)?)?;
        let shown = path.strip_prefix(root).unwrap_or(path).display();
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = manifest.get(table).and_then(toml::Value::as_table);
            for (name, entry) in entries.into_iter().flatten() {
                if entry.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    problems.push(format!(
                        "{shown}: {name} must take its version from the workspace"
                    ));
                }
            }
        }
    }
    Ok(problems)
}

/// Crates that are there in several versions without leave.
pub(super) fn duplicates(metadata: &Value, deny: &toml::Table) -> Vec<String> {
    let allowed = listed(deny, "skip");
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages(metadata) {
        let name = text(package, "name");
        versions
            .entry(name)
            .or_default()
            .insert(text(package, "version"));
    }
    versions
        .into_iter()
        .filter(|(name, versions)| versions.len() > 1 && !allowed.contains(*name))
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.into_iter().collect();
            format!(
                "crate {name} is there in versions {}; agree on one, or list it under bans.skip in deny.toml with the reason",
                versions.join(", ")
            )
        })
        .collect()
}

/// Crates that must not be there at all.
pub(super) fn bans(metadata: &Value, deny: &toml::Table) -> Vec<String> {
    let banned = listed(deny, "deny");
    packages(metadata)
        .map(|package| text(package, "name"))
        .filter(|name| banned.contains(*name))
        .map(|name| format!("crate {name} is banned by deny.toml"))
        .collect()
}

/// The crates of a list under `bans`.
fn listed(deny: &toml::Table, list: &str) -> BTreeSet<String> {
    let bans = deny.get("bans").and_then(|bans| bans.get(list));
    let entries = bans.and_then(toml::Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| entry.get("crate")?.as_str())
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}
