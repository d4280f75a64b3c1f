//! Says in plain words what changed: a headline, the components, and one row per file.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;
use super::symbols::{self, Edits, Moves, quote};
use super::{Analyses, Analysis, count, headline};
use crate::change::{FileChange, RepoPath, Side, Status};
use crate::docs::{Renamed, RenamedKind};
use crate::hunk::LineKind;
use crate::job::JobReport;
use crate::review::{Component, Summary, WalkthroughRow};

/// More things than this that have another name are a reorganisation, and no document is mended for it.
const MAX_RENAMED: usize = 200;
/// How many folders deeper than configured a component may lie if everything is in one folder.
const EXTRA_DEPTH: usize = 3;

/// Summarises a change; findings are added by [`headline::add_findings`].
pub(super) fn of_change(files: &[&FileChange], analyses: &Analyses, depth: usize) -> Summary {
    let moves = Moves::of(reports(analyses));
    let mut walkthrough = Vec::new();
    let mut all_edits = Vec::new();
    for file in files {
        let edits =
            report(file, analyses).map(|report| symbols::compare(&file.path, report, &moves));
        walkthrough.push(row(file, edits.as_ref()));
        all_edits.push((Kind::of(&file.path), edits.unwrap_or_default()));
    }
    let components = components(&walkthrough, depth);
    let added_lines = sum(walkthrough.iter().map(|row| row.added_lines));
    let removed_lines = sum(walkthrough.iter().map(|row| row.removed_lines));
    Summary {
        headline: headline::of_change(files, &components, (added_lines, removed_lines), &all_edits),
        added_lines,
        removed_lines,
        components,
        walkthrough,
        ..Summary::default()
    }
}

/// What certainly has another name now: symbols, and files that moved.
pub(super) fn renamed(files: &[&FileChange], analyses: &Analyses) -> Vec<Renamed> {
    let names = symbols::last_names(reports(analyses));
    let mut renamed: Vec<Renamed> = reports(analyses)
        .flat_map(|(path, report)| symbols::renamed(path, report, &names))
        .collect();
    renamed.extend(files.iter().filter_map(|file| {
        let old = file.old_path.as_ref()?;
        (file.status == Status::Renamed).then(|| Renamed {
            kind: RenamedKind::File,
            from: old.to_string(),
            to: file.path.to_string(),
            path: file.path.clone(),
            line: 1,
        })
    }));
    renamed.truncate(MAX_RENAMED);
    renamed
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
        headline: headline::of_scan(rows.len(), &components),
        components,
        ..Summary::default()
    }
}

pub(super) fn reports(
    analyses: &Analyses,
) -> impl Iterator<Item = (&RepoPath, &JobReport)> + Clone {
    analyses
        .files
        .iter()
        .filter_map(|(path, analysis)| match analysis {
            Analysis::Report(report) => Some((path, report.as_ref())),
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
        (_, Side::Submodule(commit)) => {
            return Some(format!("points the submodule at {}", quote(short(commit))));
        }
        (_, Side::Symlink(target)) => return Some(format!("links to {}", quote(target))),
        (Side::Submodule(_), Side::Absent) => return Some("removes a submodule".to_owned()),
        (_, Side::Binary { .. }) => return Some(verb_and_kind(file, "a binary file")),
        _ => {}
    }
    let is_untouched = file.hunks.is_empty()
        && matches!(
            file.status,
            Status::Renamed | Status::Copied | Status::ModeChanged
        );
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

pub(super) const ROOT: &str = "(root)";

/// Groups files by their leading folders: deeper than `depth` as long as all are in one and the same folder.
fn components(rows: &[WalkthroughRow], depth: usize) -> Vec<Component> {
    let mut depth = depth.max(1);
    let deepest = depth + EXTRA_DEPTH;
    let names_at = |depth| -> BTreeSet<String> {
        rows.iter()
            .map(|row| component_name(&row.path, depth))
            .collect()
    };
    while depth < deepest {
        let now = names_at(depth);
        if now.len() != 1
            || names_at(depth + 1) == now
            || rows.iter().any(|row| folders(&row.path) <= depth)
        {
            break;
        }
        depth += 1;
    }
    let mut groups: BTreeMap<String, Component> = BTreeMap::new();
    let mut kinds: BTreeMap<String, BTreeMap<Kind, usize>> = BTreeMap::new();
    for row in rows {
        let name = component_name(&row.path, depth);
        let own = kinds.entry(name.clone()).or_default();
        *own.entry(Kind::of(&row.path)).or_default() += 1;
        let group = groups.entry(name.clone()).or_insert(Component {
            name,
            files: 0,
            added_lines: 0,
            removed_lines: 0,
            kinds: Vec::new(),
        });
        group.files += 1;
        group.added_lines = group.added_lines.saturating_add(row.added_lines);
        group.removed_lines = group.removed_lines.saturating_add(row.removed_lines);
    }
    for (name, group) in &mut groups {
        let mut own: Vec<(Kind, usize)> = kinds.remove(name).into_iter().flatten().collect();
        own.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        let words = own.into_iter().map(|(kind, _)| kind.many().to_owned());
        group.kinds = words.collect();
    }
    let mut components: Vec<Component> = groups.into_values().collect();
    let lines = |one: &Component| one.added_lines.saturating_add(one.removed_lines);
    components.sort_by(|a, b| (b.files, lines(b), &a.name).cmp(&(a.files, lines(a), &b.name)));
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

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn sum(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.fold(0, u32::saturating_add)
}
