//! Runs the examples of rules: the bad ones must be reported, the good ones must not.

use std::collections::BTreeSet;

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::Outcome;
use pullmill_core::finding::Finding;
use pullmill_core::job::{Job, SideReport};
use serde::Deserialize;
use serde_json::Value;

use crate::analyser::{Analyser, message_placeholders};
use crate::document::DocumentRule;
use crate::language::Language;
use crate::measure;
use crate::rule::{Body, Rule};

/// Before the language that an example is in, where a rule has several that could parse it.
const IN: &str = "=== ";
/// Parts what an example was before from what it is.
const BECOMES: &str = "\n=== becomes\n";

/// Says what is wrong with the examples of a rule, as text for its author; empty if all is well.
///
/// An example is tried in every language of the rule that can parse it.
#[must_use]
pub fn failures(rule: &Rule, analyser: &Analyser) -> Vec<String> {
    let mut failures = missing(rule);
    if !rule.meta.suggest.is_empty() && !is_ever_mended(rule, analyser) {
        failures.push("no bad example is mended by what the rule suggests".to_owned());
    }
    for (expected, list) in [(true, &rule.examples.bad), (false, &rule.examples.good)] {
        for (number, text) in list.iter().enumerate() {
            let kind = if expected { "bad" } else { "good" };
            let name = format!("{kind} example {}", number + 1);
            if let Err(problem) = try_example(rule, analyser, text, expected) {
                failures.push(format!("{name}: {problem}\n{}", indented(text)));
            }
        }
    }
    failures
}

/// Runs one text as a file that the rule applies to, once for each of its languages. A first line
/// `=== python` names the only one of them, a line `=== becomes` parts its two sides.
#[must_use]
pub fn run(rule: &Rule, analyser: &Analyser, text: &str) -> Vec<(RepoPath, SideReport)> {
    let (language, text) = language_of(text);
    paths(rule, language)
        .into_iter()
        .filter_map(|path| {
            let (base, head) = match text.split_once(BECOMES) {
                Some((base, head)) => (Some(base), head),
                None => (None, text),
            };
            let job = Job {
                path: path.clone(),
                old_path: None,
                base: base.map(|base| base.as_bytes().into()),
                head: Some(head.as_bytes().into()),
                search_base: false,
            };
            Some((path, analyser.analyse(&job).head?))
        })
        .collect()
}

/// Whether some bad example gets a suggestion that holds.
fn is_ever_mended(rule: &Rule, analyser: &Analyser) -> bool {
    let examples = rule.examples.bad.iter();
    let reports = examples.flat_map(|text| run(rule, analyser, text));
    let mut findings = reports.flat_map(|(_, report)| report.findings);
    findings.any(|finding| finding.rule == rule.meta.id && finding.suggestion.is_some())
}

fn missing(rule: &Rule) -> Vec<String> {
    let mut missing = Vec::new();
    if rule.examples.bad.is_empty() {
        missing.push("at least one bad example is needed".to_owned());
    }
    if rule.examples.good.len() < 2 {
        missing.push("at least two good examples are needed".to_owned());
    }
    if let Some(known) = names(&rule.body) {
        for name in message_placeholders(&rule.meta.message) {
            if !known.contains(name) {
                missing.push(format!(
                    "the message names {{{name}}}, which the rule never binds"
                ));
            }
        }
    }
    missing
}

/// The names a message may use, as far as they can be told from the rule.
fn names(body: &Body) -> Option<BTreeSet<String>> {
    match body {
        Body::Match(body) => Some(variables(body)),
        Body::Flow(_) => Some(["source", "sink"].map(str::to_owned).into()),
        Body::Measure(_) => Some(measure::NAMES.map(str::to_owned).into()),
        Body::Document(_) => None,
    }
}

/// Every `$NAME` and `$$$NAME` that stands anywhere in a body.
fn variables(body: &Value) -> BTreeSet<String> {
    let text = body.to_string();
    text.split('$')
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_')
                .collect()
        })
        .collect()
}

fn try_example(rule: &Rule, analyser: &Analyser, text: &str, expected: bool) -> Result<(), String> {
    let mut was_read = false;
    for (path, report) in run(rule, analyser, text) {
        if let Outcome::Skipped { reason, detail } = &report.outcome {
            if rule.languages.len() > 1 {
                continue;
            }
            return Err(format!("not read: {} {detail}", reason.words()));
        }
        was_read = true;
        let own: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|finding| finding.rule == rule.meta.id)
            .collect();
        match (expected, own.first()) {
            (true, None) => return Err(format!("not reported as {path}")),
            (false, Some(finding)) => {
                return Err(format!(
                    "reported as {path}, line {}: {}",
                    finding.location.line, finding.message
                ));
            }
            _ => {}
        }
    }
    if was_read {
        Ok(())
    } else {
        Err("no language of the rule can parse it".to_owned())
    }
}

/// The language that the first line names, and the rest.
fn language_of(text: &str) -> (Option<&str>, &str) {
    let named = text.strip_prefix(IN).and_then(|rest| rest.split_once('\n'));
    named.map_or((None, text), |(name, rest)| (Some(name), rest))
}

fn paths(rule: &Rule, language: Option<&str>) -> Vec<RepoPath> {
    if let Body::Document(body) = &rule.body {
        return DocumentRule::deserialize(body)
            .iter()
            .map(DocumentRule::sample_path)
            .collect();
    }
    rule.languages
        .iter()
        .filter(|one| language.is_none_or(|language| language == one.name()))
        .map(|language: &Language| {
            RepoPath::from(format!("example.{}", language.extension()).as_str())
        })
        .collect()
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("        | {line}\n"))
        .collect()
}
