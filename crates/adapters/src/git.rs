//! Reads changes from a git repository's object store; runs nothing the repository says.
//!
//! Nothing is checked out and nothing is written. Of git only `rev-parse`, `diff-tree`, `ls-files -s` and
//! `cat-file --batch` are run, in a way that starts no hook, filter, text conversion, external diff or fetch.
//! Working files are hashed and compared here, because git itself would run the repository's filters.

mod around;
mod content;
mod draft;
mod error;
mod fill;
mod hunks;
mod id;
mod index;
mod limits;
mod objects;
mod process;
mod renames;
mod revision;
mod source;
mod status;
mod trees;
mod worktree;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pullmill_core::change::{Change, Side};

pub use around::{Head, Nearby};
pub(crate) use content::side_of;
pub(crate) use draft::SUBMODULE;
pub use error::GitError;
pub(crate) use fill::find_hunks;
use fill::{Sources, fill};
pub use hunks::hunks;
use id::Hash;
pub use limits::Limits;
use objects::Objects;
use process::Process;
use revision::Commit;
use trees::{Listing, Trees};

/// Says what the texts of a change really are, and finds its changed regions: for changes that somebody else has read.
pub fn complete(change: &mut Change, limits: &Limits) {
    for file in &mut change.files {
        for side in [&mut file.base, &mut file.head] {
            if let Side::Text(bytes) = side {
                *side = side_of(std::sync::Arc::clone(bytes), None, limits);
            }
        }
    }
    find_hunks(&mut change.files, limits, &mut change.notes);
}

/// Which change of a repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The working tree against `HEAD` if they differ, else the last commit.
    Default,
    /// `A..B` from A to B, `A...B` from the merge base of both to B, or one commit against its first parent.
    Range(String),
    /// The index against `HEAD`.
    Staged,
    /// From the merge base of this commit and `HEAD` to `HEAD`, as a pull request would show it; what is
    /// not committed does not count.
    Base(String),
}

