//! Finds renames and copies where git cannot: between a commit and the working tree or the index.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use pullmill_core::change::{FileChange, Side, Status};

use super::fill::Filled;

/// Pairs of texts that are compared at most; beyond, only identical files are found.
const MAX_PAIRS: usize = 10_000;

/// Least share of a file that must stay, as git has it.
const LEAST_PERCENT: u64 = 50;

/// Joins deleted and added files that hold the same or nearly the same.
pub(super) fn pair(files: &mut Vec<Filled>, notes: &mut Vec<String>) {
    let added: Vec<usize> = places(files, Status::Added);
    let mut sources: Vec<usize> = places(files, Status::Deleted);
    let deleted = sources.len();
    sources.extend(places(files, Status::Modified));
    if added.is_empty() || sources.is_empty() {
        return;
    }
    let mut moves = identical(files, &added, &sources);
    let open: Vec<usize> = added
        .iter()
        .copied()
        .filter(|place| !moves.contains_key(place))
        .collect();
    if open.len().saturating_mul(sources.len()) <= MAX_PAIRS {
        moves.extend(similar(files, &open, &sources));
    } else if !open.is_empty() && deleted > 0 {
        notes.push(format!(
            "renames with edits were not looked for: {} new against {} other files",
            open.len(),
            sources.len()
        ));
    }
    join(files, &moves);
}

fn places(files: &[Filled], status: Status) -> Vec<usize> {
    let is_one = |place: &usize| files[*place].file.status == status;
    (0..files.len()).filter(is_one).collect()
}

/// New file to old file.
type Moves = BTreeMap<usize, usize>;

fn identical(files: &[Filled], added: &[usize], sources: &[usize]) -> Moves {
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        if let Some(id) = &files[*source].old_id
            && !is_empty(&files[*source].file.base)
        {
            by_id.entry(id).or_insert(*source);
        }
    }
    let found = added.iter().filter_map(|place| {
        let id = files[*place].new_id.as_deref()?;
        Some((*place, *by_id.get(id)?))
    });
    found.collect()
}

/// Empty files have nothing in common but that.
fn is_empty(side: &Side) -> bool {
    side.text().is_some_and(|text| text.is_empty())
}

fn similar(files: &[Filled], open: &[usize], sources: &[usize]) -> Moves {
    let profiles: BTreeMap<usize, Profile> = sources
        .iter()
        .filter_map(|place| Some((*place, Profile::of(&files[*place].file.base)?)))
        .collect();
    let mut moves = Moves::new();
    for place in open {
        let Some(profile) = Profile::of(&files[*place].file.head) else {
            continue;
        };
        let best = profiles
            .iter()
            .map(|(source, other)| (profile.percent(other), *source))
            .filter(|(percent, _)| *percent >= LEAST_PERCENT)
            .max_by_key(|(percent, source)| (*percent, std::cmp::Reverse(*source)));
        if let Some((_, source)) = best {
            moves.insert(*place, source);
        }
    }
    moves
}

/// The lines of a text as hashes and lengths, sorted.
struct Profile {
    size: u64,
    lines: Vec<(u64, u64)>,
}

impl Profile {
    fn of(side: &Side) -> Option<Self> {
        let text = side.text().filter(|text| !text.is_empty())?;
        let mut lines: Vec<(u64, u64)> = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| {
                let mut hasher = DefaultHasher::new();
                line.hash(&mut hasher);
                (hasher.finish(), line.len() as u64)
            })
            .collect();
        lines.sort_unstable();
        Some(Self {
            size: text.len() as u64,
            lines,
        })
    }

    /// The share of the larger text that both have in common.
    fn percent(&self, other: &Self) -> u64 {
        let larger = self.size.max(other.size);
        if self.size.min(other.size) * 100 < larger * LEAST_PERCENT {
            return 0;
        }
        let mut common = 0;
        let mut others = other.lines.iter().peekable();
        for line in &self.lines {
            while others.next_if(|other| *other < line).is_some() {}
            if others.next_if(|other| *other == line).is_some() {
                common += line.1;
            }
        }
        common * 100 / larger
    }
}

/// The first new file takes a deleted file's place; further ones, and those of files that stay, are copies.
fn join(files: &mut Vec<Filled>, moves: &Moves) {
    let mut gone: Vec<usize> = Vec::new();
    for (place, source) in moves {
        let old = files[*source].file.clone();
        let status = if old.status == Status::Deleted && !gone.contains(source) {
            gone.push(*source);
            Status::Renamed
        } else {
            Status::Copied
        };
        let FileChange {
            path,
            old_mode,
            base,
            ..
        } = old;
        let file = &mut files[*place].file;
        file.status = status;
        file.old_path = Some(path);
        file.old_mode = old_mode;
        file.base = base;
    }
    gone.sort_unstable();
    for place in gone.into_iter().rev() {
        files.remove(place);
    }
}
