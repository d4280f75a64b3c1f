//! Reads `${{ … }}` expressions: which contexts their text comes from, and whether strangers choose that text.

use std::collections::BTreeSet;

/// Text that a stranger chose.
pub(super) struct Source {
    /// The context, e.g. `github.event.issue.title`.
    pub(super) context: String,
    /// Whether strangers can start the workflow with its own rights.
    pub(super) anyone: bool,
}

const PULL: &[&str] = &[
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
    "workflow_call",
];
const COMMENT: &[&str] = &[
    "issue_comment",
    "pull_request_review_comment",
    "commit_comment",
    "discussion_comment",
    "workflow_call",
];
const ISSUE: &[&str] = &["issues", "issue_comment", "workflow_call"];
const DISCUSSION: &[&str] = &["discussion", "discussion_comment", "workflow_call"];
const REVIEW: &[&str] = &["pull_request_review", "workflow_call"];
const PUSH: &[&str] = &["push", "workflow_call"];
const WIKI: &[&str] = &["gollum", "workflow_call"];
const RUN: &[&str] = &["workflow_run", "workflow_call"];
const EDIT: &[&str] = &[
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_target",
    "discussion",
    "workflow_call",
];

/// Events whose runs get no more rights than who started them, or that only people with write access start.
const LIMITED: [&str; 5] = [
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "workflow_call",
];

/// Contexts whose text strangers choose, and the events that fill them.
const UNTRUSTED: [(&str, &[&str]); 40] = [
    ("github.head_ref", PULL),
    ("github.event.issue.title", ISSUE),
    ("github.event.issue.body", ISSUE),
    ("github.event.discussion.title", DISCUSSION),
    ("github.event.discussion.body", DISCUSSION),
    ("github.event.comment.body", COMMENT),
    ("github.event.review.body", REVIEW),
    ("github.event.review_comment.body", REVIEW),
    ("github.event.pages.*.page_name", WIKI),
    ("github.event.pages.*.title", WIKI),
    ("github.event.changes.title.from", EDIT),
    ("github.event.changes.body.from", EDIT),
    ("github.event.pull_request.title", PULL),
    ("github.event.pull_request.body", PULL),
    ("github.event.pull_request.head.ref", PULL),
    ("github.event.pull_request.head.label", PULL),
    ("github.event.pull_request.head.repo.default_branch", PULL),
    ("github.event.pull_request.head.repo.description", PULL),
    ("github.event.pull_request.head.repo.homepage", PULL),
    ("github.event.head_commit.message", PUSH),
    ("github.event.head_commit.author.name", PUSH),
    ("github.event.head_commit.author.email", PUSH),
    ("github.event.head_commit.committer.name", PUSH),
    ("github.event.head_commit.committer.email", PUSH),
    ("github.event.commits.*.message", PUSH),
    ("github.event.commits.*.author.name", PUSH),
    ("github.event.commits.*.author.email", PUSH),
    ("github.event.commits.*.committer.name", PUSH),
    ("github.event.commits.*.committer.email", PUSH),
    ("github.event.workflow_run.head_branch", RUN),
    ("github.event.workflow_run.display_title", RUN),
    ("github.event.workflow_run.head_commit.message", RUN),
    ("github.event.workflow_run.head_commit.author.name", RUN),
    ("github.event.workflow_run.head_commit.author.email", RUN),
    ("github.event.workflow_run.head_commit.committer.name", RUN),
    ("github.event.workflow_run.head_commit.committer.email", RUN),
    ("github.event.workflow_run.head_repository.description", RUN),
    ("github.event.workflow_run.pull_requests.*.head.ref", RUN),
    ("github.event.workflow_run.referenced_workflows.*.ref", RUN),
    ("github.event.check_suite.head_branch", &["check_suite"]),
];

/// Every expression of a text with the offset of its `${{`.
pub(super) fn all(text: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("${{") {
        let start = at + open;
        let Some(length) = text[start..].find("}}") else {
            break;
        };
        found.push((&text[start + 3..start + length], start));
        at = start + length + 2;
    }
    found
}

/// The value behind `name=` in a line of shell; quotes in front of it are passed.
pub(super) fn assignment<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let lower = line.to_ascii_lowercase();
    let wanted = format!("{}=", name.to_ascii_lowercase());
    lower.match_indices(&wanted).find_map(|(at, found)| {
        let is_whole =
            !lower[..at].ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_');
        let value = line.get(at + found.len()..)?;
        is_whole.then(|| value.trim_start_matches(['"', '\'']))
    })
}

/// An expression in lower case, index brackets as dots, without literals and without what only decides.
pub(super) struct Read {
    /// Every context it can give text of.
    pub(super) references: Vec<String>,
    is_dump: bool,
}

