//! What a review posts on a pull request: one summary, at most one review with new comments, one check, and what is settled.

pub mod edits;

use std::collections::{BTreeMap, BTreeSet};

use crate::advice::{is_from_model, is_from_own};
use crate::change::RepoPath;
use crate::docs;
use crate::effect::{Annotation, Check, Conclusion, Content, InlineComment, Level};
use crate::finding::{Agent, Finding, Severity};
use crate::hunk::CommentableLines;
use crate::id::Sha;
use crate::markdown;
use crate::ports::forge::{ComparedFile, Thread};
use crate::review::Review;
use crate::since::Since;
use crate::verdict::Outlook;

/// What the check is called.
pub const CHECK: &str = "Pullmill";
/// Comments of one review; more are in the summary alone.
const MAX_COMMENTS: usize = 40;
/// Notes of a check; more are in the summary alone.
const MAX_ANNOTATIONS: usize = 150;
/// GitHub's limits for a note's title and for a check's text, with room to spare.
const MAX_TITLE: usize = 200;
const MAX_MESSAGE: usize = 8_000;

/// What a pull request shows already: which of our comments is about which finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// By fingerprint.
    pub threads: BTreeMap<String, Thread>,
    /// Whether what was said is to be said again.
    pub is_said_again: bool,
    /// Whose findings are said; empty for all.
    pub agents: Vec<String>,
    /// How the last review differs.
    pub since: Option<Since>,
}

impl Shown {
    /// Reads the markers of our comments. `read` knows ours and says which finding they are about.
    pub fn of(threads: &[Thread], read: impl Fn(&str) -> Option<String>) -> Self {
        let ours = threads
            .iter()
            .filter_map(|thread| Some((read(&thread.body)?, thread.clone())));
        Self {
            threads: ours.collect(),
            ..Self::default()
        }
    }
}

/// Says what to post. `mark` gives the marker of a finding's comment.
#[must_use]
pub fn plan(
    review: &Review,
    head: &Sha,
    files: &[ComparedFile],
    shown: &Shown,
    mark: impl Fn(&str) -> String,
) -> Vec<Content> {
    let mut contents = vec![summary(review, head, shown.since.as_ref())];
    contents.extend(comments(review, head, files, shown, mark));
    contents.push(Content::Check(check(review)));
    contents.extend(settled(review, shown));
    contents
}

fn summary(review: &Review, head: &Sha, since: Option<&Since>) -> Content {
    let body = markdown::clipped(markdown::render(review));
    let mut body = format!("{}\n\nReviewed at {}.", body.trim_end(), head.as_str());
    if let Some(since) = since {
        body.push_str("\n\n");
        body.push_str(&since.words());
    }
    Content::Summary { body }
}

/// Comments at lines for findings nobody has commented on; a finding whose file shows no line is in the summary alone (RV5).
fn comments(
    review: &Review,
    head: &Sha,
    files: &[ComparedFile],
    shown: &Shown,
    mark: impl Fn(&str) -> String,
) -> Option<Content> {
    let places = places(files);
    let comment = |finding: &Finding| {
        let comment = inline(finding, &places)?;
        Some(InlineComment {
            body: format!("{}\n\n{}", comment.body, mark(&finding.fingerprint)),
            ..comment
        })
    };
    let is_new = |finding: &&Finding| {
        let is_asked = match shown.agents.as_slice() {
            [] => is_loud(finding),
            agents => agents
                .iter()
                .any(|name| name == finding.agent.word() || is_from_own(&finding.rule, name)),
        };
        is_asked && (shown.is_said_again || !shown.threads.contains_key(&finding.fingerprint))
    };
    let mut new: Vec<&Finding> = review.findings.iter().filter(is_new).collect();
    // What is certain comes first: a model must not crowd it out.
    new.sort_by_key(|finding| is_from_model(&finding.rule));
    let comments = new.into_iter().filter_map(comment).take(MAX_COMMENTS);
    let comments: Vec<InlineComment> = comments.collect();
    if comments.is_empty() {
        return None;
    }
    let noun = if comments.len() == 1 {
        "finding"
    } else {
        "findings"
    };
    let count = comments.len();
    Some(Content::Review {
        body: format!("{count} new {noun} at {}.", head.short()),
        comments,
    })
}

