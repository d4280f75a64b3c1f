//! Records in one SQLite file: one process, one writer thread, group commit, and nothing acknowledged before it is on the disk.

mod lock;
mod reader;
mod schema;
mod tend;
mod write;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use pullmill_core::id::QueueName;
use pullmill_core::ports::Source;
use pullmill_core::ports::batch::Batch;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{Depth, Lease, LeaseFrom, Queue, QueueError};
use pullmill_core::ports::store::{
    Due, IndexQuery, Key, Page, Range, Record, Slice, Store, StoreError, Swept,
};
use pullmill_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::hints::Hints;
use super::sql::number;
use lock::Lock;
use reader::Readers;
use writer::Writer;

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{path} is in use by another pullmill{}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The file.
        path: PathBuf,
        /// The other process.
        pid: Option<u32>,
    },
    /// A newer program wrote it.
    #[error("{path} was written by a newer pullmill (format {found}, this one knows {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is something else.
    #[error("{path} is no pullmill store")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("{path} cannot be opened: {source}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Source,
    },
}

/// Copies the records of a file as they are at one moment into a new file, whoever has the file and works on it.
pub fn copy(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let source = Connection::open_with_flags(from, flags)?;
    let mut target = Connection::open(to)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
    // All in one step: it reads one moment, and needs not begin anew when somebody writes.
    backup.run_to_completion(i32::MAX, Duration::ZERO, None)
}

/// Records in one SQLite file.
///
/// Dropping it ends the writer after what was asked of it is done.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
    clock: Arc<dyn Clock>,
    hints: Hints,
    /// Which tenant of a queue had the last turn.
    turns: Mutex<BTreeMap<QueueName, String>>,
    // The last to go: until then the file is ours.
    _lock: Lock,
}

impl SqliteStore {
    /// Opens a file, or makes one. It belongs to this process until the store is dropped, so what others had leased is free.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let failed = |source: Source| OpenError::Failed {
            path: path.to_owned(),
            source,
        };
        let lock = Lock::take(path)?;
        let connection = Connection::open(path).map_err(|error| failed(error.into()))?;
        schema::prepare(&connection, path)?;
        schema::end_leases(&connection, clock.now()).map_err(|error| failed(error.into()))?;
        let readers = Readers::new(path);
        let writer = Writer::start(connection, path).map_err(|error| failed(error.into()))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            readers: Arc::new(readers),
            clock,
            hints: Hints::default(),
            turns: Mutex::default(),
            _lock: lock,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file and says what is wrong with it.
    pub async fn examine(&self) -> Result<Vec<String>, StoreError> {
        self.readers.run(schema::problems).await
    }

    async fn lease_due(
        &self,
        queue: &QueueName,
        max: usize,
        term: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        let now = self.clock.now();
        let name = queue.clone();
        let after = lock(&self.turns).get(queue).cloned().unwrap_or_default();
        let leased = self.writer.run(move |connection| {
            let (due, last) = write::due(connection, &name, now, max, &after)?;
            let leases = due
                .into_iter()
                .map(|key| write::lease(connection, &key, now, term));
            let leases: Vec<Lease> = leases
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()?;
            Ok((leases, last))
        });
        let (leases, last) = leased.await.map_err(unavailable)?;
        if !leases.is_empty() {
            lock(&self.turns).insert(queue.clone(), last);
        }
        Ok(leases)
    }

    /// When something of a queue is due next.
    async fn next_due(&self, queue: &QueueName) -> Result<Option<Timestamp>, StoreError> {
        let queue = queue.clone();
        let next = self.readers.run(move |connection| {
            let sql = format!(
                "{} SELECT min((SELECT min(due) FROM record WHERE queue = ?1 AND tenant = name))
                 FROM tenants WHERE name IS NOT NULL",
                reader::TENANTS
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row([queue.as_str()], |row| row.get::<_, Option<i64>>(0))
        });
        Ok(next.await?.map(Timestamp::from_millis))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let is_single = batch.writes().len() == 1;
        let packed = write::Packed::of(batch);
        let write = move |connection: &Connection| write::batch(connection, &packed);
        self.writer.run_as(is_single, write).await
    }

    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Record>>, StoreError> {
        let keys = keys.to_vec();
        let read = move |connection: &Connection| {
            let one = |key| reader::get(connection, key, now);
            keys.iter().map(one).collect()
        };
        self.readers.run(read).await
    }

    async fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Result<Slice, StoreError> {
        let (range, page) = (range.clone(), page.clone());
        let read = move |connection: &Connection| reader::list(connection, &range, &page, now);
        self.readers.run(read).await
    }

    async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, StoreError> {
        let (query, page) = (query.clone(), page.clone());
        let read = move |connection: &Connection| reader::find(connection, &query, &page, now);
        self.readers.run(read).await
    }

    async fn sweep(&self, before: Timestamp, max: usize) -> Result<Swept, StoreError> {
        let sweep = move |connection: &Connection| write::sweep(connection, before, max);
        self.writer.run(sweep).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        // The writer answers only if it is not poisoned, and the disk still takes a commit.
        self.writer
            .run(|connection| Ok(write::touch(connection)?))
            .await
    }
}

