//! What the engine asks of the world. Each port is a promise in our words; a contract suite in `testkit` holds adapters to it.

pub mod analyzer;
pub mod batch;
pub mod blob;
pub mod clock;
pub mod forge;
pub mod model;
pub mod queue;
pub mod store;

/// What lies behind a fault.
pub type Source = Box<dyn std::error::Error + Send + Sync>;
