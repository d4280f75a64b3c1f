//! Runs the examples of rules: the bad ones must be reported, the good ones must not.

use std::collections::BTreeSet;

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::Outcome;
use pullmill_core::finding::Finding;
use pullmill_core::job::{Job, SideReport};
use serde_json::Value;

use crate::analyser::{Analyser, message_placeholders};
use crate::language::Language;
use crate::rule::{Body, Rule};

/// Says what is wrong with the examples of a rule, as text for its author; empty if all is well.
///
/// An example is tried in every language of the rule that can parse it.
#[must_use]
pub fn failures(rule: &Rule, analyser: &Analyser) -> Vec<String> {
    let mut failures = missing(rule);
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

/// Runs one text as a file that the rule applies to, once for each of its languages.
#[must_use]
pub fn run(rule: &Rule, analyser: &Analyser, text: &str) -> Vec<(RepoPath, SideReport)> {
    paths(rule)
        .into_iter()
        .filter_map(|path| {
            let job = Job {
                path: path.clone(),
                old_path: None,
                base: None,
                head: Some(text.as_bytes().into()),
            };
            Some((path, analyser.analyse(&job).head?))
        })
        .collect()
}

fn missing(rule: &Rule) -> Vec<String> {
    let mut missing = Vec::new();
    if rule.examples.bad.is_empty() {
        missing.push("at least one bad example is needed".to_owned());
    }
    if rule.examples.good.len() < 2 {
        missing.push("at least two good examples are needed".to_owned());
    }
    if let Body::Match(body) = &rule.body {
        let known = variables(body);
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

fn paths(rule: &Rule) -> Vec<RepoPath> {
    if let Body::Document(body) = &rule.body {
        return vec![document_path(body)];
    }
    rule.languages
        .iter()
        .map(|language: &Language| {
            RepoPath::from(format!("example.{}", language.extension()).as_str())
        })
        .collect()
}

/// A path that the first glob of a document rule matches.
fn document_path(body: &Value) -> RepoPath {
    let glob = body
        .get("files")
        .and_then(|files| files.get(0))
        .and_then(Value::as_str);
    let path = match glob {
        Some(glob) => plain_path(glob),
        None => match body.get("format").and_then(Value::as_str) {
            Some("json") => "example.json".to_owned(),
            Some("hcl") => "example.tf".to_owned(),
            Some("dockerfile") => "Dockerfile".to_owned(),
            _ => "example.yml".to_owned(),
        },
    };
    RepoPath::from(path.as_str())
}

/// Fills the wildcards of a glob: the first of `{a,b}`, nothing for `**/`, a word for `*`.
fn plain_path(glob: &str) -> String {
    let mut path = glob.replace("**/", "");
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        let first = path
            .get(open + 1..close)
            .and_then(|choices| choices.split(',').next())
            .unwrap_or_default()
            .to_owned();
        if close < open {
            break;
        }
        path.replace_range(open..=close, &first);
    }
    path.replace("**", "example").replace('*', "example")
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("        | {line}\n"))
        .collect()
}
