//! The one test command: runs every stage, goes on after a failure, and ends with minutes, budgets and counts.

mod count;
pub(crate) mod servers;
mod stage;
mod tools;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::root;
use count::Counts;
pub(crate) use stage::STAGES;
use stage::{Outcome, Stage};

/// How one stage went.
struct Report {
    stage: &'static Stage,
    took: Duration,
    outcome: Outcome,
}

/// The published payloads of webhooks, fetched if they are not there.
pub(crate) fn examples() -> Result<std::path::PathBuf> {
    let root = root::folder()?;
    tools::fetch(&root)?;
    let mut variables = tools::variables(&root).into_iter();
    let found = variables.find(|(name, _)| *name == "PULLMILL_WEBHOOK_EXAMPLES");
    found
        .map(|(_, path)| path)
        .ok_or_else(|| anyhow::anyhow!("the published payloads of webhooks cannot be fetched"))
}

/// Runs the stages that are named, or all.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    let root = root::folder()?;
    let is_known = |name: &&str| STAGES.iter().any(|stage| stage.name == *name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        bail!("no stage is called {name}; docs/ci.md lists them");
    }
    let mut counts = Counts::default();
    let reports: Vec<Report> = STAGES
        .iter()
        .filter(|stage| names.is_empty() || names.contains(&stage.name))
        .map(|stage| timed(stage, &root, &mut counts))
        .collect();
    print(&reports, counts);
    let failed: Vec<&str> = reports
        .iter()
        .filter(|report| matches!(report.outcome, Outcome::Failed(_)))
        .map(|report| report.stage.name)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

fn timed(stage: &'static Stage, root: &Path, counts: &mut Counts) -> Report {
    println!("==> {}: {}", stage.name, stage.what);
    let start = Instant::now();
    let outcome =
        (stage.run)(root, counts).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
    if let Outcome::Failed(reason) = &outcome {
        println!("==> {} failed: {reason}", stage.name);
    }
    Report {
        stage,
        took: start.elapsed(),
        outcome,
    }
}

fn print(reports: &[Report], counts: Counts) {
    println!("\n{:<10} {:>8} {:>8}  result", "stage", "minutes", "budget");
    let mut total = Duration::ZERO;
    let mut budget = 0;
    for report in reports {
        total += report.took;
        budget += report.stage.budget;
        let late = minutes(report.took) > f64::from(report.stage.budget);
        let late = if late { ", over budget" } else { "" };
        println!(
            "{:<10} {:>8.1} {:>8}  {}{late}",
            report.stage.name,
            minutes(report.took),
            report.stage.budget,
            report.outcome
        );
    }
    println!("{:<10} {:>8.1} {budget:>8}", "total", minutes(total));
    println!("\n{} passed, {} failed", counts.passed, counts.failed);
}

fn minutes(time: Duration) -> f64 {
    time.as_secs_f64() / 60.0
}
