//! Lists what differs between two trees, through one `diff-tree --stdin`.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::time::Duration;

use pullmill_core::change::Status;

use super::draft::{Content, Draft, Entry, entry};
use super::error::GitError;
use super::process::Process;

/// A line that is no object id is echoed by git and marks the end of an answer.
const END: &[u8] = b"end of answer";

const ARGUMENTS: [&str; 13] = [
    "diff-tree",
    "--stdin",
    "-r",
    "-z",
    "--raw",
    "--no-abbrev",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--ignore-submodules=none",
    // An order file of the configuration would be read, and its absence be fatal.
    "-O/dev/null",
    "--no-color",
];

/// A running `diff-tree`.
pub(super) struct Trees {
    process: Process,
}

/// The differences found, and how many more there were.
pub(super) struct Listing {
    /// In git's order.
    pub(super) drafts: Vec<Draft>,
    /// How many were left out.
    pub(super) more: usize,
}

impl Trees {
    /// Starts git; `with_moves` says whether to look for renames and copies.
    pub(super) fn start(
        folder: &Path,
        limit: Duration,
        with_moves: bool,
    ) -> Result<Self, GitError> {
        let mut arguments = ARGUMENTS.to_vec();
        if with_moves {
            arguments.extend(["-M", "-C", "-l1000"]);
        } else {
            arguments.push("--no-renames");
        }
        let process = Process::start(folder, &arguments, limit)?;
        Ok(Self { process })
    }

    /// Lists the differences between two trees, at most `max`.
    pub(super) fn compare(
        mut self,
        old: &str,
        new: &str,
        max: usize,
    ) -> Result<(Self, Listing), GitError> {
        let end = [END, b"\n"].concat();
        let request = [old.as_bytes(), b" ", new.as_bytes(), b"\n", &end].concat();
        self.process.expect_answer();
        let sent = self.process.send(&request);
        match sent.and_then(|()| read_listing(&mut self.process, max)) {
            Ok(listing) => {
                self.process.answered();
                Ok((self, listing))
            }
            Err(_) => Err(self
                .process
                .failure("a tree cannot be read; the repository seems damaged")),
        }
    }
}

fn read_listing(process: &mut Process, max: usize) -> io::Result<Listing> {
    let mut listing = Listing {
        drafts: Vec::new(),
        more: 0,
    };
    let mut has_head = false;
    loop {
        if process.output.fill_buf()?.first() == Some(&b':') {
            let draft = read_draft(&mut process.output)?;
            if listing.drafts.len() < max {
                listing.drafts.push(draft);
            } else {
                listing.more += 1;
            }
            continue;
        }
        let line = read_until(&mut process.output, b'\n')?;
        if line == END {
            break;
        }
        has_head = true;
    }
    // Git says nothing at all about a tree it cannot find.
    if has_head {
        Ok(listing)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn read_until(output: &mut impl BufRead, end: u8) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    output.take(1 << 20).read_until(end, &mut bytes)?;
    if bytes.pop() != Some(end) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Reads `:OLDMODE NEWMODE OLDID NEWID STATUS`, then one or two paths.
fn read_draft(output: &mut impl BufRead) -> io::Result<Draft> {
    let head = read_until(output, 0)?;
    let text = std::str::from_utf8(&head).map_err(|_| io::ErrorKind::InvalidData)?;
    let words: Vec<&str> = text.trim_start_matches(':').split(' ').collect();
    let [old_mode, new_mode, old_id, new_id, letter] = words[..] else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let first = read_until(output, 0)?;
    let is_move = letter.starts_with(['R', 'C']);
    let (old_path, path) = if is_move {
        (Some(first), read_until(output, 0)?)
    } else {
        (None, first)
    };
    let old = side(old_mode, old_id)?;
    let new = side(new_mode, new_id)?;
    let status = match letter.as_bytes().first() {
        Some(b'A') => Status::Added,
        Some(b'D') => Status::Deleted,
        Some(b'R') => Status::Renamed,
        Some(b'C') => Status::Copied,
        _ => Draft::status_of(old.as_ref(), new.as_ref()),
    };
    Ok(Draft {
        path,
        old_path,
        status,
        old,
        new,
    })
}

fn side(mode: &str, id: &str) -> io::Result<Option<Entry>> {
    let mode = u32::from_str_radix(mode, 8).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((mode != 0).then(|| entry(mode, Content::Object(id.to_owned()))))
}
