//! The only place that names adapters of ports: turns a store's address into an engine, and looks at stores as files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pullmill_adapters::blob::folder::FolderBlobs;
use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::store::sqlite::{self, OpenError, SqliteStore};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::store::Store as _;
use pullmill_engine::agents::Agent;
use pullmill_engine::agents::snippet::SnippetAgent;
use pullmill_engine::{Engine, Ports, Settings, workflow};
use rustix::fs::Mode;

use crate::cli::{Failure, Status};
use crate::session::submitted::ChildReviews;

/// Where records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// One file.
    Sqlite(PathBuf),
}

impl StoreAddress {
    /// The file of a store that has one.
    #[must_use]
    pub fn file(&self) -> &PathBuf {
        match self {
            Self::Sqlite(path) => path,
        }
    }

    /// Something beside the store's file.
    #[must_use]
    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.file().as_os_str().to_owned();
        name.push(ending);
        name.into()
    }

    /// Where a running server answers to this machine's owner.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.beside(".sock")
    }

    /// The folder of its blobs.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.beside(".blobs")
    }
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => Err("a store is written sqlite:FILE".to_owned()),
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(out, "sqlite:{}", path.display()),
        }
    }
}

/// The clocks of this machine.
#[must_use]
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Keeps what this process makes from now on to the account it runs under: records hold other people's code.
pub fn keep_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Opens a store and puts an engine on it. `reviews` is how many run at a time.
pub fn engine(address: &StoreAddress, reviews: usize) -> Result<Engine, Failure> {
    keep_private();
    let StoreAddress::Sqlite(path) = address;
    let store = SqliteStore::open(path, clock()).map_err(|error| failure(&error))?;
    let store = Arc::new(store);
    let ports = Ports {
        store: store.clone(),
        queue: store,
        blobs: Arc::new(FolderBlobs::new(address.blobs())),
        clock: clock(),
    };
    let analyzer = Arc::new(ChildReviews::new(reviews));
    let blobs = Arc::clone(&ports.blobs);
    let agent: Arc<dyn Agent> = Arc::new(SnippetAgent::new(analyzer, blobs));
    let plans = [workflow::snippet_review()];
    let agents = [(workflow::static_agent(), agent)];
    Ok(Engine::new(ports, Settings::default(), plans, agents))
}

/// Copies the records of a file as they are at one moment, whoever works on it.
pub fn copy_records(from: &Path, to: &Path) -> Result<(), Failure> {
    sqlite::copy(from, to).map_err(|error| {
        Failure::new(
            Status::Io,
            format_args!("the records cannot be copied: {error}"),
        )
    })
}

/// Reads all of a file that nobody else has; says what is wrong with it, and how long a durable write takes.
pub async fn examine(path: &Path) -> Result<(Vec<String>, Duration), Failure> {
    let unusable =
        |error| Failure::new(Status::Io, format_args!("the file cannot be used: {error}"));
    let store = SqliteStore::open(path, clock()).map_err(|error| failure(&error))?;
    let problems = store.examine().await.map_err(unusable)?;
    let begun = Instant::now();
    store.check().await.map_err(unusable)?;
    Ok((problems, begun.elapsed()))
}

/// What to tell somebody whose store cannot be opened.
fn failure(error: &OpenError) -> Failure {
    let status = match error {
        OpenError::InUse { .. } => Status::Unavailable,
        OpenError::Newer { .. } | OpenError::Foreign { .. } => Status::Data,
        OpenError::Failed { .. } => Status::Io,
    };
    Failure::new(status, error)
}
