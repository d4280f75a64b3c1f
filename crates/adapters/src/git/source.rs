//! Reads single files of a repository, such as its review configuration, from where they can be trusted.

use std::collections::VecDeque;
use std::io;

use pullmill_core::change::RepoPath;

use super::error::GitError;
use super::id::hex;
use super::index::Index;
use super::objects::Reply;
use super::revision::check;
use super::worktree::{Bytes, Worktree, is_plain};
use super::{Limits, Repository};

/// Files listed below a folder, at most.
const MAX_LISTED: usize = 10_000;

/// Where configuration is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// A commit, by id or name.
    Commit(String),
    /// The index.
    Index,
    /// The working tree.
    WorkingTree,
}

impl Repository {
    /// Reads one file; `None` if there is none. Links are not followed.
    ///
    /// # Errors
    /// If the path leads out of the repository, is no file, is too large, or git fails.
    pub fn read(&self, at: &ConfigSource, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let bytes = RepoPath::from(path).to_bytes();
        check_path(&bytes).map_err(|problem| path_error(path, problem))?;
        match at {
            ConfigSource::Commit(name) => {
                check(name).map_err(|problem| GitError::Revision {
                    given: name.clone(),
                    problem: problem.to_owned(),
                })?;
                self.read_object(&[name.as_bytes(), b":", &bytes].concat(), path)
            }
            ConfigSource::Index => self.read_object(&[b":0:", bytes.as_slice()].concat(), path),
            ConfigSource::WorkingTree => self.read_working(&bytes, path),
        }
    }

    fn read_object(&self, name: &[u8], path: &str) -> Result<Option<Vec<u8>>, GitError> {
        match self.objects().get(name, Limits::default().max_file_bytes)? {
            Reply::Object { kind, bytes, .. } if kind == "blob" => Ok(Some(bytes)),
            Reply::Object { .. } => Err(path_error(path, "it is a folder")),
            Reply::Missing => Ok(None),
            Reply::TooLarge(_) => Err(path_error(path, "it is too large")),
            Reply::Ambiguous | Reply::Damaged => {
                Err(path_error(path, "the stored object is damaged"))
            }
        }
    }

    fn read_working(&self, bytes: &[u8], path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let mut worktree = self.worktree()?;
        match worktree.read(bytes, Limits::default().max_file_bytes) {
            Ok(Bytes::File(bytes)) => Ok(Some(bytes)),
            Ok(Bytes::Link(_)) => Err(path_error(path, "it is a symbolic link")),
            Ok(Bytes::TooLarge(_)) => Err(path_error(path, "it is too large")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(path_error(path, &error.to_string())),
        }
    }

    fn worktree(&self) -> Result<Worktree, GitError> {
        let root = self.root().ok_or(GitError::Bare("working tree"))?;
        let limit = Limits::default().max_hashed_bytes;
        Ok(Worktree::new(root, &self.git_dir, self.hash, limit))
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

    /// Lists the regular files below a folder, by path.
    ///
    /// # Errors
    /// If the path leads out of the repository or git fails.
    pub fn list(&self, at: &ConfigSource, prefix: &str) -> Result<Vec<RepoPath>, GitError> {
        let folder = prefix.trim_end_matches('/');
        let bytes = RepoPath::from(folder).to_bytes();
        check_path(&bytes).map_err(|problem| path_error(prefix, problem))?;
        let mut paths = match at {
            ConfigSource::Commit(name) => self.list_tree(name, &bytes)?,
            ConfigSource::Index => self.list_index(&bytes)?,
            ConfigSource::WorkingTree => self.worktree()?.list(&bytes, MAX_LISTED),
        };
        paths.sort();
        Ok(paths
            .iter()
            .map(|path| RepoPath::from_bytes(path))
            .collect())
    }

    fn list_index(&self, folder: &[u8]) -> Result<Vec<Vec<u8>>, GitError> {
        let root = self.root().ok_or(GitError::Bare("index"))?;
        let entries = Index::start(root, Limits::default().git_timeout)?.read()?;
        let start = [folder, b"/"].concat();
        let paths = entries
            .into_iter()
            .filter(|entry| is_file(entry.mode) && entry.path.starts_with(&start));
        Ok(paths.map(|entry| entry.path).take(MAX_LISTED).collect())
    }

    fn list_tree(&self, commit: &str, folder: &[u8]) -> Result<Vec<Vec<u8>>, GitError> {
        check(commit).map_err(|problem| GitError::Revision {
            given: commit.to_owned(),
            problem: problem.to_owned(),
        })?;
        let mut paths = Vec::new();
        let top = [commit.as_bytes(), b":", folder].concat();
        let mut trees = VecDeque::from([(folder.to_vec(), top)]);
        let mut asked = 0;
        while let Some((folder, name)) = trees.pop_front() {
            asked += 1;
            if asked > MAX_LISTED || paths.len() >= MAX_LISTED {
                break;
            }
            let reply = self
                .objects()
                .get(&name, Limits::default().max_file_bytes)?;
            let Reply::Object { kind, bytes, .. } = reply else {
                continue;
            };
            if kind != "tree" {
                continue;
            }
            for (mode, file, id) in tree_entries(&bytes, self.hash.len()) {
                let path = [folder.as_slice(), b"/", file].concat();
                if is_file(mode) {
                    paths.push(path);
                } else if mode == 0o40_000 && path.len() < 4_096 {
                    trees.push_back((path, hex(id).into_bytes()));
                }
            }
        }
        Ok(paths)
    }
}

fn is_file(mode: u32) -> bool {
    mode & 0o170_000 == 0o100_000
}

/// Reads `MODE NAME<nul>ID` over and over; stops at what makes no sense.
fn tree_entries(mut bytes: &[u8], id_len: usize) -> Vec<(u32, &[u8], &[u8])> {
    let mut entries = Vec::new();
    while let Some((entry, rest)) = tree_entry(bytes, id_len) {
        entries.push(entry);
        bytes = rest;
    }
    entries
}

type TreeEntry<'a> = (u32, &'a [u8], &'a [u8]);

fn tree_entry(bytes: &[u8], id_len: usize) -> Option<(TreeEntry<'_>, &[u8])> {
    let nul = bytes.iter().position(|byte| *byte == 0)?;
    let blank = bytes[..nul].iter().position(|byte| *byte == b' ')?;
    let mode = std::str::from_utf8(&bytes[..blank]).ok()?;
    let mode = u32::from_str_radix(mode, 8).ok()?;
    let end = nul + 1 + id_len;
    let id = bytes.get(nul + 1..end)?;
    Some(((mode, &bytes[blank + 1..nul], id), &bytes[end..]))
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
