//! A git repository as a forge: its branches are pull requests against the default branch, and what is posted is kept in a file beside the records.

mod notes;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::change::{RepoPath, Side};
use pullmill_core::commit::{Tree, TreeEntry};
use pullmill_core::effect::{Content, Effect, Found};
use pullmill_core::event::comment::Permission;
use pullmill_core::id::{RepoName, Sha};
use pullmill_core::ports::forge::{
    Attempt, Compared, ComparedFile, Fetched, ForgeError, ForgeRead, ForgeWrite, Permit, Pull,
    PullRef, RepoRef, SendError, Thread, User, Wanted,
};
use pullmill_core::time::Timestamp;

use crate::git::{GitError, Limits, Repository, Wanted as Range};

pub use notes::{Note, Notes, NotesError, Request};

/// Names that a default branch usually has, in the order they are looked for.
const DEFAULTS: [&str; 3] = ["main", "master", "trunk"];
/// What stands for the installation and the repository: there is one of each.
const ONE: u64 = 1;

/// A git repository as a forge.
pub struct LocalForge {
    folder: PathBuf,
    name: RepoName,
    notes: Mutex<Notes>,
}

/// What has become of a pull request since it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub pull: PullRef,
    /// `opened`, `synchronize`, `closed` or `reopened`, as GitHub calls it.
    pub action: &'static str,
    /// Its head now, or the last one.
    pub head: Sha,
    /// The how many-th time something is told of it.
    pub turn: u64,
}

/// Why a repository cannot be a forge.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Git does not answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no branch that others are to be merged into.
    #[error("{0} has no branch called main, master or trunk")]
    NoDefault(String),
    /// What was posted cannot be kept.
    #[error(transparent)]
    Notes(#[from] NotesError),
}

impl LocalForge {
    /// A forge of a repository; what is posted is kept in a file.
    pub fn open(folder: &Path, notes: &Path) -> Result<Self, LocalError> {
        let repository = Repository::open(folder)?;
        default_branch(&repository, folder)?;
        let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = name
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let plain: String = name
            .unwrap_or_default()
            .chars()
            .map(|one| {
                if one.is_ascii_alphanumeric() || "._-".contains(one) {
                    one
                } else {
                    '-'
                }
            })
            .take(100)
            .collect();
        let name = RepoName::parse(&format!("local/{plain}"))
            .or_else(|_| RepoName::parse("local/repository"));
        let name = name.map_err(|_| LocalError::NoDefault(plain))?;
        Ok(Self {
            folder: folder.to_owned(),
            name,
            notes: Mutex::new(Notes::open(notes)?),
        })
    }

    /// Looks which branches have come, moved or gone since it last looked. What is said is remembered only by [`Self::seen`].
    pub fn look(&self) -> Result<Vec<Moved>, LocalError> {
        let repository = Repository::open(&self.folder)?;
        let base = default_branch(&repository, &self.folder)?;
        let branches = repository.branches()?;
        let mut notes = self.notes();
        let mut moved = Vec::new();
        for (branch, head) in &branches {
            let is_merged = *branch == base || repository.is_ancestor(head, &base)?;
            let known = notes.request(branch);
            let action = match known {
                None if is_merged => continue,
                None => "opened",
                Some(known) if is_merged && !known.is_open => continue,
                Some(_) if is_merged => "closed",
                Some(known) if !known.is_open => "reopened",
                Some(known) if known.head == *head => continue,
                Some(_) => "synchronize",
            };
            let number = notes.number(branch)?;
            moved.push(self.moved(&notes, number, action, head)?);
        }
        let gone = notes.requests().filter(|(_, request)| {
            request.is_open && !branches.iter().any(|(branch, _)| *branch == request.branch)
        });
        let gone: Vec<(u64, String)> = gone
            .map(|(number, one)| (number, one.head.clone()))
            .collect();
        for (number, head) in gone {
            moved.push(self.moved(&notes, number, "closed", &head)?);
        }
        Ok(moved)
    }

