//! Gathers what the lines above a file's regions say: names, modes, ids, and what happened.

use super::PatchSyntaxError;
use crate::change::{RepoPath, Status};
use crate::hunk::quote::unquote;
use crate::hunk::{FilePatch, Hunk};

/// A rename or copy: which, from where, to where.
type Move = (Status, Option<Vec<u8>>, Option<Vec<u8>>);

/// A file of the patch while it is read.
pub(super) struct Header {
    line: usize,
    git: Option<Vec<u8>>,
    names: Option<(Name, Name)>,
    moved: Option<Move>,
    status: Option<Status>,
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    ids: Option<(String, String)>,
    pub(super) binary: bool,
    pub(super) hunks: Vec<Hunk>,
}

/// A name of a `---` or `+++` line; `None` is `/dev/null`.
type Name = Option<Vec<u8>>;

impl Header {
    /// Starts at a `diff --git` line.
    pub(super) fn git(line: usize, text: &[u8]) -> Self {
        let names = text.strip_prefix(b"diff --git ").unwrap_or_default();
        Self {
            git: Some(names.to_vec()),
            ..Self::plain(line)
        }
    }

    /// Starts at a `---` line.
    pub(super) fn plain(line: usize) -> Self {
        Self {
            line,
            git: None,
            names: None,
            moved: None,
            status: None,
            old_mode: None,
            new_mode: None,
            ids: None,
            binary: false,
            hunks: Vec::new(),
        }
    }

    /// Whether the `---` and `+++` lines were read.
    pub(super) fn is_named(&self) -> bool {
        self.names.is_some()
    }

    /// Takes what follows `--- ` and `+++ `.
    pub(super) fn name(&mut self, old: &[u8], new: &[u8]) {
        self.names = Some((name(old), name(new)));
    }

    /// Takes any other line; most say nothing.
    pub(super) fn read(&mut self, line: &[u8]) {
        if self.git.is_none() || !self.hunks.is_empty() {
            return;
        }
        if line.starts_with(b"Binary files ") || line.starts_with(b"GIT binary patch") {
            self.binary = true;
        } else if let Some(mode) = line.strip_prefix(b"new file mode ") {
            self.status = Some(Status::Added);
            self.new_mode = octal(mode);
        } else if let Some(mode) = line.strip_prefix(b"deleted file mode ") {
            self.status = Some(Status::Deleted);
            self.old_mode = octal(mode);
        } else if let Some(mode) = line.strip_prefix(b"old mode ") {
            self.old_mode = octal(mode);
        } else if let Some(mode) = line.strip_prefix(b"new mode ") {
            self.new_mode = octal(mode);
        } else if let Some(ids) = line.strip_prefix(b"index ") {
            self.read_ids(ids);
        } else {
            self.read_move(line);
        }
    }

    fn read_move(&mut self, line: &[u8]) {
        let starts: [(&[u8], Status, bool); 4] = [
            (b"rename from ", Status::Renamed, true),
            (b"rename to ", Status::Renamed, false),
            (b"copy from ", Status::Copied, true),
            (b"copy to ", Status::Copied, false),
        ];
        for (start, status, is_old) in starts {
            let Some(text) = line.strip_prefix(start) else {
                continue;
            };
            let path = unquote(text).map_or_else(|| text.to_vec(), |(path, _)| path);
            let moved = self.moved.get_or_insert((status, None, None));
            moved.0 = status;
            if is_old {
                moved.1 = Some(path);
            } else {
                moved.2 = Some(path);
            }
        }
    }

