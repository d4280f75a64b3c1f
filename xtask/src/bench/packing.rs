//! What a review by a model costs in tokens, on the sample changes of `eval/packing`, through windows of several sizes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use pullmill_testkit::models::{ModelServer, Reply, tokens};
use serde_json::Value;

use super::program::{self, Programs};
use super::repository::{commit, git};
use super::{Figure, Limit};
use crate::root;

/// A sample, and what PR-Agent 0.49 takes for changes of its size (describe, review and improve), in tokens of the difference.
struct Sample {
    name: &'static str,
    rival: f64,
    /// Calls through the largest window.
    calls: Option<f64>,
}

const SAMPLES: [Sample; 3] = [
    Sample {
        name: "small",
        rival: 8.8,
        calls: Some(1.0),
    },
    Sample {
        name: "medium",
        rival: 5.5,
        calls: Some(3.0),
    },
    Sample {
        name: "large",
        rival: 4.9,
        calls: None,
    },
];
const WINDOWS: [u32; 3] = [8_000, 32_000, 200_000];
/// Most tokens of a review of the small sample, and most tokens per token of the difference of the others.
const SMALL: f64 = 6_000.0;
const RATIO: f64 = 3.0;

/// Every sample through every window; the limits are for the largest.
pub(super) fn samples(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for sample in &SAMPLES {
        let folder = folder.join(sample.name);
        let difference = lay_out(sample, &folder)?;
        let difference = tokens(&difference) as f64;
        let name = sample.name;
        figures.push(Figure::new(
            format!("{name}: tokens of the difference"),
            difference,
            "tokens",
        ));
        for window in WINDOWS {
            let asked = review(programs, &folder, window)?;
            let label = |what: &str| format!("{name}, window {window}: {what}");
            let is_last = window == WINDOWS[2];
            let all = asked.sent + asked.answered;
            let mut calls = Figure::new(label("calls"), asked.calls, "calls");
            let mut cost = Figure::new(label("sent and answered"), all, "tokens");
            let mut ratio =
                Figure::new(label("per token of the difference"), all / difference, "×");
            match sample.calls {
                Some(most) if is_last => calls = calls.limited(Limit::AtMost(most)),
                _ => {}
            }
            if is_last && name == "small" {
                cost = cost.limited(Limit::AtMost(SMALL));
            } else if is_last {
                ratio = ratio.limited(Limit::AtMost(RATIO));
            }
            let unread = Figure::new(label("added lines listed as unread"), asked.unread, "lines");
            figures.extend([calls, cost, ratio, unread]);
        }
        figures.push(Figure::new(
            format!("{name}: PR-Agent 0.49, by its own count"),
            sample.rival,
            "×",
        ));
    }
    Ok(figures)
}

/// Makes a repository whose last commit is the sample, and gives its difference.
fn lay_out(sample: &Sample, folder: &Path) -> Result<String> {
    fs::create_dir_all(folder)?;
    git(folder, &["init", "--quiet"])?;
    let patches = root::folder()?.join("eval/packing").join(sample.name);
    for (file, message) in [("base.patch", "Start"), ("change.patch", "Change")] {
        let patch = patches.join(file);
        let patch = patch.to_str().context("the path is no text")?;
        git(folder, &["apply", "--whitespace=nowarn", patch])?;
        commit(folder, message)?;
    }
    Ok(fs::read_to_string(patches.join("change.patch"))?)
}

/// What a review took.
struct Took {
    calls: f64,
    sent: f64,
    answered: f64,
    unread: f64,
}

fn review(programs: &Programs, folder: &Path, window: u32) -> Result<Took> {
    let server = ModelServer::start(|asked| Reply::Say(asked.diligent().to_string()));
    let config = folder.with_extension("toml");
    fs::write(&config, server.config("anthropic", window))?;
    let mut command = Command::new(&programs.pullmill);
    command.current_dir(folder).args([
        "review", "HEAD", "--format", "json", "--model", "auto", "--models",
    ]);
    let (_, output) = program::timed(command.arg(&config))?;
    let review: Value = serde_json::from_slice(&output)?;
    let model = &review["model"];
    let number = |field: &str| model[field].as_f64().unwrap_or(f64::NAN);
    let unread = model["unread"].as_array().into_iter().flatten();
    let neutral = ["generated", "vendored", "binary", "ignored"];
    let unread = unread.filter(|one| !neutral.iter().any(|reason| one["reason"] == *reason));
    let lines = unread.flat_map(|one| one["lines"].as_array().into_iter().flatten());
    let count = |range: &Value| Some(range["last"].as_f64()? - range["first"].as_f64()? + 1.0);
    Ok(Took {
        calls: number("calls"),
        sent: number("tokens_in"),
        answered: number("tokens_out"),
        unread: lines.filter_map(count).sum::<f64>() + 0.0,
    })
}
