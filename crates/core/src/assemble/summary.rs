//! Says in plain words what changed: a headline, the components, and one row per file.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;
use super::symbols::{self, Edits, Moves, list, quote};
use super::{Analyses, Analysis, count};
use crate::change::{FileChange, RepoPath, Side, Status};
use crate::finding::{Finding, Severity};
use crate::hunk::LineKind;
use crate::job::JobReport;
use crate::review::{Component, Summary, WalkthroughRow};

/// How many folders deeper than configured a component may lie if everything is in one folder.
const EXTRA_DEPTH: usize = 3;
const COMPONENTS_IN_HEADLINE: usize = 3;

/// Summarises a change; findings are added by [`add_findings`].
pub(super) fn of_change(files: &[&FileChange], analyses: &Analyses, depth: usize) -> Summary {
    let moves = Moves::of(reports(analyses));
    let mut walkthrough = Vec::new();
    let mut all_edits = Vec::new();
    for file in files {
        let edits = report(file, analyses).map(|report| symbols::compare(&file.path, report, &moves));
        walkthrough.push(row(file, edits.as_ref()));
        all_edits.push((Kind::of(&file.path), edits.unwrap_or_default()));
    }
    let components = components(&walkthrough, depth);
    let added_lines = sum(walkthrough.iter().map(|row| row.added_lines));
    let removed_lines = sum(walkthrough.iter().map(|row| row.removed_lines));
    Summary {
        headline: headline(files, &components, (added_lines, removed_lines), &all_edits),
        added_lines,
        removed_lines,
        components,
        walkthrough,
    }
}

/// Summarises a scan: there is nothing to walk through.
pub(super) fn of_scan(analyses: &Analyses, depth: usize) -> Summary {
    let rows: Vec<WalkthroughRow> = analyses
        .files
        .keys()
        .map(|path| WalkthroughRow {
            path: path.clone(),
            old_path: None,
            status: Status::Modified,
            added_lines: 0,
            removed_lines: 0,
            what: String::new(),
        })
        .collect();
    let components = components(&rows, depth);
    Summary {
        headline: format!("Scans {}{}", files_word(rows.len()), places(&components)),
        components,
        ..Summary::default()
    }
}

/// Ends the headline with what was found.
pub(super) fn add_findings(summary: &mut Summary, findings: &[Finding], is_complete: bool) {
    let counts: Vec<(usize, Severity)> = Severity::ALL
        .into_iter()
        .map(|severity| {
            let number = findings.iter().filter(|one| one.severity == severity).count();
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

fn reports(analyses: &Analyses) -> impl Iterator<Item = (&RepoPath, &JobReport)> + Clone {
    analyses
        .files
        .iter()
        .filter_map(|(path, analysis)| match analysis {
            Analysis::Report(report) => Some((path, report)),
            Analysis::Skipped { .. } => None,
        })
}

fn report<'a>(file: &FileChange, analyses: &'a Analyses) -> Option<&'a JobReport> {
    match analyses.files.get(&file.path)? {
        Analysis::Report(report) => Some(report),
        Analysis::Skipped { .. } => None,
    }
}

fn row(file: &FileChange, edits: Option<&Edits>) -> WalkthroughRow {
    let lines = |wanted| {
        let all = file.hunks.iter().flat_map(|hunk| &hunk.lines);
        count(all.filter(|line| line.kind == wanted).count())
    };
    WalkthroughRow {
        path: file.path.clone(),
        old_path: file.old_path.clone(),
        status: file.status,
        added_lines: lines(LineKind::Added),
        removed_lines: lines(LineKind::Removed),
        what: what(file, edits),
    }
}

fn what(file: &FileChange, edits: Option<&Edits>) -> String {
    let mut parts = Vec::new();
    match (file.status, &file.old_path) {
        (Status::Renamed, Some(old)) => parts.push(format!("moved from {}", quote(old.as_str()))),
        (Status::Copied, Some(old)) => parts.push(format!("copied from {}", quote(old.as_str()))),
        _ => {}
    }
    parts.extend(mode_words(file));
    if let Some(words) = content_words(file, edits) {
        parts.push(words);
    }
    parts.join("; ")
}

fn mode_words(file: &FileChange) -> Option<String> {
    let (old, new) = (file.old_mode?, file.new_mode?);
    if old & 0o777 == new & 0o777 || (old ^ new) & 0o170_000 != 0 {
        return None;
    }
    Some(match (old & 0o111 == 0, new & 0o111 == 0) {
        (true, false) => "becomes executable".to_owned(),
        (false, true) => "is no longer executable".to_owned(),
        _ => format!("mode {:o} becomes {:o}", old & 0o777, new & 0o777),
    })
}

fn content_words(file: &FileChange, edits: Option<&Edits>) -> Option<String> {
    match (&file.base, &file.head) {
        (_, Side::Submodule(commit)) => return Some(format!("points the submodule at {}", quote(short(commit)))),
        (_, Side::Symlink(target)) => return Some(format!("links to {}", quote(target))),
        (Side::Submodule(_), Side::Absent) => return Some("removes a submodule".to_owned()),
        (_, Side::Binary { .. }) => return Some(verb_and_kind(file, "a binary file")),
        _ => {}
    }
    let is_untouched = file.hunks.is_empty() && matches!(file.status, Status::Renamed | Status::Copied | Status::ModeChanged);
    if is_untouched {
        return None;
    }
    let kind = Kind::of(&file.path);
    let words = edits.map(Edits::words).unwrap_or_default();
    Some(match (file.status, kind) {
        (Status::Deleted, _) => verb_and_kind(file, kind.one()),
        (_, Kind::Test) if !words.is_empty() => format!("tests: {words}"),
        _ if !words.is_empty() => words,
        (Status::Added | Status::Copied, _) => verb_and_kind(file, kind.one()),
        (_, Kind::Code) if edits.is_some() => "changes code outside functions".to_owned(),
        _ => verb_and_kind(file, kind.one()),
    })
}

fn verb_and_kind(file: &FileChange, kind: &str) -> String {
    let verb = match file.status {
        Status::Added | Status::Copied => "adds",
        Status::Deleted => "removes",
        _ => "updates",
    };
    format!("{verb} {kind}")
}

fn headline(
    files: &[&FileChange],
    components: &[Component],
    (added, removed): (u32, u32),
    edits: &[(Kind, Edits)],
) -> String {
    if files.is_empty() {
        return "Changes nothing".to_owned();
    }
    let lines = if added + removed == 0 { String::new() } else { format!(" (+{added} −{removed})") };
    let mut text = format!("{} {}{}{lines}", verb(files), files_word(files.len()), places(components));
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
    for (verb, names) in [("adds", &total.added), ("changes", &total.changed), ("removes", &total.removed)] {
        if !names.is_empty() {
            parts.push(format!("{verb} {}", list(names)));
        }
    }
    match total.renamed.as_slice() {
        [] => {}
        [(old, new)] => parts.push(format!("renames {} to {}", quote(old), quote(new))),
        many => parts.push(format!("renames {} functions or classes", many.len())),
    }
    let moved: Vec<String> = total.moved_here.iter().map(|(name, _)| name.clone()).collect();
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
        .map(|(kind, number)| if *number == 1 { kind.one() } else { kind.many() })
        .collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, front)) => format!("{} and {last}", front.join(", ")),
    }
}

