//! Masks secrets in texts that leave for others: here nothing is spared as a look-alike, and the lines stay (T24).

use std::collections::BTreeSet;
use std::ops::Range;

use pullmill_analysis::secrets::Scanner;
use pullmill_core::change::RepoPath;

const STARS: &str = "****";
/// A place where the scanner is as strict as it gets: it is milder with tests, documents and lock files.
const STRICT: &str = "src/main.py";
/// A shorter secret is not looked for elsewhere: it would be found in other words.
const MIN_VALUE: usize = 8;

/// The text with stars for secrets, and for whatever else in it says the same. Nothing but bytes is looked at: no grammar.
#[must_use]
pub fn text(path: &RepoPath, text: &str) -> String {
    let strict = RepoPath::from(STRICT);
    let found = [path, &strict].map(|path| Scanner::new().scan(text, path));
    let ranges = found
        .iter()
        .flatten()
        .flat_map(|hit| hit.masked.iter().cloned());
    let ranges = joined(
        ranges
            .filter(|range| text.get(range.clone()).is_some())
            .collect(),
    );
    let mut values = BTreeSet::new();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        let secret = &text[range.clone()];
        if secret.len() >= MIN_VALUE && !secret.contains('\n') {
            values.insert((std::cmp::Reverse(secret.len()), secret));
        }
        out.push_str(&text[at..range.start]);
        out.push_str(&stars(secret));
        at = range.end;
    }
    out.push_str(&text[at..]);
    let values = values.into_iter().map(|(_, value)| value);
    let out = values.fold(out, |out, value| out.replace(value, STARS));
    without_keys(&out)
}

/// The text without what stands in blocks of private keys, also in those that are cut or too short to be one.
fn without_keys(text: &str) -> String {
    let mut is_key = false;
    let lines = text.split('\n').map(|line| {
        let is_mark = line.contains("-----") && line.contains("PRIVATE KEY");
        if is_mark {
            is_key = line.contains("-----BEGIN");
            return line;
        }
        // Whatever cannot be part of a key ends a block that has no end.
        let word = line.trim().trim_matches(['"', '\'', ',', '+', '\\']);
        let is_base64 = word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=\\".contains(&byte));
        is_key &= is_base64 || line.contains(": ");
        if is_key && !word.is_empty() {
            STARS
        } else {
            line
        }
    });
    let lines: Vec<&str> = lines.collect();
    lines.join("\n")
}

/// Ranges that touch or overlap as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// Stars in place of a secret, one group for each of its lines.
fn stars(secret: &str) -> String {
    let lines: Vec<&str> = secret.split('\n').map(|_| STARS).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_everywhere_and_lines_stay() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7Vn3k9q2Zr0\nq8Yw2Lk5Tz1Bn6Vc4Xs3Df7Gh0Jk\n-----END RSA PRIVATE KEY-----\n";
        let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
        let source =
            format!("# {token}\npassword = \"hunter2-Very-Secret-9\"\n{key}print('{token}')\n");
        // A document is judged mildly, and still none of it leaves.
        let masked = text(&RepoPath::from("docs/tests/example.md"), &source);
        for secret in [
            token.as_str(),
            "hunter2-Very-Secret-9",
            "MIIEowIBAAKCAQEAx7Vn3k9q2Zr0",
        ] {
            assert!(!masked.contains(secret), "{masked}");
        }
        assert_eq!(masked.lines().count(), source.lines().count());
    }

    #[test]
    fn a_text_without_secrets_stays_as_it_is() {
        let source = "def add(a, b):\n    return a + b\n";
        assert_eq!(text(&RepoPath::from("a.py"), source), source);
    }
}
