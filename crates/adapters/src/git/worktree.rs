//! The working tree: read and hashed here, so that no filter of the repository runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::index::Staged;
use super::objects::Object;
use super::tree::{Content, Entry};
use super::{GitError, Repository};

/// Larger working files are told apart by size and time alone.
const MAX_HASHED: u64 = 64 << 20;

impl Repository {
    /// The working tree as a listing, given what it is compared with.
    pub(super) fn working(
        &self,
        before: &BTreeMap<Vec<u8>, Entry>,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<Vec<u8>, Entry>, GitError> {
        let Some(root) = &self.work_tree else {
            return Err(GitError::Bare);
        };
        let index = self.index(notes)?;
        let written = fs::metadata(self.git_dir.join("index")).map_or((0, 0), |data| time(&data));
        let mut links = Links::default();
        let mut files = BTreeMap::new();
        for (path, staged) in &index {
            let old = before.get(path);
            if let Some(entry) = working_entry(root, path, staged, old, written, &mut links) {
                files.insert(path.clone(), entry);
            }
        }
        let id_length = before.values().next().map(|entry| entry.content.id().len());
        let id_length = id_length
            .or_else(|| index.values().next().map(|staged| staged.id.len()))
            .unwrap_or(40);
        for path in untracked(root, &index) {
            if let Some(entry) = new_entry(root, &path, id_length) {
                files.insert(path, entry);
            }
        }
        Ok(files)
    }

    /// The bytes of a working file or the target of a link.
    pub(super) fn working_content(&self, path: &[u8], at_most: u64) -> Object {
        let Some(root) = &self.work_tree else {
            return Object::Missing("there is no working tree".to_owned());
        };
        let full = root.join(OsStr::from_bytes(path));
        match content(&full, at_most) {
            Ok(object) => object,
            Err(error) => Object::Missing(format!("it cannot be read: {error}")),
        }
    }
}

/// Folders that are symbolic links: nothing is read through them.
#[derive(Default)]
struct Links {
    known: BTreeMap<PathBuf, bool>,
}

impl Links {
    fn leads_through(&mut self, root: &Path, path: &Path) -> bool {
        let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        else {
            return false;
        };
        if let Some(known) = self.known.get(parent) {
            return *known;
        }
        let is_link = self.leads_through(root, parent)
            || fs::symlink_metadata(root.join(parent))
                .is_ok_and(|data| data.file_type().is_symlink());
        self.known.insert(parent.to_owned(), is_link);
        is_link
    }
}

fn working_entry(
    root: &Path,
    path: &[u8],
    staged: &Staged,
    old: Option<&Entry>,
    written: (i64, u32),
    links: &mut Links,
) -> Option<Entry> {
    let relative = Path::new(OsStr::from_bytes(path));
    let unchanged = || {
        Some(Entry {
            mode: staged.mode,
            content: Content::Object(staged.id.clone()),
        })
    };
    if staged.is_skipped || staged.mode == 0o160_000 {
        return unchanged();
    }
    if links.leads_through(root, relative) {
        return None;
    }
    let full = root.join(relative);
    let data = fs::symlink_metadata(&full).ok()?;
    let mode = mode_of(&data)?;
    let is_known =
        staged.size == data.len() && staged.modified == time(&data) && staged.modified < written;
    if is_known && (mode == staged.mode || data.len() > MAX_HASHED) {
        return unchanged();
    }
    let Ok(Object::Bytes(bytes)) = content(&full, MAX_HASHED) else {
        return Some(Entry {
            mode,
            content: Content::File(format!("size {}", data.len())),
        });
    };
    let compared = old.map_or(staged.id.as_str(), |entry| entry.content.id());
    let id = blob_id(&bytes, staged.id.len());
    let is_same = id == compared
        || mode != 0o120_000 && blob_id(&without_returns(&bytes), staged.id.len()) == compared;
    let content = if is_same {
        Content::Object(compared.to_owned())
    } else {
        Content::File(id)
    };
    Some(Entry { mode, content })
}

fn new_entry(root: &Path, path: &[u8], id_length: usize) -> Option<Entry> {
    let full = root.join(OsStr::from_bytes(path));
    let data = fs::symlink_metadata(&full).ok()?;
    let mode = mode_of(&data)?;
    let id = match content(&full, MAX_HASHED) {
        Ok(Object::Bytes(bytes)) => blob_id(&bytes, id_length),
        _ => format!("size {}", data.len()),
    };
    Some(Entry {
        mode,
        content: Content::File(id),
    })
}

/// Files that git does not track and is not told to ignore; other repositories inside are left alone.
fn untracked(root: &Path, index: &BTreeMap<Vec<u8>, Staged>) -> Vec<Vec<u8>> {
    let root_owned = root.to_owned();
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .ignore(false)
        .follow_links(false)
        .filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            entry.file_name() != ".git"
                && !(is_folder && entry.path() != root_owned && entry.path().join(".git").exists())
        })
        .build();
    let relative = |entry: ignore::DirEntry| {
        let is_folder = entry.file_type().is_none_or(|kind| kind.is_dir());
        let path = entry
            .path()
            .strip_prefix(root)
            .ok()?
            .as_os_str()
            .as_bytes()
            .to_vec();
        (!is_folder && !index.contains_key(&path)).then_some(path)
    };
    let found: BTreeSet<Vec<u8>> = walk.filter_map(Result::ok).filter_map(relative).collect();
    found.into_iter().collect()
}

/// The mode git would store; `None` for what git does not store, such as pipes and devices.
fn mode_of(data: &Metadata) -> Option<u32> {
    let kind = data.file_type();
    if kind.is_symlink() {
        return Some(0o120_000);
    }
    let is_executable = data.permissions().mode() & 0o100 != 0;
    kind.is_file()
        .then_some(if is_executable { 0o100_755 } else { 0o100_644 })
}

fn time(data: &Metadata) -> (i64, u32) {
    (data.mtime(), u32::try_from(data.mtime_nsec()).unwrap_or(0))
}

fn content(path: &Path, at_most: u64) -> std::io::Result<Object> {
    let data = fs::symlink_metadata(path)?;
    if data.file_type().is_symlink() {
        return Ok(Object::Bytes(
            fs::read_link(path)?.as_os_str().as_bytes().to_vec(),
        ));
    }
    if !data.is_file() {
        return Ok(Object::Missing("it is no regular file".to_owned()));
    }
    if data.len() > at_most {
        return Ok(Object::TooLarge(data.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(data.len()).unwrap_or(0));
    File::open(path)?
        .take(at_most + 1)
        .read_to_end(&mut bytes)?;
    let size = bytes.len() as u64;
    Ok(if size > at_most {
        Object::TooLarge(size)
    } else {
        Object::Bytes(bytes)
    })
}

/// The id git gives a file: the hash of `blob <size>` NUL content.
fn blob_id(bytes: &[u8], id_length: usize) -> String {
    let header = format!("blob {}\0", bytes.len());
    if id_length == 64 {
        return hex(&Sha256::new()
            .chain_update(header)
            .chain_update(bytes)
            .finalize());
    }
    hex(&Sha1::new()
        .chain_update(header)
        .chain_update(bytes)
        .finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text as it would be stored by a checkout that turns line ends into CR LF.
fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(index + 1) != Some(&b'\n') {
            plain.push(*byte);
        }
    }
    plain
}
