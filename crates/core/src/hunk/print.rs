//! Prints a file of a change as a unified diff the way git does, readable by `git apply`.

use super::quote::quote;
use super::{FilePatch, Hunk, LineKind};
use crate::change::Status;

/// Prints one file as a unified diff; [`super::parse`] reads it back.
#[must_use]
pub fn print(file: &FilePatch) -> Vec<u8> {
    let names = Names::of(file);
    let mut out = Vec::new();
    line(&mut out, &[b"diff --git ", &names.old, b" ", &names.new]);
    print_header(&mut out, file);
    if file.binary {
        let (old, new) = names.sides(file.status);
        line(
            &mut out,
            &[b"Binary files ", old, b" and ", new, b" differ"],
        );
    } else if !file.hunks.is_empty() {
        let (old, new) = names.sides(file.status);
        line(&mut out, &[b"--- ", old, tab_after(old)]);
        line(&mut out, &[b"+++ ", new, tab_after(new)]);
        for hunk in &file.hunks {
            print_hunk(&mut out, hunk);
        }
    }
    out
}

/// Both names with git's prefixes, quoted.
struct Names {
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Names {
    fn of(file: &FilePatch) -> Self {
        let with = |prefix: &[u8], path: Vec<u8>| quote(&[prefix, &path].concat());
        Self {
            old: with(b"a/", file.base_path().to_bytes()),
            new: with(b"b/", file.path.to_bytes()),
        }
    }

    fn sides(&self, status: Status) -> (&[u8], &[u8]) {
        match status {
            Status::Added => (b"/dev/null", &self.new),
            Status::Deleted => (&self.old, b"/dev/null"),
            _ => (&self.old, &self.new),
        }
    }
}

/// A name with a blank is followed by a tab, so that no reader takes its end for a date.
fn tab_after(name: &[u8]) -> &'static [u8] {
    if name.first() != Some(&b'"') && name.contains(&b' ') {
        b"\t"
    } else {
        b""
    }
}

fn print_header(out: &mut Vec<u8>, file: &FilePatch) {
    match file.status {
        Status::Added => mode(out, "new file mode", file.new_mode.or(Some(0o100_644))),
        Status::Deleted => mode(out, "deleted file mode", file.old_mode.or(Some(0o100_644))),
        _ if file.old_mode != file.new_mode => {
            mode(out, "old mode", file.old_mode);
            mode(out, "new mode", file.new_mode);
        }
        _ => {}
    }
    let verb: &[u8] = match file.status {
        Status::Renamed => b"rename",
        Status::Copied => b"copy",
        _ => b"",
    };
    if !verb.is_empty() {
        let (old, new) = (file.base_path().to_bytes(), file.path.to_bytes());
        line(out, &[verb, b" from ", &quote(&old)]);
        line(out, &[verb, b" to ", &quote(&new)]);
    }
    if let (Some(old), Some(new)) = (&file.old_id, &file.new_id) {
        print_ids(out, file, old, new);
    }
}

fn print_ids(out: &mut Vec<u8>, file: &FilePatch, old: &str, new: &str) {
    let both = match (file.old_mode, file.new_mode) {
        (Some(old), Some(new)) if old == new => format!(" {old:06o}"),
        _ => String::new(),
    };
    line(out, &[format!("index {old}..{new}{both}").as_bytes()]);
}

fn mode(out: &mut Vec<u8>, words: &str, mode: Option<u32>) {
    if let Some(mode) = mode {
        line(out, &[format!("{words} {mode:06o}").as_bytes()]);
    }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.push(b'\n');
}

fn print_hunk(out: &mut Vec<u8>, hunk: &Hunk) {
    let old = span(hunk.old_start, hunk.old_len());
    let new = span(hunk.new_start, hunk.new_len());
    line(out, &[format!("@@ -{old} +{new} @@").as_bytes()]);
    for entry in &hunk.lines {
        out.push(match entry.kind {
            LineKind::Context => b' ',
            LineKind::Added => b'+',
            LineKind::Removed => b'-',
        });
        out.extend_from_slice(&entry.bytes);
        if !entry.bytes.ends_with(b"\n") {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

fn span(start: u32, length: u32) -> String {
    if length == 1 {
        start.to_string()
    } else {
        format!("{start},{length}")
    }
}
