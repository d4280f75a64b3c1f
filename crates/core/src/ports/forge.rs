//! The forge: what is true about pull requests, and how something is changed there. Both sides are apart, so that whoever reads cannot write.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::change::{RepoPath, Status};
use crate::commit::Tree;
use crate::effect::{Effect, Found};
use crate::event::comment::Permission;
use crate::hunk::Hunk;
use crate::id::{RepoName, Sha};
use crate::time::{Monotonic, Timestamp};

/// A repository on a forge, and the installation through which it is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The installation.
    pub installation: u64,
    /// Its number, which stays when it is renamed.
    pub id: u64,
    /// What it is called now.
    pub name: RepoName,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PullRef {
    /// Where.
    pub repo: RepoRef,
    /// Which.
    pub number: u64,
}

/// A pull request as the forge has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Whether it is neither merged nor closed.
    pub is_open: bool,
    /// Whether its author is still at work.
    pub is_draft: bool,
    /// Whether its head is in another repository.
    pub is_fork: bool,
    /// The tip of the branch it is to be merged into.
    pub base: Sha,
    /// Its own tip.
    pub head: Sha,
    /// The tip of the repository's default branch.
    pub default: Sha,
    /// The branch of its head, if we may put commits there.
    pub branch: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its description, as anybody may have written it.
    pub description: String,
    /// What we said at lines of its code, oldest first.
    pub threads: Vec<Thread>,
}

/// A conversation that we began at a line of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The forge's name for it.
    pub id: String,
    /// Whether somebody has marked it as settled.
    pub is_resolved: bool,
    /// The comment that began it.
    pub comment: u64,
    /// What we said first, marker and all.
    pub body: String,
}

/// One attempt of a forge to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The forge's name for the attempt.
    pub id: u64,
    /// The delivery, the same for all its attempts.
    pub delivery: String,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it was answered with success.
    pub is_good: bool,
}

/// Somebody on a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their number, which is what counts.
    pub id: u64,
    /// What they are called.
    pub login: String,
}

/// What differs between two commits, seen from where they parted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The commit where they parted.
    pub merge_base: Sha,
    /// The files that differ.
    pub files: Vec<ComparedFile>,
    /// Whether these are all.
    pub is_complete: bool,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedFile {
    /// Its path at head; if it is gone, at base.
    pub path: RepoPath,
    /// Its path at base, if it differs.
    pub old_path: Option<RepoPath>,
    /// What happened to it.
    pub status: Status,
    /// The commit of a submodule, if it is one.
    pub submodule: Option<String>,
    /// What the forge shows of the difference: only there it takes comments. Empty if it shows nothing.
    pub hunks: Vec<Hunk>,
}

/// Something to be read at a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A file.
    File(Sha, RepoPath),
    /// The files of a folder, but not those of the folders in it.
    Folder(Sha, RepoPath),
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// There is nothing of this name and kind.
    Absent,
    /// A file's bytes.
    File(Bytes),
    /// A file of so many bytes that are no text.
    Binary(u64),
    /// A file of more bytes than were asked for.
    TooLarge(u64),
    /// The files of a folder by name; of those that are too large only the name is known.
    Folder(Vec<(String, Option<Bytes>)>),
}

/// Why the forge did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// There is no such thing, or we may not see it.
    #[error("the forge knows no {0}")]
    NotFound(String),
    /// We may not do that.
    #[error("the forge refuses: {0}")]
    Refused(String),
    /// We asked too much and have to wait.
    #[error("the forge wants to be left alone for {} s", .0.as_secs())]
    Limited(Duration),
    /// Try again later.
    #[error("the forge is not available: {0}")]
    Unavailable(String),
}

/// Reads from a forge.
#[async_trait]
pub trait ForgeRead: Send + Sync {
    /// Reads a pull request, never from a cache.
    async fn pull(&self, pull: &PullRef) -> Result<Pull, ForgeError>;

    /// Compares a pull request's base and head from where they parted.
    async fn change(&self, pull: &PullRef, base: &Sha, head: &Sha) -> Result<Compared, ForgeError>;

    /// Reads files and folders in the order they are asked for, of each file at most so many bytes.
    async fn blobs(
        &self,
        repo: &RepoRef,
        wanted: &[Wanted],
        at_most_each: u64,
    ) -> Result<Vec<Fetched>, ForgeError>;

    /// Lists all that a commit holds.
    async fn tree(&self, repo: &RepoRef, commit: &Sha) -> Result<Tree, ForgeError>;

    /// Whether we may put commits on branches of a repository.
    async fn may_commit(&self, repo: &RepoRef) -> Result<bool, ForgeError>;

    /// Lists attempts to deliver something to us since a time, newest first.
    async fn attempts(&self, since: Timestamp) -> Result<Vec<Attempt>, ForgeError>;

    /// Says what somebody may do to a repository now; nothing if that cannot be seen.
    async fn permission(&self, repo: &RepoRef, user: &User) -> Result<Permission, ForgeError>;
}

/// Leave to send one effect, given after its intent is durable and for as long as nobody else may send it.
#[derive(Debug)]
pub struct Permit {
    effect: Effect,
    deadline: Monotonic,
}

impl Permit {
    /// Only the sender of effects gives one.
    #[must_use]
    pub fn new(effect: Effect, deadline: Monotonic) -> Self {
        Self { effect, deadline }
    }

    /// What may be sent.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Whether the first byte may still leave.
    #[must_use]
    pub fn holds(&self, now: Monotonic) -> bool {
        now < self.deadline
    }
}

/// Why it is not known that an effect is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It was not done and will not be, whenever it is asked again.
    #[error("the forge refuses: {0}")]
    Refused(String),
    /// It was not done. Nothing may be sent until the time is over.
    #[error("the forge wants to be left alone for {} s", .0.as_secs())]
    Limited(Duration),
    /// What it was to change is not there any more.
    #[error("it is not there any more: {0}")]
    Gone(String),
    /// It was not sent.
    #[error("the forge could not be reached: {0}")]
    NotSent(String),
    /// It may have been done.
    #[error("it is not known whether it was done: {0}")]
    Unknown(String),
    /// The permit was over before it could be sent.
    #[error("there was no time left to send it")]
    TooLate,
}

/// Changes something on a forge. Held by the sender of effects alone.
#[async_trait]
pub trait ForgeWrite: Send + Sync {
    /// Finds what is there of an effect's object: on all pages, never from a cache, ours alone, oldest first.
    async fn find(&self, effect: &Effect) -> Result<Vec<Found>, ForgeError>;

    /// Makes an object, or changes the one that was found, by one request. The permit is checked right before the first byte.
    async fn send(&self, permit: &Permit, replaces: Option<&Found>) -> Result<Found, SendError>;

    /// Takes an object back that is there twice.
    async fn retract(&self, permit: &Permit, found: &Found) -> Result<(), SendError>;

    /// Has a delivery made once more. Harmless if it is made twice: we know what we have taken.
    async fn redeliver(&self, attempt: &Attempt) -> Result<(), SendError>;
}
