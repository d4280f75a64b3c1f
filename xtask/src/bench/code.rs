//! Writes code that looks like people's: items of templates with changing names, the same on every run.

use std::fmt::Write as _;

const BETWEEN: &str = "%%%%\n";
const NOUNS: [&str; 12] = [
    "invoice", "order", "ticket", "report", "account", "message", "device", "session", "comment",
    "payment", "project", "customer",
];
const VERBS: [&str; 8] = [
    "list", "load", "collect", "select", "render", "export", "import", "refresh",
];

/// Far from the numbers of items that nobody rewrote.
const REWRITTEN: u64 = 500_000_000;

/// What files are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Python,
    JavaScript,
    Java,
    Go,
    /// No language: settings and logs, in which only secrets are looked for.
    Text,
}

impl Kind {
    /// The languages.
    pub(super) const CODE: [Self; 4] = [Self::Python, Self::JavaScript, Self::Java, Self::Go];

    /// For the reader.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::Java => "java",
            Self::Go => "go",
            Self::Text => "text",
        }
    }

    /// Of files.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Python => "py",
            Self::JavaScript => "js",
            Self::Java => "java",
            Self::Go => "go",
            Self::Text => "txt",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Python => include_str!("templates/python.txt"),
            Self::JavaScript => include_str!("templates/javascript.txt"),
            Self::Java => include_str!("templates/java.txt"),
            Self::Go => include_str!("templates/go.txt"),
            Self::Text => include_str!("templates/text.txt"),
        }
    }
}

/// A text with about `bytes` bytes; another number gives another text.
pub(super) fn file(kind: Kind, number: u64, bytes: usize) -> String {
    changed(kind, number, bytes, 0)
}

/// The text of [`file`] after somebody rewrote the items in its middle: about `lines` lines.
pub(super) fn changed(kind: Kind, number: u64, bytes: usize, lines: usize) -> String {
    let mut parts = kind.template().split(BETWEEN);
    let head = parts.next().unwrap_or_default();
    let items: Vec<&str> = parts.collect();
    let mut names = Names(number);
    let mut text = names.fill(head, 0);
    let mut written = 0;
    for index in 0_u64.. {
        if text.len() >= bytes || items.is_empty() {
            break;
        }
        let is_rewritten = text.len() > bytes / 3 && written < lines;
        let seed = if is_rewritten {
            index + REWRITTEN
        } else {
            index
        };
        let mut choice = Names(number.wrapping_mul(1_000).wrapping_add(seed));
        let item = items[choice.below(items.len())];
        if is_rewritten {
            written += item.lines().count() + 1;
        }
        let _ = write!(text, "\n{}", choice.fill(item, index + 1));
    }
    text
}

/// Draws names; a plain generator, so that every run and machine draws the same.
struct Names(u64);

impl Names {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % count.max(1)
    }

    fn fill(&mut self, template: &str, number: u64) -> String {
        let noun = NOUNS[self.below(NOUNS.len())];
        let verb = VERBS[self.below(VERBS.len())];
        template
            .replace("@noun@", noun)
            .replace("@Noun@", &capital(noun))
            .replace("@verb@", verb)
            .replace("@Verb@", &capital(verb))
            .replace("@n@", &number.to_string())
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_gives_the_same_text() {
        for kind in Kind::CODE {
            let text = file(kind, 7, 10_000);
            assert_eq!(text, file(kind, 7, 10_000));
            assert_ne!(text, file(kind, 8, 10_000));
            assert!(text.len() >= 10_000 && text.len() < 12_000);
            assert!(!text.contains('@') || !text.contains("@noun@"), "{text}");
        }
    }

    #[test]
    fn a_change_leaves_the_start_and_rewrites_the_middle() {
        let base = file(Kind::Go, 3, 10_000);
        let head = changed(Kind::Go, 3, 10_000, 100);
        assert_ne!(base, head);
        assert_eq!(base[..3_000], head[..3_000]);
    }
}
