//! The server: the front door, the workers and the sweeper of one process, and how they end.

mod work;

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
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

/// How long what runs may go on after the server was told to end.
const GRACE: Duration = Duration::from_millis(4500);

/// What a server needs.
pub struct Server {
    /// The stages.
    pub engine: Engine,
    /// Secrets of the webhook.
    pub secrets: Secrets,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where it answers to the owner of the machine.
    pub socket: PathBuf,
    /// Reviews at a time.
    pub reviews: usize,
}

impl Server {
    /// Serves until the process is told to end. `ready` hears where it listens.
    pub async fn run(self, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let owner = bind_owner(&self.socket)?;
        let ends = CancellationToken::new();
        let tasks = TaskTracker::new();
        let is_local = address.ip().is_loopback();
        let door = Arc::new(Door::new(self.engine, self.secrets, is_local, ends.clone()));
        let acceptor = Arc::new(Acceptor {
            limits: ConnectionLimits::default(),
            router: http::router(Arc::clone(&door)),
            ends: ends.clone(),
            tasks: tasks.clone(),
        });
        let loops = TaskTracker::new();
        loops.spawn(Arc::clone(&acceptor).serve(listener, CountersOf(Arc::clone(&door))));
        loops.spawn(Arc::clone(&acceptor).serve_owner(owner));
        work::start(&door, self.reviews, &tasks);
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
        let _ = std::fs::remove_file(&self.socket);
        Ok(())
    }
}

/// The counters behind a door.
struct CountersOf(Arc<Door>);

impl AsRef<crate::telemetry::counters::Counters> for CountersOf {
    fn as_ref(&self) -> &crate::telemetry::counters::Counters {
        &self.0.counters
    }
}

/// The owner's socket. The store's lock is ours, so a socket that is there is nobody's.
fn bind_owner(path: &PathBuf) -> io::Result<UnixListener> {
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
