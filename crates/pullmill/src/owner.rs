//! Asks a store on behalf of the machine's owner: through the server that has it, or, if there is none, in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use pullmill_core::signature::Secrets;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::cli::{Failure, Status};
use crate::http::{self, Door, Peer};
use crate::telemetry::meter::Meter;
use crate::wire;
use crate::wire::address::Place;

/// Somebody who answers.
pub enum Owner {
    /// The server that has the store.
    Server(PathBuf, Place),
    /// This process has it for itself.
    Here(Router, Arc<Door>),
    /// This process and others, which do the work.
    Shared(Router),
}

impl Owner {
    /// Finds who has a store, or opens it.
    pub async fn find(place: &Place, reviews: usize) -> Result<Self, Failure> {
        let socket = place.socket();
        if let Some(socket) = &socket
            && Self::is_served(place).await
        {
            return Ok(Self::Server(socket.clone(), place.clone()));
        }
        let (engine, _) = wire::engine(place, reviews, None, None).await?;
        let secrets = Secrets::default();
        let (ends, meter) = (CancellationToken::new(), Meter::default());
        let door = Arc::new(Door::new(engine, secrets, true, ends, &meter));
        let router = http::router(Arc::clone(&door));
        Ok(match socket {
            Some(_) => Self::Here(router, door),
            None => Self::Shared(router),
        })
    }

    /// Whether a server has a store for itself.
    pub async fn is_served(place: &Place) -> bool {
        match place.socket() {
            Some(socket) => UnixStream::connect(socket).await.is_ok(),
            None => false,
        }
    }

    /// Whether nobody but this process does the work.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self, Self::Here(..))
    }

    /// Asks and reads the answer's JSON; an answer that says no is a failure with its message.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let body = body.map_or_else(String::new, |body| body.to_string());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .map_err(|error| Failure::new(Status::Internal, error))?;
        let response = match self {
            Self::Server(socket, place) => send(socket, place, request).await?,
            Self::Here(router, _) | Self::Shared(router) => {
                let mut request = request;
                request.extensions_mut().insert(Peer::Owner);
                match router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        };
        answer(response).await
    }

    /// Does the work that is due here until `path` says that it is over; servers and workers do their own work.
    pub async fn work_until_over(
        &self,
        path: &str,
        mut each: impl FnMut(&Value),
    ) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            if let Self::Here(_, door) = self {
                work_once(door).await?;
            }
            let wait = if self.works() { 0 } else { 10 };
            let asked = format!("{path}?after={after}&wait={wait}");
            let answer = self.ask(Method::GET, &asked, None).await?;
            for event in answer["events"].as_array().into_iter().flatten() {
                after = event["seq"].as_u64().unwrap_or(after);
                each(event);
            }
            if answer["is_over"] == true && answer["head"].as_u64() <= Some(after) {
                return Ok(());
            }
        }
    }
}

/// Handles what is due in this process.
async fn work_once(door: &Door) -> Result<(), Failure> {
    use pullmill_core::ports::queue::LeaseFrom;
    let engine = &door.engine;
    for queue in engine.queues() {
        let leases = engine
            .ports
            .queue
            .lease(
                LeaseFrom::Poll(&queue),
                1,
                engine.settings.lease,
                Duration::from_millis(20),
            )
            .await
            .map_err(|error| Failure::new(Status::Io, error))?;
        for lease in leases {
            engine
                .handle(lease)
                .await
                .map_err(|error| Failure::new(Status::Io, error))?;
        }
    }
    Ok(())
}

async fn send(
    socket: &Path,
    place: &Place,
    request: Request<Body>,
) -> Result<Response<Body>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            Status::Unavailable,
            format_args!("the server that has {place} does not answer: {error}"),
        )
    };
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| failed(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let asking = sender.send_request(request);
    // The connection has to be driven while the answer is waited for.
    let driving = tokio::spawn(connection);
    let response = asking.await.map_err(|error| failed(&error))?;
    let (head, body) = response.into_parts();
    let bytes = body
        .collect()
        .await
        .map_err(|error| failed(&error))?
        .to_bytes();
    driving.abort();
    Ok(Response::from_parts(head, Body::from(bytes)))
}

async fn answer(response: Response<Body>) -> Result<Value, Failure> {
    let status = response.status();
    let bytes = response.into_body().collect().await;
    let bytes = bytes
        .map_err(|error| Failure::new(Status::Io, error))?
        .to_bytes();
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            Status::Internal,
            format_args!("the answer is no JSON: {error}"),
        )
    })?;
    if status.is_success() {
        return Ok(value);
    }
    let message = value["error"]["message"]
        .as_str()
        .unwrap_or("it was refused")
        .to_owned();
    let kind = match status {
        StatusCode::NOT_FOUND => Status::NoInput,
        StatusCode::SERVICE_UNAVAILABLE => Status::Unavailable,
        _ if status.is_client_error() => Status::Data,
        _ => Status::Internal,
    };
    Err(Failure::new(kind, message))
}
