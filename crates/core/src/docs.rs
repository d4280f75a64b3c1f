//! Documents that a change has made untrue: they still call something by a name that it certainly does not have any more.

pub mod advised;
pub mod finding;
mod needle;
mod spans;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::change::RepoPath;
use crate::event::digest_of;
use needle::{Needle, words};

/// Something that a change has given another name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Renamed {
    /// What it is.
    pub kind: RenamedKind,
    /// What it was called: a qualified name such as `Session.open`, or a path.
    pub from: String,
    /// What it is called.
    pub to: String,
    /// The file at head where it is.
    pub path: RepoPath,
    /// The line there; 1 for a file.
    pub line: u32,
}

/// What has another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenamedKind {
    /// A function, a class and the like.
    Symbol,
    /// A file.
    File,
    /// A flag of a command line, e.g. `--port`.
    Flag,
    /// An environment variable.
    Variable,
    /// A key of a configuration file.
    Key,
    /// A route, e.g. `/users`.
    Route,
}

impl RenamedKind {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Symbol => "name",
            Self::File => "file",
            Self::Flag => "flag",
            Self::Variable => "variable",
            Self::Key => "key",
            Self::Route => "route",
        }
    }
}

/// A line of a document that is not true any more, and what it should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The document.
    pub path: RepoPath,
    /// The line, from 1.
    pub line: u32,
    /// What it says, without its end.
    pub before: String,
    /// What it should say.
    pub after: String,
    /// What has another name: the first of them, if there are several.
    pub of: Renamed,
    /// Whether a model says so; else it is certain.
    pub is_advised: bool,
}

/// How documents end whose lines are looked at.
const ENDINGS: [&str; 6] = ["md", "markdown", "mdx", "rst", "adoc", "txt"];
/// Documents that tell what was, by how their names begin: what they say stays true.
const HISTORY: [&str; 8] = [
    "changelog",
    "changes",
    "history",
    "news",
    "release",
    "upgrad",
    "migrat",
    "whatsnew",
];

/// Whether a file is a document that says what is, not what was.
#[must_use]
pub fn is_document(path: &RepoPath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    let parts = path.as_str().to_ascii_lowercase();
    let tells_history = |part: &str| {
        HISTORY
            .iter()
            .any(|word| part.trim_start_matches(['_', '.']).starts_with(word))
    };
    let is_text = ENDINGS.contains(&path.extension().as_str()) || name == "readme";
    is_text && !parts.split('/').any(tells_history)
}

/// How source files end whose comments are looked at.
const SOURCES: [&str; 28] = [
    "py", "pyi", "js", "jsx", "mjs", "cjs", "ts", "mts", "tsx", "java", "go", "rs", "c", "h", "cc",
    "cpp", "cxx", "hh", "hpp", "cs", "rb", "php", "phtml", "kt", "kts", "scala", "swift", "sh",
];

/// Whether a file is code whose comments are looked at.
#[must_use]
pub fn is_source(path: &RepoPath) -> bool {
    SOURCES.contains(&path.extension().as_str())
}

/// The lines of a document, or of the comments of a source file, that still use an old name. Only what is certain is named: see `Needle`.
#[must_use]
pub fn drift(renamed: &[Renamed], path: &RepoPath, text: &str) -> Vec<Edit> {
    let mut needles: Vec<Needle<'_>> = renamed.iter().filter_map(Needle::of).collect();
    if is_source(path) {
        let comments: BTreeSet<&str> = spans::lines(path, text)
            .flat_map(|(_, line, _)| words(line))
            .collect();
        needles.retain(|needle| match needle.renamed.kind {
            RenamedKind::Symbol => comments.contains(needle.from_last),
            _ => text.contains(needle.from_last),
        });
        // Where the code itself still has the word, its comments may be about that.
        needles.retain(|needle| !spans::code_lines(path, text).any(|line| needle.is_word_of(line)));
    } else {
        needles.retain(|needle| text.contains(needle.from_last));
    }
    if needles.is_empty() {
        return Vec::new();
    }
    let mut edits = Vec::new();
    for (number, line, mut code) in spans::lines(path, text) {
        let mut after = line.to_owned();
        let mut of = None;
        for needle in &needles {
            // The line may be about the new name already.
            if words(line).any(|word| word == needle.to_last) || after.contains(&needle.renamed.to)
            {
                continue;
            }
            let places = needle.places(&after, &code);
            if places.is_empty() {
                continue;
            }
            needle.replace(&mut after, &places);
            code = spans::inline(&after, code.is_all);
            of.get_or_insert_with(|| needle.renamed.clone());
        }
        if let Some(of) = of {
            edits.push(Edit {
                path: path.clone(),
                line: number,
                before: line.to_owned(),
                after,
                of,
                is_advised: false,
            });
        }
    }
    edits
}