/// A git repository.
pub struct Repository {
    folder: PathBuf,
    root: Option<PathBuf>,
    git_dir: PathBuf,
    hash: Hash,
    is_shallow: bool,
    objects: Mutex<Objects>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Repository")
            .field("git_dir", &self.git_dir)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens the repository that `path` is in.
    ///
    /// # Errors
    /// If there is none, git is missing, or git does not trust it.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let no_folder = || GitError::NoFolder(path.to_owned());
        let folder = path.canonicalize().map_err(|_| no_folder())?;
        if !folder.is_dir() {
            return Err(no_folder());
        }
        let limit = Limits::default().git_timeout;
        let questions = [
            "rev-parse",
            "--is-bare-repository",
            "--is-inside-work-tree",
            "--is-shallow-repository",
            "--show-object-format",
            "--show-cdup",
            "--absolute-git-dir",
        ];
        let asked = Process::start(&folder, &questions, limit)?;
        let mut objects = Objects::open(&folder, limit)?;
        let facts = Facts::read(asked, path)?;
        objects.use_hash(facts.hash);
        Ok(Self {
            root: facts.up.map(|up| canonical(&folder.join(up))),
            git_dir: facts.git_dir,
            hash: facts.hash,
            is_shallow: facts.is_shallow,
            objects: Mutex::new(objects),
            folder,
        })
    }

    /// The top folder of the working tree; `None` if the repository is bare.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The branches and the commits they are at, by name. One that is damaged is left out.
    ///
    /// # Errors
    /// If git fails.
    pub fn branches(&self) -> Result<Vec<(String, String)>, GitError> {
        let limit = Limits::default().git_timeout;
        let asked = ["rev-parse", "--symbolic", "--branches"];
        let mut process = Process::start(&self.folder, &asked, limit)?;
        process.close_input();
        process.expect_answer();
        let mut answer = String::new();
        let read = std::io::Read::read_to_string(&mut process.output, &mut answer);
        process.finish()?;
        let names = read.map(|_| answer.lines()).into_iter().flatten();
        let branches = names.filter_map(|name| {
            let commit = self.commit(&format!("refs/heads/{name}")).ok()?;
            Some((name.to_owned(), commit.id))
        });
        Ok(branches.collect())
    }

    /// Whether a commit is part of a branch's history.
    ///
    /// # Errors
    /// If there is no such commit or branch, or git fails.
    pub fn is_ancestor(&self, commit: &str, branch: &str) -> Result<bool, GitError> {
        let one = self.commit(commit)?;
        let tip = self.commit(branch)?;
        match self.merge_base(branch, &tip, &one, &mut Vec::new()) {
            Ok(base) => Ok(base.id == one.id),
            // Histories that never met.
            Err(GitError::Revision { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the wanted change.
    ///
    /// # Errors
    /// If what is wanted does not exist or git fails. A file that cannot be read is no error: its side says so.
    pub fn change(&self, wanted: &Wanted, limits: &Limits) -> Result<Change, GitError> {
        match wanted {
            Wanted::Default => self.default_change(limits),
            Wanted::Range(range) => self.range(range, limits),
            Wanted::Staged => self.staged(limits),
            Wanted::Base(name) => {
                let (base, head) = (self.commit(name)?, self.commit("HEAD")?);
                self.since_merge_base(format!("{name}...HEAD"), &base, &head, limits)
            }
        }
    }

    fn default_change(&self, limits: &Limits) -> Result<Change, GitError> {
        let (mut notes, mut trees) = (Vec::new(), None);
        if self.root.is_some() {
            let change;
            (change, trees) = self.working_tree(limits)?;
            if !change.files.is_empty() {
                return Ok(change);
            }
            // What could not be looked at may hide a change.
            notes = change.notes;
        }
        if self.last_commit()?.is_none() {
            return Err(GitError::Nothing);
        }
        let head = self.commit("HEAD")?;
        let mut change = self.one_commit("last commit".to_owned(), &head, trees, limits)?;
        notes.append(&mut change.notes);
        Ok(Change { notes, ..change })
    }

    fn range(&self, range: &str, limits: &Limits) -> Result<Change, GitError> {
        let or_head = |name: &str| {
            let name = if name.is_empty() { "HEAD" } else { name };
            self.commit(name)
        };
        if let Some((base, head)) = range.split_once("...") {
            let (base, head) = (or_head(base)?, or_head(head)?);
            self.since_merge_base(range.to_owned(), &base, &head, limits)
        } else if let Some((base, head)) = range.split_once("..") {
            let (base, head) = (or_head(base)?, or_head(head)?);
            let ends = (Some(&base), &head);
            self.between(range.to_owned(), ends, None, Vec::new(), limits)
        } else {
            let head = self.commit(range)?;
            self.one_commit(range.to_owned(), &head, None, limits)
        }
    }

    fn one_commit(
        &self,
        label: String,
        head: &Commit,
        trees: Option<Trees>,
        limits: &Limits,
    ) -> Result<Change, GitError> {
        let mut notes = Vec::new();
        let base = self.first_parent(head, &mut notes)?;
        self.between(label, (base.as_ref(), head), trees, notes, limits)
    }

    fn since_merge_base(
        &self,
        label: String,
        base: &Commit,
        head: &Commit,
        limits: &Limits,
    ) -> Result<Change, GitError> {
        let mut notes = Vec::new();
        let base = self.merge_base(&label, base, head, &mut notes)?;
        self.between(label, (Some(&base), head), None, notes, limits)
    }

    fn between(
        &self,
        label: String,
        (base, head): (Option<&Commit>, &Commit),
        trees: Option<Trees>,
        mut notes: Vec<String>,
        limits: &Limits,
    ) -> Result<Change, GitError> {
        let old = base.map_or(self.hash.empty_tree(), |commit| &commit.tree);
        let (listing, finds_moves) =
            self.differences((old, &head.tree), trees, limits, &mut notes)?;
        note_more(&listing, limits, &mut notes);
        let sources = Sources {
            objects: &mut self.objects(),
            worktree: None,
            limits,
            finds_moves,
        };
        let files = fill(listing.drafts, sources, &mut notes)?;
        Ok(Change {
            label,
            base: base.map(|commit| commit.id.clone()),
            head: Some(head.id.clone()),
            files,
            notes,
        })
    }

    /// What differs between two trees, and whether renames are still to be found.
    fn differences(
        &self,
        (old, new): (&str, &str),
        trees: Option<Trees>,
        limits: &Limits,
        notes: &mut Vec<String>,
    ) -> Result<(Listing, bool), GitError> {
        let start = |with_moves| Trees::start(&self.folder, limits.git_timeout, with_moves);
        let list = |trees: Trees| trees.compare(old, new, limits.max_listed);
        match trees.map_or_else(|| start(true), Ok).and_then(list) {
            Ok((_, listing)) => Ok((listing, false)),
            // Looking for renames reads contents, which may be missing or damaged where trees are not.
            Err(GitError::Failed { .. } | GitError::TimedOut { .. }) => {
                let (_, listing) = start(false).and_then(list)?;
                notes
                    .push("git could not look for renames; only simple ones were found".to_owned());
                Ok((listing, true))
            }
            Err(error) => Err(error),
        }
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note_more(listing: &Listing, limits: &Limits, notes: &mut Vec<String>) {
    if listing.more > 0 {
        notes.push(format!(
            "{} more files changed than the {} that are listed",
            listing.more, limits.max_listed
        ));
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What git says of a repository when asked once.
struct Facts {
    up: Option<PathBuf>,
    git_dir: PathBuf,
    hash: Hash,
    is_shallow: bool,
}

impl Facts {
    fn read(mut asked: Process, path: &Path) -> Result<Self, GitError> {
        let mut answer = Vec::new();
        asked.close_input();
        asked.expect_answer();
        let read = std::io::Read::read_to_end(&mut asked.output, &mut answer);
        match asked.finish() {
            Ok(()) => {}
            Err(GitError::Failed { message, command }) => {
                return Err(refusal(path, command, message));
            }
            Err(error) => return Err(error),
        }
        let facts = read.ok().and_then(|_| Self::parse(&answer));
        facts.ok_or_else(|| GitError::Failed {
            command: "rev-parse",
            message: "the answer makes no sense; git 2.25 or later is needed".to_owned(),
        })
    }

    fn parse(answer: &[u8]) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        let mut lines = answer.splitn(5, |byte| *byte == b'\n');
        let is_bare = lines.next()? == b"true";
        let is_inside = lines.next()? == b"true";
        let is_shallow = lines.next()? == b"true";
        let hash = match lines.next()? {
            b"sha1" => Hash::Sha1,
            b"sha256" => Hash::Sha256,
            _ => return None,
        };
        let as_path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
        let mut rest = lines.next()?.strip_suffix(b"\n")?;
        let mut up = None;
        // Git says nothing of the way up where there is no working tree.
        if !is_bare && is_inside {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            up = Some(as_path(&rest[..end]));
            rest = &rest[end + 1..];
        }
        Some(Self {
            up,
            git_dir: as_path(rest),
            hash,
            is_shallow,
        })
    }
}

fn refusal(path: &Path, command: &'static str, message: String) -> GitError {
    if message.contains("dubious ownership") || message.contains("unsafe repository") {
        // The exception must name the folder git names, not one inside it.
        let named = message.split('\'').nth(1).map(PathBuf::from);
        GitError::NotTrusted(named.unwrap_or_else(|| canonical(path)))
    } else if message.contains("not a git repository") {
        GitError::NotARepository(path.to_owned())
    } else {
        GitError::Failed { command, message }
    }
}
