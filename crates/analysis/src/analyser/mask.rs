//! Keeps secrets out of everything that is shown.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::hit::Hit;

const STARS: &str = "****";

/// The secrets of one file: where they stand and what they say.
pub(super) struct Mask {
    ranges: Vec<Range<usize>>,
    values: Vec<String>,
}

impl Mask {
    /// Collects the secrets of all hits: a secret in a line is hidden in every finding that shows the line.
    pub(super) fn of(hits: &[Hit], text: &str) -> Self {
        let mut ranges: Vec<Range<usize>> = hits
            .iter()
            .flat_map(|hit| hit.masked.iter().cloned())
            .filter(|range| !range.is_empty() && text.get(range.clone()).is_some())
            .collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        // Longest first, so that no secret is left in half because it holds another one.
        let values: BTreeSet<(std::cmp::Reverse<usize>, String)> = ranges
            .iter()
            .filter_map(|range| text.get(range.clone()))
            .filter(|value| value.len() >= 4)
            .map(|value| (std::cmp::Reverse(value.len()), value.to_owned()))
            .collect();
        Self {
            ranges,
            values: values.into_iter().map(|(_, value)| value).collect(),
        }
    }

    /// A part of the file with its secrets starred out.
    pub(super) fn slice(&self, text: &str, range: Range<usize>) -> String {
        let mut shown = String::new();
        let mut at = range.start;
        for secret in &self.ranges {
            let start = secret.start.max(at);
            let end = secret.end.min(range.end);
            if start >= end {
                continue;
            }
            shown.push_str(text.get(at..start).unwrap_or_default());
            shown.push_str(STARS);
            at = end;
        }
        shown.push_str(text.get(at..range.end).unwrap_or_default());
        shown
    }

    /// Words about the file with its secrets starred out.
    pub(super) fn words(&self, words: &str) -> String {
        self.values
            .iter()
            .filter(|value| words.contains(value.as_str()))
            .fold(words.to_owned(), |words, value| {
                words.replace(value.as_str(), STARS)
            })
    }
}
