//! Answers over HTTP, and lets things go wrong where they are to.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::{self, Caller};
use crate::fault::{SLOW, Trouble};
use crate::rest::{self, Request, Yes};
use crate::state::{Asked, State};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The connection is to be cut.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// Serves for as long as the door is open; with the door closed nobody can connect.
pub(crate) async fn run(
    listener: TcpListener,
    state: Arc<Mutex<State>>,
    mut door: watch::Receiver<bool>,
) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let mut listener = Some(listener);
    loop {
        if !*door.borrow_and_update() {
            listener = None;
            if door.changed().await.is_err() {
                return;
            }
            continue;
        }
        if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let Some(open) = &listener else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        tokio::select! {
            changed = door.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, Arc::clone(&state)));
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| answer(Arc::clone(&state), request));
    // What goes wrong is the client's to see.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, Cut> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let latency = lock(&state).latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    lock(&state).waiting += 1;
    while lock(&state).is_held {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    lock(&state).waiting -= 1;
    let header = |name: &str| head.headers.get(name)?.to_str().ok();
    let path = head.uri.path();
    let asked = Request {
        method: head.method.as_str(),
        path: path.split('/').filter(|part| !part.is_empty()).collect(),
        query: head.uri.query().unwrap_or_default(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        is_raw: header("accept").is_some_and(|accept| accept.contains("raw")),
    };
    let shared = Arc::clone(&state);
    let outcome = {
        let mut state = lock(&state);
        let outcome = decide(&mut state, header("authorization"), &asked);
        let status = match &outcome {
            Outcome::Answer(status, ..) => *status,
            Outcome::Linked(..) => 200,
            Outcome::Slow(_) | Outcome::Cut => 0,
        };
        state.asked.push(Asked {
            method: head.method.to_string(),
            path: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            is_write: rest::write_of(&asked).is_some(),
            body: asked.body,
            at,
            status,
        });
        for number in std::mem::take(&mut state.again) {
            let state = Arc::clone(&shared);
            tokio::spawn(async move { crate::webhook::send(&state, number).await });
        }
        outcome
    };
    match outcome {
        Outcome::Cut => Err(Cut),
        Outcome::Answer(status, wait, bytes) => {
            let mut response = hyper::Response::builder()
                .status(status)
                .header("content-type", "application/json; charset=utf-8");
            if let Some(wait) = wait {
                response = response.header("retry-after", wait);
            }
            response
                .body(Full::new(bytes).boxed_unsync())
                .map_err(|_| Cut)
        }
        Outcome::Linked(bytes, next) => {
            let mut response = hyper::Response::builder().status(200);
            if let Some(cursor) = next {
                let link = format!(
                    "<http://localhost/app/hook/deliveries?per_page=100&cursor={cursor}>; rel=\"next\""
                );
                response = response.header("link", link);
            }
            response
                .body(Full::new(bytes).boxed_unsync())
                .map_err(|_| Cut)
        }
        Outcome::Slow(bytes) => {
            let part = bytes.slice(..bytes.len() / 2);
            let first = stream::once(async { Ok(Frame::data(part)) });
            let rest = stream::once(async {
                tokio::time::sleep(SLOW).await;
                Ok(Frame::data(Bytes::new()))
            });
            let length = bytes.len();
            hyper::Response::builder()
                .status(201)
                .header("content-length", length)
                .body(StreamBody::new(first.chain(rest)).boxed_unsync())
                .map_err(|_| Cut)
        }
    }
}

enum Outcome {
    Answer(u16, Option<u64>, Bytes),
    Slow(Bytes),
    /// A page, and where the next one begins.
    Linked(Bytes, Option<u64>),
    Cut,
}

fn says(status: u16, message: &str) -> Outcome {
    let body = json!({"message": message, "documentation_url": "http://localhost"});
    Outcome::Answer(status, None, Bytes::from(body.to_string()))
}

fn decide(state: &mut State, authorization: Option<&str>, asked: &Request<'_>) -> Outcome {
    if let ["app-manifests", _, "conversions"] = asked.path.as_slice() {
        // Nobody signs this: the code is the proof.
        let made = rest::made_app().to_string();
        return Outcome::Answer(201, None, Bytes::from(made));
    }
    let caller = match app::caller(state, authorization) {
        Ok(caller) => caller,
        Err((status, message)) => return says(status, &message),
    };
    match trouble(state, asked) {
        None => plain(state, &caller, asked),
        Some(Trouble::Reset) => Outcome::Cut,
        Some(Trouble::DoneAndReset) => {
            plain(state, &caller, asked);
            Outcome::Cut
        }
        Some(Trouble::DoneAnd502) => {
            plain(state, &caller, asked);
            says(502, "Server Error")
        }
        Some(Trouble::Error(status)) => says(status, "Server Error"),
        Some(Trouble::Limited(status, wait)) => {
            let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            match says(status, message) {
                Outcome::Answer(status, _, bytes) => Outcome::Answer(status, wait, bytes),
                other => other,
            }
        }
        Some(Trouble::DoneAndSlow) => match plain(state, &caller, asked) {
            Outcome::Answer(_, _, bytes) if !bytes.is_empty() => Outcome::Slow(bytes),
            other => other,
        },
        Some(Trouble::TokenEnds) => {
            state.tokens.clear();
            says(401, "Bad credentials")
        }
    }
}

/// The first fault that is meant for a request.
fn trouble(state: &mut State, asked: &Request<'_>) -> Option<Trouble> {
    let write = rest::write_of(asked)?;
    let mut faults = state.faults.iter_mut();
    let fault = faults.find(|fault| fault.write == write && fault.times > 0)?;
    fault.times -= 1;
    Some(fault.trouble.clone())
}

fn plain(state: &mut State, caller: &Caller, asked: &Request<'_>) -> Outcome {
    match rest::answer(state, caller, asked) {
        Ok(Yes::Json(status, value)) => {
            Outcome::Answer(status, None, Bytes::from(Value::to_string(&value)))
        }
        Ok(Yes::Linked(value, next)) => Outcome::Linked(Bytes::from(value.to_string()), next),
        Ok(Yes::Raw(bytes)) => Outcome::Answer(200, None, bytes),
        Ok(Yes::Nothing) => Outcome::Answer(204, None, Bytes::new()),
        Err((status, message)) => says(status, &message),
    }
}
