//! The code a finding is about: numbered lines with what is meant underlined. Reads the snippet as starting at the finding's first line.

use pullmill_core::finding::{Finding, Location};

use super::paper::{Ink, Paper, char_columns};
use super::severity_ink;
use pullmill_core::escape::visible;

const MAX_LINES: usize = 8;
const TAB: &str = "    ";

/// Writes the frame; nothing if there is no snippet.
pub(super) fn write(paper: &mut Paper, finding: &Finding) {
    let lines: Vec<&str> = finding.snippet.lines().collect();
    if lines.is_empty() {
        return;
    }
    let first = finding.location.line;
    let shown = lines.len().min(MAX_LINES);
    let last = first.saturating_add(u32::try_from(shown).unwrap_or(0));
    let digits = last.to_string().len();
    let edge = paper.ink(Ink::Faint, "│");
    let gap = " ".repeat(digits);
    let room = paper.width().saturating_sub(digits + 6).max(20);
    for (number, line) in (first..).zip(&lines[..shown]) {
        let row = Row::of(line, marked(&finding.location, number)).window(room);
        let label = paper.ink(Ink::Note, &format!("{number:>digits$}"));
        paper.line(&format!("  {label} {edge} {}", row.text));
        if let Some((start, end)) = row.mark {
            let carets = paper.ink(
                severity_ink(finding.severity),
                &"^".repeat((end - start).max(1)),
            );
            paper.line(&format!("  {gap} {edge} {}{carets}", " ".repeat(start)));
        }
    }
    if lines.len() > shown {
        let rest = lines.len() - shown;
        let more = if rest == 1 { "line" } else { "lines" };
        paper.faint(3 + digits, &format!("… {rest} more {more}"));
    }
}

/// The columns of a line that belong to the finding, 1-based; a finding of several lines is marked on its first one.
fn marked(location: &Location, number: u32) -> Option<(usize, usize)> {
    if number != location.line {
        return None;
    }
    let start = location.column.max(1) as usize;
    let end = if location.end_line > location.line {
        usize::MAX
    } else {
        (location.end_column as usize).max(start + 1)
    };
    Some((start, end))
}

/// A line as it is shown, and the terminal columns that are marked.
struct Row {
    text: String,
    mark: Option<(usize, usize)>,
}

impl Row {
    fn of(line: &str, marked: Option<(usize, usize)>) -> Self {
        let mut text = String::new();
        let (mut taken, mut start, mut end) = (0, None, None);
        for (column, character) in (1..).zip(line.chars()) {
            if marked.is_some_and(|(from, _)| from == column) {
                start = Some(taken);
            }
            if marked.is_some_and(|(_, to)| to == column) {
                end = Some(taken);
            }
            let shown = if character == '\t' {
                TAB.to_owned()
            } else {
                visible(character.encode_utf8(&mut [0; 4]))
            };
            taken += shown.chars().map(char_columns).sum::<usize>();
            text.push_str(&shown);
        }
        let trimmed = text.trim_end().len();
        let mark = start.map(|start| (start, end.unwrap_or(taken).max(start + 1)));
        text.truncate(trimmed);
        Self { text, mark }
    }

    /// Cuts a long line so that the mark stays in sight.
    fn window(self, room: usize) -> Self {
        let total: usize = self.text.chars().map(char_columns).sum();
        if total <= room {
            return self;
        }
        let start = self.mark.map_or(0, |(start, _)| start);
        let left = if start + 12 <= room {
            0
        } else {
            start.saturating_sub(room / 3)
        };
        let mut text = String::new();
        let mut taken = 0;
        if left > 0 {
            text.push('…');
        }
        let mut is_cut = false;
        for character in self.text.chars() {
            let wide = char_columns(character);
            if taken > left || (left == 0 && taken + wide > 0) {
                if taken + wide > left + room - 1 {
                    is_cut = true;
                    break;
                }
                text.push(character);
            }
            taken += wide;
        }
        if is_cut {
            text.push('…');
        }
        let limit = text.chars().map(char_columns).sum::<usize>();
        let mark = self.mark.map(|(start, end)| {
            let start = (start - left).min(limit.saturating_sub(1));
            (
                start,
                (end.saturating_sub(left)).clamp(start + 1, limit.max(start + 1)),
            )
        });
        Self { text, mark }
    }
}
