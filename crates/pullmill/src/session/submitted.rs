//! Reviews submitted code for the engine: in analysis children, a few reviews at a time, ended when nobody wants them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pullmill_adapters::analyzer::child::Limits;
use pullmill_adapters::git::hunks;
use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::ports::analyzer::{Analyzer, AnalyzerError, Submission, SubmittedFile};
use pullmill_core::review::Review;
use tokio::sync::Semaphore;

use super::Reviewer;
use super::settings::Settings;
use crate::progress::Progress;
use crate::session;

/// Reviews in analysis children. Idle children are kept for the next review.
pub struct ChildReviews {
    places: Semaphore,
    idle: Mutex<Vec<Arc<Reviewer>>>,
}

impl ChildReviews {
    /// So many reviews at a time, each with one child.
    #[must_use]
    pub fn new(at_a_time: usize) -> Self {
        Self {
            places: Semaphore::new(at_a_time.max(1)),
            idle: Mutex::default(),
        }
    }

    fn idle(&self) -> Option<Arc<Reviewer>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    fn give_back(&self, reviewer: Arc<Reviewer>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(reviewer);
    }
}

/// Ends the children's work if the review is no longer waited for.
struct StopOnDrop(Option<Arc<Reviewer>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(reviewer) = &self.0 {
            reviewer.stop();
        }
    }
}

#[async_trait]
impl Analyzer for ChildReviews {
    async fn review(&self, submission: Submission) -> Result<Review, AnalyzerError> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|error| AnalyzerError::Broken(error.to_string()))?;
        let reviewer = match self.idle() {
            Some(reviewer) => reviewer,
            None => Arc::new(new_reviewer()?),
        };
        let mut guard = StopOnDrop(Some(Arc::clone(&reviewer)));
        let working = Arc::clone(&reviewer);
        let review = tokio::task::spawn_blocking(move || {
            working.review(&change(&submission), &Progress::new(false))
        });
        let review = review.await;
        guard.0 = None;
        self.give_back(reviewer);
        match review {
            Ok(Ok(review)) => Ok(review),
            Ok(Err(failure)) => Err(AnalyzerError::Broken(failure.to_string())),
            Err(error) => Err(AnalyzerError::Unavailable(error.to_string())),
        }
    }
}

fn new_reviewer() -> Result<Reviewer, AnalyzerError> {
    let limits = Limits {
        children: 1,
        ..Limits::default()
    };
    let reviewer =
        session::start(limits).and_then(|analyzer| Reviewer::new(analyzer, Settings::default()));
    reviewer.map_err(|failure| AnalyzerError::Broken(failure.to_string()))
}

fn change(submission: &Submission) -> Change {
    let mut files: Vec<FileChange> = submission.files.iter().map(file).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Change {
        label: submission.label.clone(),
        files,
        ..Change::default()
    }
}

fn file(submitted: &SubmittedFile) -> FileChange {
    let side = |text: &str| Side::Text(Arc::from(text.as_bytes()));
    let before = submitted.base.as_deref().unwrap_or_default();
    FileChange {
        path: RepoPath::from(submitted.path.as_str()),
        old_path: None,
        status: if submitted.base.is_some() {
            Status::Modified
        } else {
            Status::Added
        },
        old_mode: None,
        new_mode: None,
        hunks: hunks(before.as_bytes(), submitted.content.as_bytes()),
        base: submitted.base.as_deref().map_or(Side::Absent, side),
        head: side(&submitted.content),
    }
}
