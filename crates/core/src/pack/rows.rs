//! The lines of a file that a model is shown: the hunks, what encloses them, and long deletions cut short.

use std::collections::BTreeMap;

use super::{Clean, shown};
use crate::change::{FileChange, RepoPath};
use crate::hunk::{Hunk, LineKind};
use crate::job::Symbol;

/// A function of more lines is shown by its first one only.
const WHOLE: u32 = 40;
/// Lines around a hunk that are always allowed; beyond, as many as the hunk has.
const MIN_EXTRA: usize = 12;
/// Of more lines removed in a row, only the first are shown.
const MAX_REMOVED: usize = 12;
const SHOWN_REMOVED: usize = 4;

/// A line as a model sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number at head, if it is there.
    pub(super) line: Option<u32>,
    /// Whether the change wrote it.
    pub(super) is_added: bool,
    /// What it says.
    pub(super) text: String,
}

impl Row {
    pub(super) fn print(&self) -> String {
        match (self.line, self.is_added) {
            (Some(line), true) => format!("{line}+{}", self.text),
            (Some(line), false) => format!("{line} {}", self.text),
            (None, _) => self.text.clone(),
        }
    }
}

/// A place between and at lines of head: removed lines stand before the line that follows them.
type Place = (u32, bool, usize);

/// All rows of a file, in order.
pub(super) fn of(file: &FileChange, symbols: &[Symbol], clean: Clean<'_>) -> Vec<Row> {
    let head = Side::of(file.head.text(), &file.path, clean);
    let old_path = file.old_path.as_ref().unwrap_or(&file.path);
    let base = Side::of(file.base.text(), old_path, clean);
    let mut rows: BTreeMap<Place, Row> = BTreeMap::new();
    for hunk in &file.hunks {
        add_hunk(&mut rows, hunk, &head, &base);
    }
    for hunk in &file.hunks {
        let extra = around(hunk, symbols);
        let is_new = |line: &u32| !rows.contains_key(&(*line, true, 0));
        let extra: Vec<u32> = extra.into_iter().filter(is_new).collect();
        for line in extra {
            rows.insert((line, true, 0), head.row(line, false));
        }
    }
    with_gaps(rows)
}

fn add_hunk(rows: &mut BTreeMap<Place, Row>, hunk: &Hunk, head: &Side, base: &Side) {
    let (mut new, mut old) = (hunk.new_start.max(1), hunk.old_start.max(1));
    let mut removed: Vec<u32> = Vec::new();
    for line in &hunk.lines {
        if line.kind == LineKind::Removed {
            removed.push(old);
            old = old.saturating_add(1);
            continue;
        }
        add_removed(rows, new, &mut removed, base);
        let is_added = line.kind == LineKind::Added;
        rows.insert((new, true, 0), head.row(new, is_added));
        new = new.saturating_add(1);
        old = old.saturating_add(u32::from(!is_added));
    }
    add_removed(rows, new, &mut removed, base);
}

fn add_removed(rows: &mut BTreeMap<Place, Row>, before: u32, removed: &mut Vec<u32>, base: &Side) {
    let is_long = removed.len() > MAX_REMOVED;
    let kept = if is_long {
        SHOWN_REMOVED
    } else {
        removed.len()
    };
    let texts = removed
        .iter()
        .take(kept)
        .map(|line| format!("-{}", base.text(*line)));
    let rest = is_long.then(|| format!("- … {} more lines removed", removed.len() - kept));
    for (index, text) in texts.chain(rest).enumerate() {
        rows.insert(
            (before, false, index),
            Row {
                line: None,
                is_added: false,
                text,
            },
        );
    }
    removed.clear();
}

/// Lines of the function that a hunk stands in, as far as they are not too many.
fn around(hunk: &Hunk, symbols: &[Symbol]) -> Vec<u32> {
    let mut number = hunk.new_start;
    let mut first = None;
    for line in &hunk.lines {
        if line.kind != LineKind::Context {
            first = Some(number);
            break;
        }
        number = number.saturating_add(1);
    }
    let Some(first) = first else {
        return Vec::new();
    };
    let enclosing = symbols
        .iter()
        .filter(|one| (one.line..=one.end_line).contains(&first));
    let Some(symbol) = enclosing.min_by_key(|one| one.end_line.saturating_sub(one.line)) else {
        return Vec::new();
    };
    let last = hunk.new_start.saturating_add(hunk.new_len());
    let outside = |line: &u32| !(hunk.new_start..last).contains(line);
    let lines: Vec<u32> = (symbol.line..=symbol.end_line).filter(outside).collect();
    let is_short = symbol.end_line.saturating_sub(symbol.line) < WHOLE;
    if is_short && lines.len() <= MIN_EXTRA.max(hunk.lines.len()) {
        return lines;
    }
    lines
        .into_iter()
        .filter(|line| *line == symbol.line)
        .collect()
}

/// Where lines are left out, a row says so.
fn with_gaps(rows: BTreeMap<Place, Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    let mut next = 1;
    for ((line, _, _), row) in rows {
        if line > next && !out.is_empty() {
            out.push(Row {
                line: None,
                is_added: false,
                text: "…".to_owned(),
            });
        }
        next = match row.line {
            Some(line) => line.saturating_add(1),
            None => line,
        };
        out.push(row);
    }
    out
}

/// One side of a file, line by line.
struct Side(Vec<String>);

impl Side {
    fn of(text: Option<&std::sync::Arc<[u8]>>, path: &RepoPath, clean: Clean<'_>) -> Self {
        let text = text
            .map(|bytes| String::from_utf8_lossy(bytes))
            .unwrap_or_default();
        let cleaned = clean(path, &text);
        Self(
            cleaned
                .split('\n')
                .map(|line| shown(line.trim_end_matches('\r')))
                .collect(),
        )
    }

    fn text(&self, line: u32) -> &str {
        let index = (line as usize).saturating_sub(1);
        self.0.get(index).map_or("", String::as_str)
    }

    fn row(&self, line: u32, is_added: bool) -> Row {
        Row {
            line: Some(line),
            is_added,
            text: self.text(line).to_owned(),
        }
    }
}
