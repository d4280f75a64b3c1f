//! Finds the files of a working tree that are not ignored, without entering links or nested repositories.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder};

/// Ignore files larger than this are not read: compiling them could take more than the review.
const MAX_IGNORE_BYTES: u64 = 256 << 10;

/// What a walk over a working tree found.
#[derive(Clone, Debug, Default)]
pub(in crate::git) struct Found {
    /// Files and links that are not ignored, tracked or not.
    pub(in crate::git) files: Vec<Vec<u8>>,
    /// Folders that are repositories of their own.
    pub(in crate::git) nested: Vec<Vec<u8>>,
    /// Folders that were not entered, and why.
    pub(in crate::git) left_out: Vec<String>,
    /// Whether there were more files than asked for.
    pub(in crate::git) is_cut: bool,
}

/// Walks the tree below `root`; finds at most `max` files.
pub(in crate::git) fn find(root: &Path, git_dir: &Path, max: usize) -> Found {
    let mut found = Found::default();
    if let Some(problem) = ignore_file_problem(&root.join(".gitignore")) {
        found.left_out.push(format!(
            "untracked files were not looked for: .gitignore {problem}"
        ));
        return found;
    }
    let asides = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let seen = Arc::clone(&asides);
    let top = root.to_owned();
    let has_exclude = ignore_file_problem(&git_dir.join("info/exclude")).is_none();
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .git_exclude(has_exclude)
        .git_global(true)
        .follow_links(false)
        .filter_entry(move |entry| {
            let mut asides = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let (nested, left_out) = &mut *asides;
            is_entered(entry, &top, nested, left_out)
        })
        .build();
    for entry in walk.flatten() {
        if entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        if found.files.len() >= max {
            found.is_cut = true;
            break;
        }
        found.files.extend(relative(entry.path(), root));
    }
    let mut asides = asides.lock().unwrap_or_else(PoisonError::into_inner);
    found.nested = std::mem::take(&mut asides.0);
    found.left_out.append(&mut asides.1);
    found.nested.sort();
    found.left_out.sort();
    found
}

fn is_entered(
    entry: &DirEntry,
    root: &Path,
    nested: &mut Vec<Vec<u8>>,
    left_out: &mut Vec<String>,
) -> bool {
    if entry.file_name() == ".git" {
        return false;
    }
    if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return true;
    }
    let path = entry.path();
    if fs::symlink_metadata(path.join(".git")).is_ok() {
        nested.extend(relative(path, root));
        return false;
    }
    if let Some(problem) = ignore_file_problem(&path.join(".gitignore")) {
        let path = relative(path, root).unwrap_or_default();
        left_out.push(format!(
            "untracked files in {} were not looked for: its .gitignore {problem}",
            String::from_utf8_lossy(&path)
        ));
        return false;
    }
    true
}

/// Why an ignore file must not be opened; a pipe would never end.
fn ignore_file_problem(path: &Path) -> Option<&'static str> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Some("is no regular file"),
        Ok(meta) if meta.len() > MAX_IGNORE_BYTES => Some("is larger than 256 KiB"),
        _ => None,
    }
}

fn relative(path: &Path, root: &Path) -> Option<Vec<u8>> {
    let path = path.strip_prefix(root).ok()?;
    Some(path.as_os_str().as_bytes().to_vec())
}
