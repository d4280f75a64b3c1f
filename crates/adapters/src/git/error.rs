//! Why a change could not be read.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a repository could not be read.
#[derive(Debug, Error)]
pub enum GitError {
    /// The path of the repository is no folder.
    #[error("`{}` is not a folder; give the path of a git repository", .0.display())]
    NoFolder(PathBuf),
    /// There is no git program.
    #[error("cannot start `git`; it must be installed and on the PATH")]
    NoGit(#[source] std::io::Error),
    /// The folder belongs to no repository.
    #[error(
        "`{}` is not inside a git repository; run in one, or give its path with --repo, or a patch with --patch",
        .0.display()
    )]
    NotARepository(PathBuf),
    /// Git does not trust the repository because another user owns it.
    #[error(
        "git refuses `{path}` because another user owns it; if you trust it, run \
         `git config --global --add safe.directory '{path}'`",
        path = .0.display()
    )]
    NotTrusted(PathBuf),
    /// What was asked for names no commit.
    #[error("`{given}` {problem}; give a commit, branch or tag, `A..B`, or `A...B`")]
    Revision {
        /// What was given.
        given: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no commit and no changed file.
    #[error("there is nothing to review: the repository has no commit and no file")]
    Nothing,
    /// The repository has no index or working tree.
    #[error("the repository is bare: it has no {0}; give a range, e.g. `HEAD~1..HEAD`")]
    Bare(&'static str),
    /// A path that cannot be looked up.
    #[error("`{path}` cannot be read: {problem}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Git failed or its answer made no sense, as in a damaged repository.
    #[error("`git {command}` failed: {message}")]
    Failed {
        /// The git command.
        command: &'static str,
        /// What git said.
        message: String,
    },
    /// Git did not answer in time.
    #[error("`git {command}` gave no answer within {} s", .limit.as_secs())]
    TimedOut {
        /// The git command.
        command: &'static str,
        /// The time it had.
        limit: Duration,
    },
}
