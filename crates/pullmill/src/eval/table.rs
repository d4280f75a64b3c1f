//! Prints an evaluation, as tables for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use super::families::Row;
use super::score::{self, By, Judgement, Outcome, Tally};
use super::{Evaluation, Unassessed};

/// Which judgements are listed one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Show {
    /// What was missed.
    Misses,
    /// What was reported and must not be.
    False,
    /// Both, findings of which the corpus says nothing, and files that were not assessed.
    All,
}

/// Writes tables: by each of `by`, the suite's own categories if it has any, and the total.
///
/// # Errors
/// Never, unless `out` fails.
pub fn print(
    out: &mut impl Write,
    evaluation: &Evaluation,
    by: &[By],
    show: Option<Show>,
) -> fmt::Result {
    for judgement in &evaluation.judgements {
        if is_shown(judgement.outcome, show) {
            line(out, judgement)?;
        }
    }
    if show == Some(Show::All) {
        for Unassessed {
            source,
            path,
            reason,
        } in &evaluation.unassessed
        {
            writeln!(out, "unread  {path}: {reason} ({source})")?;
        }
    }
    if show.is_some() {
        writeln!(out)?;
    }
    for by in by {
        let rows = score::split(&evaluation.judgements, *by);
        if !rows.is_empty() {
            rates(out, heading(*by), &rows)?;
            writeln!(out)?;
        }
    }
    let categories = score::split(&evaluation.judgements, By::Category);
    if !categories.is_empty() {
        scores(out, &categories)?;
        writeln!(out)?;
    }
    let total = score::total(&evaluation.judgements);
    rates(out, "", &BTreeMap::from([(Row::named("total"), total)]))?;
    counts(out, evaluation)
}

fn is_shown(outcome: Outcome, show: Option<Show>) -> bool {
    let Some(show) = show else { return false };
    match outcome {
        Outcome::Missed => show != Show::False,
        Outcome::Alarm | Outcome::False => show != Show::Misses,
        Outcome::Unlabelled => show == Show::All,
        Outcome::Met | Outcome::Silent | Outcome::Disturbed => false,
    }
}

fn line(out: &mut impl Write, judgement: &Judgement) -> fmt::Result {
    let word = match judgement.outcome {
        Outcome::Missed => "missed",
        Outcome::Unlabelled => "apart ",
        _ => "false ",
    };
    let rules: Vec<&str> = judgement.rules.iter().map(String::as_str).collect();
    let weakness = judgement
        .weakness
        .as_ref()
        .map_or("any weakness", |row| &row.name);
    let what = if rules.is_empty() {
        weakness.to_owned()
    } else {
        rules.join(", ")
    };
    let (path, line) = (&judgement.path, judgement.line);
    write!(out, "{word}  {what}  {path}:{line}  {}", judgement.text)?;
    if judgement.title == path.as_str() {
        return writeln!(out);
    }
    writeln!(out, "\n        {} ({})", judgement.title, judgement.source)
}

fn heading(by: By) -> &'static str {
    match by {
        By::Language => "language",
        By::Cwe => "weakness",
        By::Rule => "rule",
        By::Corpus => "corpus",
        By::Category => "category",
    }
}

fn rates(out: &mut impl Write, heading: &str, rows: &BTreeMap<Row, Tally>) -> fmt::Result {
    let head = [
        "met",
        "missed",
        "false",
        "precision",
        "recall",
        "F1",
        "false-positive rate",
    ];
    let body = rows.iter().map(|(row, tally)| {
        let cells = vec![
            tally.met.to_string(),
            tally.missed.to_string(),
            tally.false_reports.to_string(),
            rate(tally.precision()),
            rate(tally.recall()),
            rate(tally.f1()),
            of_negatives(tally),
        ];
        (row.name.as_str(), cells)
    });
    grid(out, heading, &head, &body.collect::<Vec<_>>())
}

/// The usual score of suites with one test per file: true-positive rate minus false-positive rate.
fn scores(out: &mut impl Write, rows: &BTreeMap<Row, Tally>) -> fmt::Result {
    let head = [
        "tests",
        "true-positive rate",
        "false-positive rate",
        "score",
    ];
    let cells = |tests: u32, rates: [Option<f64>; 3]| {
        let mut cells = vec![tests.to_string()];
        cells.extend(rates.map(rate));
        cells
    };
    let of = |tally: &Tally| [tally.recall(), tally.false_positive_rate(), tally.score()];
    let tests = |tally: &Tally| tally.met + tally.missed + tally.negatives;
    let mut body: Vec<(&str, Vec<String>)> = rows
        .iter()
        .map(|(row, tally)| (row.name.as_str(), cells(tests(tally), of(tally))))
        .collect();
    let means = [0, 1, 2].map(|index| {
        let values: Vec<f64> = rows.values().filter_map(|tally| of(tally)[index]).collect();
        let count = u32::try_from(values.len())
            .ok()
            .filter(|count| *count > 0)?;
        Some(values.iter().sum::<f64>() / f64::from(count))
    });
    body.push((
        "mean of categories",
        cells(rows.values().map(tests).sum(), means),
    ));
    grid(out, "category", &head, &body)
}

