//! Measures the store through its port beside plain SQL in the same file format, and prints rates as JSON.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::store::pack;
use pullmill_adapters::store::sqlite::SqliteStore;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::queue::{LeaseFrom, Queue as _};
use pullmill_core::ports::store::{Draft, Due, Key, Second, Store as _};
use rusqlite::{Connection, params};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Callers at a time, and records of one plain transaction.
const TOGETHER: usize = 64;
const RECORDS: usize = 40_000;
const LEASES: usize = 10;

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("the folder is missing")?;
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (enqueue, lease) = runtime.block_on(port(&folder.join("port.db")))?;
    // A file of the same format, and nobody's then.
    drop(SqliteStore::open(
        &folder.join("raw.db"),
        Arc::new(SystemClock),
    )?);
    let (raw_enqueue, raw_lease) = raw(&folder.join("raw.db"))?;
    println!(
        "{{\"enqueue\":{enqueue},\"raw_enqueue\":{raw_enqueue},\"lease\":{lease},\"raw_lease\":{raw_lease}}}"
    );
    Ok(())
}

fn body() -> Vec<u8> {
    b"{\"v\":1,\"body\":{\"name\":\"value\"}}".repeat(20)
}

/// Each record is a commit of its own; the store groups them.
async fn port(path: &Path) -> Result<(f64, f64), Failure> {
    let store = SqliteStore::open(path, Arc::new(SystemClock))?;
    let queue = QueueName::constant("work");
    let begun = Instant::now();
    let writers = (0..TOGETHER).map(|writer| {
        let (store, queue) = (&store, &queue);
        async move {
            for number in (writer..RECORDS).step_by(TOGETHER) {
                let mut draft = Draft::new(key(number), body().into());
                draft.second = Second::Due(Due {
                    queue: queue.clone(),
                    tenant: TenantId::local(),
                    at: SystemClock.now(),
                });
                let mut batch = Batch::at(SystemClock.now());
                batch.push(Write::Put {
                    draft,
                    expect: Expect::Absent,
                })?;
                store.commit(batch).await?;
            }
            Ok::<(), Failure>(())
        }
    });
    futures_util::future::try_join_all(writers).await?;
    let enqueue = rate(begun);
    let begun = Instant::now();
    let mut leased = 0;
    while leased < RECORDS {
        let from = LeaseFrom::Poll(&queue);
        let term = Duration::from_secs(60);
        let leases = store.lease(from, LEASES, term, Duration::ZERO).await?;
        leased += leases.len();
    }
    Ok((enqueue, rate(begun)))
}

fn key(number: usize) -> Key {
    Key::new(format!("T#local#X#{number:08}"), "TASK#a#0")
}

/// The same records in transactions of as many as there are callers, and leases of as many in one statement.
fn raw(path: &Path) -> Result<(f64, f64), Failure> {
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
    let enqueue = rate(begun);
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
    Ok((enqueue, rate(begun)))
}

fn rate(begun: Instant) -> f64 {
    RECORDS as f64 / begun.elapsed().as_secs_f64()
}
