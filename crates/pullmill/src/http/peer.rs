//! Who is at the door, and whether the API is for them: without keys it is for this machine alone.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Door;
use super::error::Refusal;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The network.
    Address(IpAddr),
    /// The store's own socket, or this very process: the owner of the machine.
    Owner,
}

/// Lets through whoever may use the API.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match check(&door, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn check(door: &Door, request: &Request) -> Result<(), Refusal> {
    let address = match request.extensions().get::<Peer>() {
        Some(Peer::Owner) => return Ok(()),
        Some(Peer::Address(address)) => *address,
        None => return Err(closed()),
    };
    if door.requests.check_key(&address).is_err() {
        let message = "there are too many requests from this address: 100 a second, 200 at once";
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        return Err(refusal.retry_after(1));
    }
    if !door.is_local || !address.to_canonical().is_loopback() || !is_local_host(request.headers())
    {
        return Err(closed());
    }
    // A page of some site in a browser on this machine can send forms, but not JSON without being asked first.
    let writes = request.method() != Method::GET;
    if writes && !is_json(request.headers()) {
        let message = "the body has to be sent as `content-type: application/json`";
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            message,
        ));
    }
    Ok(())
}

fn closed() -> Refusal {
    let message =
        "the API answers only on this machine, when the server listens on a loopback address";
    Refusal::new(StatusCode::FORBIDDEN, "api_is_local", message)
}

/// Whether the client meant this machine: a name that somebody else resolves to 127.0.0.1 does not.
fn is_local_host(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}
