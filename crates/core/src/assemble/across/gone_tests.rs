//! Tests that a change takes away although what they tested is still there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Analyses;
use super::super::kind::Kind;
use super::super::summary::reports;
use crate::change::{FileChange, RepoPath, Side};
use crate::docs::{RenamedKind, holds};
use crate::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use crate::hunk::{Hunk, LineKind};
use crate::job::{SideReport, TestCase};
use crate::rule_text::RuleText;

/// A change takes tests away.
pub const GONE_TESTS: RuleText = RuleText {
    id: "tests.deleted",
    agent: Agent::Tests,
    severity: Severity::Low,
    confidence: Confidence::Medium,
    category: "test-deleted",
    message: "tests are deleted although what they test is still there",
    why: "What they made sure of is no longer made sure of, and nobody sees that in a green run.",
    fix: "Keep them, or say in the change what makes sure of it now.",
};

/// Names that a message gives.
const NAMED: usize = 3;

/// One finding for each file that loses tests.
///
/// A test is not lost if one of its name or with its body is anywhere at head, if a new one in the file has half of its
/// lines, or if something it mentions is gone with it.
pub(super) fn find(files: &[&FileChange], analyses: &Analyses) -> Vec<Finding> {
    let texts: BTreeMap<&RepoPath, &FileChange> =
        files.iter().map(|file| (&file.path, *file)).collect();
    let text = |side: &Side| {
        side.text()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let mut names = BTreeSet::new();
    let mut bodies = BTreeSet::new();
    for (path, report) in reports(analyses) {
        let text = texts.get(path).and_then(|file| text(&file.head));
        for test in tests(report.head.as_ref()) {
            names.insert(test.name.as_str());
            bodies.insert(body(test, text.as_deref().unwrap_or_default()));
        }
    }
    let removed = removed_names(analyses);
    let mut found = Vec::new();
    for (path, report) in reports(analyses) {
        let Some(file) = texts.get(path) else {
            continue;
        };
        let base = text(&file.base).unwrap_or_default();
        let head = text(&file.head).unwrap_or_default();
        let before: BTreeSet<&str> = tests(report.base.as_ref())
            .iter()
            .map(|test| test.name.as_str())
            .collect();
        let come = tests(report.head.as_ref()).iter();
        let come = come.filter(|test| !before.contains(test.name.as_str()));
        let come: Vec<String> = come.map(|test| body(test, &head)).collect();
        let lost: Vec<&TestCase> = tests(report.base.as_ref())
            .iter()
            .filter(|test| {
                let body = body(test, &base);
                let is_elsewhere = names.contains(test.name.as_str())
                    || (!body.trim().is_empty() && bodies.contains(&body));
                let is_rewritten = come.iter().any(|other| is_like(&body, other));
                !is_elsewhere
                    && !is_rewritten
                    && !removed
                        .iter()
                        .any(|name| holds(RenamedKind::Symbol, name, &body))
            })
            .collect();
        if let Some(first) = lost.first() {
            found.push(finding(file, first, &lost));
        }
    }
    found
}

fn finding(file: &FileChange, first: &TestCase, lost: &[&TestCase]) -> Finding {
    let named: Vec<String> = lost
        .iter()
        .take(NAMED)
        .map(|test| format!("`{}`", test.name))
        .collect();
    let named = named.join(", ");
    let (more, verb) = match lost.len() {
        1 => (String::new(), "is"),
        count if count > NAMED => (format!(" and {} more", count - NAMED), "are"),
        _ => (String::new(), "are"),
    };
    // Where it stood; of a deleted file nothing is left to point at.
    let hunk = file.hunks.iter().find(|hunk| {
        (hunk.old_start..hunk.old_start.saturating_add(hunk.old_len().max(1))).contains(&first.line)
    });
    let line = hunk.map_or(1, |hunk| line_of(hunk, first.line));
    let all: Vec<&str> = lost.iter().map(|test| test.name.as_str()).collect();
    Finding {
        message: format!("{named}{more} {verb} deleted, and what was tested is still there"),
        fingerprint: stem(GONE_TESTS.id, None, &all.join(" ")),
        ..GONE_TESTS.finding(Location {
            path: file.path.clone(),
            line,
            column: 1,
            end_line: line,
            end_column: 1,
        })
    }
}

/// Where a line of the base stood, at head.
fn line_of(hunk: &Hunk, old: u32) -> u32 {
    let (mut at, mut new) = (hunk.old_start, hunk.new_start);
    for line in &hunk.lines {
        if at == old && line.kind != LineKind::Added {
            break;
        }
        at += u32::from(line.kind != LineKind::Added);
        new += u32::from(line.kind != LineKind::Removed);
    }
    new.max(1)
}

fn tests(side: Option<&SideReport>) -> &[TestCase] {
    side.map_or(&[], |side| &side.tests)
}

/// What stands between a test's first line and its last.
fn body(test: &TestCase, text: &str) -> String {
    let lines = text.lines().skip(test.line as usize);
    let lines = lines.take(test.end_line.saturating_sub(test.line) as usize);
    let lines: Vec<&str> = lines.map(str::trim).collect();
    lines.join("\n")
}

/// Whether two bodies share half of their lines: then one is the other under a new name.
fn is_like(one: &str, other: &str) -> bool {
    let lines: BTreeSet<&str> = one.lines().filter(|line| line.len() > 1).collect();
    let others: BTreeSet<&str> = other.lines().filter(|line| line.len() > 1).collect();
    let most = lines.len().max(others.len());
    most > 0 && lines.intersection(&others).count() * 2 >= most
}

/// The last names of what is gone outside of tests.
fn removed_names(analyses: &Analyses) -> BTreeSet<&str> {
    let code = || reports(analyses).filter(|(path, _)| Kind::of(path) != Kind::Test);
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let heads = code().filter_map(|(_, report)| report.head.as_ref());
    let there: BTreeSet<String> = heads
        .flat_map(|side| side.symbols.iter().map(|symbol| last(&symbol.name)))
        .collect();
    let bases = code().filter_map(|(_, report)| report.base.as_ref());
    bases
        .flat_map(|side| &side.symbols)
        .map(|symbol| symbol.name.rsplit('.').next().unwrap_or_default())
        .filter(|name| !there.contains(*name))
        .collect()
}
