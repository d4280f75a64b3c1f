//! Tells what the change caused from what was there before, over all files at once.

use std::collections::BTreeMap;

use super::Analyses;
use super::place::Places;
use super::summary::reports;
use crate::change::{FileChange, RepoPath, Status};
use crate::finding::{self, Agent, Confidence, Finding, Location, Severity};
use crate::job::SideReport;
use crate::review::Suppressed;

/// The findings the review is about.
pub(super) struct Caused {
    /// Open, numbered and placed.
    pub(super) open: Vec<Finding>,
    /// Set aside by a comment, numbered.
    pub(super) suppressed: Vec<Suppressed>,
    /// How many open findings of a stem a file has that are not in `open`.
    pub(super) standing: BTreeMap<(String, RepoPath), usize>,
}

/// Subtracts the base side from the head side.
///
/// A copied file's base side is left out: its original still stands, so what the copy holds is new.
/// A finding that was open and is now set aside no longer stands for an open one at head.
pub(super) fn find(files: &[&FileChange], analyses: &Analyses) -> Caused {
    let places = Places::of(files);
    let statuses: BTreeMap<&RepoPath, Status> =
        files.iter().map(|file| (&file.path, file.status)).collect();
    let mut head = Side::default();
    let mut base = Side::default();
    for (path, report) in reports(analyses) {
        let Some(status) = statuses.get(path) else {
            continue;
        };
        if let Some(side) = &report.head {
            head.take(side);
        }
        if let (Some(side), false) = (&report.base, *status == Status::Copied) {
            base.take(side);
        }
    }
    head.tidy();
    base.tidy();
    let numbers = head.numbers();
    let newly_suppressed = surplus(&head.suppressed, &base.suppressed);
    let base_open = without(base.open, newly_suppressed);
    let all_open = head.open.clone();
    let mut open = finding::introduced(&base_open, head.open, |one| places.touches_any(one));
    let silent = finding::introduced(&base.suppressed, head.suppressed, |one| {
        places.touches_any(one)
    });
    let standing = standing_counts(&all_open, &open);
    for one in &mut open {
        one.comment_line = Some(places.comment_line(one));
        renumber(one, &numbers);
    }
    Caused {
        open,
        suppressed: head_suppressed(silent, &head.notes, &numbers),
        standing,
    }
}

/// Takes everything at head, as a scan does.
pub(super) fn standing(analyses: &Analyses) -> Caused {
    let mut head = Side::default();
    for (_, report) in reports(analyses) {
        if let Some(side) = &report.head {
            head.take(side);
        }
    }
    head.tidy();
    let numbers = head.numbers();
    for one in &mut head.open {
        one.comment_line = None;
        renumber(one, &numbers);
    }
    Caused {
        suppressed: head_suppressed(head.suppressed, &head.notes, &numbers),
        open: head.open,
        standing: BTreeMap::new(),
    }
}

/// The part of a fingerprint that has no ordinal.
pub(super) fn stem_of(fingerprint: &str) -> &str {
    fingerprint
        .rsplit_once('-')
        .map_or(fingerprint, |(stem, _)| stem)
}

type Key = (Location, String, String);

#[derive(Default)]
struct Side {
    open: Vec<Finding>,
    /// As bare findings, so that both kinds are counted and numbered alike.
    suppressed: Vec<Finding>,
    notes: BTreeMap<Key, Suppressed>,
}

impl Side {
    fn take(&mut self, side: &SideReport) {
        self.open.extend(side.findings.iter().cloned());
        for one in &side.suppressed {
            let bare = bare(one);
            self.notes.insert(key(&bare), one.clone());
            self.suppressed.push(bare);
        }
    }

    /// Of findings with the same rule, place and stem, keeps the one with the shortest path.
    fn tidy(&mut self) {
        for list in [&mut self.open, &mut self.suppressed] {
            list.sort_by_cached_key(|one| (key(one), one.path.len(), one.path.clone()));
            list.dedup_by_key(|one| key(one));
        }
    }

    /// Numbers open and suppressed findings of head together, so that neither what base had nor an ignore comment shifts an ordinal.
    fn numbers(&self) -> BTreeMap<Key, String> {
        let mut all: Vec<Finding> = self.open.iter().chain(&self.suppressed).cloned().collect();
        all.sort_by_cached_key(key);
        all.dedup_by_key(|one| key(one));
        finding::number(&mut all);
        let mut numbers = BTreeMap::new();
        for one in all {
            let stem = stem_of(&one.fingerprint).to_owned();
            numbers.insert((one.location, one.rule, stem), one.fingerprint);
        }
        numbers
    }
}

fn key(one: &Finding) -> Key {
    (
        one.location.clone(),
        one.rule.clone(),
        one.fingerprint.clone(),
    )
}

fn renumber(one: &mut Finding, numbers: &BTreeMap<Key, String>) {
    if let Some(number) = numbers.get(&key(one)) {
        one.fingerprint.clone_from(number);
    }
}

fn head_suppressed(
    bare: Vec<Finding>,
    notes: &BTreeMap<Key, Suppressed>,
    numbers: &BTreeMap<Key, String>,
) -> Vec<Suppressed> {
    bare.into_iter()
        .filter_map(|one| {
            let key = key(&one);
            let mut note = notes.get(&key)?.clone();
            note.fingerprint = numbers.get(&key).cloned().unwrap_or(note.fingerprint);
            Some(note)
        })
        .collect()
}

/// How many more of each stem `head` has than `base`.
fn surplus(head: &[Finding], base: &[Finding]) -> BTreeMap<String, usize> {
    let mut more: BTreeMap<String, usize> = BTreeMap::new();
    for one in head {
        *more.entry(one.fingerprint.clone()).or_insert(0) += 1;
    }
    for one in base {
        if let Some(left) = more.get_mut(&one.fingerprint) {
            *left = left.saturating_sub(1);
        }
    }
    more
}

/// Leaves out as many findings of each stem as `gone` says.
fn without(mut findings: Vec<Finding>, mut gone: BTreeMap<String, usize>) -> Vec<Finding> {
    findings.retain(|one| match gone.get_mut(&one.fingerprint) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    findings
}

fn standing_counts(all: &[Finding], new: &[Finding]) -> BTreeMap<(String, RepoPath), usize> {
    let mut counts: BTreeMap<(String, RepoPath), usize> = BTreeMap::new();
    let place = |one: &Finding| (one.fingerprint.clone(), one.location.path.clone());
    for one in all {
        *counts.entry(place(one)).or_insert(0) += 1;
    }
    for one in new {
        if let Some(left) = counts.get_mut(&place(one)) {
            *left = left.saturating_sub(1);
        }
    }
    counts
}

fn bare(one: &Suppressed) -> Finding {
    Finding {
        rule: one.rule.clone(),
        agent: Agent::Bugs,
        severity: Severity::Info,
        confidence: Confidence::Low,
        category: String::new(),
        cwe: Vec::new(),
        message: String::new(),
        why: String::new(),
        fix: String::new(),
        location: one.location.clone(),
        comment_line: None,
        suggestion: None,
        path: Vec::new(),
        symbol: None,
        snippet: String::new(),
        fingerprint: one.fingerprint.clone(),
    }
}
