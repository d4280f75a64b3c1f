//! Reads a change from a patch.

use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::hunk::{self, FilePatch, LineKind};
use thiserror::Error;

use crate::git::{self, Limits, Repository};

const SYMLINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

/// Why a patch could not be read.
#[derive(Debug, Error)]
pub enum PatchError {
    /// It is no unified diff.
    #[error("the patch cannot be read: {0}")]
    Syntax(#[from] hunk::PatchSyntaxError),
    /// It changes nothing.
    #[error("the patch is empty: a unified diff as `git diff` writes it is expected")]
    Empty,
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] git::GitError),
}

/// Reads a patch. With a repository, whole files are taken from its objects or its last commit; a side that cannot
/// be had is unavailable, and its file is not assessed.
///
/// # Errors
/// If the patch is malformed or empty, or the repository cannot be read.
pub fn read(
    bytes: &[u8],
    repository: Option<&Repository>,
    limits: &Limits,
) -> Result<Change, PatchError> {
    let patches = hunk::parse(bytes)?;
    if patches.is_empty() {
        return Err(PatchError::Empty);
    }
    let mut files = Vec::new();
    let mut notes = Vec::new();
    let most = limits.max_files as usize;
    if patches.len() > most {
        notes.push(format!(
            "{} files changed; the content of {most} is read",
            patches.len()
        ));
    }
    for (index, patch) in patches.into_iter().enumerate() {
        let sides = if index < most {
            sides(&patch, repository, limits)?
        } else {
            let reason = format!("more than {most} files changed");
            existing(patch.status, &Side::Unavailable(reason))
        };
        files.push(file(patch, sides));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let base = match repository {
        Some(repository) => repository.head()?,
        None => None,
    };
    Ok(Change {
        label: "patch".to_owned(),
        base,
        head: None,
        files,
        notes,
    })
}

fn file(patch: FilePatch, (base, head): (Side, Side)) -> FileChange {
    FileChange {
        path: patch.path,
        old_path: patch.old_path,
        status: patch.status,
        old_mode: patch.old_mode,
        new_mode: patch.new_mode,
        base,
        head,
        hunks: patch.hunks,
    }
}

/// One side for each that a file of this status has.
fn existing(status: Status, side: &Side) -> (Side, Side) {
    match status {
        Status::Added => (Side::Absent, side.clone()),
        Status::Deleted => (side.clone(), Side::Absent),
        _ => (side.clone(), side.clone()),
    }
}

fn sides(
    patch: &FilePatch,
    repository: Option<&Repository>,
    limits: &Limits,
) -> Result<(Side, Side), PatchError> {
    if patch.binary {
        return Ok(existing(patch.status, &Side::Binary { size: 0 }));
    }
    let base = || stored(whole(patch, LineKind::Removed), patch.old_mode, limits);
    let head = || stored(whole(patch, LineKind::Added), patch.new_mode, limits);
    match patch.status {
        Status::Added => Ok((Side::Absent, head())),
        Status::Deleted => Ok((base(), Side::Absent)),
        // A link or a submodule is one line, which the patch holds whole.
        _ if patch.old_mode.is_some_and(is_special) || patch.new_mode.is_some_and(is_special) => {
            Ok((base(), head()))
        }
        _ => changed(patch, repository, limits),
    }
}

fn is_special(mode: u32) -> bool {
    matches!(mode, SYMLINK | SUBMODULE)
}

/// What a file of this mode holds.
fn stored(bytes: Vec<u8>, mode: Option<u32>, limits: &Limits) -> Side {
    match mode {
        Some(SYMLINK) => Side::Symlink(RepoPath::from_bytes(&bytes).to_string()),
        Some(SUBMODULE) => {
            let text = String::from_utf8_lossy(&bytes);
            let commit = text.trim().trim_start_matches("Subproject commit ");
            Side::Submodule(commit.to_owned())
        }
        _ => git::classify(bytes, limits),
    }
}

/// All lines of a kind: the file itself, if the patch makes or removes it.
fn whole(patch: &FilePatch, kind: LineKind) -> Vec<u8> {
    let lines = patch.hunks.iter().flat_map(|hunk| &hunk.lines);
    lines
        .filter(|line| line.kind == kind)
        .flat_map(|line| line.bytes.clone())
        .collect()
}

fn changed(
    patch: &FilePatch,
    repository: Option<&Repository>,
    limits: &Limits,
) -> Result<(Side, Side), PatchError> {
    let Some(repository) = repository else {
        let reason = || {
            Side::Unavailable(
                "the patch holds only parts of the file, and there is no repository to complete it"
                    .to_owned(),
            )
        };
        return Ok((reason(), reason()));
    };
    for base in base_candidates(patch, repository)? {
        if let Ok(head) = patch.apply(&base) {
            return Ok((git::classify(base, limits), git::classify(head, limits)));
        }
    }
    let reason =
        || Side::Unavailable("the patch does not fit the file in this repository".to_owned());
    Ok((reason(), reason()))
}

/// The file that the patch names by id, else the file at the last commit.
fn base_candidates(patch: &FilePatch, repository: &Repository) -> Result<Vec<Vec<u8>>, PatchError> {
    let mut candidates = Vec::new();
    if let Some(id) = &patch.old_id {
        candidates.extend(repository.object(id)?);
    }
    let path: &RepoPath = patch.base_path();
    if let Some(head) = repository.head()? {
        candidates.extend(repository.read(&head, path)?);
    }
    Ok(candidates)
}
