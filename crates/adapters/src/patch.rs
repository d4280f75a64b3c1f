//! Reads a change from a patch; whole files come from a repository if one is at hand and fits exactly.

use std::collections::BTreeSet;
use std::sync::Arc;

use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::hunk::{FilePatch, LineKind, PatchSyntaxError, parse};
use thiserror::Error;

use crate::git::{GitError, Limits, Repository, SUBMODULE, find_hunks, side_of};

/// Why a patch could not be read.
#[derive(Debug, Error)]
pub enum PatchError {
    /// The patch is larger than the limits allow.
    #[error("the patch has {size} bytes; at most {allowed} are read")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        allowed: usize,
    },
    /// The text is no unified diff.
    #[error("the patch cannot be read: {0}")]
    Syntax(#[from] PatchSyntaxError),
    /// There is no diff in it: nothing was assessed, so this is no clean change either.
    #[error("the patch holds no diff; give the output of `git diff` or `diff -u`")]
    Empty,
    /// The same file is changed twice.
    #[error(
        "the patch changes `{0}` more than once, like a series of commits; give one diff of all of them, \
         e.g. `git diff FIRST..LAST`"
    )]
    Repeated(RepoPath),
    /// The repository could not be asked.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Reads a change from a unified diff; its base is the commit `HEAD` names.
///
/// Where the repository holds the files the patch was made for, both sides are whole; else only what the patch
/// itself holds is known: all of a new or deleted file, the changed regions of others.
///
/// # Errors
/// If the patch is no unified diff, is empty or too large, or changes a file twice.
pub fn read(
    bytes: &[u8],
    repository: Option<&Repository>,
    limits: &Limits,
) -> Result<Change, PatchError> {
    if bytes.len() > limits.max_patch_bytes {
        return Err(PatchError::TooLarge {
            size: bytes.len(),
            allowed: limits.max_patch_bytes,
        });
    }
    let mut patches = parse(bytes)?;
    if patches.is_empty() {
        return Err(PatchError::Empty);
    }
    patches.sort_by(|one, other| one.path.cmp(&other.path));
    refuse_repeated(&patches)?;
    let mut reader = Reader {
        repository,
        limits,
        budget: limits.max_total_bytes,
        places: 0,
    };
    let mut files = Vec::with_capacity(patches.len());
    for patch in patches {
        files.push(reader.file(patch)?);
    }
    let mut change = Change {
        label: "patch".to_owned(),
        base: repository.map(Repository::head).transpose()?.flatten(),
        files,
        ..Change::default()
    };
    note_partial(&mut change);
    find_missing_hunks(&mut change, limits);
    Ok(change)
}

fn refuse_repeated(patches: &[FilePatch]) -> Result<(), PatchError> {
    let mut seen = BTreeSet::new();
    for patch in patches {
        if !seen.insert(&patch.path) {
            return Err(PatchError::Repeated(patch.path.clone()));
        }
    }
    Ok(())
}

fn note_partial(change: &mut Change) {
    let partial = change.files.iter().filter(|file| {
        matches!(file.head, Side::Unavailable(_)) || matches!(file.base, Side::Unavailable(_))
    });
    let count = partial.count();
    if count > 0 {
        change.notes.push(format!(
            "of {count} files only the changed regions are known; run inside the repository the patch was made in"
        ));
    }
}

/// Diffs without context are shown with it where both sides are whole, and too many lines are cut.
fn find_missing_hunks(change: &mut Change, limits: &Limits) {
    let given: Vec<_> = change
        .files
        .iter_mut()
        .map(|file| std::mem::take(&mut file.hunks))
        .collect();
    find_hunks(&mut change.files, limits, &mut change.notes);
    for (file, hunks) in change.files.iter_mut().zip(given) {
        let is_partial = [&file.base, &file.head]
            .into_iter()
            .any(|side| matches!(side, Side::Unavailable(_)));
        if is_partial {
            file.hunks = hunks;
        }
    }
}

struct Reader<'a> {
    repository: Option<&'a Repository>,
    limits: &'a Limits,
    budget: u64,
    places: usize,
}

