//! Builds what is measured and runs it with the clock beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// The built programs.
pub(crate) struct Programs {
    /// The reviewer.
    pub(crate) pullmill: PathBuf,
    /// The bare parser.
    pub(crate) parse: PathBuf,
    /// The store bench.
    pub(crate) store: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
}

impl Programs {
    /// Builds all as they are released.
    pub(crate) fn build(root: &Path) -> Result<Self> {
        cargo(root, &["-p", "pullmill"])?;
        cargo(root, &["-p", "pullmill-analysis", "--example", "parse"])?;
        let store = ["-p", "pullmill-adapters", "--features", "postgres"];
        cargo(root, &[&store[..], &["--example", "store"]].concat())?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let release = target.join("release");
        Ok(Self {
            pullmill: release.join("pullmill"),
            parse: release.join("examples/parse"),
            store: release.join("examples/store"),
            target,
        })
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release"])
        .args(arguments)
        .current_dir(root)
        .status()
        .context("cargo cannot be run")?;
    ensure!(status.success(), "cargo build failed");
    Ok(())
}

/// Installs a package by npm into a folder; none of the package's scripts run.
pub(crate) fn npm_install(folder: &Path, package: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    let status = Command::new("npm")
        .args([
            "install",
            "--silent",
            "--ignore-scripts",
            "--no-save",
            "--prefix",
        ])
        .arg(folder)
        .arg(package)
        .status()
        .context("npm cannot be run")?;
    ensure!(status.success(), "npm cannot install {package}");
    Ok(())
}

/// Runs a command and gives its time and output; a review may end with 0, 1 or 2.
pub(crate) fn timed(command: &mut Command) -> Result<(Duration, Vec<u8>)> {
    command.stdin(Stdio::null());
    let start = Instant::now();
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    let took = start.elapsed();
    let has_ended_well = output.status.code().is_some_and(|code| code <= 2);
    ensure!(
        has_ended_well,
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((took, output.stdout))
}

/// The median and the best time of `rounds` runs, after one that warms the caches, in milliseconds.
pub(crate) fn median(
    rounds: usize,
    mut run: impl FnMut() -> Result<Duration>,
) -> Result<(f64, f64)> {
    run()?;
    let mut times = (0..rounds)
        .map(|_| run())
        .collect::<Result<Vec<Duration>>>()?;
    times.sort();
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    Ok((
        milliseconds(times.get(times.len() / 2)),
        milliseconds(times.first()),
    ))
}

/// Processors and how busy they are: figures of a loaded machine say little.
pub(crate) fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let kinds = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kind = kinds
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("of unknown kind", |(_, kind)| kind);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or_default();
    let note = if load > 0.5 {
        "LOADED by other work, so slower than it is"
    } else {
        "quiet"
    };
    format!("{processors} processors, {kind}; load {load:.2}: {note}")
}
