//! What stands around a change: all files at its head, and their texts.

use std::collections::BTreeSet;
use std::sync::Arc;

use pullmill_core::change::RepoPath;

use super::error::GitError;
use super::index::Index;
use super::objects::Reply;
use super::worktree::{Bytes, Worktree};
use super::{Limits, Repository};

/// Which files stand around a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head<'a> {
    /// Those of a commit.
    Commit(&'a str),
    /// Those of the index.
    Index,
    /// Those of the index, as the working tree holds them.
    Working,
}

/// A regular file, and where its text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearby {
    /// Where it is.
    pub path: RepoPath,
    /// Its object; the working tree has the others.
    id: Option<String>,
}

impl Repository {
    /// Lists the regular files at a head, by path, and says whether these are all.
    ///
    /// # Errors
    /// If a tree is damaged or git fails.
    pub fn around(&self, head: Head<'_>) -> Result<(Vec<Nearby>, bool), GitError> {
        let is_regular = |mode: u32| mode & 0o170_000 == 0o100_000;
        if let Head::Commit(commit) = head {
            let (files, is_complete) = self.files(commit)?;
            let files = files.into_iter().filter(|file| is_regular(file.mode));
            let mut files: Vec<Nearby> = files
                .map(|file| Nearby {
                    path: file.path,
                    id: Some(file.id),
                })
                .collect();
            files.sort_by(|one, other| one.path.cmp(&other.path));
            return Ok((files, is_complete));
        }
        let root = self.checked_out("working tree")?;
        let staged = Index::start(root, Limits::default().git_timeout)?.read()?;
        let mut seen = BTreeSet::new();
        let files = staged
            .into_iter()
            .filter(|entry| is_regular(entry.mode) && seen.insert(entry.path.clone()))
            .map(|entry| Nearby {
                path: RepoPath::from_bytes(&entry.path),
                id: (head == Head::Index).then_some(entry.id),
            });
        Ok((files.collect(), true))
    }

    /// Reads texts of at most so many bytes, in order; what is larger, no text or not there is left out.
    ///
    /// # Errors
    /// If git fails.
    pub fn texts(&self, files: &[&Nearby], limit: u64) -> Result<Vec<Option<Arc<[u8]>>>, GitError> {
        let mut texts = vec![None; files.len()];
        let mut asked = Vec::new();
        for (place, file) in files.iter().enumerate() {
            if let Some(id) = &file.id {
                asked.push((place, id.clone().into_bytes()));
            }
        }
        let names: Vec<Vec<u8>> = asked.iter().map(|(_, name)| name.clone()).collect();
        let mut keep = |place: usize, bytes: Vec<u8>| {
            if !bytes.contains(&0) {
                texts[place] = Some(Arc::from(bytes));
            }
        };
        self.objects().get_all(&names, limit, |number, reply| {
            if let Reply::Object { kind, bytes, .. } = reply
                && kind == "blob"
            {
                keep(asked[number].0, bytes);
            }
        })?;
        if let Some(root) = self.root() {
            let most = Limits::default().max_hashed_bytes;
            let mut worktree = Worktree::new(root, &self.git_dir, self.hash, most);
            for (place, file) in files.iter().enumerate() {
                if file.id.is_none()
                    && let Ok(Bytes::File(bytes)) = worktree.read(&file.path.to_bytes(), limit)
                {
                    keep(place, bytes);
                }
            }
        }
        Ok(texts)
    }
}
