//! What GitHub's answers mean: done, refused, too much asked, or nobody knows.

use std::time::Duration;

use hyper::header::HeaderMap;
use pullmill_core::ports::forge::{ForgeError, SendError};
use pullmill_core::time::Timestamp;
use serde_json::Value;

use super::http::Answer;

/// How long to wait if GitHub does not say: its "Best practices for using the REST API" ask for a minute at least.
const WAIT: Duration = Duration::from_secs(60);
/// Longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_secs(2 * 3600);

/// Why there is no answer that can be used.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no such thing.
    NotFound(String),
    /// It is not allowed, or makes no sense.
    Refused(String),
    /// Too much was asked.
    Limited(Duration),
    /// The request was not sent.
    NotSent(String),
    /// The request was sent, and perhaps done.
    Lost(String),
    /// The permit was over.
    TooLate,
    /// The answer is too large.
    TooLarge,
}

impl From<Failed> for ForgeError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotFound(what) => Self::NotFound(what),
            Failed::Refused(why) => Self::Refused(why),
            Failed::Limited(wait) => Self::Limited(wait),
            Failed::NotSent(why) | Failed::Lost(why) => Self::Unavailable(why),
            Failed::TooLate => Self::Unavailable("there was no time left".to_owned()),
            Failed::TooLarge => Self::Refused("its answer is too large".to_owned()),
        }
    }
}

impl From<Failed> for SendError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotFound(what) => Self::Refused(format!("there is no {what}")),
            Failed::Refused(why) => Self::Refused(why),
            Failed::Limited(wait) => Self::Limited(wait),
            Failed::NotSent(why) => Self::NotSent(why),
            Failed::Lost(why) => Self::Unknown(why),
            Failed::TooLate => Self::TooLate,
            Failed::TooLarge => Self::Unknown("its answer is too large".to_owned()),
        }
    }
}

/// Lets through what was done.
pub(super) fn checked(answer: Answer, now: Timestamp) -> Result<Answer, Failed> {
    let said = message(&answer.body);
    match answer.status {
        200..=299 => Ok(answer),
        403 | 429 if is_limit(&answer, &said) => Err(Failed::Limited(wait(&answer.headers, now))),
        404 | 410 => Err(Failed::NotFound(format!("such thing ({said})"))),
        401 => Err(Failed::NotSent(format!(
            "it does not take our token: {said}"
        ))),
        500..=599 => Err(Failed::Lost(format!(
            "it answered {}: {said}",
            answer.status
        ))),
        status => Err(Failed::Refused(format!("{status} {said}"))),
    }
}

fn is_limit(answer: &Answer, said: &str) -> bool {
    answer.status == 429
        || answer.headers.contains_key("retry-after")
        || number(&answer.headers, "x-ratelimit-remaining") == Some(0)
        || said.to_ascii_lowercase().contains("rate limit")
}

/// `retry-after` first, then the reset of the limit, then a minute.
fn wait(headers: &HeaderMap, now: Timestamp) -> Duration {
    let asked = match number(headers, "retry-after") {
        Some(seconds) => Duration::from_secs(seconds),
        None if number(headers, "x-ratelimit-remaining") == Some(0) => {
            let reset = number(headers, "x-ratelimit-reset").unwrap_or(0);
            let reset = i64::try_from(reset).unwrap_or(0).saturating_mul(1000);
            Timestamp::from_millis(reset)
                .since(now)
                .max(Duration::from_secs(1))
        }
        None => WAIT,
    };
    asked.min(MAX_WAIT)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// What GitHub says in an error, in one short line.
fn message(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut said = value["message"]
        .as_str()
        .unwrap_or("without a message")
        .to_owned();
    for error in value["errors"].as_array().into_iter().flatten().take(3) {
        let text = error
            .as_str()
            .map_or_else(|| error.to_string(), str::to_owned);
        said.push_str("; ");
        said.push_str(&text);
    }
    let said: String = said
        .chars()
        .filter(|one| !one.is_control())
        .take(300)
        .collect();
    said
}

/// The data of a GraphQL answer.
pub(super) fn graphql(mut answer: Value) -> Result<Value, Failed> {
    let errors = answer["errors"]
        .as_array()
        .filter(|errors| !errors.is_empty());
    let Some(error) = errors.and_then(|errors| errors.first()) else {
        return Ok(answer["data"].take());
    };
    let said: String = error["message"]
        .as_str()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect();
    Err(match error["type"].as_str() {
        Some("NOT_FOUND") => Failed::NotFound(format!("such thing ({said})")),
        Some("RATE_LIMITED") => Failed::Limited(WAIT),
        _ if said.to_ascii_lowercase().contains("rate limit") => Failed::Limited(WAIT),
        Some("FORBIDDEN" | "UNPROCESSABLE") => Failed::Refused(said),
        _ => Failed::Lost(said),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer {
            status,
            headers: map,
            body: Bytes::from(body.to_owned()),
        }
    }

    fn limited(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Option<u64> {
        let now = Timestamp::from_millis(1_000_000_000);
        match checked(answer(status, headers, body), now) {
            Err(Failed::Limited(wait)) => Some(wait.as_secs()),
            _ => None,
        }
    }

    #[test]
    fn i17_what_github_says_about_waiting_is_obeyed() {
        let secondary = r#"{"message":"You have exceeded a secondary rate limit"}"#;
        assert_eq!(limited(403, &[("retry-after", "17")], secondary), Some(17));
        assert_eq!(limited(429, &[("retry-after", "5")], "{}"), Some(5));
        assert_eq!(limited(403, &[], secondary), Some(60));
        assert_eq!(limited(429, &[], "{}"), Some(60));
        let reset = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1000120"),
        ];
        assert_eq!(limited(403, &reset, "{}"), Some(120));
        assert_eq!(
            limited(403, &[], r#"{"message":"Resource not accessible"}"#),
            None
        );
    }

    #[test]
    fn only_what_was_surely_not_done_is_said_to_be_so() {
        let now = Timestamp::default();
        let fails = |status| checked(answer(status, &[], "{}"), now).err();
        assert!(matches!(fails(502), Some(Failed::Lost(_))));
        assert!(matches!(fails(422), Some(Failed::Refused(_))));
        assert!(matches!(fails(404), Some(Failed::NotFound(_))));
        assert!(fails(201).is_none());
    }
}
