//! What keeps a stage from doing its work.

use pullmill_core::body::BodyError;
use pullmill_core::execution::Refused;
use pullmill_core::ports::batch::BatchError;
use pullmill_core::ports::blob::BlobError;
use pullmill_core::ports::queue::QueueError;
use pullmill_core::ports::store::StoreError;

/// Why a stage could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The records kept changing, or it never became known whether they were written.
    #[error("the records are too busy; try again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A large body could not be kept or read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A batch does not hold what has to be written together.
    #[error("a mistake in pullmill: {0}")]
    Batch(#[from] BatchError),
    /// A record cannot be read.
    #[error("a record cannot be read: {0}")]
    Body(#[from] BodyError),
    /// An execution wants to change what it may not.
    #[error("a mistake in pullmill: a step of {0} earned a {1} and may not")]
    NotCapable(String, &'static str),
    /// The state of things does not allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
}
