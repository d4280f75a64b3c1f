//! The one thread that writes: it takes what has come in, runs it in one transaction, and answers when that is on the disk.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use pullmill_core::ports::store::StoreError;
use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::oneshot;

use super::tend::Tender;

/// Most operations in one transaction.
const GROUP: usize = 512;
/// Most operations that wait. One more is refused: the disk does not keep up.
const WAITING: usize = 8192;

/// Why an operation is taken back.
#[derive(Debug)]
pub(super) enum Undone {
    /// Some writes did not find what they expected.
    Conflict(Vec<usize>),
    /// SQLite said no.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Undone {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// How a transaction ended, for all operations in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It is on the disk.
    Durable,
    /// Nothing was written.
    Nothing,
    /// Nobody knows.
    Unknown,
    /// Nothing goes any more.
    Poisoned,
}

/// Something to write, and somebody who waits for it.
trait Operation: Send {
    /// Runs it; says whether what it wrote stays.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Whether it writes once at most, last of all, so that there is never something to take back.
    fn is_single(&self) -> bool;
    /// Tells the caller.
    fn answer(self: Box<Self>, ended: Ended);
}

struct Asked<F, T> {
    operation: Option<F>,
    is_single: bool,
    result: Option<Result<T, Undone>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F> Operation for Asked<F, T>
where
    F: FnOnce(&Connection) -> Result<T, Undone> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.operation.take().map(|operation| operation(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn is_single(&self) -> bool {
        self.is_single
    }

    fn answer(self: Box<Self>, ended: Ended) {
        let answer = match (self.result, ended) {
            (_, Ended::Poisoned) => Err(StoreError::Poisoned),
            // What was taken back was taken back, however the rest ended.
            (Some(Err(Undone::Conflict(places))), _) => Err(StoreError::Conflict(places)),
            (Some(Err(Undone::Failed(error))), _) => Err(StoreError::Unavailable(error.into())),
            (Some(Ok(value)), Ended::Durable) => Ok(value),
            (Some(Ok(_)), Ended::Unknown) => Err(StoreError::Unknown("the disk failed".into())),
            (None | Some(Ok(_)), _) => {
                Err(StoreError::Unavailable("the transaction failed".into()))
            }
        };
        // The caller may have gone.
        let _ = self.caller.send(answer);
    }
}

/// Hands operations to the thread.
pub(super) struct Writer {
    operations: Mutex<Option<SyncSender<Box<dyn Operation>>>>,
    thread: Option<JoinHandle<()>>,
    _tender: Arc<Tender>,
}

impl Writer {
    /// Starts the thread, and the one that tends the file.
    pub(super) fn start(connection: Connection, path: &Path) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let is_poisoned = Arc::new(AtomicBool::new(false));
        let tender = Arc::new(Tender::start(path, Arc::clone(&is_poisoned))?);
        let state = Writing {
            connection,
            receiver,
            is_poisoned,
            tender: Arc::clone(&tender),
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || state.run())?;
        Ok(Self {
            operations: Mutex::new(Some(sender)),
            thread: Some(thread),
            _tender: tender,
        })
    }

    /// Runs an operation and answers when it is durable, or taken back.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Undone> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_as(false, operation).await
    }

    /// The same for an operation that `is_single`: it writes once at most, last of all.
    pub(super) async fn run_as<T: Send + 'static>(
        &self,
        is_single: bool,
        operation: impl FnOnce(&Connection) -> Result<T, Undone> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, receiver) = oneshot::channel();
        self.send(Box::new(Asked {
            operation: Some(operation),
            is_single,
            result: None,
            caller,
        }))?;
        receiver
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown("the writer ended".into())))
    }

    fn send(&self, operation: Box<dyn Operation>) -> Result<(), StoreError> {
        let operations = self.operations.lock();
        let operations = operations.unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = operations.as_ref() else {
            return Err(StoreError::Unavailable("the store is closed".into()));
        };
        sender.try_send(operation).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable("the disk does not keep up".into()),
            TrySendError::Disconnected(_) => StoreError::Unavailable("the writer ended".into()),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let operations = self.operations.get_mut();
        operations.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread holds.
struct Writing {
    connection: Connection,
    receiver: Receiver<Box<dyn Operation>>,
    is_poisoned: Arc<AtomicBool>,
    tender: Arc<Tender>,
}

impl Writing {
    fn run(self) {
        while let Ok(first) = self.receiver.recv() {
            let (ended, run) = self.transaction(first);
            for operation in run {
                operation.answer(ended);
            }
            self.tender.after_commit(&self.connection);
        }
    }

    /// Runs what is there, up to a limit, in one transaction.
    fn transaction(&self, first: Box<dyn Operation>) -> (Ended, Vec<Box<dyn Operation>>) {
        if self.is_poisoned.load(Ordering::Acquire) {
            return (Ended::Poisoned, vec![first]);
        }
        let mut run = vec![first];
        let ended = match self.connection.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) => self.group(&mut run),
            Err(error) => self.failed(&error, Ended::Nothing),
        };
        if !self.connection.is_autocommit() {
            // If this fails too, the next BEGIN will say so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        (ended, run)
    }

    fn group(&self, run: &mut Vec<Box<dyn Operation>>) -> Ended {
        let mut place = 0;
        while place < run.len() {
            if let Err(error) = self.savepoint(run[place].as_mut()) {
                return self.failed(&error, Ended::Nothing);
            }
            place += 1;
            if place == run.len() && place < GROUP {
                run.extend(self.receiver.try_recv());
            }
        }
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => Ended::Durable,
            Err(error) => self.failed(&error, Ended::Unknown),
        }
    }

    /// Runs one operation so that it can be taken back alone, in a savepoint if need be. An error means that the whole transaction is lost.
    fn savepoint(&self, operation: &mut dyn Operation) -> rusqlite::Result<()> {
        let execute = |sql: &str| {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute([]).map(drop)
        };
        if operation.is_single() {
            // A statement that fails leaves nothing, unless it took the whole transaction with it.
            return match operation.run(&self.connection) || !self.connection.is_autocommit() {
                true => Ok(()),
                false => Err(rusqlite::Error::InvalidQuery),
            };
        }
        execute("SAVEPOINT operation")?;
        if !operation.run(&self.connection) {
            execute("ROLLBACK TO operation")?;
        }
        execute("RELEASE operation")
    }

    /// What an error of the transaction means. A disk that failed may have lost what it confirmed, so nothing goes after it.
    fn failed(&self, error: &rusqlite::Error, ended: Ended) -> Ended {
        if is_harmless(error) {
            return Ended::Nothing;
        }
        self.is_poisoned.store(true, Ordering::Release);
        ended
    }
}

/// Whether an error says that something is in the way or there is no room, and nothing that was confirmed can be lost.
pub(super) fn is_harmless(error: &rusqlite::Error) -> bool {
    /// The shared memory beside the log could not grow; it is rebuilt from the log when it is needed.
    const SHARED_MEMORY: [i32; 3] = [
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_SHMMAP,
    ];
    let Some(error) = error.sqlite_error() else {
        return false;
    };
    let is_in_the_way = matches!(
        error.code,
        ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
    );
    is_in_the_way || SHARED_MEMORY.contains(&error.extended_code)
}
