//! The thread that tends the file: checkpoints while others write, and one look at the whole file after it was opened.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::schema;
use super::writer::is_harmless;

/// How long commits gather before a checkpoint.
const PAUSE: Duration = Duration::from_millis(250);
/// With more pages in the log, the writer starts it anew: 32 MiB.
const LONG: i64 = 8192;

/// Tends a file until it is dropped.
pub(super) struct Tender {
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signals {
    /// Something was committed since the last checkpoint.
    has_work: AtomicBool,
    /// The log is long.
    is_long: AtomicBool,
    ends: AtomicBool,
}

impl Tender {
    /// Starts the thread.
    pub(super) fn start(path: &Path, is_poisoned: Arc<AtomicBool>) -> std::io::Result<Self> {
        let signals = Arc::new(Signals::default());
        let (path, shared) = (path.to_owned(), Arc::clone(&signals));
        let thread = std::thread::Builder::new()
            .name("sqlite-tender".to_owned())
            .spawn(move || {
                if tend(&path, &shared).is_err() {
                    is_poisoned.store(true, Ordering::Release);
                }
            })?;
        Ok(Self {
            signals,
            thread: Some(thread),
        })
    }

    /// Called by the writer between two transactions.
    pub(super) fn after_commit(&self, connection: &Connection) {
        if self.signals.is_long.swap(false, Ordering::AcqRel) {
            // Nearly all of it is in the file already, so this is short. If readers are in the way, the next one does it.
            let _ = checkpoint(connection, "RESTART");
        }
        if !self.signals.has_work.swap(true, Ordering::AcqRel)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
    }
}

impl Drop for Tender {
    fn drop(&mut self) {
        self.signals.ends.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// What was found to be wrong with the file.
#[derive(Debug)]
struct Damaged;

impl From<rusqlite::Error> for Damaged {
    fn from(_: rusqlite::Error) -> Self {
        Self
    }
}

fn tend(path: &Path, signals: &Signals) -> Result<(), Damaged> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL;")?;
    if !schema::is_sound(&connection)? {
        return Err(Damaged);
    }
    loop {
        while !signals.has_work.load(Ordering::Acquire) {
            if signals.ends.load(Ordering::Acquire) {
                return Ok(());
            }
            std::thread::park();
        }
        std::thread::park_timeout(PAUSE);
        signals.has_work.store(false, Ordering::Release);
        match checkpoint(&connection, "PASSIVE") {
            Ok(pages) => signals.is_long.store(pages > LONG, Ordering::Release),
            // No room, or somebody in the way: the log has it all, so later is early enough.
            Err(error) if is_harmless(&error) => {}
            Err(_) => return Err(Damaged),
        }
    }
}

/// Brings the log into the file as far as nobody is in the way; says how many pages the log has.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<i64> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    connection.query_row(&sql, [], |row| row.get(1))
}
