//! Turns what the analysis said of each file into a [`Review`]: pure, and the same whatever the order of the files.

mod across;
mod api;
mod baseline;
mod cause;
mod cover;
mod headline;
mod kind;
mod merge;
mod names;
mod place;
mod summary;
mod symbols;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::advice::is_from_model;
use crate::change::{Change, FileChange, RepoPath};
use crate::coverage::{FileCoverage, Outcome, SkipReason};
use crate::docs::Renamed;
use crate::finding::{Agent, Finding};
use crate::job::JobReport;
use crate::policy::Policy;
use crate::review::{
    AgentEvidence, Callers, Consulted, DependencyChange, Review, SCHEMA_VERSION, Subject,
    SubjectKind, Summary, Suppressed,
};
use crate::{risk, verdict};

pub use across::{DOWNGRADED, GONE_TESTS, HIDDEN, LAYERS, LOOK_ALIKE};
pub use merge::family;
pub use names::{Names, New, names};

/// What the configuration says about judging and showing; the default needs no configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What fails a change, what raises its risk and how many findings are shown.
    pub policy: Policy,
    /// How many leading folders of a path name its component.
    pub component_depth: usize,
    /// Findings that people have set aside.
    pub baseline: Vec<BaselineEntry>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            component_depth: 1,
            baseline: Vec::new(),
        }
    }
}

/// One line of the baseline file: a finding that was there and is set aside with a reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineEntry {
    /// The finding's fingerprint.
    pub fingerprint: String,
    /// The rule, for readers.
    pub rule: String,
    /// The file it was found in.
    pub path: RepoPath,
    /// Why it is set aside.
    pub reason: String,
}

/// What became of the files that were given to the analysis. Files that cannot be analysed (binary, too large, …) need no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analyses {
    /// By path at head, or at base for a deleted file.
    pub files: BTreeMap<RepoPath, Analysis>,
    /// What else was not done, in words for the verdict, e.g. a rule file that could not be read.
    pub incomplete: Vec<String>,
    /// What was found by looking at more than the change; the change caused all of it. With stems as fingerprints.
    pub found: Vec<Finding>,
    /// What else certainly has another name.
    pub renamed: Vec<Renamed>,
    /// Who uses what changed, as far as that was looked for.
    pub callers: Vec<Callers>,
    /// What the reader should know about that.
    pub notes: Vec<String>,
    /// What a model says, if one was asked; its findings are in `found`.
    pub model: Option<Consulted>,
}

/// A change with everything that is known of it: it can be judged, and judged again when more is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessed {
    /// The change, with its hunks.
    pub change: Change,
    /// What became of its files.
    pub analyses: Analyses,
    /// How it is judged.
    pub settings: Settings,
}

impl Assessed {
    /// The judgement.
    #[must_use]
    pub fn review(&self) -> Review {
        review(&self.change, &self.analyses, &self.settings)
    }

