//! Turns what the user calls a commit into one, without handing it to git as an argument.

use std::io::Read;

use super::error::GitError;
use super::objects::Reply;
use super::process::Process;
use super::{Limits, Repository};

/// Commits are small; one that is not has no business here.
const MAX_COMMIT: u64 = 16 << 20;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) tree: String,
    pub(super) parents: Vec<String>,
}

impl Repository {
    /// The commit of this name, id or expression.
    pub(super) fn commit(&self, name: &str) -> Result<Commit, GitError> {
        let error = |problem: &str| GitError::Revision {
            given: shown(name),
            problem: problem.to_owned(),
        };
        check(name).map_err(error)?;
        let request = format!("{name}^{{commit}}");
        match self.objects().get(request.as_bytes(), MAX_COMMIT)? {
            Reply::Object { id, kind, bytes } if kind == "commit" => {
                Commit::parse(id, &bytes).ok_or_else(|| error("is a damaged commit"))
            }
            Reply::Missing | Reply::Object { .. } if name == "HEAD" => {
                Err(error("names no commit: the branch has none yet"))
            }
            Reply::Missing | Reply::Object { .. } => {
                Err(error("names no commit of this repository"))
            }
            Reply::Ambiguous => Err(error("is the beginning of several ids")),
            Reply::TooLarge(_) => Err(error("is a commit too large to be read")),
            Reply::Damaged => Err(error("is damaged")),
        }
    }

    /// The commit `HEAD` names, if the branch has one.
    pub(super) fn last_commit(&self) -> Result<Option<Commit>, GitError> {
        match self.objects().get(b"HEAD^{commit}", MAX_COMMIT)? {
            Reply::Missing => Ok(None),
            Reply::Object { id, bytes, .. } => Ok(Commit::parse(id, &bytes)),
            _ => Err(GitError::Revision {
                given: "HEAD".to_owned(),
                problem: "is damaged".to_owned(),
            }),
        }
    }

    /// The first parent; `None` for a first commit and, with a note, where a shallow clone ends.
    pub(super) fn first_parent(
        &self,
        commit: &Commit,
        notes: &mut Vec<String>,
    ) -> Result<Option<Commit>, GitError> {
        let Some(parent) = commit.parents.first() else {
            return Ok(None);
        };
        if commit.parents.len() > 1 {
            notes.push("a merge is compared with its first parent".to_owned());
        }
        match self.commit(parent) {
            Ok(parent) => Ok(Some(parent)),
            Err(GitError::Revision { .. }) if self.is_shallow => {
                notes.push(
                    "the clone is shallow and lacks the parent commit: every file counts as new; \
                     fetch one commit more, e.g. `git fetch --deepen=1`"
                        .to_owned(),
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The commit at which two histories parted.
    pub(super) fn merge_base(
        &self,
        given: &str,
        base: &Commit,
        head: &Commit,
        notes: &mut Vec<String>,
    ) -> Result<Commit, GitError> {
        let range = format!("{}...{}", base.id, head.id);
        let limit = Limits::default().git_timeout;
        let mut process = Process::start_with(&self.folder, &["rev-parse"], &range, limit)?;
        process.close_input();
        process.expect_answer();
        let mut answer = String::new();
        let read = process.output.read_to_string(&mut answer);
        process.finish()?;
        let bases: Vec<&str> = answer
            .lines()
            .filter_map(|line| line.strip_prefix('^'))
            .collect();
        if bases.len() > 1 {
            notes.push(format!(
                "there are {} merge bases; the first is used",
                bases.len()
            ));
        }
        match (read, bases.first()) {
            (Ok(_), Some(id)) => self.commit(id),
            _ => Err(GitError::Revision {
                given: shown(given),
                problem: if self.is_shallow {
                    "has no common ancestor in this shallow clone (fetch more of the history, e.g. \
                     `git fetch --unshallow`)"
                        .to_owned()
                } else {
                    "has no common ancestor".to_owned()
                },
            }),
        }
    }
}

impl Commit {
    fn parse(id: String, bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let tree = id_after(lines.next()?, b"tree ")?;
        let parents = lines.map_while(|line| id_after(line, b"parent ")).collect();
        Some(Self { id, tree, parents })
    }
}

fn id_after(line: &[u8], word: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(line.strip_prefix(word)?).ok()?;
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// Refuses what could not be one line of a request, or would be an option anywhere else.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("is empty")
    } else if name.starts_with('-') {
        Err("begins with a dash, which no commit's name does")
    } else if name.len() > 1_000 {
        Err("is too long")
    } else if name.chars().any(char::is_control) {
        Err("holds control characters")
    } else {
        Ok(())
    }
}

fn shown(name: &str) -> String {
    let text = name.chars().take(200);
    text.map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
