//! Compares findings with labels and adds up what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use pullmill_core::change::RepoPath;
use pullmill_core::finding::Finding;
use serde::Serialize;

use super::families::Row;
use super::{Item, Label, Place, Unlabelled};

/// What came of one label, finding or item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It must be reported and was.
    Met,
    /// It must be reported and was not.
    Missed,
    /// It must not be reported and was not.
    Silent,
    /// It must not be reported and was.
    Alarm,
    /// A finding where there is nothing to report.
    False,
    /// An item without labels that has false findings; those are counted on their own.
    Disturbed,
    /// A finding of which the corpus says nothing.
    Unlabelled,
}

/// One label, finding or item, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// What came of it.
    pub outcome: Outcome,
    /// The corpus it belongs to.
    pub corpus: String,
    /// The language it counts for.
    pub language: String,
    /// The item's title.
    pub title: String,
    /// The file that holds the label.
    pub source: String,
    /// The file it is about.
    pub path: RepoPath,
    /// The line it is about.
    pub line: u32,
    /// The weakness it counts for.
    #[serde(serialize_with = "name_of")]
    pub weakness: Option<Row>,
    /// The suite's own name for the kind of test.
    pub category: Option<String>,
    /// The rules that reported it.
    pub rules: BTreeSet<String>,
    /// The label's text or the finding's message.
    pub text: String,
}

fn name_of<S: serde::Serializer>(row: &Option<Row>, out: S) -> Result<S::Ok, S::Error> {
    row.as_ref().map(|row| &row.name).serialize(out)
}

/// Compares what was reported about an item with its labels.
#[must_use]
pub fn judge(corpus: &str, item: &Item, findings: &[Finding]) -> Vec<Judgement> {
    let mut reported: Vec<BTreeSet<String>> = vec![BTreeSet::new(); item.labels.len()];
    let mut judgements = Vec::new();
    for finding in findings {
        let answered = answered(&item.labels, finding);
        for index in &answered {
            reported[*index].insert(finding.rule.clone());
        }
        if answered.is_empty() {
            judgements.push(of_stray(corpus, item, finding));
        }
    }
    if item.labels.is_empty() && item.unlabelled == Unlabelled::False {
        judgements.push(of_clean(corpus, item, !judgements.is_empty()));
    }
    for (label, rules) in item.labels.iter().zip(reported) {
        judgements.push(of_label(corpus, item, label, rules));
    }
    judgements
}

/// The labels a finding touches: those it touches for certain, else those within reach.
fn answered(labels: &[Label], finding: &Finding) -> Vec<usize> {
    let touching = |lines: fn(&Place) -> &RangeInclusive<u32>| -> Vec<usize> {
        let touched = labels.iter().enumerate().filter(|(_, label)| {
            label.weakness.accepts(finding)
                && (label.places.iter())
                    .any(|place| touches(finding, &place.path, lines(place), label.is_wanted))
        });
        touched.map(|(index, _)| index).collect()
    };
    let certain = touching(|place| &place.lines);
    if certain.is_empty() {
        touching(|place| &place.reach)
    } else {
        certain
    }
}

/// Whether the finding is about these lines. What only lies on its way counts for what is wanted,
/// but is no alarm where it must be silent.
fn touches(
    finding: &Finding,
    path: &RepoPath,
    lines: &RangeInclusive<u32>,
    with_way: bool,
) -> bool {
    let meets =
        |first: u32, last: u32| first.max(*lines.start()) <= last.max(first).min(*lines.end());
    let location = &finding.location;
    if location.path == *path && meets(location.line, location.end_line) {
        return true;
    }
    if !with_way {
        return false;
    }
    let is_commented =
        location.path == *path && (finding.comment_line).is_some_and(|line| meets(line, line));
    is_commented
        || finding.path.iter().any(|step| {
            step.location.path == *path && meets(step.location.line, step.location.end_line)
        })
}

fn of_label(corpus: &str, item: &Item, label: &Label, rules: BTreeSet<String>) -> Judgement {
    let outcome = match (label.is_wanted, rules.is_empty()) {
        (true, false) => Outcome::Met,
        (true, true) => Outcome::Missed,
        (false, true) => Outcome::Silent,
        (false, false) => Outcome::Alarm,
    };
    let mut judgement = of_item(corpus, item, outcome);
    if let Some(place) = label.places.first() {
        judgement.path = place.path.clone();
        judgement.line = place.first_line();
    }
    judgement.weakness = label.weakness.row();
    judgement.category.clone_from(&label.category);
    judgement.rules = rules;
    judgement.text.clone_from(&label.text);
    judgement
}

