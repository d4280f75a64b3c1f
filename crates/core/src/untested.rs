//! Code that changed while the tests that name it did not.

use std::collections::{BTreeMap, BTreeSet};

use crate::assemble::{self, Analyses};
use crate::change::{Change, FileChange, RepoPath};
use crate::docs::{RenamedKind, holds};
use crate::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use crate::hunk::LineKind;
use crate::job::{JobReport, Symbol};
use crate::rule_text::RuleText;

/// Tests did not follow the code that they test.
pub const UNFOLLOWED: RuleText = RuleText {
    id: "tests.unchanged",
    agent: Agent::Tests,
    severity: Severity::Info,
    confidence: Confidence::Medium,
    category: "test-unchanged",
    message: "code changed, and its tests did not",
    why: "Tests that pass before and after say nothing about what is different now.",
    fix: "Add a test that fails without this change, or say why none is needed.",
};

/// Names that a message gives.
const NAMED: usize = 3;

/// What is written before and behind the name of what is tested.
const AFFIXES: [(&str, &str); 13] = [
    ("", ""),
    ("test_", ""),
    ("test-", ""),
    ("test", ""),
    ("", "_test"),
    ("", "_tests"),
    ("", "_spec"),
    ("", ".test"),
    ("", ".spec"),
    ("", "test"),
    ("", "tests"),
    ("", "spec"),
    ("", "it"),
];

/// The files of code that a change touches, by their names.
#[derive(Debug)]
pub struct Touched {
    stems: BTreeSet<String>,
}

impl Touched {
    /// Those that were there before and have something that others can test.
    #[must_use]
    pub fn of(change: &Change, analyses: &Analyses) -> Self {
        let has_changed = |file: &&FileChange| {
            let mut all = assemble::reports(analyses).filter(|(path, _)| **path == file.path);
            is_code(file) && all.any(|(_, report)| !changed(file, report).is_empty())
        };
        let files = change.files.iter().filter(has_changed);
        Self {
            stems: files.map(|file| stem_of(&file.path)).collect(),
        }
    }

    /// Whether no test needs to be looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stems.is_empty()
    }

    /// Whether a file is, by its name, the tests of one of them.
    #[must_use]
    pub fn is_tested_by(&self, path: &RepoPath) -> bool {
        let stem = stem_of(path);
        let mut tested = tested_by(&stem);
        tested.any(|code| self.stems.contains(code)) && assemble::is_test(path)
    }
}

/// One finding for each file of code whose own tests are there, name what changed, and are not part of the change.
#[must_use]
pub fn find(
    change: &Change,
    analyses: &Analyses,
    texts: &BTreeMap<RepoPath, String>,
) -> Vec<Finding> {
    let touched: Vec<String> = change
        .files
        .iter()
        .filter(|file| assemble::is_test(&file.path))
        .filter_map(|file| file.head.text())
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    let mut found = Vec::new();
    for (path, report) in assemble::reports(analyses) {
        let Some(file) = change.files.iter().find(|file| file.path == *path) else {
            continue;
        };
        let mut tests = texts
            .iter()
            .filter(|(test, _)| assemble::is_test(test) && is_test_of(test, path));
        let Some((test, text)) = tests.next().filter(|_| is_code(file)) else {
            continue;
        };
        let is_touched = |test: &RepoPath| change.files.iter().any(|file| file.path == *test);
        if is_touched(test) || tests.any(|(test, _)| is_touched(test)) {
            continue;
        }
        let changed = changed(file, report);
        let changed: Vec<&Symbol> = changed
            .into_iter()
            .filter(|symbol| {
                let name = last(symbol);
                holds(RenamedKind::Symbol, name, text)
                    && !touched
                        .iter()
                        .any(|other| holds(RenamedKind::Symbol, name, other))
            })
            .collect();
        if !changed.is_empty() {
            found.push(finding(path, test, &changed));
        }
    }
    found
}

