//! A changed file before its content is read.

use pullmill_core::change::Status;

/// The mode of a symbolic link.
pub(crate) const LINK: u32 = 0o120_000;
/// The mode of a submodule.
pub(crate) const SUBMODULE: u32 = 0o160_000;

/// A changed file: where, what happened, and where its two sides are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) path: Vec<u8>,
    pub(super) old_path: Option<Vec<u8>>,
    pub(super) status: Status,
    pub(super) old: Option<Entry>,
    pub(super) new: Option<Entry>,
}

/// One side of a changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mode: u32,
    pub(super) content: Content,
}

/// Where the bytes of one side are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// In the object store, under this id.
    Object(String),
    /// In the working tree; with its id if it was small enough to compute.
    File(Option<String>),
    /// Nowhere, for this reason.
    Nowhere(String),
}

/// Makes an entry.
pub(super) fn entry(mode: u32, content: Content) -> Entry {
    Entry { mode, content }
}

impl Entry {
    /// The id of the content, if known.
    pub(super) fn id(&self) -> Option<&str> {
        match &self.content {
            Content::Object(id) | Content::File(Some(id)) => Some(id),
            _ => None,
        }
    }

    fn is_only_mode_away(&self, other: &Self) -> bool {
        let is_file = |entry: &Self| entry.mode & 0o170_000 == 0o100_000;
        is_file(self) && is_file(other) && self.id().is_some() && self.id() == other.id()
    }

    /// Whether both are the same file of the same kind.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.mode == other.mode && self.id().is_some() && self.id() == other.id()
    }
}

impl Draft {
    /// What the two sides of one path make of a file; `None` if they are the same.
    pub(super) fn between(path: Vec<u8>, old: Option<Entry>, new: Option<Entry>) -> Option<Self> {
        match (&old, &new) {
            (None, None) => return None,
            (Some(old), Some(new)) if old.is_same(new) => return None,
            _ => {}
        }
        Some(Self {
            path,
            old_path: None,
            status: Self::status_of(old.as_ref(), new.as_ref()),
            old,
            new,
        })
    }

    /// What happened to a file that did not move.
    pub(super) fn status_of(old: Option<&Entry>, new: Option<&Entry>) -> Status {
        match (old, new) {
            (None, _) => Status::Added,
            (_, None) => Status::Deleted,
            (Some(old), Some(new)) if old.is_only_mode_away(new) => Status::ModeChanged,
            _ => Status::Modified,
        }
    }
}
