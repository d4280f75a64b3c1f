//! Lock files that do not have what their manifest asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::assemble::{self, Analyses};
use crate::change::{Change, RepoPath};
use crate::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use crate::review::DependencyChange;
use crate::rule_text::RuleText;

/// A lock file lacks what a change adds to the manifest.
pub const DRIFTED: RuleText = RuleText {
    id: "dependency.lock-drift",
    agent: Agent::Bugs,
    severity: Severity::Medium,
    confidence: Confidence::High,
    category: "dependency",
    message: "a lock file lacks what the manifest asks for",
    why: "An install by the lock file fails, or takes versions that nobody has seen.",
    fix: "Let the package manager write the lock file, and commit it with the manifest.",
};

/// Names that a message gives.
const NAMED: usize = 3;

/// Lock files by the manifest that they belong to, and whether one further up may be meant.
const LOCKS: [(&str, &[&str], bool); 5] = [
    (
        "package.json",
        &[
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
        ],
        true,
    ),
    ("cargo.toml", &["Cargo.lock"], true),
    ("composer.json", &["composer.lock"], false),
    (
        "pyproject.toml",
        &["poetry.lock", "uv.lock", "pdm.lock"],
        true,
    ),
    ("go.mod", &["go.sum"], false),
];

/// The lock files that may belong to the manifests whose dependencies a change touches.
#[must_use]
pub fn wanted(changes: &[DependencyChange]) -> BTreeSet<RepoPath> {
    let touched: BTreeSet<&RepoPath> = changes
        .iter()
        .filter(|one| one.after.is_some())
        .map(|one| &one.path)
        .collect();
    touched.into_iter().flat_map(candidates).collect()
}

/// What is new or of another version in a manifest and not in its lock file. `texts` has the lock files that are there.
#[must_use]
pub fn drift(
    change: &Change,
    analyses: &Analyses,
    texts: &BTreeMap<RepoPath, String>,
) -> Vec<Finding> {
    let mut by_manifest: BTreeMap<RepoPath, Vec<DependencyChange>> = BTreeMap::new();
    for one in assemble::dependencies(analyses) {
        if one.after.is_some() {
            by_manifest.entry(one.path.clone()).or_default().push(one);
        }
    }
    let mut found = Vec::new();
    for (path, changes) in by_manifest {
        // The nearest one counts, even if it could not be read.
        let is_there = |lock: &RepoPath| {
            texts.contains_key(lock) || change.files.iter().any(|file| file.path == *lock)
        };
        let lock = candidates(&path).into_iter().find(is_there);
        let Some((lock, locked)) = lock.and_then(|lock| Some((lock.clone(), texts.get(&lock)?)))
        else {
            continue;
        };
        let manifest = change.files.iter().find(|file| file.path == path);
        let manifest = manifest.and_then(|file| file.head.text());
        let manifest = String::from_utf8_lossy(manifest.map_or(&[], |text| text));
        let lacking: Vec<&DependencyChange> = changes
            .iter()
            .filter(|one| is_plain(one, &manifest) && lacks(lock.file_name(), locked, one))
            .collect();
        if !lacking.is_empty() {
            found.push(finding(&path, &lock, &lacking, &manifest));
        }
    }
    found
}

fn finding(
    path: &RepoPath,
    lock: &RepoPath,
    lacking: &[&DependencyChange],
    manifest: &str,
) -> Finding {
    let named: Vec<String> = lacking
        .iter()
        .take(NAMED)
        .map(|one| format!("`{}`", one.name))
        .collect();
    let more = match lacking.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let verb = if lacking.len() == 1 { "is" } else { "are" };
    let first = lacking.first().map_or("", |one| one.name.as_str());
    let line = line_of(manifest, first).map_or(1, |(number, _)| number);
    Finding {
        message: format!("{}{more} {verb} not in `{lock}`", named.join(", ")),
        fingerprint: stem(DRIFTED.id, Some(path.as_str()), lock.as_str()),
        ..DRIFTED.finding(Location {
            path: path.clone(),
            line,
            column: 1,
            end_line: line,
            end_column: 1,
        })
    }
}

/// Where the lock files of a manifest may stand, the nearest first.
fn candidates(manifest: &RepoPath) -> Vec<RepoPath> {
    let name = manifest.file_name().to_ascii_lowercase();
    let Some((_, locks, is_shared)) = LOCKS.iter().find(|(known, ..)| *known == name) else {
        return Vec::new();
    };
    let mut folders = Vec::new();
    let mut rest = manifest.as_str();
    while let Some((folder, _)) = rest.rsplit_once('/') {
        folders.push(format!("{folder}/"));
        rest = folder;
    }
    folders.push(String::new());
    folders.truncate(if *is_shared { folders.len() } else { 1 });
    let paths = folders
        .iter()
        .flat_map(|folder| locks.iter().map(move |lock| format!("{folder}{lock}")));
    paths.map(|path| RepoPath::from(path.as_str())).collect()
}

