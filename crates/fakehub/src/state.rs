//! All that this GitHub knows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pullmill_core::signature::Secrets;
use pullmill_core::time::Timestamp;
use serde_json::{Value, json};

use crate::app::{APP, BOT, SLUG, TOKEN_LIFE};
use crate::fault::Fault;
use crate::git::Objects;

/// A token of an installation.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) repositories: Vec<u64>,
    pub(crate) permissions: Value,
    pub(crate) ends: SystemTime,
}

/// A comment on a pull request.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Markdown.
    pub body: String,
    /// Whether the App wrote it.
    pub is_ours: bool,
    /// How often it was changed.
    pub edits: u32,
    pub(crate) made: Instant,
}

/// A review.
#[derive(Clone, Debug)]
pub struct Review {
    /// Its number.
    pub id: u64,
    /// Markdown.
    pub body: String,
    /// The head it is about.
    pub commit: String,
    pub(crate) made: Instant,
}

/// A comment at a line, the first of its conversation.
#[derive(Clone, Debug)]
pub struct ReviewComment {
    /// Its number.
    pub id: u64,
    /// The review it came with.
    pub review: u64,
    /// The file.
    pub path: String,
    /// The line at head.
    pub line: u64,
    /// Markdown.
    pub body: String,
    /// Whether its conversation is settled.
    pub is_resolved: bool,
    /// The comment that began its conversation, if it is an answer.
    pub answers: Option<u64>,
    /// Whether the App wrote it.
    pub is_ours: bool,
}

/// A reaction to a comment.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// Its number.
    pub id: u64,
    /// To which comment.
    pub comment: u64,
    /// Which one.
    pub content: String,
}

/// A check run.
#[derive(Clone, Debug)]
pub struct CheckRun {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The head it is about.
    pub head: String,
    /// How it ended.
    pub conclusion: String,
    /// What its maker calls it.
    pub external_id: String,
    /// Its title.
    pub title: String,
    /// Its notes.
    pub annotations: Vec<Value>,
    pub(crate) made: Instant,
}

/// A pull request.
#[derive(Debug)]
pub(crate) struct Pull {
    pub(crate) title: String,
    /// Its description.
    pub(crate) body: String,
    /// The branch of its head.
    pub(crate) branch: String,
    pub(crate) base: String,
    pub(crate) head: String,
    pub(crate) is_open: bool,
    pub(crate) is_draft: bool,
    pub(crate) is_fork: bool,
    pub(crate) updated: SystemTime,
    pub(crate) comments: Vec<Comment>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) review_comments: Vec<ReviewComment>,
    pub(crate) labels: Vec<String>,
    pub(crate) reactions: Vec<Reaction>,
}

/// A repository.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) main: String,
    pub(crate) objects: Objects,
    pub(crate) pulls: BTreeMap<u64, Pull>,
    pub(crate) checks: Vec<CheckRun>,
}

/// A webhook that was sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id, the same when it is sent again.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// What happened.
    pub action: String,
    /// What was answered, the newest last; 0 for no answer.
    pub answers: Vec<u16>,
    pub(crate) body: Bytes,
}

impl Delivery {
    /// Says who did it.
    pub(crate) fn say(&mut self, login: &str, id: u64) {
        let mut value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        value["sender"] = json!({"id": id, "login": login, "type": "User"});
        self.body = Bytes::from(value.to_string());
    }
}

/// An attempt to deliver a webhook.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: u64,
    /// Its place in the list of deliveries.
    pub(crate) delivery: usize,
    pub(crate) status: u16,
    pub(crate) at: SystemTime,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its body.
    pub body: Value,
    /// When it came.
    pub at: Instant,
    /// What was answered; 0 if the connection was cut.
    pub status: u16,
    /// Whether it changes something, or tries to.
    pub is_write: bool,
}

