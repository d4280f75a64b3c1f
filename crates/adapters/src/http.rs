//! Connections over HTTP/1.1 to one place, encrypted unless it is on this machine. No redirect is followed and no proxy asked here.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::Full;
use hyper::Uri;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use pullmill_core::ports::clock::Clock;
use pullmill_core::time::Monotonic;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is no address of an API.
    #[error("`{0}` is no address of an API, e.g. https://api.github.com or https://HOST/api/v3")]
    Unreadable(String),
    /// Without encryption, keys would be sent in the open.
    #[error("`{0}` is not encrypted; http:// is for a loopback address only")]
    Open(String),
    /// There is nobody to trust.
    #[error(
        "the certificates that this machine trusts cannot be read: {0}; install ca-certificates"
    )]
    Certificates(String),
}

/// A connection that takes requests.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Where an API is.
pub(crate) struct Place {
    host: String,
    port: u16,
    /// As it stands in the header `host`.
    pub(crate) authority: String,
    /// The path before every other.
    pub(crate) root: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Place {
    pub(crate) fn new(api: &str) -> Result<Self, AddressError> {
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
        })
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The name or number of the machine.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Connects; nothing is sent yet.
    pub(crate) async fn connect(&self) -> Result<Sender, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => shake(TokioIo::new(stream)).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                shake(TokioIo::new(stream.map_err(|error| error.to_string())?)).await
            }
        }
    }
}

/// The time is up.
pub(crate) struct OutOfTime;

/// Does something until a time.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    end: Monotonic,
    work: impl Future<Output = T> + Send,
) -> Result<T, OutOfTime> {
    match select(Box::pin(work), clock.sleep_until(end)).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(_) => Err(OutOfTime),
    }
}

async fn shake<S>(stream: S) -> Result<Sender, String>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let shaken = http1::handshake(stream).await;
    let (sender, connection) = shaken.map_err(|error| error.to_string())?;
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
