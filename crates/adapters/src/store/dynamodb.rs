//! Records in one DynamoDB table: a batch is a transaction, a lease one conditional write, and hints come by SQS.

mod hints;
mod item;
mod read;
mod table;
mod write;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, ReturnValue};
use futures_util::future::{Either, select, try_join_all};
use pullmill_core::id::QueueName;
use pullmill_core::keys;
use pullmill_core::ports::Source;
use pullmill_core::ports::batch::{Batch, Write};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{Depth, Hint, Lease, LeaseFrom, Queue, QueueError};
use pullmill_core::ports::store::{
    Due, IndexQuery, Key, Page, Range, Record, Second, Slice, Store, StoreError, Swept,
};
use pullmill_core::time::Timestamp;

use crate::aws::Said;
use hints::{FORESIGHT, Hints};
use item::{SHARDS, due_partition, number, text};
use read::{Asked, Reader};
use write::LIVES;

/// How long one request may take. Reads are tried again by the SDK, writes never.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records of a partition of the due index that a poll looks at: so many of one tenant can hide others for a moment.
const SEEN: usize = 100;
/// How often a poll looks at the index by itself, whatever it is told.
const POLL: Duration = Duration::from_secs(20);
/// What is due and cannot be had is held by somebody for a moment, or the index lags.
const BRIEFLY: Duration = Duration::from_millis(20);
/// How often a sweep comes by.
const SWEEP: Duration = Duration::from_secs(60);

/// Records in one DynamoDB table.
pub struct DynamoStore {
    reads: Client,
    writes: Client,
    hints: Hints,
    table: String,
    clock: Arc<dyn Clock>,
    /// Which tenant of a queue had the last turn.
    turns: Mutex<BTreeMap<QueueName, String>>,
}

/// A record that an index says is due.
struct Found {
    key: Key,
    at: Timestamp,
    is_held: bool,
}

impl DynamoStore {
    /// Opens a table, and makes it and its queues if they are not there. A table `NAME-data` has queues `NAME-…`.
    pub async fn open(
        configuration: &SdkConfig,
        table: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Source> {
        let once = TimeoutConfig::builder()
            .operation_attempt_timeout(PATIENCE)
            .build();
        let common = aws_sdk_dynamodb::config::Builder::from(configuration).timeout_config(once);
        let never = common.clone().retry_config(RetryConfig::disabled());
        let prefix = table.strip_suffix("-data").unwrap_or(table);
        let sqs = aws_sdk_sqs::Client::new(configuration);
        let store = Self {
            reads: Client::from_conf(common.build()),
            writes: Client::from_conf(never.build()),
            hints: Hints::new(sqs, prefix.to_owned()),
            table: table.to_owned(),
            clock,
            turns: Mutex::default(),
        };
        table::prepare(&store.reads, table, &*store.clock).await?;
        Ok(store)
    }

    fn reader(&self) -> Reader<'_> {
        Reader {
            client: &self.reads,
            table: &self.table,
        }
    }

    /// What the index says of a queue, up to some time: the first of each partition, in the order of time.
    async fn due(&self, queue: &QueueName, until: Option<Timestamp>) -> Result<Vec<Found>, Source> {
        let partitions = (0..SHARDS).map(|shard| async move {
            let mut values = HashMap::from([(":pk".to_owned(), text(due_partition(queue, shard)))]);
            let mut condition = "GSI2PK = :pk";
            if let Some(until) = until {
                values.insert(":until".to_owned(), text(until.digits()));
                condition = "GSI2PK = :pk AND GSI2SK <= :until";
            }
            let asked = Asked {
                index: Some("GSI2"),
                condition,
                values,
                is_descending: false,
            };
            let (items, _) = self.reader().query(&asked, SEEN, None).await?;
            Ok::<_, Source>(items)
        });
        let items = try_join_all(partitions).await?;
        let mut found = Vec::new();
        let now = self.clock.now();
        for item in items.iter().flatten() {
            if let Some(at) = item::due_of(item)
                && !item::is_past(item, now)
            {
                found.push(Found {
                    key: item::key_of(item)?,
                    at,
                    is_held: item.contains_key("held_until"),
                });
            }
        }
        found.sort_by_key(|found| found.at);
        Ok(found)
    }

