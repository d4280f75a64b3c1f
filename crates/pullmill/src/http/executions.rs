//! Executions: listed, shown, followed, cancelled, begun anew.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use pullmill_core::execution::{Execution, Status};
use pullmill_core::id::{ExecutionId, TenantId};
use pullmill_core::ports::clock;
use pullmill_core::ports::store::Page;
use pullmill_core::stream::Event;
use pullmill_core::time::Timestamp;
use pullmill_engine::view::Wanted;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Door;
use super::error::Refusal;

/// How often a follower looks for news.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait of one long poll.
const LONGEST: u64 = 30;
/// Most executions of one answer.
const MOST: usize = 200;

/// What to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    status: Option<String>,
    month: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    tenant: Option<String>,
}

/// Whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantQuery {
    pub(super) tenant: Option<String>,
}

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    after: Option<u64>,
    /// Seconds to wait for the first.
    wait: Option<u64>,
    tenant: Option<String>,
}

impl ListQuery {
    pub(super) fn wanted(&self) -> Result<(TenantId, Wanted), Refusal> {
        let words: Vec<&str> = Status::ALL.iter().map(|status| status.word()).collect();
        let status = match &self.status {
            None => None,
            Some(word) => {
                let status = Status::ALL.into_iter().find(|status| status.word() == word);
                let allowed = format!("it is one of {}", words.join(", "));
                Some(status.ok_or_else(|| Refusal::field("status", word, &allowed))?)
            }
        };
        let month = match &self.month {
            None => None,
            Some(month) => {
                let first = Timestamp::parse(&format!("{month}-01T00:00:00Z"));
                let allowed = "it is written like 2026-11";
                Some(first.ok_or_else(|| Refusal::field("month", month, allowed))?)
            }
        };
        let limit = self.limit.unwrap_or(50);
        if !(1..=MOST).contains(&limit) {
            return Err(Refusal::field(
                "limit",
                &limit.to_string(),
                "it is 1 to 200",
            ));
        }
        let wanted = Wanted {
            status,
            page: Page::last(limit).after(self.cursor.clone()),
            month,
        };
        Ok((tenant(self.tenant.as_deref())?, wanted))
    }
}

pub(super) fn tenant(name: Option<&str>) -> Result<TenantId, Refusal> {
    match name {
        None => Ok(TenantId::local()),
        Some(name) => TenantId::parse(name)
            .map_err(|error| Refusal::field("tenant", name, &error.to_string())),
    }
}

pub(super) fn id(text: &str) -> Result<ExecutionId, Refusal> {
    ExecutionId::parse(text).map_err(|error| Refusal::field("id", text, &error.to_string()))
}

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refusal> {
    let (tenant, wanted) = query.wanted()?;
    let (executions, next) = door.engine.executions(&tenant, &wanted).await?;
    let executions: Vec<Value> = executions.iter().map(summary).collect();
    Ok(Json(
        json!({"success": true, "executions": executions, "next_cursor": next}),
    ))
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let execution = door.engine.execution(&tenant, &id(&name)?).await?;
    Ok(Json(
        json!({"success": true, "execution": whole(&execution)}),
    ))
}

pub(super) async fn cancel(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let execution = door.engine.cancel(&tenant, &id(&name)?, "operator").await?;
    Ok(Json(
        json!({"success": true, "execution": summary(&execution)}),
    ))
}

pub(super) async fn retry(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let execution = door.engine.retry(&tenant, &id(&name)?, "operator").await?;
    Ok(Json(
        json!({"success": true, "execution": summary(&execution)}),
    ))
}

/// Events after a number: at once if there are some, else when the first comes or the wait is over; a stream if it is asked for.
pub(super) async fn events(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let id = id(&name)?;
    // Unknown executions are said at once, not waited for.
    door.engine.execution(&tenant, &id).await?;
    let follow = Follow {
        after: query.after.or_else(|| last_id(&headers)).unwrap_or(0),
        door,
        tenant,
        id,
    };
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/event-stream")) {
        let keep_alive =
            sse::KeepAlive::new().event(sse::Event::default().event("heartbeat").data("{}"));
        return Ok(Sse::new(follow.stream())
            .keep_alive(keep_alive)
            .into_response());
    }
    let wait = query.wait.unwrap_or(0).min(LONGEST);
    let (events, execution) = follow.wait(Duration::from_secs(wait)).await?;
    let events: Vec<Value> = events.iter().map(|event| told(&execution, event)).collect();
    let body = json!({
        "success": true, "events": events, "status": execution.status,
        "is_over": execution.status.is_terminal() && execution.notified_at.is_some(),
        "head": execution.stream.seq,
    });
    Ok(Json(body).into_response())
}

