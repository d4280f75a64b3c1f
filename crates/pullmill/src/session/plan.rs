//! Decides which files of a change are analysed, and what of their reports counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_core::assemble::Analysis;
use pullmill_core::change::{Change, FileChange, RepoPath, Side};
use pullmill_core::coverage::{Outcome, SkipReason};
use pullmill_core::job::{Job, JobReport, SideReport};
use pullmill_core::policy::Policy;

/// What to ask of the children, and what not.
#[derive(Debug, Default)]
pub struct Plan {
    /// By the path that the report is filed under.
    pub jobs: Vec<(RepoPath, Job)>,
    /// What the configuration leaves out.
    pub skipped: BTreeMap<RepoPath, Analysis>,
}

impl Plan {
    /// Looks at every file of a change.
    pub fn of(change: &Change, policy: &Policy) -> Self {
        let mut plan = Self::default();
        for file in &change.files {
            if let Some(reason) = left_out(&file.path, policy) {
                plan.skipped.insert(file.path.clone(), skipped(reason, ""));
            } else if let Some(job) = job(file) {
                plan.jobs.push((file.path.clone(), job));
            }
        }
        plan
    }
}

/// Why the configuration leaves a file out, if it does.
pub fn left_out(path: &RepoPath, policy: &Policy) -> Option<SkipReason> {
    if policy.ignore.matches(path) {
        Some(SkipReason::Ignored)
    } else if policy.review.vendored.matches(path) {
        Some(SkipReason::Vendored)
    } else if policy.review.generated.matches(path) {
        Some(SkipReason::Generated)
    } else {
        None
    }
}

/// A file with its reason.
pub fn skipped(reason: SkipReason, detail: impl Into<String>) -> Analysis {
    Analysis::Skipped {
        reason,
        detail: detail.into(),
    }
}

/// A link is its target's text, a submodule is no text at all: neither is a job.
fn job(file: &FileChange) -> Option<Job> {
    let base = file.base.text().map(Arc::clone);
    let head = file.head.text().map(Arc::clone);
    let is_readable = head.is_some() || (base.is_some() && file.head == Side::Absent);
    is_readable.then(|| Job {
        path: file.path.clone(),
        old_path: file.old_path.clone(),
        base,
        head,
        search_base: false,
    })
}

/// Applies what the configuration says about languages, and about rules under certain paths.
pub fn settle(path: &RepoPath, mut report: JobReport, policy: &Policy) -> Analysis {
    let deciding = report.head.as_ref().or(report.base.as_ref());
    if let Some(language) = deciding.and_then(language)
        && !policy.reads(language)
    {
        let detail = format!("{language} is not among the languages that are read");
        return skipped(SkipReason::Ignored, detail);
    }
    for side in [&mut report.base, &mut report.head].into_iter().flatten() {
        side.findings
            .retain(|finding| policy.is_rule_on(&finding.rule, path));
        side.suppressed
            .retain(|finding| policy.is_rule_on(&finding.rule, path));
    }
    Analysis::Report(Box::new(report))
}

fn language(side: &SideReport) -> Option<&str> {
    match &side.outcome {
        Outcome::Assessed { language } => Some(language),
        Outcome::Skipped { .. } => None,
    }
}
