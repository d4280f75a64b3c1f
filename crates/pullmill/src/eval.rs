//! Measures the reviewer against labelled corpora. Reads no files and reviews nothing itself: both are handed in.

pub mod annotated;
pub mod case;
pub mod csv;
pub mod families;
pub mod memory;
pub mod sarif;
pub mod score;
pub mod table;
pub mod tree;

use std::fmt;
use std::ops::RangeInclusive;

use pullmill_core::change::{Change, RepoPath};
use pullmill_core::coverage::Outcome as Coverage;
use pullmill_core::review::Review;
use serde::Serialize;

use families::Weakness;
use score::Judgement;

/// Reviews changes: one review per change, in their order.
pub type ReviewChanges<'a> = dyn FnMut(&[Change]) -> anyhow::Result<Vec<Review>> + 'a;

/// How many changes are handed to the reviewer at once.
const BATCH: usize = 200;

/// Labelled changes from one place.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// How the user named it.
    pub name: String,
    /// What is reviewed, and what a good reviewer would say of it.
    pub items: Vec<Item>,
    /// What could not be used, e.g. rows whose file is missing.
    pub notes: Vec<String>,
}

/// One labelled change.
#[derive(Clone, Debug)]
pub struct Item {
    /// One line for the reader.
    pub title: String,
    /// The file that holds the label.
    pub source: String,
    /// The language it counts for.
    pub language: String,
    /// What is reviewed.
    pub change: Change,
    /// What must and must not be reported.
    pub labels: Vec<Label>,
    /// What a finding that touches no label is.
    pub unlabelled: Unlabelled,
}

/// What a finding that touches no label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Unlabelled {
    /// A false positive: the labels are complete.
    False,
    /// Unknown: counted, but apart from the score.
    Apart,
}

/// Something that must, or must not, be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Whether silence is a miss (`true`) or a report is a false positive (`false`).
    pub is_wanted: bool,
    /// Which findings count.
    pub weakness: Weakness,
    /// Where; a finding that touches any of these places counts.
    pub places: Vec<Place>,
    /// The suite's own name for the kind of test, if it has one.
    pub category: Option<String>,
    /// For the reader: the name or the text of the place.
    pub text: String,
}

/// Lines of a file that a finding must touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: RepoPath,
    /// A finding on these lines belongs to the label for certain.
    pub lines: RangeInclusive<u32>,
    /// A finding on these lines belongs to the label if it belongs to no other for certain.
    pub reach: RangeInclusive<u32>,
}

impl Place {
    /// Anywhere in the file.
    #[must_use]
    pub fn anywhere(path: RepoPath) -> Self {
        let lines = 0..=u32::MAX;
        Self {
            path,
            reach: lines.clone(),
            lines,
        }
    }

    /// On the line itself and nowhere else.
    #[must_use]
    pub fn line(path: RepoPath, line: u32) -> Self {
        Self {
            path,
            lines: line..=line,
            reach: line..=line,
        }
    }

    /// The line shown to the reader; 1 if the whole file is meant.
    #[must_use]
    pub fn first_line(&self) -> u32 {
        let start = *self.lines.start();
        let first = if self.lines.is_empty() {
            *self.reach.start()
        } else {
            start
        };
        first.max(1)
    }
}

/// What a corpus file says that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The corpus file.
    pub file: String,
    /// Its line, 1-based.
    pub line: usize,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Why a corpus cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Its files cannot be understood.
    #[error("the corpus has mistakes:\n{}", list(.0))]
    Malformed(Vec<Problem>),
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to measure.
    #[error("{0}")]
    Empty(String),
}

/// The first different names of a list, and how many more there are.
fn named_at_most(most: usize, names: &[&str]) -> String {
    let mut different: Vec<&str> = Vec::new();
    for name in names {
        if !different.contains(name) {
            different.push(name);
        }
    }
    let shown = different.get(..most).unwrap_or(&different).join(", ");
    match different.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|each| format!("  {each}")).collect();
    lines.join("\n")
}

/// Everything that was learnt from reviewing corpora.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// One entry per label, false finding and clean item.
    pub judgements: Vec<Judgement>,
    /// Files that no agent read to the end.
    pub unassessed: Vec<Unassessed>,
    /// What could not be used.
    pub notes: Vec<String>,
}

/// A file that no agent read to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unassessed {
    /// The file that holds the label.
    pub source: String,
    /// The file.
    pub path: RepoPath,
    /// Why, in words.
    pub reason: String,
}

/// Reviews every item and compares what is reported with what is labelled.
///
/// # Errors
/// Fails if the reviewer does, or if it does not return one review per change.
pub fn evaluate(
    corpora: Vec<Corpus>,
    review: &mut ReviewChanges<'_>,
) -> anyhow::Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    for mut corpus in corpora {
        evaluation.notes.append(&mut corpus.notes);
        for items in corpus.items.chunks_mut(BATCH) {
            let changes: Vec<Change> = items
                .iter_mut()
                .map(|item| std::mem::take(&mut item.change))
                .collect();
            let reviews = review(&changes)?;
            anyhow::ensure!(
                reviews.len() == changes.len(),
                "{} changes were reviewed, but {} reviews came back",
                changes.len(),
                reviews.len()
            );
            for (item, review) in items.iter().zip(&reviews) {
                evaluation.add(&corpus.name, item, review);
            }
        }
    }
    Ok(evaluation)
}

impl Evaluation {
    fn add(&mut self, corpus: &str, item: &Item, review: &Review) {
        self.judgements
            .extend(score::judge(corpus, item, &review.findings));
        for file in &review.coverage {
            if let Coverage::Skipped { reason, detail } = &file.outcome {
                let reason = match detail.as_str() {
                    "" => reason.words().to_owned(),
                    detail => format!("{}: {detail}", reason.words()),
                };
                self.unassessed.push(Unassessed {
                    source: item.source.clone(),
                    path: file.path.clone(),
                    reason,
                });
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
