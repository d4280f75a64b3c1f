//! The writing statements. Each runs on the writer's connection, inside a savepoint of its own.

use std::time::Duration;

use pullmill_core::id::QueueName;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;
use pullmill_core::ports::store::{Draft, Key, Second, Swept};
use pullmill_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::reader::{COLUMNS, record};
use super::writer::Undone;
use crate::store::pack;
use crate::store::sql::number;

/// A batch whose bodies are packed already, so that the writer need not.
pub(super) struct Packed {
    batch: Batch,
    bodies: Vec<Vec<u8>>,
}

impl Packed {
    /// Packs the bodies of a batch.
    pub(super) fn of(batch: Batch) -> Self {
        let body = |write: &Write| match write {
            Write::Put { draft, .. } => pack::pack(&draft.body),
            _ => Vec::new(),
        };
        let bodies = batch.writes().iter().map(body).collect();
        Self { batch, bodies }
    }
}

/// Applies a batch, or says which writes did not find what they expected.
pub(super) fn batch(connection: &Connection, packed: &Packed) -> Result<(), Undone> {
    let now = packed.batch.now();
    let mut failed = Vec::new();
    let writes = packed.batch.writes().iter().zip(&packed.bodies);
    for (place, (write, body)) in writes.enumerate() {
        if !apply(connection, write, body, now)? {
            failed.push(place);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Undone::Conflict(failed))
    }
}

/// Applies one write; says whether it found what it expected.
fn apply(
    connection: &Connection,
    write: &Write,
    body: &[u8],
    now: Timestamp,
) -> rusqlite::Result<bool> {
    match write {
        Write::Put { draft, expect } => put(connection, draft, body, *expect, now),
        Write::Delete { key, expect } => delete(connection, key, *expect, now),
        Write::Check { key, expect } => check(connection, key, *expect, now),
        Write::Poke { key, due } => {
            let sql = "INSERT INTO record (pk, sk, version, queue, tenant, due, body)
                       VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)
                       ON CONFLICT (pk, sk) DO UPDATE SET
                         version = version + 1,
                         queue = coalesce(queue, excluded.queue),
                         tenant = coalesce(tenant, excluded.tenant),
                         due = CASE WHEN held IS NULL THEN excluded.due ELSE due END,
                         second_pk = NULL, second_sk = NULL";
            let (queue, tenant) = (due.queue.as_str(), due.tenant.as_str());
            let empty = pack::pack(b"");
            let values = params![key.pk, key.sk, queue, tenant, due.at.millis(), empty];
            execute(connection, sql, values).map(|_| true)
        }
        Write::Add {
            key,
            delta,
            within,
            expires_at,
        } => {
            // The first row is for a counter that is not there, so its own bounds have to be seen to.
            if !within.contains(delta) && !exists(connection, key, now)? {
                return Ok(false);
            }
            let sql = "INSERT INTO record (pk, sk, version, count, expires_at, body)
                       VALUES (?1, ?2, 1, ?3, ?4, ?5)
                       ON CONFLICT (pk, sk) DO UPDATE SET
                         version = version + 1,
                         count = CASE WHEN expires_at <= ?6 THEN ?3 ELSE count + ?3 END,
                         expires_at = excluded.expires_at
                       WHERE CASE WHEN expires_at <= ?6 THEN ?3 ELSE count + ?3 END
                         BETWEEN ?7 AND ?8";
            let expires_at = expires_at.map(Timestamp::millis);
            let empty = pack::pack(b"");
            let (least, most) = (within.start(), within.end());
            let now = now.millis();
            let values = params![key.pk, key.sk, delta, expires_at, empty, now, least, most];
            Ok(execute(connection, sql, values)? == 1)
        }
    }
}

