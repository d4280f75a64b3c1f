//! Finds the changed regions between two texts, the same ones every time, at a bounded cost.

use std::collections::HashMap;
use std::ops::Range;

use pullmill_core::hunk::{Hunk, Line, LineKind};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Unchanged lines shown around a region.
const CONTEXT: usize = 3;

/// Work one file may cost, in compared pairs of lines.
const PER_FILE: u64 = 64_000_000;

/// Work and lines that are left for the files of a change. Counted, not timed: the result never depends on speed.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    work: u64,
    lines: usize,
}

impl Effort {
    /// A fresh allowance.
    pub(crate) fn new(lines: usize) -> Self {
        Self {
            work: 1_000_000_000,
            lines,
        }
    }
}

/// The changed regions between two texts; `None` if they have more lines than are left.
pub(crate) fn hunks(base: &[u8], head: &[u8], effort: &mut Effort) -> Option<Vec<Hunk>> {
    let (old, new) = (split(base), split(head));
    let edits = edits(&old, &new, effort);
    let shown: usize = edits
        .iter()
        .map(|edit| edit.old.len() + edit.new.len() + 2 * CONTEXT)
        .sum();
    effort.lines = effort.lines.checked_sub(shown)?;
    let mut hunks = Vec::new();
    for group in edits.chunk_by(|one, next| next.old.start - one.old.end <= 2 * CONTEXT) {
        hunks.extend(hunk(group, &old, &new));
    }
    Some(hunks)
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Lines of the base replaced by lines of the head; one of the ranges may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    old: Range<usize>,
    new: Range<usize>,
}

fn hunk(edits: &[Edit], old: &[&[u8]], new: &[&[u8]]) -> Option<Hunk> {
    let (first, last) = (edits.first()?, edits.last()?);
    let before = CONTEXT.min(first.old.start);
    let end = old.len().min(last.old.end + CONTEXT);
    let mut lines = Vec::new();
    let mut push = |kind, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        lines.push(Line { kind, bytes });
    };
    let mut at = first.old.start - before;
    for edit in edits {
        old[at..edit.old.start]
            .iter()
            .for_each(|line| push(LineKind::Context, line));
        old[edit.old.clone()]
            .iter()
            .for_each(|line| push(LineKind::Removed, line));
        new[edit.new.clone()]
            .iter()
            .for_each(|line| push(LineKind::Added, line));
        at = edit.old.end;
    }
    old[at..end]
        .iter()
        .for_each(|line| push(LineKind::Context, line));
    let after = end - last.old.end;
    Some(Hunk {
        old_start: start(first.old.start - before..end),
        new_start: start(first.new.start - before..last.new.end + after),
        lines,
    })
}

/// The number of the first line; an empty side names the line before it.
fn start(lines: Range<usize>) -> u32 {
    let number = lines.start + usize::from(!lines.is_empty());
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn edits(old: &[&[u8]], new: &[&[u8]], effort: &mut Effort) -> Vec<Edit> {
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[same_start..], &new[same_start..]);
    let same_end = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let old_middle = &old_rest[..old_rest.len() - same_end];
    let new_middle = &new_rest[..new_rest.len() - same_end];
    let mut search = Search::new(old_middle, new_middle, effort.work.min(PER_FILE));
    let allowed = search.left;
    search.run();
    effort.work -= allowed - search.left;
    edits_of(&search.old_kept, &search.new_kept, same_start)
}

/// Reads the edits off the lines that both sides keep.
fn edits_of(old_kept: &[bool], new_kept: &[bool], offset: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut old, mut new) = (0, 0);
    while old < old_kept.len() || new < new_kept.len() {
        let (old_start, new_start) = (old, new);
        old += run(&old_kept[old..], false);
        new += run(&new_kept[new..], false);
        if old > old_start || new > new_start {
            edits.push(Edit {
                old: offset + old_start..offset + old,
                new: offset + new_start..offset + new,
            });
        }
        // Kept lines come in pairs, so the shorter run is common to both sides.
        let same = run(&old_kept[old..], true).min(run(&new_kept[new..], true));
        old += same;
        new += same;
    }
    edits
}

fn run(kept: &[bool], wanted: bool) -> usize {
    kept.iter().take_while(|kept| **kept == wanted).count()
}

/// Looks for lines both sides keep: first lines that occur once on each side, then the gaps between those.
struct Search {
    /// Lines that occur on both sides, as numbers, with their places; others cannot be kept.
    old: Vec<(u32, usize)>,
    new: Vec<(u32, usize)>,
    old_kept: Vec<bool>,
    new_kept: Vec<bool>,
    left: u64,
}

