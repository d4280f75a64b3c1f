//! A change as data: which files it touches, and what each held before and after.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hunk::Hunk;

/// A path inside the repository, `/`-separated; bytes that are not UTF-8 are written as `\xNN`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepoPath(String);

impl RepoPath {
    /// Takes a path as git stores it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self(text)
    }

    /// The path as git stores it: undoes [`RepoPath::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            if let Some(byte) = escaped_byte(rest) {
                bytes.push(byte);
                rest = &rest[4..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        // A name may hold the four characters `\xNN` themselves.
        if Self::from_bytes(&bytes) == *self {
            bytes
        } else {
            self.0.clone().into_bytes()
        }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The extension in lower case, without the dot; empty if there is none.
    #[must_use]
    pub fn extension(&self) -> String {
        match self.file_name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
            _ => String::new(),
        }
    }
}

/// Reads `\xNN` if it stands for a byte that can be part of broken UTF-8.
fn escaped_byte(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\x")?.get(..2)?;
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (byte >= 0x80).then_some(byte)
}

impl From<&str> for RepoPath {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a reviewed change consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// How the user named it or how it was chosen, e.g. `HEAD~1..HEAD` or `working tree`.
    pub label: String,
    /// The commit the change starts from; `None` for a first commit or a bare patch.
    pub base: Option<String>,
    /// The commit the change ends at; `None` for the working tree, the index or a patch.
    pub head: Option<String>,
    /// The changed files, sorted by path.
    pub files: Vec<FileChange>,
    /// What the source could not do, e.g. `copies were not looked for: more than 2,000 files`.
    pub notes: Vec<String>,
}

/// One file of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Path at head; for a deleted file, its path at base.
    pub path: RepoPath,
    /// Path at base if it differs from `path` (renames and copies).
    pub old_path: Option<RepoPath>,
    /// What happened to the file.
    pub status: Status,
    /// File mode at base, e.g. `0o100644`.
    pub old_mode: Option<u32>,
    /// File mode at head.
    pub new_mode: Option<u32>,
    /// What the file held before.
    pub base: Side,
    /// What the file holds now.
    pub head: Side,
    /// The changed regions, if both sides are text or absent.
    pub hunks: Vec<Hunk>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The file is new.
    Added,
    /// The file's content changed.
    Modified,
    /// The file is gone.
    Deleted,
    /// The file moved, with or without edits.
    Renamed,
    /// The file is a copy of another one, with or without edits.
    Copied,
    /// Only the mode changed.
    ModeChanged,
}

/// What one side of a file change holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// The file does not exist on this side.
    Absent,
    /// Text, or at least bytes without NUL; may not be UTF-8.
    Text(Arc<[u8]>),
    /// Bytes that are no text.
    Binary {
        /// Size in bytes.
        size: u64,
    },
    /// More bytes, or a longer line, than the limits allow to read.
    TooLarge {
        /// Size in bytes.
        size: u64,
    },
    /// A submodule at a commit.
    Submodule(String),
    /// A symbolic link and its target.
    Symlink(String),
    /// The content could not be had, e.g. a patch without its repository or a missing object.
    Unavailable(String),
}

impl Side {
    /// The bytes, if this side is text.
    #[must_use]
    pub fn text(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::Text(bytes) => Some(bytes),
            _ => None,
        }
    }
}