fn places(components: &[Component]) -> String {
    let names: Vec<String> = components.iter().map(|one| quote(&one.name)).collect();
    match names.as_slice() {
        [] => String::new(),
        [_] if components[0].name == ROOT => " in the root folder".to_owned(),
        [only] => format!(" in {only}"),
        [front @ .., last] if names.len() <= COMPONENTS_IN_HEADLINE => {
            format!(" in {} and {last}", front.join(", "))
        }
        _ => format!(
            " in {} and {} more folders",
            names[..COMPONENTS_IN_HEADLINE - 1].join(", "),
            names.len() + 1 - COMPONENTS_IN_HEADLINE
        ),
    }
}

const ROOT: &str = "(root)";

/// Groups files by their leading folders: deeper than `depth` as long as all are in one and the same folder.
fn components(rows: &[WalkthroughRow], depth: usize) -> Vec<Component> {
    let mut depth = depth.max(1);
    let deepest = depth + EXTRA_DEPTH;
    let names_at = |depth| -> BTreeSet<String> {
        rows.iter().map(|row| component_name(&row.path, depth)).collect()
    };
    while depth < deepest {
        let now = names_at(depth);
        if now.len() != 1 || names_at(depth + 1) == now || rows.iter().any(|row| folders(&row.path) <= depth) {
            break;
        }
        depth += 1;
    }
    let mut groups: BTreeMap<String, Component> = BTreeMap::new();
    for row in rows {
        let name = component_name(&row.path, depth);
        let group = groups.entry(name.clone()).or_insert(Component {
            name,
            files: 0,
            added_lines: 0,
            removed_lines: 0,
        });
        group.files += 1;
        group.added_lines = group.added_lines.saturating_add(row.added_lines);
        group.removed_lines = group.removed_lines.saturating_add(row.removed_lines);
    }
    let mut components: Vec<Component> = groups.into_values().collect();
    components.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.name.cmp(&b.name)));
    components
}

fn folders(path: &RepoPath) -> usize {
    path.as_str().matches('/').count()
}

fn component_name(path: &RepoPath, depth: usize) -> String {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    match parts.len() - 1 {
        0 => ROOT.to_owned(),
        folders => parts[..folders.min(depth)].join("/"),
    }
}

fn files_word(number: usize) -> String {
    match number {
        1 => "1 file".to_owned(),
        _ => format!("{number} files"),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn sum(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.fold(0, u32::saturating_add)
}
