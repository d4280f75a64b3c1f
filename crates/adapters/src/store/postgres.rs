//! Records in Postgres: many processes, one statement for the batches that come together, leases that skip what others hold, and hints by NOTIFY.

mod connect;
mod group;
mod listen;
mod rows;
mod share;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use pullmill_core::id::QueueName;
use pullmill_core::ports::Source;
use pullmill_core::ports::batch::Batch;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{Depth, Hint, Lease, LeaseFrom, Queue, QueueError};
use pullmill_core::ports::store::{
    Due, IndexQuery, Key, Page, Range, Record, Second, Slice, Store, StoreError, Swept,
};
use pullmill_core::time::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

pub use connect::OpenError;

use connect::{Connector, failed};
use group::Groups;
use listen::Bell;
use rows::{COLUMNS, WIDTH};
use share::Connections;

use crate::clock::ServerClock;
use crate::store::sql::{limit, number, order};

/// How often a poll looks by itself, whatever it is told.
const POLL: Duration = Duration::from_secs(1);
/// How often something is asked whose connection breaks.
const ATTEMPTS: u32 = 3;
/// What is due and cannot be had is held by somebody for a moment.
const BRIEFLY: Duration = Duration::from_millis(20);

/// Records in Postgres.
///
/// Must be opened and used inside a Tokio runtime.
pub struct PostgresStore {
    connections: Arc<Connections>,
    groups: Groups,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    listening: tokio::task::JoinHandle<()>,
    /// Which tenant of a queue had the last turn.
    turns: Mutex<BTreeMap<QueueName, String>>,
}

impl PostgresStore {
    /// Opens a database by its address, and makes the table if it has none.
    ///
    /// `follows` is a clock to be kept to the database's time, so that all processes agree about who is late.
    pub async fn open(
        address: &str,
        clock: Arc<dyn Clock>,
        follows: Option<Arc<ServerClock>>,
    ) -> Result<Self, OpenError> {
        let connector = Connector::parse(address)?;
        let mut client = connector.connect().await.map_err(failed)?;
        connect::prepare(&mut client).await?;
        if let Some(follows) = &follows {
            listen::follow(&client, follows).await.map_err(failed)?;
        }
        let sql = "SELECT 'pullmill_record'::regclass::oid";
        let table: u32 = client.query_one(sql, &[]).await.map_err(failed)?.get(0);
        let bell = Arc::new(Bell::default());
        let listener = listen::Listener {
            connector: connector.clone(),
            channel: format!("pullmill_{table}"),
            clock: Arc::clone(&clock),
            follows,
            bell: Arc::clone(&bell),
        };
        let connections = Arc::new(Connections::new(connector));
        Ok(Self {
            groups: Groups::new(Arc::clone(&connections), table),
            connections,
            clock,
            bell,
            listening: tokio::spawn(listener.run()),
            turns: Mutex::default(),
        })
    }

    /// Asks for rows by a statement that is prepared once per connection. A connection that turns out to be dead is replaced.
    async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.query_once(sql, parameters).await {
                Err(error) if error.is_closed() && attempt < ATTEMPTS => {}
                answer => return answer.map_err(unavailable),
            }
        }
    }

    async fn query_once(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let turn = self.connections.turn().await?;
        let statement = turn.prepare(sql).await?;
        turn.query(&statement, parameters).await
    }

    /// Asks for one value.
    async fn value<T: for<'a> FromSql<'a>>(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<T, StoreError> {
        let rows = self.query(sql, parameters).await?;
        let row = rows.first().ok_or_else(|| unavailable("there is no row"))?;
        row.try_get(0).map_err(unavailable)
    }

    async fn lease_due(
        &self,
        queue: &QueueName,
        max: usize,
        term: Duration,
    ) -> Result<Vec<Lease>, StoreError> {
        let now = self.clock.now();
        let until = now + term;
        let last = self.turns().get(queue).cloned().unwrap_or_default();
        let sql = format!("SELECT {COLUMNS} FROM pullmill_lease($1, $2, $3, $4, $5)");
        let max = i32::try_from(max).unwrap_or(i32::MAX);
        let (name, now, end) = (queue.as_str(), now.millis(), until.millis());
        let rows = self.query(&sql, &[&name, &now, &end, &max, &last]).await?;
        let leases = leases(&rows, until, |_| None)?;
        if let Some(Second::Due(due)) = leases.last().map(|lease| &lease.record.draft.second) {
            let tenant = due.tenant.as_str().to_owned();
            self.turns().insert(queue.clone(), tenant);
        }
        Ok(leases)
    }

    /// Leases what messages name, in the order in which batches take their rows.
    async fn lease_named(
        &self,
        hints: &[Hint],
        max: usize,
        term: Duration,
    ) -> Result<Vec<Lease>, StoreError> {
        let now = self.clock.now();
        let until = now + term;
        let hints = &hints[..max.min(hints.len())];
        let pks: Vec<&str> = hints.iter().map(|hint| hint.key.pk.as_str()).collect();
        let sks: Vec<&str> = hints.iter().map(|hint| hint.key.sk.as_str()).collect();
        let sql = format!(
            "WITH picked AS MATERIALIZED (
               SELECT pk, sk FROM pullmill_record
               WHERE (pk, sk) IN (SELECT * FROM unnest($1::text[], $2::text[]))
                 AND queue IS NOT NULL AND due <= $3 AND (expires_at IS NULL OR expires_at > $3)
               ORDER BY pk, sk FOR UPDATE)
             UPDATE pullmill_record AS r SET due = $4, held = $4, epoch = epoch + 1, version = version + 1
             FROM picked WHERE r.pk = picked.pk AND r.sk = picked.sk
             RETURNING {}",
            COLUMNS.replace("pk, sk,", "r.pk, r.sk,")
        );
        let (now, end) = (now.millis(), until.millis());
        let rows = self.query(&sql, &[&pks, &sks, &now, &end]).await?;
        leases(&rows, until, |key| {
            let hint = hints.iter().find(|hint| hint.key == *key);
            hint.and_then(|hint| hint.receipt.clone())
        })
    }

    /// When something of a queue is due next.
    async fn next_due(&self, queue: &QueueName) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT pullmill_next($1)";
        let next: Option<i64> = self.value(sql, &[&queue.as_str()]).await?;
        Ok(next.map(Timestamp::from_millis))
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, BTreeMap<QueueName, String>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Leases out of rows; `receipt` gives the message that led to a record.
fn leases(
    rows: &[Row],
    until: Timestamp,
    receipt: impl Fn(&Key) -> Option<String>,
) -> Result<Vec<Lease>, StoreError> {
    let mut leases = Vec::with_capacity(rows.len());
    for row in rows {
        let record = rows::record(row).map_err(StoreError::Unavailable)?;
        let Second::Due(due) = &record.draft.second else {
            continue;
        };
        leases.push(Lease {
            queue: due.queue.clone(),
            receipt: receipt(&record.draft.key),
            record,
            until,
        });
    }
    Ok(leases)
}

