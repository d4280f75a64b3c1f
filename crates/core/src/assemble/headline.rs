//! Says in one sentence what a change does, to which parts, and what was found in it.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::summary::ROOT;
use super::symbols::{Edits, list, quote};
use crate::change::{FileChange, Status};
use crate::finding::{Finding, Severity};
use crate::review::{Component, Summary};

const COMPONENTS_SHOWN: usize = 3;

/// The sentence without its end; [`add_findings`] ends it.
pub(super) fn of_change(
    files: &[&FileChange],
    components: &[Component],
    (added, removed): (u32, u32),
    edits: &[(Kind, Edits)],
) -> String {
    if files.is_empty() {
        return "Changes nothing".to_owned();
    }
    let lines = if added + removed == 0 {
        String::new()
    } else {
        format!(" (+{added} −{removed})")
    };
    let mut text = format!(
        "{} {}{}{lines}",
        verb(files),
        files_word(files.len()),
        places(components)
    );
    let doing = doing(edits);
    if !doing.is_empty() {
        text.push_str(&format!(": {doing}"));
    }
    text
}

fn verb(files: &[&FileChange]) -> &'static str {
    let is_all = |status| files.iter().all(|file| file.status == status);
    if is_all(Status::Added) {
        "Adds"
    } else if is_all(Status::Deleted) {
        "Removes"
    } else if is_all(Status::Renamed) && files.iter().all(|file| file.hunks.is_empty()) {
        "Moves"
    } else {
        "Changes"
    }
}

/// What the change does, by the names of code outside tests; if there are none, by the kinds of files.
fn doing(edits: &[(Kind, Edits)]) -> String {
    let mut total = Edits::default();
    for (kind, one) in edits {
        if *kind != Kind::Test {
            total.added.extend(one.added.iter().cloned());
            total.changed.extend(one.changed.iter().cloned());
            total.removed.extend(one.removed.iter().cloned());
            total.renamed.extend(one.renamed.iter().cloned());
            total.moved_here.extend(one.moved_here.iter().cloned());
        }
    }
    let mut parts = Vec::new();
    for (verb, names) in [
        ("adds", &total.added),
        ("changes", &total.changed),
        ("removes", &total.removed),
    ] {
        if !names.is_empty() {
            parts.push(format!("{verb} {}", list(names)));
        }
    }
    match total.renamed.as_slice() {
        [] => {}
        [(old, new)] => parts.push(format!("renames {} to {}", quote(old), quote(new))),
        many => parts.push(format!("renames {} functions or classes", many.len())),
    }
    let moved: Vec<String> = total
        .moved_here
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    if !moved.is_empty() {
        parts.push(format!("moves {}", list(&moved)));
    }
    if parts.is_empty() {
        kinds(edits)
    } else {
        parts.join(", ")
    }
}

fn kinds(edits: &[(Kind, Edits)]) -> String {
    let mut numbers: BTreeMap<Kind, usize> = BTreeMap::new();
    for (kind, _) in edits {
        *numbers.entry(*kind).or_insert(0) += 1;
    }
    let words: Vec<&str> = numbers
        .iter()
        .filter(|(kind, _)| **kind != Kind::Other || numbers.len() > 1)
        .map(|(kind, number)| {
            if *number == 1 {
                kind.one()
            } else {
                kind.many()
            }
        })
        .collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, front)) => format!("{} and {last}", front.join(", ")),
    }
}

fn places(components: &[Component]) -> String {
    let name = |one: &Component| match one.name.as_str() {
        ROOT => "the root folder".to_owned(),
        folder => quote(folder),
    };
    let names: Vec<String> = components.iter().map(name).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => format!(" in {only}"),
        [front @ .., last] if names.len() <= COMPONENTS_SHOWN => {
            format!(" in {} and {last}", front.join(", "))
        }
        _ => format!(
            " in {} and {} more folders",
            names[..COMPONENTS_SHOWN - 1].join(", "),
            names.len() + 1 - COMPONENTS_SHOWN
        ),
    }
}

/// The same for a scan.
pub(super) fn of_scan(files: usize, components: &[Component]) -> String {
    format!("Scans {}{}", files_word(files), places(components))
}

/// Ends the headline with what was found.
pub(super) fn add_findings(summary: &mut Summary, findings: &[Finding], is_complete: bool) {
    let counts: Vec<(usize, Severity)> = Severity::ALL
        .into_iter()
        .map(|severity| {
            let number = findings
                .iter()
                .filter(|one| one.severity == severity)
                .count();
            (number, severity)
        })
        .filter(|(number, _)| *number > 0)
        .collect();
    let words: Vec<String> = counts
        .iter()
        .map(|(number, severity)| format!("{number} {}", severity.word()))
        .collect();
    let found = match (words.split_last(), findings.len()) {
        (None, _) if is_complete => "no findings".to_owned(),
        (None, _) => "no findings in what was assessed".to_owned(),
        (Some((only, [])), 1) => format!("{only} finding"),
        (Some((only, [])), _) => format!("{only} findings"),
        (Some((last, front)), _) => format!("{} and {last} findings", front.join(", ")),
    };
    summary.headline.push_str(&format!("; {found}."));
}

fn files_word(number: usize) -> String {
    match number {
        1 => "1 file".to_owned(),
        _ => format!("{number} files"),
    }
}
