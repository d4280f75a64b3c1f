//! GitHub's webhooks: which of their fields count, and what an event is for.

use super::{About, body_hash, comment, digest_of};
use crate::id::TenantId;
use crate::strict::{Strict, strict_structs};
use crate::time::Timestamp;

/// The name of events that Pullmill makes itself: a command asks for a review. No forge can send it, see [`read`].
pub const OURS: &str = "pullmill.review";
/// The same, for documents that a change has made untrue.
pub const DOCS: &str = "pullmill.docs";

strict_structs! {
    /// The few fields that count. Everything else may be anything.
    Wire {
        action: Option<String>,
        installation: Option<Numbered>,
        repository: Option<Repository>,
        organization: Option<Account>,
        pull_request: Option<PullRequest>,
        issue: Option<Issue>,
        comment: Option<Comment>,
        sender: Option<Numbered>,
        check_run: Option<CheckRun>,
    }
    Numbered {
        id: Option<u64>,
        login: Option<String>,
        account: Option<Account>,
    }
    Account {
        login: Option<String>,
    }
    Repository {
        id: Option<u64>,
        full_name: Option<String>,
        owner: Option<Account>,
    }
    PullRequest {
        number: Option<u64>,
        updated_at: Option<String>,
        head: Option<Head>,
        base: Option<Base>,
        labels: Option<Vec<Label>>,
        draft: Option<bool>,
    }
    Base {
        label: Option<String>,
    }
    Label {
        name: Option<String>,
    }
    Head {
        sha: Option<String>,
    }
    Issue {
        number: Option<u64>,
        pull_request: Option<Strict>,
        labels: Option<Vec<Label>>,
    }
    Comment {
        id: Option<u64>,
        body: Option<String>,
        in_reply_to_id: Option<u64>,
        path: Option<String>,
        line: Option<u64>,
    }
    CheckRun {
        pull_requests: Vec<PullRequest>,
    }
}

/// Most labels of a pull request that are read; GitHub takes 100.
const MAX_LABELS: usize = 100;

/// An event as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Whose it is.
    pub tenant: TenantId,
    /// What happened.
    pub action: Option<String>,
    /// What it is about.
    pub about: About,
    /// The key of its meaning, if equal ones would do the same work twice.
    pub semantic: Option<String>,
    /// What it is for, or why it is ignored.
    pub purpose: Result<Purpose, &'static str>,
}

/// What an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A pull request wants a review.
    Review,
    /// A pull request is closed.
    Cleanup,
    /// Something that policies ask for has changed.
    Policy,
    /// Somebody may have given a command.
    Command,
    /// The state of a finding may have changed.
    Thread,
    /// A deployment has moved.
    Deployment,
    /// Who may be served has changed.
    Installation,
    /// Somebody wants a check once more.
    Recheck,
    /// Documents may not be true any more.
    Docs,
}

impl Purpose {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Cleanup => "cleanup",
            Self::Policy => "policy",
            Self::Command => "command",
            Self::Thread => "thread",
            Self::Deployment => "deployment",
            Self::Installation => "installation",
            Self::Recheck => "recheck",
            Self::Docs => "docs",
        }
    }
}

/// Reads what counts of an event, and checks all of it as [`strict::check`](crate::strict::check) does. A field of another form than GitHub's is an error.
pub fn read(event: &str, body: &str) -> Result<Read, serde_json::Error> {
    let wire: Wire = serde_json::from_str(body)?;
    let about = about(&wire);
    let action = wire.action.clone();
    Ok(Read {
        tenant: tenant(&wire),
        semantic: semantic(event, action.as_deref(), &about, &wire),
        purpose: match event {
            OURS | DOCS => Err("no forge has this event"),
            event => purpose(event, action.as_deref(), &about),
        },
        action,
        about,
    })
}

fn tenant(wire: &Wire) -> TenantId {
    let login = |account: &Option<Account>| account.as_ref()?.login.clone();
    let owner = wire.repository.as_ref().and_then(|repo| login(&repo.owner));
    let owner = owner.or_else(|| login(&wire.organization));
    let owner = owner.or_else(|| login(&wire.installation.as_ref()?.account));
    let name = owner.map(|name| name.to_ascii_lowercase());
    name.and_then(|name| TenantId::parse(&name).ok())
        .unwrap_or_else(TenantId::local)
}

