//! Answers that say no: one envelope, a stable code, and what is allowed.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pullmill_core::time::Timestamp;
use pullmill_engine::EngineError;
use serde_json::{Value, json};

/// An answer that says no.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Value,
    retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: json!({}),
            retry_after: None,
        }
    }

    /// A field with a value that is not allowed.
    pub(super) fn field(name: &str, found: &str, allowed: &str) -> Self {
        let found: String = found
            .chars()
            .take(100)
            .flat_map(char::escape_default)
            .collect();
        let message = format!("`{name}` is `{found}`; {allowed}");
        Self {
            details: json!({"field": name, "value": found, "allowed": allowed}),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", message)
        }
    }

    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // The envelope is written where the request's name is known.
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the envelope of an answer that says no.
pub(super) async fn complete(response: &mut Response, id: &str, now: Timestamp) {
    let status = response.status();
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal,
        // Those of the framework: a path or query that does not fit.
        None if status.is_client_error() => {
            let body = std::mem::replace(response.body_mut(), Body::empty());
            let bytes = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Refusal::new(status, "bad_request", text)
        }
        None => return,
    };
    let body = json!({
        "success": false,
        "error": {"code": refusal.code, "message": refusal.message, "details": refusal.details},
        "request_id": id,
        "timestamp": now,
    });
    let text = body.to_string();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    *response.body_mut() = Body::from(text);
}

pub(super) async fn no_such_path() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this path",
    )
}

pub(super) async fn no_such_method() -> Refusal {
    let message = "this path does not answer to that method";
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    )
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::NotFound(what) => {
                let message = format!("there is no {what}");
                Self::new(StatusCode::NOT_FOUND, "not_found", message)
            }
            EngineError::Refused(refused) => {
                Self::new(StatusCode::CONFLICT, "wrong_status", refused.to_string())
            }
            EngineError::Busy
            | EngineError::Store(_)
            | EngineError::Queue(_)
            | EngineError::Blob(_) => {
                tracing::error!(
                    event = "store.failed",
                    "The store failed: {}",
                    chain(&error)
                );
                let message = "it could not be made durable; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).retry_after(1)
            }
            EngineError::Batch(_) | EngineError::Body(_) | EngineError::NotCapable(..) => {
                tracing::error!(event = "engine.failed", "{error}");
                let message = "a mistake in pullmill; the log has the details";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
