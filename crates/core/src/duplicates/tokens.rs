//! Cuts source texts into tokens, whatever their language: words, strings and marks, without white space and comments.

use crate::change::RepoPath;

/// A token; equal ones have equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) name: u64,
    /// From 1.
    pub(super) line: u32,
}

/// Words that begin a line which every file of its kind has.
const PREAMBLE: [&str; 5] = ["import", "from", "use", "package", "include"];

/// The tokens of a text. Lines that name what a file uses are left out.
pub(super) fn tokens(path: &RepoPath, text: &str) -> Vec<Token> {
    let extension = path.extension();
    let has_hashes = matches!(extension.as_str(), "py" | "pyi" | "rb" | "sh");
    let has_lifetimes = extension == "rs";
    let mut tokens = Vec::new();
    let mut line = 1_u32;
    let mut is_first = true;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = if next == '\n' {
            line = line.saturating_add(1);
            is_first = true;
            rest = &rest[1..];
            continue;
        } else if next.is_whitespace() {
            let blank = rest.find(|next: char| next == '\n' || !next.is_whitespace());
            blank.unwrap_or(rest.len())
        } else if (has_hashes && next == '#') || (!has_hashes && rest.starts_with("//")) {
            to_line_end(rest)
        } else if !has_hashes && rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            let length = match next {
                '"' | '`' => string(rest, next),
                '\'' if !has_lifetimes => string(rest, next),
                _ if is_of_word(next) => rest.find(|next| !is_of_word(next)).unwrap_or(rest.len()),
                _ => next.len_utf8(),
            };
            let word = &rest[..length];
            if is_first && PREAMBLE.contains(&word) {
                to_line_end(rest)
            } else {
                tokens.push(Token {
                    name: name(word.as_bytes()),
                    line,
                });
                length
            }
        };
        is_first = is_first && next.is_whitespace();
        // Only comments and strings span lines; a word or a mark is too short to be asked.
        if length > 1 && !is_of_word(next) {
            let passed = rest[..length].matches('\n').count();
            line = line.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        }
        rest = &rest[length..];
    }
    tokens
}

/// FNV-1a, 64 bits: short words are named faster than by anything that resists being attacked.
fn name(word: &[u8]) -> u64 {
    word.iter().fold(0xcbf2_9ce4_8422_2325, |name, byte| {
        (name ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn to_line_end(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// How long the text is that begins here. Of one line, unless its quotes may span more.
fn string(rest: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    if quote != '`' && rest.starts_with(&triple) {
        return rest[3..].find(&triple).map_or(rest.len(), |end| end + 6);
    }
    let mut is_escaped = false;
    for (at, next) in rest.char_indices().skip(1) {
        if next == '\n' && quote != '`' {
            return at;
        }
        if next == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = next == '\\' && !is_escaped;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(path: &str, text: &str) -> Vec<u32> {
        tokens(&path.into(), text)
            .iter()
            .map(|token| token.line)
            .collect()
    }

    #[test]
    fn comments_and_preambles_are_no_tokens() {
        assert_eq!(
            lines("a.py", "import os\n# x\nx = 'a # b'  # y\n"),
            [3, 3, 3]
        );
        assert_eq!(lines("a.js", "// x\nf(/* y\nz */ `a\nb`)\n"), [2, 2, 3, 4]);
        assert_eq!(lines("a.rs", "fn f<'a>(x: &'a str) {}").len(), 16);
        assert_eq!(lines("a.py", "\"\"\"a\nb\"\"\"\nx\n"), [1, 3]);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_and_lines_never_go_back(text in "(?s).{0,80}|[\"'`/*#\\\\\na]{0,40}") {
            for path in ["a.py", "a.js", "a.rs"] {
                let lines = lines(path, &text);
                prop_assert!(lines.windows(2).all(|pair| pair[0] <= pair[1]));
                let most = text.matches('\n').count() + 1;
                prop_assert!(lines.iter().all(|line| *line as usize <= most));
            }
        }
    }
}
