//! Lines of limited width with few colours: wraps prose by words and keeps hanging indents.

use anstyle::{AnsiColor, Style};
use pullmill_core::finding::Location;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::TextStyle;
use pullmill_core::escape::one_line;

/// Prose with less room than this goes below its lead.
const LEAST_ROOM: usize = 20;
const LEAST_WIDTH: usize = 40;
/// Longer lines of prose are hard to read.
const MOST_WIDTH: usize = 110;

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Strong,
    Faint,
    Good,
    Warning,
    Bad,
    Note,
    Place,
    Code,
}

impl Ink {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => colour(AnsiColor::Green),
            Self::Warning => colour(AnsiColor::Yellow).bold(),
            Self::Bad => colour(AnsiColor::Red).bold(),
            Self::Note => colour(AnsiColor::Blue).bold(),
            Self::Place | Self::Code => colour(AnsiColor::Cyan),
        }
    }
}

/// The text written so far.
pub(super) struct Paper {
    out: String,
    width: usize,
    is_coloured: bool,
}

impl Paper {
    pub(super) fn new(style: &TextStyle) -> Self {
        Self {
            out: String::new(),
            width: style.width.clamp(LEAST_WIDTH, MOST_WIDTH),
            is_coloured: style.is_coloured,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// The text in its colour, or as it is.
    pub(super) fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.is_coloured || text.is_empty() {
            return text.to_owned();
        }
        let style = ink.style();
        format!("{style}{text}{style:#}")
    }

    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    pub(super) fn title(&mut self, text: &str) {
        self.blank();
        let text = self.ink(Ink::Strong, text);
        self.line(&text);
    }

    /// Prose at an indent.
    pub(super) fn prose(&mut self, indent: usize, text: &str) {
        self.paragraph(&" ".repeat(indent), indent, text, None);
    }

    /// Like [`Self::prose`], in the background.
    pub(super) fn faint(&mut self, indent: usize, text: &str) {
        self.paragraph(&" ".repeat(indent), indent, text, Some(Ink::Faint));
    }

    /// A lead of `taken` columns, two spaces, and prose that hangs behind it.
    pub(super) fn lead(&mut self, lead: &str, taken: usize, text: &str) {
        self.paragraph(&format!("{lead}  "), taken + 2, text, None);
    }

    /// Like [`Self::lead`], with strong prose.
    pub(super) fn lead_strong(&mut self, lead: &str, taken: usize, text: &str) {
        self.paragraph(&format!("{lead}  "), taken + 2, text, Some(Ink::Strong));
    }

    /// A line that names a place.
    pub(super) fn place(&mut self, location: &Location) {
        let text = format!("{}:{}:{}", location.path, location.line, location.column);
        let text = clip_left(&one_line(&text), self.width - 2);
        let text = self.ink(Ink::Place, &text);
        self.line(&format!("  {text}"));
    }

    fn paragraph(&mut self, lead: &str, hang: usize, text: &str, ink: Option<Ink>) {
        // A lead that leaves no room for words gets them on the next line.
        let (hang, is_below) = if hang + LEAST_ROOM > self.width {
            (6, true)
        } else {
            (hang, false)
        };
        let mut lead = lead.to_owned();
        if is_below {
            self.line(&lead);
            lead = " ".repeat(hang);
        }
        let mut is_code = false;
        for part in wrap(text, self.width - hang) {
            let inked = self.inked(&part, ink, &mut is_code);
            self.line(&format!("{lead}{inked}"));
            lead = " ".repeat(hang);
        }
    }

    /// Colours what stands in backticks, also across lines.
    fn inked(&self, line: &str, ink: Option<Ink>, is_code: &mut bool) -> String {
        if !self.is_coloured {
            return line.to_owned();
        }
        let plain = |text: &str| ink.map_or_else(|| text.to_owned(), |ink| self.ink(ink, text));
        let mut out = String::new();
        for (index, piece) in line.split('`').enumerate() {
            if index > 0 {
                *is_code = !*is_code;
                out.push_str(&self.ink(Ink::Faint, "`"));
            }
            out.push_str(&if *is_code {
                self.ink(Ink::Code, piece)
            } else {
                plain(piece)
            });
        }
        out
    }
}

/// How many columns the text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// How many columns a character takes.
pub(super) fn char_columns(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// The text, or its start and an ellipsis.
pub(super) fn clip(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut taken = 1;
    for character in text.chars() {
        taken += char_columns(character);
        if taken > room {
            break;
        }
        out.push(character);
    }
    out + "…"
}

/// The text, or an ellipsis and its end: of a path the end says more.
pub(super) fn clip_left(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut tail = Vec::new();
    let mut taken = 1;
    for character in text.chars().rev() {
        taken += char_columns(character);
        if taken > room {
            break;
        }
        tail.push(character);
    }
    std::iter::once('…').chain(tail.into_iter().rev()).collect()
}

/// Breaks at spaces; a word that is wider than the room is broken anywhere.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut taken = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = columns(word);
        if taken > 0 && taken + 1 + wide > room {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        if taken > 0 {
            line.push(' ');
            taken += 1;
        }
        for character in word.chars() {
            let wide = char_columns(character);
            if taken + wide > room {
                lines.push(std::mem::take(&mut line));
                taken = 0;
            }
            line.push(character);
            taken += wide;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}
