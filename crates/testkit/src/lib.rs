//! What tests share: the contract of each port, a store that is as weak as the weakest back end, and clocks and chance that obey.

pub mod blobs;
pub mod chance;
pub mod clock;
pub mod models;
pub mod moto;
pub mod postgres;
pub mod queue;
pub mod records;
pub mod store;
pub mod weak;

#[doc(hidden)]
pub use pullmill_core;

use std::sync::Arc;

use pullmill_core::ports::blob::Blobs;
use pullmill_core::ports::queue::Queue;
use pullmill_core::ports::store::Store;

use clock::ManualClock;

/// An adapter under test, on records nobody else uses, with a clock that the test moves.
pub struct Subject {
    /// Its records.
    pub store: Arc<dyn Store>,
    /// The same records as a queue.
    pub queue: Arc<dyn Queue>,
    /// The clock it was given.
    pub clock: Arc<ManualClock>,
    /// Whether its back end removes by itself what is past its deadline, so that a sweep has nothing to do.
    pub forgets: bool,
    /// What must live as long as the test: a folder, a server.
    pub keeps: Box<dyn std::any::Any + Send>,
}

/// Blobs under test, with a clock that the test moves.
pub struct BlobSubject {
    /// The blobs.
    pub blobs: Arc<dyn Blobs>,
    /// What must live as long as the test.
    pub keeps: Box<dyn std::any::Any + Send>,
}

/// One test per scenario of a contract; `$open` is an async function that gives a subject.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract {
    ($suite:ident, $open:path, [$($name:ident),* $(,)?]) => {
        $(
            #[tokio::test]
            async fn $name() {
                let subject = $open().await;
                $crate::$suite::$name(&subject).await;
            }
        )*
    };
}