    /// Leases what the index says is due; also says when something is due next.
    async fn lease_due(
        &self,
        queue: &QueueName,
        max: usize,
        term: Duration,
    ) -> Result<(Vec<Lease>, Option<Timestamp>), Source> {
        let found = self.due(queue, None).await?;
        let now = self.clock.now();
        let next = found.iter().map(|found| found.at).min();
        let due = found.into_iter().filter(|found| found.at <= now);
        let mut leases = Vec::new();
        for key in self.in_turn(queue, due) {
            if leases.len() == max {
                break;
            }
            if let Some(lease) = self.lease_one(&key, None, term).await? {
                let turn = tenant(&key);
                self.turns().insert(queue.clone(), turn);
                leases.push(lease);
            }
        }
        Ok((leases, next))
    }

    /// The oldest of each tenant, then the second of each, from the tenant behind the one that had the last turn.
    fn in_turn(&self, queue: &QueueName, due: impl Iterator<Item = Found>) -> Vec<Key> {
        let mut lines: BTreeMap<String, VecDeque<Key>> = BTreeMap::new();
        for found in due {
            lines
                .entry(tenant(&found.key))
                .or_default()
                .push_back(found.key);
        }
        let last = self.turns().get(queue).cloned().unwrap_or_default();
        let behind = lines.split_off(&format!("{last}\0"));
        let mut lines: Vec<VecDeque<Key>> =
            behind.into_values().chain(lines.into_values()).collect();
        let mut keys = Vec::new();
        while !lines.is_empty() {
            keys.extend(lines.iter_mut().filter_map(VecDeque::pop_front));
            lines.retain(|line| !line.is_empty());
        }
        keys
    }

