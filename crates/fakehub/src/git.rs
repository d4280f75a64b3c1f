//! Git objects in memory, with the names that git gives them.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha1::{Digest as _, Sha1};

/// The files of a commit, by path.
pub(crate) type Files = BTreeMap<String, Bytes>;

/// A commit.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) parent: Option<String>,
    pub(crate) files: Files,
    /// Seconds since 1970.
    pub(crate) at: i64,
}

/// When commits are made here.
const AT: i64 = 1_700_000_000;

/// All objects of a repository and its forks.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) commits: BTreeMap<String, Commit>,
    /// Trees that no commit has yet.
    pub(crate) trees: BTreeMap<String, Files>,
}

impl Objects {
    /// Makes a commit; equal ones with equal parents are one.
    pub(crate) fn commit(&mut self, parent: Option<&str>, files: Files, message: &str) -> String {
        let who = format!("Fake Hub <hub@localhost> {AT} +0000");
        self.commit_by(parent, files, message, &who, AT)
    }

    /// Makes a commit of somebody at a time.
    pub(crate) fn commit_by(
        &mut self,
        parent: Option<&str>,
        files: Files,
        message: &str,
        who: &str,
        at: i64,
    ) -> String {
        for bytes in files.values() {
            self.blobs.insert(blob_id(bytes), bytes.clone());
        }
        let mut text = format!("tree {}\n", tree_id(&files, ""));
        if let Some(parent) = parent {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!("author {who}\ncommitter {who}\n\n{message}"));
        let id = id("commit", text.as_bytes());
        let commit = Commit {
            parent: parent.map(str::to_owned),
            files,
            at,
        };
        self.commits.insert(id.clone(), commit);
        id
    }

    /// The files of a commit, or of a tree by its own name.
    pub(crate) fn tree(&self, name: &str) -> Option<&Files> {
        let of_commit = self.commits.get(name).map(|commit| &commit.files);
        of_commit.or_else(|| self.trees.get(name)).or_else(|| {
            let mut commits = self.commits.values();
            commits
                .find(|commit| tree_id(&commit.files, "") == name)
                .map(|commit| &commit.files)
        })
    }

    /// A commit and those before it, newest first.
    pub(crate) fn history(&self, from: &str) -> Vec<String> {
        let mut history = Vec::new();
        let mut next = Some(from.to_owned());
        while let Some(id) = next {
            next = self
                .commits
                .get(&id)
                .and_then(|commit| commit.parent.clone());
            history.push(id);
        }
        history
    }

    /// Where two commits parted.
    pub(crate) fn merge_base(&self, one: &str, other: &str) -> Option<String> {
        let known = self.history(one);
        self.history(other)
            .into_iter()
            .find(|id| known.contains(id))
    }
}

/// The name of a blob.
pub(crate) fn blob_id(bytes: &[u8]) -> String {
    id("blob", bytes)
}

/// The name of a folder's tree.
pub(crate) fn tree_id(files: &Files, folder: &str) -> String {
    let mut entries: BTreeMap<String, (bool, String)> = BTreeMap::new();
    for (path, bytes) in files {
        let Some(rest) = path.strip_prefix(folder) else {
            continue;
        };
        match rest.split_once('/') {
            None => entries.insert(rest.to_owned(), (false, blob_id(bytes))),
            Some((name, _)) => {
                let inner = format!("{folder}{name}/");
                // Git sorts folders as if their names ended with a slash.
                entries.insert(format!("{name}/"), (true, tree_id(files, &inner)))
            }
        };
    }
    let mut text = Vec::new();
    for (name, (is_tree, digits)) in entries {
        let mode = if is_tree { "40000" } else { "100644" };
        text.extend(format!("{mode} {}\0", name.trim_end_matches('/')).bytes());
        for pair in digits.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair).unwrap_or("00");
            text.push(u8::from_str_radix(pair, 16).unwrap_or(0));
        }
    }
    id("tree", &text)
}

fn id(kind: &str, bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", bytes.len()));
    hash.update(bytes);
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_names_that_git_gives_them() {
        // What `git hash-object` and `git write-tree` say.
        assert_eq!(
            blob_id(b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        let files = Files::from([
            ("a.txt".to_owned(), Bytes::from("hello\n")),
            ("dir/b.txt".to_owned(), Bytes::from("hello\n")),
        ]);
        assert_eq!(
            tree_id(&files, ""),
            "e6b1205717837a60b346a14d0cd3bb8ccbd2ab63"
        );
    }
}
