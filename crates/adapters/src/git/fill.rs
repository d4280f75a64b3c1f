//! Reads both sides of every listed file within the limits and finds the changed regions.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use pullmill_core::change::{FileChange, RepoPath, Side};
use pullmill_core::hunk::Hunk;

use super::content::{Pointer, is_same_but_for_line_ends, side_of};
use super::draft::{Content, Draft, Entry, SUBMODULE};
use super::error::GitError;
use super::hunks::{Effort, hunks_within};
use super::limits::Limits;
use super::objects::{Objects, Reply};
use super::renames;
use super::worktree::{Bytes, Worktree};

/// Where contents come from.
pub(super) struct Sources<'a> {
    pub(super) objects: &'a mut Objects,
    pub(super) worktree: Option<&'a mut Worktree>,
    pub(super) limits: &'a Limits,
    /// Whether renames and copies are still to be found.
    pub(super) finds_moves: bool,
}

/// A file whose sides were read, with the ids its sides are known by.
pub(super) struct Filled {
    pub(super) file: FileChange,
    pub(super) old_id: Option<String>,
    pub(super) new_id: Option<String>,
}

/// Turns the list into files of a change; what was not read is said in `notes` and in the sides.
pub(super) fn fill(
    mut drafts: Vec<Draft>,
    mut sources: Sources<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<FileChange>, GitError> {
    drafts.sort_by(|one, other| one.path.cmp(&other.path));
    let limits = sources.limits;
    if drafts.len() > limits.max_files as usize {
        notes.push(format!(
            "{} files changed; only the first {} were read",
            drafts.len(),
            limits.max_files
        ));
    }
    let mut budget = limits.max_total_bytes;
    let stored = sources.stored(&drafts, &mut budget)?;
    let has_worktree = sources.worktree.is_some();
    let mut filled = Vec::with_capacity(drafts.len());
    for (place, draft) in drafts.into_iter().enumerate() {
        let is_read = place < limits.max_files as usize;
        if is_read && has_worktree && sources.is_same_in_other_clothes(&draft, &stored) {
            continue;
        }
        let mut side = |entry: Option<&Entry>| {
            if is_read {
                sources.side(entry, &draft.path, &stored, &mut budget)
            } else {
                unread(entry, limits)
            }
        };
        let (base, head) = (side(draft.old.as_ref()), side(draft.new.as_ref()));
        if has_worktree && is_line_end_change(&draft, &base, &head) {
            continue;
        }
        filled.push(filled_of(draft, base, head));
    }
    if sources.finds_moves {
        renames::pair(&mut filled, notes);
    }
    let mut files: Vec<FileChange> = filled.into_iter().map(|one| one.file).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    find_hunks(&mut files, limits, notes);
    Ok(files)
}

fn filled_of(draft: Draft, base: Side, head: Side) -> Filled {
    let id = |entry: &Option<Entry>| {
        let id = entry.as_ref().and_then(Entry::id);
        id.map(str::to_owned)
    };
    let (old_id, new_id) = (id(&draft.old), id(&draft.new));
    Filled {
        file: FileChange {
            path: RepoPath::from_bytes(&draft.path),
            old_path: draft.old_path.as_deref().map(RepoPath::from_bytes),
            status: draft.status,
            old_mode: draft.old.map(|entry| entry.mode),
            new_mode: draft.new.map(|entry| entry.mode),
            base,
            head,
            hunks: Vec::new(),
        },
        old_id,
        new_id,
    }
}

fn unread(entry: Option<&Entry>, limits: &Limits) -> Side {
    match entry {
        None => Side::Absent,
        Some(_) => Side::Unavailable(format!("more than {} files changed", limits.max_files)),
    }
}

/// Git hides such differences where it converts line ends, and so do we in the working tree.
fn is_line_end_change(draft: &Draft, base: &Side, head: &Side) -> bool {
    let same_mode =
        draft.old.as_ref().map(|entry| entry.mode) == draft.new.as_ref().map(|e| e.mode);
    match (base.text(), head.text()) {
        (Some(base), Some(head)) => same_mode && is_same_but_for_line_ends(base, head),
        _ => false,
    }
}

/// What the object store gave for an id.
enum Stored {
    Bytes(Arc<[u8]>),
    TooLarge(u64),
    Nothing(&'static str),
}

impl Sources<'_> {
    /// Reads every blob the drafts name, each once.
    fn stored(
        &mut self,
        drafts: &[Draft],
        budget: &mut u64,
    ) -> Result<BTreeMap<String, Stored>, GitError> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut stored = BTreeMap::new();
        let entries = drafts
            .iter()
            .take(self.limits.max_files as usize)
            .flat_map(|draft| [&draft.old, &draft.new])
            .flatten();
        for entry in entries {
            if let Content::Object(id) = &entry.content
                && entry.mode != SUBMODULE
                && !stored.contains_key(id)
            {
                stored.insert(id.clone(), Stored::Nothing("git does not have it"));
                names.push(id.clone().into_bytes());
            }
        }
        self.objects
            .get_all(&names, self.limits.max_file_bytes, |place, reply| {
                let id = String::from_utf8_lossy(&names[place]).into_owned();
                stored.insert(id, keep(reply, budget));
            })?;
        Ok(stored)
    }

    fn side(
        &mut self,
        entry: Option<&Entry>,
        path: &[u8],
        stored: &BTreeMap<String, Stored>,
        budget: &mut u64,
    ) -> Side {
        let Some(entry) = entry else {
            return Side::Absent;
        };
        match &entry.content {
            Content::Object(id) if entry.mode == SUBMODULE => Side::Submodule(id.clone()),
            Content::Object(id) => match stored.get(id) {
                Some(Stored::Bytes(bytes)) => {
                    side_of(Arc::clone(bytes), Some(entry.mode), self.limits)
                }
                Some(Stored::TooLarge(size)) => Side::TooLarge { size: *size },
                Some(Stored::Nothing(reason)) => Side::Unavailable((*reason).to_owned()),
                None => Side::Unavailable("git does not have it".to_owned()),
            },
            Content::File(_) => self.working_side(path, entry.mode, budget),
            Content::Nowhere(reason) => Side::Unavailable(reason.clone()),
        }
    }

    fn working_side(&mut self, path: &[u8], mode: u32, budget: &mut u64) -> Side {
        let Some(worktree) = self.worktree.as_mut() else {
            return Side::Unavailable("there is no working tree".to_owned());
        };
        match worktree.read(path, self.limits.max_file_bytes) {
            Ok(Bytes::TooLarge(size)) => Side::TooLarge { size },
            Ok(Bytes::Link(target)) => side_of(Arc::from(target), Some(mode), self.limits),
            Ok(Bytes::File(bytes)) if pay(budget, bytes.len() as u64) => {
                side_of(Arc::from(bytes), Some(mode), self.limits)
            }
            Ok(Bytes::File(_)) => Side::Unavailable(OVER_BUDGET.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Side::Unavailable("it vanished while it was read".to_owned())
            }
            Err(error) => Side::Unavailable(error.to_string()),
        }
    }

    /// Whether the working file is what a pointer of Git LFS at base stands for.
    fn is_same_in_other_clothes(
        &mut self,
        draft: &Draft,
        stored: &BTreeMap<String, Stored>,
    ) -> bool {
        let (Some(old), Some(new)) = (&draft.old, &draft.new) else {
            return false;
        };
        let Some(Stored::Bytes(bytes)) = old.id().and_then(|id| stored.get(id)) else {
            return false;
        };
        let is_file = old.mode == new.mode && matches!(new.content, Content::File(_));
        match (Pointer::read(bytes), self.worktree.as_mut()) {
            (Some(pointer), Some(worktree)) if is_file => {
                worktree.has_sha256(&draft.path, &pointer.sha256, pointer.size)
            }
            _ => false,
        }
    }
}