fn about(wire: &Wire) -> About {
    let issue = wire.issue.as_ref();
    let issue = issue.filter(|issue| issue.pull_request.is_some());
    let rechecked = wire
        .check_run
        .as_ref()
        .and_then(|run| run.pull_requests.first());
    let pull = wire.pull_request.as_ref().or(rechecked);
    let number = pull.and_then(|pull| pull.number);
    let labels = pull.and_then(|pull| pull.labels.as_ref());
    let labels = labels.or_else(|| issue?.labels.as_ref());
    let labels = labels.into_iter().flatten().take(MAX_LABELS);
    // `owner:branch`; owners have no colon in their names.
    let base = pull.and_then(|pull| pull.base.as_ref()?.label.as_deref());
    let comment = wire.comment.as_ref();
    let command = comment.and_then(|one| comment::line(one.body.as_deref()?));
    About {
        installation: wire.installation.as_ref().and_then(|one| one.id),
        repo_id: wire.repository.as_ref().and_then(|repo| repo.id),
        repo: wire
            .repository
            .as_ref()
            .and_then(|repo| repo.full_name.clone()),
        pr_number: number.or_else(|| issue?.number),
        comment_id: wire.comment.as_ref().and_then(|comment| comment.id),
        head: pull.and_then(|pull| pull.head.as_ref()?.sha.clone()),
        base: base.map(|label| {
            label
                .split_once(':')
                .map_or(label, |(_, branch)| branch)
                .to_owned()
        }),
        labels: labels.filter_map(|label| label.name.clone()).collect(),
        is_draft: pull.and_then(|pull| pull.draft),
        updated_at: pull.and_then(|pull| Timestamp::parse(pull.updated_at.as_deref()?)),
        sender_id: wire.sender.as_ref().and_then(|one| one.id),
        sender: wire.sender.as_ref().and_then(|one| one.login.clone()),
        thread: command
            .and(wire.comment.as_ref())
            .and_then(|one| one.in_reply_to_id),
        path: command.and(comment).and_then(|one| one.path.clone()),
        line: command.and(comment).and_then(|one| one.line),
        command: command.map(str::to_owned),
    }
}

/// Events of pull requests: action, head and time of change. Comments: number, action and text (decision 7).
fn semantic(event: &str, action: Option<&str>, about: &About, wire: &Wire) -> Option<String> {
    let action = action?;
    let repo = about.repo_id?.to_string();
    let number = about.pr_number?.to_string();
    match event {
        "pull_request" => {
            let head = about.head.as_deref()?;
            let changed = about.updated_at?.to_string();
            Some(digest_of(&[event, &repo, &number, action, head, &changed]))
        }
        "issue_comment" | "pull_request_review_comment" => {
            let comment = wire.comment.as_ref()?;
            let id = comment.id?.to_string();
            let text = body_hash(comment.body.as_deref().unwrap_or_default().as_bytes());
            Some(digest_of(&[event, &repo, &number, action, &id, &text]))
        }
        _ => None,
    }
}

