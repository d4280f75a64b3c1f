//! What differs between two texts, as hunks with three lines of context.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};
use pullmill_core::hunk::{Hunk, Line, LineKind};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// Compares two texts line by line. Bounded and free of chance: equal texts give equal hunks.
#[must_use]
pub fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let old: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let new: Vec<&[u8]> = after.split_inclusive(|byte| *byte == b'\n').collect();
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let changes: Vec<(Range<usize>, Range<usize>)> = diff
        .hunks()
        .map(|hunk| (to_usize(&hunk.before), to_usize(&hunk.after)))
        .collect();
    groups(&changes)
        .into_iter()
        .map(|group| hunk(group, &old, &new))
        .collect()
}

fn to_usize(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// Changes whose contexts touch belong to one hunk.
fn groups(changes: &[(Range<usize>, Range<usize>)]) -> Vec<&[(Range<usize>, Range<usize>)]> {
    changes
        .chunk_by(|a, b| b.0.start - a.0.end <= 2 * CONTEXT)
        .collect()
}

fn hunk(group: &[(Range<usize>, Range<usize>)], old: &[&[u8]], new: &[&[u8]]) -> Hunk {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return Hunk {
            old_start: 0,
            new_start: 0,
            lines: Vec::new(),
        };
    };
    let lead = first.0.start.min(CONTEXT);
    let old_start = first.0.start - lead;
    let new_start = first.1.start - lead;
    let end = (last.0.end + CONTEXT).min(old.len());
    let mut lines = Vec::new();
    let mut at = old_start;
    for (gone, come) in group {
        push(&mut lines, LineKind::Context, &old[at..gone.start]);
        push(&mut lines, LineKind::Removed, &old[gone.clone()]);
        push(&mut lines, LineKind::Added, &new[come.clone()]);
        at = gone.end;
    }
    push(&mut lines, LineKind::Context, &old[at..end]);
    let has = |without: LineKind| lines.iter().any(|line: &Line| line.kind != without);
    Hunk {
        old_start: number(old_start, has(LineKind::Added)),
        new_start: number(new_start, has(LineKind::Removed)),
        lines,
    }
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