/// Something that a change has taken away and that documents may still name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// What it was.
    pub kind: RenamedKind,
    /// What it was called.
    pub name: String,
    /// The changed file it was in.
    pub path: RepoPath,
}

/// A line of a document that names something that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The document.
    pub path: RepoPath,
    /// The line, from 1.
    pub line: u32,
    /// What it says, without its end.
    pub text: String,
    /// What it names.
    pub of: Gone,
}

/// The lines of a document that name what is gone, each once.
#[must_use]
pub fn mentions(gone: &[Gone], path: &RepoPath, text: &str) -> Vec<Mention> {
    let as_renamed = |gone: &Gone| Renamed {
        kind: gone.kind,
        from: gone.name.clone(),
        to: String::new(),
        path: gone.path.clone(),
        line: 1,
    };
    let renamed: Vec<Renamed> = gone.iter().map(as_renamed).collect();
    let needles = renamed.iter().map(Needle::of_name);
    let needles: Vec<(&Gone, Needle<'_>)> = gone.iter().zip(needles).collect();
    let mut mentions = Vec::new();
    for (number, line, code) in spans::lines(path, text) {
        let found = needles
            .iter()
            .find(|(_, needle)| !needle.places(line, &code).is_empty());
        if let Some((gone, _)) = found {
            mentions.push(Mention {
                path: path.clone(),
                line: number,
                text: line.to_owned(),
                of: (*gone).clone(),
            });
        }
    }
    mentions
}

/// Whether a text holds a name as a word of its own.
#[must_use]
pub fn holds(kind: RenamedKind, name: &str, text: &str) -> bool {
    let name = match kind {
        RenamedKind::Symbol => name.rsplit('.').next().unwrap_or(name),
        RenamedKind::Flag => name.trim_start_matches('-'),
        _ => name,
    };
    !name.is_empty()
        && text.match_indices(name).any(|(at, found)| {
            let is_free = |next: Option<char>| {
                !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
            };
            is_free(text[..at].chars().next_back())
                && is_free(text[at + found.len()..].chars().next())
        })
}

/// A document with edits made.
#[must_use]
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let place = u32::try_from(number + 1).unwrap_or(u32::MAX);
        match edits.iter().find(|edit| edit.line == place) {
            Some(edit) => {
                let end = &line[edit.before.len().min(line.len())..];
                out.push_str(&edit.after);
                out.push_str(end);
            }
            None => out.push_str(line),
        }
    }
    out
}

impl Edit {
    /// Recognises the edit again: the same line in the same document, whatever stands around it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = digest_of(&[self.path.as_str(), &self.before, &self.after]);
        format!("{DOCS}{}", &digest[..24])
    }
}

/// How fingerprints of documents begin, so that they are never taken for those of findings.
const DOCS: &str = "docs-";

