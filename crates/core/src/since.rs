//! What has changed since the last review of a pull request (RV7), told by content: it holds after a rebase and a forced push alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::RepoPath;
use crate::finding::Finding;
use crate::id::Sha;
use crate::markdown::neutral::code;
use crate::review::Review;

/// Files that are named; more are counted.
const NAMED: usize = 5;

/// How a review differs from the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The head of the review before.
    pub head: Sha,
    /// Files that hold something else now, have come, or have gone from the change.
    pub files: Vec<RepoPath>,
    /// What became of the findings, if both reviews list all of theirs and looked at everything.
    pub findings: Option<Moved>,
}

/// What became of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// That were not there.
    pub new: usize,
    /// That are not there any more.
    pub gone: usize,
    /// That were there.
    pub stay: usize,
}

impl Since {
    /// Compares a review with the one before. `None` if both are about the same head.
    #[must_use]
    pub fn of(before: &Review, head: &Sha, now: &Review) -> Option<Self> {
        if now.subject.head.as_deref() == Some(head.as_str()) {
            return None;
        }
        let (old, new) = (contents(before), contents(now));
        let paths: BTreeSet<&RepoPath> = old.keys().chain(new.keys()).copied().collect();
        let changed = paths
            .into_iter()
            .filter(|path| old.get(path) != new.get(path));
        let is_comparable = before.is_all_listed() && now.is_all_listed();
        Some(Self {
            head: head.clone(),
            files: changed.cloned().collect(),
            findings: is_comparable.then(|| Moved::of(&before.findings, &now.findings)),
        })
    }

    /// In Markdown, one paragraph.
    #[must_use]
    pub fn words(&self) -> String {
        let count = self.files.len();
        let noun = if count == 1 { "file" } else { "files" };
        let named = self.files.iter().take(NAMED);
        let mut named: Vec<String> = named.map(|path| code(path.as_str())).collect();
        if count > NAMED {
            named.push(format!("{} more", count - NAMED));
        }
        let mut text = match count {
            0 => format!("Since {} no file changed.", self.head.short()),
            _ => format!(
                "Since {} {count} {noun} changed: {}.",
                self.head.short(),
                named.join(", ")
            ),
        };
        if let Some(Moved { new, gone, stay }) = self.findings
            && new + gone + stay > 0
        {
            text.push_str(&format!(
                " Findings: {new} new, {gone} gone, {stay} as before."
            ));
        }
        text
    }
}

impl Moved {
    fn of(before: &[Finding], now: &[Finding]) -> Self {
        let names = |findings: &[Finding]| -> BTreeSet<String> {
            let names = findings.iter().map(|finding| finding.fingerprint.clone());
            names.collect()
        };
        let (before, now) = (names(before), names(now));
        Self {
            new: now.difference(&before).count(),
            gone: before.difference(&now).count(),
            stay: now.intersection(&before).count(),
        }
    }
}

/// What each file held, as far as it was read.
fn contents(review: &Review) -> BTreeMap<&RepoPath, Option<&Sha>> {
    let files = review.coverage.iter();
    files.map(|file| (&file.path, file.blob.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::assemble::{Analyses, Settings, review};
    use crate::change::{Change, FileChange, Side, Status};

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn at(head: &str, files: &BTreeMap<String, String>) -> Review {
        let files = files.iter().map(|(path, text)| FileChange {
            path: path.as_str().into(),
            old_path: None,
            status: Status::Added,
            old_mode: None,
            new_mode: None,
            base: Side::Absent,
            head: Side::Text(Arc::from(text.as_bytes())),
            hunks: Vec::new(),
        });
        let change = Change {
            head: Some(head.to_owned()),
            files: files.collect(),
            ..Change::default()
        };
        review(&change, &Analyses::default(), &Settings::default())
    }

    fn since(before: &[(&str, &str)], now: &[(&str, &str)]) -> Option<Since> {
        let files = |files: &[(&str, &str)]| {
            let files = files.iter();
            files
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect()
        };
        let head = Sha::parse(OLD).unwrap();
        Since::of(&at(OLD, &files(before)), &head, &at(NEW, &files(now)))
    }

    #[test]
    fn files_that_came_went_and_changed_are_named() {
        let told = since(
            &[("a.py", "1"), ("b.py", "2"), ("same.py", "3")],
            &[("b.py", "4"), ("c`.py", "5"), ("same.py", "3")],
        );
        assert_eq!(
            told.unwrap().words(),
            "Since 1111111 3 files changed: `a.py`, `b.py`, <code>c&#96;&#46;py</code>."
        );
        let many: Vec<String> = (0..9).map(|number| format!("{number}.py")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(
            since(&[], &many).unwrap().words(),
            "Since 1111111 9 files changed: `0.py`, `1.py`, `2.py`, `3.py`, `4.py`, 4 more."
        );
        let same = since(&many, &many).unwrap();
        assert_eq!(same.words(), "Since 1111111 no file changed.");
    }

    #[test]
    fn the_same_head_is_no_push() {
        let review = at(OLD, &BTreeMap::new());
        assert_eq!(Since::of(&review, &Sha::parse(OLD).unwrap(), &review), None);
    }

    #[test]
    fn what_was_not_looked_at_says_nothing_about_findings() {
        // No analysis answered, so neither review is complete.
        assert_eq!(since(&[("a.py", "1")], &[]).unwrap().findings, None);
        let none = since(&[], &[]).unwrap().findings;
        assert_eq!(none, Some(Moved::default()));
    }

    proptest! {
        #[test]
        fn exactly_what_differs_is_named(
            before in prop::collection::btree_map("[a-e]", "[xy]", 0..5),
            now in prop::collection::btree_map("[a-e]", "[xy]", 0..5),
        ) {
            let head = Sha::parse(OLD).unwrap();
            let told = Since::of(&at(OLD, &before), &head, &at(NEW, &now)).unwrap();
            for path in ["a", "b", "c", "d", "e"] {
                let differs = before.get(path) != now.get(path);
                prop_assert_eq!(told.files.contains(&path.into()), differs);
            }
        }
    }
}
