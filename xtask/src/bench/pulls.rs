//! Pull requests: how soon the first comment stands, and whether the door feels that GitHub is slow.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use pullmill_core::signature::Secrets;
use pullmill_fakehub::{APP, APP_KEY, Hub, Opened};

use super::load::SECRET;
use super::program::Programs;
use super::server::{Serving, pullmill_with};
use super::{Figure, Limit};

/// Pull requests, one after the other.
const COUNT: usize = 10;
/// How long until three writes are earned again.
const FULL: Duration = Duration::from_millis(4_200);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
const TEXT: &str =
    "import subprocess\n\n\ndef run(name):\n    return subprocess.run(name, shell=True)\n";

/// Milliseconds from the webhook's answer to the first write, of the middle and of the slowest; and how long answers take beside a slow GitHub.
pub(super) fn first_write(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    std::fs::create_dir_all(folder)?;
    let key = folder.join("app.pem");
    std::fs::write(&key, APP_KEY)?;
    let hub = Hub::start()?;
    let repo = hub.make_repo("octo/bench", &[("README.md", "# Bench\n")]);
    let (app, key, api) = (APP.to_string(), key.display().to_string(), hub.api());
    let arguments = [
        "--github-app",
        &app,
        "--github-key-file",
        &key,
        "--github-api",
        &api,
        "--github-reconcile",
        "0",
    ];
    let server = pullmill_with(programs, &folder.join("server"), &arguments)?;
    aim(&hub, &server)?;
    let mut waits = Vec::new();
    for number in 0..COUNT {
        let opened = open(&hub, repo, number);
        let delivery = hub.deliveries().len() - 1;
        ensure!(hub.deliver(delivery) == 202, "a webhook was not taken");
        waits.push(first(&hub, opened, Instant::now())?);
        // Writes are paced as against GitHub: so long, and the bucket is full again.
        std::thread::sleep(FULL);
    }
    // The first one starts the analysis and buys the tokens.
    waits.remove(0);
    waits.sort_by(f64::total_cmp);
    let slowest = waits.last().copied().unwrap_or_default();
    let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
    let quick = answers(&hub, repo, 1_000)?;
    hub.set_latency(Duration::from_millis(50));
    let slow = answers(&hub, repo, 2_000)?;
    let limit = Limit::AtMost(300.0);
    Ok(vec![
        Figure::new("webhook to first write, the middle", middle, "ms").limited(limit),
        Figure::new("webhook to first write, the slowest", slowest, "ms").limited(limit),
        Figure::new("a webhook's answer while reviews run", quick, "ms"),
        Figure::new("the same with GitHub 50 ms away, by it", slow / quick, "×")
            .limited(Limit::AtMost(1.5)),
    ])
}

fn aim(hub: &Hub, server: &Serving) -> Result<()> {
    let secrets = Secrets::new(vec![SECRET.as_bytes().to_vec()], true)?;
    hub.send_webhooks_to(&format!("http://{}/webhook", server.address), secrets);
    Ok(())
}

fn open(hub: &Hub, repo: u64, number: usize) -> Opened {
    let texts: Vec<String> = (0..5)
        .map(|file| format!("n = {number}\nm = {file}\n{TEXT}"))
        .collect();
    let names: Vec<String> = (0..5).map(|file| format!("part{file}/run.py")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    hub.open(repo, "A change", &files)
}

/// Milliseconds until the first write on a pull request.
fn first(hub: &Hub, opened: Opened, begun: Instant) -> Result<f64> {
    loop {
        let posted = hub.posted(opened).context("the pull request is gone")?;
        if !posted.comments.is_empty() || !posted.checks.is_empty() {
            return Ok(begun.elapsed().as_secs_f64() * 1000.0);
        }
        ensure!(begun.elapsed() < PATIENCE, "no comment came");
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// Milliseconds that the answers to 200 webhooks take, the middle one, while their reviews run.
fn answers(hub: &Hub, repo: u64, from: usize) -> Result<f64> {
    let mut took = Vec::new();
    for number in from..from + 200 {
        open(hub, repo, number);
        let delivery = hub.deliveries().len() - 1;
        let begun = Instant::now();
        ensure!(hub.deliver(delivery) == 202, "a webhook was not taken");
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    Ok(took.get(100).copied().unwrap_or_default())
}
