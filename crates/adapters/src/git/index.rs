//! The index: what is staged, and what git knows of the working files it wrote.

use std::collections::BTreeMap;

use super::tree::{Content, Entry};
use super::{GitError, Repository};

/// One staged file with what git remembers of the working file.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    pub(super) mode: u32,
    pub(super) id: String,
    pub(super) modified: (i64, u32),
    pub(super) size: u64,
    pub(super) is_skipped: bool,
    pub(super) is_announced: bool,
}

/// Set in an entry's flags if the file is left out of a sparse checkout.
const SKIP_WORKTREE: u32 = 0x4000_0000;
/// Set in an entry's flags if the file is only announced, by `git add --intent-to-add`.
const INTENT_TO_ADD: u32 = 0x2000_0000;
/// The stage of a file in conflict that holds what the present branch has.
const OURS: &str = "2";

impl Repository {
    /// What is staged, as a listing. Files in conflict are noted and taken as the present branch has them.
    pub(super) fn staged(
        &self,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<Vec<u8>, Entry>, GitError> {
        let index = self.index(notes)?;
        let entry = |staged: Staged| Entry {
            mode: staged.mode,
            content: Content::Object(staged.id),
        };
        Ok(index
            .into_iter()
            .filter(|(_, staged)| !staged.is_announced)
            .map(|(path, staged)| (path, entry(staged)))
            .collect())
    }

    /// The index with stat data.
    pub(super) fn index(
        &self,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<Vec<u8>, Staged>, GitError> {
        if self.work_tree.is_none() {
            return Err(GitError::Bare);
        }
        let raw = self.git.run("ls-files", &["-s", "-z", "--debug"])?;
        let failed = GitError::Failed {
            command: "ls-files",
            reason: "its answer cannot be understood".to_owned(),
        };
        parse(&raw, notes).ok_or(failed)
    }
}

/// Reads `<mode> <id> <stage>` TAB path NUL, then five indented lines of stat data.
fn parse(raw: &[u8], notes: &mut Vec<String>) -> Option<BTreeMap<Vec<u8>, Staged>> {
    let mut index = BTreeMap::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let tab = rest[..end].iter().position(|byte| *byte == b'\t')?;
        let header = std::str::from_utf8(&rest[..tab]).ok()?;
        let path = rest[tab + 1..end].to_vec();
        rest = &rest[end + 1..];
        let mut stat = Vec::new();
        while rest.starts_with(b"  ") {
            let line_end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(rest.len(), |at| at + 1);
            stat.push(String::from_utf8_lossy(&rest[..line_end]).into_owned());
            rest = &rest[line_end..];
        }
        let mut words = header.split(' ');
        let mode = u32::from_str_radix(words.next()?, 8).ok()?;
        let id = words.next()?.to_owned();
        let stage = words.next()?;
        if stage != "0" {
            let note = format!("{} is in conflict", String::from_utf8_lossy(&path));
            // All stages of a path stand together.
            if notes.last() != Some(&note) {
                notes.push(note);
            }
            if stage != OURS {
                continue;
            }
        }
        let (modified, size, flags) = stat_of(&stat);
        index.insert(
            path,
            Staged {
                mode,
                id,
                modified,
                size,
                is_skipped: flags & SKIP_WORKTREE != 0,
                is_announced: flags & INTENT_TO_ADD != 0,
            },
        );
    }
    Some(index)
}

/// Reads the lines `mtime: <s>:<ns>` and `size: <n> TAB flags: <hex>`.
fn stat_of(lines: &[String]) -> ((i64, u32), u64, u32) {
    let (mut modified, mut size, mut flags) = ((0, 0), u64::MAX, 0);
    for line in lines {
        let line = line.trim();
        if let Some((seconds, nanoseconds)) = line
            .strip_prefix("mtime: ")
            .and_then(|time| time.split_once(':'))
        {
            modified = (
                seconds.parse().unwrap_or(0),
                nanoseconds.parse().unwrap_or(0),
            );
        } else if let Some((bytes, bits)) = line
            .strip_prefix("size: ")
            .and_then(|rest| rest.split_once('\t'))
        {
            size = bytes.parse().unwrap_or(u64::MAX);
            flags = u32::from_str_radix(bits.trim_start_matches("flags: ").trim(), 16).unwrap_or(0);
        }
    }
    (modified, size, flags)
}