impl Read {
    pub(super) fn of(written: &str) -> Self {
        let text = flatten(written);
        let is_dump = text.contains("tojson(");
        let text = without_calls(&text);
        let references = references(&text);
        Self {
            references,
            is_dump,
        }
    }

    /// The first untrusted context that one of the events fills.
    pub(super) fn untrusted(&self, events: &BTreeSet<String>) -> Option<Source> {
        self.references.iter().find_map(|reference| {
            UNTRUSTED
                .iter()
                .filter(|(context, _)| self.names(reference, context))
                .find_map(|(_, fills)| {
                    let reaching: Vec<&&str> = fills
                        .iter()
                        .filter(|event| events.contains(**event))
                        .collect();
                    (!reaching.is_empty()).then(|| Source {
                        context: reference.clone(),
                        anyone: reaching.iter().any(|event| !LIMITED.contains(event)),
                    })
                })
        })
    }

    /// Whether a reference is the context, or holds it and is dumped whole.
    fn names(&self, reference: &str, context: &str) -> bool {
        let mut wanted = context.split('.');
        for part in reference.split('.') {
            match wanted.next() {
                Some("*") if part == "*" || part.bytes().all(|byte| byte.is_ascii_digit()) => {}
                Some(name) if name == part => {}
                _ => return false,
            }
        }
        wanted.next().is_none() || self.is_dump
    }
}

/// Lower case; `['name']` and `[0]` become `.name` and `.0`; other literals are blanked.
fn flatten(written: &str) -> String {
    let lower = written.to_ascii_lowercase();
    let mut out = String::with_capacity(lower.len());
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some((index, after)) = rest
            .strip_prefix('[')
            .and_then(|inner| inner.split_once(']'))
        {
            let index = index.trim().trim_matches('\'');
            out.push('.');
            out.push_str(index);
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('\'') {
            out.push_str("''");
            rest = inner.split_once('\'').map_or("", |(_, after)| after);
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Blanks calls whose result is no text of their arguments.
fn without_calls(text: &str) -> String {
    let mut out = text.to_owned();
    for name in ["contains(", "startswith(", "endswith(", "hashfiles("] {
        while let Some(at) = out.find(name) {
            let mut depth = 0_usize;
            let length = out[at..].find(|character| {
                match character {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                character == ')' && depth == 0
            });
            let end = length.map_or(out.len(), |length| at + length + 1);
            out.replace_range(at..end, "true");
        }
    }
    out
}

/// The contexts named in an expression, without those that are only compared or only tested by `&&`.
fn references(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "._*-".contains(character);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_part).map(|start| at + start) {
        let end = text[start..]
            .find(|character| !is_part(character))
            .map_or(text.len(), |length| start + length);
        let before = text[..start].trim_end();
        let after = text[end..].trim_start();
        let decides = ["==", "!=", "&&", "<", ">"]
            .iter()
            .any(|operator| after.starts_with(operator))
            || ["==", "!=", "<", ">", "!"]
                .iter()
                .any(|operator| before.ends_with(operator));
        if !decides && text[start..end].contains('.') {
            found.push(text[start..end].to_owned());
        }
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(written: &str, events: &[&str]) -> Option<(String, bool)> {
        let events = events.iter().map(|event| (*event).to_owned()).collect();
        Read::of(written)
            .untrusted(&events)
            .map(|source| (source.context, source.anyone))
    }

    #[test]
    fn untrusted_text_is_found_however_it_is_written() {
        for written in [
            "github.event.issue.title",
            "github.event['issue']['title']",
            "GITHUB.event.Issue.title",
            "format('{0}', github.event.issue.title)",
            "github.event.issue.title || 'none'",
            "toJSON(github.event)",
            "toJson(github.event.issue)",
        ] {
            assert!(context(written, &["issues"]).is_some(), "{written}");
        }
        let (_, anyone) = context("github.event.commits[0].message", &["push"]).unwrap();
        assert!(!anyone);
    }

    #[test]
    fn what_only_decides_is_no_text() {
        for written in [
            "contains(github.event.issue.title, 'x')",
            "github.event.issue.title == 'x'",
            "github.event.issue.title && 'yes' || 'no'",
            "github.event.issue.number",
            "'github.event.issue.title'",
            "github.event.issue",
        ] {
            assert!(context(written, &["issues"]).is_none(), "{written}");
        }
    }

    #[test]
    fn a_context_that_no_event_fills_is_empty() {
        assert!(context("github.head_ref", &["push"]).is_none());
        assert_eq!(
            context("github.head_ref", &["pull_request"]),
            Some(("github.head_ref".to_owned(), false))
        );
        assert_eq!(
            context("github.head_ref", &["pull_request_target"]),
            Some(("github.head_ref".to_owned(), true))
        );
    }
}
