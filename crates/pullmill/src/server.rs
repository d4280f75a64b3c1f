//! The server: the front door, the workers and the sweeper of one process, and how they end.

mod work;

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pullmill_core::signature::Secrets;
use pullmill_engine::Engine;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::accept::{Acceptor, ConnectionLimits};
use crate::http::{self, Door};
use crate::telemetry::counters::Counters;
use crate::telemetry::meter::Meter;
use crate::wire::Watched;

/// How long what runs may go on after the server was told to end.
const GRACE: Duration = Duration::from_millis(4500);

/// What a server needs.
pub struct Server {
    /// The stages.
    pub engine: Engine,
    /// The local forge, if there is one.
    pub watched: Option<Watched>,
    /// Secrets of the webhook; none if it only works.
    pub secrets: Option<Secrets>,
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// Where it answers to the owner of the machine.
    pub socket: Option<PathBuf>,
    /// Reviews at a time.
    pub reviews: usize,
    /// Counts what models do.
    pub meter: Meter,
}

impl Server {
    /// Serves until the process is told to end. `ready` hears where it listens.
    pub async fn run(self, ready: impl FnOnce(Option<SocketAddr>)) -> io::Result<()> {
        let listener = match self.listen {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let owner = self.socket.as_deref().map(bind_owner).transpose()?;
        let ends = CancellationToken::new();
        let tasks = TaskTracker::new();
        let is_local = address.is_some_and(|address| address.ip().is_loopback());
        let is_front = self.secrets.is_some();
        let secrets = self.secrets.unwrap_or_default();
        let door = Door::new(self.engine, secrets, is_local, ends.clone(), &self.meter);
        let door = Arc::new(door);
        let router = match is_front {
            true => http::router(Arc::clone(&door)),
            false => http::health_router(Arc::clone(&door)),
        };
        let acceptor = Arc::new(Acceptor {
            limits: ConnectionLimits::default(),
            router,
            ends: ends.clone(),
            tasks: tasks.clone(),
        });
        let loops = TaskTracker::new();
        if let Some(listener) = listener {
            loops.spawn(Arc::clone(&acceptor).serve(listener, CountersOf(Arc::clone(&door))));
        }
        if let Some(owner) = owner {
            loops.spawn(Arc::clone(&acceptor).serve_owner(owner));
        }
        work::start(&door, self.reviews, &tasks);
        if let Some(watched) = self.watched {
            tasks.spawn(watched.watch(door.engine.clone(), ends.clone()));
        }
        if let Err(error) = door.engine.reconcile_soon().await {
            tracing::warn!(
                event = "reconcile.failed",
                "Deliveries that failed are not looked for: {error}"
            );
        }
        // Whoever hears that the server is ready may tell it to end at once.
        let mut signals = Signals::listen()?;
        ready(address);
        signals.told_to_end().await;
        tracing::info!(
            event = "server.ending",
            "The server ends; what runs has {GRACE:?}"
        );
        door.engine.end();
        ends.cancel();
        loops.close();
        tasks.close();
        let all = async {
            loops.wait().await;
            tasks.wait().await;
        };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!(
                event = "server.ending",
                "Something still ran; its leases run out and others go on with it"
            );
        }
        if let Some(socket) = self.socket {
            let _ = std::fs::remove_file(socket);
        }
        Ok(())
    }
}

/// The counters behind a door.
struct CountersOf(Arc<Door>);

impl AsRef<Counters> for CountersOf {
    fn as_ref(&self) -> &Counters {
        &self.0.counters
    }
}

/// The owner's socket. The store's lock is ours, so a socket that is there is nobody's.
fn bind_owner(path: &Path) -> io::Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn told_to_end(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
