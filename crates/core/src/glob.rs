//! Path patterns: `*`, `**`, `?`, `[a-z]` and `{a,b}`, matched without back-tracking blow-up.
//!
//! `*` and `?` stay within a path segment, `**` spans segments. A pattern without `/` matches in any folder,
//! one that ends in `/` matches everything beneath that folder, any other is read from the root of the repository.

use thiserror::Error;

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    alternatives: Vec<Vec<Segment>>,
}

/// Why a pattern cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GlobError {
    /// `{` without `}`, or the other way round.
    #[error("`{0}` has a brace without its partner")]
    Brace(String),
    /// `[` without `]`, or an empty class.
    #[error("`{0}` has a character class that does not end")]
    Class(String),
    /// More alternatives than any honest pattern needs.
    #[error("`{0}` stands for more than {MAX_ALTERNATIVES} patterns")]
    TooMany(String),
    /// The empty pattern.
    #[error("a pattern must not be empty")]
    Empty,
}

const MAX_ALTERNATIVES: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Deep,
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Is(char),
    AnyOne,
    AnyRun,
    OneOf {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If braces or classes are not closed, or the pattern is empty or stands for too many.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        let mut alternatives = Vec::new();
        for plain in expand(text)? {
            alternatives.push(segments(&plain, text)?);
        }
        Ok(Self {
            text: text.to_owned(),
            alternatives,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern covers the whole path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.matches_split(&SplitPath::of(path))
    }

    /// Like [`Self::matches`], for a path that many patterns are tried on.
    #[must_use]
    pub fn matches_split(&self, path: &SplitPath) -> bool {
        self.alternatives.iter().any(|pattern| {
            wild(
                pattern,
                &path.names,
                |segment| *segment == Segment::Deep,
                |segment, name| match segment {
                    Segment::Deep => false,
                    Segment::Name(tokens) => {
                        wild(tokens, name, |token| *token == Token::AnyRun, Token::fits)
                    }
                },
            )
        })
    }
}

/// A path cut into its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitPath {
    names: Vec<Vec<char>>,
}

impl SplitPath {
    /// Cuts a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let names = path.split('/').map(|name| name.chars().collect());
        Self {
            names: names.collect(),
        }
    }
}

impl Token {
    fn fits(&self, character: &char) -> bool {
        match self {
            Self::Is(wanted) => wanted == character,
            Self::AnyOne => true,
            Self::AnyRun => false,
            Self::OneOf { is_negated, ranges } => {
                let is_inside = ranges
                    .iter()
                    .any(|(first, last)| (first..=last).contains(&character));
                is_inside != *is_negated
            }
        }
    }
}

/// Matches a pattern with runs against items; remembering only the last run is enough, so the cost is at most their product.
fn wild<P, T>(
    pattern: &[P],
    items: &[T],
    is_run: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut run: Option<(usize, usize)> = None;
    while item < items.len() {
        match pattern.get(at) {
            Some(part) if is_run(part) => {
                run = Some((at, item));
                at += 1;
            }
            Some(part) if fits(part, &items[item]) => {
                at += 1;
                item += 1;
            }
            _ => match run {
                Some((run_at, taken)) => {
                    run = Some((run_at, taken + 1));
                    at = run_at + 1;
                    item = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(is_run)
}

fn expand(text: &str) -> Result<Vec<String>, GlobError> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(next) = open.pop() {
        match first_brace(&next).map_err(|()| GlobError::Brace(text.to_owned()))? {
            None => done.push(next),
            Some((start, end)) => {
                for choice in choices(&next[start + 1..end]).into_iter().rev() {
                    open.push(format!("{}{choice}{}", &next[..start], &next[end + 1..]));
                }
            }
        }
        if done.len() + open.len() > MAX_ALTERNATIVES {
            return Err(GlobError::TooMany(text.to_owned()));
        }
    }
    Ok(done)
}

/// The first outermost pair of braces.
fn first_brace(text: &str) -> Result<Option<(usize, usize)>, ()> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut is_escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' => {
                if depth == 0 {
                    start = index;
                }
                depth += 1;
            }
            '}' => {
                depth = depth.checked_sub(1).ok_or(())?;
                if depth == 0 {
                    return Ok(Some((start, index)));
                }
            }
            _ => {}
        }
    }
    if depth == 0 { Ok(None) } else { Err(()) }
}

fn choices(inside: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut is_escaped) = (0_usize, 0, false);
    for (index, character) in inside.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inside[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    parts
}

