//! Dead letters: listed, looked at, put back.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use pullmill_core::event::digest_of;
use pullmill_core::id::TenantId;
use pullmill_engine::operate::DeadLetter;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Door;
use super::error::Refusal;
use super::executions::{TenantQuery, tenant};

/// Most dead letters of one answer.
const MOST: usize = 1000;

/// Whose, and whether it is only tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayQuery {
    pub(super) tenant: Option<String>,
    #[serde(default)]
    pub(super) dry_run: bool,
}

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let letters = door.engine.dead_letters(&tenant, MOST).await?;
    let letters: Vec<Value> = letters.iter().map(summary).collect();
    Ok(Json(json!({"success": true, "dead_letters": letters})))
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let letter = find(&door, &tenant, &name).await?;
    let mut value = summary(&letter);
    if let Some(fields) = value.as_object_mut() {
        let body = String::from_utf8_lossy(&letter.body).into_owned();
        let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
        fields.insert("body".to_owned(), body);
    }
    Ok(Json(json!({"success": true, "dead_letter": value})))
}

pub(super) async fn replay(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<ReplayQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let letter = find(&door, &tenant, &name).await?;
    put_back(&door, vec![letter], query.dry_run).await
}

pub(super) async fn replay_all(
    State(door): State<Arc<Door>>,
    Query(query): Query<ReplayQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let letters = door.engine.dead_letters(&tenant, MOST).await?;
    put_back(&door, letters, query.dry_run).await
}

/// Each is put back on its own: one that cannot be keeps none of the others.
async fn put_back(
    door: &Door,
    letters: Vec<DeadLetter>,
    is_dry: bool,
) -> Result<Json<Value>, Refusal> {
    let mut answers = Vec::new();
    for letter in letters {
        let mut answer = summary(&letter);
        let outcome = if is_dry {
            json!("would be put back")
        } else {
            match door.engine.put_back(&letter, "operator").await {
                Ok(()) => json!("put back"),
                Err(error) => json!(format!("not put back: {error}")),
            }
        };
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("outcome".to_owned(), outcome);
        }
        answers.push(answer);
    }
    Ok(Json(
        json!({"success": true, "dry_run": is_dry, "dead_letters": answers}),
    ))
}

async fn find(door: &Door, tenant: &TenantId, name: &str) -> Result<DeadLetter, Refusal> {
    let letters = door.engine.dead_letters(tenant, MOST).await?;
    let mut found = letters.into_iter().filter(|letter| id(letter) == name);
    match found.next() {
        // The list may lag; the record does not.
        Some(letter) => Ok(door.engine.dead_letter(&letter.key).await?),
        None => {
            let message = "there is no dead letter of this id";
            Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", message))
        }
    }
}

/// A short name that can be typed.
fn id(letter: &DeadLetter) -> String {
    let digest = digest_of(&[&letter.key.pk, &letter.key.sk]);
    format!("dl_{}", &digest[..16])
}

fn summary(letter: &DeadLetter) -> Value {
    let task = letter.task.as_ref();
    json!({
        "id": id(letter), "queue": letter.queue, "record": letter.key.to_string(),
        "execution_id": task.map(|task| &task.execution), "step": task.map(|task| &task.step),
        "failures": task.map(|task| task.failures),
        "error": task.map_or(Some("it cannot be read"), |task| task.error.as_deref()),
        "created_at": task.map(|task| task.created_at),
    })
}
