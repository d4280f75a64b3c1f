//! Path patterns: what a list of globs matches. Like `.gitignore`, without negation.

use std::sync::{Arc, OnceLock};

use globset::{Glob, GlobBuilder, GlobSet};
use serde::{Deserialize, Serialize};

use crate::change::RepoPath;

/// The longest pattern that is taken, in bytes.
pub(super) const MAX_PATTERN: usize = 256;

/// One path per language at several depths: a list that matches all of them leaves nothing to review.
const PROBES: [&str; 9] = [
    "a.py",
    "b.js",
    "C.java",
    "d.go",
    "src/e.py",
    "src/f.ts",
    "src/deep/er/g.js",
    "src/deep/er/H.java",
    "src/deep/er/i.go",
];

/// A list of path patterns, ready to match.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Globs {
    patterns: Vec<String>,
    /// Made when it is first asked, once for all copies: it costs more than a small review has time for.
    set: Arc<OnceLock<GlobSet>>,
}

/// Why a text is no path pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGlob {
    /// Nothing to match.
    #[error("a pattern may not be empty")]
    Empty,
    /// Longer than is sensible.
    #[error("a pattern may have at most {MAX_PATTERN} bytes")]
    TooLong,
    /// Begins with `!`.
    #[error("patterns cannot be negated; begin with `\\!` for a file name that begins with `!`")]
    Negated,
    /// Leaves the repository.
    #[error("patterns stay inside the repository: `.` and `..` are no path segments")]
    Outside,
    /// Brackets that do not match and the like.
    #[error("{0}")]
    Syntax(String),
}

impl Globs {
    /// Takes patterns, all of which must be good.
    ///
    /// # Errors
    /// The first bad pattern's reason.
    pub fn new(patterns: Vec<String>) -> Result<Self, BadGlob> {
        let set = set_of(&patterns)?;
        Ok(Self {
            patterns,
            set: Arc::new(OnceLock::from(set)),
        })
    }

    /// Takes patterns that are known to be good; with a bad one the list matches nothing.
    pub(super) fn of(patterns: &[&str]) -> Self {
        Self {
            patterns: patterns.iter().map(|&text| text.to_owned()).collect(),
            set: Arc::default(),
        }
    }

    fn set(&self) -> &GlobSet {
        self.set
            .get_or_init(|| set_of(&self.patterns).unwrap_or_default())
    }

    /// Whether any of the patterns matches the file or a folder it is in.
    #[must_use]
    pub fn matches(&self, path: &RepoPath) -> bool {
        let path = path.as_str();
        // The set is not made for paths that hold no pattern's text.
        let may = |pattern: &String| may_match(pattern, path);
        (self.set.get().is_some() || self.patterns.iter().any(may)) && self.set().is_match(path)
    }

    /// The patterns as they were written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether the list would match source files of every language in every folder.
    pub(super) fn matches_everything(&self) -> bool {
        PROBES.iter().all(|path| self.set().is_match(path))
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

impl From<Globs> for Vec<String> {
    fn from(globs: Globs) -> Self {
        globs.patterns
    }
}

impl TryFrom<Vec<String>> for Globs {
    type Error = BadGlob;

    fn try_from(patterns: Vec<String>) -> Result<Self, BadGlob> {
        Self::new(patterns)
    }
}

/// Whether a path holds all that a pattern says in plain characters: where it does not, the pattern does not match.
fn may_match(pattern: &str, path: &str) -> bool {
    let mut rest = pattern;
    while !rest.is_empty() {
        let end = rest.find(['*', '?', '[', '{', '\\', '/']);
        let (plain, special) = rest.split_at(end.unwrap_or(rest.len()));
        if !path.contains(plain) {
            return false;
        }
        // What stands in brackets or behind a backslash is left to the set.
        if special.starts_with(['[', '{', '\\']) {
            return true;
        }
        rest = special.get(1..).unwrap_or_default();
    }
    true
}

fn set_of(patterns: &[String]) -> Result<GlobSet, BadGlob> {
    let mut set = GlobSet::builder();
    for pattern in patterns {
        for glob in compile(pattern)? {
            set.add(glob);
        }
    }
    set.build().map_err(|error| syntax(&error))
}

/// Turns a pattern into globs over whole paths: the thing itself, and everything below it.
pub(super) fn compile(pattern: &str) -> Result<Vec<Glob>, BadGlob> {
    check(pattern)?;
    let folder_only = pattern.ends_with('/');
    let body = pattern.trim_end_matches('/');
    let anchored = body.contains('/');
    let body = body.trim_start_matches('/');
    if body.is_empty() {
        return Err(BadGlob::Empty);
    }
    let whole = if anchored {
        body.to_owned()
    } else {
        format!("**/{body}")
    };
    let mut globs = Vec::new();
    if !folder_only {
        globs.push(build(&whole)?);
    }
    if !whole.ends_with("/**") {
        globs.push(build(&format!("{whole}/**"))?);
    }
    Ok(globs)
}

fn check(pattern: &str) -> Result<(), BadGlob> {
    if pattern.trim().is_empty() {
        return Err(BadGlob::Empty);
    }
    if pattern.len() > MAX_PATTERN {
        return Err(BadGlob::TooLong);
    }
    if pattern.starts_with('!') {
        return Err(BadGlob::Negated);
    }
    if pattern
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
    {
        return Err(BadGlob::Outside);
    }
    Ok(())
}

fn build(text: &str) -> Result<Glob, BadGlob> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(true)
        .empty_alternates(true)
        .build()
        .map_err(|error| syntax(&error))
}

fn syntax(error: &globset::Error) -> BadGlob {
    BadGlob::Syntax(error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_quick_look_never_loses_a_match(
            pattern in r"(a|b|ab|/|\*|\*\*|\?|\[ab\]|\{a,b\}|\\a|\.){1,7}",
            path in "(a|b|ab|/|\\.){1,9}",
        ) {
            if let Ok(set) = set_of(std::slice::from_ref(&pattern)) {
                prop_assert!(!set.is_match(&path) || may_match(&pattern, &path));
            }
        }
    }

    #[test]
    fn a_set_is_made_for_paths_that_may_be_in_it_alone() {
        let globs = Globs::of(&["auth*", "*.lock", "db/{a,b}/c"]);
        for path in ["src/part0/file0.py", "dx/b.py", "lock"] {
            assert!(!globs.matches(&path.into()));
            assert!(globs.set.get().is_none(), "{path}");
        }
        assert!(globs.matches(&"src/author.py".into()));
        assert!(globs.matches(&"db/b/c".into()));
        assert!(!globs.matches(&"src/part0/file0.py".into()));
    }
}