    /// The function or class that encloses a line at head.
    #[must_use]
    pub fn symbol_at(&self, path: &RepoPath, line: u32) -> Option<&str> {
        let Some(Analysis::Report(report)) = self.analyses.files.get(path) else {
            return None;
        };
        let symbols = report.head.as_ref()?.symbols.iter();
        let around = symbols.filter(|one| (one.line..=one.end_line).contains(&line));
        let nearest = around.min_by_key(|one| one.end_line.saturating_sub(one.line))?;
        Some(&nearest.name)
    }
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Analysis {
    /// The child answered.
    Report(Box<JobReport>),
    /// It was not asked or gave no answer: stopped, ignored by configuration, ….
    Skipped {
        /// Why.
        reason: SkipReason,
        /// Details for the reader; may be empty.
        detail: String,
    },
}

/// What is new, gone or of another version in the manifests that were read.
#[must_use]
pub fn dependencies(analyses: &Analyses) -> Vec<DependencyChange> {
    across::dependencies::changes(analyses)
}

/// The files that were analysed, with what was said of them.
pub fn reports(analyses: &Analyses) -> impl Iterator<Item = (&RepoPath, &JobReport)> + Clone {
    summary::reports(analyses)
}

/// Whether a file holds tests, by its path.
#[must_use]
pub fn is_test(path: &RepoPath) -> bool {
    kind::Kind::of(path) == kind::Kind::Test
}

/// Judges a change.
#[must_use]
pub fn review(change: &Change, analyses: &Analyses, settings: &Settings) -> Review {
    let files = sorted(change);
    let mut caused = cause::find(&files, analyses);
    let (found, set_aside) = across::found(&files, analyses, &settings.policy);
    caused.open.extend(found);
    caused.suppressed.extend(set_aside);
    let mut notes = change.notes.clone();
    notes.extend(analyses.notes.iter().cloned());
    notes.extend(cover::base_gaps(&files, analyses));
    let merged = merge::near_duplicates(&mut caused.open);
    let set_aside = baseline::Renames::of(&files).set_aside(&mut caused, &settings.baseline);
    caused.suppressed.extend(set_aside);
    let coverage = cover::of_change(&files, analyses);
    let renamed = summary::renamed(&files, analyses);
    let mut summary = summary::of_change(&files, analyses, settings.component_depth);
    summary.api = api::of_change(analyses, &renamed);
    summary.dependencies = dependencies(analyses);
    summary.callers.clone_from(&analyses.callers);
    summary.names = names(change, analyses).changes();
    let parts = Parts {
        subject: Subject {
            kind: SubjectKind::Change,
            label: change.label.clone(),
            base: change.base.clone(),
            head: change.head.clone(),
        },
        summary,
        renamed: [renamed, analyses.renamed.clone()].concat(),
        open: caused.open,
        suppressed: caused.suppressed,
        merged,
        coverage,
        floors: settings.policy.floors(&files),
        notes,
        model: analyses.model.clone(),
    };
    judge(parts, &analyses.incomplete, settings)
}

/// Judges a tree as it is: every finding of the head sides counts, and nothing has a comment line.
#[must_use]
pub fn scan(label: &str, analyses: &Analyses, settings: &Settings) -> Review {
    let mut caused = cause::standing(analyses);
    let merged = merge::near_duplicates(&mut caused.open);
    let scanned = baseline::Renames::scanned(analyses.files.keys());
    let set_aside = scanned.set_aside(&mut caused, &settings.baseline);
    caused.suppressed.extend(set_aside);
    let parts = Parts {
        subject: Subject {
            kind: SubjectKind::Scan,
            label: label.to_owned(),
            base: None,
            head: None,
        },
        summary: summary::of_scan(analyses, settings.component_depth),
        renamed: Vec::new(),
        open: caused.open,
        suppressed: caused.suppressed,
        merged,
        coverage: cover::of_scan(analyses),
        floors: Vec::new(),
        notes: Vec::new(),
        model: None,
    };
    judge(parts, &analyses.incomplete, settings)
}

struct Parts {
    subject: Subject,
    summary: Summary,
    renamed: Vec<Renamed>,
    open: Vec<Finding>,
    suppressed: Vec<Suppressed>,
    merged: usize,
    coverage: Vec<FileCoverage>,
    floors: Vec<risk::Floor>,
    notes: Vec<String>,
    model: Option<Consulted>,
}

fn judge(mut parts: Parts, incomplete: &[String], settings: &Settings) -> Review {
    let mut findings = parts.open;
    findings.sort_by(|a, b| a.rank().cmp(&b.rank()));
    parts.suppressed.sort_by(|a, b| {
        (&a.location, &a.rule, &a.fingerprint).cmp(&(&b.location, &b.rule, &b.fingerprint))
    });
    let risk = risk::assess(&findings, &parts.floors);
    let verdict = verdict::decide(&findings, &parts.coverage, incomplete, &settings.policy);
    let agents = evidence(&findings, &parts.coverage, incomplete);
    let is_complete = agents.iter().all(|agent| agent.is_complete);
    headline::add_findings(&mut parts.summary, &findings, is_complete);
    if parts.merged > 0 {
        let (noun, verb) = if parts.merged == 1 {
            ("finding says", "is")
        } else {
            ("findings say", "are")
        };
        parts.notes.push(format!(
            "{} {noun} the same as another on the same line and {verb} not shown",
            parts.merged
        ));
    }
    let most = usize::try_from(settings.policy.review.max_findings).unwrap_or(usize::MAX);
    if findings.len() > most {
        parts.notes.push(format!(
            "{most} of {} findings are shown, the worst first; all of them count for verdict and risk",
            findings.len()
        ));
        keep(&mut findings, most);
    }
    Review {
        schema_version: SCHEMA_VERSION,
        subject: parts.subject,
        summary: parts.summary,
        verdict,
        risk,
        findings,
        suppressed: parts.suppressed,
        renamed: parts.renamed,
        agents,
        coverage: parts.coverage,
        notes: parts.notes,
        model: parts.model,
    }
}

/// Leaves the worst. What a model says never takes the place of what a rule has found.
fn keep(findings: &mut Vec<Finding>, most: usize) {
    let ruled = findings
        .iter()
        .filter(|one| !is_from_model(&one.rule))
        .count();
    let mut room = most.saturating_sub(ruled);
    findings.retain(|one| {
        let is_kept = !is_from_model(&one.rule) || room > 0;
        room -= usize::from(is_kept && is_from_model(&one.rule));
        is_kept
    });
    findings.truncate(most);
}

fn evidence(
    findings: &[Finding],
    coverage: &[FileCoverage],
    incomplete: &[String],
) -> Vec<AgentEvidence> {
    let is_complete = incomplete.is_empty()
        && coverage.iter().all(|file| match &file.outcome {
            Outcome::Assessed { .. } => true,
            Outcome::Skipped { reason, .. } => reason.is_neutral(),
        });
    let files = coverage
        .iter()
        .filter(|file| matches!(file.outcome, Outcome::Assessed { .. }))
        .count();
    Agent::ALL
        .into_iter()
        .map(|agent| AgentEvidence {
            agent,
            is_complete,
            files: count(files),
            findings: count(
                findings
                    .iter()
                    .filter(|finding| finding.agent == agent)
                    .count(),
            ),
        })
        .collect()
}

fn sorted(change: &Change) -> Vec<&FileChange> {
    let mut files: Vec<&FileChange> = change.files.iter().collect();
    files.sort_by_key(|file| (&file.path, &file.old_path));
    files
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
