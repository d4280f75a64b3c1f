//! The only place that names adapters of ports: turns a store's address into an engine.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use pullmill_adapters::blob::folder::FolderBlobs;
use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::store::sqlite::{OpenError, SqliteStore};
use pullmill_core::ports::clock::Clock;
use pullmill_engine::agents::Agent;
use pullmill_engine::agents::snippet::SnippetAgent;
use pullmill_engine::{Engine, Ports, Settings, workflow};

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

/// Opens a store and puts an engine on it. `reviews` is how many run at a time.
pub fn engine(address: &StoreAddress, reviews: usize) -> Result<Engine, OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let StoreAddress::Sqlite(path) = address;
    let store = Arc::new(SqliteStore::open(path, Arc::clone(&clock))?);
    let ports = Ports {
        store: store.clone(),
        queue: store,
        blobs: Arc::new(FolderBlobs::new(address.blobs())),
        clock,
    };
    let analyzer = Arc::new(ChildReviews::new(reviews));
    let blobs = Arc::clone(&ports.blobs);
    let agent: Arc<dyn Agent> = Arc::new(SnippetAgent::new(analyzer, blobs));
    let plans = [workflow::snippet_review()];
    let agents = [(workflow::static_agent(), agent)];
    Ok(Engine::new(ports, Settings::default(), plans, agents))
}
