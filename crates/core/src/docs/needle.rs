//! What a document is searched for.

use super::{Renamed, RenamedKind, spans};

/// What a document is searched for.
///
/// A path is taken if it has a folder and stands alone, as are flags, variables and routes. A name is taken in code alone, and there only if it stands
/// behind its class or module (`Session.open`), or if nobody uses such a word by chance (`open_session`, `openSession`).
pub(super) struct Needle<'r> {
    pub(super) renamed: &'r Renamed,
    pub(super) from_last: &'r str,
    pub(super) to_last: &'r str,
    /// What may stand before it: its class, or the module if it is in none.
    owner: &'r str,
    is_distinct: bool,
}

impl<'r> Needle<'r> {
    /// What is looked for because it has another name; `None` if that is not told well enough.
    pub(super) fn of(renamed: &'r Renamed) -> Option<Self> {
        let needle = Self::of_name(renamed);
        let is_told = needle.from_last != needle.to_last
            && !needle.from_last.is_empty()
            && !needle.to_last.is_empty();
        let is_path = renamed.kind == RenamedKind::File;
        (is_told && (!is_path || renamed.from.contains('/'))).then_some(needle)
    }

    /// What is looked for, whatever it is called now.
    pub(super) fn of_name(renamed: &'r Renamed) -> Self {
        if renamed.kind != RenamedKind::Symbol {
            return Self {
                renamed,
                from_last: &renamed.from,
                to_last: &renamed.to,
                owner: "",
                is_distinct: renamed.kind != RenamedKind::Key || is_distinct(&renamed.from),
            };
        }
        let (owner, from_last) = renamed.from.rsplit_once('.').unwrap_or(("", &renamed.from));
        let to_last = renamed
            .to
            .rsplit_once('.')
            .map_or(&*renamed.to, |(_, last)| last);
        let name = renamed.path.file_name();
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let owner = owner.rsplit('.').next().unwrap_or(owner);
        Self {
            renamed,
            from_last,
            to_last,
            owner: if owner.is_empty() { stem } else { owner },
            is_distinct: is_distinct(from_last),
        }
    }

    /// Whether a line has its last name as a word.
    pub(super) fn is_word_of(&self, line: &str) -> bool {
        super::holds(self.renamed.kind, self.from_last, line)
    }

    /// Where it stands in a line, in order.
    pub(super) fn places(&self, line: &str, code: &spans::Code) -> Vec<usize> {
        let wanted = |(at, found): (usize, &str)| {
            let (before, after) = (&line[..at], &line[at + found.len()..]);
            match self.renamed.kind {
                RenamedKind::File => stands_alone(before, after, is_of_path),
                RenamedKind::Route => {
                    let before = if is_host(before) { "" } else { before };
                    stands_alone(before, after, is_of_path)
                }
                RenamedKind::Flag | RenamedKind::Variable => {
                    stands_alone(before, after, is_of_word)
                }
                RenamedKind::Symbol | RenamedKind::Key => {
                    code.holds(at)
                        && stands_alone(before, after, is_of_word)
                        && (self.is_distinct || self.is_owned(before))
                }
            }
        };
        line.match_indices(self.from_last)
            .filter(|place| wanted(*place))
            .map(|(at, _)| at)
            .collect()
    }

    fn is_owned(&self, before: &str) -> bool {
        let joined = [".", "::", "#", "->"];
        let mut behind = joined.iter().filter_map(|joint| before.strip_suffix(joint));
        let around = behind
            .next()
            .and_then(|before| before.strip_suffix(self.owner));
        let is_free = |before: &str| !before.chars().next_back().is_some_and(is_of_word);
        !self.owner.is_empty() && around.is_some_and(is_free)
    }

    pub(super) fn replace(&self, line: &mut String, places: &[usize]) {
        for at in places.iter().rev() {
            line.replace_range(*at..at + self.from_last.len(), self.to_last);
        }
    }
}

/// Whether a name is no word that people use by chance.
fn is_distinct(name: &str) -> bool {
    let inner = name.trim_matches('_');
    let characters = || inner.chars().zip(inner.chars().skip(1));
    inner.len() >= 5
        && (inner.contains('_')
            || characters().any(|(one, next)| one.is_lowercase() && next.is_uppercase()))
}

fn stands_alone(before: &str, after: &str, is_part: fn(char) -> bool) -> bool {
    let is_free = |next: Option<char>| !next.is_some_and(is_part);
    // The end of a sentence is no part of a path.
    let after = after
        .strip_prefix('.')
        .filter(|rest| !rest.starts_with(is_of_word))
        .unwrap_or(after);
    let before = before.strip_suffix("./").unwrap_or(before);
    is_free(before.chars().next_back()) && is_free(after.chars().next())
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '$')
}

/// Whether a line ends with a server's address: `curl http://localhost:8080`.
fn is_host(before: &str) -> bool {
    let is_of_host = |character: char| character.is_alphanumeric() || ".:-".contains(character);
    (before.rsplit_once("://"))
        .is_some_and(|(_, host)| !host.is_empty() && host.chars().all(is_of_host))
}

fn is_of_path(character: char) -> bool {
    is_of_word(character) || matches!(character, '/' | '.' | '\\' | '~' | '@' | '%' | ':')
}

/// The words of a line.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '$')))
}
