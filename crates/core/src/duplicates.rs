//! Code that a change adds although it stands somewhere already: rows of equal tokens.

mod tokens;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use crate::assemble::is_test;
use crate::change::{Change, FileChange, RepoPath, Status};
use crate::docs::is_source;
use crate::finding::{Agent, Confidence, Finding, Location, Severity, Step, stem};
use crate::hunk::CommentableLines;
use crate::rule_text::RuleText;
use tokens::{Token, tokens};

/// Shorter rows are chance.
const TOKENS: usize = 50;
/// Rows on fewer lines are tables.
const LINES: u32 = 5;
/// Places of one window that are compared: what is repeated more often is a pattern.
const PLACES: usize = 8;
/// The base of the windows' polynomial; any odd number that is not small.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The change adds code that stands somewhere already.
pub const DUPLICATED: RuleText = RuleText {
    id: "code.duplicated",
    agent: Agent::Architecture,
    severity: Severity::Low,
    confidence: Confidence::High,
    category: "duplication",
    message: "the change adds code that stands somewhere already",
    why: "Whoever mends one of the copies has to know of the other, and nobody tells them.",
    fix: "Give the code a name in one place and use it from both.",
};

/// The code that a change adds.
pub struct Added<'c> {
    files: Vec<File<'c>>,
    by_path: BTreeMap<&'c RepoPath, usize>,
    windows: Windows,
    change: &'c Change,
    /// How many more of a window the change's files have now than they had: counted when the first is met.
    more: OnceCell<HashMap<u64, i64>>,
}

/// Where rows of new tokens begin, by their name: file and token.
struct Windows {
    places: HashMap<u64, Vec<(usize, usize)>>,
    /// A bit for the last digits of every name: most rows are told apart by it.
    bits: Vec<u64>,
}

impl Windows {
    /// None yet, of so many tokens.
    fn of(tokens: usize) -> Self {
        Self {
            places: HashMap::new(),
            bits: vec![0; (tokens / 4).next_power_of_two()],
        }
    }

    fn add(&mut self, name: u64, place: (usize, usize)) {
        let (word, bit) = Self::bit(name, self.bits.len());
        self.bits[word] |= bit;
        let places = self.places.entry(name).or_default();
        if places.len() < PLACES {
            places.push(place);
        }
    }

    fn bit(name: u64, words: usize) -> (usize, u64) {
        // The upper digits depend on all tokens of the row.
        let word = usize::try_from(name >> 32).unwrap_or_default() & (words - 1);
        (word, 1 << ((name >> 26) & 63))
    }

    fn get(&self, name: u64) -> &[(usize, usize)] {
        let (word, bit) = Self::bit(name, self.bits.len());
        if self.bits[word] & bit == 0 {
            return &[];
        }
        self.places.get(&name).map_or(&[], Vec::as_slice)
    }
}

struct File<'c> {
    path: &'c RepoPath,
    tokens: Vec<Token>,
    lines: Vec<&'c str>,
    added: CommentableLines,
}

/// A row of equal tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    file: usize,
    start: usize,
    length: usize,
    other: RepoPath,
    other_lines: (u32, u32),
}

impl<'c> Added<'c> {
    /// The code that a change adds outside its tests; `None` if there is too little of it to be a copy.
    #[must_use]
    pub fn of(change: &'c Change) -> Option<Self> {
        let files: Vec<File<'c>> = (change.files.iter().filter(is_code))
            .filter_map(|file| {
                let added = CommentableLines::of(&file.hunks);
                let text = file.head.text().filter(|_| added.added_count() >= LINES)?;
                // What is not UTF-8 is not compared.
                let text = without_tests(&file.path, std::str::from_utf8(text).ok()?);
                Some(File {
                    path: &file.path,
                    tokens: tokens(&file.path, text),
                    lines: text.lines().collect(),
                    added,
                })
            })
            .collect();
        let mut windows = Windows::of(files.iter().map(|file| file.tokens.len()).sum());
        for (number, file) in files.iter().enumerate() {
            let is_added: Vec<bool> = (file.tokens.iter())
                .map(|token| file.added.is_added(token.line))
                .collect();
            let mut row = 0;
            for (end, name) in windows_of(&file.tokens) {
                row = if end + 1 == TOKENS {
                    is_added[..TOKENS]
                        .iter()
                        .rev()
                        .take_while(|is| **is)
                        .count()
                } else if is_added[end] {
                    row + 1
                } else {
                    0
                };
                if row >= TOKENS {
                    windows.add(name, (number, end + 1 - TOKENS));
                }
            }
        }
        if windows.places.is_empty() {
            return None;
        }
        let by_path = files.iter().enumerate();
        Some(Self {
            by_path: by_path.map(|(index, file)| (file.path, index)).collect(),
            files,
            windows,
            change,
            more: OnceCell::new(),
        })
    }

