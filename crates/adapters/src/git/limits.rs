//! How much of a change is read: what goes beyond is named, never silently dropped.

use std::time::Duration;

/// Bounds on what a change may cost. What exceeds them becomes `TooLarge` or `Unavailable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file that is read.
    pub max_file_bytes: u64,
    /// Longest line of a file that is read.
    pub max_line_bytes: u64,
    /// How many changed files are read, in the order of their paths.
    pub max_files: u32,
    /// How many changed files are listed at all.
    pub max_listed: usize,
    /// How much text is held at once, both sides of all files.
    pub max_total_bytes: u64,
    /// How many lines all changed regions may have together.
    pub max_hunk_lines: usize,
    /// Largest working file that is hashed to see whether it changed.
    pub max_hashed_bytes: u64,
    /// Largest patch that is read.
    pub max_patch_bytes: usize,
    /// How long one answer of git may take.
    pub git_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 2 << 20,
            max_line_bytes: 1 << 20,
            max_files: 5_000,
            max_listed: 100_000,
            max_total_bytes: 128 << 20,
            max_hunk_lines: 1_000_000,
            max_hashed_bytes: 64 << 20,
            max_patch_bytes: 64 << 20,
            git_timeout: Duration::from_secs(60),
        }
    }
}
