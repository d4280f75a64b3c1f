//! The writing side: looks an object up by its marker or its external id, makes it, changes it, or takes an extra one back.

use async_trait::async_trait;
use hyper::Method;
use pullmill_core::effect::{
    ANNOTATIONS_AT_ONCE, Annotation, Check, CommentRef, Content, Effect, Found, InlineComment,
    Kind, Level,
};
use pullmill_core::ports::forge::{Attempt, ForgeError, ForgeWrite, Permit, PullRef, SendError};
use pullmill_core::section;
use serde_json::{Value, json};

use super::answer::{self, Failed};
use super::http::Ask;
use super::{GitHub, Reader, TIMES, encoded, repo_path};

const RESOLVED: &str =
    "query($id: ID!) { node(id: $id) { ... on PullRequestReviewThread { id isResolved } } }";
const RESOLVE: &str = "mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { id isResolved } } }";
/// The reaction that says that a comment was read.
const EYES: &str = "eyes";
/// What is left of something that was posted twice and cannot be deleted.
const TWICE: &str = "This was posted twice; the other one counts.";

#[async_trait]
impl ForgeWrite for GitHub {
    async fn find(&self, effect: &Effect) -> Result<Vec<Found>, ForgeError> {
        match &effect.content {
            Content::Summary { body } => self.find_summaries(effect, body).await,
            Content::Review { .. } => self.find_reviews(effect).await,
            Content::Check(check) => self.find_checks(effect, check).await,
            Content::Resolve { thread } => self.find_thread(effect, thread).await,
            Content::Reply { to, body } => match to.thread {
                Some(_) => self.find_answers(effect, body).await,
                None => self.find_summaries(effect, body).await,
            },
            Content::Reaction { to } => self.find_eyes(effect, to).await,
            Content::Labels { family, wanted } => self.find_labels(effect, family, wanted).await,
            Content::Commit(commit) => self.find_commit(effect, commit).await,
            Content::Description { body } => self.find_section(effect, body).await,
        }
    }

    async fn send(&self, permit: &Permit, replaces: Option<&Found>) -> Result<Found, SendError> {
        let effect = permit.effect();
        let repo = repo_path(&effect.target.pull.repo);
        let number = effect.target.pull.number;
        let head = &effect.target.head;
        if let Content::Commit(commit) = &effect.content {
            return self.send_commit(permit, commit, replaces).await;
        }
        let sent = match (&effect.content, replaces) {
            (Content::Summary { body }, None)
            | (
                Content::Reply {
                    body,
                    to: CommentRef { thread: None, .. },
                },
                None,
            ) => {
                let path = format!("{repo}/issues/{number}/comments");
                let body = json!({"body": marked(body, effect)});
                self.write(permit, Method::POST, path, body).await
            }
            (Content::Summary { body }, Some(found))
            | (
                Content::Reply {
                    body,
                    to: CommentRef { thread: None, .. },
                },
                Some(found),
            ) => {
                let path = format!("{repo}/issues/comments/{}", found.id);
                let body = json!({"body": marked(body, effect)});
                self.write(permit, Method::PATCH, path, body).await
            }
            (Content::Review { body, comments }, _) => {
                let path = format!("{repo}/pulls/{number}/reviews");
                let comments: Vec<Value> = comments.iter().map(inline).collect();
                let body = json!({
                    "commit_id": head, "event": "COMMENT", "body": marked(body, effect), "comments": comments,
                });
                self.write(permit, Method::POST, path, body).await
            }
            (Content::Check(check), None) => {
                let mut body = run(effect, check, 0);
                body["head_sha"] = json!(head);
                body["name"] = json!(check.name);
                let path = format!("{repo}/check-runs");
                self.write(permit, Method::POST, path, body).await
            }
            (Content::Check(check), Some(found)) => {
                let path = format!("{repo}/check-runs/{}", found.id);
                let body = run(effect, check, found.parts);
                self.write(permit, Method::PATCH, path, body).await
            }
            (Content::Resolve { thread }, _) => self.resolve(permit, thread).await,
            (Content::Reply { body, to }, None) => {
                let thread = to.thread.unwrap_or(to.id);
                let path = format!("{repo}/pulls/{number}/comments/{thread}/replies");
                let body = json!({"body": marked(body, effect)});
                self.write(permit, Method::POST, path, body).await
            }
            (Content::Reply { body, .. }, Some(found)) => {
                let path = format!("{repo}/pulls/comments/{}", found.id);
                let body = json!({"body": marked(body, effect)});
                self.write(permit, Method::PATCH, path, body).await
            }
            (Content::Reaction { to }, _) => {
                let path = reactions(&repo, to);
                self.write(permit, Method::POST, path, json!({"content": EYES}))
                    .await
            }
            (Content::Labels { .. }, found) => {
                let labels = format!("{repo}/issues/{number}/labels");
                let step = found.map(|found| found.id.as_str()).unwrap_or_default();
                match step.split_once(':') {
                    Some(("remove", label)) => {
                        let path = format!("{labels}/{}", encoded(label));
                        self.write(permit, Method::DELETE, path, Value::Null).await
                    }
                    Some((_, label)) => {
                        self.write(permit, Method::POST, labels, json!({"labels": [label]}))
                            .await
                    }
                    None => Ok(Value::Null),
                }
            }
            (Content::Description { body }, _) => self.write_section(permit, body).await,
            (Content::Commit(_), _) => Ok(Value::Null),
        };
        match sent {
            Ok(answer) => as_sent(effect, &answer, replaces),
            Err(Failed::NotFound(what)) if replaces.is_some() => Err(SendError::Gone(what)),
            Err(failed) => Err(failed.into()),
        }
    }

