//! Decides on which line a finding is commented: one the change wrote, the nearest on its path (decision 22).

use std::collections::BTreeMap;

use crate::change::{FileChange, RepoPath};
use crate::finding::{Finding, Location};
use crate::hunk::CommentableLines;

/// The commentable lines of every changed file.
pub(super) struct Places<'a> {
    by_path: BTreeMap<&'a RepoPath, CommentableLines>,
}

impl<'a> Places<'a> {
    pub(super) fn of(files: &[&'a FileChange]) -> Self {
        let by_path = files
            .iter()
            .map(|file| (&file.path, CommentableLines::of(&file.hunks)))
            .collect();
        Self { by_path }
    }

    /// Whether the change wrote a line of the place.
    pub(super) fn touches(&self, location: &Location) -> bool {
        self.written(location).is_some()
    }

    /// Whether the change wrote a line of the finding or of its path.
    pub(super) fn touches_any(&self, finding: &Finding) -> bool {
        self.touches(&finding.location)
            || finding.path.iter().any(|step| self.touches(&step.location))
    }

    /// The line to comment on, in the finding's own file; its own line if the diff shows none of that file.
    pub(super) fn comment_line(&self, finding: &Finding) -> u32 {
        let own = &finding.location;
        let on_path = || {
            finding
                .path
                .iter()
                .rev()
                .filter(|step| step.location.path == own.path)
                .find_map(|step| self.written(&step.location))
        };
        // What a deletion causes is best said at the code itself, if the diff shows it.
        let shown = || {
            self.by_path
                .get(&own.path)?
                .is_shown(own.line)
                .then_some(own.line)
        };
        let nearest = || self.by_path.get(&own.path)?.nearest(own.line);
        self.written(own)
            .or_else(on_path)
            .or_else(shown)
            .or_else(nearest)
            .unwrap_or(own.line)
    }

    fn written(&self, location: &Location) -> Option<u32> {
        let last = location.end_line.max(location.line);
        self.by_path
            .get(&location.path)?
            .first_added(location.line..=last)
    }
}
