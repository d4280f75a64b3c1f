//! A store in memory that is as weak as the weakest back end may be: it refuses for no reason, loses replies, lags, and drops or doubles hints.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{Either, select};
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::Batch;
use pullmill_core::ports::blob::{BlobClass, BlobError, BlobRef, Blobs};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{Depth, Lease, LeaseFrom, Queue, QueueError};
use pullmill_core::ports::store::{
    Due, IndexQuery, Key, Page, Range, Record, Slice, Store, StoreError, Swept,
};
use pullmill_core::time::Timestamp;

use crate::records::Records;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A conflict for no reason.
    Conflict,
    /// It is refused and nothing happens.
    Unavailable,
    /// It happens, and the reply is lost.
    ReplyLost,
    /// It does not happen, and nobody knows.
    RequestLost,
    /// An index shows what it showed before; a hint comes twice.
    Stale,
}

/// Decides what goes wrong, and lets others run in between.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Called before each call with its name.
    async fn next(&self, call: &'static str) -> Fault;
}

/// Nothing goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct NoFaults;

#[async_trait]
impl Faults for NoFaults {
    async fn next(&self, _: &'static str) -> Fault {
        Fault::None
    }
}

/// What all connections to one weak store share.
#[derive(Debug, Default)]
struct Shared {
    records: Records,
    /// What the indexes show, while they lag.
    lagging: Option<Records>,
    hints: BTreeMap<QueueName, VecDeque<Key>>,
    waiting: Vec<Waker>,
    /// Grows with every change of a record.
    changes: u64,
    blobs: BTreeMap<(TenantId, BlobClass, String), (Bytes, Timestamp)>,
}

/// A connection to a weak store. Connections differ in their clocks and faults.
#[derive(Clone)]
pub struct WeakStore {
    shared: Arc<Mutex<Shared>>,
    clock: Arc<dyn Clock>,
    faults: Arc<dyn Faults>,
}

impl WeakStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>, faults: Arc<dyn Faults>) -> Self {
        Self {
            shared: Arc::default(),
            clock,
            faults,
        }
    }

    /// Another connection to the same records.
    #[must_use]
    pub fn connect(&self, clock: Arc<dyn Clock>, faults: Arc<dyn Faults>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            clock,
            faults,
        }
    }

    /// Looks at the records as they are.
    pub fn inspect<T>(&self, look: impl FnOnce(&Records) -> T) -> T {
        look(&self.shared().records)
    }

    /// How often records have changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared().changes
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, call: &'static str) -> Result<Fault, StoreError> {
        match self.faults.next(call).await {
            Fault::Unavailable | Fault::RequestLost | Fault::ReplyLost | Fault::Conflict => {
                Err(StoreError::Unavailable("the network is down".into()))
            }
            fault => Ok(fault),
        }
    }

    fn take(
        &self,
        queue: &QueueName,
        max: usize,
        term: Duration,
    ) -> (Vec<Lease>, Option<Timestamp>) {
        let now = self.clock.now();
        let mut shared = self.shared();
        let leases = shared.records.lease_due(queue, now, max, term);
        shared.changes += leases.len() as u64;
        (leases, shared.records.next_due(queue))
    }
}

#[async_trait]
impl Store for WeakStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let fault = self.faults.next("commit").await;
        match fault {
            Fault::Conflict => return Err(StoreError::Conflict(Vec::new())),
            Fault::Unavailable => return Err(StoreError::Unavailable("refused".into())),
            Fault::RequestLost => return Err(StoreError::Unknown("the request was lost".into())),
            _ => {}
        }
        let mut shared = self.shared();
        shared.lagging = (fault == Fault::Stale).then(|| shared.records.clone());
        let result = shared.records.commit(&batch).map_err(StoreError::Conflict);
        shared.changes += u64::from(result.is_ok());
        match fault {
            Fault::ReplyLost => Err(StoreError::Unknown("the reply was lost".into())),
            _ => result,
        }
    }

    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Record>>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            // One after the other, so that together they are no snapshot.
            self.read("get").await?;
            found.push(self.shared().records.get(key, now));
        }
        Ok(found)
    }

    async fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Result<Slice, StoreError> {
        self.read("list").await?;
        Ok(self.shared().records.list(range, page, now))
    }

    async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, StoreError> {
        self.read("find").await?;
        let shared = self.shared();
        let shown = shared.lagging.as_ref().unwrap_or(&shared.records);
        Ok(shown.find(query, page, now))
    }

    async fn sweep(&self, before: Timestamp, max: usize) -> Result<Swept, StoreError> {
        self.read("sweep").await?;
        Ok(self.shared().records.sweep(before, max))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read("check").await.map(drop)
    }
}

