//! Peak memory of the reviewer and its children, read from `/proc` while they run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::code::Kind;
use super::program::Programs;
use super::{Figure, Limit, scan};

/// Between two looks; peaks are kept by the system, so only the last moment of a process can be missed.
const PAUSE: Duration = Duration::from_millis(3);

/// A scan of all languages by as many processes as it likes.
pub(super) fn peak(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let megabytes = scan::write(folder, &Kind::CODE, 10_000_000)?;
    let mut child = Command::new(&programs.pullmill)
        .args(["scan", "--format", "json"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut peaks = BTreeMap::new();
    while child.try_wait()?.is_none() {
        look(child.id(), &mut peaks);
        std::thread::sleep(PAUSE);
    }
    let total: f64 = peaks.values().sum();
    let largest = peaks.values().copied().fold(0.0, f64::max);
    Ok(vec![
        Figure::new("files scanned", megabytes, "MB"),
        Figure::new("largest of the processes", largest, "MB"),
        Figure::new(
            format!("sum of the peaks of {} processes", peaks.len()),
            total,
            "MB",
        )
        .limited(Limit::AtMost(300.0)),
    ])
}

fn look(parent: u32, peaks: &mut BTreeMap<u32, f64>) {
    let mut processes = vec![parent];
    let tasks = fs::read_dir(format!("/proc/{parent}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        processes.extend(
            children
                .split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    for process in processes {
        if let Some(peak) = peak_of(process) {
            let known = peaks.entry(process).or_insert(0.0);
            *known = known.max(peak);
        }
    }
}

fn peak_of(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}
