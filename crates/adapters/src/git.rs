//! Reads changes from a git repository's object store; runs nothing the repository says.
//!
//! Only `rev-parse`, `diff-tree`, `ls-files -s` and `cat-file --batch` are called, because they run no filter, hook or
//! external program of the repository. Working files are compared and hashed here.

mod command;
mod content;
mod hunks;
mod index;
mod objects;
mod range;
mod renames;
mod tree;
mod worktree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pullmill_core::change::{Change, FileChange, RepoPath};
use pullmill_core::policy;
use thiserror::Error;

pub(crate) use content::classify;
pub use hunks::hunks;

use command::Git;
use objects::Objects;
use tree::{Delta, Entry};

/// Why a repository could not be read.
#[derive(Debug, Error)]
pub enum GitError {
    /// The `git` program could not be started.
    #[error("git could not be started: {0}; it must be installed and on the PATH")]
    NoGit(#[source] std::io::Error),
    /// The folder is in no repository, or in one that git refuses to read.
    #[error("`{path}` is not a readable git repository: {reason}")]
    NoRepository {
        /// What was given.
        path: String,
        /// What git says.
        reason: String,
    },
    /// A revision that does not exist or is not one.
    #[error(
        "`{given}` does not name a commit here: {reason}; allowed are a commit, branch or tag, `A..B` and `A...B`"
    )]
    BadRevision {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The repository has no working tree.
    #[error("this repository has no working tree; name a range such as `HEAD~1..HEAD`")]
    Bare,
    /// There is neither a commit nor a change.
    #[error("there is nothing to review: no commit and no changed file")]
    Nothing,
    /// Git failed or answered something that cannot be understood.
    #[error("git {command} failed: {reason}")]
    Failed {
        /// The command.
        command: &'static str,
        /// What it said.
        reason: String,
    },
    /// A file could not be read.
    #[error("`{path}` could not be read: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What to review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The working tree if it differs from the last commit, else the last commit.
    Default,
    /// `A..B`, `A...B` (from the merge base), or one revision, which is compared with its first parent.
    Range(String),
    /// What is staged, against the last commit.
    Staged,
    /// Everything since the merge base with a revision, uncommitted changes included.
    Base(String),
}

/// How much of a change is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Larger files are not read.
    pub max_file_bytes: u64,
    /// Files with a longer line are not read.
    pub max_line_bytes: u64,
    /// Content of further files is not read.
    pub max_files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&policy::Limits::default())
    }
}

impl From<&policy::Limits> for Limits {
    fn from(configured: &policy::Limits) -> Self {
        Self {
            max_file_bytes: configured.max_file_bytes,
            max_line_bytes: configured.max_line_bytes,
            max_files: configured.max_files,
        }
    }
}

/// A git repository.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    objects: Objects,
    work_tree: Option<PathBuf>,
    git_dir: PathBuf,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The empty tree.
    Nothing,
    /// A commit.
    Commit(String),
    /// What is staged.
    Index,
    /// The files as they are.
    WorkTree,
}

