//! Compares what a change calls things with what the documents and comments around it say.

use std::borrow::Cow;

use pullmill_adapters::git::GitError;
use pullmill_core::assemble::{self, Analyses, Names};
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::docs::{self, Gone, Renamed, RenamedKind};
use pullmill_core::finding::Finding;

use super::around::{Surroundings, Texts};
use super::nearby::Compared;

/// So many others of a file must be documented before a new one is missed.
const NEIGHBOURS: usize = 2;

/// Reads as much of what stands around a change as its names ask for: nothing, for most changes.
pub fn compare(
    surroundings: &mut Surroundings<'_>,
    change: &Change,
    analyses: &Analyses,
) -> Result<Compared, GitError> {
    let names = assemble::names(change, analyses);
    if names.is_empty() {
        return Ok(Compared::default());
    }
    let documents = surroundings.read(docs::is_document)?;
    let mut compared = Compared::default();
    let asked = Asked::of(&names, &documents);
    let has_symbols = names
        .renamed
        .iter()
        .any(|one| one.kind == RenamedKind::Symbol);
    let others = if has_symbols || !asked.is_empty() {
        surroundings.read(|path| !docs::is_document(path) && is_told(path))?
    } else {
        Texts::new()
    };
    // What was not read may still use a name.
    let is_free = |kind: RenamedKind, name: &str, from: &RepoPath| {
        surroundings.is_complete
            && !others
                .iter()
                .any(|(path, text)| path != from && docs::holds(kind, name, &shown(text)))
    };
    let replaced = asked.replaced.into_iter();
    compared.renamed = replaced
        .filter(|one| is_free(one.kind, &one.from, &one.path))
        .collect();
    let gone = asked.gone.into_iter();
    let gone: Vec<Gone> = gone
        .filter(|one| is_free(one.kind, &one.name, &one.path))
        .collect();
    let renamed = [names.renamed.as_slice(), &compared.renamed].concat();
    for (path, text) in &documents {
        let text = shown(text);
        let edits = docs::drift(&renamed, path, &text);
        compared
            .found
            .extend(edits.iter().map(docs::finding::renamed));
        let mentions = docs::mentions(&gone, path, &text);
        compared
            .found
            .extend(mentions.iter().map(docs::finding::gone));
    }
    for (path, text) in others.iter().filter(|(path, _)| docs::is_source(path)) {
        let edits = docs::drift(&names.renamed, path, &shown(text));
        compared
            .found
            .extend(edits.iter().map(docs::finding::renamed));
    }
    compared.found.extend(unmentioned(&names, &documents));
    Ok(compared)
}

/// Names that some document has, so that it matters whether they are free.
struct Asked {
    replaced: Vec<Renamed>,
    gone: Vec<Gone>,
}

impl Asked {
    fn of(names: &Names, documents: &Texts) -> Self {
        let is_told = |test: &dyn Fn(&RepoPath, &str) -> bool| {
            documents
                .iter()
                .any(|(path, text)| test(path, &shown(text)))
        };
        let replaced = names.replaced.iter().filter(|one| {
            is_told(&|path, text| !docs::drift(std::slice::from_ref(one), path, text).is_empty())
        });
        let gone = names.gone.iter().filter(|one| {
            is_told(&|path, text| !docs::mentions(std::slice::from_ref(one), path, text).is_empty())
        });
        Self {
            replaced: replaced.cloned().collect(),
            gone: gone.cloned().collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.gone.is_empty()
    }
}

/// New names that no document has, where the documents have others of the same file.
fn unmentioned(names: &Names, documents: &Texts) -> Vec<Finding> {
    let has = |kind, name: &str| {
        documents
            .values()
            .any(|text| docs::holds(kind, name, &shown(text)))
    };
    let missed = names.new.iter().filter(|new| {
        let told = new.others.iter().filter(|other| has(new.kind, other));
        !has(new.kind, &new.name) && told.take(NEIGHBOURS).count() == NEIGHBOURS
    });
    missed
        .map(|new| docs::finding::unmentioned(new.kind, &new.name, &new.path, new.line))
        .collect()
}

/// Whether a file that is no document may use names: code, and what configures it.
fn is_told(path: &RepoPath) -> bool {
    const ENDINGS: [&str; 24] = [
        "c",
        "cc",
        "cfg",
        "conf",
        "cpp",
        "cs",
        "h",
        "hpp",
        "html",
        "ini",
        "json",
        "kt",
        "php",
        "properties",
        "rb",
        "scala",
        "sh",
        "sql",
        "swift",
        "tf",
        "toml",
        "yaml",
        "yml",
        "xml",
    ];
    let extension = path.extension();
    docs::is_source(path)
        || ENDINGS.contains(&extension.as_str())
        || (extension.is_empty() && path.file_name().starts_with(['D', 'M', '.']))
}

fn shown(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}
