//! Builds changes out of texts held in memory, as the git source would out of commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::hunk::{Hunk, Line, LineKind};
use similar::{ChangeTag, TextDiff};

/// Files of one side by path.
pub type Files = BTreeMap<RepoPath, Arc<[u8]>>;

const FILE_MODE: u32 = 0o100_644;
const CONTEXT_LINES: usize = 3;
/// Like git: a file that keeps half of its lines has moved.
const LEAST_SIMILARITY: f64 = 0.5;

/// The change that turns `base` into `head`.
#[must_use]
pub fn change(label: &str, base: &Files, head: &Files) -> Change {
    let moves = moves(base, head);
    let mut files = Vec::new();
    for (path, after) in head {
        let origin = moves.get(path).unwrap_or(path);
        match base.get(origin) {
            Some(before) if before == after && origin == path => {}
            before => files.push(file(origin, path, before, Some(after))),
        }
    }
    for (path, before) in base {
        if !head.contains_key(path) && !moves.values().any(|origin| origin == path) {
            files.push(file(path, path, Some(before), None));
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Change {
        label: label.to_owned(),
        files,
        ..Change::default()
    }
}

/// The change that adds one file.
#[must_use]
pub fn addition(path: &RepoPath, text: &Arc<[u8]>) -> Change {
    Change {
        label: path.to_string(),
        files: vec![file(path, path, None, Some(text))],
        ..Change::default()
    }
}

/// New files and the deleted ones that they were.
fn moves(base: &Files, head: &Files) -> BTreeMap<RepoPath, RepoPath> {
    let mut gone: Vec<&RepoPath> = base
        .keys()
        .filter(|path| !head.contains_key(path))
        .collect();
    let mut moves = BTreeMap::new();
    for (path, after) in head {
        if base.contains_key(path) {
            continue;
        }
        let nearest = gone
            .iter()
            .enumerate()
            .filter_map(|(index, origin)| Some((index, likeness(base.get(*origin)?, after))))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, likeness)) = nearest
            && likeness >= LEAST_SIMILARITY
        {
            moves.insert(path.clone(), gone.remove(index).clone());
        }
    }
    moves
}

fn likeness(before: &[u8], after: &[u8]) -> f64 {
    let (before, after) = (
        String::from_utf8_lossy(before),
        String::from_utf8_lossy(after),
    );
    f64::from(TextDiff::from_lines(before.as_ref(), after.as_ref()).ratio())
}

fn file(
    origin: &RepoPath,
    path: &RepoPath,
    before: Option<&Arc<[u8]>>,
    after: Option<&Arc<[u8]>>,
) -> FileChange {
    let status = match (before, after) {
        (None, _) => Status::Added,
        (_, None) => Status::Deleted,
        _ if origin != path => Status::Renamed,
        _ => Status::Modified,
    };
    let (base, head) = (side(before), side(after));
    let is_text = |side: &Side| matches!(side, Side::Text(_) | Side::Absent);
    let hunks = if is_text(&base) && is_text(&head) {
        hunks(
            before.map_or(&[], |text| text),
            after.map_or(&[], |text| text),
        )
    } else {
        Vec::new()
    };
    FileChange {
        path: path.clone(),
        old_path: (origin != path).then(|| origin.clone()),
        status,
        old_mode: before.map(|_| FILE_MODE),
        new_mode: after.map(|_| FILE_MODE),
        base,
        head,
        hunks,
    }
}

fn side(text: Option<&Arc<[u8]>>) -> Side {
    match text {
        None => Side::Absent,
        Some(text) if text.contains(&0) => Side::Binary {
            size: text.len() as u64,
        },
        Some(text) => Side::Text(Arc::clone(text)),
    }
}

fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    match (std::str::from_utf8(before), std::str::from_utf8(after)) {
        (Ok(before), Ok(after)) => compared(before, after),
        _ => replaced(before, after),
    }
}

fn compared(before: &str, after: &str) -> Vec<Hunk> {
    let diff = TextDiff::from_lines(before, after);
    let mut hunks = Vec::new();
    for group in diff.grouped_ops(CONTEXT_LINES) {
        let changes = group.iter().flat_map(|op| diff.iter_changes(op));
        let lines = changes.map(|change| Line {
            kind: match change.tag() {
                ChangeTag::Equal => LineKind::Context,
                ChangeTag::Insert => LineKind::Added,
                ChangeTag::Delete => LineKind::Removed,
            },
            bytes: change.value().as_bytes().to_vec(),
        });
        let lines: Vec<Line> = lines.collect();
        if let Some(first) = group.first() {
            hunks.push(Hunk {
                old_start: start(first.old_range().start, &lines, LineKind::Added),
                new_start: start(first.new_range().start, &lines, LineKind::Removed),
                lines,
            });
        }
    }
    hunks
}

/// Everything goes and everything comes: enough for text that is not UTF-8, which only ever comes.
fn replaced(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let lines = |text: &[u8], kind| -> Vec<Line> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines
            .map(|line| Line {
                kind,
                bytes: line.to_vec(),
            })
            .collect()
    };
    let mut all = lines(before, LineKind::Removed);
    all.append(&mut lines(after, LineKind::Added));
    vec![Hunk {
        old_start: u32::from(!before.is_empty()),
        new_start: u32::from(!after.is_empty()),
        lines: all,
    }]
}

/// 1-based, or as it is if the hunk has no line on that side.
fn start(index: usize, lines: &[Line], absent: LineKind) -> u32 {
    let is_present = lines.iter().any(|line| line.kind != absent);
    u32::try_from(index + usize::from(is_present)).unwrap_or(u32::MAX)
}