    async fn redeliver(&self, attempt: &Attempt) -> Result<(), SendError> {
        self.attempt_again(attempt).await.map_err(SendError::from)
    }

    async fn retract(&self, permit: &Permit, found: &Found) -> Result<(), SendError> {
        let effect = permit.effect();
        let repo = repo_path(&effect.target.pull.repo);
        let retracted = match effect.content.kind() {
            Kind::Summary => {
                let path = format!("{repo}/issues/comments/{}", found.id);
                self.write(permit, Method::DELETE, path, Value::Null).await
            }
            Kind::Review => self.retract_review(permit, found).await,
            Kind::Check => {
                // Its conclusion stays: a check that is taken back must not turn green.
                let path = format!("{repo}/check-runs/{}", found.id);
                let body = json!({"external_id": "retracted"});
                self.write(permit, Method::PATCH, path, body).await
            }
            Kind::Reply => self.retract_reply(permit, found).await,
            Kind::Resolve | Kind::Reaction | Kind::Labels | Kind::Commit | Kind::Description => {
                Ok(Value::Null)
            }
        };
        match retracted {
            Ok(_) | Err(Failed::NotFound(_)) => Ok(()),
            Err(failed) => Err(failed.into()),
        }
    }
}

impl GitHub {
    async fn find_summaries(&self, effect: &Effect, body: &str) -> Result<Vec<Found>, ForgeError> {
        let pull = &effect.target.pull;
        let path = format!("{}/issues/{}/comments", repo_path(&pull.repo), pull.number);
        let comments = self.all(Reader::sender(&pull.repo), &path, None).await?;
        let wanted = normal(&marked(body, effect));
        // An App that may write can change other people's comments, so the author counts before the marker.
        let ours = comments.iter().filter(|comment| {
            comment["performed_via_github_app"]["id"].as_u64() == Some(self.app.id)
                && has_marker(comment, effect)
        });
        let found = ours.filter_map(|comment| {
            let body = comment["body"].as_str().unwrap_or_default();
            found(comment, 1, normal(body) == wanted)
        });
        Ok(oldest_first(found.collect()))
    }

    async fn find_reviews(&self, effect: &Effect) -> Result<Vec<Found>, ForgeError> {
        let account = format!("{}[bot]", self.slug().await?);
        let pull = &effect.target.pull;
        let path = format!("{}/pulls/{}/reviews", repo_path(&pull.repo), pull.number);
        let reviews = self.all(Reader::sender(&pull.repo), &path, None).await?;
        let ours = reviews.iter().filter(|review| {
            review["user"]["login"] == account.as_str() && has_marker(review, effect)
        });
        Ok(oldest_first(
            ours.filter_map(|review| found(review, 1, true)).collect(),
        ))
    }