    /// The change's own file at a path.
    fn own(&self, path: &RepoPath) -> Option<&File<'c>> {
        self.files.get(*self.by_path.get(path)?)
    }

    fn is_more(&self, name: u64) -> bool {
        let more = self.more.get_or_init(|| self.count());
        more.get(&name).is_some_and(|more| *more > 0)
    }

    fn count(&self) -> HashMap<u64, i64> {
        let mut more: HashMap<u64, i64> = HashMap::new();
        for file in self.change.files.iter().filter(is_code) {
            let bases = Some(&file.base).filter(|_| file.status != Status::Copied);
            for (side, step) in [(Some(&file.head), 1), (bases, -1)] {
                let text = side.and_then(|side| std::str::from_utf8(side.text()?).ok());
                let tokens = match self.own(&file.path).filter(|_| step > 0) {
                    Some(own) => Cow::Borrowed(own.tokens.as_slice()),
                    None => tokens_of(&file.path, text.unwrap_or_default()),
                };
                for (_, name) in windows_of(&tokens) {
                    if !self.windows.get(name).is_empty() {
                        *more.entry(name).or_default() += step;
                    }
                }
            }
        }
        more
    }

    /// Compares it with source texts as they are at head, its own among them.
    #[must_use]
    pub fn compare<'t>(
        &self,
        texts: impl Iterator<Item = (&'t RepoPath, &'t str)>,
    ) -> Vec<Finding> {
        let mut rows = Vec::new();
        for (path, text) in texts.filter(|(path, _)| is_source(path) && !is_test(path)) {
            let tokens = match self.own(path) {
                Some(own) => Cow::Borrowed(own.tokens.as_slice()),
                None => tokens_of(path, text),
            };
            self.rows(path, &tokens, &mut rows);
        }
        // The longest first; of equal ones the first in the order of their places.
        rows.sort_by(|one, other| (other.length, one).cmp(&(one.length, other)));
        let mut taken: Vec<Row> = Vec::new();
        for row in rows {
            let overlaps = |other: &Row| {
                other.file == row.file
                    && row.start < other.start + other.length
                    && other.start < row.start + row.length
            };
            if !taken.iter().any(overlaps) {
                taken.push(row);
            }
        }
        taken.sort();
        taken.iter().map(|row| self.finding(row)).collect()
    }

    /// Compares it with the other code of the change alone, where nothing else can be seen.
    #[must_use]
    pub fn compare_within(&self) -> Vec<Finding> {
        let texts = self.change.files.iter().filter_map(|file| {
            let text = std::str::from_utf8(file.head.text()?).ok()?;
            Some((&file.path, text))
        });
        self.compare(texts)
    }

    fn rows(&self, path: &RepoPath, other: &[Token], rows: &mut Vec<Row>) {
        // By file and distance: where a row of equal windows began, and where it was last.
        let mut open: BTreeMap<(usize, i64), (usize, usize)> = BTreeMap::new();
        let distance = |start: usize, at: usize| {
            i64::try_from(start).unwrap_or(i64::MAX) - i64::try_from(at).unwrap_or(i64::MAX)
        };
        let mut ended = Vec::new();
        for (end, name) in windows_of(other) {
            let at = end + 1 - TOKENS;
            for (file, start) in self.windows.get(name) {
                let is_itself = self.files[*file].path == path && start.abs_diff(at) < TOKENS;
                if is_itself || !self.is_more(name) {
                    continue;
                }
                let place = open
                    .entry((*file, distance(*start, at)))
                    .or_insert((*start, *start));
                if *start > place.1 + 1 {
                    ended.push((*file, place.0, place.1, at - (*start - place.0)));
                    *place = (*start, *start);
                }
                place.1 = *start;
            }
        }
        for ((file, distance), (first, last)) in open {
            let at = i64::try_from(first).unwrap_or(i64::MAX) - distance;
            ended.push((file, first, last, usize::try_from(at).unwrap_or_default()));
        }
        for (file, first, last, at) in ended {
            let length = last - first + TOKENS;
            let own = &self.files[file];
            let (Some(begin), Some(end)) =
                (own.tokens.get(first), own.tokens.get(first + length - 1))
            else {
                continue;
            };
            let (Some(from), Some(to)) = (other.get(at), other.get(at + length - 1)) else {
                continue;
            };
            // Of two copies that both are new, the later one is the copy.
            let is_first =
                self.is_new(path, from.line, to.line) && (own.path, begin.line) < (path, from.line);
            if end.line - begin.line + 1 >= LINES && !is_first {
                rows.push(Row {
                    file,
                    start: first,
                    length,
                    other: path.clone(),
                    other_lines: (from.line, to.line),
                });
            }
        }
    }

    fn is_new(&self, path: &RepoPath, first: u32, last: u32) -> bool {
        self.own(path).is_some_and(|file| {
            (first..=last).all(|line| {
                file.added.is_added(line)
                    || file
                        .lines
                        .get(line as usize - 1)
                        .is_none_or(|line| line.trim().is_empty())
            })
        })
    }

    fn finding(&self, row: &Row) -> Finding {
        let file = &self.files[row.file];
        let tokens = &file.tokens[row.start..row.start + row.length];
        let first = tokens.first().map_or(1, |token| token.line);
        let last = tokens.last().map_or(first, |token| token.line);
        let at = |path: &RepoPath, line, end_line| Location {
            path: path.clone(),
            line,
            column: 1,
            end_line,
            end_column: 1,
        };
        let (other_first, other_last) = row.other_lines;
        let name = windows_of(tokens).next().map_or(0, |(_, name)| name);
        Finding {
            message: format!(
                "these {} lines stand in `{}:{other_first}` already",
                last - first + 1,
                row.other
            ),
            path: vec![Step {
                location: at(&row.other, other_first, other_last),
                message: "the same code stands here".to_owned(),
            }],
            fingerprint: stem(DUPLICATED.id, None, &format!("{name:016x}")),
            ..DUPLICATED.finding(at(file.path, first, last))
        }
    }
}

