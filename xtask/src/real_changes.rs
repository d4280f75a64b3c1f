//! Reviews adjacent releases of public packages: nothing may stop, and what is found is for people to judge.

mod packages;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::bench::program::{self, Programs};
use crate::bench::repository;
use crate::root;
use packages::{PACKAGES, Package};

/// More for one change is a mistake, however large the change is.
const LONGEST: Duration = Duration::from_secs(120);

/// What became of one package.
struct Row {
    name: String,
    files: usize,
    verdict: String,
    findings: Vec<String>,
    stopped: Vec<String>,
    took: Duration,
}

/// Fetches every package, reviews it and prints a table. Packages that cannot be had are named.
pub(crate) fn run() -> Result<()> {
    let root = root::folder()?;
    let programs = Programs::build(&root)?;
    let folder = programs.target.join("real-changes");
    println!("{}", program::machine());
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for package in PACKAGES {
        match review(
            package,
            &programs,
            &folder.join(package.name.replace(['@', '/'], "_")),
        ) {
            Ok(row) => {
                println!("{}", row.line());
                rows.push(row);
            }
            Err(error) => missing.push(format!("{}: {error:#}", package.name)),
        }
    }
    for row in &rows {
        for finding in &row.findings {
            println!("{}: {finding}", row.name);
        }
    }
    for line in &missing {
        println!("not reviewed: {line}");
    }
    judge(&rows, missing.len())
}

fn judge(rows: &[Row], missing: usize) -> Result<()> {
    let mut problems: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            row.stopped
                .iter()
                .map(move |stopped| format!("{}: stopped: {stopped}", row.name))
        })
        .collect();
    problems.extend(
        rows.iter()
            .filter(|row| row.took > LONGEST)
            .map(|row| format!("{}: took {:.1?}", row.name, row.took)),
    );
    println!(
        "{} changes reviewed, {missing} not to be had, {} findings",
        rows.len(),
        rows.iter().map(|row| row.findings.len()).sum::<usize>()
    );
    if rows.is_empty() {
        bail!("nothing could be fetched");
    }
    match problems.as_slice() {
        [] => Ok(()),
        _ => bail!("{}", problems.join("\n")),
    }
}

fn review(package: &Package, programs: &Programs, folder: &Path) -> Result<Row> {
    let tree = folder.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir_all(&tree)?;
    for (index, version) in package.versions.iter().enumerate() {
        let archive = package.fetch(version, &folder.join("fetched"))?;
        clear(&tree)?;
        packages::unpack(&archive, &tree)?;
        if index == 0 {
            repository::start(&tree)?;
        } else {
            // Archives give files the same size and time in both releases, which git would take for no change.
            fs::remove_file(tree.join(".git/index"))?;
            repository::commit(&tree, version)?;
        }
    }
    let mut command = Command::new(&programs.pullmill);
    command
        .args(["review", "HEAD", "--format", "json"])
        .current_dir(&tree);
    let (took, said) = program::timed(&mut command)?;
    let review: Value = serde_json::from_slice(&said).context("the review is no JSON")?;
    let [from, to] = package.versions;
    Ok(Row::new(
        format!("{} {from}..{to}", package.name),
        &review,
        took,
    ))
}

/// Leaves only the repository itself.
fn clear(tree: &Path) -> Result<()> {
    for entry in fs::read_dir(tree)? {
        let path = entry?.path();
        if path.ends_with(".git") {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

impl Row {
    fn new(name: String, review: &Value, took: Duration) -> Self {
        let list = |key: &str| {
            let list = review.get(key).and_then(Value::as_array);
            list.map(Vec::as_slice).unwrap_or_default()
        };
        let files = list("coverage");
        let stopped = files
            .iter()
            .filter(|file| file.to_string().contains("\"stopped\""))
            .map(Value::to_string);
        Self {
            name,
            files: files.len(),
            verdict: review
                .pointer("/verdict/outlook")
                .map_or_else(String::new, |outlook| outlook.to_string()),
            findings: list("findings").iter().map(finding).collect(),
            stopped: stopped.collect(),
            took,
        }
    }

    fn line(&self) -> String {
        format!(
            "{:<44} {:>5} files {:<16} {:>3} findings {:>7.2} s",
            self.name,
            self.files,
            self.verdict,
            self.findings.len(),
            self.took.as_secs_f64()
        )
    }
}

fn finding(finding: &Value) -> String {
    let text = |path: &str| {
        finding.pointer(path).map_or_else(String::new, |value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
    };
    let code = text("/snippet");
    format!(
        "{} {}:{}: {}",
        text("/rule"),
        text("/location/path"),
        text("/location/line"),
        code.lines().next().unwrap_or_default().trim()
    )
}