    async fn find_checks(&self, effect: &Effect, check: &Check) -> Result<Vec<Found>, ForgeError> {
        let repo = &effect.target.pull.repo;
        let head = &effect.target.head;
        let name = encoded(&check.name);
        let path = format!(
            "{}/commits/{head}/check-runs?check_name={name}&filter=all&app_id={}",
            repo_path(repo),
            self.app.id
        );
        let runs = self
            .all(Reader::sender(repo), &path, Some("check_runs"))
            .await?;
        let parts = effect.content.parts();
        let found = runs.iter().filter_map(|run| {
            let (object, version, done) = ExternalId::read(run["external_id"].as_str()?)?;
            let is_ours = run["app"]["id"].as_u64() == Some(self.app.id)
                && object == ExternalId::object(effect);
            // Of another version its notes cannot be taken back, so it only gets the new conclusion.
            let is_same = version == ExternalId::version(effect);
            let done = if is_same { done } else { parts };
            is_ours.then(|| found(run, done, is_same && done >= parts))?
        });
        Ok(oldest_first(found.collect()))
    }

    async fn find_thread(&self, effect: &Effect, thread: &str) -> Result<Vec<Found>, ForgeError> {
        let repo = &effect.target.pull.repo;
        let data = self
            .query(Reader::sender(repo), RESOLVED, json!({"id": thread}))
            .await;
        let node = match data {
            Ok(mut data) => data["node"].take(),
            Err(ForgeError::NotFound(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(node["isResolved"]
            .as_bool()
            .map(|is_current| Found {
                id: thread.to_owned(),
                parts: 1,
                is_current,
            })
            .into_iter()
            .collect())
    }

    /// Our answers in conversations at lines.
    async fn find_answers(&self, effect: &Effect, body: &str) -> Result<Vec<Found>, ForgeError> {
        let account = format!("{}[bot]", self.slug().await?);
        let pull = &effect.target.pull;
        let path = format!("{}/pulls/{}/comments", repo_path(&pull.repo), pull.number);
        let comments = self.all(Reader::sender(&pull.repo), &path, None).await?;
        let wanted = normal(&marked(body, effect));
        let ours = comments.iter().filter(|comment| {
            comment["user"]["login"] == account.as_str() && has_marker(comment, effect)
        });
        let found = ours.filter_map(|comment| {
            let body = comment["body"].as_str().unwrap_or_default();
            found(comment, 1, normal(body) == wanted)
        });
        Ok(oldest_first(found.collect()))
    }

    async fn find_eyes(&self, effect: &Effect, to: &CommentRef) -> Result<Vec<Found>, ForgeError> {
        let account = format!("{}[bot]", self.slug().await?);
        let repo = &effect.target.pull.repo;
        let path = format!("{}?content={EYES}", reactions(&repo_path(repo), to));
        let all = self.all(Reader::sender(repo), &path, None).await?;
        let ours = all
            .iter()
            .filter(|one| one["user"]["login"] == account.as_str());
        Ok(ours.filter_map(|one| found(one, 1, true)).take(1).collect())
    }

    /// What is to be done next about the labels of a family; one request does one of them.
    async fn find_labels(
        &self,
        effect: &Effect,
        family: &str,
        wanted: &[String],
    ) -> Result<Vec<Found>, ForgeError> {
        let pull = &effect.target.pull;
        let path = format!("{}/issues/{}/labels", repo_path(&pull.repo), pull.number);
        let labels = self.all(Reader::sender(&pull.repo), &path, None).await?;
        let names: Vec<&str> = labels
            .iter()
            .filter_map(|label| label["name"].as_str())
            .collect();
        let mut excess = names.iter().filter(|name| {
            name.starts_with(family) && !wanted.iter().any(|wanted| wanted == *name)
        });
        let mut lack = wanted
            .iter()
            .filter(|wanted| !names.contains(&wanted.as_str()));
        let id = match (excess.next(), lack.next()) {
            (Some(name), _) => format!("remove:{name}"),
            (None, Some(name)) => format!("add:{name}"),
            (None, None) => String::new(),
        };
        Ok(vec![Found {
            is_current: id.is_empty(),
            id,
            parts: 0,
        }])
    }

    /// Whether the description says what it should between our markers.
    async fn find_section(&self, effect: &Effect, body: &str) -> Result<Vec<Found>, ForgeError> {
        let pull = &effect.target.pull;
        let text = self.description(pull).await?;
        let says = section::read(&text, &effect.marker);
        Ok(vec![Found {
            id: pull.number.to_string(),
            parts: 0,
            is_current: says.is_some_and(|says| normal(says) == normal(body)),
        }])
    }

    /// Changes our section of the description as it is right now: GitHub takes only the whole of it.
    async fn write_section(&self, permit: &Permit, body: &str) -> Result<Value, Failed> {
        let effect = permit.effect();
        let pull = &effect.target.pull;
        let text = self.description(pull).await;
        let text = text.map_err(|error| Failed::NotSent(error.to_string()))?;
        let body = section::write(&text, &effect.marker, body);
        let path = format!("{}/pulls/{}", repo_path(&pull.repo), pull.number);
        self.write(permit, Method::PATCH, path, json!({"body": body}))
            .await
    }

    async fn description(&self, pull: &PullRef) -> Result<String, ForgeError> {
        let path = format!("{}/pulls/{}", repo_path(&pull.repo), pull.number);
        let answer = self.get(Reader::sender(&pull.repo), &path).await?;
        Ok(normal(answer["body"].as_str().unwrap_or_default()))
    }

    async fn retract_reply(&self, permit: &Permit, found: &Found) -> Result<Value, Failed> {
        let effect = permit.effect();
        let repo = repo_path(&effect.target.pull.repo);
        let place = match &effect.content {
            Content::Reply {
                to: CommentRef {
                    thread: Some(_), ..
                },
                ..
            } => "pulls",
            _ => "issues",
        };
        let path = format!("{repo}/{place}/comments/{}", found.id);
        self.write(permit, Method::DELETE, path, Value::Null).await
    }

    async fn resolve(&self, permit: &Permit, thread: &str) -> Result<Value, Failed> {
        let body = json!({"query": RESOLVE, "variables": {"id": thread}});
        let ask = Ask {
            permit: Some(permit),
            ..Ask::graphql(body, time(permit))
        };
        let data = answer::graphql(self.ask_to_write(permit, ask).await?)?;
        Ok(data["resolveReviewThread"]["thread"].clone())
    }

    /// A review cannot be deleted once it was submitted, but its comments can.
    async fn retract_review(&self, permit: &Permit, found: &Found) -> Result<Value, Failed> {
        let target = &permit.effect().target;
        let repo = repo_path(&target.pull.repo);
        let review = format!("{repo}/pulls/{}/reviews/{}", target.pull.number, found.id);
        let comments = self
            .all(
                Reader::sender(&target.pull.repo),
                &format!("{review}/comments"),
                None,
            )
            .await
            .map_err(|error| Failed::NotSent(error.to_string()))?;
        for id in comments.iter().filter_map(|comment| comment["id"].as_u64()) {
            let path = format!("{repo}/pulls/comments/{id}");
            match self.write(permit, Method::DELETE, path, Value::Null).await {
                Ok(_) | Err(Failed::NotFound(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        // Last, because it is found by its marker until then.
        self.write(permit, Method::PUT, review, json!({"body": TWICE}))
            .await
    }

    pub(super) async fn write(
        &self,
        permit: &Permit,
        method: Method,
        path: String,
        body: Value,
    ) -> Result<Value, Failed> {
        let ask = Ask {
            method,
            body: Some(body).filter(|body| !body.is_null()),
            permit: Some(permit),
            ..Ask::get(&path, time(permit))
        };
        self.ask_to_write(permit, ask).await
    }

    async fn ask_to_write(&self, permit: &Permit, ask: Ask<'_>) -> Result<Value, Failed> {
        let effect = permit.effect();
        let repo = &effect.target.pull.repo;
        let sender = match effect.content.kind() {
            Kind::Commit => Reader::committer(repo),
            _ => Reader::sender(repo),
        };
        let answer = self.call(sender, &ask).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failed::Lost(format!("its answer is no JSON: {error}")))
    }
}

/// The reactions to a comment.
fn reactions(repo: &str, to: &CommentRef) -> String {
    let place = if to.thread.is_some() {
        "pulls"
    } else {
        "issues"
    };
    format!("{repo}/{place}/comments/{}/reactions", to.id)
}

/// Later tries get more time.
fn time(permit: &Permit) -> std::time::Duration {
    let tries = usize::try_from(permit.effect().tries).unwrap_or(usize::MAX);
    TIMES[tries.min(TIMES.len() - 1)]
}

fn marked(body: &str, effect: &Effect) -> String {
    format!("{}\n\n{}", body.trim_end(), effect.marker)
}

fn has_marker(value: &Value, effect: &Effect) -> bool {
    let body = value["body"].as_str().unwrap_or_default();
    body.contains(&effect.marker)
}

/// GitHub writes line ends in its own way.
fn normal(body: &str) -> String {
    body.replace("\r\n", "\n").trim().to_owned()
}

fn found(value: &Value, parts: usize, is_current: bool) -> Option<Found> {
    Some(Found {
        id: value["id"].as_u64()?.to_string(),
        parts,
        is_current,
    })
}

/// Numbers grow with time.
fn oldest_first(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|one| one.id.parse::<u64>().unwrap_or(u64::MAX));
    found
}

fn inline(comment: &InlineComment) -> Value {
    json!({
        "path": comment.path, "line": comment.line, "side": "RIGHT", "body": comment.body,
    })
}

/// What a check run says, with the notes after the first `done` requests' worth of them.
fn run(effect: &Effect, check: &Check, done: usize) -> Value {
    let notes = check.annotations.chunks(ANNOTATIONS_AT_ONCE).nth(done);
    let notes: Vec<Value> = notes.unwrap_or_default().iter().map(annotation).collect();
    json!({
        "status": "completed", "conclusion": check.conclusion.word(),
        "external_id": ExternalId::write(effect, done + 1),
        "output": {"title": check.title, "summary": check.summary, "annotations": notes},
    })
}

fn annotation(note: &Annotation) -> Value {
    let level = match note.level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Failure => "failure",
    };
    json!({
        "path": note.path, "start_line": note.line, "end_line": note.end_line,
        "annotation_level": level, "title": note.title, "message": note.message,
    })
}

/// What a check run is known by: its object, its version, and how many requests' worth of notes it has.
struct ExternalId;

impl ExternalId {
    fn object(effect: &Effect) -> &str {
        &effect.object[..32]
    }

    fn version(effect: &Effect) -> &str {
        &effect.version[..effect.version.len().min(16)]
    }

    fn write(effect: &Effect, done: usize) -> String {
        let (object, version) = (Self::object(effect), Self::version(effect));
        format!("{object}:{version}:{}", done.min(effect.content.parts()))
    }

    fn read(text: &str) -> Option<(&str, &str, usize)> {
        let (object, rest) = text.split_once(':')?;
        let (version, done) = rest.split_once(':')?;
        Some((object, version, done.parse().ok()?))
    }
}

/// What is there after a request was done.
fn as_sent(effect: &Effect, answer: &Value, replaces: Option<&Found>) -> Result<Found, SendError> {
    if matches!(effect.content.kind(), Kind::Labels | Kind::Description) {
        // Another look says what is left to be done.
        return Ok(Found {
            id: String::new(),
            parts: 0,
            is_current: false,
        });
    }
    let id = match answer["id"].as_u64() {
        Some(id) => id.to_string(),
        None => match answer["id"].as_str() {
            Some(id) => id.to_owned(),
            None => return Err(SendError::Unknown("its answer names nothing".to_owned())),
        },
    };
    let parts = effect.content.parts();
    let done = replaces.map_or(0, |found| found.parts) + 1;
    let done = done.min(parts);
    Ok(Found {
        id,
        is_current: done == parts,
        parts: done,
    })
}
