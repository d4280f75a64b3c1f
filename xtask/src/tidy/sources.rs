//! How our source files are named and how they open.

use std::fs;
use std::path::Path;

/// Names that say nothing of what is in a file.
const EMPTY_NAMES: &[&str] = &[
    "common",
    "constants",
    "helper",
    "helpers",
    "macros",
    "misc",
    "mod",
    "shared",
    "stuff",
    "types",
    "util",
    "utils",
];

/// Source files with an empty name or without an opening sentence.
pub(super) fn check(root: &Path, files: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let sources = files.iter().filter(|file| {
        file.ends_with(".rs") && (file.starts_with("crates/") || file.starts_with("xtask/"))
    });
    for file in sources.filter(|file| !file.contains("/fixtures/")) {
        let name = file.rsplit('/').next().unwrap_or(file);
        if EMPTY_NAMES.contains(&name.trim_end_matches(".rs")) {
            problems.push(format!(
                "{file}: name it after what it holds (and `foo.rs` beside `foo/`)"
            ));
        }
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        let opening = text.lines().next().unwrap_or_default();
        if !opening.starts_with("//! ") {
            problems.push(format!("{file}: opens without a `//!` sentence"));
        }
    }
    problems
}
