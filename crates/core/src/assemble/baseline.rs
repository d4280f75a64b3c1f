//! Sets aside what the baseline lists, each entry once, and follows files that moved.
//!
//! An entry counts for its rule, code and file. Findings that the change did not cause use up their entries first, so a
//! further copy of listed code in the same file stays open. An entry whose file is gone counts for the same code elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::BaselineEntry;
use super::cause::{Caused, stem_of};
use crate::change::{FileChange, RepoPath, Status};
use crate::finding::Finding;
use crate::review::{Suppressed, SuppressedBy};

/// Where the files that entries name are now.
pub(super) struct Renames<'a> {
    moved: BTreeMap<&'a RepoPath, &'a RepoPath>,
    gone: BTreeSet<&'a RepoPath>,
    /// For a scan: every other file counts as gone.
    scanned: Option<BTreeSet<&'a RepoPath>>,
}

impl<'a> Renames<'a> {
    pub(super) fn of(files: &[&'a FileChange]) -> Self {
        let moved = files
            .iter()
            .filter(|file| file.status == Status::Renamed)
            .filter_map(|file| Some((file.old_path.as_ref()?, &file.path)))
            .collect();
        let gone = files
            .iter()
            .filter(|file| file.status == Status::Deleted)
            .map(|file| &file.path)
            .collect();
        Self {
            moved,
            gone,
            scanned: None,
        }
    }

    pub(super) fn scanned(paths: impl Iterator<Item = &'a RepoPath>) -> Self {
        Self {
            moved: BTreeMap::new(),
            gone: BTreeSet::new(),
            scanned: Some(paths.collect()),
        }
    }

    /// Takes out of `caused.open` what the baseline lists.
    pub(super) fn set_aside(
        &self,
        caused: &mut Caused,
        baseline: &[BaselineEntry],
    ) -> Vec<Suppressed> {
        let mut entries = self.entries(baseline);
        for ((stem, path), count) in &caused.standing {
            entries.use_up(stem, path, *count);
        }
        caused.open.sort_by(|a, b| a.location.cmp(&b.location));
        let mut aside = Vec::new();
        // Exact fingerprints go first, so that of several equal findings the listed one is set aside.
        for is_exact in [true, false] {
            caused.open.retain(|one| match entries.take(one, is_exact) {
                Some(reason) => {
                    aside.push(suppressed(one, reason));
                    false
                }
                None => true,
            });
        }
        aside
    }

    fn entries<'b>(&self, baseline: &'b [BaselineEntry]) -> Entries<'b> {
        let mut sorted: Vec<&BaselineEntry> = baseline.iter().collect();
        sorted.sort();
        let mut entries = Entries::default();
        for entry in sorted {
            let stem = stem_of(&entry.fingerprint).to_owned();
            if self.is_gone(&entry.path) {
                entries.homeless.entry(stem).or_default().push(entry);
            } else {
                let path = self.moved.get(&entry.path).copied().unwrap_or(&entry.path);
                let place = (stem, path.clone());
                entries.at_home.entry(place).or_default().push(entry);
            }
        }
        entries
    }

    fn is_gone(&self, path: &RepoPath) -> bool {
        match &self.scanned {
            Some(scanned) => !scanned.contains(path),
            None => self.gone.contains(path),
        }
    }
}

#[derive(Default)]
struct Entries<'b> {
    at_home: BTreeMap<(String, RepoPath), Vec<&'b BaselineEntry>>,
    homeless: BTreeMap<String, Vec<&'b BaselineEntry>>,
}

impl<'b> Entries<'b> {
    fn use_up(&mut self, stem: &str, path: &RepoPath, count: usize) {
        if let Some(left) = self.at_home.get_mut(&(stem.to_owned(), path.clone())) {
            left.truncate(left.len().saturating_sub(count));
        }
    }

    fn take(&mut self, one: &Finding, is_exact: bool) -> Option<&'b str> {
        let stem = stem_of(&one.fingerprint).to_owned();
        let place = (stem.clone(), one.location.path.clone());
        let lists = [self.at_home.get_mut(&place), self.homeless.get_mut(&stem)];
        for left in lists.into_iter().flatten() {
            let wanted = left
                .iter()
                .position(|entry| !is_exact || entry.fingerprint == one.fingerprint);
            if let Some(index) = wanted {
                return Some(&left.remove(index).reason);
            }
        }
        None
    }
}

fn suppressed(one: &Finding, reason: &str) -> Suppressed {
    Suppressed {
        rule: one.rule.clone(),
        location: one.location.clone(),
        fingerprint: one.fingerprint.clone(),
        by: SuppressedBy::Baseline,
        reason: reason.to_owned(),
    }
}
