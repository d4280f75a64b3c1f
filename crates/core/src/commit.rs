//! A commit that is known before it is made: git names objects by what they hold, so its name can be written down before anybody sees it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::change::RepoPath;
use crate::id::Sha;
use crate::stream::hex;
use crate::time::Timestamp;

/// Who makes our commits. No mail goes to `.invalid` (RFC 2606), and no account has it.
pub const NAME: &str = "Pullmill";
/// The address beside the name.
pub const EMAIL: &str = "docs@pullmill.invalid";
/// The mode of a folder, as forges write it.
const FOLDER: &str = "040000";

/// All that a commit holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Files, links, submodules and folders, in any order.
    pub entries: Vec<TreeEntry>,
    /// Whether these are all.
    pub is_complete: bool,
    /// When the commit was made.
    pub committed_at: Timestamp,
}

/// One thing that a commit holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Where.
    pub path: RepoPath,
    /// Its mode in six digits, e.g. `100644`.
    pub mode: String,
    /// Its git name.
    pub sha: Sha,
}

impl TreeEntry {
    /// Whether it is a file, executable or not.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }
}

/// A commit of documents on top of a head, and everything it takes to make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocsCommit {
    /// The branch that is to point at it.
    pub branch: String,
    /// The head it follows. The branch must point there still.
    pub parent: Sha,
    /// The head's tree.
    pub base_tree: Sha,
    /// Its own tree.
    pub tree: Sha,
    /// Its name.
    pub commit: Sha,
    /// What it says.
    pub message: String,
    /// When it counts as made: a second after its parent, so that it is the same whoever makes it.
    pub at: Timestamp,
    /// The files that differ.
    pub files: Vec<CommitFile>,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitFile {
    /// Where.
    pub path: RepoPath,
    /// Its mode.
    pub mode: String,
    /// What it holds now.
    pub text: String,
}

impl DocsCommit {
    /// Works a commit out. `None` if the tree is not all there, or holds no such files, or its names do not fit its content.
    #[must_use]
    pub fn on(
        parent: &Sha,
        branch: &str,
        tree: &Tree,
        changed: &[(RepoPath, String)],
        message: &str,
    ) -> Option<Self> {
        if !tree.is_complete || changed.is_empty() {
            return None;
        }
        let width = parent.as_str().len();
        let mut folders = Folders::of(tree);
        let base_tree = folders.tree(b"", width)?;
        if !changed
            .iter()
            .all(|(path, _)| folders.fit(&path.to_bytes()))
        {
            return None;
        }
        let mut files = Vec::with_capacity(changed.len());
        for (path, text) in changed {
            let entry = tree.entries.iter().find(|entry| entry.path == *path)?;
            let blob = object("blob", text.as_bytes(), width)?;
            folders.put(&path.to_bytes(), &blob)?;
            files.push(CommitFile {
                path: path.clone(),
                mode: entry.mode.clone(),
                text: text.clone(),
            });
        }
        let own = folders.tree(b"", width)?;
        let at = Timestamp::from_millis((tree.committed_at.millis().div_euclid(1000) + 1) * 1000);
        let who = format!("{NAME} <{EMAIL}> {} +0000", at.millis().div_euclid(1000));
        let written =
            format!("tree {own}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n{message}");
        Some(Self {
            branch: branch.to_owned(),
            parent: parent.clone(),
            base_tree,
            commit: object("commit", written.as_bytes(), width)?,
            tree: own,
            message: message.to_owned(),
            at,
            files,
        })
    }
}

/// What a folder holds, by name.
type Folder = BTreeMap<Vec<u8>, Held>;

/// All folders, by path.
struct Folders(BTreeMap<Vec<u8>, Folder>);

struct Held {
    mode: String,
    sha: Sha,
}

impl Folders {
    fn of(tree: &Tree) -> Self {
        let mut folders: BTreeMap<_, Folder> = BTreeMap::new();
        for entry in &tree.entries {
            let path = entry.path.to_bytes();
            let (folder, name) = split(&path);
            let held = Held {
                mode: entry.mode.clone(),
                sha: entry.sha.clone(),
            };
            let around = folders.entry(folder.to_vec()).or_default();
            around.insert(name.to_vec(), held);
        }
        Self(folders)
    }

    /// Whether the folders around a file are named as what they hold.
    fn fit(&self, path: &[u8]) -> bool {
        let mut folder = split(path).0;
        while !folder.is_empty() {
            let (around, name) = split(folder);
            let listed = self.0.get(around).and_then(|held| held.get(name));
            let is_so = |held: &Held| {
                self.tree(folder, held.sha.as_str().len()).as_ref() == Some(&held.sha)
            };
            if !listed.is_some_and(is_so) {
                return false;
            }
            folder = around;
        }
        true
    }

    /// The git name of a folder's tree.
    fn tree(&self, folder: &[u8], width: usize) -> Option<Sha> {
        // Git sorts folders as if their names ended with a slash.
        let order = |(name, held): &(&Vec<u8>, &Held)| {
            let slash: &[u8] = if held.mode == FOLDER { b"/" } else { b"" };
            [name.as_slice(), slash].concat()
        };
        let mut sorted: Vec<(&Vec<u8>, &Held)> = self.0.get(folder)?.iter().collect();
        sorted.sort_by_cached_key(order);
        let mut text = Vec::new();
        for (name, held) in sorted {
            text.extend_from_slice(held.mode.trim_start_matches('0').as_bytes());
            text.push(b' ');
            text.extend_from_slice(name);
            text.push(0);
            text.extend(bytes(&held.sha)?);
        }
        object("tree", &text, width)
    }

