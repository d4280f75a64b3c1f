//! Repositories that are made for a measurement.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A new repository whose first commit is what the folder holds.
pub(crate) fn start(folder: &Path) -> Result<()> {
    git(folder, &["init", "--quiet"])?;
    commit(folder, "Start")
}

/// Commits everything that the folder holds.
pub(crate) fn commit(folder: &Path, message: &str) -> Result<()> {
    git(folder, &["add", "--all", "--force"])?;
    git(
        folder,
        &[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.org",
            "-c",
            "commit.gpgSign=false",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            message,
        ],
    )?;
    Ok(())
}

/// What git prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .context("git cannot be run")?;
    ensure!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
