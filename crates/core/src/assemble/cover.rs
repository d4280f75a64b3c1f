//! Says of every file whether it was assessed, and of what was not, why.

use super::{Analyses, Analysis};
use crate::change::{FileChange, Side};
use crate::commit;
use crate::coverage::{FileCoverage, Outcome, SkipReason};

/// How each file of a change fared.
///
/// The head side decides; a deleted file leaves nothing to assess. A submodule is somebody else's code kept by
/// reference: neutral as vendored code is, while its pointer raises the risk as a dependency does. A symbolic link is
/// its target's text and was read as that.
pub(super) fn of_change(files: &[&FileChange], analyses: &Analyses) -> Vec<FileCoverage> {
    let mut coverage: Vec<FileCoverage> = files
        .iter()
        .map(|file| FileCoverage {
            path: file.path.clone(),
            blob: file.head.text().and_then(|bytes| commit::blob(bytes)),
            outcome: outcome(file, analyses.files.get(&file.path)),
        })
        .collect();
    coverage.dedup_by(|a, b| a == b);
    coverage
}

/// How each file of a scan fared.
pub(super) fn of_scan(analyses: &Analyses) -> Vec<FileCoverage> {
    analyses
        .files
        .iter()
        .map(|(path, analysis)| FileCoverage {
            path: path.clone(),
            blob: None,
            outcome: match analysis {
                Analysis::Report(report) => match &report.head {
                    Some(side) => side.outcome.clone(),
                    None => unanswered(),
                },
                Analysis::Skipped { reason, detail } => skipped(*reason, detail.clone()),
            },
        })
        .collect()
}

/// Files whose base side could not be read, so that what is reported there may be older than the change.
pub(super) fn base_gaps(files: &[&FileChange], analyses: &Analyses) -> Vec<String> {
    let unread = files
        .iter()
        .filter(|file| is_base_unread(file, analyses.files.get(&file.path)))
        .filter(|file| matches!(&file.head, Side::Text(_)))
        .map(|file| {
            format!(
                "the base of {} was not read: what is reported there may be older than the change",
                file.path
            )
        });
    unread.collect()
}

fn is_base_unread(file: &FileChange, analysis: Option<&Analysis>) -> bool {
    match &file.base {
        Side::TooLarge { .. } | Side::Unavailable(_) => true,
        Side::Text(_) => matches!(
            analysis,
            Some(Analysis::Report(report)) if report.base.as_ref().is_some_and(|side| matches!(
                &side.outcome,
                Outcome::Skipped { reason: SkipReason::ParseError | SkipReason::Stopped, .. }
            ))
        ),
        _ => false,
    }
}

fn outcome(file: &FileChange, analysis: Option<&Analysis>) -> Outcome {
    if let Some(Analysis::Skipped { reason, detail }) = analysis {
        return match &file.head {
            Side::Absent => assessed("text"),
            Side::Binary { .. } | Side::Submodule(_) => of_side(&file.head),
            _ => skipped(*reason, detail.clone()),
        };
    }
    match (&file.head, analysis) {
        (Side::Absent, Some(Analysis::Report(report))) => {
            match report.base.as_ref().map(|side| &side.outcome) {
                Some(Outcome::Assessed { language }) => assessed(language),
                _ => assessed("text"),
            }
        }
        (Side::Text(_), Some(Analysis::Report(report))) => match &report.head {
            Some(side) => side.outcome.clone(),
            None => unanswered(),
        },
        (Side::Text(head), None) if file.base.text() == Some(head) && file.old_path.is_none() => {
            assessed("text")
        }
        (Side::Text(_), _) => unanswered(),
        (other, _) => of_side(other),
    }
}

fn of_side(side: &Side) -> Outcome {
    match side {
        Side::Absent | Side::Text(_) => assessed("text"),
        Side::Binary { size } => skipped(SkipReason::Binary, bytes(*size)),
        Side::TooLarge { size } => skipped(SkipReason::TooLarge, bytes(*size)),
        Side::Submodule(commit) => skipped(
            SkipReason::Vendored,
            format!("submodule at {}", short(commit)),
        ),
        Side::Symlink(_) => assessed("symlink"),
        Side::Unavailable(why) => skipped(SkipReason::Unavailable, why.clone()),
    }
}

fn unanswered() -> Outcome {
    skipped(
        SkipReason::Stopped,
        "the analysis gave no answer".to_owned(),
    )
}

fn assessed(language: &str) -> Outcome {
    Outcome::Assessed {
        language: language.to_owned(),
    }
}

fn skipped(reason: SkipReason, detail: String) -> Outcome {
    Outcome::Skipped { reason, detail }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// A size for people, in powers of 1,000.
fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", to_tenths(size, 100)),
        _ => format!("{:.1} MB", to_tenths(size, 100_000)),
    }
}

fn to_tenths(size: u64, tenth: u64) -> f64 {
    let tenths = u32::try_from(size / tenth).unwrap_or(u32::MAX);
    f64::from(tenths) / 10.0
}