fn segments(plain: &str, text: &str) -> Result<Vec<Segment>, GlobError> {
    let is_anywhere = !plain.trim_end_matches('/').contains('/');
    let mut parts = Vec::new();
    if is_anywhere && !plain.starts_with('/') {
        parts.push(Segment::Deep);
    }
    let beneath = plain.ends_with('/');
    for part in plain.split('/').filter(|part| !part.is_empty()) {
        parts.push(if part == "**" {
            Segment::Deep
        } else {
            Segment::Name(tokens(part).ok_or_else(|| GlobError::Class(text.to_owned()))?)
        });
    }
    // A folder's own name is no file: `docs/` and `docs/**` need something beneath it.
    if beneath || parts.last() == Some(&Segment::Deep) {
        while parts.last() == Some(&Segment::Deep) {
            parts.pop();
        }
        parts.push(Segment::Deep);
        parts.push(Segment::Name(vec![Token::AnyRun]));
    }
    Ok(parts)
}

fn tokens(part: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::AnyRun,
            '?' => Token::AnyOne,
            '[' => class(&mut characters)?,
            '\\' => Token::Is(characters.next().unwrap_or('\\')),
            other => Token::Is(other),
        });
    }
    Some(tokens)
}

fn class(characters: &mut std::str::Chars<'_>) -> Option<Token> {
    let mut inside = Vec::new();
    loop {
        match characters.next()? {
            ']' if !inside.is_empty() => break,
            other => inside.push(other),
        }
    }
    let is_negated = matches!(inside.first(), Some('!' | '^')) && inside.len() > 1;
    let mut rest = &inside[usize::from(is_negated)..];
    let mut ranges = Vec::new();
    while let Some(first) = rest.first() {
        if rest.len() >= 3 && rest[1] == '-' {
            ranges.push((*first, rest[2]));
            rest = &rest[3..];
        } else {
            ranges.push((*first, *first));
            rest = &rest[1..];
        }
    }
    Some(Token::OneOf { is_negated, ranges })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Glob, GlobError};

    fn hits(pattern: &str, path: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(path)
    }

    #[test]
    fn a_star_stays_within_a_segment_and_two_span_segments() {
        assert!(hits("src/*.rs", "src/main.rs"));
        assert!(!hits("src/*.rs", "src/a/main.rs"));
        assert!(hits("src/**/*.rs", "src/main.rs"));
        assert!(hits("src/**/*.rs", "src/a/b/main.rs"));
        assert!(hits("**/auth/**", "auth/login.py"));
        assert!(hits("**/auth/**", "src/auth/a/b.py"));
        assert!(!hits("**/auth/**", "src/auth"));
        assert!(!hits("**/auth/**", "src/author/a.py"));
    }

    #[test]
    fn a_pattern_without_a_slash_matches_in_any_folder() {
        assert!(hits("Cargo.toml", "Cargo.toml"));
        assert!(hits("Cargo.toml", "crates/core/Cargo.toml"));
        assert!(hits("*.{js,ts}", "web/a.ts"));
        assert!(!hits("/Cargo.toml", "crates/core/Cargo.toml"));
    }

    #[test]
    fn a_trailing_slash_means_everything_beneath() {
        assert!(hits("docs/", "docs/a/b.md"));
        assert!(hits("docs/", "web/docs/a.md"));
        assert!(hits("web/docs/", "web/docs/a.md"));
        assert!(!hits("docs/", "docs"));
    }

    #[test]
    fn classes_and_escapes_are_read() {
        assert!(hits("v[0-9]*.sql", "v1__x.sql"));
        assert!(!hits("v[!0-9]*.sql", "v1__x.sql"));
        assert!(hits(r"a\*b", "a*b"));
        assert!(!hits(r"a\*b", "axb"));
        assert!(hits("a?c", "aäc"));
    }

    #[test]
    fn broken_patterns_are_refused() {
        assert_eq!(Glob::parse("a{b"), Err(GlobError::Brace("a{b".into())));
        assert_eq!(Glob::parse("a}b"), Err(GlobError::Brace("a}b".into())));
        assert_eq!(Glob::parse("a[b"), Err(GlobError::Class("a[b".into())));
        assert_eq!(Glob::parse(""), Err(GlobError::Empty));
        let wide = "{a,b,c,d}".repeat(9);
        assert_eq!(Glob::parse(&wide), Err(GlobError::TooMany(wide.clone())));
    }

    #[test]
    fn many_stars_end_soon() {
        let path = "a".repeat(3_000);
        assert!(!hits(&format!("{}b", "*a".repeat(30)), &path));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_text_makes_it_panic(pattern in ".{0,40}", path in ".{0,60}") {
            if let Ok(glob) = Glob::parse(&pattern) {
                let _ = glob.matches(&path);
            }
        }

        #[test]
        fn a_plain_path_matches_itself(path in "[a-z]{1,5}(/[a-z.]{1,5}){0,4}") {
            prop_assert!(hits(&path, &path));
            let beneath = format!("x/{path}");
            prop_assert_eq!(hits(&path, &beneath), !path.contains('/'));
        }
    }
}
