//! Compares `HEAD`, the index and the working tree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pullmill_core::change::{Change, RepoPath};

use super::draft::{Content, Draft, Entry, SUBMODULE, entry};
use super::error::GitError;
use super::fill::{Sources, fill};
use super::index::{Index, Staged};
use super::revision::Commit;
use super::trees::Trees;
use super::worktree::{Found, Worktree, by_path, find};
use super::{Limits, Repository};

/// Files of a commit and of a working tree that are listed at most.
const MAX_LISTED: usize = 2_000_000;

/// Notes of one kind that are given in full.
const MAX_NAMED: usize = 5;

type Entries = BTreeMap<Vec<u8>, Entry>;

impl Repository {
    /// The working tree, with what is staged and what is not ignored, against `HEAD`; and the process that may
    /// be asked about the last commit if they are the same.
    pub(super) fn working_tree(
        &self,
        limits: &Limits,
    ) -> Result<(Change, Option<Trees>), GitError> {
        let root = self.checked_out("working tree")?;
        let (before, staged, found) = std::thread::scope(|scope| {
            let walk = scope.spawn(|| find(root, &self.git_dir, MAX_LISTED));
            let index = Index::start(root, limits.git_timeout)?;
            let before = self.last_entries(limits)?;
            let found = walk.join().unwrap_or_else(|_| Found {
                left_out: vec!["untracked files were not looked for: the walk failed".to_owned()],
                ..Found::default()
            });
            Ok::<_, GitError>((before, index.read()?, found))
        })?;
        let mut notes = Vec::new();
        note_conflicts(&staged, &mut notes);
        note_walk(&found, &staged, &mut notes);
        let mut worktree = Worktree::new(root, &self.git_dir, self.hash, limits.max_hashed_bytes);
        let after = working_entries(&mut worktree, staged, found);
        let sources = Sources {
            objects: &mut self.objects(),
            worktree: Some(&mut worktree),
            limits,
            finds_moves: true,
        };
        let drafts = capped(differences(before.entries, after), limits, &mut notes);
        let files = fill(drafts, sources, &mut notes)?;
        Ok((
            change("working tree", before.commit, files, notes),
            before.trees,
        ))
    }

    /// The index against `HEAD`.
    pub(super) fn staged(&self, limits: &Limits) -> Result<Change, GitError> {
        let root = self.checked_out("index")?;
        let index = Index::start(root, limits.git_timeout)?;
        let before = self.last_entries(limits)?;
        let staged = index.read()?;
        let mut notes = Vec::new();
        note_conflicts(&staged, &mut notes);
        let after = staged_entries(staged);
        let sources = Sources {
            objects: &mut self.objects(),
            worktree: None,
            limits,
            finds_moves: true,
        };
        let drafts = capped(differences(before.entries, after), limits, &mut notes);
        let files = fill(drafts, sources, &mut notes)?;
        Ok(change("staged changes", before.commit, files, notes))
    }

    pub(super) fn checked_out(&self, what: &'static str) -> Result<&Path, GitError> {
        self.root.as_deref().ok_or(GitError::Bare(what))
    }

    /// Every file of the commit `HEAD` names.
    fn last_entries(&self, limits: &Limits) -> Result<Last, GitError> {
        let trees = Trees::start(&self.folder, limits.git_timeout, true)?;
        let Some(commit) = self.last_commit()? else {
            return Ok(Last::default());
        };
        // Against nothing, every file is new, and there is nothing it could be renamed from.
        let nothing = self.hash.empty_tree();
        let (trees, listing) = trees.compare(nothing, &commit.tree, MAX_LISTED)?;
        if listing.more > 0 {
            return Err(GitError::Failed {
                command: "diff-tree",
                message: format!("HEAD has more than {MAX_LISTED} files"),
            });
        }
        let entries = listing.drafts.into_iter();
        let entries = entries.filter_map(|draft| Some((draft.path, draft.new?)));
        Ok(Last {
            entries: entries.collect(),
            commit: Some(commit),
            trees: Some(trees),
        })
    }
}

/// The last commit, its files, and the process that listed them.
#[derive(Default)]
struct Last {
    commit: Option<Commit>,
    entries: Entries,
    trees: Option<Trees>,
}

fn change(
    label: &str,
    head: Option<Commit>,
    files: Vec<pullmill_core::change::FileChange>,
    notes: Vec<String>,
) -> Change {
    Change {
        label: label.to_owned(),
        base: head.map(|commit| commit.id),
        head: None,
        files,
        notes,
    }
}

fn staged_entries(staged: Vec<Staged>) -> Entries {
    let mut entries = Entries::new();
    for (path, staged) in by_path(staged) {
        if staged.is_announced() {
            continue;
        }
        let content = if staged.stage == 0 {
            Content::Object(staged.id)
        } else {
            Content::Nowhere("its merge is unresolved".to_owned())
        };
        entries.insert(path, entry(staged.mode, content));
    }
    entries
}

fn working_entries(worktree: &mut Worktree, staged: Vec<Staged>, found: Found) -> Entries {
    let mut entries = Entries::new();
    let staged = by_path(staged);
    for path in found.files {
        if !staged.contains_key(&path)
            && let Some(entry) = worktree.entry_at(&path)
        {
            entries.insert(path, entry);
        }
    }
    for (path, staged) in staged {
        if let Some(entry) = worktree.entry_of(&staged) {
            entries.insert(path, entry);
        }
    }
    entries
}

fn differences(mut before: Entries, after: Entries) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (path, new) in after {
        let old = before.remove(&path);
        drafts.extend(Draft::between(path, old, Some(new)));
    }
    for (path, old) in before {
        drafts.extend(Draft::between(path, Some(old), None));
    }
    drafts.sort_by(|one, other| one.path.cmp(&other.path));
    drafts
}

fn capped(mut drafts: Vec<Draft>, limits: &Limits, notes: &mut Vec<String>) -> Vec<Draft> {
    if drafts.len() > limits.max_listed {
        notes.push(format!(
            "{} more files changed than the {} that are listed",
            drafts.len() - limits.max_listed,
            limits.max_listed
        ));
        drafts.truncate(limits.max_listed);
    }
    drafts
}

fn note_conflicts(staged: &[Staged], notes: &mut Vec<String>) {
    let open: BTreeSet<&[u8]> = staged
        .iter()
        .filter(|entry| entry.stage != 0)
        .map(|entry| entry.path.as_slice())
        .collect();
    note_each(
        open.into_iter()
            .map(|path| format!("the merge of {} is unresolved", RepoPath::from_bytes(path))),
        notes,
    );
}

fn note_walk(found: &Found, staged: &[Staged], notes: &mut Vec<String>) {
    let submodules: BTreeSet<&[u8]> = staged
        .iter()
        .filter(|entry| entry.mode == SUBMODULE)
        .map(|entry| entry.path.as_slice())
        .collect();
    let nested = found.nested.iter();
    let nested = nested.filter(|path| !submodules.contains(path.as_slice()));
    note_each(
        nested.map(|path| {
            let path = RepoPath::from_bytes(path);
            format!("{path} is a repository of its own and was not entered")
        }),
        notes,
    );
    note_each(found.left_out.iter().cloned(), notes);
    if found.is_cut {
        notes.push(format!(
            "the working tree has more than {MAX_LISTED} files; some untracked ones were not seen"
        ));
    }
}

fn note_each(mut lines: impl Iterator<Item = String>, notes: &mut Vec<String>) {
    notes.extend(lines.by_ref().take(MAX_NAMED));
    let more = lines.count();
    if more > 0 {
        notes.push(format!("and {more} more like it"));
    }
}
