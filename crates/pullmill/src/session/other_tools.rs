//! Takes in what other tools have found, as SARIF: what touches the change, under the tool's own name.

use std::path::Path;

use pullmill_core::change::{Change, FileChange, RepoPath};
use pullmill_core::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use pullmill_core::hunk::CommentableLines;

use crate::cli::{Failure, Status};
use crate::sarif::wire::{Entry, Rule, Run, Text};
use crate::sarif::{self, is_rooted, lines_of, rule, rule_id};

/// A larger file is not read.
const MAX_BYTES: u64 = 256 << 20;
/// Longer texts are cut.
const LONGEST: usize = 2_000;
/// Longer names are cut.
const NAME: usize = 120;

/// The open results of a file that touch a line that the change wrote.
pub fn read(path: &Path, change: &Change) -> Result<Vec<Finding>, Failure> {
    let name = path.display();
    let unread = |error: &dyn std::fmt::Display| {
        Failure::new(
            Status::NoInput,
            format_args!("{name} cannot be read: {error}"),
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| unread(&error))?
        .len();
    if size > MAX_BYTES {
        let message = format!("{name} has more than {MAX_BYTES} bytes");
        return Err(Failure::new(Status::Data, message));
    }
    let bytes = std::fs::read(path).map_err(|error| unread(&error))?;
    let log = sarif::read(&bytes).map_err(|fault| {
        Failure::new(
            Status::Data,
            format_args!("{name}:{}: {}", fault.line, fault.message),
        )
    })?;
    let mut found = Vec::new();
    for run in &log.runs {
        let results = run.results.iter().flatten();
        found.extend(results.filter_map(|entry| finding(run, entry, change)));
    }
    Ok(found)
}

fn finding(run: &Run, entry: &Entry, change: &Change) -> Option<Finding> {
    let is_fail = entry.kind.as_deref().is_none_or(|kind| kind == "fail");
    if !is_fail || entry.is_suppressed() {
        return None;
    }
    let mut places = entry.locations.iter().flatten();
    let physical = places.next()?.physical_location.as_ref()?;
    let (path, lines) = lines_of(run, physical)?;
    let (line, end_line) = lines?;
    let is_rooted = is_rooted(run, physical);
    let at = |file: &&FileChange| is_at(&path, &file.path, is_rooted);
    let file = change
        .files
        .iter()
        .filter(at)
        .max_by_key(|file| file.path.as_str().len())?;
    CommentableLines::of(&file.hunks).first_added(line..=end_line)?;
    let rule = rule(run, entry);
    let tool = run
        .tool
        .as_ref()
        .and_then(|tool| tool.driver.name.as_deref());
    let id = named(tool.unwrap_or("other"), rule_id(run, entry));
    let mut cwe = run.weaknesses_of_entry(entry);
    if let Some(rule) = rule.filter(|_| cwe.is_empty()) {
        cwe = run.weaknesses_of_rule(rule);
    }
    cwe.sort_unstable();
    cwe.dedup();
    let text = |text: Option<&Text>| cut(text.and_then(|text| text.text.as_deref()));
    let snippet = physical
        .region
        .as_ref()
        .and_then(|region| region.snippet.as_ref());
    let message = text(entry.message.as_ref());
    let short = text(rule.and_then(|rule| rule.short_description.as_ref()));
    let message = if message.is_empty() { short } else { message };
    Some(Finding {
        agent: if cwe.is_empty() {
            Agent::Bugs
        } else {
            Agent::Security
        },
        severity: severity(rule, entry),
        confidence: Confidence::Medium,
        category: "other-tool".to_owned(),
        cwe,
        fingerprint: stem(
            &id,
            Some(file.path.as_str()),
            &format!("{message} {}", text(snippet)),
        ),
        message: message.lines().next().unwrap_or("no message").to_owned(),
        why: text(rule.and_then(|rule| rule.full_description.as_ref())),
        fix: text(rule.and_then(|rule| rule.help.as_ref())),
        location: Location {
            path: file.path.clone(),
            line,
            column: 1,
            end_line,
            end_column: 1,
        },
        comment_line: None,
        path: Vec::new(),
        symbol: None,
        snippet: String::new(),
        suggestion: None,
        rule: id,
    })
}

/// Whether a tool's path is a file of the change: an absolute one starts further up, where the tool ran.
fn is_at(told: &str, path: &RepoPath, is_rooted: bool) -> bool {
    let front = told.strip_suffix(path.as_str());
    front.is_some_and(|front| front.is_empty() || (is_rooted && front.ends_with('/')))
}

/// `tool.rule`, as rules of ours are named, so that the configuration can name it.
fn named(tool: &str, rule: &str) -> String {
    let plain = |text: &str| -> String {
        let text = text.chars().take(NAME);
        text.map(|one| {
            if one.is_ascii_alphanumeric() || "-_./:".contains(one) {
                one
            } else {
                '-'
            }
        })
        .collect()
    };
    format!(
        "{}.{}",
        plain(tool).to_ascii_lowercase().replace('.', "-"),
        plain(rule)
    )
}

/// GitHub's number for security, else the level: `error` is high, `warning` medium, `note` low.
fn severity(rule: Option<&Rule>, entry: &Entry) -> Severity {
    let number = rule.and_then(|rule| match rule.properties.get("security-severity")? {
        serde_json::Value::String(text) => text.parse::<f64>().ok(),
        other => other.as_f64(),
    });
    if let Some(number) = number {
        return match number {
            9.0.. => Severity::Critical,
            7.0.. => Severity::High,
            4.0.. => Severity::Medium,
            _ => Severity::Low,
        };
    }
    let usual = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref());
    match entry.level.as_deref().or(usual) {
        Some("error") => Severity::High,
        Some("note") => Severity::Low,
        Some("none") => Severity::Info,
        _ => Severity::Medium,
    }
}

fn cut(text: Option<&str>) -> String {
    text.unwrap_or_default()
        .trim()
        .chars()
        .take(LONGEST)
        .collect()
}
