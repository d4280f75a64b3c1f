//! Fetches what some tests compare against, by the ordinary clients, into `target/tools`. Runs nothing that it fetches: tests do.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::stage::Outcome;

/// A file out of an npm package.
struct Fetched {
    /// The environment variable that tells the tests where it is.
    variable: &'static str,
    folder: &'static str,
    package: &'static str,
    file: &'static str,
    /// What else of the package is needed.
    others: &'static [&'static str],
}

const FETCHED: &[Fetched] = &[
    // The SARIF 2.1.0 schema.
    Fetched {
        variable: "PULLMILL_SARIF_SCHEMA",
        folder: "sarif",
        package: "@microsoft/jest-sarif@1.0.0-beta.0",
        file: "package/lib/schemas/sarif-2.1.0-rtm.5.json",
        others: &[],
    },
    // Payloads of every event GitHub sends.
    Fetched {
        variable: "PULLMILL_WEBHOOK_EXAMPLES",
        folder: "webhooks",
        package: "@octokit/webhooks-examples@7.6.1",
        file: "package/api.github.com/index.json",
        others: &[],
    },
    // GitHub's own description of its REST API.
    Fetched {
        variable: "PULLMILL_GITHUB_OPENAPI",
        folder: "openapi",
        package: "@octokit/openapi@23.0.2",
        file: "package/generated/api.github.com.json",
        others: &[],
    },
    // A mock of several providers of models; the tests that use it run it on loopback.
    Fetched {
        variable: "PULLMILL_AIMOCK",
        folder: "aimock",
        package: "@copilotkit/aimock@1.43.0",
        file: "package/dist/cli.js",
        others: &["package/dist", "package/package.json"],
    },
];

/// Environment variables that tell the tests where to look; only for what is there.
pub(super) fn variables(root: &Path) -> Vec<(&'static str, PathBuf)> {
    let place = |fetched: &Fetched| {
        let path = folder(root).join(fetched.folder).join(fetched.file);
        path.is_file().then_some((fetched.variable, path))
    };
    FETCHED.iter().filter_map(place).collect()
}

/// Fetches what is not there yet. What cannot be had is named, and the tests that need it say that they were skipped.
pub(super) fn fetch(root: &Path) -> Result<Outcome> {
    let mut missing = Vec::new();
    for fetched in FETCHED {
        let folder = folder(root).join(fetched.folder);
        if folder.join(fetched.file).is_file() {
            continue;
        }
        if let Err(error) = fetch_one(&folder, fetched) {
            missing.push(format!("no npm package {}: {error:#}", fetched.package));
        }
    }
    Ok(if missing.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Skipped(missing.join("; "))
    })
}

fn fetch_one(folder: &Path, fetched: &Fetched) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let output = Command::new("npm")
        .args(["pack", "--silent", fetched.package])
        .current_dir(folder)
        .output()
        .context("npm cannot be run")?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    anyhow::ensure!(
        output.status.success() && !name.is_empty(),
        "npm cannot fetch it"
    );
    let status = Command::new("tar")
        .args(["-xzf", &name, fetched.file])
        .args(fetched.others)
        .current_dir(folder)
        .status()
        .context("tar cannot be run")?;
    anyhow::ensure!(status.success(), "tar cannot read it");
    Ok(())
}

/// Where what is fetched is kept.
pub(super) fn folder(root: &Path) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target).join("tools")
}
