//! What a model said of code that still stands: its silence in the next review takes nothing back.

use super::is_from_model;
use crate::change::Change;
use crate::finding::Finding;
use crate::hunk::CommentableLines;
use crate::pack::{Clean, shown};
use crate::review::Review;

/// The findings of a model's last review that this change still has the lines of and that nobody says again.
#[must_use]
pub fn carry(before: &Review, change: &Change, said: &[Finding], clean: Clean<'_>) -> Vec<Finding> {
    let old = before
        .findings
        .iter()
        .filter(|one| is_from_model(&one.rule));
    let mut carried: Vec<Finding> = old.filter_map(|one| standing(one, change, clean)).collect();
    let is_said = |one: &Finding| {
        let same = |other: &&Finding| {
            other.fingerprint == one.fingerprint && other.location.path == one.location.path
        };
        said.iter().any(|other| same(&other))
    };
    carried.retain(|one| !is_said(one));
    carried
}

/// The finding where its line is now, with its stem as fingerprint.
fn standing(old: &Finding, change: &Change, clean: Clean<'_>) -> Option<Finding> {
    let path = &old.location.path;
    let moved =
        |one: &crate::change::FileChange| one.path == *path || one.old_path.as_ref() == Some(path);
    let file = change.files.iter().find(|file| moved(file))?;
    let text = String::from_utf8_lossy(file.head.text()?);
    let text = clean(&file.path, &text);
    let lines = CommentableLines::of(&file.hunks);
    let quote = old.snippet.trim();
    let same = (1_u32..).zip(text.split('\n')).filter(|(number, line)| {
        lines.is_shown(*number) && !quote.is_empty() && shown(line).trim().starts_with(quote)
    });
    let (line, _) = same.min_by_key(|(number, _)| number.abs_diff(old.location.line))?;
    let stem = old
        .fingerprint
        .rsplit_once('-')
        .map_or(old.fingerprint.as_str(), |(stem, _)| stem);
    let mut finding = Finding {
        fingerprint: stem.to_owned(),
        comment_line: None,
        // It was tried in another text.
        suggestion: None,
        ..old.clone()
    };
    finding.location.path = file.path.clone();
    finding.location.line = line;
    finding.location.end_line = line;
    Some(finding)
}
