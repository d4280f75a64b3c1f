//! Packs a change into questions that fit a model: hunk by hunk, with what encloses them, and an exact list of what does not fit.

mod passes;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::assemble::{Analyses, Analysis};
use crate::change::{Change, FileChange, RepoPath, Side, Status};
use crate::coverage::{Outcome, SkipReason};
use crate::escape;
use crate::hunk::LineKind;
use crate::job::Symbol;
use crate::review::{LineRange, Review, Unread, UnreadReason};

use passes::Passes;

/// What is known of one file from static analysis is said up to so often.
const MAX_FACTS: usize = 8;
/// A fact is cut behind so many characters.
const MAX_FACT: usize = 160;

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Tokens of content in one question.
    pub pass_tokens: u32,
    /// Questions.
    pub max_passes: usize,
}

/// What changes texts before anybody else sees them, e.g. by taking secrets out. The number of lines must stay.
pub type Clean<'a> = &'a (dyn Fn(&RepoPath, &str) -> String + Sync);
/// How many tokens a text counts.
pub type Count<'a> = &'a (dyn Fn(&str) -> u32 + Sync);

/// A change in questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// What each question is about.
    pub passes: Vec<Pass>,
    /// What is in none.
    pub unread: Vec<Unread>,
}

/// What one question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// The files, or parts of them.
    pub files: Vec<PassFile>,
    /// What all of it counts.
    pub tokens: u32,
}

/// A file, or a part of one, as a model sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassFile {
    /// The file.
    pub path: RepoPath,
    /// Heading and lines.
    pub text: String,
    /// The lines at head that are shown, by number, as they are shown.
    pub lines: BTreeMap<u32, String>,
    /// Those of them that the change wrote.
    pub added: BTreeSet<u32>,
}

/// Packs a change whose static review is known.
#[must_use]
pub fn pack(
    change: &Change,
    review: &Review,
    analyses: &Analyses,
    clean: Clean<'_>,
    count: Count<'_>,
    room: &Room,
) -> Packed {
    let mut passes = Passes::new(count, room);
    let mut unread = Vec::new();
    let mut files: Vec<&FileChange> = change.files.iter().collect();
    files.sort_by_key(|file| &file.path);
    for file in files {
        if let Some(reason) = left_out(file, review) {
            unread.extend(whole(file, reason));
            continue;
        }
        let symbols = symbols(analyses, &file.path);
        let rows = rows::of(file, symbols, clean);
        passes.file(
            &file.path,
            &clean(&file.path, &heading(file, review)),
            &facts(file, review),
            rows,
        );
    }
    let mut packed = passes.finish();
    unread.append(&mut packed.unread);
    unread.sort_by(|one, other| (&one.path, &one.lines).cmp(&(&other.path, &other.lines)));
    packed.unread = unread;
    packed
}

/// Why a file is in no question.
fn left_out(file: &FileChange, review: &Review) -> Option<UnreadReason> {
    match &file.head {
        Side::Binary { .. } => return Some(UnreadReason::Binary),
        Side::TooLarge { .. } => return Some(UnreadReason::TooLarge),
        Side::Unavailable(_) => return Some(UnreadReason::Unavailable),
        Side::Absent | Side::Text(_) | Side::Submodule(_) | Side::Symlink(_) => {}
    }
    let coverage = review.coverage.iter().find(|one| one.path == file.path)?;
    match &coverage.outcome {
        Outcome::Skipped { reason, .. } => match reason {
            SkipReason::Generated => Some(UnreadReason::Generated),
            SkipReason::Vendored => Some(UnreadReason::Vendored),
            SkipReason::Ignored => Some(UnreadReason::Ignored),
            SkipReason::TooLarge => Some(UnreadReason::TooLarge),
            // What no rule reads, a model can read.
            _ => None,
        },
        Outcome::Assessed { .. } => None,
    }
}

/// All lines that the change wrote, as unread.
fn whole(file: &FileChange, reason: UnreadReason) -> Option<Unread> {
    let mut added = BTreeSet::new();
    for hunk in &file.hunks {
        let mut number = hunk.new_start;
        for line in &hunk.lines {
            if line.kind == LineKind::Added {
                added.insert(number);
            }
            number = number.saturating_add(u32::from(line.kind != LineKind::Removed));
        }
    }
    let has_text = !matches!(file.head, Side::Text(_));
    (has_text || !added.is_empty()).then(|| Unread {
        path: file.path.clone(),
        lines: ranges(added),
        reason,
    })
}

/// Lines in a row as one range.
#[must_use]
pub fn ranges(lines: impl IntoIterator<Item = u32>) -> Vec<LineRange> {
    let mut ranges: Vec<LineRange> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some(last) if last.last.checked_add(1) == Some(line) => last.last = line,
            _ => ranges.push(LineRange {
                first: line,
                last: line,
            }),
        }
    }
    ranges
}

fn symbols<'a>(analyses: &'a Analyses, path: &RepoPath) -> &'a [Symbol] {
    match analyses.files.get(path) {
        Some(Analysis::Report(report)) => report
            .head
            .as_ref()
            .map_or(&[], |head| head.symbols.as_slice()),
        _ => &[],
    }
}

fn heading(file: &FileChange, review: &Review) -> String {
    let what = match (file.status, &file.old_path) {
        (Status::Added, _) => "new".to_owned(),
        (Status::Modified, _) => "changed".to_owned(),
        (Status::Deleted, _) => "deleted".to_owned(),
        (Status::Renamed, Some(old)) => format!("renamed from {}", shown(old.as_str())),
        (Status::Copied, Some(old)) => format!("copied from {}", shown(old.as_str())),
        (Status::Renamed, None) => "renamed".to_owned(),
        (Status::Copied, None) => "copied".to_owned(),
        (Status::ModeChanged, _) => "other mode".to_owned(),
    };
    let row = review
        .summary
        .walkthrough
        .iter()
        .find(|row| row.path == file.path);
    let removed = row.map_or(0, |row| row.removed_lines);
    let removed = match removed {
        0 => String::new(),
        lines => format!(", {lines} lines removed"),
    };
    format!("### {} ({what}{removed})", shown(file.path.as_str()))
}

/// What rules have found in the file, so that it is not found again.
fn facts(file: &FileChange, review: &Review) -> Vec<String> {
    let found = review
        .findings
        .iter()
        .filter(|one| one.location.path == file.path);
    let facts = found.take(MAX_FACTS).map(|one| {
        let message: String = one.message.chars().take(MAX_FACT).collect();
        format!("known, line {}: {}", one.location.line, shown(&message))
    });
    facts.collect()
}

/// One line as a model may see it: nothing invisible is left in it (T23).
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars()
        .filter(|one| *one == '\t' || !escape::is_hidden(*one))
        .collect()
}
