//! Text that a reader does not see, or sees in another order than a compiler or a model reads it (T23).

use super::super::{Analyses, Analysis};
use crate::change::FileChange;
use crate::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use crate::hunk::LineKind;
use crate::rule_text::RuleText;

/// A change writes characters that are not seen.
pub const HIDDEN: RuleText = RuleText {
    id: "text.hidden-characters",
    agent: Agent::Security,
    severity: Severity::High,
    confidence: Confidence::High,
    category: "hidden-text",
    message: "a line holds characters that are not seen or that turn its text around",
    why: "A person reviews something else than what a compiler, an interpreter or a model reads.",
    fix: "Take them out, or write them as escapes.",
};

/// Lines of one file that are told.
const MAX_LINES: usize = 5;
/// What begins the flag of a region, which is spelt in tags.
const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';

/// How a character deceives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    Turns,
    Tag,
    Invisible,
}

/// One finding for each line that the change wrote and that holds such a character.
pub(super) fn find(files: &[&FileChange], analyses: &Analyses) -> Vec<Finding> {
    let is_read = |file: &&&FileChange| match analyses.files.get(&file.path) {
        Some(Analysis::Skipped { reason, .. }) => !reason.is_neutral(),
        _ => file.head.text().is_some(),
    };
    files
        .iter()
        .filter(is_read)
        .flat_map(|file| of_file(file))
        .collect()
}

fn of_file(file: &FileChange) -> Vec<Finding> {
    let mut found = Vec::new();
    for hunk in &file.hunks {
        let mut number = hunk.new_start;
        for line in &hunk.lines {
            if line.kind == LineKind::Removed {
                continue;
            }
            let text = String::from_utf8_lossy(&line.bytes);
            if line.kind == LineKind::Added
                && let Some((column, trick, character)) = first_trick(&text, number == 1)
            {
                found.push(finding(file, number, column, trick, character, &text));
            }
            number = number.saturating_add(1);
        }
    }
    found.truncate(MAX_LINES);
    found
}

fn first_trick(line: &str, is_first: bool) -> Option<(u32, Trick, char)> {
    let mut is_flag = false;
    for (column, character) in (1..).zip(line.chars()) {
        // A mark of the byte order may begin a file.
        let is_mark = character == '\u{FEFF}' && is_first && column == 1;
        let trick = trick(character).filter(|trick| !is_mark && (!is_flag || *trick != Trick::Tag));
        if let Some(trick) = trick {
            return Some((column, trick, character));
        }
        is_flag =
            character == BLACK_FLAG || (is_flag && is_tag(character) && character != CANCEL_TAG);
    }
    None
}

fn is_tag(character: char) -> bool {
    matches!(u32::from(character), 0xE0000..=0xE007F)
}

fn trick(character: char) -> Option<Trick> {
    match u32::from(character) {
        0x202A..=0x202E | 0x2066..=0x2069 => Some(Trick::Turns),
        0xE0000..=0xE007F => Some(Trick::Tag),
        0xAD
        | 0x115F..=0x1160
        | 0x180E
        | 0x200B
        | 0x2060..=0x2064
        | 0x3164
        | 0xFEFF
        | 0xFFA0
        | 0xE0100..=0xE01EF => Some(Trick::Invisible),
        _ => None,
    }
}

fn finding(
    file: &FileChange,
    line: u32,
    column: u32,
    trick: Trick,
    character: char,
    text: &str,
) -> Finding {
    let (severity, what) = match trick {
        Trick::Turns => (Severity::High, "turns the text around it"),
        Trick::Tag => (Severity::High, "is a letter that only programs see"),
        Trick::Invisible => (Severity::Medium, "is not seen"),
    };
    let code = format!("U+{:04X}", u32::from(character));
    Finding {
        severity,
        cwe: vec![1007],
        message: format!("{code} in column {column} {what}"),
        snippet: text.trim_end().to_owned(),
        fingerprint: stem(HIDDEN.id, None, text),
        ..HIDDEN.finding(Location {
            path: file.path.clone(),
            line,
            column,
            end_line: line,
            end_column: column.saturating_add(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_told_and_what_is_written_by_honest_people_is_not() {
        let told = |line: &str| first_trick(line, false).map(|(column, ..)| column);
        assert_eq!(told("if (a) {\u{202e} /* */"), Some(9));
        assert_eq!(told("x\u{e0041}y"), Some(2));
        assert_eq!(told("pass\u{200b}word"), Some(5));
        assert_eq!(told("\u{feff}late"), Some(1));
        assert_eq!(first_trick("\u{feff}first", true), None);
        // Emoji with a variation, joined emoji, the flag of Scotland, Persian with a joiner.
        for honest in [
            "❤\u{fe0f}",
            "👩\u{200d}🚀",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "می\u{200c}شود",
            "naïve",
        ] {
            assert_eq!(told(honest), None, "{honest:?}");
        }
        // The letters behind a whole flag are none.
        assert_eq!(told("🏴\u{e0067}\u{e007f}\u{e0041}"), Some(4));
    }
}