fn put(
    connection: &Connection,
    draft: &Draft,
    body: &[u8],
    expect: Expect,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let (queue, tenant, due) = match &draft.second {
        Second::Due(due) => (
            Some(due.queue.as_str()),
            Some(due.tenant.as_str()),
            Some(due.at.millis()),
        ),
        _ => (None, None, None),
    };
    let status = match &draft.second {
        Second::Status(status) => Some(status),
        _ => None,
    };
    let first = draft.first.as_ref();
    let (wanted, sql) = match expect {
        Expect::Absent => (0, PUT_NEW),
        Expect::Version(version) => (version.0, PUT_VERSION),
        Expect::Epoch(epoch) => (epoch.0, PUT_EPOCH),
    };
    let values = params![
        draft.key.pk,
        draft.key.sk,
        queue,
        tenant,
        due,
        first.map(|index| &index.pk),
        first.map(|index| &index.sk),
        status.map(|index| &index.pk),
        status.map(|index| &index.sk),
        draft.expires_at.map(Timestamp::millis),
        body,
        now.millis(),
        number(wanted),
    ];
    Ok(execute(connection, sql, values)? == 1)
}

const PUT_NEW: &str = "
    INSERT INTO record (pk, sk, version, queue, tenant, due, first_pk, first_sk, second_pk, second_sk, expires_at, body)
    VALUES (?1, ?2, 1 + ?13, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (pk, sk) DO UPDATE SET
      version = version + 1, count = 0, held = NULL, queue = ?3, tenant = ?4, due = ?5, first_pk = ?6, first_sk = ?7,
      second_pk = ?8, second_sk = ?9, expires_at = ?10, body = ?11
    WHERE expires_at <= ?12";

const PUT_VERSION: &str = "
    UPDATE record SET
      version = version + 1, held = NULL, queue = ?3, tenant = ?4, due = ?5, first_pk = ?6, first_sk = ?7,
      second_pk = ?8, second_sk = ?9, expires_at = ?10, body = ?11
    WHERE pk = ?1 AND sk = ?2 AND version = ?13 AND (expires_at IS NULL OR expires_at > ?12)";

const PUT_EPOCH: &str = "
    UPDATE record SET
      version = version + 1, held = NULL, queue = ?3, tenant = ?4, due = ?5, first_pk = ?6, first_sk = ?7,
      second_pk = ?8, second_sk = ?9, expires_at = ?10, body = ?11
    WHERE pk = ?1 AND sk = ?2 AND epoch = ?13 AND (expires_at IS NULL OR expires_at > ?12)";

fn delete(
    connection: &Connection,
    key: &Key,
    expect: Expect,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let is_expected = check(connection, key, expect, now)?;
    if is_expected {
        let sql = "DELETE FROM record WHERE pk = ?1 AND sk = ?2";
        execute(connection, sql, params![key.pk, key.sk])?;
    }
    Ok(is_expected)
}

fn check(
    connection: &Connection,
    key: &Key,
    expect: Expect,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let sql = "SELECT version, epoch FROM record
               WHERE pk = ?1 AND sk = ?2 AND (expires_at IS NULL OR expires_at > ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement
        .query_row(params![key.pk, key.sk, now.millis()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    Ok(match (expect, found) {
        (Expect::Absent, found) => found.is_none(),
        (Expect::Version(wanted), Some((version, _))) => version == number(wanted.0),
        (Expect::Epoch(wanted), Some((_, epoch))) => epoch == number(wanted.0),
        (_, None) => false,
    })
}

fn exists(connection: &Connection, key: &Key, now: Timestamp) -> rusqlite::Result<bool> {
    check(connection, key, Expect::Absent, now).map(|is_absent| !is_absent)
}

/// Tenants that are looked at for one lease.
const TENANTS: usize = 64;

/// What is due in a queue, tenants in turn from the one after `after`; also says who had the last turn.
///
/// Each tenant's oldest records come first. As a lease takes them out, the next call goes on with the next tenant.
pub(super) fn due(
    connection: &Connection,
    queue: &QueueName,
    now: Timestamp,
    max: usize,
    after: &str,
) -> rusqlite::Result<(Vec<Key>, String)> {
    let mut last = after.to_owned();
    let mut is_round = false;
    loop {
        let tenants = tenants(connection, queue, &last)?;
        let Some(end) = tenants.last().cloned() else {
            // Behind the last tenant: once from the first again.
            if is_round || last.is_empty() {
                return Ok((Vec::new(), String::new()));
            }
            (is_round, last) = (true, String::new());
            continue;
        };
        let mut turns = Vec::new();
        for (place, tenant) in tenants.iter().enumerate() {
            let own = due_of(connection, queue, tenant, now, max)?;
            turns.extend(
                own.into_iter()
                    .enumerate()
                    .map(|(turn, key)| (turn, place, key)),
            );
        }
        if turns.is_empty() {
            last = end;
            continue;
        }
        turns.sort();
        turns.truncate(max);
        let last_turn = turns.last().map_or(0, |(_, place, _)| *place);
        let keys = turns.into_iter().map(|(_, _, key)| key);
        return Ok((keys.collect(), tenants[last_turn].clone()));
    }
}

/// Tenants of a queue after one, in order: each is found by one step into the index.
fn tenants(
    connection: &Connection,
    queue: &QueueName,
    after: &str,
) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT min(tenant) FROM record WHERE queue = ?1 AND tenant > ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found: Vec<String> = Vec::new();
    while found.len() < TENANTS {
        let last = found.last().map_or(after, String::as_str);
        let next = statement.query_row(params![queue.as_str(), last], |row| row.get(0))?;
        let Some(next) = next else { break };
        found.push(next);
    }
    Ok(found)
}

fn due_of(
    connection: &Connection,
    queue: &QueueName,
    tenant: &str,
    now: Timestamp,
    max: usize,
) -> rusqlite::Result<Vec<Key>> {
    let sql = "SELECT pk, sk FROM record
               WHERE queue = ?1 AND tenant = ?2 AND due <= ?3
                 AND (expires_at IS NULL OR expires_at > ?3)
               ORDER BY due, id LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let values = params![queue.as_str(), tenant, now.millis(), max];
    let keys = statement.query_map(values, |row| {
        Ok(Key::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    keys.collect()
}

/// Leases a record if it is due.
pub(super) fn lease(
    connection: &Connection,
    key: &Key,
    now: Timestamp,
    term: Duration,
) -> Result<Option<Lease>, Undone> {
    let until = now + term;
    let sql = format!(
        "UPDATE record SET due = ?3, held = ?3, epoch = epoch + 1, version = version + 1
         WHERE pk = ?1 AND sk = ?2 AND queue IS NOT NULL AND due <= ?4
           AND (expires_at IS NULL OR expires_at > ?4)
         RETURNING {COLUMNS}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![key.pk, key.sk, until.millis(), now.millis()];
    let leased = statement.query_row(values, record).optional()?;
    Ok(leased.and_then(|record| {
        let Second::Due(due) = &record.draft.second else {
            return None;
        };
        Some(Lease {
            queue: due.queue.clone(),
            record,
            until,
            receipt: None,
        })
    }))
}

/// Removes what is past its deadline.
pub(super) fn sweep(
    connection: &Connection,
    before: Timestamp,
    max: usize,
) -> Result<Swept, Undone> {
    let sql = "DELETE FROM record WHERE id IN
                 (SELECT id FROM record WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let removed = execute(connection, sql, params![before.millis(), limit])?;
    let sql = "SELECT EXISTS (SELECT 1 FROM record WHERE expires_at < ?1)";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(Swept {
        removed,
        has_more: statement.query_row([before.millis()], |row| row.get(0))?,
    })
}

/// Writes something that changes nothing for anybody, to see whether the disk takes it.
pub(super) fn touch(connection: &Connection) -> rusqlite::Result<()> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", format)
}

fn execute(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}
