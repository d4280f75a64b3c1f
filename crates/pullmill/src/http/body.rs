//! Reads bodies that may be too large, too slow or never end.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use super::RequestLimits;
use super::error::Refusal;

/// Reads a body of at most `most` bytes.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    most: usize,
    limits: &RequestLimits,
) -> Result<Bytes, Refusal> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        let message = "compressed bodies are not read";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "compressed", message));
    }
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|told| told.to_str().ok());
    if told
        .and_then(|told| told.parse::<usize>().ok())
        .is_some_and(|told| told > most)
    {
        return Err(too_large(most));
    }
    let begun = Instant::now();
    let mut read = BytesMut::new();
    loop {
        let deadline = deadline(begun, read.len(), limits);
        let frame = timeout_at(deadline, body.frame())
            .await
            .map_err(|_| too_slow(limits))?;
        let Some(frame) = frame else {
            return Ok(read.freeze());
        };
        let frame = frame.map_err(|_| {
            let message = "the connection ended in the middle of the body";
            Refusal::new(StatusCode::BAD_REQUEST, "truncated", message)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > most {
            return Err(too_large(most));
        }
        if read.is_empty() && body.is_end_stream() {
            // All of it in one piece, as most come: there is nothing to put together.
            return Ok(data);
        }
        read.extend_from_slice(&data);
    }
}

/// When the next piece has to be there: in time for all, and at the least rate with two seconds' grace.
fn deadline(begun: Instant, received: usize, limits: &RequestLimits) -> Instant {
    let earned = received as u64 / limits.body_rate.max(1);
    let by_rate = begun + Duration::from_secs(earned) + Duration::from_secs(2);
    by_rate.min(begun + limits.body_time)
}

fn too_large(most: usize) -> Refusal {
    let message = format!("the body has more than {most} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}

fn too_slow(limits: &RequestLimits) -> Refusal {
    let message = format!(
        "the body came too slowly: it has {} s, and at least {} bytes a second",
        limits.body_time.as_secs(),
        limits.body_rate
    );
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}