impl Repository {
    /// Opens the repository that a folder is in.
    ///
    /// # Errors
    /// If the folder is in no repository, or git cannot be started.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let git = Git::new(path);
        let asked = git.run(
            "rev-parse",
            &["--is-inside-work-tree", "--absolute-git-dir", "--show-cdup"],
        );
        let answer = asked.map_err(|error| match error {
            GitError::Failed { reason, .. } => GitError::NoRepository {
                path: path.display().to_string(),
                reason,
            },
            other => other,
        })?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let mut lines = text.lines();
        let has_work_tree = lines.next() == Some("true");
        let git_dir = PathBuf::from(lines.next().unwrap_or(".git"));
        let root = path.join(lines.next().unwrap_or(""));
        let git = if has_work_tree { Git::new(&root) } else { git };
        let objects = Objects::new(git.clone());
        Ok(Self {
            git,
            objects,
            work_tree: has_work_tree.then_some(root),
            git_dir,
        })
    }

    /// Reads a change.
    ///
    /// # Errors
    /// If a revision does not exist, there is nothing to review, or the repository cannot be read.
    pub fn change(&self, wanted: &Wanted, limits: &Limits) -> Result<Change, GitError> {
        let mut notes = Vec::new();
        let (label, base, head, deltas) = match wanted {
            Wanted::Default => self.default_change(&mut notes)?,
            Wanted::Range(range) => {
                let (base, head) = self.range(range)?;
                let deltas = self.between(&base, &head, &mut notes)?;
                (range.clone(), base, head, deltas)
            }
            Wanted::Staged => {
                let base = self.last_commit()?;
                let deltas = self.between(&base, &End::Index, &mut notes)?;
                ("staged changes".to_owned(), base, End::Index, deltas)
            }
            Wanted::Base(revision) => {
                let base = self.merge_base(revision)?;
                let head = if self.work_tree.is_some() {
                    End::WorkTree
                } else {
                    self.last_commit()?
                };
                let deltas = self.between(&base, &head, &mut notes)?;
                (format!("changes since {revision}"), base, head, deltas)
            }
        };
        let files = self.files(deltas, limits, &mut notes)?;
        Ok(Change {
            label,
            base: commit_of(base),
            head: commit_of(head),
            files,
            notes,
        })
    }

    /// The bytes of a file at a commit; `None` if there is none.
    ///
    /// # Errors
    /// If the object store cannot be read.
    pub fn read(&self, commit: &str, path: &RepoPath) -> Result<Option<Vec<u8>>, GitError> {
        let name = [commit.as_bytes(), b":", &path.to_bytes()].concat();
        self.objects.read(&name, "blob")
    }

    /// The files of a folder at a commit, not of the folders in it.
    ///
    /// # Errors
    /// If the object store cannot be read.
    pub fn list(&self, commit: &str, folder: &str) -> Result<Vec<RepoPath>, GitError> {
        let folder = folder.trim_end_matches('/');
        let Some(tree) = self
            .objects
            .read(format!("{commit}:{folder}").as_bytes(), "tree")?
        else {
            return Ok(Vec::new());
        };
        let names = tree::file_names(&tree, commit.len() / 2);
        Ok(names
            .into_iter()
            .map(|name| RepoPath::from(format!("{folder}/{name}").as_str()))
            .collect())
    }

    fn default_change(
        &self,
        notes: &mut Vec<String>,
    ) -> Result<(String, End, End, Vec<Delta>), GitError> {
        let last = self.last_commit()?;
        if self.work_tree.is_some() {
            let deltas = self.between(&last, &End::WorkTree, notes)?;
            if !deltas.is_empty() {
                return Ok(("working tree".to_owned(), last, End::WorkTree, deltas));
            }
        }
        let End::Commit(_) = &last else {
            return Err(GitError::Nothing);
        };
        let (base, head) = self.range("HEAD")?;
        let deltas = self.between(&base, &head, notes)?;
        Ok(("last commit".to_owned(), base, head, deltas))
    }

    /// The files that differ between two ends, sorted by path.
    fn between(
        &self,
        base: &End,
        head: &End,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Delta>, GitError> {
        let mut deltas = match (base, head) {
            (End::Commit(base), End::Commit(head)) => self.git.diff_tree(base, head)?,
            (End::Nothing, End::Commit(head)) => {
                self.git.diff_tree(empty_tree(head.len()), head)?
            }
            (base, End::Index) => {
                let after = self.staged(notes)?;
                renames::pair(tree::compare(&self.entries(base)?, &after), self)?
            }
            (base, _) => {
                let before = self.entries(base)?;
                let after = self.working(&before, notes)?;
                renames::pair(tree::compare(&before, &after), self)?
            }
        };
        deltas.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(deltas)
    }

    /// Everything in a commit's tree.
    fn entries(&self, end: &End) -> Result<BTreeMap<Vec<u8>, Entry>, GitError> {
        let End::Commit(commit) = end else {
            return Ok(BTreeMap::new());
        };
        let deltas = self.git.list_tree(empty_tree(commit.len()), commit)?;
        Ok(deltas
            .into_iter()
            .filter_map(|delta| Some((delta.path, delta.new?)))
            .collect())
    }

    fn files(
        &self,
        deltas: Vec<Delta>,
        limits: &Limits,
        notes: &mut Vec<String>,
    ) -> Result<Vec<FileChange>, GitError> {
        let most = limits.max_files as usize;
        if deltas.len() > most {
            notes.push(format!(
                "{} files changed; the content of {most} is read",
                deltas.len()
            ));
        }
        let (read, left) = deltas.split_at(deltas.len().min(most));
        let sides = self.sides(read, limits)?;
        let mut files: Vec<FileChange> = read
            .iter()
            .zip(sides)
            .map(|(delta, (base, head))| content::file_change(delta, base, head))
            .collect();
        files.extend(left.iter().map(|delta| content::unread_file(delta, most)));
        Ok(files)
    }
}

fn commit_of(end: End) -> Option<String> {
    match end {
        End::Commit(commit) => Some(commit),
        End::Nothing | End::Index | End::WorkTree => None,
    }
}

/// The id of the tree without entries, which git knows without storing it.
fn empty_tree(id_length: usize) -> &'static str {
    if id_length == 64 {
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    } else {
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    }
}

impl Repository {
    /// The last commit, if there is one.
    ///
    /// # Errors
    /// If git cannot be started.
    pub fn head(&self) -> Result<Option<String>, GitError> {
        self.last_commit().map(commit_of)
    }

    /// A file by its object id, full or shortened; `None` if there is none.
    ///
    /// # Errors
    /// If the object store cannot be read.
    pub(crate) fn object(&self, id: &str) -> Result<Option<Vec<u8>>, GitError> {
        let is_id = id.len() >= 4 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id {
            self.objects.read(id.as_bytes(), "blob")
        } else {
            Ok(None)
        }
    }
}