fn finding(path: &RepoPath, test: &RepoPath, changed: &[&Symbol]) -> Finding {
    let named: Vec<String> = changed
        .iter()
        .take(NAMED)
        .map(|symbol| format!("`{}`", symbol.name))
        .collect();
    let more = match changed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let all: Vec<&str> = changed.iter().map(|symbol| symbol.name.as_str()).collect();
    let line = changed.first().map_or(1, |symbol| symbol.line);
    Finding {
        message: format!(
            "{}{more} changed, and `{test}`, which tests it, did not",
            named.join(", ")
        ),
        fingerprint: stem(UNFOLLOWED.id, Some(path.as_str()), &all.join(" ")),
        ..UNFOLLOWED.finding(Location {
            path: path.clone(),
            line,
            column: 1,
            end_line: line,
            end_column: 1,
        })
    }
}

/// The functions that are on both sides with another body, and of which more than comments and blank lines changed.
fn changed<'a>(file: &FileChange, report: &'a JobReport) -> Vec<&'a Symbol> {
    let (Some(base), Some(head)) = (&report.base, &report.head) else {
        return Vec::new();
    };
    let before: BTreeMap<&str, &Symbol> = base
        .symbols
        .iter()
        .map(|symbol| (symbol.name.as_str(), symbol))
        .collect();
    let is_function = |symbol: &&Symbol| matches!(symbol.kind.as_str(), "function" | "method");
    head.symbols
        .iter()
        .filter(is_function)
        .filter(|now| {
            let was = before.get(now.name.as_str());
            was.is_some_and(|was| was.digest != now.digest && is_touched(file, was, now))
        })
        .collect()
}

/// Whether a line of code inside a function was added or taken away.
fn is_touched(file: &FileChange, was: &Symbol, now: &Symbol) -> bool {
    file.hunks.iter().any(|hunk| {
        let (mut old, mut new) = (hunk.old_start, hunk.new_start);
        hunk.lines.iter().any(|line| {
            let is_in = match line.kind {
                LineKind::Added => (now.line..=now.end_line).contains(&new),
                LineKind::Removed => (was.line..=was.end_line).contains(&old),
                LineKind::Context => false,
            };
            old += u32::from(line.kind != LineKind::Added);
            new += u32::from(line.kind != LineKind::Removed);
            is_in && says_something(&String::from_utf8_lossy(&line.bytes))
        })
    })
}

fn says_something(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty()
        && !["#", "//", "/*", "*", "--", "\"\"\""]
            .iter()
            .any(|mark| text.starts_with(mark))
}

fn is_code(file: &FileChange) -> bool {
    file.head.text().is_some() && !assemble::is_test(&file.path)
}

/// `tests/test_price.py` and `price_test.py` are tests of `price.py`.
fn is_test_of(test: &RepoPath, code: &RepoPath) -> bool {
    let (test, code) = (stem_of(test), stem_of(code));
    tested_by(&test).any(|tested| tested == code)
}

/// What a test file may test, by the name of it.
fn tested_by(stem: &str) -> impl Iterator<Item = &str> {
    AFFIXES.iter().filter_map(|(before, behind)| {
        let rest = stem.strip_prefix(before)?.strip_suffix(behind)?;
        (!rest.is_empty()).then_some(rest)
    })
}

/// The name of a file without its folder and ending, in lower case.
fn stem_of(path: &RepoPath) -> String {
    let name = path.file_name().to_ascii_lowercase();
    name.rsplit_once('.')
        .map_or(name.clone(), |(stem, _)| stem.to_owned())
}

fn last(symbol: &Symbol) -> &str {
    symbol.name.rsplit('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_by_the_name_of_what_they_test() {
        for (test, code) in [
            ("tests/test_price.py", "shop/price.py"),
            ("shop/price_test.go", "shop/price.go"),
            ("src/price.test.ts", "src/price.ts"),
            ("src/__tests__/price.js", "src/price.js"),
            (
                "src/test/java/a/PriceTest.java",
                "src/main/java/a/Price.java",
            ),
            ("spec/models/price_spec.rb", "app/models/price.rb"),
            ("Shop.Tests/PriceTests.cs", "Shop/Price.cs"),
        ] {
            assert!(is_test_of(&test.into(), &code.into()), "{test}");
        }
        for (test, code) in [
            ("tests/test_price.py", "shop/prices.py"),
            ("tests/test.py", "shop/price.py"),
            ("tests/test_latest.py", "shop/la.py"),
        ] {
            assert!(!is_test_of(&test.into(), &code.into()), "{test}");
        }
    }
}
