//! The store: records, and batches of writes to them that are atomic and durable.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Source;
use super::batch::Batch;
use crate::id::{QueueName, TenantId};
use crate::time::Timestamp;

/// Names a record. Records of one partition can be listed together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The partition; starts with the tenant.
    pub pk: String,
    /// The place in it.
    pub sk: String,
}

impl Key {
    /// A key from its halves.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.pk, self.sk)
    }
}

/// Grows with every write of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// Grows with every lease of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// When a record wants attention, and whose. Ready, delayed and leased are one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which workers serve it.
    pub queue: QueueName,
    /// For whom.
    pub tenant: TenantId,
    /// Not before.
    pub at: Timestamp,
}

/// A place in an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey {
    /// What is asked for.
    pub pk: String,
    /// The order of the answers.
    pub sk: String,
}

/// The second index holds due records and statuses, so a record is there at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Second {
    /// Nothing.
    #[default]
    None,
    /// It wants attention.
    Due(Due),
    /// People ask for it by status.
    Status(IndexKey),
}

/// A record as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Its name.
    pub key: Key,
    /// JSON, tagged with its version.
    pub body: Bytes,
    /// Its place in the first index.
    pub first: Option<IndexKey>,
    /// Its place in the second index.
    pub second: Second,
    /// When it is no longer there.
    pub expires_at: Option<Timestamp>,
}

impl Draft {
    /// A record in no index and without a deadline.
    #[must_use]
    pub fn new(key: Key, body: Bytes) -> Self {
        Self {
            key,
            body,
            first: None,
            second: Second::None,
            expires_at: None,
        }
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What was written.
    pub draft: Draft,
    /// Its version then.
    pub version: Version,
    /// Its epoch then.
    pub epoch: Epoch,
    /// Its counter.
    pub count: i64,
}

/// Some records of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The partition.
    pub pk: String,
    /// How their second halves begin; empty for all.
    pub prefix: String,
}

/// Which index, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexQuery {
    /// The first index.
    First(String),
    /// Statuses of the second index.
    Status(String),
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many.
    pub limit: usize,
    /// Only what comes behind this in the list's order: the `next` of an earlier [`Slice`], or for a range any second half.
    pub after: Option<String>,
    /// Whether the list runs backwards.
    pub is_descending: bool,
}

impl Page {
    /// The first so many.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self {
            limit,
            after: None,
            is_descending: false,
        }
    }

    /// The last so many, last first.
    #[must_use]
    pub fn last(limit: usize) -> Self {
        Self {
            is_descending: true,
            ..Self::first(limit)
        }
    }

    /// The same from a cursor on.
    #[must_use]
    pub fn after(self, after: Option<String>) -> Self {
        Self { after, ..self }
    }
}

/// Part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Where the next part starts; `None` at the end.
    pub next: Option<String>,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Things removed.
    pub removed: usize,
    /// Whether more are waiting.
    pub has_more: bool,
}

/// Why the store did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Some writes did not find what they expected; nothing was written. Says which, where the back end does.
    #[error("the records have changed meanwhile")]
    Conflict(Vec<usize>),
    /// Perhaps all was written, perhaps nothing. Read again.
    #[error("it is not known whether it was written")]
    Unknown(#[source] Source),
    /// Nothing was written or read.
    #[error("the store is not available")]
    Unavailable(#[source] Source),
    /// The disk may have lost what it confirmed. Nothing goes until the store is opened and checked anew.
    #[error("the store could not make a write durable and must be opened anew")]
    Poisoned,
}

/// Holds records.
///
/// Every implementation passes `testkit::store_contract!`.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes a batch wholly or not at all. After `Ok` it survives the loss of power.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Reads records, in the order of the keys. Each is the newest; together they are no snapshot.
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Record>>, StoreError>;

    /// Reads part of a partition in the order of its second halves. Sees every commit that ended before.
    async fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Result<Slice, StoreError>;

    /// Looks records up in an index. May lag, so it never decides anything.
    async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, StoreError>;

    /// Removes records whose deadline was before `before`.
    async fn sweep(&self, before: Timestamp, max: usize) -> Result<Swept, StoreError>;

    /// Says whether it works.
    async fn check(&self) -> Result<(), StoreError>;
}