#[async_trait]
impl Queue for SqliteStore {
    async fn lease(
        &self,
        from: LeaseFrom<'_>,
        max: usize,
        term: Duration,
        wait: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        let queue = match from {
            LeaseFrom::Poll(queue) => queue,
            LeaseFrom::Hints(hints) => {
                let (hints, now) = (hints.to_vec(), self.clock.now());
                let leases = self.writer.run(move |connection| {
                    let leases = hints.into_iter().take(max).map(|hint| {
                        let lease = write::lease(connection, &hint.key, now, term)?;
                        Ok(lease.map(|lease| Lease {
                            receipt: hint.receipt,
                            ..lease
                        }))
                    });
                    leases.filter_map(Result::transpose).collect()
                });
                return leases.await.map_err(unavailable);
            }
        };
        let end = self.clock.monotonic() + wait;
        let notify = self.hints.of(queue);
        loop {
            // Asked for before looking, so that no hint falls in between.
            let hint = notify.notified();
            let leases = self.lease_due(queue, max, term).await?;
            if !leases.is_empty() || self.clock.monotonic() >= end {
                return Ok(leases);
            }
            let next = self.next_due(queue).await.map_err(unavailable)?;
            let pause = next.map_or(wait, |next| next.since(self.clock.now()));
            let until = end.min(self.clock.monotonic() + pause.max(Duration::from_millis(1)));
            let sleep = self.clock.sleep_until(until);
            if let Either::Right(_) = select(std::pin::pin!(hint), sleep).await {}
        }
    }

    async fn extend(&self, lease: &mut Lease, term: Duration) -> Result<(), QueueError> {
        let until = self.clock.now() + term;
        let (key, epoch) = (lease.record.draft.key.clone(), lease.record.epoch);
        let extend = move |connection: &Connection| {
            let sql = "UPDATE record SET held = ?1, due = ?1
                       WHERE pk = ?2 AND sk = ?3 AND epoch = ?4 AND held IS NOT NULL";
            let mut statement = connection.prepare_cached(sql)?;
            let epoch = number(epoch.0);
            Ok(statement.execute(params![until.millis(), key.pk, key.sk, epoch])?)
        };
        if self.writer.run(extend).await.map_err(unavailable)? == 0 {
            return Err(QueueError::LeaseLost);
        }
        lease.until = until;
        Ok(())
    }

    /// There is no message to forget.
    async fn settle(&self, _: Lease) -> Result<(), QueueError> {
        Ok(())
    }

    async fn wake(&self, hints: &[(Due, Key)]) -> Result<(), QueueError> {
        for (due, _) in hints {
            // A later due time too: whoever waits must wait for less.
            self.hints.tell(&due.queue);
        }
        Ok(())
    }

    async fn recover(&self, queue: &QueueName, overdue: Duration) -> Result<usize, QueueError> {
        let (name, before) = (queue.clone(), self.clock.now() - overdue);
        let count = self.readers.run(move |connection| {
            let sql = format!(
                "{} SELECT coalesce(sum((SELECT count(*) FROM
                   (SELECT 1 FROM record WHERE queue = ?1 AND tenant = name AND due <= ?2 LIMIT 100))), 0)
                 FROM tenants WHERE name IS NOT NULL",
                reader::TENANTS
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement.query_row(params![name.as_str(), before.millis()], |row| row.get::<_, i64>(0))
        });
        let count = count.await.map_err(unavailable)?;
        if count > 0 {
            self.hints.tell(queue);
        }
        Ok(usize::try_from(count).unwrap_or(0))
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, QueueError> {
        let (queue, now) = (queue.clone(), self.clock.now());
        let read = move |connection: &Connection| reader::depth(connection, &queue, now);
        self.readers.run(read).await.map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> QueueError {
    QueueError::Unavailable(error.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
