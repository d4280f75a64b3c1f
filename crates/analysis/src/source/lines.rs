//! Where the lines of a text start, and which line and column a byte has.

use std::ops::Range;

/// Starts of lines, in bytes. A line ends with `\n`, which belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    starts: Vec<usize>,
    length: usize,
}

impl Lines {
    /// Finds the lines of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        if starts.len() > 1 && starts.last() == Some(&text.len()) {
            starts.pop();
        }
        Self {
            starts,
            length: text.len(),
        }
    }

    /// Number of lines; an empty text has one.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// 1-based line of a byte; bytes behind the end are on the last line.
    #[must_use]
    pub fn line(&self, byte: usize) -> u32 {
        let index = self.starts.partition_point(|start| *start <= byte);
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The bytes of a 1-based line with its ending; empty if there is no such line.
    #[must_use]
    pub fn range(&self, line: u32) -> Range<usize> {
        let index = line as usize;
        let start = index
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied()
            .unwrap_or(self.length);
        start..self.starts.get(index).copied().unwrap_or(self.length)
    }

    /// 1-based line and column, in characters, of a byte of the text these lines were made of.
    #[must_use]
    pub fn position(&self, text: &str, byte: usize) -> (u32, u32) {
        let byte = byte.min(text.len());
        let line = self.line(byte);
        let before = text
            .as_bytes()
            .get(self.range(line).start..byte)
            .unwrap_or_default();
        let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        (line, u32::try_from(column).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "é = 1\nx";
        let lines = Lines::of(text);
        assert_eq!(lines.position(text, 2), (1, 2));
        assert_eq!(lines.position(text, 7), (2, 1));
        assert_eq!(lines.position(text, 99), (2, 2));
    }

    proptest! {
        #[test]
        fn line_and_column_lead_back_to_the_byte(text in "[a-zé😀\\n\\r ]{0,80}") {
            let lines = Lines::of(&text);
            for (byte, _) in text.char_indices() {
                let (line, column) = lines.position(&text, byte);
                let range = lines.range(line);
                prop_assert!(range.contains(&byte));
                let back = text[range.clone()]
                    .char_indices()
                    .nth(column as usize - 1)
                    .map(|(offset, _)| range.start + offset);
                prop_assert_eq!(back, Some(byte));
            }
        }

        #[test]
        fn lines_cover_the_text_without_gap(text in "[a\\n]{0,40}") {
            let lines = Lines::of(&text);
            let mut end = 0;
            for line in 1..=lines.count() {
                let range = lines.range(line);
                prop_assert_eq!(range.start, end);
                end = range.end;
            }
            prop_assert_eq!(end, text.len());
        }
    }
}
