//! Private keys in PEM form: a header alone is no key, its body is.

use super::place::Place;
use super::{Found, report};

/// How far behind its header a key is looked for.
const REACH: usize = 16 * 1024;
/// Fewest base64 characters that make a key.
const MIN_BODY: usize = 60;

/// Reads the block whose `-----BEGIN ` stands at `at`.
pub(super) fn find(text: &str, at: usize, place: Place) -> Option<Found> {
    let rest = text.get(at..)?;
    let header_end = rest[11..].find("-----").filter(|length| *length <= 40)? + 11;
    let label = &rest[11..header_end];
    if !(label.ends_with("PRIVATE KEY") || label.ends_with("PRIVATE KEY BLOCK")) {
        return None;
    }
    let start = at + header_end + 5;
    let body = &text[start..];
    let mut reach = body.len().min(REACH);
    while !body.is_char_boundary(reach) {
        reach -= 1;
    }
    let window = &body[..reach];
    let length = window.find("-----").unwrap_or_else(|| unended(window));
    let block = &window[..length];
    if block.contains("...") || longest_run(block) < MIN_BODY {
        return None;
    }
    let is_locked = label.contains("ENCRYPTED") || block.contains("ENCRYPTED");
    Some(Found {
        rule: report::private_key(),
        shown: at..start,
        secret: start..start + length,
        name: label.to_ascii_lowercase(),
        is_generic: false,
        is_minor: place.is_test || is_locked,
    })
}

/// Without an end mark, the key ends with the first line that is no base64.
fn unended(window: &str) -> usize {
    window
        .split_inclusive('\n')
        .take_while(|line| {
            line.trim()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=\"',\\: -".contains(&byte))
        })
        .map(str::len)
        .sum()
}

/// Base64 characters in a row, over line ends, escapes and quotes, but not over words.
fn longest_run(block: &str) -> usize {
    let unescaped = block.replace("\\n", "\n").replace("\\r", "");
    unescaped
        .split(|character: char| character.is_whitespace() || "\"'+,`".contains(character))
        .map(|piece| piece.trim_matches('\\'))
        .filter(|piece| {
            piece.len() >= 16
                && piece
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        })
        .map(str::len)
        .sum()
}