/// Suggestions that somebody asked for, at the lines they are about; those that no line can be shown for are left out.
#[must_use]
pub fn improvements(findings: &[Finding], head: &Sha, files: &[ComparedFile]) -> Option<Content> {
    let places = places(files);
    let comments = findings.iter().filter(|one| one.suggestion.is_some());
    let comments = comments
        .filter_map(|finding| inline(finding, &places))
        .take(MAX_COMMENTS);
    let comments: Vec<InlineComment> = comments.collect();
    let noun = if comments.len() == 1 {
        "improvement"
    } else {
        "improvements"
    };
    (!comments.is_empty()).then(|| Content::Review {
        body: format!("{} suggested {noun} at {}.", comments.len(), head.short()),
        comments,
    })
}

type Places<'a> = BTreeMap<&'a RepoPath, CommentableLines>;

fn places(files: &[ComparedFile]) -> Places<'_> {
    let places = files.iter();
    places
        .map(|file| (&file.path, CommentableLines::of(&file.hunks)))
        .collect()
}

/// A finding at the line it is said at, with its suggestion.
fn inline(finding: &Finding, places: &Places<'_>) -> Option<InlineComment> {
    let lines = places.get(&finding.location.path)?;
    let mut body = markdown::comment(finding);
    // A suggestion takes the place of the line it is said at, so it is said there or not at all (GH6).
    let suggestion = finding.suggestion.as_ref().filter(|suggestion| {
        lines.is_shown(suggestion.line) && markdown::is_showable(&suggestion.text)
    });
    if let Some(suggestion) = suggestion {
        body.push_str("\n\n");
        body.push_str(&markdown::suggestion(&suggestion.text));
    }
    let wanted = suggestion.map(|suggestion| suggestion.line);
    let wanted = wanted
        .or(finding.comment_line)
        .unwrap_or(finding.location.line);
    let line = match lines.is_shown(wanted) {
        true => wanted,
        false => lines.nearest(wanted)?,
    };
    Some(InlineComment {
        path: finding.location.path.clone(),
        line,
        body,
    })
}

/// Whether a finding is worth a comment that nobody asked for: how code is built, tested and documented is told in the
/// summary unless it matters.
fn is_loud(finding: &Finding) -> bool {
    matches!(finding.agent, Agent::Security | Agent::Bugs) || finding.severity >= Severity::Medium
}

fn check(review: &Review) -> Check {
    let verdict = &review.verdict;
    let (conclusion, word) = match verdict.outlook {
        Outlook::Pass => (Conclusion::Success, "Pass"),
        Outlook::Fail => (Conclusion::Failure, "Fail"),
        Outlook::Inconclusive => (Conclusion::ActionRequired, "Inconclusive"),
    };
    let reason = verdict.reasons.first().map_or("", String::as_str);
    let annotations = review.findings.iter().take(MAX_ANNOTATIONS);
    Check {
        name: CHECK.to_owned(),
        conclusion,
        title: cut(&format!("{word}: {reason}"), MAX_TITLE),
        summary: markdown::clipped(markdown::render(review)),
        annotations: annotations.map(annotation).collect(),
    }
}

fn annotation(finding: &Finding) -> Annotation {
    let place = &finding.location;
    let message = format!("{}\n\n{}", finding.message, finding.why);
    Annotation {
        path: place.path.clone(),
        line: place.line.max(1),
        end_line: place.end_line.max(place.line).max(1),
        level: match finding.severity {
            Severity::Critical | Severity::High => Level::Failure,
            Severity::Medium => Level::Warning,
            Severity::Low | Severity::Info => Level::Notice,
        },
        title: cut(
            &format!("{}: {}", finding.severity.word(), finding.rule),
            MAX_TITLE,
        ),
        message: cut(message.trim_end(), MAX_MESSAGE),
    }
}

/// Conversations about findings that are gone. What was not assessed or not listed may hide them, so then none is settled.
fn settled(review: &Review, shown: &Shown) -> Vec<Content> {
    if !review.is_all_listed() {
        return Vec::new();
    }
    let suppressed = review.suppressed.iter().map(|one| &one.fingerprint);
    let there: BTreeSet<&String> = review
        .findings
        .iter()
        .map(|finding| &finding.fingerprint)
        .chain(suppressed)
        .collect();
    let gone = shown.threads.iter().filter(|(fingerprint, thread)| {
        !thread.is_resolved && !there.contains(fingerprint) && !docs::is_edit(fingerprint)
    });
    gone.map(|(_, thread)| Content::Resolve {
        thread: thread.id.clone(),
    })
    .collect()
}

/// One line of at most so many characters, without anything hidden.
fn cut(text: &str, room: usize) -> String {
    let text = crate::escape::visible_lines(text);
    match text.char_indices().nth(room) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
