//! Findings, reviews and folders for the tests of the evaluation.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_core::change::{Change, RepoPath};
use pullmill_core::finding::{Agent, Confidence, Finding, Location, Severity, Step};
use pullmill_core::review::{Review, SCHEMA_VERSION, Subject, SubjectKind, Summary};
use pullmill_core::risk::{Level, Risk};
use pullmill_core::verdict::{Outlook, Verdict};

use super::families::Weakness;
use super::tree::Tree;
use super::{Corpus, EvalError, Item, Label};

pub fn location(path: &str, line: u32, end_line: u32) -> Location {
    Location {
        path: RepoPath::from(path),
        line,
        column: 1,
        end_line,
        end_column: 2,
    }
}

pub fn finding(rule: &str, cwe: &[u32], path: &str, line: u32) -> Finding {
    Finding {
        rule: rule.to_owned(),
        agent: Agent::Security,
        severity: Severity::High,
        confidence: Confidence::High,
        category: "injection".to_owned(),
        cwe: cwe.to_vec(),
        message: format!("{rule} says no"),
        why: String::new(),
        fix: String::new(),
        location: location(path, line, line),
        comment_line: Some(line),
        suggestion: None,
        path: Vec::new(),
        symbol: None,
        snippet: String::new(),
        fingerprint: String::new(),
    }
}

pub fn through(mut finding: Finding, line: u32) -> Finding {
    finding.path.push(Step {
        location: location(finding.location.path.as_str(), line, line),
        message: String::new(),
    });
    finding
}

pub fn bug(category: &str, path: &str, line: u32) -> Finding {
    Finding {
        agent: Agent::Bugs,
        category: category.to_owned(),
        ..finding("bugs.rule", &[], path, line)
    }
}

pub fn review(findings: Vec<Finding>) -> Review {
    Review {
        schema_version: SCHEMA_VERSION,
        subject: Subject {
            kind: SubjectKind::Change,
            label: String::new(),
            base: None,
            head: None,
        },
        summary: Summary::default(),
        verdict: Verdict {
            outlook: Outlook::Pass,
            reasons: Vec::new(),
        },
        risk: Risk {
            score: 0,
            level: Level::Low,
            reasons: Vec::new(),
        },
        findings,
        suppressed: Vec::new(),
        renamed: Vec::new(),
        agents: Vec::new(),
        model: None,
        coverage: Vec::new(),
        notes: Vec::new(),
    }
}

/// What a reviewer who knows all labels would say of an item.
pub fn perfect(item: &Item) -> Vec<Finding> {
    let wanted = item.labels.iter().filter(|label| label.is_wanted);
    wanted.filter_map(answer).collect()
}

fn answer(label: &Label) -> Option<Finding> {
    let place = label.places.first()?;
    let (path, line) = (place.path.as_str(), place.first_line());
    Some(match &label.weakness {
        Weakness::Any => finding("perfect.any", &[1], path, line),
        Weakness::Cwe { id, .. } => finding("perfect.cwe", &[*id], path, line),
        Weakness::Bug(category) => bug(category, path, line),
    })
}

/// Reviews by asking `say` about every change, by its label.
pub fn reviewer(
    say: impl Fn(&Change) -> Vec<Finding>,
) -> impl FnMut(&[Change]) -> anyhow::Result<Vec<Review>> {
    move |changes| Ok(changes.iter().map(|change| review(say(change))).collect())
}

pub fn corpus(items: Vec<Item>) -> Corpus {
    Corpus {
        name: "corpus".to_owned(),
        items,
        notes: Vec::new(),
    }
}

/// A folder in memory.
pub struct Memory {
    paths: Vec<RepoPath>,
    files: BTreeMap<RepoPath, Arc<[u8]>>,
}

impl Memory {
    pub fn with(files: &[(&str, &str)]) -> Self {
        let files: BTreeMap<RepoPath, Arc<[u8]>> = files
            .iter()
            .map(|(path, text)| (RepoPath::from(*path), text.as_bytes().into()))
            .collect();
        Self {
            paths: files.keys().cloned().collect(),
            files,
        }
    }
}

impl Tree for Memory {
    fn paths(&self) -> &[RepoPath] {
        &self.paths
    }

    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, EvalError> {
        let file = self.files.get(path).cloned();
        file.ok_or_else(|| EvalError::Empty(path.to_string()))
    }
}
