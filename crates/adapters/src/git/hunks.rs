//! What differs between two texts, as hunks with three lines of context: the same every time, at a bounded cost.

mod anchors;

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};
use pullmill_core::hunk::{Hunk, Line, LineKind};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// Lines before and after a difference that are compared along, so that it can move to where it reads best.
const SLACK: usize = 50;

/// Lines of both sides that are compared directly; of longer texts, unique lines are paired first.
const MAX_DIRECT: usize = 4_000;

/// Work that is left for the files of a change. Counted, not timed: a result never depends on speed.
#[derive(Clone, Debug)]
pub(super) struct Effort {
    pairs: u64,
}

impl Effort {
    /// A fresh allowance, enough for some seconds at worst.
    pub(super) fn new() -> Self {
        Self {
            pairs: 8_000_000_000,
        }
    }

    /// Pays for comparing so many lines directly, whose cost may be quadratic.
    fn pays(&mut self, lines: usize) -> bool {
        let cost = (lines as u64).saturating_mul(lines as u64);
        if lines > MAX_DIRECT || cost > self.pairs {
            return false;
        }
        self.pairs -= cost;
        true
    }
}

/// Compares two texts line by line. Equal texts give equal hunks, and no pair of texts takes long.
#[must_use]
pub fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    hunks_within(before, after, &mut Effort::new())
}

/// Compares two texts with the work that is left; with none left, regions are right but coarse.
pub(super) fn hunks_within(before: &[u8], after: &[u8], effort: &mut Effort) -> Vec<Hunk> {
    let old: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let new: Vec<&[u8]> = after.split_inclusive(|byte| *byte == b'\n').collect();
    edits(&old, &new, effort)
        .chunk_by(|one, next| next.0.start - one.0.end <= 2 * CONTEXT)
        .filter_map(|group| hunk(group, &old, &new))
        .collect()
}

/// Lines of the old text and the lines of the new one that take their place; one of both may be none.
type Edit = (Range<usize>, Range<usize>);

fn edits(old: &[&[u8]], new: &[&[u8]], effort: &mut Effort) -> Vec<Edit> {
    let same = |(a, b): &(&&[u8], &&[u8])| a == b;
    let lead = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (&old[lead..], &new[lead..]);
    let trail = old_rest.iter().rev().zip(new_rest.iter().rev());
    let trail = trail.take_while(same).count();
    if old_rest.len() == trail && new_rest.len() == trail {
        return Vec::new();
    }
    let lead = lead.saturating_sub(SLACK);
    let trail = trail.saturating_sub(SLACK);
    let old = &old[lead..old.len() - trail];
    let new = &new[lead..new.len() - trail];
    let mut edits = if effort.pays(old.len() + new.len()) {
        direct(old, new)
    } else {
        anchors::edits(old, new, effort)
    };
    for (gone, come) in &mut edits {
        *gone = gone.start + lead..gone.end + lead;
        *come = come.start + lead..come.end + lead;
    }
    edits
}

fn direct(old: &[&[u8]], new: &[&[u8]]) -> Vec<Edit> {
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let edits = diff.hunks();
    edits
        .map(|edit| (to_usize(&edit.before), to_usize(&edit.after)))
        .collect()
}

fn to_usize(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn hunk(group: &[Edit], old: &[&[u8]], new: &[&[u8]]) -> Option<Hunk> {
    let (first, last) = (group.first()?, group.last()?);
    let lead = first.0.start.min(CONTEXT);
    let start = first.0.start - lead;
    let end = (last.0.end + CONTEXT).min(old.len());
    let mut lines = Vec::new();
    let mut at = start;
    for (gone, come) in group {
        push(&mut lines, LineKind::Context, &old[at..gone.start]);
        push(&mut lines, LineKind::Removed, &old[gone.clone()]);
        push(&mut lines, LineKind::Added, &new[come.clone()]);
        at = gone.end;
    }
    push(&mut lines, LineKind::Context, &old[at..end]);
    let has = |without: LineKind| lines.iter().any(|line: &Line| line.kind != without);
    Some(Hunk {
        old_start: number(start, has(LineKind::Added)),
        new_start: number(first.1.start - lead, has(LineKind::Removed)),
        lines,
    })
}

fn push(lines: &mut Vec<Line>, kind: LineKind, from: &[&[u8]]) {
    lines.extend(from.iter().map(|bytes| Line {
        kind,
        bytes: bytes.to_vec(),
    }));
}

/// Lines count from 1; a side without lines starts at the line before, as in a unified diff.
fn number(index: usize, has_lines: bool) -> u32 {
    u32::try_from(index + usize::from(has_lines)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
