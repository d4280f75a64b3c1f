//! Reviews of submitted code. Older clients know these paths, so their fields are in camel case (decision 24).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pullmill_core::execution::{Execution, Status};
use pullmill_core::id::{StepName, TenantId};
use pullmill_core::ports::analyzer::{Submission, SubmittedFile};
use pullmill_core::ports::blob::BlobRef;
use pullmill_core::strict;
use pullmill_engine::EngineError;
use pullmill_engine::submit::{Asker, Started};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Refusal;
use super::executions::{ListQuery, TenantQuery, id, legacy, tenant};
use super::{Door, body};

/// Most files of a submission.
const MOST_FILES: usize = 500;
/// Most bytes of a review.
const MAX_REVIEW: u64 = 64 << 20;

/// One snippet, or several files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    code: Option<String>,
    filename: Option<String>,
    label: Option<String>,
    files: Option<Vec<SubmittedFile>>,
}

pub(super) async fn submit(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let bytes = body::read(&headers, body, door.limits.api_bytes, &door.limits).await?;
    let asked: Asked = strict::read(&bytes).map_err(|error| {
        let message = format!("the body cannot be read: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, "malformed", message)
    })?;
    let submission = submission(asked)?;
    let asker = Asker {
        tenant: TenantId::local(),
        owner: "local".to_owned(),
        key: idempotency_key(&headers)?,
    };
    let started = door.engine.submit(&asker, &submission).await?;
    let (status, id) = match started {
        Started::New(id) => (StatusCode::ACCEPTED, id),
        Started::Known(id) => (StatusCode::OK, id),
        Started::Mismatched => {
            let message = "this Idempotency-Key was used for another request";
            return Err(Refusal::new(StatusCode::CONFLICT, "key_reused", message));
        }
    };
    let body = json!({
        "success": true, "reviewId": id, "executionId": id, "status": "queued", "legacy_status": "pending",
        "eventsUrl": format!("/api/executions/{id}/events"), "reviewUrl": format!("/api/review/{id}"),
    });
    Ok((status, Json(body)).into_response())
}

fn submission(asked: Asked) -> Result<Submission, Refusal> {
    let files = match (asked.code, asked.files) {
        (Some(content), None) => vec![SubmittedFile {
            path: asked.filename.ok_or_else(|| missing("filename"))?,
            base: None,
            content,
        }],
        (None, Some(files)) => files,
        _ => {
            let message = "there has to be either `code` with `filename`, or `files`";
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_field",
                message,
            ));
        }
    };
    if !(1..=MOST_FILES).contains(&files.len()) {
        return Err(Refusal::field(
            "files",
            &files.len().to_string(),
            "there are 1 to 500 of them",
        ));
    }
    let mut seen = std::collections::BTreeSet::new();
    for file in &files {
        check_path(&file.path)?;
        if !seen.insert(file.path.as_str()) {
            return Err(Refusal::field("path", &file.path, "each is there once"));
        }
    }
    let label = asked.label.unwrap_or_else(|| match files.as_slice() {
        [one] => one.path.clone(),
        many => format!("{} files", many.len()),
    });
    if label.len() > 200 {
        return Err(Refusal::field("label", &label, "it has at most 200 bytes"));
    }
    Ok(Submission { label, files })
}

fn check_path(path: &str) -> Result<(), Refusal> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_usable =
        path.len() <= 500 && path.split('/').all(is_plain) && !path.chars().any(char::is_control);
    if is_usable {
        return Ok(());
    }
    let allowed =
        "it is relative, written with `/`, without `.` and `..`, and has at most 500 bytes";
    Err(Refusal::field("path", path, allowed))
}

fn missing(field: &str) -> Refusal {
    let message = format!("`{field}` is missing");
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", message)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Refusal::field(
            "idempotency-key",
            "",
            "it has 1 to 255 printable characters",
        )),
    }
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let execution = door.engine.execution(&tenant, &id(&name)?).await?;
    let review = match result(&execution) {
        Some(blob) => Some(read(&door, &blob).await?),
        None => None,
    };
    let mut shown = summary(&execution);
    if let Some(fields) = shown.as_object_mut() {
        let findings = review.as_ref().map(|review| review["findings"].clone());
        fields.insert("findings".to_owned(), findings.unwrap_or_else(|| json!([])));
        fields.insert("result".to_owned(), review.unwrap_or(Value::Null));
        fields.insert("error".to_owned(), json!(execution.detail));
    }
    Ok(Json(json!({"success": true, "review": shown})))
}

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refusal> {
    let (tenant, wanted) = query.wanted()?;
    let (executions, next) = door.engine.executions(&tenant, &wanted).await?;
    let name = pullmill_engine::workflow::snippet_name();
    let reviews = executions
        .iter()
        .filter(|execution| execution.plan.workflow == name);
    let reviews: Vec<Value> = reviews.map(summary).collect();
    Ok(Json(
        json!({"success": true, "reviews": reviews, "next_cursor": next}),
    ))
}

fn summary(execution: &Execution) -> Value {
    let result = step_result(execution);
    json!({
        "reviewId": execution.id, "status": execution.status, "legacy_status": legacy(execution.status),
        "label": execution.input["label"], "createdAt": execution.created_at,
        "completedAt": execution.finished_at, "verdict": result.map(|result| &result["verdict"]),
        "risk": result.map(|result| &result["risk"]),
    })
}

fn step_result(execution: &Execution) -> Option<&Value> {
    let step = execution.steps.get(&StepName::constant("review"))?;
    (execution.status == Status::Succeeded).then_some(&step.result)
}

fn result(execution: &Execution) -> Option<BlobRef> {
    serde_json::from_value(step_result(execution)?["review"].clone()).ok()
}

async fn read(door: &Door, blob: &BlobRef) -> Result<Value, Refusal> {
    let bytes = door
        .engine
        .ports
        .blobs
        .get(blob, MAX_REVIEW)
        .await
        .map_err(EngineError::from)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
        )
    })
}
