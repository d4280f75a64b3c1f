//! What a unified diff says of one file, and what it makes of that file's content.

use thiserror::Error;

use super::{Hunk, Line, LineKind};
use crate::change::{FileChange, RepoPath, Side, Status};

/// One file of a unified diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// Path at head; for a deleted file, its path at base.
    pub path: RepoPath,
    /// Path at base if it differs from `path`.
    pub old_path: Option<RepoPath>,
    /// What happened to the file.
    pub status: Status,
    /// File mode at base, if said.
    pub old_mode: Option<u32>,
    /// File mode at head, if said.
    pub new_mode: Option<u32>,
    /// Object id at base, perhaps shortened, if said.
    pub old_id: Option<String>,
    /// Object id at head, perhaps shortened, if said.
    pub new_id: Option<String>,
    /// Whether the content is left out because it is no text.
    pub binary: bool,
    /// The changed regions.
    pub hunks: Vec<Hunk>,
}

/// Why hunks cannot be applied to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the region at line {line} does not match the file")]
pub struct ApplyError {
    /// First line of the region that does not match.
    pub line: u32,
}

impl From<&FileChange> for FilePatch {
    fn from(file: &FileChange) -> Self {
        Self {
            path: file.path.clone(),
            old_path: file.old_path.clone(),
            status: file.status,
            old_mode: file.old_mode,
            new_mode: file.new_mode,
            old_id: None,
            new_id: None,
            binary: [&file.base, &file.head]
                .into_iter()
                .any(|side| matches!(side, Side::Binary { .. })),
            hunks: file.hunks.clone(),
        }
    }
}

impl FilePatch {
    /// The path at base.
    #[must_use]
    pub fn base_path(&self) -> &RepoPath {
        self.old_path.as_ref().unwrap_or(&self.path)
    }

    /// Makes the head text from the base text; every context line must match where the diff says.
    ///
    /// # Errors
    /// If a region does not match.
    pub fn apply(&self, base: &[u8]) -> Result<Vec<u8>, ApplyError> {
        rewrite(&self.hunks, base, LineKind::Removed, LineKind::Added)
    }

    /// Makes the base text from the head text.
    ///
    /// # Errors
    /// If a region does not match.
    pub fn unapply(&self, head: &[u8]) -> Result<Vec<u8>, ApplyError> {
        rewrite(&self.hunks, head, LineKind::Added, LineKind::Removed)
    }
}

fn rewrite(
    hunks: &[Hunk],
    text: &[u8],
    gone: LineKind,
    come: LineKind,
) -> Result<Vec<u8>, ApplyError> {
    let mut result = Vec::with_capacity(text.len());
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').peekable();
    let mut number: u32 = 1;
    for hunk in hunks {
        let first = first_line(hunk, gone);
        if first < number {
            return Err(ApplyError { line: first });
        }
        while number < first {
            let line = lines.next().ok_or(ApplyError { line: first })?;
            result.extend_from_slice(line);
            number += 1;
        }
        for Line { kind, bytes } in &hunk.lines {
            if *kind == come {
                result.extend_from_slice(bytes);
                continue;
            }
            if lines.next() != Some(bytes.as_slice()) {
                return Err(ApplyError { line: first });
            }
            number += 1;
            if *kind == LineKind::Context {
                result.extend_from_slice(bytes);
            }
        }
    }
    lines.for_each(|line| result.extend_from_slice(line));
    Ok(result)
}

/// The line before which the hunk's own lines begin; a side without lines names the line before it.
fn first_line(hunk: &Hunk, gone: LineKind) -> u32 {
    let (start, length) = if gone == LineKind::Removed {
        (hunk.old_start, hunk.old_len())
    } else {
        (hunk.new_start, hunk.new_len())
    };
    if length == 0 {
        start.saturating_add(1)
    } else {
        start
    }
}