/// Everything.
pub(crate) struct State {
    pub(crate) repos: BTreeMap<u64, Repo>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) token_life: Duration,
    pub(crate) is_suspended: bool,
    /// Whether the App may write contents.
    pub(crate) may_commit: bool,
    pub(crate) deliveries: Vec<Delivery>,
    /// Attempts to deliver them, oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// What is to be sent again.
    pub(crate) again: Vec<usize>,
    pub(crate) webhook: Option<(String, Secrets)>,
    pub(crate) faults: Vec<Fault>,
    /// How long lists do not show what was made.
    pub(crate) stale: Duration,
    /// How long every answer takes.
    pub(crate) latency: Duration,
    /// Whether nothing is answered at all.
    pub(crate) is_held: bool,
    /// Requests that wait for an answer.
    pub(crate) waiting: usize,
    pub(crate) asked: Vec<Asked>,
    /// What people may do, by name: number and word.
    pub(crate) people: BTreeMap<String, (u64, String)>,
    last_id: u64,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            repos: BTreeMap::new(),
            tokens: Vec::new(),
            token_life: TOKEN_LIFE,
            is_suspended: false,
            may_commit: true,
            deliveries: Vec::new(),
            attempts: Vec::new(),
            again: Vec::new(),
            webhook: None,
            faults: Vec::new(),
            stale: Duration::ZERO,
            latency: Duration::ZERO,
            is_held: false,
            waiting: 0,
            asked: Vec::new(),
            people: BTreeMap::from([("somebody".to_owned(), (1, "write".to_owned()))]),
            last_id: 10_000,
        }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn repo(&self, owner: &str, name: &str) -> Option<&Repo> {
        let wanted = format!("{owner}/{name}");
        self.repos.values().find(|repo| repo.name == wanted)
    }

    /// Whether a list shows something that was made then.
    pub(crate) fn shows(&self, made: Instant) -> bool {
        made.elapsed() >= self.stale
    }

    /// The conversation that a name means: its repository, its pull request and its place there.
    pub(crate) fn thread(&self, id: &str) -> Option<(u64, u64, usize)> {
        let comment: u64 = id.strip_prefix("PRRT_")?.parse().ok()?;
        self.repos.values().find_map(|repo| {
            repo.pulls.iter().find_map(|(number, pull)| {
                let mut comments = pull.review_comments.iter();
                let place = comments.position(|one| one.id == comment && one.answers.is_none())?;
                Some((repo.id, *number, place))
            })
        })
    }
}

/// The App's account, as it stands beside what it wrote.
pub(crate) fn bot() -> Value {
    json!({"id": BOT, "login": format!("{SLUG}[bot]"), "type": "Bot"})
}

/// A person.
pub(crate) fn person() -> Value {
    json!({"id": 1, "login": "somebody", "type": "User"})
}

impl Comment {
    pub(crate) fn to_json(&self) -> Value {
        let app = match self.is_ours {
            true => json!({"id": APP, "slug": SLUG}),
            false => Value::Null,
        };
        let user = if self.is_ours { bot() } else { person() };
        json!({
            "id": self.id, "body": self.body, "user": user, "performed_via_github_app": app,
        })
    }
}

impl Review {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "body": self.body, "user": bot(), "state": "COMMENTED",
            "commit_id": self.commit,
        })
    }
}

impl ReviewComment {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "pull_request_review_id": self.review, "path": self.path,
            "line": self.line, "side": "RIGHT", "body": self.body, "in_reply_to_id": self.answers,
            "user": if self.is_ours { bot() } else { person() },
        })
    }
}

impl CheckRun {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "head_sha": self.head, "status": "completed",
            "conclusion": self.conclusion, "external_id": self.external_id,
            "app": {"id": APP, "slug": SLUG},
            "output": {"title": self.title, "annotations_count": self.annotations.len()},
        })
    }
}

/// GitHub's times have seconds, no less.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let seconds = at
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let millis = i64::try_from(seconds).unwrap_or(0) * 1000;
    Timestamp::from_millis(millis)
        .to_string()
        .replace(".000Z", "Z")
}