fn grid(
    out: &mut impl Write,
    heading: &str,
    head: &[&str],
    body: &[(&str, Vec<String>)],
) -> fmt::Result {
    let names = body.iter().map(|(name, _)| name.chars().count());
    let first = names.chain([heading.len()]).max().unwrap_or(0);
    let widths: Vec<usize> = (head.iter().enumerate())
        .map(|(index, title)| {
            let cells = body.iter().filter_map(|(_, cells)| cells.get(index));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(title.len())
        })
        .collect();
    write!(out, "{heading:first$}")?;
    for (title, width) in head.iter().zip(&widths) {
        write!(out, "  {title:>width$}")?;
    }
    writeln!(out)?;
    for (name, cells) in body {
        write!(out, "{name:first$}")?;
        for (cell, width) in cells.iter().zip(&widths) {
            write!(out, "  {cell:>width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn rate(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn of_negatives(tally: &Tally) -> String {
    match tally.false_positive_rate() {
        Some(share) => format!(
            "{share:.3} ({} of {})",
            tally.negatives_reported, tally.negatives
        ),
        None => "–".to_owned(),
    }
}

fn counts(out: &mut impl Write, evaluation: &Evaluation) -> fmt::Result {
    let unlabelled = unlabelled(evaluation);
    if unlabelled > 0 {
        writeln!(
            out,
            "\n{unlabelled} findings of which the labels say nothing, not counted"
        )?;
    }
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    for file in &evaluation.unassessed {
        let words = file.reason.split(':').next().unwrap_or_default();
        *reasons.entry(words).or_default() += 1;
    }
    for (reason, count) in reasons {
        writeln!(out, "\n{count} files were not assessed: {reason}")?;
    }
    Ok(())
}

fn unlabelled(evaluation: &Evaluation) -> usize {
    let judgements = evaluation.judgements.iter();
    judgements
        .filter(|judgement| judgement.outcome == Outcome::Unlabelled)
        .count()
}

/// The JSON form.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// Version of this form.
    pub schema_version: u32,
    /// The counts of everything.
    pub total: Rates,
    /// By language.
    pub by_language: Vec<NamedRates>,
    /// By family of weaknesses.
    pub by_cwe: Vec<NamedRates>,
    /// By rule.
    pub by_rule: Vec<NamedRates>,
    /// By corpus.
    pub by_corpus: Vec<NamedRates>,
    /// By the suite's own categories.
    pub by_category: Vec<NamedRates>,
    /// Findings of which the labels say nothing.
    pub unlabelled: usize,
    /// What was missed, and what was reported and must not be.
    pub mistakes: Vec<&'a Judgement>,
    /// Files that were not assessed.
    pub unassessed: &'a [Unassessed],
    /// What could not be used.
    pub notes: &'a [String],
}

/// Counts and rates; a rate is `null` where it has no meaning.
#[derive(Debug, Serialize)]
pub struct Rates {
    /// What must be reported and was.
    pub met: u32,
    /// What must be reported and was not.
    pub missed: u32,
    /// What was reported and must not be.
    pub false_reports: u32,
    /// What must be left in silence.
    pub negatives: u32,
    /// What must be left in silence and was reported.
    pub negatives_reported: u32,
    /// Share of reports that are right.
    pub precision: Option<f64>,
    /// Share of what must be reported that was.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// Share of what must be left in silence that was reported.
    pub false_positive_rate: Option<f64>,
    /// Recall minus false-positive rate.
    pub score: Option<f64>,
}

/// A row.
#[derive(Debug, Serialize)]
pub struct NamedRates {
    /// Its name.
    pub name: String,
    /// Its counts.
    #[serde(flatten)]
    pub rates: Rates,
}

impl From<&Tally> for Rates {
    fn from(tally: &Tally) -> Self {
        Self {
            met: tally.met,
            missed: tally.missed,
            false_reports: tally.false_reports,
            negatives: tally.negatives,
            negatives_reported: tally.negatives_reported,
            precision: tally.precision(),
            recall: tally.recall(),
            f1: tally.f1(),
            false_positive_rate: tally.false_positive_rate(),
            score: tally.score(),
        }
    }
}

/// Everything that is known, for programs.
#[must_use]
pub fn report(evaluation: &Evaluation) -> Report<'_> {
    let by = |by| -> Vec<NamedRates> {
        let rows = score::split(&evaluation.judgements, by);
        rows.iter()
            .map(|(row, tally)| NamedRates {
                name: row.name.clone(),
                rates: Rates::from(tally),
            })
            .collect()
    };
    let mistakes = evaluation.judgements.iter().filter(|judgement| {
        matches!(
            judgement.outcome,
            Outcome::Missed | Outcome::Alarm | Outcome::False
        )
    });
    Report {
        schema_version: 1,
        total: Rates::from(&score::total(&evaluation.judgements)),
        by_language: by(By::Language),
        by_cwe: by(By::Cwe),
        by_rule: by(By::Rule),
        by_corpus: by(By::Corpus),
        by_category: by(By::Category),
        unlabelled: unlabelled(evaluation),
        mistakes: mistakes.collect(),
        unassessed: &evaluation.unassessed,
        notes: &evaluation.notes,
    }
}
