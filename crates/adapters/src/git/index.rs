//! Reads the index with the file times git noted in it, through `ls-files -s --debug`.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::time::Duration;

use super::error::GitError;
use super::process::Process;

const MAX_ENTRIES: usize = 2_000_000;

/// One line of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) path: Vec<u8>,
    pub(super) mode: u32,
    pub(super) id: String,
    /// 0, or 1 to 3 while a merge of this file is unresolved.
    pub(super) stage: u8,
    pub(super) changed: (i64, i64),
    pub(super) modified: (i64, i64),
    pub(super) size: u64,
    flags: u32,
}

impl Staged {
    /// Whether the working file does not count: left out of a sparse checkout, or assumed unchanged.
    pub(super) fn is_detached(&self) -> bool {
        const ASSUMED: u32 = 0x8000;
        const SKIPPED: u32 = 0x4000_0000;
        self.flags & (ASSUMED | SKIPPED) != 0
    }

    /// Whether the entry only announces a file (`git add --intent-to-add`).
    pub(super) fn is_announced(&self) -> bool {
        self.flags & 0x2000_0000 != 0
    }
}

/// A running `ls-files`.
pub(super) struct Index {
    process: Process,
}

impl Index {
    /// Starts git in the top folder of the working tree.
    pub(super) fn start(root: &Path, limit: Duration) -> Result<Self, GitError> {
        let arguments = ["ls-files", "-s", "--debug", "-z", "--"];
        let process = Process::start(root, &arguments, limit)?;
        Ok(Self { process })
    }

    /// All entries, in git's order.
    pub(super) fn read(mut self) -> Result<Vec<Staged>, GitError> {
        self.process.close_input();
        self.process.expect_answer();
        let mut entries = Vec::new();
        loop {
            match read_entry(&mut self.process.output) {
                Ok(Some(entry)) if entries.len() < MAX_ENTRIES => entries.push(entry),
                Ok(Some(_)) => {
                    return Err(GitError::Failed {
                        command: "ls-files",
                        message: format!("the index has more than {MAX_ENTRIES} entries"),
                    });
                }
                Ok(None) => break,
                Err(_) => return Err(self.process.failure("the index makes no sense")),
            }
        }
        self.process.finish()?;
        Ok(entries)
    }
}

fn read_entry(output: &mut impl BufRead) -> io::Result<Option<Staged>> {
    let mut head = Vec::new();
    output.take(1 << 20).read_until(0, &mut head)?;
    if head.is_empty() {
        return Ok(None);
    }
    let mut entry = parse_head(&head).ok_or(io::ErrorKind::InvalidData)?;
    let mut line = Vec::new();
    for _ in 0..5 {
        line.clear();
        output.take(1 << 10).read_until(b'\n', &mut line)?;
        let text = std::str::from_utf8(&line).map_err(|_| io::ErrorKind::InvalidData)?;
        note(&mut entry, text.trim()).ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(Some(entry))
}

/// Reads `MODE ID STAGE<tab>PATH<nul>`.
fn parse_head(head: &[u8]) -> Option<Staged> {
    let head = head.strip_suffix(b"\0")?;
    let tab = head.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&head[..tab]).ok()?.split(' ');
    Some(Staged {
        path: head[tab + 1..].to_vec(),
        mode: u32::from_str_radix(words.next()?, 8).ok()?,
        id: words.next()?.to_owned(),
        stage: words.next()?.parse().ok()?,
        ..Staged::default()
    })
}

fn note(entry: &mut Staged, line: &str) -> Option<()> {
    let (name, rest) = line.split_once(':')?;
    match name {
        "ctime" => entry.changed = time(rest)?,
        "mtime" => entry.modified = time(rest)?,
        "size" => {
            let (size, flags) = rest.split_once("flags:")?;
            entry.size = size.trim().parse().ok()?;
            entry.flags = u32::from_str_radix(flags.trim(), 16).ok()?;
        }
        "dev" | "uid" => {}
        _ => return None,
    }
    Some(())
}

fn time(text: &str) -> Option<(i64, i64)> {
    let (seconds, nanoseconds) = text.trim().split_once(':')?;
    Some((seconds.parse().ok()?, nanoseconds.parse().ok()?))
}
