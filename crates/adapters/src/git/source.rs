//! Reads single files of a repository, such as its review configuration, from a commit that can be trusted.

use pullmill_core::change::RepoPath;

use super::error::GitError;
use super::objects::Reply;
use super::revision::check;
use super::worktree::{Bytes, Worktree, is_plain};
use super::{Limits, Repository};

/// Files of configuration are small.
const MAX_BYTES: u64 = 4 << 20;

/// A tree with more entries than this is not read to its end: trees may hold each other a thousandfold.
const MAX_ENTRIES: usize = 100_000;

/// Something at a commit that is no folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Where.
    pub path: RepoPath,
    /// Its mode.
    pub mode: u32,
    /// Its id.
    pub id: String,
}

impl Repository {
    /// The id of the commit `HEAD` names; `None` if the branch has none yet.
    ///
    /// # Errors
    /// If the commit is damaged or git fails.
    pub fn head(&self) -> Result<Option<String>, GitError> {
        Ok(self.last_commit()?.map(|commit| commit.id))
    }

    /// The bytes of a file at a commit; `None` if there is none. Links are not followed.
    ///
    /// # Errors
    /// If the path leads out of the repository, is no file, is too large, or git fails.
    pub fn read(&self, commit: &str, path: &RepoPath) -> Result<Option<Vec<u8>>, GitError> {
        match self.stored(commit, path)? {
            Reply::Object { kind, bytes, .. } if kind == "blob" => Ok(Some(bytes)),
            Reply::Object { .. } => Err(path_error(path.as_str(), "it is a folder")),
            Reply::Missing => Ok(None),
            Reply::TooLarge(_) => Err(path_error(path.as_str(), "it is too large")),
            Reply::Ambiguous | Reply::Damaged => {
                Err(path_error(path.as_str(), "the stored object is damaged"))
            }
        }
    }

    /// The regular files of a folder at a commit, not those of the folders in it, by path.
    ///
    /// # Errors
    /// If the path leads out of the repository or git fails.
    pub fn list(&self, commit: &str, folder: &str) -> Result<Vec<RepoPath>, GitError> {
        let folder = RepoPath::from(folder.trim_end_matches('/'));
        let Reply::Object { kind, bytes, .. } = self.stored(commit, &folder)? else {
            return Ok(Vec::new());
        };
        if kind != "tree" {
            return Ok(Vec::new());
        }
        let start = [folder.to_bytes().as_slice(), b"/"].concat();
        Ok(file_names(&bytes, self.hash.len())
            .into_iter()
            .map(|name| RepoPath::from_bytes(&[start.as_slice(), name].concat()))
            .collect())
    }

    /// Everything that is no folder at a commit, with its mode and its id, and whether that is all: of a vast tree it is only a part.
    ///
    /// # Errors
    /// If a tree is damaged or git fails.
    pub fn files(&self, commit: &str) -> Result<(Vec<StoredFile>, bool), GitError> {
        check(commit).map_err(|problem| GitError::Revision {
            given: commit.to_owned(),
            problem: problem.to_owned(),
        })?;
        let mut files = Vec::new();
        let root = format!("{commit}^{{tree}}");
        let mut folders = vec![(Vec::new(), root.into_bytes())];
        let mut seen = 0;
        while let Some((folder, name)) = folders.pop() {
            let Reply::Object { bytes, .. } = self.objects().get(&name, MAX_BYTES)? else {
                let folder = String::from_utf8_lossy(&folder).into_owned();
                return Err(path_error(&folder, "the stored folder cannot be read"));
            };
            let mut rest = bytes.as_slice();
            while let Some((entry, after)) = tree_entry(rest, self.hash.len()) {
                rest = after;
                seen += 1;
                if seen > MAX_ENTRIES {
                    return Ok((files, false));
                }
                let path = [folder.as_slice(), entry.name].concat();
                let id: String = entry.id.iter().map(|byte| format!("{byte:02x}")).collect();
                match entry.mode {
                    0o040_000 => folders.push(([&path, b"/".as_slice()].concat(), id.into_bytes())),
                    mode => files.push(StoredFile {
                        path: RepoPath::from_bytes(&path),
                        mode,
                        id,
                    }),
                }
            }
        }
        Ok((files, true))
    }

    fn stored(&self, commit: &str, path: &RepoPath) -> Result<Reply, GitError> {
        check(commit).map_err(|problem| GitError::Revision {
            given: commit.to_owned(),
            problem: problem.to_owned(),
        })?;
        let bytes = path.to_bytes();
        check_path(&bytes).map_err(|problem| path_error(path.as_str(), problem))?;
        let name = [commit.as_bytes(), b":", &bytes].concat();
        self.objects().get(&name, MAX_BYTES)
    }

    /// The bytes of a working file; `None` if there is none that can be read.
    pub(crate) fn working_file(&self, path: &RepoPath, limit: u64) -> Option<Vec<u8>> {
        let limits = Limits::default();
        let root = self.root()?;
        let mut worktree = Worktree::new(root, &self.git_dir, self.hash, limits.max_hashed_bytes);
        match worktree.read(&path.to_bytes(), limit) {
            Ok(Bytes::File(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Reads a blob by its id or the beginning of it; `None` if there is no such blob of a readable size.
    ///
    /// # Errors
    /// If git fails.
    pub(crate) fn blob(&self, id: &str, limit: u64) -> Result<Option<Vec<u8>>, GitError> {
        match self.objects().get(id.as_bytes(), limit)? {
            Reply::Object { kind, bytes, .. } if kind == "blob" => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// The id these bytes would have as a blob.
    pub(crate) fn blob_id(&self, bytes: &[u8]) -> String {
        self.hash.id("blob", bytes)
    }
}

/// The names of the regular files in a tree: `MODE NAME<nul>ID` over and over, up to what makes no sense.
fn file_names(mut bytes: &[u8], id_len: usize) -> Vec<&[u8]> {
    let mut names = Vec::new();
    while let Some((entry, rest)) = tree_entry(bytes, id_len) {
        if entry.mode & 0o170_000 == 0o100_000 {
            names.push(entry.name);
        }
        bytes = rest;
    }
    names
}

struct TreeEntry<'t> {
    mode: u32,
    name: &'t [u8],
    id: &'t [u8],
}

fn tree_entry(bytes: &[u8], id_len: usize) -> Option<(TreeEntry<'_>, &[u8])> {
    let nul = bytes.iter().position(|byte| *byte == 0)?;
    let blank = bytes[..nul].iter().position(|byte| *byte == b' ')?;
    let mode = std::str::from_utf8(&bytes[..blank]).ok()?;
    let entry = TreeEntry {
        mode: u32::from_str_radix(mode, 8).ok()?,
        name: &bytes[blank + 1..nul],
        id: bytes.get(nul + 1..nul + 1 + id_len)?,
    };
    Some((entry, bytes.get(nul + 1 + id_len..)?))
}

fn check_path(path: &[u8]) -> Result<(), &'static str> {
    if !is_plain(path) {
        Err("it is no path inside the repository")
    } else if path.contains(&b'\n') {
        Err("its name holds a line break")
    } else {
        Ok(())
    }
}

fn path_error(path: &str, problem: &str) -> GitError {
    GitError::Path {
        path: path.chars().take(200).collect(),
        problem: problem.to_owned(),
    }
}