    /// Remembers that something was told, so that it is not told again.
    pub fn seen(&self, moved: &Moved) -> Result<(), LocalError> {
        let is_open = moved.action != "closed";
        self.notes()
            .see(moved.pull.number, moved.head.as_str(), is_open)?;
        Ok(())
    }

    /// What the repository is called.
    #[must_use]
    pub fn name(&self) -> &RepoName {
        &self.name
    }

    fn moved(
        &self,
        notes: &Notes,
        number: u64,
        action: &'static str,
        head: &str,
    ) -> Result<Moved, LocalError> {
        let head = Sha::parse(head).map_err(|error| NotesError::Damaged(error.to_string()))?;
        let repo = RepoRef {
            installation: ONE,
            id: ONE,
            name: self.name.clone(),
        };
        let turn = notes.get(number).map_or(0, |request| request.told) + 1;
        Ok(Moved {
            turn,
            pull: PullRef { repo, number },
            action,
            head,
        })
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn repository(&self) -> Result<Repository, ForgeError> {
        Repository::open(&self.folder).map_err(away)
    }
}

/// The branch that others are to be merged into.
fn default_branch(repository: &Repository, folder: &Path) -> Result<String, LocalError> {
    let branches = repository.branches()?;
    let known = |name: &&&str| branches.iter().any(|(branch, _)| branch == **name);
    let found = DEFAULTS.iter().find(known);
    found
        .map(|name| (*name).to_owned())
        .ok_or_else(|| LocalError::NoDefault(folder.display().to_string()))
}

fn away(error: GitError) -> ForgeError {
    ForgeError::Unavailable(error.to_string())
}

fn sha(text: &str) -> Result<Sha, ForgeError> {
    Sha::parse(text).map_err(|error| ForgeError::Unavailable(error.to_string()))
}

#[async_trait]
impl ForgeRead for LocalForge {
    async fn pull(&self, pull: &PullRef) -> Result<Pull, ForgeError> {
        let missing = || ForgeError::NotFound(format!("pull request {}", pull.number));
        let (branch, threads) = {
            let notes = self.notes();
            let request = notes.get(pull.number).ok_or_else(missing)?;
            let threads = request.notes.iter().filter(|note| note.kind == "line");
            let threads = threads.map(|note| Thread {
                id: note.id.to_string(),
                is_resolved: note.is_resolved,
                comment: note.id,
                body: note.body.clone(),
            });
            (request.branch.clone(), threads.collect())
        };
        let repository = self.repository()?;
        let base_branch = default_branch(&repository, &self.folder)
            .map_err(|error| ForgeError::Unavailable(error.to_string()))?;
        let branches = repository.branches().map_err(away)?;
        let tip = |name: &str| {
            let mut branches = branches.iter();
            branches
                .find(|(branch, _)| branch == name)
                .map(|(_, head)| head.clone())
        };
        let base = tip(&base_branch).ok_or_else(missing)?;
        let Some(head) = tip(&branch) else {
            return Ok(closed(sha(&base)?, threads));
        };
        let is_merged = repository.is_ancestor(&head, &base).map_err(away)?;
        Ok(Pull {
            is_open: !is_merged,
            head: sha(&head)?,
            ..closed(sha(&base)?, threads)
        })
    }

    async fn change(&self, _: &PullRef, base: &Sha, head: &Sha) -> Result<Compared, ForgeError> {
        let repository = self.repository()?;
        let range = Range::Range(format!("{base}...{head}"));
        let limits = Limits::default();
        let change = repository.change(&range, &limits).map_err(away)?;
        let merge_base = sha(&change.base.unwrap_or_default())?;
        let files = change.files.into_iter().map(|file| ComparedFile {
            submodule: match (&file.head, &file.base) {
                (Side::Submodule(commit), _) | (_, Side::Submodule(commit)) => Some(commit.clone()),
                _ => None,
            },
            path: file.path,
            old_path: file.old_path,
            status: file.status,
            hunks: file.hunks,
        });
        Ok(Compared {
            merge_base,
            files: files.collect(),
            is_complete: true,
        })
    }

