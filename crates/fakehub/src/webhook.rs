//! Webhooks: what GitHub would send, signed, with an id that stays when it is sent again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::app::INSTALLATION;
use crate::state::{Attempt, Delivery, State, person, rfc3339};

/// How long GitHub waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes down that something happened to a pull request. It is sent by whoever sends what is written down.
pub(crate) fn about_pull(state: &mut State, repo: u64, number: u64, action: &str) -> usize {
    let value = pull_body(state, repo, number, action);
    add(state, "pull_request", action, &value)
}

/// Writes down that something happened to a comment of ours.
pub(crate) fn about_comment(
    state: &mut State,
    repo: u64,
    number: u64,
    comment: &Value,
    action: &str,
) -> usize {
    let mut value = pull_body(state, repo, number, action);
    value["issue"] = json!({"number": number, "pull_request": {"url": "http://localhost"}});
    value["comment"] = comment.clone();
    value["sender"] = comment["user"].clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("pull_request");
        fields.remove("number");
    }
    add(state, "issue_comment", action, &value)
}

/// Writes down that somebody wrote a comment at a line.
pub(crate) fn about_line(
    state: &mut State,
    repo: u64,
    number: u64,
    comment: &Value,
    who: &Value,
) -> usize {
    let mut value = pull_body(state, repo, number, "created");
    value["comment"] = comment.clone();
    value["sender"] = who.clone();
    add(state, "pull_request_review_comment", "created", &value)
}

fn pull_body(state: &State, repo: u64, number: u64, action: &str) -> Value {
    let Some((repo, pull)) = state
        .repos
        .get(&repo)
        .and_then(|repo| Some((repo, repo.pulls.get(&number)?)))
    else {
        return Value::Null;
    };
    let (owner, name) = repo.name.split_once('/').unwrap_or_default();
    json!({
        "action": action,
        "number": number,
        "pull_request": {
            "number": number, "title": pull.title, "draft": pull.is_draft,
            "state": if pull.is_open { "open" } else { "closed" },
            "updated_at": rfc3339(pull.updated),
            "head": {"sha": pull.head}, "base": {"sha": pull.base, "ref": "main", "label": format!("{owner}:main")},
            "labels": pull.labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            "user": person(),
        },
        "repository": {
            "id": repo.id, "name": name, "full_name": repo.name, "owner": {"login": owner},
        },
        "installation": {"id": INSTALLATION},
        "sender": person(),
    })
}

fn add(state: &mut State, event: &str, action: &str, body: &Value) -> usize {
    let number = state.deliveries.len();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    state.deliveries.push(Delivery {
        id: format!("{:08x}-fake-{number:04}", now & 0xffff_ffff),
        event: event.to_owned(),
        action: action.to_owned(),
        answers: Vec::new(),
        body: Bytes::from(body.to_string()),
    });
    number
}

/// Sends one delivery and writes down what was answered; 0 if nothing was.
pub(crate) async fn send(state: &Arc<Mutex<State>>, number: usize) -> u16 {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (delivery, webhook) = {
        let state = lock();
        (state.deliveries.get(number).cloned(), state.webhook.clone())
    };
    let (Some(delivery), Some((url, secrets))) = (delivery, webhook) else {
        return 0;
    };
    let signature = secrets.sign(&delivery.body).unwrap_or_default();
    let sent = tokio::time::timeout(PATIENCE, post(&url, &delivery, &signature)).await;
    let status = sent.ok().flatten().unwrap_or(0);
    let mut state = lock();
    if let Some(delivery) = state.deliveries.get_mut(number) {
        delivery.answers.push(status);
    }
    let attempt = Attempt {
        id: state.next_id(),
        delivery: number,
        status,
        at: SystemTime::now(),
    };
    state.attempts.push(attempt);
    status
}

async fn post(url: &str, delivery: &Delivery, signature: &str) -> Option<u16> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let stream = TcpStream::connect(authority).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    let request = Request::post(uri.path())
        .header("host", authority)
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/fake")
        .header("x-github-event", &delivery.event)
        .header("x-github-delivery", &delivery.id)
        .header("x-hub-signature-256", signature)
        .body(Full::new(delivery.body.clone()))
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    Some(response.status().as_u16())
}