/// Whether a dependency is what its name says: no alias, no folder, no part of the language.
fn is_plain(one: &DependencyChange, manifest: &str) -> bool {
    let version = one.after.as_deref().unwrap_or_default();
    let line = line_of(manifest, &one.name).map_or("", |(_, line)| line);
    let is_elsewhere = [
        "file:",
        "link:",
        "workspace:",
        "portal:",
        "npm:",
        "git+",
        "http",
    ]
    .iter()
    .any(|start| version.starts_with(start));
    let is_set_apart = ["package =", "path =", "replace ", "=>"]
        .iter()
        .any(|word| line.contains(word));
    let is_language = matches!(one.name.as_str(), "php" | "python")
        || one.name.starts_with("ext-")
        || one.name.starts_with("lib-");
    !is_elsewhere && !is_set_apart && !is_language
}

/// Whether a lock file surely lacks a dependency.
fn lacks(lock: &str, text: &str, one: &DependencyChange) -> bool {
    let name = &one.name;
    let version = one.after.as_deref().unwrap_or_default();
    match lock {
        "package-lock.json" | "npm-shrinkwrap.json" => {
            !text.contains(&format!("\"node_modules/{name}\""))
                && !text.contains(&format!("\"{name}\":"))
        }
        "yarn.lock" => !text.contains(&format!("{name}@")),
        "pnpm-lock.yaml" => !text.contains(name.as_str()),
        "composer.lock" => {
            name.contains('/') && !text.contains(&format!("\"name\": \"{}\"", name.to_lowercase()))
        }
        "Cargo.lock" => !text.contains(&format!("name = \"{name}\"")),
        "go.sum" => !version.is_empty() && !text.contains(&format!("{name} {version}")),
        _ => {
            let wanted = format!("name = \"{}\"", normalized(name));
            !text
                .lines()
                .any(|line| normalized(line) == normalized(&wanted))
        }
    }
}

/// A name as registries of Python compare them.
fn normalized(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// The line of a manifest that names a dependency, and its number.
fn line_of<'t>(text: &'t str, name: &str) -> Option<(u32, &'t str)> {
    let is_of_name = |next: char| next.is_alphanumeric() || matches!(next, '_' | '-' | '/' | '.');
    let names = |line: &str| {
        line.match_indices(name).any(|(at, _)| {
            !line[..at].ends_with(is_of_name) && !line[at + name.len()..].starts_with(is_of_name)
        })
    };
    (1..).zip(text.lines()).find(|(_, line)| names(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(lock: &str, text: &str, name: &str, version: &str) -> bool {
        let one = DependencyChange {
            path: "a".into(),
            name: name.to_owned(),
            before: None,
            after: Some(version.to_owned()),
        };
        lacks(lock, text, &one)
    }

    #[test]
    fn each_kind_of_lock_file_is_searched_as_it_writes_names() {
        for (lock, has, name, other) in [
            (
                "package-lock.json",
                "\"node_modules/left-pad\": {",
                "left-pad",
                "left",
            ),
            ("package-lock.json", "    \"@a/b\": {", "@a/b", "b"),
            ("yarn.lock", "left-pad@^1.0.0:\n", "left-pad", "right-pad"),
            (
                "pnpm-lock.yaml",
                "  /left-pad@1.0.0:\n",
                "left-pad",
                "right-pad",
            ),
            ("composer.lock", "\"name\": \"a/b\",", "a/b", "a/c"),
            ("Cargo.lock", "name = \"serde\"\n", "serde", "serde_json"),
            (
                "poetry.lock",
                "name = \"typing-extensions\"\n",
                "typing_extensions",
                "typing",
            ),
        ] {
            assert!(!lacking(lock, has, name, "1"), "{lock} {name}");
            assert!(lacking(lock, has, other, "1"), "{lock} {other}");
        }
        let sum = "example.org/a v1.2.0 h1:x\nexample.org/a v1.2.0/go.mod h1:y\n";
        assert!(!lacking("go.sum", sum, "example.org/a", "v1.2.0"));
        assert!(lacking("go.sum", sum, "example.org/a", "v1.3.0"));
        assert!(!lacking("composer.lock", "", "php", ">=8"));
    }

    #[test]
    fn lock_files_of_workspaces_stand_further_up() {
        let of = |manifest: &str| -> Vec<String> {
            let paths = candidates(&manifest.into());
            paths.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            of("a/b/Cargo.toml"),
            ["a/b/Cargo.lock", "a/Cargo.lock", "Cargo.lock"]
        );
        assert_eq!(of("a/go.mod"), ["a/go.sum"]);
        assert!(of("setup.py").is_empty());
    }
}
