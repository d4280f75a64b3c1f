//! Whether it lives, whether it can work, and how much there is to do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pullmill_engine::EngineError;
use serde_json::{Value, json};

use super::Door;
use super::error::Refusal;

/// It lives if it can say so.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({"status": "healthy", "version": env!("CARGO_PKG_VERSION")}))
}

/// It can work if its store takes writes and it is not about to end.
pub(super) async fn ready(State(door): State<Arc<Door>>) -> Result<Json<Value>, Refusal> {
    if door.ends.is_cancelled() {
        let message = "the server is ending";
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ending",
            message,
        ));
    }
    door.engine
        .ports
        .store
        .check()
        .await
        .map_err(EngineError::from)?;
    Ok(Json(json!({"status": "ready"})))
}

/// Counters of this process and the state of the queues.
pub(super) async fn metrics(State(door): State<Arc<Door>>) -> Result<Response, Refusal> {
    for queue in door.engine.queues() {
        if let Ok(depth) = door.engine.ports.queue.depth(&queue).await {
            door.counters.queue(&queue, &depth);
        }
    }
    let text = door.counters.text().map_err(|error| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
        )
    })?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// How much there is to do.
pub(super) async fn queues(State(door): State<Arc<Door>>) -> Result<Json<Value>, Refusal> {
    let mut queues = Vec::new();
    for queue in door.engine.queues() {
        let depth = door
            .engine
            .ports
            .queue
            .depth(&queue)
            .await
            .map_err(EngineError::from)?;
        queues.push(json!({
            "queue": queue, "ready": depth.ready, "delayed": depth.delayed, "leased": depth.leased,
            "oldest": depth.oldest,
        }));
    }
    Ok(Json(json!({"success": true, "queues": queues})))
}
