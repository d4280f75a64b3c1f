//! Requests over HTTP/1.1, so close to the wire that it is known whether a request was sent.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::forge::Permit;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::MAX_ANSWER;
use super::answer::Failed;

/// Connections that are kept for later reads.
const IDLE: usize = 4;
/// How long a connection may have rested: servers close theirs after a while.
const REST: Duration = Duration::from_secs(15);
/// Redirects that a read follows: a repository that was renamed.
const MAX_REDIRECTS: usize = 2;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is no address of an API.
    #[error(
        "`{0}` is no address of GitHub's API, e.g. https://api.github.com or https://HOST/api/v3"
    )]
    Unreadable(String),
    /// Without encryption, tokens would be sent in the open.
    #[error("`{0}` is not encrypted; http:// is for a loopback address only")]
    Open(String),
    /// There is nobody to trust.
    #[error(
        "the certificates that this machine trusts cannot be read: {0}; install ca-certificates"
    )]
    Certificates(String),
}

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
    host: String,
    port: u16,
    authority: String,
    /// The path before every other.
    root: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    sender: Sender,
    since: pullmill_core::time::Monotonic,
}

type Sender = SendRequest<Full<Bytes>>;

impl Http {
    pub(super) fn new(api: &str, clock: Arc<dyn Clock>) -> Result<Self, AddressError> {
        let unreadable = || AddressError::Unreadable(api.to_owned());
        let uri: Uri = api.parse().map_err(|_| unreadable())?;
        let (scheme, authority) = (uri.scheme_str(), uri.authority().ok_or_else(unreadable)?);
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_encrypted = match scheme {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unreadable()),
        };
        if !is_encrypted && !is_loopback(&host) {
            return Err(AddressError::Open(api.to_owned()));
        }
        let tls = match is_encrypted {
            true => Some((
                connector()?,
                ServerName::try_from(host.clone()).map_err(|_| unreadable())?,
            )),
            false => None,
        };
        Ok(Self {
            port: authority
                .port_u16()
                .unwrap_or(if is_encrypted { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            root: uri.path().trim_end_matches('/').to_owned(),
            host,
            tls,
            clock,
            idle: Mutex::default(),
        })
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
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
            let root = self.root.strip_suffix("/v3").unwrap_or(&self.root);
            return format!("{root}/graphql");
        }
        format!("{}{path}", self.root)
    }

    /// Where an answer leads, if that is the same GitHub.
    fn redirect(&self, answer: &Answer) -> Option<String> {
        let location = answer.headers.get("location")?.to_str().ok()?;
        let uri: Uri = location.parse().ok()?;
        let is_same = uri
            .authority()
            .is_none_or(|one| one.as_str() == self.authority);
        is_same.then(|| uri.path_and_query().map(|path| path.as_str().to_owned()))?
    }

    async fn once(&self, ask: &Ask<'_>, path: &str, token: &str) -> Result<Answer, Failed> {
        let end = self.clock.monotonic() + ask.time;
        if ask.permit.is_none()
            && let Some(sender) = self.rested()
        {
            // A connection may have been closed meanwhile; then a new one is tried.
            let request = self.request(ask, path, token)?;
            if let Ok(answer) = self.within(end, self.exchange(sender, request)).await {
                return answer;
            }
        }
        let sender = match self.within(end, self.connect()).await {
            Ok(connected) => connected?,
            Err(OutOfTime) => return Err(Failed::NotSent("no connection in time".to_owned())),
        };
        let request = self.request(ask, path, token)?;
        if let Some(permit) = ask.permit
            && !permit.holds(self.clock.monotonic())
        {
            return Err(Failed::TooLate);
        }
        match self.within(end, self.exchange(sender, request)).await {
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
            .header("host", &self.authority)
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

    async fn connect(&self) -> Result<Sender, Failed> {
        let not_sent = |error: &dyn std::fmt::Display| Failed::NotSent(error.to_string());
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| not_sent(&error))?;
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => shake(TokioIo::new(stream)).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                shake(TokioIo::new(stream.map_err(|error| not_sent(&error))?)).await
            }
        }
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

    async fn within<T>(
        &self,
        end: pullmill_core::time::Monotonic,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, OutOfTime> {
        match select(Box::pin(work), self.clock.sleep_until(end)).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right(_) => Err(OutOfTime),
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

struct OutOfTime;

async fn shake<S>(stream: S) -> Result<Sender, Failed>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let shaken = http1::handshake(stream).await;
    let (sender, connection) = shaken.map_err(|error| Failed::NotSent(error.to_string()))?;
    // It ends with its sender, and what goes wrong is told there.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Trusts whom this machine trusts.
fn connector() -> Result<TlsConnector, AddressError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let why = match errors.as_slice() {
            [] => "there are none".to_owned(),
            errors => errors.join("; "),
        };
        return Err(AddressError::Certificates(why));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| AddressError::Certificates(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
