//! What loaders ask of a folder of source files.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_core::change::RepoPath;

use super::EvalError;

/// A folder of source files; what they hold is read only when it is needed.
pub trait Tree {
    /// All files, sorted, relative to the folder.
    fn paths(&self) -> &[RepoPath];
    /// What a file holds.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, EvalError>;
}

/// The language a file counts for, by its name; `other` if it is not known.
#[must_use]
pub fn language(path: &RepoPath) -> &'static str {
    let name = path.file_name().to_ascii_lowercase();
    if name == "dockerfile" || name.starts_with("dockerfile.") || name.ends_with(".dockerfile") {
        return "dockerfile";
    }
    match path.extension().as_str() {
        "py" | "pyi" | "pyw" => "python",
        "js" | "jsx" | "mjs" | "cjs" => "javascript",
        "ts" | "tsx" | "mts" | "cts" => "typescript",
        "java" => "java",
        "go" => "go",
        "rs" => "rust",
        "c" | "h" => "c",
        "cc" | "cpp" | "cxx" | "hh" | "hpp" => "c++",
        "cs" => "c#",
        "rb" => "ruby",
        "php" | "phtml" => "php",
        "kt" | "kts" => "kotlin",
        "scala" => "scala",
        "swift" => "swift",
        "sh" | "bash" => "bash",
        "sql" => "sql",
        "tf" | "hcl" => "hcl",
        "yml" | "yaml" => "yaml",
        "json" => "json",
        _ => "other",
    }
}

/// Whether the file holds a program rather than a document.
#[must_use]
pub fn is_code(path: &RepoPath) -> bool {
    !matches!(language(path), "other" | "yaml" | "json")
}

/// Finds files by the ends of their paths.
#[derive(Debug)]
pub struct Index<'a> {
    by_name: BTreeMap<&'a str, Vec<&'a RepoPath>>,
}

impl<'a> Index<'a> {
    /// Sorts files by name.
    #[must_use]
    pub fn new(paths: &'a [RepoPath]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&RepoPath>> = BTreeMap::new();
        for path in paths {
            by_name.entry(path.file_name()).or_default().push(path);
        }
        Self { by_name }
    }

    /// The file with this path; else the one with the longest path in which this one ends;
    /// else the only one whose path ends in this one.
    #[must_use]
    pub fn find(&self, wanted: &str) -> Option<&'a RepoPath> {
        let name = wanted.rsplit('/').next().unwrap_or(wanted);
        let candidates = self.by_name.get(name)?.iter().copied();
        let inside = candidates
            .clone()
            .filter(|path| ends_in(wanted, path.as_str()));
        if let Some(longest) = inside.max_by_key(|path| path.as_str().len()) {
            return Some(longest);
        }
        let mut around = candidates.filter(|path| ends_in(path.as_str(), wanted));
        match (around.next(), around.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

fn ends_in(path: &str, tail: &str) -> bool {
    path.strip_suffix(tail)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}
