//! Looks at the working tree without following links and without running filters.

mod untracked;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::draft::{Content, Entry, LINK, SUBMODULE, entry};
use super::id::Hash;
use super::index::Staged;

pub(super) use untracked::{Found, find};

/// A working tree.
pub(super) struct Worktree {
    root: PathBuf,
    hash: Hash,
    max_hashed_bytes: u64,
    /// When the index was written; files touched since then may have changed unseen.
    index_written: (i64, i64),
    has_modes: bool,
    safe_folders: BTreeSet<Vec<u8>>,
}

impl Worktree {
    /// Takes a working tree and the folder git keeps its index in.
    pub(super) fn new(root: &Path, git_dir: &Path, hash: Hash, max_hashed_bytes: u64) -> Self {
        let index_written = fs::symlink_metadata(git_dir.join("index"))
            .map_or((i64::MIN, 0), |meta| (meta.mtime(), meta.mtime_nsec()));
        Self {
            root: root.to_owned(),
            hash,
            max_hashed_bytes,
            index_written,
            has_modes: keeps_modes(git_dir),
            safe_folders: BTreeSet::new(),
        }
    }

    /// What the working tree holds for an entry of the index.
    pub(super) fn entry_of(&mut self, staged: &Staged) -> Option<Entry> {
        let as_staged = entry(staged.mode, Content::Object(staged.id.clone()));
        // What a submodule has checked out would have to be asked of its own repository.
        if staged.mode == SUBMODULE || staged.is_detached() {
            return Some(as_staged);
        }
        let meta = self.look(&staged.path)?;
        if meta.is_dir() {
            return None;
        }
        let mode = self.mode_of(&meta, Some(staged.mode));
        if mode == staged.mode && self.is_untouched(staged, &meta) {
            return Some(as_staged);
        }
        Some(self.entry_for(&staged.path, &meta, mode))
    }

    /// What the working tree holds for a path the index does not know.
    pub(super) fn entry_at(&mut self, path: &[u8]) -> Option<Entry> {
        let meta = self.look(path)?;
        if !meta.is_file() && !meta.is_symlink() {
            return None;
        }
        let mode = self.mode_of(&meta, None);
        Some(self.entry_for(path, &meta, mode))
    }

    fn entry_for(&self, path: &[u8], meta: &Metadata, mode: u32) -> Entry {
        if !meta.is_file() && !meta.is_symlink() {
            let reason = "no regular file: a pipe, socket or device".to_owned();
            return entry(mode, Content::Nowhere(reason));
        }
        entry(mode, Content::File(self.id_of(path, meta)))
    }

    fn id_of(&self, path: &[u8], meta: &Metadata) -> Option<String> {
        if meta.is_symlink() {
            let target = fs::read_link(self.place(path)).ok()?;
            return Some(self.hash.id("blob", target.as_os_str().as_bytes()));
        }
        if meta.len() > self.max_hashed_bytes {
            return None;
        }
        let file = self.open(path).ok()?;
        self.hash.blob_id_of(file, meta.len()).ok()?
    }

    /// The mode git would note; where modes or links are not kept, what it noted before stands.
    fn mode_of(&self, meta: &Metadata, staged: Option<u32>) -> u32 {
        let is_plain_link = staged == Some(LINK) && !self.has_modes && meta.is_file();
        if meta.is_symlink() || is_plain_link {
            return LINK;
        }
        match staged {
            Some(staged) if !self.has_modes && staged & 0o170_000 == 0o100_000 => staged,
            _ if meta.mode() & 0o100 != 0 => 0o100_755,
            _ => 0o100_644,
        }
    }

    /// Whether size and times say that the file is still what git put into the index.
    fn is_untouched(&self, staged: &Staged, meta: &Metadata) -> bool {
        let modified = (meta.mtime(), meta.mtime_nsec());
        let changed = (meta.ctime(), meta.ctime_nsec());
        // Git notes size 0 for files whose times it does not trust, and wraps at 4 GiB.
        let size_fits = staged.size == meta.len() && staged.size != 0;
        size_fits
            && staged.modified == modified
            && staged.changed == changed
            && modified < self.index_written
    }