fn slice(rows: &[Row], page: &Page) -> Result<Slice, StoreError> {
    let shown = &rows[..rows.len().min(page.limit)];
    let records = shown.iter().map(rows::record).collect::<Result<_, _>>();
    let cursor = shown.last().map(|row| row.try_get(WIDTH)).transpose();
    let next = cursor.map_err(unavailable)?;
    Ok(Slice {
        records: records.map_err(StoreError::Unavailable)?,
        next: next.filter(|_| rows.len() > page.limit),
    })
}

/// Postgres keeps no zero bytes in texts, and no key has any; a question may.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{1}")
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.groups.commit(batch).await
    }

    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Record>>, StoreError> {
        let pks: Vec<String> = keys.iter().map(|key| plain(&key.pk)).collect();
        let sks: Vec<String> = keys.iter().map(|key| plain(&key.sk)).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM pullmill_record
             WHERE (pk, sk) IN (SELECT * FROM unnest($1::text[], $2::text[]))
               AND (expires_at IS NULL OR expires_at > $3)"
        );
        let rows = self.query(&sql, &[&pks, &sks, &now.millis()]).await?;
        let records = rows.iter().map(rows::record).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(StoreError::Unavailable)?;
        let one = |key: &Key| {
            records
                .iter()
                .find(|record| record.draft.key == *key)
                .cloned()
        };
        Ok(keys.iter().map(one).collect())
    }

    async fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Result<Slice, StoreError> {
        let (order, compare) = order(page);
        let sql = format!(
            "SELECT {COLUMNS}, sk FROM pullmill_record
             WHERE pk = $1 AND sk >= $2 AND starts_with(sk, $2)
               AND (expires_at IS NULL OR expires_at > $3) AND ($4::text IS NULL OR sk {compare} $4)
             ORDER BY sk {order} LIMIT $5"
        );
        let after = page.after.as_deref().map(plain);
        let (pk, prefix) = (plain(&range.pk), plain(&range.prefix));
        let values: [&(dyn ToSql + Sync); 5] = [&pk, &prefix, &now.millis(), &after, &limit(page)];
        slice(&self.query(&sql, &values).await?, page)
    }

    async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, StoreError> {
        let (index, pk) = match query {
            IndexQuery::First(pk) => ("first", pk),
            IndexQuery::Status(pk) => ("second", pk),
        };
        let (order, compare) = order(page);
        // The cursor is the place in the index and the row's number, which tells equal places apart.
        let after = page
            .after
            .as_deref()
            .and_then(|cursor| cursor.rsplit_once('@'));
        let place = after.map(|(place, _)| plain(place));
        let id = after
            .and_then(|(_, id)| id.parse::<i64>().ok())
            .unwrap_or(0);
        let sql = format!(
            "SELECT {COLUMNS}, {index}_sk || '@' || id FROM pullmill_record
             WHERE {index}_pk = $1 AND (expires_at IS NULL OR expires_at > $2)
               AND ($3::text IS NULL OR ({index}_sk, id) {compare} ($3, $4::bigint))
             ORDER BY {index}_sk {order}, id {order} LIMIT $5"
        );
        let values: [&(dyn ToSql + Sync); 5] =
            [&plain(pk), &now.millis(), &place, &id, &limit(page)];
        slice(&self.query(&sql, &values).await?, page)
    }

    async fn sweep(&self, before: Timestamp, max: usize) -> Result<Swept, StoreError> {
        let sql = "WITH gone AS MATERIALIZED (
                     SELECT pk, sk FROM pullmill_record WHERE expires_at < $1
                     ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED),
                   removed AS (
                     DELETE FROM pullmill_record AS r USING gone
                     WHERE r.pk = gone.pk AND r.sk = gone.sk RETURNING 1)
                   SELECT count(*) FROM removed";
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let removed: i64 = self.value(sql, &[&before.millis(), &max]).await?;
        let sql = "SELECT EXISTS (SELECT FROM pullmill_record WHERE expires_at < $1)";
        Ok(Swept {
            removed: usize::try_from(removed).unwrap_or(0),
            has_more: self.value(sql, &[&before.millis()]).await?,
        })
    }

    /// Writes something that changes nothing for anybody, and looks whether the database still keeps its promises.
    async fn check(&self) -> Result<(), StoreError> {
        let sql = "UPDATE pullmill_format SET format = format
                   RETURNING current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'";
        if self.value(sql, &[]).await? {
            return Ok(());
        }
        let said = "the database no longer makes durable what it confirms";
        Err(StoreError::Unavailable(said.into()))
    }
}

