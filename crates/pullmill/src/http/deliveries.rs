//! Deliveries that were taken: looked at and replayed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use pullmill_core::id::DeliveryId;
use pullmill_core::routing::Route;
use pullmill_engine::replay::Recorded;
use serde_json::{Value, json};

use super::Door;
use super::dead_letters::ReplayQuery;
use super::error::Refusal;
use super::executions::{TenantQuery, tenant};

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<TenantQuery>,
) -> Result<Json<Value>, Refusal> {
    let recorded = recorded(&door, &name, query.tenant.as_deref()).await?;
    Ok(Json(
        json!({"success": true, "delivery": summary(&recorded)}),
    ))
}

pub(super) async fn replay(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    Query(query): Query<ReplayQuery>,
) -> Result<Json<Value>, Refusal> {
    let recorded = recorded(&door, &name, query.tenant.as_deref()).await?;
    if !query.dry_run {
        door.engine.replay(&recorded, "operator").await?;
    }
    let body = json!({
        "success": true, "dry_run": query.dry_run, "delivery": summary(&recorded),
        "outcome": outcome(&recorded, query.dry_run),
    });
    Ok(Json(body))
}

async fn recorded(door: &Door, name: &str, owner: Option<&str>) -> Result<Recorded, Refusal> {
    let id =
        DeliveryId::parse(name).map_err(|error| Refusal::field("id", name, &error.to_string()))?;
    Ok(door.engine.recorded(&tenant(owner)?, &id).await?)
}

fn outcome(recorded: &Recorded, is_dry: bool) -> String {
    let prefix = if is_dry {
        "it would be put"
    } else {
        "it is put"
    };
    match &recorded.route {
        Ok(Route::Start { workflow, .. }) => {
            format!("{prefix} into its lane again, where it starts {workflow}")
        }
        Ok(Route::Ignore(reason)) | Err(reason) => {
            format!("{prefix} into its lane again, where it is ignored: {reason}")
        }
    }
}

fn summary(recorded: &Recorded) -> Value {
    let envelope = &recorded.envelope;
    json!({
        "delivery_id": envelope.delivery_id, "event": envelope.event_type, "action": envelope.action,
        "repo": envelope.about.repo, "pr_number": envelope.about.pr_number, "tenant": envelope.tenant,
        "received_at": envelope.received_at, "disposition": envelope.disposition,
    })
}
