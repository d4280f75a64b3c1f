//! Builds changes out of texts held in memory, as the git source would out of commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_adapters::git::hunks;
use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::hunk::LineKind;

/// Files of one side by path.
pub type Files = BTreeMap<RepoPath, Arc<[u8]>>;

const FILE_MODE: u32 = 0o100_644;
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

/// The share of lines that both texts have.
fn likeness(before: &[u8], after: &[u8]) -> f64 {
    let count = |text: &[u8]| text.split_inclusive(|byte| *byte == b'\n').count();
    let all = count(before) + count(after);
    let changed = hunks(before, after)
        .iter()
        .flat_map(|hunk| &hunk.lines)
        .filter(|line| line.kind != LineKind::Context)
        .count();
    let share = |part: usize| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
    if all == 0 {
        return 1.0;
    }
    1.0 - share(changed) / share(all)
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