    /// Asks for a file's kind and times, unless a folder on the way to it is a link.
    fn look(&mut self, path: &[u8]) -> Option<Metadata> {
        if !is_plain(path) || !self.is_reachable(path) {
            return None;
        }
        fs::symlink_metadata(self.place(path)).ok()
    }

    fn is_reachable(&mut self, path: &[u8]) -> bool {
        let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else {
            return true;
        };
        let folder = &path[..slash];
        if self.safe_folders.contains(folder) {
            return true;
        }
        let is_folder = self.is_reachable(folder)
            && fs::symlink_metadata(self.place(folder)).is_ok_and(|meta| meta.is_dir());
        if is_folder {
            self.safe_folders.insert(folder.to_vec());
        }
        is_folder
    }

    fn place(&self, path: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(path))
    }

    fn open(&self, path: &[u8]) -> io::Result<File> {
        // A pipe put in the file's place must not make us wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(self.place(path), flags, Mode::empty())?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("no regular file"))
        }
    }

    /// Reads a file, or a link's target; at most `limit` bytes.
    pub(super) fn read(&mut self, path: &[u8], limit: u64) -> io::Result<Bytes> {
        let Some(meta) = self.look(path) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if meta.is_symlink() {
            let target = fs::read_link(self.place(path))?;
            return Ok(Bytes::Link(target.into_os_string().as_bytes().to_vec()));
        }
        let file = self.open(path)?;
        let size = file.metadata()?.len();
        if size > limit {
            return Ok(Bytes::TooLarge(size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Ok(Bytes::TooLarge(bytes.len() as u64));
        }
        Ok(Bytes::File(bytes))
    }

    /// Whether a large file is the one a pointer of Git LFS stands for.
    pub(super) fn has_sha256(&mut self, path: &[u8], sha256: &str, size: u64) -> bool {
        if size > self.max_hashed_bytes || self.look(path).is_none_or(|meta| meta.len() != size) {
            return false;
        }
        let id = self
            .open(path)
            .and_then(|file| super::id::sha256_of(file, size));
        matches!(id, Ok(Some(id)) if id == sha256)
    }
}

/// What was read from the working tree.
pub(super) enum Bytes {
    File(Vec<u8>),
    Link(Vec<u8>),
    TooLarge(u64),
}

/// Whether a path stays inside the tree; an index made by hand may say anything.
pub(super) fn is_plain(path: &[u8]) -> bool {
    const LONGEST: usize = 4_096;
    path.len() < LONGEST
        && !path.contains(&0)
        && path
            .split(|byte| *byte == b'/')
            .all(|part| !part.is_empty() && part != b"." && part != b"..")
}

/// Whether the file system keeps executable bits, as git found out when it made the repository.
fn keeps_modes(git_dir: &Path) -> bool {
    let mut text = String::new();
    let config = rustix::fs::open(
        git_dir.join("config"),
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let Ok(config) = config else {
        return true;
    };
    if File::from(config)
        .take(64 << 10)
        .read_to_string(&mut text)
        .is_err()
    {
        return true;
    }
    let mut section = String::new();
    for line in text.lines().map(|line| line.trim().to_ascii_lowercase()) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[core]"
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == "filemode"
        {
            return value.trim() != "false";
        }
    }
    true
}

/// The entries of the index by path; a file whose merge is unresolved stands once, under its first stage.
pub(super) fn by_path(entries: Vec<Staged>) -> BTreeMap<Vec<u8>, Staged> {
    let mut by_path = BTreeMap::new();
    for entry in entries {
        by_path.entry(entry.path.clone()).or_insert(entry);
    }
    by_path
}