    fn read_ids(&mut self, text: &[u8]) {
        let Ok(text) = std::str::from_utf8(text) else {
            return;
        };
        let (ids, mode) = text.split_once(' ').unwrap_or((text, ""));
        let Some((old, new)) = ids.split_once("..") else {
            return;
        };
        let is_id = |id: &str| {
            (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if is_id(old) && is_id(new) {
            self.ids = Some((old.to_ascii_lowercase(), new.to_ascii_lowercase()));
        }
        if let Some(mode) = octal(mode.as_bytes()) {
            self.old_mode.get_or_insert(mode);
            self.new_mode.get_or_insert(mode);
        }
    }

    /// Makes the file of what was read.
    pub(super) fn finish(self) -> Result<FilePatch, PatchSyntaxError> {
        let (old, new) = self.paths()?;
        let status = self.settled_status(&old, &new);
        let (base, path) = match (status, old, new) {
            (Status::Deleted, Some(old), _) => (None, old),
            (Status::Added, _, Some(new)) => (None, new),
            (_, Some(old), Some(new)) if old != new => (Some(old), new),
            (_, old, new) => match new.or(old) {
                Some(path) => (None, path),
                None => return Err(self.error("a file without a name on either side")),
            },
        };
        let (old_id, new_id) = self.ids.unzip();
        Ok(FilePatch {
            path: RepoPath::from_bytes(&path),
            old_path: base.map(|path| RepoPath::from_bytes(&path)),
            status,
            old_mode: self.old_mode,
            new_mode: self.new_mode,
            old_id,
            new_id,
            binary: self.binary,
            hunks: self.hunks,
        })
    }

    fn settled_status(&self, old: &Name, new: &Name) -> Status {
        if let Some((status, ..)) = self.moved {
            return status;
        }
        if let Some(status) = self.status {
            return status;
        }
        if self.is_whole_side(|hunk| hunk.old_start == 0 && hunk.old_len() == 0) || old.is_none() {
            return Status::Added;
        }
        if self.is_whole_side(|hunk| hunk.new_start == 0 && hunk.new_len() == 0) || new.is_none() {
            return Status::Deleted;
        }
        if old != new {
            return Status::Renamed;
        }
        let same_content = self.hunks.is_empty() && !self.binary;
        if same_content && self.old_mode != self.new_mode {
            return Status::ModeChanged;
        }
        Status::Modified
    }

    /// Plain diffs say by an empty side that a file is new or gone; git says it in words.
    fn is_whole_side(&self, is_empty: impl Fn(&Hunk) -> bool) -> bool {
        self.git.is_none() && self.hunks.len() == 1 && self.hunks.iter().all(is_empty)
    }

    fn paths(&self) -> Result<(Name, Name), PatchSyntaxError> {
        let (old, new) = if let Some((_, Some(old), Some(new))) = &self.moved {
            (Some(old.clone()), Some(new.clone()))
        } else if let Some((old, new)) = &self.names {
            without_prefixes(old.clone(), new.clone())
        } else {
            let path = self.git.as_deref().and_then(common_name);
            let Some(path) = path else {
                return Err(self.error("cannot tell the file's name from its `diff --git` line"));
            };
            (Some(path.clone()), Some(path))
        };
        for path in [&old, &new].into_iter().flatten() {
            if !is_inside(path) {
                return Err(self.error(&format!(
                    "the path `{}` leads out of the repository",
                    RepoPath::from_bytes(path)
                )));
            }
        }
        Ok((old, new))
    }

    fn error(&self, problem: &str) -> PatchSyntaxError {
        PatchSyntaxError {
            line: self.line,
            problem: problem.to_owned(),
        }
    }
}

fn octal(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let mode = u32::from_str_radix(text.trim(), 8).ok()?;
    (mode <= 0o777_777).then_some(mode)
}

fn name(text: &[u8]) -> Name {
    let path = if let Some((path, _)) = unquote(text) {
        path
    } else {
        // What follows a tab is a date or a revision.
        let end = text.iter().position(|byte| *byte == b'\t');
        text[..end.unwrap_or(text.len())].to_vec()
    };
    (path != b"/dev/null").then_some(path)
}

/// Takes off `a/` and `b/`, or whatever first folders the two names do not share.
fn without_prefixes(old: Name, new: Name) -> (Name, Name) {
    match (old, new) {
        (Some(old), Some(new)) => {
            if old == new {
                return (Some(old), Some(new));
            }
            match (rest(&old), rest(&new)) {
                (Some(a), Some(b)) if a == b => (Some(a.to_vec()), Some(b.to_vec())),
                (Some(a), Some(b)) if has_git_prefix(&old) && has_git_prefix(&new) => {
                    (Some(a.to_vec()), Some(b.to_vec()))
                }
                // `file.orig` and `file~` are the names of saved copies of the same file.
                _ if is_saved_copy(&old, &new) => (Some(new.clone()), Some(new)),
                _ => (Some(old), Some(new)),
            }
        }
        (old, new) => (old.map(without_git_prefix), new.map(without_git_prefix)),
    }
}

fn is_saved_copy(old: &[u8], new: &[u8]) -> bool {
    matches!(old.strip_prefix(new), Some(b".orig" | b".old" | b"~"))
}

fn has_git_prefix(path: &[u8]) -> bool {
    matches!(path, [b'a' | b'b' | b'i' | b'w' | b'c' | b'o', b'/', ..])
}

fn without_git_prefix(path: Vec<u8>) -> Vec<u8> {
    if has_git_prefix(&path) {
        path[2..].to_vec()
    } else {
        path
    }
}

fn rest(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().position(|byte| *byte == b'/')?;
    Some(&path[slash + 1..])
}

/// The name both halves of a `diff --git` line share.
fn common_name(text: &[u8]) -> Option<Vec<u8>> {
    let (old, new) = if let Some((old, tail)) = unquote(text) {
        let (new, _) = unquote(tail.strip_prefix(b" ")?)?;
        (old, new)
    } else {
        let middle = text.len() / 2;
        if text.len().is_multiple_of(2) || text.get(middle) != Some(&b' ') {
            return None;
        }
        (text[..middle].to_vec(), text[middle + 1..].to_vec())
    };
    match without_prefixes(Some(old), Some(new)) {
        (Some(old), Some(new)) if old == new => Some(new),
        _ => None,
    }
}

fn is_inside(path: &[u8]) -> bool {
    !path.is_empty()
        && !path.contains(&0)
        && path.first() != Some(&b'/')
        && path.split(|byte| *byte == b'/').all(|part| part != b"..")
}
