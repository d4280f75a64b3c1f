//! Which files differ: as GitHub compares them, and by their trees if there are more than it lists.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_core::change::{RepoPath, Status};
use pullmill_core::hunk::{self, Hunk};
use pullmill_core::id::Sha;
use pullmill_core::ports::forge::{Compared, ComparedFile, ForgeError, RepoRef};
use serde_json::Value;

use super::{GitHub, Reader, repo_path};

/// GitHub lists no more files in a comparison.
const LISTED: usize = 300;
/// The mode of a submodule in a tree.
const SUBMODULE: &str = "160000";

/// A tree's entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    mode: String,
    sha: String,
}

impl GitHub {
    pub(super) async fn compare(
        &self,
        repo: &RepoRef,
        base: &Sha,
        head: &Sha,
    ) -> Result<Compared, ForgeError> {
        // The files are on the first page, whatever the size of pages of commits.
        let path = format!("{}/compare/{base}...{head}?per_page=1", repo_path(repo));
        let answer = self.get(Reader::agent(repo), &path).await?;
        let unusable = || ForgeError::Unavailable("its comparison names no merge base".to_owned());
        let merge_base = answer["merge_base_commit"]["sha"].as_str();
        let merge_base = merge_base.and_then(|sha| Sha::parse(sha).ok());
        let merge_base = merge_base.ok_or_else(unusable)?;
        let listed: Vec<ComparedFile> = answer["files"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(file)
            .collect();
        if listed.len() < LISTED {
            return Ok(Compared {
                merge_base,
                files: listed,
                is_complete: true,
            });
        }
        let (before, is_whole) = self.tree(repo, &merge_base).await?;
        let (after, is_whole_too) = self.tree(repo, head).await?;
        Ok(Compared {
            files: differences(&before, &after, listed),
            is_complete: is_whole && is_whole_too,
            merge_base,
        })
    }

    /// All files of a commit, and whether these are really all.
    async fn tree(
        &self,
        repo: &RepoRef,
        commit: &Sha,
    ) -> Result<(BTreeMap<String, Entry>, bool), ForgeError> {
        let path = format!("{}/git/trees/{commit}?recursive=1", repo_path(repo));
        let answer = self.get(Reader::agent(repo), &path).await?;
        let text = |entry: &Value, field: &str| Some(entry[field].as_str()?.to_owned());
        let entries = answer["tree"].as_array().into_iter().flatten();
        let files = entries
            .filter(|entry| entry["type"] != "tree")
            .filter_map(|entry| {
                let sha = text(entry, "sha")?;
                let mode = text(entry, "mode")?;
                Some((text(entry, "path")?, Entry { mode, sha }))
            });
        Ok((files.collect(), answer["truncated"] == false))
    }
}

/// A file as GitHub lists it; `None` for one that does not differ.
fn file(value: &Value) -> Option<ComparedFile> {
    let status = match value["status"].as_str()? {
        "added" => Status::Added,
        "removed" => Status::Deleted,
        "renamed" => Status::Renamed,
        "copied" => Status::Copied,
        "modified" => Status::Modified,
        "changed" => Status::ModeChanged,
        _ => return None,
    };
    let patch = value["patch"].as_str().unwrap_or_default();
    Some(ComparedFile {
        path: RepoPath::from(value["filename"].as_str()?),
        old_path: value["previous_filename"].as_str().map(RepoPath::from),
        status,
        submodule: submodule(patch),
        hunks: hunks(patch),
    })
}

/// The commit of a submodule, whose difference is one line on each side.
fn submodule(patch: &str) -> Option<String> {
    let mut lines = patch.lines().filter(|line| line.starts_with(['+', '-']));
    let is_one = lines.clone().count() > 0
        && lines
            .clone()
            .all(|line| line[1..].starts_with("Subproject commit "));
    let commit = lines
        .next_back()?
        .get(1..)?
        .strip_prefix("Subproject commit ")?;
    is_one.then(|| commit.trim().to_owned())
}

/// What GitHub shows: regions without the names before them.
fn hunks(patch: &str) -> Vec<Hunk> {
    if patch.is_empty() {
        return Vec::new();
    }
    let whole = format!("--- a/file\n+++ b/file\n{}\n", patch.trim_end_matches('\n'));
    let parsed = hunk::parse(whole.as_bytes()).unwrap_or_default();
    parsed
        .into_iter()
        .next()
        .map(|file| file.hunks)
        .unwrap_or_default()
}

/// What differs between two trees. A file that moved unchanged is one that moved; what GitHub lists is taken as it is.
fn differences(
    before: &BTreeMap<String, Entry>,
    after: &BTreeMap<String, Entry>,
    listed: Vec<ComparedFile>,
) -> Vec<ComparedFile> {
    let paths = listed.iter().flat_map(|file| {
        let old = file
            .old_path
            .iter()
            .filter(|_| file.status == Status::Renamed);
        old.chain([&file.path])
    });
    let known: BTreeSet<String> = paths.map(|path| path.as_str().to_owned()).collect();
    let mut gone: BTreeMap<&Entry, Vec<&String>> = BTreeMap::new();
    for (path, entry) in before {
        if !after.contains_key(path) && !known.contains(path) {
            gone.entry(entry).or_default().push(path);
        }
    }
    let mut files = Vec::new();
    for (path, entry) in after.iter().filter(|(path, _)| !known.contains(*path)) {
        let (status, old) = match before.get(path) {
            Some(old) if old == entry => continue,
            Some(old) if old.sha == entry.sha => (Status::ModeChanged, None),
            Some(_) => (Status::Modified, None),
            None => match gone.get_mut(entry).and_then(Vec::pop) {
                Some(old) => (Status::Renamed, Some(old)),
                None => (Status::Added, None),
            },
        };
        files.push(ComparedFile {
            path: RepoPath::from(path.as_str()),
            old_path: old.map(|old| RepoPath::from(old.as_str())),
            status,
            submodule: (entry.mode == SUBMODULE).then(|| entry.sha.clone()),
            hunks: Vec::new(),
        });
    }
    for (entry, paths) in gone {
        for path in paths {
            files.push(ComparedFile {
                path: RepoPath::from(path.as_str()),
                old_path: None,
                status: Status::Deleted,
                submodule: (entry.mode == SUBMODULE).then(|| entry.sha.clone()),
                hunks: Vec::new(),
            });
        }
    }
    files.extend(listed);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str)]) -> BTreeMap<String, Entry> {
        let entries = entries.iter().map(|(path, sha)| {
            let mode = "100644".to_owned();
            let sha = (*sha).to_owned();
            ((*path).to_owned(), Entry { mode, sha })
        });
        entries.collect()
    }

    #[test]
    fn trees_tell_what_a_list_of_three_hundred_leaves_out() {
        let before = tree(&[
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("d", "4"),
            ("listed", "5"),
        ]);
        let after = tree(&[
            ("a", "1"),
            ("b", "9"),
            ("e", "3"),
            ("f", "7"),
            ("listed", "6"),
        ]);
        let listed = ComparedFile {
            path: "listed".into(),
            old_path: None,
            status: Status::Modified,
            submodule: None,
            hunks: hunks("@@ -1 +1 @@\n-one\n+two"),
        };
        assert_eq!(listed.hunks.len(), 1);
        let files = differences(&before, &after, vec![listed]);
        let told: Vec<_> = files
            .iter()
            .map(|file| {
                let old = file.old_path.as_ref().map(RepoPath::as_str);
                (file.path.as_str(), file.status, old)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("b", Status::Modified, None),
                ("d", Status::Deleted, None),
                ("e", Status::Renamed, Some("c")),
                ("f", Status::Added, None),
                ("listed", Status::Modified, None),
            ]
        );
    }

    #[test]
    fn a_submodule_is_told_by_its_difference() {
        let patch = "@@ -1 +1 @@\n-Subproject commit 1111\n+Subproject commit 2222";
        assert_eq!(submodule(patch).as_deref(), Some("2222"));
        assert_eq!(submodule("@@ -1 +1 @@\n-Subproject commit 1\n+other"), None);
        assert_eq!(submodule(""), None);
    }
}
