//! Reviews submitted code and changes of a forge for the engine: in analysis children, a few reviews at a time, ended when nobody wants them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pullmill_adapters::analyzer::child::Limits;
use pullmill_adapters::git::{self, hunks};
use pullmill_core::assemble::Assessed;
use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::job::{Job, JobReport};
use pullmill_core::ports::analyzer::{Analyzer, AnalyzerError, Ground, Submission, SubmittedFile};
use tokio::sync::Semaphore;

use super::redact;
use super::settings::{self, Overrides, Settings};
use super::{Reviewer, read_limits};
use crate::cli::Failure;
use crate::progress::Progress;
use crate::session;

/// Reviews in analysis children. Idle children are kept for the next review under the same settings.
pub struct ChildReviews {
    places: Semaphore,
    at_a_time: usize,
    idle: Mutex<Vec<Idle>>,
}

/// A reviewer that waits for its next review, and what it was prepared for.
struct Idle {
    ground: Ground,
    reviewer: Arc<Reviewer>,
}

impl ChildReviews {
    /// So many reviews at a time, each with one child.
    #[must_use]
    pub fn new(at_a_time: usize) -> Self {
        let at_a_time = at_a_time.max(1);
        Self {
            places: Semaphore::new(at_a_time),
            at_a_time,
            idle: Mutex::default(),
        }
    }

    fn idle(&self, ground: &Ground) -> Option<Arc<Reviewer>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.iter().position(|one| one.ground == *ground)?;
        Some(idle.remove(place).reviewer)
    }

    fn give_back(&self, ground: Ground, reviewer: Arc<Reviewer>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() == self.at_a_time {
            // The one that has waited longest.
            idle.remove(0);
        }
        idle.push(Idle { ground, reviewer });
    }

    /// Has a reviewer that is set up for a ground do something.
    async fn run<T: Send + 'static>(
        &self,
        ground: Ground,
        work: impl FnOnce(&Reviewer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, AnalyzerError> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|error| AnalyzerError::Broken(error.to_string()))?;
        let reviewer = match self.idle(&ground) {
            Some(reviewer) => reviewer,
            None => Arc::new(new_reviewer(&ground).map_err(broken)?),
        };
        let mut guard = StopOnDrop(Some(Arc::clone(&reviewer)));
        let working = Arc::clone(&reviewer);
        let done = tokio::task::spawn_blocking(move || work(&working)).await;
        guard.0 = None;
        self.give_back(ground, reviewer);
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(failure)) => Err(broken(failure)),
            Err(error) => Err(AnalyzerError::Unavailable(error.to_string())),
        }
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
    async fn review(&self, submission: Submission) -> Result<Assessed, AnalyzerError> {
        self.run(Ground::default(), move |reviewer| {
            let change = as_change(&submission);
            assess(reviewer, change)
        })
        .await
    }

    async fn review_change(
        &self,
        mut change: Change,
        ground: Ground,
    ) -> Result<Assessed, AnalyzerError> {
        self.run(ground, move |reviewer| {
            git::complete(&mut change, &read_limits(&reviewer.settings.policy.limits));
            assess(reviewer, change)
        })
        .await
    }

    async fn analyse(
        &self,
        jobs: Vec<Job>,
        ground: Ground,
    ) -> Result<Vec<Option<JobReport>>, AnalyzerError> {
        let reports = self.run(ground, move |reviewer| {
            reviewer.analyse(jobs, &Progress::new(false))
        });
        Ok(reports.await?.into_iter().map(Result::ok).collect())
    }

    fn redact(&self, path: &RepoPath, text: &str) -> String {
        redact::text(path, text)
    }
}

fn assess(reviewer: &Reviewer, change: Change) -> Result<Assessed, Failure> {
    let analyses = reviewer.look(&change, None, &[], &Progress::new(false))?;
    Ok(reviewer.assessed(change, analyses))
}

fn broken(failure: Failure) -> AnalyzerError {
    AnalyzerError::Broken(failure.to_string())
}

/// Prepares a reviewer. What the repository says and cannot be used makes its reviews incomplete, so that they cannot pass.
fn new_reviewer(ground: &Ground) -> Result<Reviewer, Failure> {
    let mut missing = ground.missing.clone();
    let read = settings::Ground::Read(ground);
    let settings = Settings::read(read, &Overrides::default());
    let mut settings = settings.unwrap_or_else(|failure| {
        missing.push(failure.to_string());
        Settings::default()
    });
    settings.declined.clone_from(&ground.declined);
    let limits = || Limits {
        children: 1,
        ..Limits::default()
    };
    let has_rules = !settings.user_rules.is_empty();
    let mut reviewer = Reviewer::new(session::start(limits())?, settings)?;
    if has_rules && let Err(failure) = reviewer.prepare() {
        missing.push(failure.to_string());
        reviewer = Reviewer::new(session::start(limits())?, Settings::default())?;
    }
    Ok(reviewer.lacking(missing))
}

fn as_change(submission: &Submission) -> Change {
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
