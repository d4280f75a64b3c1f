//! Fills questions with the lines of files, one after another, and keeps account of every line that finds no place.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::Row;
use super::{Count, Packed, Pass, PassFile, Room, ranges};
use crate::change::RepoPath;
use crate::review::{Unread, UnreadReason};

pub(super) struct Passes<'a> {
    count: Count<'a>,
    room: &'a Room,
    done: Vec<Pass>,
    open: Pass,
    unread: BTreeMap<(RepoPath, UnreadReason), BTreeSet<u32>>,
}

/// A file that is being written down.
struct Writing<'a> {
    path: &'a RepoPath,
    heading: &'a str,
    file: PassFile,
    tokens: u32,
}

impl<'a> Passes<'a> {
    pub(super) fn new(count: Count<'a>, room: &'a Room) -> Self {
        Self {
            count,
            room,
            done: Vec::new(),
            open: Pass::default(),
            unread: BTreeMap::new(),
        }
    }

    /// Takes a file in: into the open question if it fits there, else into a new one if it fits there, else in parts.
    pub(super) fn file(
        &mut self,
        path: &RepoPath,
        heading: &str,
        facts: &[String],
        rows: Vec<Row>,
    ) {
        let rows: Vec<(Row, String, u32)> = rows
            .into_iter()
            .map(|row| {
                let text = row.print();
                let tokens = (self.count)(&text).saturating_add(1);
                (row, text, tokens)
            })
            .collect();
        let head = [&[heading.to_owned()], facts].concat().join("\n");
        let all: u32 = rows.iter().map(|(_, _, tokens)| *tokens).sum();
        let head_tokens = self.tokens(&head);
        let whole = head_tokens.saturating_add(all);
        if whole > self.left() && whole <= self.room.pass_tokens {
            self.close();
        }
        if self.is_full() {
            return rows
                .iter()
                .for_each(|(row, _, _)| self.miss(path, row, UnreadReason::NoRoom));
        }
        let mut writing = Writing::begin(path, heading, head, head_tokens);
        for (row, text, tokens) in rows {
            let again = self.tokens(heading);
            if tokens.saturating_add(again.max(head_tokens)) > self.room.pass_tokens {
                self.miss(path, &row, UnreadReason::LineTooLong);
                continue;
            }
            if writing.tokens.saturating_add(tokens) > self.left() {
                self.put(writing);
                self.close();
                writing = Writing::begin(path, heading, heading.to_owned(), again);
            }
            if self.is_full() {
                self.miss(path, &row, UnreadReason::NoRoom);
                continue;
            }
            writing.write(row, &text, tokens);
        }
        self.put(writing);
    }

    fn tokens(&self, text: &str) -> u32 {
        (self.count)(text).saturating_add(1)
    }

    fn left(&self) -> u32 {
        self.room.pass_tokens.saturating_sub(self.open.tokens)
    }

    /// Whether no further question may be opened and the open one was closed.
    fn is_full(&self) -> bool {
        self.done.len() >= self.room.max_passes
    }

    fn miss(&mut self, path: &RepoPath, row: &Row, reason: UnreadReason) {
        if let (Some(line), true) = (row.line, row.is_added) {
            let lines = self.unread.entry((path.clone(), reason)).or_default();
            lines.insert(line);
        }
    }

    fn put(&mut self, writing: Writing<'_>) {
        // A heading alone says something only of a file without lines of its own, or before them.
        let is_part = self
            .done
            .iter()
            .any(|pass| pass.files.iter().any(|file| file.path == *writing.path));
        let is_bare = writing.file.lines.is_empty() && is_part;
        if !self.is_full() && !is_bare && writing.tokens <= self.left() {
            self.open.tokens += writing.tokens;
            self.open.files.push(writing.file);
        }
    }

    fn close(&mut self) {
        if !self.open.files.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    pub(super) fn finish(mut self) -> Packed {
        self.close();
        let unread = self
            .unread
            .into_iter()
            .map(|((path, reason), lines)| Unread {
                path,
                lines: ranges(lines),
                reason,
            });
        Packed {
            passes: self.done,
            unread: unread.collect(),
        }
    }
}

impl<'a> Writing<'a> {
    fn begin(path: &'a RepoPath, heading: &'a str, text: String, tokens: u32) -> Self {
        let file = PassFile {
            path: path.clone(),
            text,
            lines: BTreeMap::new(),
            added: BTreeSet::new(),
        };
        Self {
            path,
            heading,
            file,
            tokens,
        }
    }

    fn write(&mut self, row: Row, text: &str, tokens: u32) {
        debug_assert!(self.file.text.starts_with(self.heading));
        self.file.text.push('\n');
        self.file.text.push_str(text);
        self.tokens += tokens;
        if let Some(line) = row.line {
            if row.is_added {
                self.file.added.insert(line);
            }
            self.file.lines.insert(line, row.text);
        }
    }
}