impl Search {
    fn new(old: &[&[u8]], new: &[&[u8]], left: u64) -> Self {
        let mut numbers: HashMap<&[u8], u32> = HashMap::new();
        if !new.is_empty() {
            for line in old {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                numbers.entry(line).or_insert(next);
            }
        }
        let mut is_common = vec![false; numbers.len()];
        let mut new_numbers = Vec::new();
        for (place, line) in new.iter().enumerate() {
            if let Some(number) = numbers.get(line) {
                is_common[*number as usize] = true;
                new_numbers.push((*number, place));
            }
        }
        let mut old_numbers = Vec::new();
        for (place, line) in old.iter().enumerate() {
            match numbers.get(line) {
                Some(number) if is_common[*number as usize] => old_numbers.push((*number, place)),
                _ => {}
            }
        }
        Self {
            old: old_numbers,
            new: new_numbers,
            old_kept: vec![false; old.len()],
            new_kept: vec![false; new.len()],
            left,
        }
    }

    fn run(&mut self) {
        let mut gaps = vec![(0..self.old.len(), 0..self.new.len())];
        while let Some((old, new)) = gaps.pop() {
            let Some((old, new)) = self.keep_ends(old, new) else {
                continue;
            };
            let cost = (old.len() + new.len()) as u64;
            if !self.pay(cost) {
                continue;
            }
            let anchors = self.anchors(&old, &new);
            if anchors.is_empty() {
                self.keep_common(old, new);
                continue;
            }
            let (mut old_at, mut new_at) = (old.start, new.start);
            for (old_place, new_place) in anchors {
                self.keep(old_place, new_place);
                gaps.push((old_at..old_place, new_at..new_place));
                (old_at, new_at) = (old_place + 1, new_place + 1);
            }
            gaps.push((old_at..old.end, new_at..new.end));
        }
    }

    fn pay(&mut self, cost: u64) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn keep(&mut self, old: usize, new: usize) {
        self.old_kept[self.old[old].1] = true;
        self.new_kept[self.new[new].1] = true;
    }

    /// Keeps equal lines at both ends of a gap; `None` if a side is used up.
    fn keep_ends(
        &mut self,
        mut old: Range<usize>,
        mut new: Range<usize>,
    ) -> Option<(Range<usize>, Range<usize>)> {
        while !old.is_empty() && !new.is_empty() && self.old[old.start].0 == self.new[new.start].0 {
            self.keep(old.start, new.start);
            old.start += 1;
            new.start += 1;
        }
        while !old.is_empty()
            && !new.is_empty()
            && self.old[old.end - 1].0 == self.new[new.end - 1].0
        {
            old.end -= 1;
            new.end -= 1;
            self.keep(old.end, new.end);
        }
        (!old.is_empty() && !new.is_empty()).then_some((old, new))
    }

    /// The longest rising chain of lines that occur exactly once on each side of the gap.
    fn anchors(&self, old: &Range<usize>, new: &Range<usize>) -> Vec<(usize, usize)> {
        let mut seen: HashMap<u32, (u8, usize, u8, usize)> = HashMap::with_capacity(old.len());
        for place in old.clone() {
            let entry = seen.entry(self.old[place].0).or_default();
            entry.0 = entry.0.saturating_add(1);
            entry.1 = place;
        }
        for place in new.clone() {
            if let Some(entry) = seen.get_mut(&self.new[place].0) {
                entry.2 = entry.2.saturating_add(1);
                entry.3 = place;
            }
        }
        let unique: Vec<(usize, usize)> = old
            .clone()
            .filter_map(|place| match seen.get(&self.old[place].0) {
                Some((1, _, 1, new)) => Some((place, *new)),
                _ => None,
            })
            .collect();
        longest_rising(&unique)
    }

    /// Compares a gap without unique lines exactly if the allowance lasts; else nothing of it is kept.
    fn keep_common(&mut self, old: Range<usize>, new: Range<usize>) {
        let size = (old.len() + new.len()) as u64;
        if !self.pay(size.saturating_mul(size)) {
            return;
        }
        let numbers = |lines: &[(u32, usize)]| lines.iter().map(|line| line.0).collect::<Vec<_>>();
        let old_numbers = numbers(&self.old[old.clone()]);
        let new_numbers = numbers(&self.new[new.clone()]);
        for op in capture_diff_slices(Algorithm::Myers, &old_numbers, &new_numbers) {
            if let DiffOp::Equal {
                old_index,
                new_index,
                len,
            } = op
            {
                for step in 0..len {
                    self.keep(old.start + old_index + step, new.start + new_index + step);
                }
            }
        }
    }
}

/// The longest chain of pairs, given in the order of the first, in which the second rises too.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // `ends[n]` is the pair with the lowest second that ends a chain of n + 1.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < pair.1);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(index) = at {
        chain.push(pairs[index]);
        at = before[index];
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests;
