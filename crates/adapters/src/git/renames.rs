//! Renames among files that git did not compare: the index and the working tree.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_core::change::Status;

use super::objects::Object;
use super::tree::{Content, Delta};
use super::{GitError, Repository};

/// More candidates than this are not compared by content.
const MAX_COMPARED: usize = 40;
/// Larger files are not compared by content.
const MAX_BYTES: u64 = 256 << 10;

/// Pairs deleted files with added ones of the same content, then of similar content (half the lines in common).
pub(super) fn pair(
    mut deltas: Vec<Delta>,
    repository: &Repository,
) -> Result<Vec<Delta>, GitError> {
    let gone: Vec<usize> = positions(&deltas, Status::Deleted);
    let come: Vec<usize> = positions(&deltas, Status::Added);
    if gone.is_empty() || come.is_empty() {
        return Ok(deltas);
    }
    let mut pairs = same_content(&deltas, &gone, &come);
    if gone.len() <= MAX_COMPARED && come.len() <= MAX_COMPARED {
        similar_content(&deltas, &gone, &come, repository, &mut pairs)?;
    }
    for (new, old) in &pairs {
        let source = deltas[*old].clone();
        let target = &mut deltas[*new];
        target.status = Status::Renamed;
        target.old_path = Some(source.path);
        target.old = source.old;
    }
    let used: BTreeSet<usize> = pairs.into_values().collect();
    let mut index = 0;
    deltas.retain(|_| {
        index += 1;
        !used.contains(&(index - 1))
    });
    Ok(deltas)
}

fn positions(deltas: &[Delta], status: Status) -> Vec<usize> {
    (0..deltas.len())
        .filter(|index| deltas[*index].status == status && is_file(&deltas[*index]))
        .collect()
}

/// Links and submodules are not moved but made anew.
fn is_file(delta: &Delta) -> bool {
    let entry = delta.old.as_ref().or(delta.new.as_ref());
    entry.is_some_and(|entry| entry.mode & 0o170_000 == 0o100_000)
}

fn same_content(deltas: &[Delta], gone: &[usize], come: &[usize]) -> BTreeMap<usize, usize> {
    let id = |index: usize, is_old: bool| {
        let entry = if is_old {
            &deltas[index].old
        } else {
            &deltas[index].new
        };
        entry.as_ref().map(|entry| entry.content.id().to_owned())
    };
    let mut by_id: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in gone.iter().rev() {
        by_id
            .entry(id(*index, true).unwrap_or_default())
            .or_default()
            .push(*index);
    }
    let mut pairs = BTreeMap::new();
    for index in come {
        if let Some(old) = id(*index, false)
            .and_then(|id| by_id.get_mut(&id))
            .and_then(Vec::pop)
        {
            pairs.insert(*index, old);
        }
    }
    pairs
}

fn similar_content(
    deltas: &[Delta],
    gone: &[usize],
    come: &[usize],
    repository: &Repository,
    pairs: &mut BTreeMap<usize, usize>,
) -> Result<(), GitError> {
    let mut lines = BTreeMap::new();
    for index in gone.iter().chain(come) {
        lines.insert(*index, line_counts(&deltas[*index], repository)?);
    }
    let mut candidates = Vec::new();
    for new in come.iter().filter(|new| !pairs.contains_key(new)) {
        for old in gone
            .iter()
            .filter(|old| !pairs.values().any(|used| used == *old))
        {
            let score = similarity(&lines[old], &lines[new]);
            if score >= 50 {
                candidates.push((std::cmp::Reverse(score), *new, *old));
            }
        }
    }
    candidates.sort_unstable();
    let mut used = BTreeSet::new();
    for (_, new, old) in candidates {
        if !pairs.contains_key(&new) && used.insert(old) {
            pairs.insert(new, old);
        }
    }
    Ok(())
}

fn line_counts(
    delta: &Delta,
    repository: &Repository,
) -> Result<BTreeMap<Vec<u8>, usize>, GitError> {
    let entry = delta.old.as_ref().or(delta.new.as_ref());
    let object = match entry.map(|entry| &entry.content) {
        Some(Content::Object(id)) => repository.objects.blob(id, MAX_BYTES)?,
        Some(Content::File(_)) => repository.working_content(&delta.path, MAX_BYTES),
        None => return Ok(BTreeMap::new()),
    };
    let mut counts = BTreeMap::new();
    if let Object::Bytes(bytes) = object {
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
        {
            *counts.entry(line.to_vec()).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

/// Lines in common, in percent of the longer file.
fn similarity(a: &BTreeMap<Vec<u8>, usize>, b: &BTreeMap<Vec<u8>, usize>) -> usize {
    let common: usize = a
        .iter()
        .map(|(line, count)| (*count).min(b.get(line).copied().unwrap_or(0)))
        .sum();
    let longest = a.values().sum::<usize>().max(b.values().sum());
    (common * 100).checked_div(longest).unwrap_or(0)
}
