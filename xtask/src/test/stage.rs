//! The stages of the test command, in order, with their budgets in minutes on two cores.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::count::{self, Counts};
use super::servers::Servers;
use super::tools;
use crate::{docs, tidy};

/// One stage.
pub(crate) struct Stage {
    /// Short.
    pub(crate) name: &'static str,
    /// For the reader.
    pub(crate) what: &'static str,
    /// Minutes on two cores, from a fresh clone.
    pub(crate) budget: u32,
    /// Runs it in the root of the repository.
    pub(super) run: fn(&Path, &mut Counts) -> Result<Outcome>,
}

/// How a stage ended.
pub(super) enum Outcome {
    /// All is well.
    Passed,
    /// Something it needs is not there; says what, and how to get it.
    Skipped(String),
    /// Something is wrong.
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => out.write_str("passed"),
            Self::Skipped(reason) => write!(out, "skipped: {reason}"),
            Self::Failed(reason) => write!(out, "FAILED: {reason}"),
        }
    }
}

/// All stages, in order.
pub(crate) const STAGES: &[Stage] = &[
    Stage {
        name: "format",
        what: "cargo fmt --all --check",
        budget: 1,
        run: format,
    },
    Stage {
        name: "tidy",
        what: "crate directions, licences, file names and headers, links",
        budget: 1,
        run: |_, _| passed(tidy::run()),
    },
    Stage {
        name: "docs",
        what: "generated documents are up to date",
        budget: 1,
        run: |_, _| passed(docs::check()),
    },
    Stage {
        name: "lint",
        what: "cargo clippy on everything, warnings are errors",
        budget: 10,
        run: lint,
    },
    Stage {
        name: "tools",
        what: "fetches what some tests compare against into target/tools",
        budget: 2,
        run: |root, _| tools::fetch(root),
    },
    Stage {
        name: "test",
        what: "every test of the workspace, on every store",
        budget: 20,
        run: tests,
    },
    Stage {
        name: "release",
        what: "the release build",
        budget: 15,
        run: release,
    },
    Stage {
        name: "eval",
        what: "pullmill eval --min-precision 0.90 --min-recall 0.80",
        budget: 2,
        run: eval,
    },
];

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn format(root: &Path, _: &mut Counts) -> Result<Outcome> {
    if !has("fmt") {
        return Ok(Outcome::Skipped(
            "no rustfmt: rustup component add rustfmt".to_owned(),
        ));
    }
    succeeds(cargo(root).args(["fmt", "--all", "--check"]))
}

fn lint(root: &Path, _: &mut Counts) -> Result<Outcome> {
    if !has("clippy") {
        return Ok(Outcome::Skipped(
            "no clippy: rustup component add clippy".to_owned(),
        ));
    }
    let command = &mut cargo(root);
    succeeds(command.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Documentation examples are no tests for nextest, so they always run by `cargo test`.
fn tests(root: &Path, counts: &mut Counts) -> Result<Outcome> {
    let servers = Servers::start()?;
    let variables = servers.variables();
    let all = [
        "--workspace",
        "--all-features",
        "--locked",
        "--no-fail-fast",
    ];
    let mut run = |words: &[&str], more: &[&str]| {
        let command = &mut cargo(root);
        command.args(words).args(all).args(more);
        command.envs(variables.iter().cloned());
        counted(command, root, counts)
    };
    if !has("nextest") {
        return run(&["test"], &[]);
    }
    let more = ["--no-tests", "pass", "--status-level", "slow"];
    let first = run(&["nextest", "run"], &more)?;
    let second = run(&["test", "--doc"], &[])?;
    Ok(match first {
        Outcome::Passed => second,
        other => other,
    })
}

fn release(root: &Path, _: &mut Counts) -> Result<Outcome> {
    succeeds(cargo(root).args(["build", "--release", "--locked", "--package", "pullmill"]))
}

/// The settings of the quality gate stand in the command itself, so that anybody can run it alone.
fn eval(root: &Path, _: &mut Counts) -> Result<Outcome> {
    let command = &mut cargo(root);
    command.args([
        "run",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "pullmill",
        "--bin",
        "pullmill",
        "--",
    ]);
    succeeds(command.args(["eval", "--min-precision", "0.90", "--min-recall", "0.80"]))
}

fn counted(command: &mut Command, root: &Path, counts: &mut Counts) -> Result<Outcome> {
    for (name, path) in tools::variables(root) {
        command.env(name, path);
    }
    let (status, seen) = count::run(command)?;
    counts.passed += seen.passed;
    counts.failed += seen.failed;
    Ok(outcome(status.success(), command))
}

fn succeeds(command: &mut Command) -> Result<Outcome> {
    let status = command.status().context("cargo cannot be run")?;
    Ok(outcome(status.success(), command))
}

fn outcome(is_success: bool, command: &Command) -> Outcome {
    if is_success {
        return Outcome::Passed;
    }
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    Outcome::Failed(format!("cargo {}", words.join(" ")))
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Whether cargo has a subcommand.
fn has(subcommand: &str) -> bool {
    let output = cargo(Path::new("."))
        .args([subcommand, "--version"])
        .output();
    output.is_ok_and(|output| output.status.success())
}
