//! Reads the true results of a tree of source files from a SARIF 2.1.0 file.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_core::change::RepoPath;

use super::families::{self, Weakness};
use super::tree::{self, Index, Tree};
use super::{Corpus, EvalError, Item, Label, Place, Problem, Unlabelled, memory, named_at_most};
use crate::sarif::wire::{Entry, Run};
use crate::sarif::{lines_of, read, rule, rule_id};

/// How a ground truth is read.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A finding this many lines away still meets a result.
    pub tolerance: u32,
    /// What a finding is that touches no result; `None`: false, unless the truth also says what is fine.
    pub unlabelled: Option<Unlabelled>,
}

/// A result of the ground truth, not yet bound to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    is_wanted: bool,
    cwe: Vec<u32>,
    rule: String,
    places: Vec<(String, Option<(u32, u32)>)>,
}

/// Reads the results.
///
/// # Errors
/// Says where the file is no SARIF 2.1.0.
pub fn truths(file: &str, bytes: &[u8]) -> Result<Vec<Truth>, Vec<Problem>> {
    let log = read(bytes).map_err(|fault| {
        vec![Problem {
            file: file.to_owned(),
            line: fault.line,
            message: fault.message,
        }]
    })?;
    let mut truths = Vec::new();
    for run in &log.runs {
        truths.extend(
            run.results
                .iter()
                .flatten()
                .filter_map(|entry| truth(run, entry)),
        );
    }
    Ok(truths)
}

fn truth(run: &Run, entry: &Entry) -> Option<Truth> {
    let is_wanted = is_wanted(entry)?;
    let rule = rule(run, entry);
    let id = rule_id(run, entry);
    let mut cwe = run.weaknesses_of_entry(entry);
    if cwe.is_empty() {
        cwe = families::numbers_in(id);
    }
    if let Some(rule) = rule
        && cwe.is_empty()
    {
        cwe = run.weaknesses_of_rule(rule);
    }
    if cwe.is_empty() {
        // An id that is nothing but the number of a weakness.
        cwe.extend(id.parse::<u32>().ok().filter(|number| *number < 2000));
    }
    let places = entry.locations.iter().flatten();
    Some(Truth {
        is_wanted,
        cwe,
        rule: id.to_owned(),
        places: places
            .filter_map(|location| lines_of(run, location.physical_location.as_ref()?))
            .collect(),
    })
}

/// `None` if the result says neither.
fn is_wanted(entry: &Entry) -> Option<bool> {
    if let Some(hint) = entry.hint() {
        return Some(hint);
    }
    match entry.kind.as_deref().unwrap_or("fail") {
        kind if kind.eq_ignore_ascii_case("pass") => Some(false),
        kind if kind.eq_ignore_ascii_case("fail") => Some(!entry.is_suppressed()),
        _ => None,
    }
}

/// Makes one item of every file that is labelled, and of every other file too if the truth is complete.
///
/// # Errors
/// Fails if a file cannot be read or if no result points into the tree.
pub fn load(
    name: &str,
    truths: &[Truth],
    settings: Settings,
    tree: &dyn Tree,
) -> Result<Corpus, EvalError> {
    let index = Index::new(tree.paths());
    let mut corpus = Corpus {
        name: name.to_owned(),
        ..Corpus::default()
    };
    let mut labels: BTreeMap<&RepoPath, Vec<Label>> = BTreeMap::new();
    let mut lost: Vec<&str> = Vec::new();
    for truth in truths {
        match label(truth, settings.tolerance, &index) {
            Some((path, label)) => labels.entry(path).or_default().push(label),
            None => lost.push(truth.places.first().map_or("(no file)", |(uri, _)| uri)),
        }
    }
    if labels.is_empty() {
        return Err(EvalError::Empty(format!(
            "{name}: none of the {} results points to a file of the tree",
            truths.len()
        )));
    }
    if !lost.is_empty() {
        corpus.notes.push(format!(
            "{name}: {} results point to no file of the tree and are left out: {}",
            lost.len(),
            named_at_most(5, &lost)
        ));
    }
    let unlabelled = settings.unlabelled.unwrap_or_else(|| implied(truths));
    for path in tree.paths() {
        let labels = labels.remove(path).unwrap_or_default();
        let is_other = tree::language(path) == "other";
        if labels.is_empty() && (unlabelled == Unlabelled::Apart || is_other) {
            continue;
        }
        corpus.items.push(Item {
            title: path.to_string(),
            source: path.to_string(),
            language: tree::language(path).to_owned(),
            change: memory::addition(path, &tree.read(path)?),
            labels,
            unlabelled,
        });
    }
    Ok(corpus)
}

/// A truth that also says what is fine need not be complete.
fn implied(truths: &[Truth]) -> Unlabelled {
    if truths.iter().all(|truth| truth.is_wanted) {
        Unlabelled::False
    } else {
        Unlabelled::Apart
    }
}

fn label<'a>(truth: &Truth, tolerance: u32, index: &Index<'a>) -> Option<(&'a RepoPath, Label)> {
    let found: Vec<(&RepoPath, Option<(u32, u32)>)> = (truth.places.iter())
        .filter_map(|(uri, lines)| Some((index.find(uri)?, *lines)))
        .collect();
    let (file, _) = found.first()?;
    let places = (found.iter())
        .filter(|(path, _)| path == file)
        .map(|(path, lines)| extent(path, *lines, tolerance));
    Some((
        file,
        Label {
            is_wanted: truth.is_wanted,
            weakness: Weakness::of(&truth.cwe, &BTreeSet::new()),
            places: places.collect(),
            category: None,
            text: truth.rule.clone(),
        },
    ))
}

#[expect(
    clippy::reversed_empty_ranges,
    reason = "a result without lines holds no line for certain"
)]
fn extent(path: &RepoPath, lines: Option<(u32, u32)>, tolerance: u32) -> Place {
    let (lines, reach) = match lines {
        Some((first, last)) => (
            first..=last,
            first.saturating_sub(tolerance)..=last.saturating_add(tolerance),
        ),
        None => (1..=0, 0..=u32::MAX),
    };
    Place {
        path: path.clone(),
        lines,
        reach,
    }
}

#[cfg(test)]
mod tests;
