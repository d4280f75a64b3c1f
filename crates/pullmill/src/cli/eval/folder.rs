//! A folder of source files on disk. Reads files only; follows no links.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;
use pullmill_core::change::RepoPath;

use crate::eval::EvalError;
use crate::eval::tree::Tree;

/// A folder, or a single file as a folder of one.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    paths: Vec<RepoPath>,
}

impl Folder {
    /// Lists all files, hidden and ignored ones too, but nothing of `.git` and no names that are not UTF-8.
    ///
    /// # Errors
    /// Fails if a folder cannot be read.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        if root.is_file() {
            let name = root.file_name().unwrap_or_default();
            return Ok(Self {
                root: root.parent().unwrap_or(Path::new("")).to_owned(),
                paths: name.to_str().map(RepoPath::from).into_iter().collect(),
            });
        }
        let mut paths = Vec::new();
        let walk = WalkBuilder::new(root)
            .standard_filters(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .build();
        for entry in walk {
            let entry = entry?;
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                let path = entry.path().strip_prefix(root)?;
                paths.extend(path.to_str().map(RepoPath::from));
            }
        }
        paths.sort();
        Ok(Self {
            root: root.to_owned(),
            paths,
        })
    }

    /// Where a file is, for the reader.
    #[must_use]
    pub fn locate(&self, path: &RepoPath) -> PathBuf {
        self.root.join(path.as_str())
    }
}

impl Tree for Folder {
    fn paths(&self) -> &[RepoPath] {
        &self.paths
    }

    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, EvalError> {
        let place = self.locate(path);
        let bytes = fs::read(&place).map_err(|source| EvalError::Unreadable {
            path: place.display().to_string(),
            source,
        })?;
        Ok(bytes.into())
    }
}
