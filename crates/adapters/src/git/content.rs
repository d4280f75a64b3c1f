//! The content of changed files: which side is text, and what differs.

use pullmill_core::change::{FileChange, RepoPath, Side, Status};

use super::objects::Object;
use super::tree::{Content, Delta, Entry};
use super::{GitError, Limits, Repository, hunks};

/// How far a file is searched for a NUL byte, as git does it.
const BINARY_WINDOW: usize = 8_000;
/// How a file starts that only points to large file storage.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

impl Repository {
    /// Both sides of every file.
    pub(super) fn sides(
        &self,
        deltas: &[Delta],
        limits: &Limits,
    ) -> Result<Vec<(Side, Side)>, GitError> {
        deltas
            .iter()
            .map(|delta| {
                let old_path = delta.old_path.as_ref().unwrap_or(&delta.path);
                let base = self.side(old_path, delta.old.as_ref(), limits)?;
                let same = delta.old.as_ref().map(|entry| entry.content.id())
                    == delta.new.as_ref().map(|entry| entry.content.id());
                let head = match &delta.new {
                    Some(new) if same && new.mode & 0o170_000 == 0o100_000 => base.clone(),
                    new => self.side(&delta.path, new.as_ref(), limits)?,
                };
                Ok((base, head))
            })
            .collect()
    }

    fn side(&self, path: &[u8], entry: Option<&Entry>, limits: &Limits) -> Result<Side, GitError> {
        let Some(entry) = entry else {
            return Ok(Side::Absent);
        };
        if entry.mode == 0o160_000 {
            return Ok(Side::Submodule(entry.content.id().to_owned()));
        }
        let object = match &entry.content {
            Content::Object(id) => self.objects.blob(id, limits.max_file_bytes)?,
            Content::File(_) => self.working_content(path, limits.max_file_bytes),
        };
        Ok(match object {
            Object::Bytes(bytes) if entry.mode == 0o120_000 => {
                Side::Symlink(RepoPath::from_bytes(&bytes).to_string())
            }
            Object::Bytes(bytes) => classify(bytes, limits),
            Object::TooLarge(size) => Side::TooLarge { size },
            Object::Missing(reason) => Side::Unavailable(reason),
        })
    }
}

/// Text, binary, or too large.
pub(crate) fn classify(bytes: Vec<u8>, limits: &Limits) -> Side {
    let size = bytes.len() as u64;
    if bytes.iter().take(BINARY_WINDOW).any(|byte| *byte == 0) || bytes.starts_with(LFS_POINTER) {
        return Side::Binary { size };
    }
    let has_long_line = bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line.len() as u64 > limits.max_line_bytes);
    if size > limits.max_file_bytes || has_long_line {
        return Side::TooLarge { size };
    }
    Side::Text(bytes.into())
}

pub(super) fn file_change(delta: &Delta, base: Side, head: Side) -> FileChange {
    let hunks = match (&base, &head) {
        (Side::Text(before), Side::Text(after)) => hunks(before, after),
        (Side::Text(before), Side::Absent) => hunks(before, b""),
        (Side::Absent, Side::Text(after)) => hunks(b"", after),
        _ => Vec::new(),
    };
    FileChange {
        hunks,
        base,
        head,
        ..bare(delta)
    }
}

pub(super) fn unread_file(delta: &Delta, most: usize) -> FileChange {
    let side = |entry: Option<&Entry>| match entry {
        Some(_) => Side::Unavailable(format!("more than {most} files changed")),
        None => Side::Absent,
    };
    FileChange {
        base: side(delta.old.as_ref()),
        head: side(delta.new.as_ref()),
        ..bare(delta)
    }
}

fn bare(delta: &Delta) -> FileChange {
    let is_mode_only = delta.status == Status::Modified
        && delta.old.as_ref().map(|entry| entry.content.id())
            == delta.new.as_ref().map(|entry| entry.content.id());
    FileChange {
        path: RepoPath::from_bytes(&delta.path),
        old_path: delta.old_path.as_deref().map(RepoPath::from_bytes),
        status: if is_mode_only {
            Status::ModeChanged
        } else {
            delta.status
        },
        old_mode: delta.old.as_ref().map(|entry| entry.mode),
        new_mode: delta.new.as_ref().map(|entry| entry.mode),
        base: Side::Absent,
        head: Side::Absent,
        hunks: Vec::new(),
    }
}
