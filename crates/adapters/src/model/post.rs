//! One request to a provider and its answer, piece by piece, with a limit on its time, its pauses and its size (T41).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use pullmill_core::escape;
use pullmill_core::models::Limits;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::model::{ModelError, Progress};
use pullmill_core::time::Monotonic;
use serde_json::Value;

use super::{Access, Key};
use crate::http::{OutOfTime, Place, within};

/// Most bytes of an answer that is an error.
const MAX_ERROR: usize = 64 << 10;
/// Characters of an error that are passed on.
const MAX_SAID: usize = 200;
/// Longest wait that is believed.
const MAX_WAIT: f64 = 3600.0;

/// Everything that a request needs besides what it says.
pub(super) struct Call<'a> {
    pub(super) place: &'a Place,
    pub(super) access: &'a Access,
    pub(super) clock: &'a dyn Clock,
    pub(super) limits: &'a Limits,
    pub(super) progress: &'a mut dyn Progress,
}

/// What is said.
pub(super) struct Post {
    /// Behind the root of the API.
    pub(super) path: String,
    /// The header that holds the key, and what stands before it.
    pub(super) key: (&'static str, &'static str),
    /// Others.
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) body: Value,
}

/// Takes an answer in, piece by piece.
pub(super) trait Pieces: Send {
    /// A piece of a stream, or a whole answer.
    fn take(&mut self, piece: &Value) -> Result<(), ModelError>;
}

impl Call<'_> {
    /// Asks once. Gives the provider's name for the request.
    pub(super) async fn post(
        &mut self,
        post: &Post,
        pieces: &mut dyn Pieces,
    ) -> Result<Option<String>, ModelError> {
        let begun = self.clock.monotonic();
        let first = begun + self.limits.begin();
        let late = |what: &str, limit: Duration| {
            ModelError::Late(format!("{what} within {} s", limit.as_secs()))
        };
        let connected = within(self.clock, first, self.place.connect()).await;
        let mut sender = match connected {
            Ok(connected) => connected.map_err(ModelError::Unavailable)?,
            Err(OutOfTime) => return Err(late("no connection", self.limits.begin())),
        };
        let request = self.request(post)?;
        let response = match within(self.clock, first, sender.send_request(request)).await {
            Ok(response) => response.map_err(|error| ModelError::Unavailable(error.to_string()))?,
            Err(OutOfTime) => return Err(late("no answer began", self.limits.begin())),
        };
        let end = begun + self.limits.whole();
        if !response.status().is_success() {
            return Err(self.refusal(response, end).await);
        }
        let request = request_id(response.headers());
        self.read(response, end, pieces).await?;
        Ok(request)
    }

    fn request(&self, post: &Post) -> Result<Request<Full<Bytes>>, ModelError> {
        let mut request = Request::post(format!("{}{}", self.place.root, post.path))
            .header("host", &self.place.authority)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream, application/json")
            .header("accept-encoding", "identity")
            .header(
                "user-agent",
                concat!("pullmill/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in post.headers {
            request = request.header(HeaderName::from_static(name), *value);
        }
        if let Access::Key(Key(key)) = self.access {
            let (name, before) = post.key;
            let value = HeaderValue::try_from(format!("{before}{key}"));
            let mut value =
                value.map_err(|_| ModelError::Refused("the key cannot be sent".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static(name), value);
        }
        let body = Full::new(Bytes::from(post.body.to_string()));
        request
            .body(body)
            .map_err(|error| ModelError::Refused(format!("the request cannot be written: {error}")))
    }

    async fn read(
        &mut self,
        response: Response<Incoming>,
        end: Monotonic,
        pieces: &mut dyn Pieces,
    ) -> Result<(), ModelError> {
        let headers = response.headers();
        if headers
            .get("content-encoding")
            .is_some_and(|one| one != "identity")
        {
            return Err(ModelError::Unreadable("it is compressed".to_owned()));
        }
        let is_stream = headers
            .get("content-type")
            .and_then(|one| one.to_str().ok())
            .is_some_and(|one| one.starts_with("text/event-stream"));
        let mut body = response.into_body();
        let mut lines = Lines::default();
        let most = self.limits.max_answer_bytes;
        // What wraps the words of a stream is several times as long as they are.
        let room = (most as usize).saturating_mul(if is_stream { 16 } else { 2 });
        let mut received = 0_usize;
        loop {
            let pause = (self.clock.monotonic() + self.limits.pause()).min(end);
            let frame = match within(self.clock, pause, body.frame()).await {
                Ok(Some(frame)) => frame.map_err(|error| {
                    ModelError::Unavailable(format!("the answer broke off: {error}"))
                })?,
                Ok(None) => break,
                Err(OutOfTime) if self.clock.monotonic() >= end => {
                    let limit = self.limits.answer_seconds;
                    return Err(ModelError::Late(format!(
                        "it was not whole within {limit} s"
                    )));
                }
                Err(OutOfTime) => {
                    let limit = self.limits.pause_seconds;
                    return Err(ModelError::Late(format!(
                        "nothing more came within {limit} s"
                    )));
                }
            };
            // A server that drips must not keep us beyond the end.
            if self.clock.monotonic() >= end {
                let limit = self.limits.answer_seconds;
                return Err(ModelError::Late(format!(
                    "it was not whole within {limit} s"
                )));
            }
            let Ok(data) = frame.into_data() else {
                continue;
            };
            received += data.len();
            if received > room {
                return Err(ModelError::TooLarge(most));
            }
            self.progress.received(data.len());
            lines.push(&data);
            while is_stream && let Some(event) = lines.event() {
                take(&event, pieces)?;
            }
        }
        match is_stream {
            // Half an event is none: the connection broke off, which whoever puts the pieces together sees.
            true => match lines.rest().filter(|event| is_json(event)) {
                Some(event) => take(&event, pieces),
                None => Ok(()),
            },
            false => take(&lines.text(), pieces),
        }
    }

    /// What an answer means that is none.
    async fn refusal(&mut self, response: Response<Incoming>, end: Monotonic) -> ModelError {
        let status = response.status().as_u16();
        let wait = retry_after(response.headers());
        let body = Limited::new(response.into_body(), MAX_ERROR).collect();
        let body = match within(self.clock, end, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => Bytes::new(),
        };
        let said = self.said(&body);
        match status {
            401 | 403 => {
                ModelError::Refused(format!("{status}: it does not take the key for this"))
            }
            429 => ModelError::Limited(wait),
            503 | 529 if wait.is_some() => ModelError::Limited(wait),
            408 | 409 | 425 | 500..=599 => ModelError::Unavailable(format!("{status} {said}")),
            300..=399 => ModelError::Refused(format!(
                "{status}: it leads elsewhere, and that is not followed"
            )),
            _ => ModelError::Refused(format!("{status} {said}")),
        }
    }

    /// The words of an error, without the key.
    fn said(&self, body: &[u8]) -> String {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = ["/error/message", "/0/error/message", "/message", "/error"]
            .iter()
            .find_map(|place| answer.pointer(place)?.as_str());
        let mut said = escape::one_line(said.unwrap_or_default());
        if let Access::Key(Key(key)) = self.access {
            said = said.replace(key.as_str(), "…");
        }
        said.chars().take(MAX_SAID).collect()
    }
}

fn take(text: &str, pieces: &mut dyn Pieces) -> Result<(), ModelError> {
    let text = text.trim();
    if text.is_empty() || text == "[DONE]" {
        return Ok(());
    }
    let piece = serde_json::from_str(text)
        .map_err(|error| ModelError::Unreadable(format!("it is no JSON: {error}")))?;
    pieces.take(&piece)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text.trim()).is_ok()
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let names = ["request-id", "x-request-id", "apim-request-id"];
    let value = names.iter().find_map(|name| headers.get(*name))?;
    let text = value.to_str().ok()?;
    Some(escape::one_line(
        &text.chars().take(100).collect::<String>(),
    ))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let read = |name: &str, unit: f64| {
        let number: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0)
            .then(|| Duration::from_secs_f64((number * unit).min(MAX_WAIT)))
    };
    read("retry-after-ms", 0.001).or_else(|| read("retry-after", 1.0))
}

