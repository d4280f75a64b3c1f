//! Reading: some connections that see every commit that has ended, and the queries.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::queue::Depth;
use pullmill_core::ports::store::{
    Draft, Due, Epoch, IndexKey, IndexQuery, Key, Page, Range, Record, Second, Slice, StoreError,
    Version,
};
use pullmill_core::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, params_from_iter};

use super::{lock, schema};
use crate::store::pack;
use crate::store::sql::{limit, order};

/// Idle connections that are kept.
const KEPT: usize = 4;

/// Connections for reading.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// None yet; each is opened when it is needed.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Reads on a thread where that may take its time.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let connection = readers.take()?;
            let read = read(&connection);
            readers.give_back(connection);
            read
        });
        match reading.await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => Err(StoreError::Unavailable(error.into())),
            Err(error) => Err(StoreError::Unavailable(error.into())),
        }
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        if let Some(connection) = lock(&self.idle).pop() {
            return Ok(connection);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        schema::set_up_reader(&connection)?;
        Ok(connection)
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = lock(&self.idle);
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

/// The tenants of the queue `?1`, each found by one step into the index.
pub(super) const TENANTS: &str = "WITH RECURSIVE tenants (name) AS (
    SELECT min(tenant) FROM record WHERE queue = ?1
    UNION ALL
    SELECT (SELECT min(tenant) FROM record WHERE queue = ?1 AND tenant > tenants.name)
    FROM tenants WHERE tenants.name IS NOT NULL)";

/// The columns of [`record`], in its order.
pub(super) const COLUMNS: &str = "pk, sk, version, epoch, count, queue, tenant, due, first_pk, \
     first_sk, second_pk, second_sk, expires_at, body";

/// Makes a row a record.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let index = |pk, sk| -> rusqlite::Result<Option<IndexKey>> {
        let pk: Option<String> = row.get(pk)?;
        let sk: Option<String> = row.get(sk)?;
        Ok(pk.zip(sk).map(|(pk, sk)| IndexKey { pk, sk }))
    };
    let second = match (due(row)?, index(10, 11)?) {
        (Some(due), _) => Second::Due(due),
        (None, Some(status)) => Second::Status(status),
        (None, None) => Second::None,
    };
    let body = pack::unpack(row.get_ref(13)?.as_blob()?)
        .map_err(|error| unreadable(13, Type::Blob, error))?;
    Ok(Record {
        draft: Draft {
            key: Key::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?),
            body,
            first: index(8, 9)?,
            second,
            expires_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis),
        },
        version: Version(unsigned(row, 2)?),
        epoch: Epoch(unsigned(row, 3)?),
        count: row.get(4)?,
    })
}

fn due(row: &Row<'_>) -> rusqlite::Result<Option<Due>> {
    let Some(queue) = row.get::<_, Option<String>>(5)? else {
        return Ok(None);
    };
    let tenant: String = row.get(6)?;
    Ok(Some(Due {
        queue: QueueName::parse(&queue).map_err(|error| unreadable(5, Type::Text, error))?,
        tenant: TenantId::parse(&tenant).map_err(|error| unreadable(6, Type::Text, error))?,
        at: Timestamp::from_millis(row.get(7)?),
    }))
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| unreadable(column, Type::Integer, error))
}

fn unreadable(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

/// Reads one record.
pub(super) fn get(
    connection: &Connection,
    key: &Key,
    now: Timestamp,
) -> rusqlite::Result<Option<Record>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM record
         WHERE pk = ?1 AND sk = ?2 AND (expires_at IS NULL OR expires_at > ?3)"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_row(params![key.pk, key.sk, now.millis()], record)
        .optional()
}

/// Reads part of a partition. The cursor is the last second half.
pub(super) fn list(
    connection: &Connection,
    range: &Range,
    page: &Page,
    now: Timestamp,
) -> rusqlite::Result<Slice> {
    let (order, compare) = order(page);
    let sql = format!(
        "SELECT {COLUMNS}, sk FROM record
         WHERE pk = ?1 AND sk >= ?2 AND substr(sk, 1, length(?2)) = ?2
           AND (expires_at IS NULL OR expires_at > ?3) AND (?4 IS NULL OR sk {compare} ?4)
         ORDER BY sk {order} LIMIT ?5"
    );
    let limit = limit(page);
    let values = params![range.pk, range.prefix, now.millis(), page.after, limit];
    slice(connection, &sql, values, page)
}

/// Looks records up in an index. The cursor is the place in the index and the row's number, which tells equal places apart.
pub(super) fn find(
    connection: &Connection,
    query: &IndexQuery,
    page: &Page,
    now: Timestamp,
) -> rusqlite::Result<Slice> {
    let (index, pk) = match query {
        IndexQuery::First(pk) => ("first", pk),
        IndexQuery::Status(pk) => ("second", pk),
    };
    let (order, compare) = order(page);
    let after = page
        .after
        .as_deref()
        .and_then(|cursor| cursor.rsplit_once('@'));
    let (place, id) = after.map_or((None, 0), |(place, id)| {
        (Some(place), id.parse::<i64>().unwrap_or(0))
    });
    let sql = format!(
        "SELECT {COLUMNS}, {index}_sk || '@' || id FROM record
         WHERE {index}_pk = ?1 AND (expires_at IS NULL OR expires_at > ?2)
           AND (?3 IS NULL OR ({index}_sk, id) {compare} (?3, ?4))
         ORDER BY {index}_sk {order}, id {order} LIMIT ?5"
    );
    let values = params![pk, now.millis(), place, id, limit(page)];
    slice(connection, &sql, values, page)
}

fn slice(
    connection: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
    page: &Page,
) -> rusqlite::Result<Slice> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok((record(row)?, row.get::<_, String>(14)?))
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let next = rows.last().map(|(_, cursor)| cursor.clone());
    Ok(Slice {
        next: next.filter(|_| has_more),
        records: rows.into_iter().map(|(record, _)| record).collect(),
    })
}

/// Counts a queue.
pub(super) fn depth(
    connection: &Connection,
    queue: &QueueName,
    now: Timestamp,
) -> rusqlite::Result<Depth> {
    let sql = "SELECT count(*) FILTER (WHERE due <= ?2),
                      count(*) FILTER (WHERE due > ?2 AND held IS NULL),
                      count(*) FILTER (WHERE due > ?2 AND held IS NOT NULL),
                      min(due) FILTER (WHERE due <= ?2)
               FROM record WHERE queue = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![queue.as_str(), now.millis()], |row| {
        Ok(Depth {
            ready: unsigned(row, 0)?,
            delayed: unsigned(row, 1)?,
            leased: unsigned(row, 2)?,
            oldest: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
        })
    })
}
