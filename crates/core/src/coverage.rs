//! What was looked at and what was not, file by file: nothing is left unsaid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::RepoPath;
use crate::id::Sha;

/// How the review of one file ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCoverage {
    /// The file.
    pub path: RepoPath,
    /// Git's name for the content that was read at head.
    #[serde(default)]
    pub blob: Option<Sha>,
    /// Assessed, or skipped and why.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Assessed, or skipped and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every agent looked at the whole file.
    Assessed {
        /// The language it was read as, e.g. `python`, or `text` if only text rules apply.
        language: String,
    },
    /// At least one agent could not look at it.
    Skipped {
        /// Why.
        reason: SkipReason,
        /// Details for the reader; may be empty.
        detail: String,
    },
}

/// Why a file was not assessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Made by a tool; the source it is made from is what counts.
    Generated,
    /// Somebody else's code kept in the repository.
    Vendored,
    /// No text.
    Binary,
    /// The configuration leaves it out.
    Ignored,
    /// Larger than the limits.
    TooLarge,
    /// Code in a language no agent reads.
    Unsupported,
    /// The parser could not make sense of it.
    ParseError,
    /// The analysis was stopped: it crashed, ran too long or wanted too much memory.
    Stopped,
    /// The content could not be had.
    Unavailable,
}

impl SkipReason {
    /// Whether the verdict may still be `pass` with this file left out (decision 1).
    #[must_use]
    pub fn is_neutral(self) -> bool {
        matches!(
            self,
            Self::Generated | Self::Vendored | Self::Binary | Self::Ignored
        )
    }

    /// The words shown to people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Vendored => "vendored",
            Self::Binary => "binary",
            Self::Ignored => "ignored by configuration",
            Self::TooLarge => "too large",
            Self::Unsupported => "unsupported language",
            Self::ParseError => "parse errors",
            Self::Stopped => "analysis stopped",
            Self::Unavailable => "content unavailable",
        }
    }
}

/// E.g. "3 of 5 files assessed; not: 1 binary, 1 too large".
#[must_use]
pub fn words(coverage: &[FileCoverage]) -> String {
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
