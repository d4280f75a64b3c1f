//! The repository around a change, at its head: read as far as an agent asks, and no further than a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pullmill_adapters::git::{GitError, Head, Nearby, Repository};
use pullmill_core::change::{Change, FileChange, RepoPath};
use pullmill_core::policy::Policy;

use super::plan::left_out;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 512 << 10;
/// Most files that are read for one purpose.
const MAX_FILES: usize = 8_000;
/// Most bytes that are read for one purpose.
const MAX_BYTES: usize = 48 << 20;
/// Files that are read at once.
const AT_ONCE: usize = 256;

/// The repository around a change.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// Which of its files.
    pub head: Head<'a>,
}

/// Texts by path.
pub type Texts = BTreeMap<RepoPath, Arc<[u8]>>;

/// The files around a change and the change's own, listed once when the first is wanted.
pub struct Surroundings<'a> {
    around: Around<'a>,
    policy: &'a Policy,
    changed: BTreeMap<&'a RepoPath, &'a FileChange>,
    listed: Option<Vec<Nearby>>,
    /// Whether everything that was asked for was read.
    pub is_complete: bool,
}

impl<'a> Surroundings<'a> {
    /// Nothing is read yet.
    pub fn new(around: Around<'a>, change: &'a Change, policy: &'a Policy) -> Self {
        Self {
            around,
            policy,
            changed: change.files.iter().map(|file| (&file.path, file)).collect(),
            listed: None,
            is_complete: true,
        }
    }

    /// Reads the files that are wanted, those nearest to the root first.
    pub fn read(&mut self, wanted: impl Fn(&RepoPath) -> bool) -> Result<Texts, GitError> {
        let policy = self.policy;
        self.take(MAX_FILE, |path| {
            wanted(path) && left_out(path, policy).is_none()
        })
    }

    /// Reads files by their paths, whether or not they are reviewed.
    pub fn read_named(
        &mut self,
        paths: &BTreeSet<RepoPath>,
        largest: u64,
    ) -> Result<Texts, GitError> {
        self.take(largest, |path| paths.contains(path))
    }

    fn take(
        &mut self,
        largest: u64,
        wanted: impl Fn(&RepoPath) -> bool,
    ) -> Result<Texts, GitError> {
        let mut texts = Texts::new();
        for (path, file) in &self.changed {
            if let Some(text) = file.head.text().filter(|_| wanted(path)) {
                texts.insert((*path).clone(), Arc::clone(text));
            }
        }
        if self.listed.is_none() {
            let (files, is_complete) = self.around.repository.around(self.around.head)?;
            self.is_complete &= is_complete;
            self.listed = Some(files);
        }
        let files = self.listed.iter().flatten();
        let mut files: Vec<&Nearby> = files
            .filter(|file| wanted(&file.path) && !self.changed.contains_key(&file.path))
            .collect();
        files.sort_by_key(|file| file.path.as_str().matches('/').count());
        self.is_complete &= files.len() <= MAX_FILES;
        files.truncate(MAX_FILES);
        let mut left = MAX_BYTES;
        for some in files.chunks(AT_ONCE) {
            if left == 0 {
                self.is_complete = false;
                break;
            }
            let read = self.around.repository.texts(some, largest)?;
            for (file, text) in some.iter().zip(read) {
                if let Some(text) = text {
                    left = left.saturating_sub(text.len());
                    texts.insert(file.path.clone(), text);
                }
            }
        }
        Ok(texts)
    }
}
