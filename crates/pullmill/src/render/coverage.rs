//! Counts in words what was assessed and what was not.

use std::collections::BTreeMap;

use pullmill_core::coverage::{FileCoverage, Outcome, SkipReason};

/// E.g. "3 of 5 files assessed; not: 1 binary, 1 too large".
pub(super) fn words(coverage: &[FileCoverage]) -> String {
    let mut skipped: BTreeMap<SkipReason, usize> = BTreeMap::new();
    for file in coverage {
        if let Outcome::Skipped { reason, .. } = &file.outcome {
            *skipped.entry(*reason).or_insert(0) += 1;
        }
    }
    let total = coverage.len();
    let assessed = total - skipped.values().sum::<usize>();
    let noun = if total == 1 { "file" } else { "files" };
    if skipped.is_empty() {
        return match total {
            0 => "There was no file to assess".to_owned(),
            1 => "The only file was assessed".to_owned(),
            _ => format!("All {total} files were assessed"),
        };
    }
    let parts: Vec<String> = skipped
        .iter()
        .map(|(reason, count)| format!("{count} {}", reason.words()))
        .collect();
    format!(
        "{assessed} of {total} {noun} assessed; not: {}",
        parts.join(", ")
    )
}