    /// Puts another content in the place of a file's, and renews the folders around it.
    fn put(&mut self, path: &[u8], blob: &Sha) -> Option<()> {
        let mut path = path.to_vec();
        let mut sha = blob.clone();
        loop {
            let (folder, name) = split(&path);
            let (folder, name) = (folder.to_vec(), name.to_vec());
            let held = self.0.get_mut(&folder)?.get_mut(&name)?;
            held.sha = sha;
            if folder.is_empty() {
                return Some(());
            }
            sha = self.tree(&folder, blob.as_str().len())?;
            path = folder;
        }
    }
}

/// A folder and the name in it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(place) => (&path[..place], &path[place + 1..]),
        None => (&[], path),
    }
}

fn bytes(sha: &Sha) -> Option<Vec<u8>> {
    let digits = sha.as_str().as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

/// The name that git gives a file's content.
#[must_use]
pub fn blob(content: &[u8]) -> Option<Sha> {
    object("blob", content, 40)
}

/// The git name of an object, in a repository whose names have so many digits.
fn object(kind: &str, content: &[u8], width: usize) -> Option<Sha> {
    let head = format!("{kind} {}\0", content.len());
    let digits = match width {
        40 => hex(&Sha1::new()
            .chain_update(head)
            .chain_update(content)
            .finalize()),
        64 => hex(&Sha256::new()
            .chain_update(head)
            .chain_update(content)
            .finalize()),
        _ => return None,
    };
    Sha::parse(&digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digits: &str) -> Sha {
        Sha::parse(digits).unwrap()
    }

    fn entry(path: &str, mode: &str, digits: &str) -> TreeEntry {
        TreeEntry {
            path: path.into(),
            mode: mode.to_owned(),
            sha: sha(digits),
        }
    }

    /// A repository that git made: `a.txt` and `dir/b.txt` hold `hello`.
    fn tree() -> Tree {
        let hello = "ce013625030ba8dba906f756967f9e9ca394464a";
        Tree {
            entries: vec![
                entry("a.txt", "100644", hello),
                entry("dir/b.txt", "100644", hello),
                entry("dir", FOLDER, "dd5a3627ad3d4a1eaa9b180972bab37891a5e101"),
            ],
            is_complete: true,
            committed_at: Timestamp::from_millis(1_700_000_000_000),
        }
    }

    #[test]
    fn a_part_of_a_tree_is_no_tree() {
        let parent = sha(&"1".repeat(40));
        let changed = [(RepoPath::from("a.txt"), "new\n".to_owned())];
        let whole = DocsCommit::on(&parent, "b", &tree(), &changed, "m").unwrap();
        assert_ne!(whole.base_tree, whole.tree);
        let mut part = tree();
        part.is_complete = false;
        assert_eq!(DocsCommit::on(&parent, "b", &part, &changed, "m"), None);
        let mut other = tree();
        other.entries[2].sha = sha(&"2".repeat(40));
        let inner = [(RepoPath::from("dir/b.txt"), String::new())];
        assert!(DocsCommit::on(&parent, "b", &tree(), &inner, "m").is_some());
        assert_eq!(DocsCommit::on(&parent, "b", &other, &inner, "m"), None);
        let missing = [(RepoPath::from("no.txt"), String::new())];
        assert_eq!(DocsCommit::on(&parent, "b", &tree(), &missing, "m"), None);
        assert_eq!(DocsCommit::on(&parent, "b", &tree(), &[], "m"), None);
    }

    #[test]
    fn objects_have_the_names_that_git_gives_them() {
        // What `git write-tree` and `git hash-object -t commit` say.
        let parent = sha(&"1".repeat(40));
        let changed = [(RepoPath::from("dir/b.txt"), "bye\n".to_owned())];
        let message = "Keep the documents true";
        let made = DocsCommit::on(&parent, "b", &tree(), &changed, message).unwrap();
        assert_eq!(
            made.base_tree.as_str(),
            "e6b1205717837a60b346a14d0cd3bb8ccbd2ab63"
        );
        assert_eq!(
            made.tree.as_str(),
            "fa20879be0506c78d5bc8587b27ecb5e584abced"
        );
        assert_eq!(
            made.commit.as_str(),
            "3ec8be2aa0655b9097ec87416125c21d1db59185"
        );
    }

    #[test]
    fn the_same_commit_has_the_same_name_and_another_has_another() {
        let parent = sha(&"1".repeat(40));
        let name = |text: &str, message: &str| {
            let changed = [(RepoPath::from("dir/b.txt"), text.to_owned())];
            DocsCommit::on(&parent, "b", &tree(), &changed, message)
                .unwrap()
                .commit
        };
        assert_eq!(name("one", "m"), name("one", "m"));
        assert_ne!(name("one", "m"), name("two", "m"));
        assert_ne!(name("one", "m"), name("one", "n"));
    }
}