/// Server-sent events, as they come in: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// What was looked at.
    at: usize,
    data: String,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The data of the next event that is whole.
    fn event(&mut self) -> Option<String> {
        while let Some(length) = self.bytes[self.at..].iter().position(|byte| *byte == b'\n') {
            let line = &self.bytes[self.at..self.at + length];
            let line =
                String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            self.at += length + 1;
            if line.is_empty() {
                if !self.data.is_empty() {
                    return Some(std::mem::take(&mut self.data));
                }
            } else {
                self.data(&line);
            }
        }
        None
    }

    fn data(&mut self, line: &str) {
        if let Some(data) = line.strip_prefix("data:") {
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            self.data.push('\n');
        }
    }

    /// An event that no empty line has ended.
    fn rest(&mut self) -> Option<String> {
        let line = self.text();
        self.data(line.trim_end());
        Some(std::mem::take(&mut self.data)).filter(|data| !data.is_empty())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes[self.at..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    fn events(pieces: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for piece in pieces {
            lines.push(piece.as_bytes());
            while let Some(event) = lines.event() {
                events.push(event);
            }
        }
        events.extend(lines.rest());
        events
    }

    #[test]
    fn events_are_found_wherever_the_stream_is_cut() {
        let whole =
            "event: ping\ndata: {\"a\":1}\n\n: comment\r\ndata: x\r\ndata: y\r\n\r\ndata: [DONE]\n";
        let expected = ["{\"a\":1}\n", "x\ny\n", "[DONE]\n"];
        assert_eq!(events(&[whole]), expected);
        for cut in 0..whole.len() {
            assert_eq!(events(&[&whole[..cut], &whole[cut..]]), expected, "{cut}");
        }
    }
}