    /// Leases a record if it is due.
    async fn lease_one(
        &self,
        key: &Key,
        receipt: Option<String>,
        term: Duration,
    ) -> Result<Option<Lease>, Source> {
        let now = self.clock.now();
        let until = now + term;
        let condition = format!("{LIVES} AND begins_with(GSI2PK, :due) AND GSI2SK <= :at");
        let update = self
            .writes
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::key(key)))
            .update_expression(
                "SET GSI2SK = :end, held_until = :end ADD rec_epoch :one, rec_version :one",
            )
            .condition_expression(condition)
            .expression_attribute_values(":end", text(until.digits()))
            .expression_attribute_values(":at", text(now.digits()))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":due", text("DUE#"))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew);
        let updated = match update.send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                return Ok(None);
            }
            updated => updated.map_err(Said::of)?,
        };
        let record = item::record(&updated.attributes.unwrap_or_default())?;
        let Second::Due(due) = &record.draft.second else {
            return Ok(None);
        };
        Ok(Some(Lease {
            queue: due.queue.clone(),
            record,
            until,
            receipt,
        }))
    }

    /// Leases what messages name, and forgets those that lead to nothing.
    async fn lease_named(
        &self,
        hints: &[Hint],
        max: usize,
        term: Duration,
    ) -> Result<Vec<Lease>, Source> {
        let mut leases = Vec::new();
        for hint in hints.iter().take(max) {
            let receipt = hint.receipt.clone();
            match self.lease_one(&hint.key, receipt, term).await? {
                Some(lease) => leases.push(lease),
                None => self.forget(&hint.queue, hint.receipt.as_deref()).await,
            }
        }
        Ok(leases)
    }

    /// A message that stays is harmless: it comes again and leads to nothing.
    async fn forget(&self, queue: &QueueName, receipt: Option<&str>) {
        if let Some(receipt) = receipt {
            let _ = self.hints.forget(queue, receipt).await;
        }
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, BTreeMap<QueueName, String>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tenant(key: &Key) -> String {
    keys::tenant(key).map_or_else(String::new, |tenant| tenant.as_str().to_owned())
}

#[async_trait]
impl Store for DynamoStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let now = batch.now();
        // How a counter moves depends on whether it is there; its write holds only if that is still so.
        let counters = batch.writes().iter();
        let counters = counters.filter(|write| matches!(write, Write::Add { .. }));
        let counters: Vec<Key> = counters.map(|write| write.key().clone()).collect();
        let there = self.reader().get(&counters, now).await;
        let there = there.map_err(StoreError::Unavailable)?;
        let lives = |key: &Key| there.iter().any(|record| record.draft.key == *key);
        let items = batch
            .writes()
            .iter()
            .map(|write| write::item(&self.table, write, now, lives(write.key())));
        let items = items.collect::<Result<Vec<_>, _>>().map_err(unavailable)?;
        if items.is_empty() {
            return Ok(());
        }
        let transaction = self.writes.transact_write_items();
        let done = transaction.set_transact_items(Some(items)).send().await;
        done.map(drop).map_err(uncommitted)
    }

    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Record>>, StoreError> {
        let found = self.reader().get(keys, now).await;
        let found = found.map_err(StoreError::Unavailable)?;
        let one = |key: &Key| {
            found
                .iter()
                .find(|record| record.draft.key == *key)
                .cloned()
        };
        Ok(keys.iter().map(one).collect())
    }

    async fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Result<Slice, StoreError> {
        let slice = self.reader().list(range, page, now).await;
        slice.map_err(StoreError::Unavailable)
    }

    async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, StoreError> {
        let slice = self.reader().find(query, page, now).await;
        slice.map_err(StoreError::Unavailable)
    }

    /// The table removes by itself what is past its deadline.
    async fn sweep(&self, _: Timestamp, _: usize) -> Result<Swept, StoreError> {
        Ok(Swept::default())
    }

    /// Writes something that changes nothing for anybody.
    async fn check(&self) -> Result<(), StoreError> {
        let written = self
            .writes
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::key(&Key::new("CHECK", "M"))))
            .update_expression("SET checked_at = :now")
            .expression_attribute_values(":now", number(self.clock.now().millis()))
            .send()
            .await;
        written
            .map(drop)
            .map_err(|error| unavailable(Said::of(error)))
    }
}

