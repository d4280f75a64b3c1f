//! Attempts to deliver webhooks: listed, and made once more.

use serde_json::{Value, json};

use super::{Yes, missing, parameter};
use crate::app::No;
use crate::state::State;

/// Attempts to deliver, newest first, page by page.
pub(super) fn attempts(state: &State, query: &str) -> Yes {
    let number = |name: &str, or: u64| {
        parameter(query, name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(or)
    };
    let (size, before) = (
        number("per_page", 30).clamp(1, 100),
        number("cursor", u64::MAX),
    );
    let mut older = state.attempts.iter().rev().filter(|one| one.id < before);
    let page: Vec<Value> = older
        .by_ref()
        .take(usize::try_from(size).unwrap_or(100))
        .filter_map(|one| {
            let delivery = state.deliveries.get(one.delivery)?;
            Some(json!({
                "id": one.id, "guid": delivery.id, "event": delivery.event, "action": delivery.action,
                "delivered_at": crate::state::rfc3339(one.at), "status_code": one.status,
                "status": if (200..300).contains(&one.status) { "OK" } else { "failed" },
            }))
        })
        .collect();
    let last = page.last().and_then(|one| one["id"].as_u64());
    let next = older.next().and(last);
    Yes::Linked(json!(page), next)
}

pub(super) fn attempt_again(state: &mut State, id: &str) -> Result<Yes, No> {
    let wanted: u64 = id.parse().map_err(|_| missing())?;
    let attempt = state
        .attempts
        .iter()
        .find(|one| one.id == wanted)
        .ok_or_else(missing)?;
    state.again.push(attempt.delivery);
    Ok(Yes::Json(202, json!({})))
}
