//! Changed regions of a file: line numbers on both sides, and which lines a review may comment on.

mod parse;
mod patch;
mod print;
mod quote;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub use parse::{PatchSyntaxError, parse};
pub use patch::{ApplyError, FilePatch};
pub use print::print;

/// A run of changed lines with up to three lines of context around it, as in a unified diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// First line at base, 1-based; 0 when the base side is empty.
    pub old_start: u32,
    /// First line at head, 1-based; 0 when the head side is empty.
    pub new_start: u32,
    /// The lines in order.
    pub lines: Vec<Line>,
}

/// One line of a hunk, with its line ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which side or sides hold it.
    pub kind: LineKind,
    /// The bytes, including the line ending if there is one.
    pub bytes: Vec<u8>,
}

/// Which side of a change holds a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Both sides.
    Context,
    /// Head only.
    Added,
    /// Base only.
    Removed,
}

impl Hunk {
    /// Number of lines this hunk spans at base.
    #[must_use]
    pub fn old_len(&self) -> u32 {
        self.count(|kind| kind != LineKind::Added)
    }

    /// Number of lines this hunk spans at head.
    #[must_use]
    pub fn new_len(&self) -> u32 {
        self.count(|kind| kind != LineKind::Removed)
    }

    fn count(&self, wanted: impl Fn(LineKind) -> bool) -> u32 {
        u32::try_from(self.lines.iter().filter(|line| wanted(line.kind)).count())
            .unwrap_or(u32::MAX)
    }
}

/// The lines of a file's head side that a review may comment on, and those the change wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommentableLines {
    shown: Vec<RangeInclusive<u32>>,
    added: Vec<RangeInclusive<u32>>,
}

impl CommentableLines {
    /// Reads both sets off a file's hunks.
    #[must_use]
    pub fn of(hunks: &[Hunk]) -> Self {
        let mut lines = Self::default();
        for hunk in hunks {
            let mut number = hunk.new_start;
            for line in &hunk.lines {
                if line.kind == LineKind::Removed {
                    continue;
                }
                push(&mut lines.shown, number);
                if line.kind == LineKind::Added {
                    push(&mut lines.added, number);
                }
                number = number.saturating_add(1);
            }
        }
        lines
    }

    /// Whether the change wrote this line.
    #[must_use]
    pub fn is_added(&self, line: u32) -> bool {
        self.added.iter().any(|range| range.contains(&line))
    }

    /// Whether the line is part of the diff, as context or as an addition.
    #[must_use]
    pub fn is_shown(&self, line: u32) -> bool {
        self.shown.iter().any(|range| range.contains(&line))
    }

    /// The first line of `range` that the change wrote.
    #[must_use]
    pub fn first_added(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let next = self
            .added
            .partition_point(|written| written.end() < range.start());
        let first = *self.added.get(next)?.start().max(range.start());
        (first <= *range.end()).then_some(first)
    }

    /// The line of the diff nearest to `line`, an added one if there is any.
    #[must_use]
    pub fn nearest(&self, line: u32) -> Option<u32> {
        let candidates = if self.added.is_empty() {
            &self.shown
        } else {
            &self.added
        };
        candidates
            .iter()
            .map(|range| line.clamp(*range.start(), *range.end()))
            .min_by_key(|candidate| (candidate.abs_diff(line), *candidate))
    }

    /// How many lines the change wrote.
    #[must_use]
    pub fn added_count(&self) -> u32 {
        self.added
            .iter()
            .map(|range| range.end() - range.start() + 1)
            .sum()
    }
}

fn push(ranges: &mut Vec<RangeInclusive<u32>>, line: u32) {
    match ranges.last_mut() {
        Some(last) if last.end().checked_add(1) == Some(line) => *last = *last.start()..=line,
        _ => ranges.push(line..=line),
    }
}