/// A text up to the tests that stand at its end, as they do in Rust.
fn without_tests<'t>(path: &RepoPath, text: &'t str) -> &'t str {
    let tests = (path.extension() == "rs").then(|| text.find("\n#[cfg(test)]\nmod "));
    tests.flatten().map_or(text, |end| &text[..end])
}

fn tokens_of(path: &RepoPath, text: &str) -> Cow<'static, [Token]> {
    Cow::Owned(tokens(path, without_tests(path, text)))
}

fn is_code(file: &&FileChange) -> bool {
    is_source(&file.path) && !is_test(&file.path)
}

/// Every row of [`TOKENS`] tokens, by its last token, with a name that equal rows share.
fn windows_of(tokens: &[Token]) -> impl Iterator<Item = (usize, u64)> {
    let leaving = (0..TOKENS).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut name = 0_u64;
    tokens.iter().enumerate().filter_map(move |(end, token)| {
        name = name.wrapping_mul(BASE).wrapping_add(token.name);
        if let Some(gone) = end.checked_sub(TOKENS) {
            name = name.wrapping_sub(tokens[gone].name.wrapping_mul(leaving));
        }
        (end + 1 >= TOKENS).then_some((end, name))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::change::Side;
    use crate::hunk::{Hunk, Line, LineKind};

    /// A function of fourteen lines.
    fn function(name: &str) -> String {
        let lines =
            (0..12).map(|number| format!("    total += item.price[{number}] * item.count\n"));
        format!(
            "def {name}(item, total):\n{}    return total\n",
            lines.collect::<String>()
        )
    }

    fn file(path: &str, base: &str, head: &str) -> FileChange {
        let added = head.strip_prefix(base).unwrap();
        let lines = added.lines().map(|line| Line {
            kind: LineKind::Added,
            bytes: format!("{line}\n").into_bytes(),
        });
        let at = u32::try_from(base.lines().count()).unwrap() + 1;
        FileChange {
            path: path.into(),
            old_path: None,
            status: Status::Modified,
            old_mode: None,
            new_mode: None,
            base: Side::Text(Arc::from(base.as_bytes())),
            head: Side::Text(Arc::from(head.as_bytes())),
            hunks: vec![Hunk {
                old_start: at,
                new_start: at,
                lines: lines.collect(),
            }],
        }
    }

    /// What is said of files that change, with others around them.
    fn said(files: &[(&str, &str, &str)], around: &[(&str, &str)]) -> Vec<String> {
        let change = Change {
            files: files
                .iter()
                .map(|(path, base, head)| file(path, base, head))
                .collect(),
            ..Change::default()
        };
        let Some(added) = Added::of(&change) else {
            return Vec::new();
        };
        let texts: Vec<(RepoPath, &str)> = files
            .iter()
            .map(|(path, _, head)| ((*path).into(), *head))
            .chain(around.iter().map(|(path, text)| ((*path).into(), *text)))
            .collect();
        let findings = added.compare(texts.iter().map(|(path, text)| (path, *text)));
        let place = |one: &Finding| {
            format!(
                "{}:{}-{}",
                one.location.path, one.location.line, one.location.end_line
            )
        };
        findings
            .iter()
            .map(|one| format!("{} {}", place(one), one.message))
            .collect()
    }

    #[test]
    fn a_copy_of_what_stands_elsewhere_is_found() {
        let (old, new) = (function("old"), function("new"));
        let around = format!("x = 1\n\n{old}");
        assert_eq!(
            said(&[("a.py", "", &new)], &[("b.py", &around)]),
            ["a.py:1-14 these 14 lines stand in `b.py:3` already"]
        );
        // Tests repeat themselves, and other names make other code.
        assert_eq!(
            said(&[("test_a.py", "", &new)], &[("b.py", &around)]),
            [""; 0]
        );
        let other = new.replace("price", "cost");
        assert_eq!(said(&[("a.py", "", &other)], &[("b.py", &around)]), [""; 0]);
    }

    #[test]
    fn of_two_new_copies_the_later_one_is_named() {
        let (one, two) = (function("one"), function("two"));
        let both = format!("{one}\n\n{two}");
        assert_eq!(
            said(&[("a.py", "", &both)], &[]),
            ["a.py:17-30 these 14 lines stand in `a.py:1` already"]
        );
        let copied = said(&[("a.py", "", &one), ("b.py", "", &two)], &[]);
        assert_eq!(
            copied,
            ["b.py:1-14 these 14 lines stand in `a.py:1` already"]
        );
    }

    #[test]
    fn what_was_there_as_often_before_is_no_news() {
        let old = function("old");
        let around = format!("x = 1\n{old}");
        // The code moves from one changed file to another, and has a copy elsewhere as it had before.
        let moved = FileChange {
            head: Side::Text(Arc::from("y = 2\n".as_bytes())),
            hunks: Vec::new(),
            ..file("from.py", &old, &old)
        };
        let change = Change {
            files: vec![moved, file("to.py", "", &old)],
            ..Change::default()
        };
        let added = Added::of(&change).unwrap();
        let texts = [
            (RepoPath::from("to.py"), old.as_str()),
            ("b.py".into(), around.as_str()),
        ];
        assert_eq!(
            added.compare(texts.iter().map(|(path, text)| (path, *text))),
            []
        );
    }

    #[test]
    fn little_code_is_no_copy() {
        assert_eq!(
            said(&[("a.py", "", "x = 1\n")], &[("b.py", "x = 1\n")]),
            [""; 0]
        );
        let table = format!("x = [{}]\n", "0, ".repeat(200));
        assert_eq!(said(&[("a.py", "", &table)], &[("b.py", &table)]), [""; 0]);
    }
}
