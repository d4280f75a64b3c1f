//! Parses unified diffs, those of git and plain ones; hostile input costs an error, never a panic.

mod header;

use thiserror::Error;

use self::header::Header;
use super::{FilePatch, Hunk, Line, LineKind};

/// More changed and context lines than this are refused: each costs far more memory than input.
const MAX_LINES: usize = 2_000_000;

/// Why a text is not a unified diff that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} of the patch: {problem}")]
pub struct PatchSyntaxError {
    /// Where, 1-based.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// Reads the files of a unified diff in their order; text before, between and after them is skipped.
///
/// # Errors
/// If a region is cut short or longer than it says, a name is missing, or the diff is a merge's.
pub fn parse(bytes: &[u8]) -> Result<Vec<FilePatch>, PatchSyntaxError> {
    let mut reader = Reader::new(bytes);
    let mut files = Vec::new();
    let mut current: Option<Header> = None;
    while let Some(line) = reader.peek() {
        if line.starts_with(b"diff --git ") {
            finish(&mut files, current.take())?;
            current = Some(Header::git(reader.number(), trimmed(line)));
            reader.advance();
        } else if starts_plain_file(&reader, current.as_ref()) {
            if current.as_ref().is_none_or(Header::is_named) {
                finish(&mut files, current.take())?;
                current = Some(Header::plain(reader.number()));
            }
            read_names(&mut reader, current.as_mut());
        } else if line.starts_with(b"@@ ") {
            let Some(header) = current.as_mut() else {
                return Err(reader.error("a region (`@@`) before any file name (`---`, `+++`)"));
            };
            header.hunks.push(read_hunk(&mut reader)?);
            refuse_excess(&reader, header)?;
        } else if is_of_a_merge(line) {
            return Err(reader.error(
                "the diff of a merge against several parents cannot be reviewed; \
                 give the diff against one parent, e.g. `git diff main...topic`",
            ));
        } else {
            if let Some(header) = current.as_mut() {
                header.read(trimmed(line));
            }
            reader.advance();
        }
    }
    finish(&mut files, current)?;
    Ok(files)
}

fn finish(files: &mut Vec<FilePatch>, header: Option<Header>) -> Result<(), PatchSyntaxError> {
    if let Some(header) = header {
        files.push(header.finish()?);
    }
    Ok(())
}

fn is_of_a_merge(line: &[u8]) -> bool {
    line.starts_with(b"diff --cc ")
        || line.starts_with(b"diff --combined ")
        || line.starts_with(b"@@@ ")
}

/// Whether `---` and `+++` lines stand here; in prose a lone `---` is common.
fn starts_plain_file(reader: &Reader<'_>, current: Option<&Header>) -> bool {
    let names = reader.peek().is_some_and(|line| line.starts_with(b"--- "))
        && reader
            .peek_second()
            .is_some_and(|line| line.starts_with(b"+++ "));
    names && !current.is_some_and(|header| header.binary)
}

fn read_names(reader: &mut Reader<'_>, header: Option<&mut Header>) {
    let old = reader.peek().map(trimmed).unwrap_or_default();
    reader.advance();
    let new = reader.peek().map(trimmed).unwrap_or_default();
    reader.advance();
    if let Some(header) = header {
        header.name(&old[4..], &new[4..]);
    }
}

/// A changed line right behind a region means that the region's own count is wrong.
fn refuse_excess(reader: &Reader<'_>, header: &Header) -> Result<(), PatchSyntaxError> {
    let Some(line) = reader.peek() else {
        return Ok(());
    };
    let is_signature = trimmed(line) == b"-- " || trimmed(line) == b"--";
    let is_change = matches!(line.first(), Some(b'+' | b'-' | b' '));
    if is_change && !is_signature && !starts_plain_file(reader, Some(header)) {
        return Err(reader.error("the region goes on behind the number of lines it names"));
    }
    Ok(())
}

fn read_hunk(reader: &mut Reader<'_>) -> Result<Hunk, PatchSyntaxError> {
    let head = reader.peek().unwrap_or_default();
    let Some((old, new)) = spans(head) else {
        return Err(reader.error("expected `@@ -START,COUNT +START,COUNT @@`"));
    };
    reader.advance();
    let mut hunk = Hunk {
        old_start: old.0,
        new_start: new.0,
        lines: Vec::new(),
    };
    let (mut old_left, mut new_left) = (old.1, new.1);
    while old_left > 0 || new_left > 0 {
        let Some(line) = reader.peek() else {
            return Err(reader.error("the patch ends inside a region"));
        };
        let (kind, bytes) = match line.split_first() {
            Some((b' ', rest)) => (LineKind::Context, rest),
            Some((b'+', rest)) => (LineKind::Added, rest),
            Some((b'-', rest)) => (LineKind::Removed, rest),
            // Mailers and editors strip the blank of an empty context line.
            Some((b'\n', _)) | Some((b'\r', b"\n")) => (LineKind::Context, line),
            _ => return Err(reader.error("the region ends before the number of lines it names")),
        };
        let old_fits = kind == LineKind::Added || take(&mut old_left);
        let new_fits = kind == LineKind::Removed || take(&mut new_left);
        if !old_fits || !new_fits {
            return Err(reader.error("the region holds more lines than it names"));
        }
        let bytes = bytes.to_vec();
        reader.count_line()?;
        reader.advance();
        hunk.lines.push(Line { kind, bytes });
        read_missing_newline(reader, &mut hunk);
    }
    check_line_ends(reader, &hunk)?;
    Ok(hunk)
}

fn take(left: &mut u32) -> bool {
    let fits = *left > 0;
    *left = left.saturating_sub(1);
    fits
}

fn read_missing_newline(reader: &mut Reader<'_>, hunk: &mut Hunk) {
    if !reader.peek().is_some_and(|line| line.starts_with(b"\\ ")) {
        return;
    }
    reader.advance();
    if let Some(last) = hunk.lines.last_mut()
        && last.bytes.ends_with(b"\n")
    {
        last.bytes.pop();
    }
}

/// Only the last line of a side may lack its newline.
fn check_line_ends(reader: &Reader<'_>, hunk: &Hunk) -> Result<(), PatchSyntaxError> {
    for side in [LineKind::Added, LineKind::Removed] {
        let mut lines = hunk
            .lines
            .iter()
            .filter(|line| line.kind == side || line.kind == LineKind::Context)
            .rev();
        lines.next();
        if lines.any(|line| !line.bytes.ends_with(b"\n")) {
            return Err(reader.error("a line without a newline is not the last of its file"));
        }
    }
    Ok(())
}

type Span = (u32, u32);

fn spans(line: &[u8]) -> Option<(Span, Span)> {
    let text = line.strip_prefix(b"@@ -")?;
    let end = text.windows(3).position(|part| part == b" @@")?;
    let (old, new) = std::str::from_utf8(&text[..end]).ok()?.split_once(" +")?;
    Some((span(old)?, span(new)?))
}

fn span(text: &str) -> Option<Span> {
    let (start, count) = text.split_once(',').unwrap_or((text, "1"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(start) || !digits(count) {
        return None;
    }
    let (start, count): Span = (start.parse().ok()?, count.parse().ok()?);
    // Line numbers are counted up from the start later on.
    (start.checked_add(count)? < u32::MAX && (start > 0 || count == 0)).then_some((start, count))
}

/// A header line without its ending.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of the patch with their endings.
struct Reader<'a> {
    rest: &'a [u8],
    number: usize,
    kept: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            number: 1,
            kept: 0,
        }
    }

    fn peek(&self) -> Option<&'a [u8]> {
        self.rest.split_inclusive(|byte| *byte == b'\n').next()
    }

    fn peek_second(&self) -> Option<&'a [u8]> {
        self.rest.split_inclusive(|byte| *byte == b'\n').nth(1)
    }

    fn advance(&mut self) {
        if let Some(line) = self.peek() {
            self.rest = &self.rest[line.len()..];
            self.number += 1;
        }
    }

    fn number(&self) -> usize {
        self.number
    }

    fn count_line(&mut self) -> Result<(), PatchSyntaxError> {
        self.kept += 1;
        if self.kept > MAX_LINES {
            return Err(self.error(&format!("more than {MAX_LINES} lines in regions")));
        }
        Ok(())
    }

    fn error(&self, problem: &str) -> PatchSyntaxError {
        PatchSyntaxError {
            line: self.number,
            problem: problem.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
