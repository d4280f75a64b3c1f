//! Who waits in this process for which queue.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pullmill_core::id::QueueName;
use tokio::sync::Notify;

/// One bell per queue.
#[derive(Debug, Default)]
pub(super) struct Hints(Mutex<BTreeMap<QueueName, Arc<Notify>>>);

impl Hints {
    /// The bell of a queue. Listen before looking, so that no hint falls in between.
    pub(super) fn of(&self, queue: &QueueName) -> Arc<Notify> {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hints.entry(queue.clone()).or_default())
    }

    /// Rings the bell of a queue.
    pub(super) fn tell(&self, queue: &QueueName) {
        self.of(queue).notify_waiters();
    }

    /// Rings all bells: something may have been missed.
    #[cfg(feature = "postgres")]
    pub(super) fn tell_all(&self) {
        let hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hints.values().for_each(|hint| hint.notify_waiters());
    }
}