/// Both sides of a file as bytes.
type Both = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Reader<'_> {
    fn file(&mut self, patch: FilePatch) -> Result<FileChange, PatchError> {
        self.places += 1;
        let (base, head) = if self.places > self.limits.max_files as usize {
            let reason = format!("more than {} files changed", self.limits.max_files);
            unknown(&patch, &reason)
        } else if patch.binary {
            self.binary_sides(&patch)?
        } else if let Some((base, head)) = self.both(&patch)? {
            self.known(&patch, base, head)
        } else {
            unknown(&patch, "the patch holds only its changed regions")
        };
        Ok(FileChange {
            path: patch.path,
            old_path: patch.old_path,
            status: patch.status,
            old_mode: patch.old_mode,
            new_mode: patch.new_mode,
            base,
            head,
            hunks: patch.hunks,
        })
    }

    fn known(
        &mut self,
        patch: &FilePatch,
        base: Option<Vec<u8>>,
        head: Option<Vec<u8>>,
    ) -> (Side, Side) {
        let cost = [&base, &head]
            .into_iter()
            .flatten()
            .map(|bytes| bytes.len() as u64);
        match self.budget.checked_sub(cost.sum()) {
            Some(left) => self.budget = left,
            None => return unknown(patch, "the change holds more text than is read at once"),
        }
        let side = |bytes: Option<Vec<u8>>, mode: Option<u32>| match bytes {
            None => Side::Absent,
            Some(bytes) => self.side(bytes, mode),
        };
        (side(base, patch.old_mode), side(head, patch.new_mode))
    }

    fn side(&self, bytes: Vec<u8>, mode: Option<u32>) -> Side {
        if mode == Some(SUBMODULE) {
            let text = String::from_utf8_lossy(&bytes);
            let id = text.trim().trim_start_matches("Subproject commit ");
            return Side::Submodule(id.chars().take(64).collect());
        }
        side_of(Arc::from(bytes), mode, self.limits)
    }

    fn binary_sides(&self, patch: &FilePatch) -> Result<(Side, Side), PatchError> {
        let side = |is_there: bool, id: &Option<String>| -> Result<Side, PatchError> {
            if !is_there {
                return Ok(Side::Absent);
            }
            let blob = self.blob(id.as_deref())?;
            Ok(match blob {
                Some(bytes) => side_of(Arc::from(bytes), None, self.limits),
                None => Side::Binary { size: 0 },
            })
        };
        let base = side(patch.status != Status::Added, &patch.old_id)?;
        let head = side(patch.status != Status::Deleted, &patch.new_id)?;
        Ok((base, head))
    }

    /// Both sides in full; `None` if they cannot be had.
    fn both(&self, patch: &FilePatch) -> Result<Option<Both>, PatchError> {
        match patch.status {
            Status::Added => Ok(whole(patch, LineKind::Added).map(|head| (None, Some(head)))),
            Status::Deleted => Ok(whole(patch, LineKind::Removed).map(|base| (Some(base), None))),
            _ if [patch.old_mode, patch.new_mode].contains(&Some(SUBMODULE)) => Ok(Some((
                part(patch, LineKind::Removed),
                part(patch, LineKind::Added),
            ))),
            _ => self.stored(patch),
        }
    }

    /// Looks for a file the patch fits exactly: by the ids it names, then by its paths.
    fn stored(&self, patch: &FilePatch) -> Result<Option<Both>, PatchError> {
        let Some(repository) = self.repository else {
            return Ok(None);
        };
        if let Some(base) = self.blob(patch.old_id.as_deref())?
            && let Some(both) = forward(repository, patch, base)
        {
            return Ok(Some(both));
        }
        if let Some(head) = self.blob(patch.new_id.as_deref())?
            && let Some(both) = backward(repository, patch, head)
        {
            return Ok(Some(both));
        }
        let limit = self.limits.max_file_bytes;
        if let Some(head) = repository.working_file(&patch.path, limit)
            && let Some(both) = backward(repository, patch, head)
        {
            return Ok(Some(both));
        }
        // A file that cannot be read is only one that does not fit.
        if let Some(commit) = repository.head()?
            && let Ok(Some(base)) = repository.read(&commit, patch.base_path())
            && let Some(both) = forward(repository, patch, base)
        {
            return Ok(Some(both));
        }
        let base = repository.working_file(patch.base_path(), limit);
        Ok(base.and_then(|base| forward(repository, patch, base)))
    }

    fn blob(&self, id: Option<&str>) -> Result<Option<Vec<u8>>, PatchError> {
        match (self.repository, id) {
            (Some(repository), Some(id)) if id.bytes().any(|digit| digit != b'0') => {
                Ok(repository.blob(id, self.limits.max_file_bytes)?)
            }
            _ => Ok(None),
        }
    }
}

fn forward(repository: &Repository, patch: &FilePatch, base: Vec<u8>) -> Option<Both> {
    let head = patch.apply(&base).ok()?;
    fits(repository, patch, &base, &head).then_some((Some(base), Some(head)))
}

fn backward(repository: &Repository, patch: &FilePatch, head: Vec<u8>) -> Option<Both> {
    let base = patch.unapply(&head).ok()?;
    fits(repository, patch, &base, &head).then_some((Some(base), Some(head)))
}

/// Whether both texts are the ones whose ids the patch names.
fn fits(repository: &Repository, patch: &FilePatch, base: &[u8], head: &[u8]) -> bool {
    let is_named = |id: &Option<String>, bytes: &[u8]| match id {
        Some(id) => repository.blob_id(bytes).starts_with(id.as_str()),
        None => true,
    };
    is_named(&patch.old_id, base) && is_named(&patch.new_id, head)
}

/// All text of a new or deleted file; `None` if the patch leaves some of it out.
fn whole(patch: &FilePatch, kind: LineKind) -> Option<Vec<u8>> {
    let is_whole = match patch.hunks.as_slice() {
        [] => true,
        [hunk] => {
            let start = if kind == LineKind::Added {
                hunk.new_start
            } else {
                hunk.old_start
            };
            start == 1 && hunk.lines.iter().all(|line| line.kind == kind)
        }
        _ => false,
    };
    is_whole.then(|| part(patch, kind).unwrap_or_default())
}

fn part(patch: &FilePatch, kind: LineKind) -> Option<Vec<u8>> {
    let lines = patch.hunks.iter().flat_map(|hunk| &hunk.lines);
    let bytes: Vec<u8> = lines
        .filter(|line| line.kind == kind)
        .flat_map(|line| line.bytes.iter().copied())
        .collect();
    (!bytes.is_empty()).then_some(bytes)
}

fn unknown(patch: &FilePatch, reason: &str) -> (Side, Side) {
    let side = |is_there: bool| {
        if is_there {
            Side::Unavailable(reason.to_owned())
        } else {
            Side::Absent
        }
    };
    (
        side(patch.status != Status::Added),
        side(patch.status != Status::Deleted),
    )
}