/// What a stream that was interrupted has seen: the number after the dot of its last id.
fn last_id(headers: &HeaderMap) -> Option<u64> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    id.rsplit('.').next()?.parse().ok()
}

/// Somebody who follows an execution.
struct Follow {
    door: Arc<Door>,
    tenant: TenantId,
    id: ExecutionId,
    after: u64,
}

impl Follow {
    async fn wait(&self, wait: Duration) -> Result<(Vec<Event>, Execution), Refusal> {
        let engine = &self.door.engine;
        let end = engine.ports.clock.monotonic() + wait;
        loop {
            let execution = engine.execution(&self.tenant, &self.id).await?;
            let events = engine.events(&self.tenant, &self.id, self.after).await?;
            let is_over = execution.status.is_terminal() && execution.notified_at.is_some();
            let is_late = engine.ports.clock.monotonic() >= end || self.door.ends.is_cancelled();
            if !events.is_empty() || is_over || is_late {
                return Ok((events, execution));
            }
            clock::sleep(&*engine.ports.clock, LOOK).await;
        }
    }

    fn stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        let batches = stream::unfold(Some(self), |follow| async move {
            let mut follow = follow?;
            let Ok((events, execution)) = follow.wait(Duration::from_secs(LONGEST)).await else {
                return None;
            };
            let mut frames: Vec<Result<sse::Event, Infallible>> = Vec::new();
            for event in &events {
                follow.after = event.seq;
                let data = told(&execution, event).to_string();
                frames.push(Ok(sse::Event::default()
                    .id(format!("1.{}", event.seq))
                    .data(data)));
            }
            let is_done = follow.after >= execution.stream.seq
                && execution.status.is_terminal()
                && execution.notified_at.is_some();
            if is_done {
                frames.push(Ok(sse::Event::default().event("done").data("{}")));
            }
            let is_ending = is_done || follow.door.ends.is_cancelled();
            Some((stream::iter(frames), (!is_ending).then_some(follow)))
        });
        futures_util::StreamExt::flatten(batches)
    }
}

/// An event as everybody gets it.
fn told(execution: &Execution, event: &Event) -> Value {
    json!({
        "topic": format!("execution:{}", execution.id), "epoch": 1, "seq": event.seq, "type": event.kind,
        "at": event.at, "execution_id": execution.id, "data": event.data, "v": 1,
    })
}

/// An execution in a list.
pub(super) fn summary(execution: &Execution) -> Value {
    json!({
        "id": execution.id, "workflow": execution.plan.workflow, "status": execution.status,
        "legacy_status": legacy(execution.status), "reason": execution.reason, "detail": execution.detail,
        "owner": execution.owner, "cause": execution.cause, "subject": execution.subject,
        "generation": execution.generation, "created_at": execution.created_at,
        "started_at": execution.started_at, "finished_at": execution.finished_at,
    })
}

/// An execution with its steps.
fn whole(execution: &Execution) -> Value {
    let mut value = summary(execution);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("steps".to_owned(), json!(execution.steps));
        fields.insert("input".to_owned(), execution.input.clone());
        fields.insert("head".to_owned(), json!(execution.stream.seq));
        fields.insert("compensated".to_owned(), json!(execution.compensated));
        fields.insert("notified_at".to_owned(), json!(execution.notified_at));
    }
    value
}

/// The word that older clients know.
pub(super) fn legacy(status: Status) -> &'static str {
    match status {
        Status::Queued => "pending",
        Status::Running | Status::Waiting | Status::Compensating => "running",
        Status::Succeeded => "completed",
        Status::Failed | Status::Cancelled => "failed",
    }
}
