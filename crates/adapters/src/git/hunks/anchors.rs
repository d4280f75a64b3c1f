//! Compares long texts: pairs the lines that occur once on each side, then looks into the gaps between them.

use std::collections::HashMap;
use std::ops::Range;

use super::{Edit, Effort, direct};

/// Lines one pair of texts may have looked at, over all depths of gaps in gaps.
const MAX_LOOKED_AT: usize = 50_000_000;

/// What takes whose place, with the work that is left.
pub(super) fn edits(old: &[&[u8]], new: &[&[u8]], effort: &mut Effort) -> Vec<Edit> {
    let mut search = Search::new(old, new);
    search.run(effort);
    edits_of(&search.old_kept, &search.new_kept)
}

/// Reads the edits off the lines that both sides keep.
fn edits_of(old_kept: &[bool], new_kept: &[bool]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let (mut old, mut new) = (0, 0);
    while old < old_kept.len() || new < new_kept.len() {
        let (old_start, new_start) = (old, new);
        old += run(&old_kept[old..], false);
        new += run(&new_kept[new..], false);
        if old > old_start || new > new_start {
            edits.push((old_start..old, new_start..new));
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

/// The search for lines that both sides keep.
struct Search<'a> {
    old_lines: &'a [&'a [u8]],
    new_lines: &'a [&'a [u8]],
    /// Lines that occur on both sides, as numbers, with their places; others cannot be kept.
    old: Vec<(u32, usize)>,
    new: Vec<(u32, usize)>,
    old_kept: Vec<bool>,
    new_kept: Vec<bool>,
    left: usize,
}

impl<'a> Search<'a> {
    fn new(old: &'a [&'a [u8]], new: &'a [&'a [u8]]) -> Self {
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
            old_lines: old,
            new_lines: new,
            old: old_numbers,
            new: new_numbers,
            old_kept: vec![false; old.len()],
            new_kept: vec![false; new.len()],
            left: MAX_LOOKED_AT,
        }
    }

    fn run(&mut self, effort: &mut Effort) {
        let mut gaps = vec![(0..self.old.len(), 0..self.new.len())];
        while let Some((old, new)) = gaps.pop() {
            let Some((old, new)) = self.keep_ends(old, new) else {
                continue;
            };
            let Some(left) = self.left.checked_sub(old.len() + new.len()) else {
                return;
            };
            self.left = left;
            let anchors = self.anchors(&old, &new);
            if anchors.is_empty() {
                if effort.pays(old.len() + new.len()) {
                    self.keep_common(old, new);
                }
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

    /// Compares a gap without unique lines directly.
    fn keep_common(&mut self, old: Range<usize>, new: Range<usize>) {
        let old_lines: Vec<&[u8]> = self.old[old.clone()]
            .iter()
            .map(|line| self.old_lines[line.1])
            .collect();
        let new_lines: Vec<&[u8]> = self.new[new.clone()]
            .iter()
            .map(|line| self.new_lines[line.1])
            .collect();
        let (mut old_at, mut new_at) = (0, 0);
        let end = (old.len()..old.len(), new.len()..new.len());
        for (gone, come) in direct(&old_lines, &new_lines).into_iter().chain([end]) {
            while old_at < gone.start {
                self.keep(old.start + old_at, new.start + new_at);
                old_at += 1;
                new_at += 1;
            }
            (old_at, new_at) = (gone.end, come.end);
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
