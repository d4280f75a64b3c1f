//! Trees, and what differs between two of them.

use std::collections::BTreeMap;

use pullmill_core::change::Status;

/// What a tree, the index or the working tree holds at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// File mode, e.g. `0o100644`.
    pub(super) mode: u32,
    /// Where its content is.
    pub(super) content: Content,
}

/// Where content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// In the object store.
    Object(String),
    /// In the working tree, with the id it would have.
    File(String),
}

impl Content {
    /// The object id, stored or not.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Object(id) | Self::File(id) => id,
        }
    }
}

impl Entry {
    fn same_as(&self, other: &Self) -> bool {
        self.mode == other.mode && self.content.id() == other.content.id()
    }
}

/// One file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) path: Vec<u8>,
    pub(super) old_path: Option<Vec<u8>>,
    pub(super) status: Status,
    pub(super) old: Option<Entry>,
    pub(super) new: Option<Entry>,
}

/// Reads `git diff-tree --raw -z`: `:<old mode> <new mode> <old id> <new id> <letter>[score]` NUL path NUL [path NUL].
pub(super) fn parse_raw(raw: &[u8]) -> Option<Vec<Delta>> {
    let mut fields = raw.split(|byte| *byte == 0);
    let mut deltas = Vec::new();
    while let Some(header) = fields.next().filter(|field| !field.is_empty()) {
        let header = std::str::from_utf8(header.strip_prefix(b":")?).ok()?;
        let mut words = header.split(' ');
        let old_mode = u32::from_str_radix(words.next()?, 8).ok()?;
        let new_mode = u32::from_str_radix(words.next()?, 8).ok()?;
        let (old_id, new_id) = (words.next()?, words.next()?);
        let letter = words.next()?.chars().next()?;
        let first = fields.next()?.to_vec();
        let (path, old_path) = match letter {
            'R' | 'C' => (fields.next()?.to_vec(), Some(first)),
            _ => (first, None),
        };
        let old = entry(old_mode, old_id);
        let new = entry(new_mode, new_id);
        let status = match letter {
            'A' => Status::Added,
            'D' => Status::Deleted,
            'R' => Status::Renamed,
            'C' => Status::Copied,
            _ if old_id == new_id => Status::ModeChanged,
            _ => Status::Modified,
        };
        deltas.push(Delta {
            path,
            old_path,
            status,
            old,
            new,
        });
    }
    Some(deltas)
}

fn entry(mode: u32, id: &str) -> Option<Entry> {
    (mode != 0).then(|| Entry {
        mode,
        content: Content::Object(id.to_owned()),
    })
}

/// What differs between two listings, without renames.
pub(super) fn compare(
    before: &BTreeMap<Vec<u8>, Entry>,
    after: &BTreeMap<Vec<u8>, Entry>,
) -> Vec<Delta> {
    let gone = before
        .iter()
        .filter(|(path, _)| !after.contains_key(*path))
        .map(|(path, old)| Delta {
            path: path.clone(),
            old_path: None,
            status: Status::Deleted,
            old: Some(old.clone()),
            new: None,
        });
    let there = after.iter().filter_map(|(path, new)| {
        let old = before.get(path);
        let status = match old {
            None => Status::Added,
            Some(old) if old.same_as(new) => return None,
            Some(old) if old.content.id() == new.content.id() => Status::ModeChanged,
            Some(_) => Status::Modified,
        };
        Some(Delta {
            path: path.clone(),
            old_path: None,
            status,
            old: old.cloned(),
            new: Some(new.clone()),
        })
    });
    gone.chain(there).collect()
}

/// The names of the files in a raw tree object: `<mode> <name>` NUL `<id>`.
pub(super) fn file_names(tree: &[u8], id_bytes: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = tree;
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let header = String::from_utf8_lossy(&rest[..end]).into_owned();
        if let Some((mode, name)) = header.split_once(' ')
            && mode.starts_with("100")
        {
            names.push(name.to_owned());
        }
        rest = rest.get(end + 1 + id_bytes..).unwrap_or(&[]);
    }
    names
}
