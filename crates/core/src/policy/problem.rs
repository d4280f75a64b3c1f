//! What can be wrong with a configuration, each with its place, and what would be right.

use std::fmt;

use serde::{Serialize, Serializer};

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of thing is wrong.
    pub code: Code,
    /// Line, 1-based.
    pub line: u32,
    /// Column in characters, 1-based.
    pub column: u32,
    /// The key with its tables, e.g. `review.fail_on` or `paths[0].globs[2]`; empty if none is meant.
    pub key: String,
    /// What the file says, shortened; empty if it says nothing.
    pub given: String,
    /// What it could say instead.
    pub allowed: String,
    /// The nearest thing that would be right.
    pub suggestion: Option<String>,
}

/// What kind of thing is wrong; its text is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// No TOML.
    Syntax,
    /// No UTF-8.
    NotUtf8,
    /// The file is too large to be read.
    TooLarge,
    /// No such key.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// Another type is needed.
    WrongType,
    /// A word that is none of those allowed.
    NotAllowed,
    /// A number outside its bounds.
    OutOfRange,
    /// No path pattern.
    BadGlob,
    /// No rule.
    BadRule,
    /// A name of the wrong form.
    BadName,
    /// Too few or too many values.
    WrongCount,
    /// Would leave nothing to review.
    TooBroad,
    /// A name is used twice.
    Duplicate,
    /// A name that stands for nothing.
    UnknownName,
    /// Two values that cannot both hold.
    Conflict,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 16] = [
        Self::Syntax,
        Self::NotUtf8,
        Self::TooLarge,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::NotAllowed,
        Self::OutOfRange,
        Self::BadGlob,
        Self::BadRule,
        Self::BadName,
        Self::WrongCount,
        Self::TooBroad,
        Self::Duplicate,
        Self::UnknownName,
        Self::Conflict,
    ];

    /// The stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.entry().0
    }

    /// What it means, for the reader.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::Syntax => ("config.syntax", "the file is not TOML here"),
            Self::NotUtf8 => ("config.not-utf8", "the file is not UTF-8"),
            Self::TooLarge => ("config.too-large", "the file is too large to be read"),
            Self::UnknownKey => ("config.unknown-key", "there is no such key"),
            Self::MissingKey => ("config.missing-key", "a key that must be there is not"),
            Self::WrongType => ("config.wrong-type", "another type is needed"),
            Self::NotAllowed => ("config.not-allowed", "the word is none of those allowed"),
            Self::OutOfRange => ("config.out-of-range", "the number is outside its bounds"),
            Self::BadGlob => ("config.bad-glob", "the text is no path pattern"),
            Self::BadRule => ("config.bad-rule", "the text names no rule"),
            Self::BadName => ("config.bad-name", "the name has the wrong form"),
            Self::WrongCount => ("config.wrong-count", "there are too few or too many values"),
            Self::TooBroad => ("config.too-broad", "nothing would be left to review"),
            Self::Duplicate => ("config.duplicate", "the name is used twice"),
            Self::UnknownName => ("config.unknown-name", "the name stands for nothing"),
            Self::Conflict => ("config.conflict", "two values cannot both hold"),
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(out, "`{}`: ", self.key)?;
        }
        out.write_str(self.code.meaning())?;
        if !self.given.is_empty() {
            write!(out, ": {}", self.given)?;
        }
        if !self.allowed.is_empty() {
            write!(out, "; allowed: {}", self.allowed)?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(out, "; did you mean `{suggestion}`?")?;
        }
        write!(out, " [{}]", self.code.text())
    }
}

/// Finds line and column of a byte.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// Line and column of a byte, both 1-based.
    pub(super) fn place(&self, byte: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|&start| start <= byte).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..byte).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        (number(line), number(column))
    }
}

/// Says that a file is not UTF-8 from a byte on.
pub(super) fn not_utf8(bytes: &[u8], valid: usize) -> Problem {
    let good = bytes.get(..valid).unwrap_or_default();
    let text = String::from_utf8_lossy(good);
    let (line, column) = Lines::new(&text).place(text.len());
    Problem {
        code: Code::NotUtf8,
        line,
        column,
        key: String::new(),
        given: bytes
            .get(valid)
            .map_or_else(String::new, |byte| format!("byte 0x{byte:02x}")),
        allowed: "UTF-8 text".to_owned(),
        suggestion: None,
    }
}

/// The candidate that differs least from a word, if any is near enough to be meant.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 3)
        .map(|candidate| (distance(&word.to_lowercase(), candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, dropped, replaced or swapped with the next to turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows = vec![vec![0_usize; to.len() + 1]; from.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    for (index, cell) in rows[0].iter_mut().enumerate() {
        *cell = index;
    }
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[from.len()][to.len()]
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
