//! Our own accept loop: no connection may be slow, idle or one of too many for long, and none holds up another.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pullmill_core::ports::clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::Peer;
use crate::telemetry::counters::Counters;

/// What connections may use up.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Most connections.
    pub total: usize,
    /// Most connections of one address.
    pub per_address: usize,
    /// How long the head of a request may take, and a connection may be idle.
    pub head_time: Duration,
    /// Most bytes of a head.
    pub head_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 4096,
            per_address: 512,
            head_time: Duration::from_secs(5),
            head_bytes: 64 << 10,
        }
    }
}

/// Takes connections until it is told to end.
pub struct Acceptor {
    /// What connections may use up.
    pub limits: ConnectionLimits,
    /// All routes.
    pub router: Router,
    /// Told when the server ends.
    pub ends: CancellationToken,
    /// Knows what still runs.
    pub tasks: TaskTracker,
}

/// The places for connections.
#[derive(Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place, free again when it is dropped.
struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    fn take(self: &Arc<Self>, address: IpAddr, limits: &ConnectionLimits) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = taken.values().sum();
        let own = taken.entry(address).or_default();
        if total >= limits.total || *own >= limits.per_address {
            return None;
        }
        *own += 1;
        Some(Place {
            places: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

impl Acceptor {
    /// Serves the network.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, counters: impl AsRef<Counters>) {
        let places = Arc::new(Places::default());
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.ends.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            };
            let Some(place) = places.take(address(from), &self.limits) else {
                counters.as_ref().connection("refused");
                continue;
            };
            counters.as_ref().connection("accepted");
            // Answers are small and complete; waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            let acceptor = Arc::clone(&self);
            self.tasks.spawn(async move {
                acceptor
                    .converse(stream, Peer::Address(place.address))
                    .await;
                drop(place);
            });
        }
    }

    /// Serves the owner of the machine.
    pub async fn serve_owner(self: Arc<Self>, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.ends.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let acceptor = Arc::clone(&self);
                    self.tasks
                        .spawn(async move { acceptor.converse(stream, Peer::Owner).await });
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    /// Answers the requests of one connection.
    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: Peer) {
        let router = self.router.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_buf_size(self.limits.head_bytes)
            .pipeline_flush(true);
        let service = TowerToHyperService::new(service);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            biased;
            // Whoever hangs up or sends nonsense needs no log line.
            _ = connection.as_mut() => return,
            () = self.ends.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

fn address(from: SocketAddr) -> IpAddr {
    from.ip().to_canonical()
}

/// Without descriptors left, trying again at once would only keep the processor busy.
async fn pause_after(error: &io::Error) {
    tracing::warn!(
        event = "connection.failed",
        "A connection could not be taken: {error}"
    );
    clock::sleep(&*crate::wire::clock(), Duration::from_millis(50)).await;
}