/// What an event is for, or why it is ignored.
pub fn purpose(event: &str, action: Option<&str>, about: &About) -> Result<Purpose, &'static str> {
    let is_pull = about.pr_number.is_some();
    let command = match about.command {
        Some(_) => Ok(Purpose::Command),
        None => Err("the comment gives no command"),
    };
    match (event, action.unwrap_or_default()) {
        (OURS, _) => Ok(Purpose::Review),
        (DOCS, _) => Ok(Purpose::Docs),
        ("pull_request", "opened" | "reopened" | "synchronize" | "ready_for_review") => {
            Ok(Purpose::Review)
        }
        ("pull_request", "closed") => Ok(Purpose::Cleanup),
        ("pull_request", "labeled" | "unlabeled" | "edited") => Ok(Purpose::Policy),
        ("pull_request_review_thread", _) => Ok(Purpose::Thread),
        ("deployment_status", _) => Ok(Purpose::Deployment),
        ("pull_request_review_comment", "created") => command,
        ("issue_comment", "created") if is_pull => command,
        ("issue_comment", "created") => Err("the comment is on an issue, not on a pull request"),
        ("check_run", "rerequested") => Ok(Purpose::Recheck),
        ("installation" | "installation_repositories" | "installation_target", _) => {
            Ok(Purpose::Installation)
        }
        ("ping", _) => Err("a ping needs no work"),
        ("pull_request" | "issue_comment" | "pull_request_review_comment" | "check_run", _) => {
            Err("nothing follows from this action")
        }
        _ => Err("nothing follows from this event"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pull_request(action: &str, head: &str, updated: &str) -> String {
        let body = json!({
            "action": action, "number": 7,
            "pull_request": {"number": 7, "updated_at": updated, "head": {"sha": head}},
            "repository": {"id": 1, "full_name": "Octo/shop", "owner": {"login": "Octo"}},
            "installation": {"id": 5}, "sender": {"id": 9},
        });
        body.to_string()
    }

    #[test]
    fn what_counts_of_a_pull_request_is_read() {
        let body = pull_request("opened", "abc", "2026-01-02T03:04:05Z");
        let read = read("pull_request", &body).unwrap();
        assert_eq!(read.tenant.as_str(), "octo");
        assert_eq!(read.purpose, Ok(Purpose::Review));
        assert_eq!(read.about.pr_number, Some(7));
        assert_eq!(read.about.installation, Some(5));
        assert_eq!(
            read.about.updated_at.unwrap().to_string(),
            "2026-01-02T03:04:05.000Z"
        );
    }

    #[test]
    fn i4_another_head_or_time_or_action_means_something_else() {
        let semantic = |action, head, updated| {
            let body = pull_request(action, head, updated);
            read("pull_request", &body).unwrap().semantic.unwrap()
        };
        let one = semantic("labeled", "abc", "2026-01-02T03:04:05Z");
        assert_eq!(one, semantic("labeled", "abc", "2026-01-02T03:04:05Z"));
        assert_ne!(one, semantic("labeled", "abc", "2026-01-02T03:04:06Z"));
        assert_ne!(one, semantic("labeled", "abd", "2026-01-02T03:04:05Z"));
        assert_ne!(one, semantic("unlabeled", "abc", "2026-01-02T03:04:05Z"));
    }

    #[test]
    fn comments_on_issues_are_no_commands() {
        let body = json!({"action": "created", "issue": {"number": 3}, "comment": {"id": 1}});
        let read = read("issue_comment", &body.to_string()).unwrap();
        assert!(read.purpose.is_err());
        assert_eq!(read.about.pr_number, None);
    }

    #[test]
    fn no_key_comes_twice_wherever_it_is() {
        for body in [
            r#"{"action":"opened","action":"closed"}"#,
            r#"{"unknown":1,"unknown":1}"#,
            r#"{"pull_request":{"number":1,"number":2}}"#,
            r#"{"pull_request":{"user":{"login":"a","login":"b"}}}"#,
            r#"{"issue":{"number":1,"pull_request":{"url":"a","\u0075rl":"b"}}}"#,
            r#"{"check_run":{"pull_requests":[{"number":1},{"number":1,"number":1}]}}"#,
            r#"{"list":[[{"a":1,"a":1}]]}"#,
        ] {
            let error = read("pull_request", body).unwrap_err();
            assert!(error.to_string().contains("comes twice"), "{body}: {error}");
        }
        assert!(read("pull_request", "[]").is_err());
        assert!(read("pull_request", "{} {}").is_err());
        let many: Vec<String> = (0..99).map(|number| format!("\"k{number}\":0")).collect();
        let many = many.join(",");
        let last = read("pull_request", &format!("{{{many},\"action\":\"opened\"}}")).unwrap();
        assert_eq!(last.action.as_deref(), Some("opened"));
        assert!(read("pull_request", &format!("{{{many},\"k98\":1}}")).is_err());
    }

    #[test]
    fn a_field_of_another_form_is_named() {
        let error = read("pull_request", r#"{"pull_request": {"number": "7"}}"#).unwrap_err();
        assert!(error.to_string().contains("expected u64"), "{error}");
    }
}