const OVER_BUDGET: &str = "the change holds more text than is read at once";

fn keep(reply: Reply, budget: &mut u64) -> Stored {
    match reply {
        Reply::Object { kind, bytes, .. } if kind == "blob" => {
            if pay(budget, bytes.len() as u64) {
                Stored::Bytes(Arc::from(bytes))
            } else {
                Stored::Nothing(OVER_BUDGET)
            }
        }
        Reply::TooLarge(size) => Stored::TooLarge(size),
        Reply::Missing => Stored::Nothing("git does not have it (partial clone?)"),
        Reply::Object { .. } | Reply::Ambiguous | Reply::Damaged => {
            Stored::Nothing("the stored object is damaged")
        }
    }
}

fn pay(budget: &mut u64, cost: u64) -> bool {
    match budget.checked_sub(cost) {
        Some(left) => {
            *budget = left;
            true
        }
        None => false,
    }
}

/// Finds the changed regions of all files; a file with too many lines is too large to be shown.
pub(crate) fn find_hunks(files: &mut [FileChange], limits: &Limits, notes: &mut Vec<String>) {
    let mut effort = Effort::new();
    let mut lines_left = limits.max_hunk_lines;
    let mut cut = 0;
    for file in files {
        let Some(found) = file_hunks(file, &mut effort) else {
            continue;
        };
        let lines: usize = found.iter().map(|hunk| hunk.lines.len()).sum();
        if let Some(left) = lines_left.checked_sub(lines) {
            lines_left = left;
            file.hunks = found;
            continue;
        }
        cut += 1;
        for side in [&mut file.base, &mut file.head] {
            if let Some(size) = side.text().map(|text| text.len() as u64) {
                *side = Side::TooLarge { size };
            }
        }
    }
    if cut > 0 {
        notes.push(format!(
            "the change has more than {} lines; {cut} files are left out as too large",
            limits.max_hunk_lines
        ));
    }
}

fn file_hunks(file: &FileChange, effort: &mut Effort) -> Option<Vec<Hunk>> {
    let (base, head) = (comparable(&file.base)?, comparable(&file.head)?);
    let has_text = file.base.text().is_some() || file.head.text().is_some();
    has_text.then(|| hunks_within(base, head, effort))
}

/// A side to compare lines with: where there was no text before, all lines are new.
fn comparable(side: &Side) -> Option<&[u8]> {
    match side {
        Side::Text(bytes) => Some(bytes),
        Side::Absent | Side::Symlink(_) | Side::Submodule(_) | Side::Binary { .. } => Some(&[]),
        Side::TooLarge { .. } | Side::Unavailable(_) => None,
    }
}