#[async_trait]
impl Queue for WeakStore {
    async fn lease(
        &self,
        from: LeaseFrom<'_>,
        max: usize,
        term: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        let fault = self.faults.next("lease").await;
        if matches!(
            fault,
            Fault::Unavailable | Fault::RequestLost | Fault::Conflict
        ) {
            return Err(QueueError::Unavailable("refused".into()));
        }
        let queue = match from {
            LeaseFrom::Poll(queue) => queue,
            LeaseFrom::Hints(hints) => {
                let now = self.clock.now();
                let mut shared = self.shared();
                let leases = hints.iter().take(max).filter_map(|hint| {
                    let mut lease = shared.records.lease(&hint.key, now, term)?;
                    lease.receipt.clone_from(&hint.receipt);
                    Some(lease)
                });
                return Ok(leases.collect());
            }
        };
        let end = self.clock.monotonic() + wait;
        loop {
            let (leases, next) = self.take(queue, max, term);
            if fault == Fault::ReplyLost && !leases.is_empty() {
                return Err(QueueError::Unavailable("the reply was lost".into()));
            }
            if !leases.is_empty() || self.clock.monotonic() >= end {
                return Ok(leases);
            }
            let pause = next.map_or(wait, |next| next.since(self.clock.now()));
            let until = end.min(self.clock.monotonic() + pause.max(Duration::from_millis(1)));
            let sleep = self.clock.sleep_until(until);
            let hint = std::pin::pin!(self.hint(queue));
            if let Either::Right(_) = select(hint, sleep).await {}
        }
    }

    async fn extend(&self, lease: &mut Lease, term: Duration) -> Result<(), QueueError> {
        let fault = self.faults.next("extend").await;
        if matches!(
            fault,
            Fault::Unavailable | Fault::RequestLost | Fault::Conflict
        ) {
            return Err(QueueError::Unavailable("refused".into()));
        }
        let until = self.clock.now() + term;
        if !self.shared().records.extend(lease, until) {
            return Err(QueueError::LeaseLost);
        }
        lease.until = until;
        Ok(())
    }

    async fn settle(&self, _: Lease) -> Result<(), QueueError> {
        Ok(())
    }

    async fn wake(&self, hints: &[(Due, Key)]) -> Result<(), QueueError> {
        for (due, key) in hints {
            let copies = match self.faults.next("wake").await {
                Fault::None => 1,
                Fault::Stale => 2,
                _ => 0,
            };
            let mut shared = self.shared();
            for _ in 0..copies {
                let hints = shared.hints.entry(due.queue.clone()).or_default();
                hints.push_back(key.clone());
            }
            shared.waiting.drain(..).for_each(Waker::wake);
        }
        Ok(())
    }

    async fn recover(&self, queue: &QueueName, overdue: Duration) -> Result<usize, QueueError> {
        let before = self.clock.now() - overdue;
        let mut shared = self.shared();
        let due = shared.records.due(queue, before, 100);
        let count = due.len();
        shared.hints.entry(queue.clone()).or_default().extend(due);
        shared.waiting.drain(..).for_each(Waker::wake);
        Ok(count)
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, QueueError> {
        Ok(self.shared().records.depth(queue, self.clock.now()))
    }
}

impl WeakStore {
    /// Waits for a hint in a queue.
    async fn hint(&self, queue: &QueueName) {
        std::future::poll_fn(|context| {
            let mut shared = self.shared();
            let hints = shared.hints.get_mut(queue);
            if hints.is_some_and(|hints| hints.pop_front().is_some()) {
                return Poll::Ready(());
            }
            shared.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[async_trait]
impl Blobs for WeakStore {
    async fn put(
        &self,
        tenant: &TenantId,
        class: BlobClass,
        body: Bytes,
    ) -> Result<BlobRef, BlobError> {
        if self.faults.next("blob").await == Fault::Unavailable {
            return Err(BlobError::Unavailable("refused".into()));
        }
        let blob = BlobRef::of(tenant, class, &body);
        let now = self.clock.now();
        let name = (tenant.clone(), class, blob.digest.clone());
        self.shared().blobs.insert(name, (body, now));
        Ok(blob)
    }

    async fn get(&self, blob: &BlobRef, at_most: u64) -> Result<Bytes, BlobError> {
        let name = (blob.tenant.clone(), blob.class, blob.digest.clone());
        let found = self.shared().blobs.get(&name).map(|(body, _)| body.clone());
        let body = found.ok_or(BlobError::Missing)?;
        if body.len() as u64 > at_most {
            return Err(BlobError::TooLarge(body.len() as u64));
        }
        Ok(body)
    }

    async fn sweep(
        &self,
        class: BlobClass,
        before: Timestamp,
        max: usize,
    ) -> Result<Swept, BlobError> {
        let mut shared = self.shared();
        let old = shared.blobs.iter();
        let old = old.filter(|((_, kind, _), (_, at))| *kind == class && *at < before);
        let old: Vec<_> = old.map(|(name, _)| name.clone()).collect();
        let removed = old.len().min(max);
        for name in &old[..removed] {
            shared.blobs.remove(name);
        }
        Ok(Swept {
            removed,
            has_more: old.len() > max,
        })
    }
}