    async fn blobs(
        &self,
        _: &RepoRef,
        wanted: &[Wanted],
        at_most_each: u64,
    ) -> Result<Vec<Fetched>, ForgeError> {
        let repository = self.repository()?;
        let file = |commit: &Sha, path: &RepoPath| {
            // A link, a folder, or more than is read: it is there, and its content is not given.
            let Ok(read) = repository.read(commit.as_str(), path) else {
                return Ok::<_, ForgeError>(Fetched::TooLarge(at_most_each.saturating_add(1)));
            };
            Ok(match read {
                None => Fetched::Absent,
                Some(bytes) if bytes.len() as u64 > at_most_each => {
                    Fetched::TooLarge(bytes.len() as u64)
                }
                Some(bytes) => Fetched::File(Bytes::from(bytes)),
            })
        };
        let mut fetched = Vec::with_capacity(wanted.len());
        for one in wanted {
            fetched.push(match one {
                Wanted::File(commit, path) => file(commit, path)?,
                Wanted::Folder(commit, folder) => {
                    let paths = repository
                        .list(commit.as_str(), folder.as_str())
                        .map_err(away)?;
                    let mut files = Vec::new();
                    for path in paths {
                        let bytes = match file(commit, &path)? {
                            Fetched::File(bytes) => Some(bytes),
                            _ => None,
                        };
                        files.push((path.file_name().to_owned(), bytes));
                    }
                    Fetched::Folder(files)
                }
            });
        }
        Ok(fetched)
    }

    async fn tree(&self, _: &RepoRef, commit: &Sha) -> Result<Tree, ForgeError> {
        let repository = self.repository()?;
        let (files, _) = repository.files(commit.as_str()).map_err(away)?;
        let mut entries = Vec::with_capacity(files.len());
        for file in files {
            entries.push(TreeEntry {
                path: file.path,
                mode: format!("{:06o}", file.mode),
                sha: sha(&file.id)?,
            });
        }
        Ok(Tree {
            entries,
            // Its folders are left out: no commit is made here.
            is_complete: false,
            committed_at: Timestamp::from_millis(0),
        })
    }

    /// Branches are somebody's own work, and may be checked out.
    async fn may_commit(&self, _: &RepoRef) -> Result<bool, ForgeError> {
        Ok(false)
    }

    async fn attempts(&self, _: Timestamp) -> Result<Vec<Attempt>, ForgeError> {
        Ok(Vec::new())
    }

    /// Whoever may write to the repository's folder may do everything.
    async fn permission(&self, _: &RepoRef, _: &User) -> Result<Permission, ForgeError> {
        Ok(Permission::Admin)
    }
}

/// A pull request whose branch is gone or merged.
fn closed(base: Sha, threads: Vec<Thread>) -> Pull {
    Pull {
        is_open: false,
        is_draft: false,
        is_fork: false,
        head: base.clone(),
        default: base.clone(),
        branch: None,
        labels: Vec::new(),
        description: String::new(),
        base,
        threads,
    }
}

#[async_trait]
impl ForgeWrite for LocalForge {
    async fn find(&self, effect: &Effect) -> Result<Vec<Found>, ForgeError> {
        let notes = self.notes();
        if let Content::Resolve { thread } = &effect.content {
            let note = notes.note(effect.target.pull.number, thread);
            return Ok(note
                .map(|note| Found {
                    id: thread.clone(),
                    parts: 1,
                    is_current: note.is_resolved,
                })
                .into_iter()
                .collect());
        }
        Ok(notes.find(effect))
    }

    /// One process has the file, and an object is written over, never beside itself: a permit that is over can double nothing.
    async fn send(&self, permit: &Permit, _: Option<&Found>) -> Result<Found, SendError> {
        let mut notes = self.notes();
        notes.post(permit.effect()).map_err(|error| match error {
            NotesError::Missing(what) => SendError::Refused(what),
            error => SendError::NotSent(error.to_string()),
        })
    }

    async fn retract(&self, _: &Permit, _: &Found) -> Result<(), SendError> {
        // One process, one file, one object per key: nothing is there twice.
        Ok(())
    }

    async fn redeliver(&self, _: &Attempt) -> Result<(), SendError> {
        Ok(())
    }
}
