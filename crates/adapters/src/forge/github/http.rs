//! Requests to GitHub, so close to the wire that it is known whether a request was sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::forge::Permit;
use serde_json::Value;

use super::MAX_ANSWER;
use super::answer::Failed;
use crate::http::{AddressError, OutOfTime, Place, Sender, within};

/// Connections that are kept for later reads.
const IDLE: usize = 4;
/// How long a connection may have rested: servers close theirs after a while.
const REST: Duration = Duration::from_secs(15);
/// Redirects that a read follows: a repository that was renamed.
const MAX_REDIRECTS: usize = 2;

/// What is asked.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// With its query, from the API's root.
    pub(super) path: String,
    pub(super) accept: &'static str,
    pub(super) body: Option<Value>,
    pub(super) time: Duration,
    /// Leave to write. Whatever has none is only read.
    pub(super) permit: Option<&'a Permit>,
}

impl Ask<'_> {
    pub(super) fn get(path: &str, time: Duration) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            accept: "application/vnd.github+json",
            body: None,
            time,
            permit: None,
        }
    }

    pub(super) fn graphql(body: Value, time: Duration) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(GRAPHQL, time)
        }
    }
}

/// GraphQL is beside the REST API, not under it.
const GRAPHQL: &str = "graphql";

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Where GitHub is, and connections to it.
pub(super) struct Http {
    place: Place,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    sender: Sender,
    since: pullmill_core::time::Monotonic,
}

impl Http {
    pub(super) fn new(api: &str, clock: Arc<dyn Clock>) -> Result<Self, AddressError> {
        Ok(Self {
            place: Place::new(api)?,
            clock,
            idle: Mutex::default(),
        })
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.place.is_loopback()
    }

    /// Makes one request. A read follows redirects within GitHub; a write never does.
    pub(super) async fn ask(&self, ask: &Ask<'_>, token: &str) -> Result<Answer, Failed> {
        let mut path = self.full_path(&ask.path);
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.once(ask, &path, token).await?;
            let is_redirect = matches!(answer.status, 301 | 302 | 307 | 308);
            match self.redirect(&answer) {
                Some(next) if is_redirect && ask.permit.is_none() => path = next,
                _ => return Ok(answer),
            }
        }
        Err(Failed::Lost("it redirects in a circle".to_owned()))
    }

    fn full_path(&self, path: &str) -> String {
        if path == GRAPHQL {
            // https://HOST/api/v3 has it at /api/graphql, https://api.github.com at /graphql.
            let root = self
                .place
                .root
                .strip_suffix("/v3")
                .unwrap_or(&self.place.root);
            return format!("{root}/graphql");
        }
        format!("{}{path}", self.place.root)
    }

    /// Where an answer leads, if that is the same GitHub.
    fn redirect(&self, answer: &Answer) -> Option<String> {
        let location = answer.headers.get("location")?.to_str().ok()?;
        let uri: Uri = location.parse().ok()?;
        let is_same = uri
            .authority()
            .is_none_or(|one| one.as_str() == self.place.authority);
        is_same.then(|| uri.path_and_query().map(|path| path.as_str().to_owned()))?
    }

    async fn once(&self, ask: &Ask<'_>, path: &str, token: &str) -> Result<Answer, Failed> {
        let end = self.clock.monotonic() + ask.time;
        if ask.permit.is_none()
            && let Some(sender) = self.rested()
        {
            // A connection may have been closed meanwhile; then a new one is tried.
            let request = self.request(ask, path, token)?;
            if let Ok(answer) = within(&*self.clock, end, self.exchange(sender, request)).await {
                return answer;
            }
        }
        let sender = match within(&*self.clock, end, self.place.connect()).await {
            Ok(connected) => connected.map_err(Failed::NotSent)?,
            Err(OutOfTime) => return Err(Failed::NotSent("no connection in time".to_owned())),
        };
        let request = self.request(ask, path, token)?;
        if let Some(permit) = ask.permit
            && !permit.holds(self.clock.monotonic())
        {
            return Err(Failed::TooLate);
        }
        match within(&*self.clock, end, self.exchange(sender, request)).await {
            Ok(answer) => answer,
            Err(OutOfTime) => Err(Failed::Lost(format!(
                "no answer within {} s",
                ask.time.as_secs()
            ))),
        }
    }

    fn request(
        &self,
        ask: &Ask<'_>,
        path: &str,
        token: &str,
    ) -> Result<Request<Full<Bytes>>, Failed> {
        let body = match &ask.body {
            Some(body) => Bytes::from(body.to_string()),
            None => Bytes::new(),
        };
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(path)
            .header("host", &self.place.authority)
            .header("accept", ask.accept)
            .header("accept-encoding", "identity")
            .header(
                "user-agent",
                concat!("pullmill/", env!("CARGO_PKG_VERSION")),
            )
            .header("x-github-api-version", "2022-11-28");
        let unusable = |error: &dyn std::fmt::Display| {
            Failed::Refused(format!("the request cannot be written: {error}"))
        };
        if !token.is_empty() {
            request = request.header("authorization", bearer(token)?);
        }
        if ask.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        request
            .body(Full::new(body))
            .map_err(|error| unusable(&error))
    }

    async fn exchange(
        &self,
        mut sender: Sender,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Failed> {
        let lost = |error: &dyn std::fmt::Display| Failed::Lost(error.to_string());
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            // The request comes back if nothing of it was sent.
            Err(mut error) => {
                return Err(match error.take_message() {
                    Some(_) => Failed::NotSent(error.error().to_string()),
                    None => lost(error.error()),
                });
            }
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Failed::TooLarge,
            None => lost(&error),
        })?;
        self.keep(sender);
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    fn rested(&self) -> Option<Sender> {
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|one| now < one.since + REST && one.sender.is_ready());
        idle.pop().map(|one| one.sender)
    }

    fn keep(&self, sender: Sender) {
        let since = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(Idle { sender, since });
        }
    }
}

/// A token as it is sent; no log shows it.
fn bearer(token: &str) -> Result<HeaderValue, Failed> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|error| Failed::Refused(format!("the token cannot be sent: {error}")))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}
