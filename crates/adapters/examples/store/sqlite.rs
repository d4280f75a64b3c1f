//! SQLite: the port groups commits; plain SQL has transactions of as many records as there are callers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::store::pack;
use pullmill_adapters::store::sqlite::SqliteStore;
use pullmill_core::ports::clock::Clock as _;
use rusqlite::{Connection, params};

use super::{Failure, LEASES, Rates, TOGETHER, body, key, rate, through_the_port};

const RECORDS: usize = 40_000;

/// The port, and plain SQL.
pub(super) async fn measure(folder: &Path) -> Result<(Rates, Rates), Failure> {
    let open = |name| SqliteStore::open(&folder.join(name), Arc::new(SystemClock));
    let ours = through_the_port(&open("port.db")?, RECORDS).await?;
    // A file of the same format, and nobody's then.
    drop(open("raw.db")?);
    Ok((ours, raw(&folder.join("raw.db"))?))
}

/// The same records in transactions of as many as there are callers, and leases of as many in one statement.
fn raw(path: &Path) -> Result<Rates, Failure> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;",
    )?;
    let body = pack::pack(&body());
    let begun = Instant::now();
    for first in (0..RECORDS).step_by(TOGETHER) {
        let transaction = connection.transaction()?;
        for number in first..(first + TOGETHER).min(RECORDS) {
            let key = key(number);
            let sql = "INSERT INTO record (pk, sk, version, queue, tenant, due, body)
                       VALUES (?1, ?2, 1, 'work', 'local', ?3, ?4)";
            let mut insert = transaction.prepare_cached(sql)?;
            insert.execute(params![key.pk, key.sk, SystemClock.now().millis(), body])?;
        }
        transaction.commit()?;
    }
    let enqueue = rate(RECORDS, begun);
    let begun = Instant::now();
    let mut leased = 0;
    while leased < RECORDS {
        let now = SystemClock.now().millis();
        let sql = "UPDATE record SET due = ?1, held = ?1, epoch = epoch + 1, version = version + 1
                   WHERE id IN
                     (SELECT id FROM record WHERE queue = 'work' AND tenant = 'local' AND due <= ?2
                      ORDER BY due LIMIT ?3)
                   RETURNING pk, sk, body";
        let mut update = connection.prepare_cached(sql)?;
        let limit = i64::try_from(LEASES)?;
        let values = params![now + 60_000, now, limit];
        let rows = update.query_map(values, |row| row.get::<_, String>(0))?;
        leased += rows.collect::<Result<Vec<_>, _>>()?.len();
    }
    let lease = rate(RECORDS, begun);
    Ok(Rates { enqueue, lease })
}