#[async_trait]
impl Queue for PostgresStore {
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
                let leases = self.lease_named(hints, max, term);
                return leases.await.map_err(no_queue);
            }
        };
        let end = self.clock.monotonic() + wait;
        let bell = self.bell.hints.of(queue);
        loop {
            // Asked for before looking, so that no hint falls in between.
            let hint = std::pin::pin!(bell.notified());
            let leases = self.lease_due(queue, max, term).await.map_err(no_queue)?;
            if !leases.is_empty() || self.clock.monotonic() >= end {
                return Ok(leases);
            }
            let next = self.next_due(queue).await.map_err(no_queue)?;
            let pause = next.map_or(POLL, |next| next.since(self.clock.now()));
            let until = self.clock.monotonic() + pause.clamp(BRIEFLY, POLL);
            let sleep = self.clock.sleep_until(end.min(until));
            if let Either::Right(_) = select(hint, sleep).await {}
        }
    }

    async fn extend(&self, lease: &mut Lease, term: Duration) -> Result<(), QueueError> {
        let until = self.clock.now() + term;
        let key = &lease.record.draft.key;
        let sql = "UPDATE pullmill_record SET held = $1, due = $1
                   WHERE pk = $2 AND sk = $3 AND epoch = $4 AND held IS NOT NULL RETURNING 1";
        let epoch = number(lease.record.epoch.0);
        let end = until.millis();
        let values: [&(dyn ToSql + Sync); 4] = [&end, &key.pk, &key.sk, &epoch];
        let extended = self.query(sql, &values).await.map_err(no_queue)?;
        if extended.is_empty() {
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
        // A later due time too: whoever waits must wait for less.
        self.bell.ring(hints.iter().map(|(due, _)| &due.queue));
        Ok(())
    }

    async fn recover(&self, queue: &QueueName, overdue: Duration) -> Result<usize, QueueError> {
        let before = (self.clock.now() - overdue).millis();
        let sql = "SELECT count(*) FROM (
                     SELECT FROM pullmill_record WHERE queue = $1 AND due <= $2 LIMIT 100) AS overdue";
        let count = self.value::<i64>(sql, &[&queue.as_str(), &before]).await;
        let count = usize::try_from(count.map_err(no_queue)?).unwrap_or(0);
        if count > 0 {
            self.bell.ring([queue]);
        }
        Ok(count)
    }

    async fn depth(&self, queue: &QueueName) -> Result<Depth, QueueError> {
        let sql = "SELECT count(*) FILTER (WHERE due <= $2),
                          count(*) FILTER (WHERE due > $2 AND held IS NULL),
                          count(*) FILTER (WHERE due > $2 AND held IS NOT NULL),
                          min(due) FILTER (WHERE due <= $2)
                   FROM pullmill_record WHERE queue = $1";
        let now = self.clock.now().millis();
        let rows = self.query(sql, &[&queue.as_str(), &now]).await;
        let Some(row) = rows.map_err(no_queue)?.pop() else {
            return Ok(Depth::default());
        };
        let count = |place: usize| row.try_get::<_, i64>(place).map(i64::unsigned_abs);
        let depth = || {
            Ok(Depth {
                ready: count(0)?,
                delayed: count(1)?,
                leased: count(2)?,
                oldest: row
                    .try_get::<_, Option<i64>>(3)?
                    .map(Timestamp::from_millis),
            })
        };
        depth().map_err(|error: tokio_postgres::Error| no_queue(unavailable(error)))
    }
}

fn unavailable(error: impl Into<Source>) -> StoreError {
    StoreError::Unavailable(error.into())
}

fn no_queue(error: StoreError) -> QueueError {
    QueueError::Unavailable(error.into())
}
