//! Files and folders that are scanned as they are: which files, in which order, read one at a time.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder};
use pullmill_core::assemble::Analysis;
use pullmill_core::change::RepoPath;
use pullmill_core::coverage::SkipReason;
use pullmill_core::job::Job;
use pullmill_core::policy::Policy;

use super::content::{self, Content};
use super::plan;
use crate::cli::{Failure, Status};

/// The files of a scan, sorted.
#[derive(Debug)]
pub struct Tree {
    /// What was asked for.
    pub label: String,
    /// The folder that paths are relative to and whose configuration holds.
    pub root: PathBuf,
    files: BTreeMap<RepoPath, PathBuf>,
}

/// What became of the files on their way to the children.
#[derive(Debug, Default)]
pub struct Met {
    /// In the order in which jobs were made of them.
    pub asked: Vec<RepoPath>,
    /// Not to be analysed.
    pub skipped: BTreeMap<RepoPath, Analysis>,
}

impl Tree {
    /// Lists the files under `paths`, without those that a `.gitignore` names. One folder is its own root;
    /// several paths are relative to the present folder.
    pub fn walk(paths: &[PathBuf]) -> Result<Self, Failure> {
        let root = match paths {
            [only] if only.is_dir() => only.clone(),
            _ => PathBuf::from("."),
        };
        Self::walk_in(root, paths)
    }

    /// Lists the files under `paths`; those outside `root` keep their full paths.
    pub fn walk_in(root: PathBuf, paths: &[PathBuf]) -> Result<Self, Failure> {
        let label: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let mut files = BTreeMap::new();
        for path in paths {
            if path.symlink_metadata().is_err() {
                let message = format!("there is no file or folder {}", path.display());
                return Err(Failure::new(Status::NoInput, message));
            }
            for file in walk(path)? {
                files.insert(relative(&file, &root), file);
            }
        }
        Ok(Self {
            label: label.join(", "),
            root,
            files,
        })
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Reads the files in order, each when it is asked for, and makes a job of every text.
    pub fn jobs<'a>(
        &'a self,
        policy: &'a Policy,
        met: &'a Mutex<Met>,
    ) -> impl Iterator<Item = Job> + Send + 'a {
        self.files.iter().filter_map(move |(path, file)| {
            let prepared = prepare(path, file, policy);
            let mut met = met.lock().unwrap_or_else(PoisonError::into_inner);
            match prepared {
                Ok(job) => {
                    met.asked.push(path.clone());
                    Some(job)
                }
                Err((reason, detail)) => {
                    let analysis = plan::skipped(reason, detail);
                    met.skipped.insert(path.clone(), analysis);
                    None
                }
            }
        })
    }
}

/// A job, or why there is none.
fn prepare(path: &RepoPath, file: &Path, policy: &Policy) -> Result<Job, (SkipReason, String)> {
    if let Some(reason) = plan::left_out(path, policy) {
        return Err((reason, String::new()));
    }
    let limits = &policy.limits;
    let text = match content::read(file, limits.max_file_bytes, limits.max_line_bytes) {
        Ok(Content::Text(text)) => text,
        Ok(Content::Binary) => return Err((SkipReason::Binary, String::new())),
        Ok(Content::TooLarge(detail)) => return Err((SkipReason::TooLarge, detail)),
        Ok(Content::NotAFile) => {
            return Err((SkipReason::Unavailable, "it is no regular file".to_owned()));
        }
        Err(error) => return Err((SkipReason::Unavailable, error.to_string())),
    };
    Ok(Job {
        path: path.clone(),
        old_path: None,
        base: None,
        head: Some(Arc::from(text)),
        search_base: false,
    })
}

/// Regular files under a path. Links are left out: what they point to is either scanned itself or somewhere else.
fn walk(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in walker(path).build() {
        let entry = entry.map_err(|error| Failure::new(Status::Io, error))?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

/// The same files for everybody: hidden ones too, and no ignore files but those of the tree.
fn walker(path: &Path) -> WalkBuilder {
    let mut builder = WalkBuilder::new(path);
    builder
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry: &DirEntry| entry.file_name() != ".git");
    builder
}

/// The path from the root, as git would write it.
fn relative(file: &Path, root: &Path) -> RepoPath {
    let path = file.strip_prefix(root).unwrap_or(file);
    let mut bytes = Vec::new();
    for component in path.components() {
        if component == Component::CurDir {
            continue;
        }
        if !bytes.is_empty() && bytes != b"/" {
            bytes.push(b'/');
        }
        bytes.extend(component.as_os_str().as_bytes());
    }
    RepoPath::from_bytes(&bytes)
}
