//! The queue: finds due records and hands each to one holder at a time. The record is the truth; messages are hints.

use std::time::Duration;

use async_trait::async_trait;

use super::Source;
use super::store::{Due, Key, Record};
use crate::id::QueueName;
use crate::time::Timestamp;

/// A message that says that a record may be due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Where.
    pub queue: QueueName,
    /// Which.
    pub key: Key,
    /// The transport's own name for the message.
    pub receipt: Option<String>,
}

/// Where leases come from.
#[derive(Clone, Copy, Debug)]
pub enum LeaseFrom<'a> {
    /// Whatever is due in a queue.
    Poll(&'a QueueName),
    /// The records some messages name, if they are due still.
    Hints(&'a [Hint]),
}

/// Proof of holding a record: as long as nobody has a higher epoch.
///
/// Only adapters make one.
#[derive(Debug)]
pub struct Lease {
    /// The record as it was leased; its version and epoch are the holder's.
    pub record: Record,
    /// The queue it was due in.
    pub queue: QueueName,
    /// When somebody else may take it.
    pub until: Timestamp,
    /// The transport's message, if one led here.
    pub receipt: Option<String>,
}

/// Counts for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Due and free.
    pub ready: u64,
    /// Due later.
    pub delayed: u64,
    /// Held.
    pub leased: u64,
    /// Since when the oldest free one is due.
    pub oldest: Option<Timestamp>,
}

/// Why the queue did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Somebody else holds the record, or it was settled.
    #[error("the lease is lost")]
    LeaseLost,
    /// Try again later.
    #[error("the queue is not available")]
    Unavailable(#[source] Source),
}

/// Finds due records and hands each to one holder at a time. The record is the truth; messages are hints.
///
/// Every implementation passes `testkit::queue_contract!`.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Claims up to `max` due records, each by one conditional write: epoch and version grow, and it is due next at the lease's end.
    ///
    /// `Poll` waits up to `wait` for the first, and lets tenants take turns: one with many due records does not hold up one with few; `Hints` claims those still due and forgets the others.
    async fn lease(
        &self,
        from: LeaseFrom<'_>,
        max: usize,
        term: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError>;

    /// Moves the lease's end. The version stays. `LeaseLost` means that a higher epoch exists or the record was settled.
    async fn extend(&self, lease: &mut Lease, term: Duration) -> Result<(), QueueError>;

    /// Forgets the transport's message after the commit that settled the record. Losing this call is harmless.
    async fn settle(&self, lease: Lease) -> Result<(), QueueError>;

    /// Hints at records that a durable commit made due. May be lost, doubled or late.
    async fn wake(&self, hints: &[(Due, Key)]) -> Result<(), QueueError>;

    /// Hints again at records overdue for longer than `overdue`; says at how many.
    async fn recover(&self, queue: &QueueName, overdue: Duration) -> Result<usize, QueueError>;

    /// Counts for people; may lag.
    async fn depth(&self, queue: &QueueName) -> Result<Depth, QueueError>;
}
