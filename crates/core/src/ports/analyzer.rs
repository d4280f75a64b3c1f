//! The analyzer: reviews submitted code where nothing of value can be hurt.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::assemble::{Assessed, BaselineEntry};
use crate::change::{Change, RepoPath};
use crate::job::{Job, JobReport};

/// Code that somebody submitted for a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// How it is called in the review.
    pub label: String,
    /// The files.
    pub files: Vec<SubmittedFile>,
}

/// One file, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmittedFile {
    /// Its path, `/`-separated and relative.
    pub path: String,
    /// What it held before, if it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What it holds now.
    pub content: String,
}

/// What a repository says about its reviews, as it stands at the base of a change (decision 21).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ground {
    /// The configuration file, if there is one.
    pub config: Option<Bytes>,
    /// The baseline file, if there is one.
    pub baseline: Option<Bytes>,
    /// Rule files.
    pub rules: Vec<(RepoPath, Bytes)>,
    /// Findings that were set aside on the pull request itself.
    pub declined: Vec<BaselineEntry>,
    /// What could not be read, in words for the verdict.
    pub missing: Vec<String>,
}

/// Why there is no review.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// The analysis cannot be started now.
    #[error("the analysis is not available: {0}")]
    Unavailable(String),
    /// The analysis is broken, whatever is submitted.
    #[error("the analysis does not work: {0}")]
    Broken(String),
}

/// Reviews submitted code with the built-in rules.
///
/// What could not be assessed is part of the review, never an error. A caller who drops the future ends the work.
#[async_trait]
pub trait Analyzer: Send + Sync {
    /// Reviews a submission.
    async fn review(&self, submission: Submission) -> Result<Assessed, AnalyzerError>;

    /// Reviews a change of a repository. Its files have their texts but no hunks yet, and text that is none is found to be so here.
    async fn review_change(
        &self,
        change: Change,
        ground: Ground,
    ) -> Result<Assessed, AnalyzerError>;

    /// Analyses files as they are given; `None` for one whose analysis was stopped.
    async fn analyse(
        &self,
        jobs: Vec<Job>,
        ground: Ground,
    ) -> Result<Vec<Option<JobReport>>, AnalyzerError>;

    /// The text with every secret in it masked; the number of its lines stays. It leaves for others only so (T24).
    fn redact(&self, path: &RepoPath, text: &str) -> String;
}
