//! Who owns which files: `CODEOWNERS` as GitHub reads it, where the last line that matches a file counts (GitHub Docs, "About code owners").

use std::collections::BTreeSet;

use crate::change::RepoPath;
use crate::policy::Globs;

/// Where the file may be; the first that is there counts.
pub const FILE_NAMES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
/// Lines that are read: more is no list for people any more.
const MAX_LINES: usize = 5_000;

/// The lines of the file that can be used.
#[derive(Clone, Debug, Default)]
pub struct Owners(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    globs: Globs,
    /// How deep a file lies that matches, if that counts: `docs/*` is for the files of the folder alone.
    depth: Option<usize>,
    owners: Vec<String>,
}

impl Owners {
    /// Reads a file. Lines that GitHub would not take are passed over, as GitHub does.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self(text.lines().take(MAX_LINES).filter_map(line).collect())
    }

    /// The owners of a file, in small letters.
    #[must_use]
    pub fn of(&self, path: &RepoPath) -> &[String] {
        let depth = path.as_str().matches('/').count();
        let mut lines = self.0.iter().rev();
        lines
            .find(|line| {
                line.depth.is_none_or(|wanted| wanted == depth) && line.globs.matches(path)
            })
            .map_or(&[], |line| &line.owners)
    }

    /// The owners of any of these files.
    #[must_use]
    pub fn of_any<'p>(&self, paths: impl Iterator<Item = &'p RepoPath>) -> BTreeSet<&str> {
        let owners = paths.flat_map(|path| self.of(path));
        owners.map(String::as_str).collect()
    }
}

fn line(line: &str) -> Option<Line> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (pattern, rest) = split(line);
    // Neither negation nor brackets are known there.
    if pattern.starts_with('!') || pattern.contains('[') {
        return None;
    }
    let owners = rest
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .map(str::to_lowercase);
    let is_flat = pattern.ends_with("/*") && !pattern.contains("**");
    let depth = pattern.trim_start_matches('/').matches('/').count();
    Some(Line {
        globs: Globs::new(vec![pattern]).ok()?,
        depth: is_flat.then_some(depth),
        owners: owners.collect(),
    })
}

/// The pattern and what follows it; `\ ` is a space of the pattern.
fn split(line: &str) -> (String, &str) {
    let mut pattern = String::new();
    let mut characters = line.char_indices();
    while let Some((at, next)) = characters.next() {
        match next {
            '\\' if line[at + 1..].starts_with(' ') => {
                pattern.push(' ');
                characters.next();
            }
            next if next.is_whitespace() => return (pattern, &line[at..]),
            next => pattern.push(next),
        }
    }
    (pattern, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "# who owns what
*            @octo/all
*.js         @Octo/Web # the web team
/build/      @octo/build ops@example.org
docs/*       @octo/writers
/with\\ space @octo/odd
!secret      @nobody
/src/free
";

    #[test]
    fn the_last_line_that_matches_counts() {
        let owners = Owners::read(FILE);
        for (path, wanted) in [
            ("README.md", "@octo/all"),
            ("a/b.js", "@octo/web"),
            ("build/x/y.js", "@octo/build ops@example.org"),
            ("docs/a.md", "@octo/writers"),
            ("docs/a/b.md", "@octo/all"),
            ("with space", "@octo/odd"),
            ("secret", "@octo/all"),
            ("src/free/a.py", ""),
        ] {
            assert_eq!(owners.of(&path.into()).join(" "), wanted, "{path}");
        }
        let paths = ["a.js", "docs/a.md"].map(RepoPath::from);
        let all: Vec<&str> = owners.of_any(paths.iter()).into_iter().collect();
        assert_eq!(all, ["@octo/web", "@octo/writers"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\n\\\\]{0,60}", path in "[a-z/.]{1,12}") {
            let owners = Owners::read(&text);
            let _ = owners.of(&path.as_str().into());
        }
    }
}
