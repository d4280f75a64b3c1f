//! GitHub's webhook: verified before anything is read, durable before it is acknowledged.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pullmill_core::id::DeliveryId;
use pullmill_core::signature::Signed;
use pullmill_engine::ingress::{Answer, Delivery};
use serde_json::json;
use tokio::time::timeout;

use super::error::Refusal;
use super::{Door, Peer, body};

const SIGNATURE: &str = "x-hub-signature-256";

/// Takes a delivery.
pub(super) async fn receive(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let bytes = body::read(&headers, body, door.limits.webhook_bytes, &door.limits).await?;
    verify(&door, peer, &headers, &bytes)?;
    let event = header(&headers, "x-github-event")?.to_owned();
    let id = header(&headers, "x-github-delivery")?;
    let id =
        DeliveryId::parse(id).map_err(|error| malformed(format!("x-github-delivery: {error}")))?;
    let delivery = Delivery {
        id: id.clone(),
        event,
        body: bytes,
    };
    let accepting = timeout(door.limits.durable_time, door.engine.accept(delivery));
    let Ok(answer) = accepting.await else {
        door.counters.delivery("late");
        let message = "it could not be made durable in time; send it again";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        return Err(refusal.retry_after(1));
    };
    answer_to(&door, &id, answer?)
}

fn answer_to(door: &Door, id: &DeliveryId, answer: Answer) -> Result<Response, Refusal> {
    let (status, word, reason) = match answer {
        Answer::Accepted => (StatusCode::ACCEPTED, "accepted", None),
        Answer::Duplicate => (StatusCode::OK, "duplicate", None),
        Answer::Ignored(reason) => (StatusCode::OK, "ignored", Some(reason)),
        Answer::Malformed(reason) => {
            door.counters.delivery("malformed");
            return Err(malformed(format!("the body cannot be read: {reason}")));
        }
        Answer::Mismatched => {
            door.counters.delivery("mismatched");
            tracing::warn!(delivery.id = %id, event = "delivery.mismatched", "A delivery came again with another body");
            let message = "a delivery with this id and another body was taken before";
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "body_mismatch",
                message,
            ));
        }
    };
    door.counters.delivery(word);
    tracing::debug!(delivery.id = %id, event = "delivery.taken", "Delivery {id}: {word}");
    let body = json!({"success": true, "status": word, "delivery_id": id, "reason": reason});
    Ok((status, Json(body)).into_response())
}

fn verify(door: &Door, peer: Peer, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let mut given = headers.get_all(SIGNATURE).iter();
    let signed = match (given.next(), given.next()) {
        (Some(one), None) => door.secrets.verify(one.as_bytes(), body),
        _ => Signed::No,
    };
    match signed {
        Signed::Newest => door.counters.signature("newest"),
        Signed::Older => {
            door.counters.signature("older");
            tracing::info!(
                event = "signature.older",
                "A delivery was signed with the older secret"
            );
        }
        Signed::No => {
            door.counters.signature("none");
            return Err(unverified(door, peer));
        }
    }
    Ok(())
}

fn unverified(door: &Door, peer: Peer) -> Refusal {
    let is_too_many = match peer {
        Peer::Address(address) => !door.allows_unverified(address),
        Peer::Owner => false,
    };
    if is_too_many {
        let message =
            "there are too many requests without a good signature from this address: 100 a minute";
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        return refusal.retry_after(60);
    }
    let message = "there has to be one x-hub-signature-256 header, and it has to be right";
    Refusal::new(StatusCode::UNAUTHORIZED, "bad_signature", message)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let mut given = headers.get_all(name).iter();
    match (given.next().map(|value| value.to_str()), given.next()) {
        (Some(Ok(value)), None) if !value.is_empty() && value.len() <= 128 => Ok(value),
        _ => Err(malformed(format!(
            "there has to be one {name} header of 1 to 128 characters"
        ))),
    }
}

fn malformed(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "malformed", message)
}