fn of_stray(corpus: &str, item: &Item, finding: &Finding) -> Judgement {
    let outcome = match item.unlabelled {
        Unlabelled::False => Outcome::False,
        Unlabelled::Apart => Outcome::Unlabelled,
    };
    Judgement {
        path: finding.location.path.clone(),
        line: finding.location.line,
        weakness: Some(Row::of_finding(finding)),
        rules: BTreeSet::from([finding.rule.clone()]),
        text: finding.message.clone(),
        ..of_item(corpus, item, outcome)
    }
}

fn of_clean(corpus: &str, item: &Item, is_disturbed: bool) -> Judgement {
    let outcome = if is_disturbed {
        Outcome::Disturbed
    } else {
        Outcome::Silent
    };
    of_item(corpus, item, outcome)
}

fn of_item(corpus: &str, item: &Item, outcome: Outcome) -> Judgement {
    Judgement {
        outcome,
        corpus: corpus.to_owned(),
        language: item.language.clone(),
        title: item.title.clone(),
        source: item.source.clone(),
        path: RepoPath::from(item.source.as_str()),
        line: 1,
        weakness: None,
        category: None,
        rules: BTreeSet::new(),
        text: String::new(),
    }
}

/// Counts, and the rates that follow from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
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
}

impl Tally {
    /// Counts one outcome.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Met => self.met += 1,
            Outcome::Missed => self.missed += 1,
            Outcome::Silent => self.negatives += 1,
            Outcome::False => self.false_reports += 1,
            Outcome::Alarm => {
                self.negatives += 1;
                self.negatives_reported += 1;
                self.false_reports += 1;
            }
            Outcome::Disturbed => {
                self.negatives += 1;
                self.negatives_reported += 1;
            }
            Outcome::Unlabelled => {}
        }
    }

    /// Share of reports that are right; `None` without reports.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.met, self.met + self.false_reports)
    }

    /// Share of what must be reported that was; `None` if there is nothing to report.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.met, self.met + self.missed)
    }

    /// Harmonic mean of precision and recall; `None` if nothing was reported and nothing had to be.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        share(
            2 * self.met,
            2 * self.met + self.missed + self.false_reports,
        )
    }

    /// Share of what must be left in silence that was reported; `None` if there is nothing of the kind.
    #[must_use]
    pub fn false_positive_rate(&self) -> Option<f64> {
        share(self.negatives_reported, self.negatives)
    }

    /// Recall minus false-positive rate: 1 is perfect, 0 is no better than guessing.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        Some(self.recall()? - self.false_positive_rate()?)
    }
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

/// What the counts are split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// The language of the code.
    Language,
    /// The family of the weakness.
    Cwe,
    /// The rule that reported; what no rule reported stands under its weakness.
    Rule,
    /// The corpus.
    Corpus,
    /// The suite's own kinds of tests.
    #[value(skip)]
    Category,
}

/// The counts of everything.
#[must_use]
pub fn total(judgements: &[Judgement]) -> Tally {
    let mut tally = Tally::default();
    for judgement in judgements {
        tally.add(judgement.outcome);
    }
    tally
}

/// The counts, split.
#[must_use]
pub fn split(judgements: &[Judgement], by: By) -> BTreeMap<Row, Tally> {
    let mut rows: BTreeMap<Row, Tally> = BTreeMap::new();
    for judgement in judgements {
        for row in rows_of(judgement, by) {
            rows.entry(row).or_default().add(judgement.outcome);
        }
    }
    if by == By::Rule {
        rows.retain(|_, tally| tally.met + tally.missed + tally.false_reports > 0);
    }
    rows
}

fn rows_of(judgement: &Judgement, by: By) -> Vec<Row> {
    if judgement.outcome == Outcome::Unlabelled {
        return Vec::new();
    }
    match by {
        By::Language => vec![Row::named(&judgement.language)],
        By::Corpus => vec![Row::named(&judgement.corpus)],
        By::Cwe => judgement.weakness.iter().cloned().collect(),
        By::Category => judgement
            .category
            .iter()
            .map(|name| Row::named(name))
            .collect(),
        By::Rule if judgement.outcome == Outcome::Missed => {
            let weakness = judgement.weakness.as_ref();
            let name = weakness.map_or("any weakness", |row| &row.name);
            vec![Row::named(&format!("(no rule) {name}"))]
        }
        By::Rule => judgement
            .rules
            .iter()
            .map(|rule| Row::named(rule))
            .collect(),
    }
}