/// Whether a fingerprint is that of an edit of a document.
#[must_use]
pub fn is_edit(fingerprint: &str) -> bool {
    fingerprint.starts_with(DOCS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(from: &str, to: &str) -> Renamed {
        Renamed {
            kind: RenamedKind::Symbol,
            from: from.to_owned(),
            to: to.to_owned(),
            path: "src/shop/config.py".into(),
            line: 3,
        }
    }

    fn file(from: &str, to: &str) -> Renamed {
        Renamed {
            kind: RenamedKind::File,
            ..symbol(from, to)
        }
    }

    /// What a document says after its edits.
    fn mended(renamed: Renamed, text: &str) -> String {
        let edits = drift(&[renamed], &"README.md".into(), text);
        apply(text, &edits)
    }

    #[test]
    fn a_distinct_name_is_mended_in_code_and_left_alone_in_prose() {
        let renamed = || symbol("load_config", "read_config");
        let says = |text: &str| mended(renamed(), text);
        assert_eq!(
            says("Call `load_config(path)`."),
            "Call `read_config(path)`."
        );
        assert_eq!(
            says("```python\nload_config()\n```\n"),
            "```python\nread_config()\n```\n"
        );
        assert_eq!(
            says("~~~\nload_config()\r\n~~~"),
            "~~~\nread_config()\r\n~~~"
        );
        assert_eq!(says("``x`load_config``"), "``x`read_config``");
        for same in [
            "The load_config of old.",
            "`reload_config` and `load_config_file` and `load-load_config`",
            "`load_config` is now called `read_config`",
            "an open ` tick load_config",
            "```\nx\n```\nload_config",
        ] {
            assert_eq!(says(same), same);
        }
    }

    #[test]
    fn a_common_word_is_mended_behind_its_class_or_module_alone() {
        let says = |text: &str| mended(symbol("Session.open", "Session.connect"), text);
        assert_eq!(says("`Session.open()`"), "`Session.connect()`");
        assert_eq!(says("`Session::open`"), "`Session::connect`");
        assert_eq!(says("`MySession.open()`"), "`MySession.open()`");
        assert_eq!(says("`open()` a `file.open`"), "`open()` a `file.open`");
        let says = |text: &str| mended(symbol("load", "read"), text);
        assert_eq!(says("`config.load(x)`"), "`config.read(x)`");
        assert_eq!(says("`json.load(x)`"), "`json.load(x)`");
        assert_eq!(says("Session.open"), "Session.open");
    }

    #[test]
    fn a_path_is_mended_wherever_it_stands_alone() {
        let says = |text: &str| mended(file("src/old.py", "lib/new.py"), text);
        assert_eq!(says("See [it](src/old.py)."), "See [it](lib/new.py).");
        assert_eq!(says("See ./src/old.py."), "See ./lib/new.py.");
        for same in [
            "https://example.org/src/old.py",
            "src/old.pyc",
            "x/src/old.py",
            "`src/old.py` became `lib/new.py`",
        ] {
            assert_eq!(says(same), same);
        }
        assert_eq!(
            mended(file("setup.py", "tools/setup.py"), "run setup.py"),
            "run setup.py"
        );
    }

    #[test]
    fn several_names_of_one_line_are_mended_together() {
        let renamed = [
            symbol("load_config", "read_it"),
            symbol("save_config", "write_configuration"),
        ];
        let text = "`load_config` and `save_config`, then `load_config`\n";
        let edits = drift(&renamed, &"README.md".into(), text);
        assert_eq!(edits.len(), 1);
        assert_eq!(
            apply(text, &edits),
            "`read_it` and `write_configuration`, then `read_it`\n"
        );
    }

    #[test]
    fn what_tells_history_is_no_document() {
        for path in ["README.md", "docs/use.rst", "README", "a/b.adoc"] {
            assert!(is_document(&path.into()), "{path}");
        }
        for path in [
            "CHANGELOG.md",
            "docs/release-notes/1.md",
            "docs/migration.md",
            "a.py",
            "docs/whatsnew/3.rst",
        ] {
            assert!(!is_document(&path.into()), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_mended_stays_mended_and_the_rest_stays(
            lines in prop::collection::vec("(```|~~~|[ a-z`]{0,6}(load_config|config\\.load|src/old\\.py|x)[ `().]{0,4}[é`]?)(\r)?", 0..8),
            ends: bool,
        ) {
            let renamed = [symbol("load_config", "read_it"), symbol("load", "fetch"), file("src/old.py", "lib/new.py")];
            let mut text = lines.join("\n");
            if ends {
                text.push('\n');
            }
            let path = RepoPath::from("README.md");
            let edits = drift(&renamed, &path, &text);
            let after = apply(&text, &edits);
            prop_assert!(drift(&renamed, &path, &after).is_empty(), "{after:?}");
            let before: Vec<&str> = text.split('\n').collect();
            let now: Vec<&str> = after.split('\n').collect();
            prop_assert_eq!(before.len(), now.len());
            for (number, (one, other)) in before.iter().zip(&now).enumerate() {
                let is_edited = edits.iter().any(|edit| edit.line as usize == number + 1);
                prop_assert_eq!(one != other, is_edited);
            }
        }
    }
}