#[async_trait]
impl Queue for DynamoStore {
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
                let leases = self.lease_named(hints, max, term).await;
                return leases.map_err(QueueError::Unavailable);
            }
        };
        let end = self.clock.monotonic() + wait;
        loop {
            let looked = self.lease_due(queue, max, term).await;
            let (leases, next) = looked.map_err(QueueError::Unavailable)?;
            let left = end.0.saturating_sub(self.clock.monotonic().0);
            if !leases.is_empty() || left.is_zero() {
                return Ok(leases);
            }
            let pause = next.map_or(POLL, |next| next.since(self.clock.now()));
            let pause = pause.clamp(BRIEFLY, POLL).min(left);
            // Whole seconds; what is received after the pause is only hidden for a while.
            let seconds = Duration::from_secs(pause.as_secs() + 1);
            let receive = std::pin::pin!(self.hints.receive(queue, max, seconds));
            let sleep = self.clock.sleep_until(self.clock.monotonic() + pause);
            let hints = match select(receive, sleep).await {
                Either::Left((hints, _)) => hints.map_err(QueueError::Unavailable)?,
                Either::Right(_) => continue,
            };
            let leases = self.lease_named(&hints, max, term).await;
            let leases = leases.map_err(QueueError::Unavailable)?;
            if !leases.is_empty() {
                return Ok(leases);
            }
        }
    }

    async fn extend(&self, lease: &mut Lease, term: Duration) -> Result<(), QueueError> {
        let until = self.clock.now() + term;
        let update = self
            .writes
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::key(&lease.record.draft.key)))
            .update_expression("SET GSI2SK = :end, held_until = :end")
            .condition_expression("rec_epoch = :epoch AND attribute_exists(held_until)")
            .expression_attribute_values(":end", text(until.digits()))
            .expression_attribute_values(":epoch", number(lease.record.epoch.0));
        match update.send().await {
            Ok(_) => {
                lease.until = until;
                Ok(())
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Err(QueueError::LeaseLost)
            }
            Err(error) => Err(QueueError::Unavailable(Said::of(error).into())),
        }
    }

    async fn settle(&self, lease: Lease) -> Result<(), QueueError> {
        self.forget(&lease.queue, lease.receipt.as_deref()).await;
        Ok(())
    }

    async fn wake(&self, hints: &[(Due, Key)]) -> Result<(), QueueError> {
        let sent = self.hints.send(hints, self.clock.now()).await;
        sent.map_err(QueueError::Unavailable)
    }

    /// Also hints at what was too far away when it was written, and now falls due within SQS's longest delay.
    async fn recover(&self, queue: &QueueName, overdue: Duration) -> Result<usize, QueueError> {
        let now = self.clock.now();
        let found = self.due(queue, Some(now + FORESIGHT)).await;
        let found = found.map_err(QueueError::Unavailable)?;
        let is_late = |found: &&Found| found.at <= now - overdue;
        let comes = now + FORESIGHT - SWEEP;
        let late = found.iter().filter(is_late).count();
        let told = found
            .iter()
            .filter(|found| is_late(found) || found.at > comes);
        let hints = told.filter_map(|found| {
            let due = Due {
                queue: queue.clone(),
                tenant: keys::tenant(&found.key)?,
                at: found.at,
            };
            Some((due, found.key.clone()))
        });
        let hints: Vec<(Due, Key)> = hints.collect();
        self.wake(&hints).await?;
        Ok(late)
    }

    /// Counts what a poll looks at, so it says "at least" of long lines.
    async fn depth(&self, queue: &QueueName) -> Result<Depth, QueueError> {
        let found = self.due(queue, None).await;
        let now = self.clock.now();
        let mut depth = Depth::default();
        for found in found.map_err(QueueError::Unavailable)? {
            if found.at <= now {
                depth.ready += 1;
                depth.oldest = depth.oldest.min(Some(found.at)).or(Some(found.at));
            } else if found.is_held {
                depth.leased += 1;
            } else {
                depth.delayed += 1;
            }
        }
        Ok(depth)
    }
}

fn unavailable(error: impl Into<Source>) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// What became of a transaction. Only the service's own refusal says that nothing was written.
fn uncommitted(error: SdkError<TransactWriteItemsError>) -> StoreError {
    if let SdkError::ConstructionFailure(_) = &error {
        return unavailable(Said::of(error));
    }
    let SdkError::ServiceError(said) = &error else {
        return StoreError::Unknown(Said::of(error).into());
    };
    let is_refused = (400..500).contains(&said.raw().status().as_u16());
    match said.err() {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            why(cancelled.cancellation_reasons()).unwrap_or_else(|| unavailable(Said::of(error)))
        }
        TransactWriteItemsError::TransactionInProgressException(_) => {
            StoreError::Unknown(Said::of(error).into())
        }
        _ if is_refused => unavailable(Said::of(error)),
        _ => StoreError::Unknown(Said::of(error).into()),
    }
}

/// Whether others were the cause: what was expected is not so, or somebody writes the same at this moment.
fn why(reasons: &[CancellationReason]) -> Option<StoreError> {
    let has = |reason: &CancellationReason, code| reason.code() == Some(code);
    let failed = reasons.iter().enumerate();
    let failed = failed.filter(|(_, reason)| has(reason, "ConditionalCheckFailed"));
    let places: Vec<usize> = failed.map(|(place, _)| place).collect();
    let is_busy = reasons
        .iter()
        .any(|reason| has(reason, "TransactionConflict"));
    (!places.is_empty() || is_busy).then_some(StoreError::Conflict(places))
}
