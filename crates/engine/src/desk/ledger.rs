//! An account in records: money is set aside durably before each call, answers that were paid for are kept, and what nobody
//! knows the price of stays charged (AI5, AI6, T45).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::breaker::BreakerLaw;
use pullmill_core::id::{ExecutionId, TenantId};
use pullmill_core::models::{Caps, Money};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::blob::{BlobClass, BlobRef};
use pullmill_core::ports::forge::PullRef;
use pullmill_core::ports::model::{Answer, ModelError, Usage};
use pullmill_core::ports::store::{Draft, IndexKey, IndexQuery, Key, Page};
use pullmill_core::time::Timestamp;
use pullmill_core::{body, keys};
use serde::{Deserialize, Serialize};

use super::purse::over;
use super::{Account, Call, NotPaid};
use crate::attempt::Attempts;
use crate::{EngineError, Ports};

const DAY: Duration = Duration::from_secs(86_400);
/// How long entries and counters are kept.
const KEEP_COSTS: Duration = Duration::from_secs(400 * 86_400);
/// How long an execution's answers are kept.
const KEEP_ANSWERS: Duration = Duration::from_secs(90 * 86_400);
/// How long an answer serves others that ask the same.
const KEEP_CACHED: Duration = Duration::from_secs(7 * 86_400);
/// Largest answer that is read.
const MAX_ANSWER: u64 = 16 << 20;

/// Who pays for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
    /// Whose money.
    pub tenant: TenantId,
    /// For which execution.
    pub execution: ExecutionId,
    /// About which pull request.
    pub pull: Option<PullRef>,
}

/// One call, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The model.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// For which execution.
    pub execution: ExecutionId,
    /// About which pull request.
    pub pull: Option<PullRef>,
    /// When it was about to be made.
    pub at: Timestamp,
    /// What was set aside, in millionths of a US dollar.
    pub reserved: i64,
    /// What is charged.
    pub charged: i64,
    /// What became of it.
    pub state: State,
    /// What was used up.
    pub usage: Usage,
    /// The provider's name for the request.
    pub request: Option<String>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being made, or its process ended.
    Reserved,
    /// It was answered.
    Answered,
    /// It failed, and may have cost something.
    Unknown,
    /// It was refused and cost nothing.
    Free,
}

/// The account of one execution.
pub struct Ledger {
    ports: Ports,
    law: BreakerLaw,
    caps: Caps,
    payer: Payer,
    open: Mutex<BTreeMap<String, Open>>,
}

/// A call that is being made.
#[derive(Clone)]
struct Open {
    key: Key,
    entry: Entry,
    counters: Vec<Counter>,
}

/// Something that has a cap.
#[derive(Clone)]
struct Counter {
    scope: &'static str,
    key: Key,
    cap: Money,
}

impl Counter {
    /// Says once that four fifths of a cap are set aside or spent.
    fn warn(&self, before: i64, added: i64) {
        let mark = self.cap.0 / 5 * 4;
        if before < mark && before.saturating_add(added) >= mark {
            tracing::warn!(
                event = "budget.near", budget = self.scope, key = %self.key,
                "Four fifths of `caps.{}`, {}, are set aside or spent", self.scope, self.cap
            );
        }
    }
}

/// What a kept answer's record says.
#[derive(Serialize, Deserialize)]
struct Kept {
    answer: BlobRef,
}

impl Ledger {
    /// The account of an execution.
    #[must_use]
    pub fn new(ports: Ports, law: BreakerLaw, caps: Caps, payer: Payer) -> Self {
        Self {
            ports,
            law,
            caps,
            payer,
            open: Mutex::default(),
        }
    }

    /// Everything that a call counts towards.
    fn counters(&self, now: Timestamp) -> Vec<Counter> {
        let (caps, payer) = (&self.caps, &self.payer);
        let text = now.to_string();
        let day = format!("D#{}", text.get(..10).unwrap_or_default());
        let month = format!("M#{}", text.get(..7).unwrap_or_default());
        let counter = |scope, kind: &str, id: &str, period: &str, cap| Counter {
            scope,
            key: keys::budget(&payer.tenant, kind, id, period),
            cap,
        };
        let execution = payer.execution.to_string();
        let mut counters = vec![
            counter("execution", "execution", &execution, "X", caps.execution),
            counter("day", "all", "-", &day, caps.day),
            counter("month", "all", "-", &month, caps.month),
        ];
        if let Some(pull) = &payer.pull {
            let repo = pull.repo.id.to_string();
            let name = pull.repo.name.to_string();
            let owner = name.split('/').next().unwrap_or_default();
            let number = format!("{repo}#{}", pull.number);
            counters.push(counter("pull", "pull", &number, "X", caps.pull));
            counters.push(counter("repo_day", "repo", &repo, &day, caps.repo_day));
            counters.push(counter("owner_day", "owner", owner, &day, caps.owner_day));
        }
        counters
    }

    async fn try_reserve(&self, call: &Call) -> Result<Result<(), NotPaid>, EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        let id = format!("{:032x}", self.ports.clock.random());
        loop {
            let now = self.ports.clock.now();
            let counters = self.counters(now);
            let key = keys::cost(&self.payer.tenant, &self.payer.execution, &id);
            let mut keys: Vec<Key> = counters.iter().map(|one| one.key.clone()).collect();
            keys.push(key.clone());
            let records = self.ports.store.get(&keys, now).await?;
            let written = records.last().cloned().flatten();
            if let Some(record) = written {
                // Nobody knew whether it was written; it was.
                self.hold(call, key, body::decode(&record.draft.body)?, counters);
                return Ok(Ok(()));
            }
            for (counter, record) in counters.iter().zip(&records) {
                let spent = record.as_ref().map_or(0, |record| record.count);
                let after = Money(spent.saturating_add(call.worst.0));
                if after > counter.cap {
                    return Ok(Err(NotPaid::Cap(over(counter.scope, after, counter.cap))));
                }
            }
            let entry = Entry {
                model: call.model.clone(),
                provider: call.provider.clone(),
                execution: self.payer.execution.clone(),
                pull: self.payer.pull.clone(),
                at: now,
                reserved: call.worst.0,
                charged: call.worst.0,
                state: State::Reserved,
                usage: Usage::default(),
                request: None,
            };
            let mut batch = Batch::at(now);
            for counter in &counters {
                batch.push(Write::Add {
                    key: counter.key.clone(),
                    delta: call.worst.0,
                    within: 0..=counter.cap.0,
                    expires_at: Some(now + KEEP_COSTS),
                })?;
            }
            batch.push(Write::Put {
                draft: self.entry_draft(&key, &entry, &id)?,
                expect: Expect::Absent,
            })?;
            if attempts.commit(batch).await? {
                for (counter, record) in counters.iter().zip(&records) {
                    counter.warn(
                        record.as_ref().map_or(0, |record| record.count),
                        call.worst.0,
                    );
                }
                self.hold(call, key, entry, counters);
                return Ok(Ok(()));
            }
        }
    }

    /// Remembers a call that is being made.
    fn hold(&self, call: &Call, key: Key, entry: Entry, counters: Vec<Counter>) {
        let open = Open {
            key,
            entry,
            counters,
        };
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(call.name.clone(), open);
    }

    fn entry_draft(&self, key: &Key, entry: &Entry, id: &str) -> Result<Draft, EngineError> {
        let mut draft = Draft::new(key.clone(), body::encode(entry)?);
        draft.first = Some(IndexKey {
            pk: keys::costs_of(&self.payer.tenant, entry.at),
            sk: format!("{}#{id}", entry.at.digits()),
        });
        draft.expires_at = Some(entry.at + KEEP_COSTS);
        Ok(draft)
    }

    async fn try_settle(
        &self,
        call: &Call,
        outcome: Result<(&Answer, Money), &ModelError>,
    ) -> Result<(), EngineError> {
        let open = {
            let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            all.remove(&call.name)
        };
        let Some(open) = open else {
            return Ok(());
        };
        let mut entry = open.entry;
        match outcome {
            Ok((answer, cost)) => {
                entry.state = State::Answered;
                entry.charged = cost.0;
                entry.usage = answer.usage;
                entry.request.clone_from(&answer.request);
            }
            Err(error) if error.is_free() => {
                entry.state = State::Free;
                entry.charged = 0;
            }
            Err(_) => entry.state = State::Unknown,
        }
        let kept = match outcome {
            Ok((answer, _)) => Some(self.put(answer).await?),
            Err(_) => None,
        };
        let id = open
            .key
            .sk
            .rsplit('#')
            .next()
            .unwrap_or_default()
            .to_owned();
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let records = self
                .ports
                .store
                .get(std::slice::from_ref(&open.key), now)
                .await?;
            let Some(Some(record)) = records.into_iter().next() else {
                return Ok(());
            };
            let written: Entry = body::decode(&record.draft.body)?;
            if written.state != State::Reserved {
                return Ok(());
            }
            let mut batch = Batch::at(now);
            for counter in &open.counters {
                batch.push(Write::Add {
                    key: counter.key.clone(),
                    delta: entry.charged - entry.reserved,
                    // What was really used may be more than was foreseen; it counts all the same.
                    within: i64::MIN..=i64::MAX,
                    expires_at: Some(now + KEEP_COSTS),
                })?;
            }
            batch.push(Write::Put {
                draft: self.entry_draft(&open.key, &entry, &id)?,
                expect: Expect::Version(record.version),
            })?;
            if let Some(answer) = &kept {
                let key = keys::answer(&self.payer.tenant, &self.payer.execution, &call.name);
                self.push_kept(&mut batch, key, answer, KEEP_ANSWERS)
                    .await?;
            }
            if attempts.commit(batch).await? {
                return Ok(());
            }
        }
    }

    async fn put(&self, answer: &Answer) -> Result<BlobRef, EngineError> {
        let bytes = serde_json::to_vec(answer)
            .map_err(|error| body::BodyError::Broken(error.to_string()))?;
        let put = self
            .ports
            .blobs
            .put(&self.payer.tenant, BlobClass::Result, bytes.into());
        Ok(put.await?)
    }

    /// Writes where an answer is, unless something is there already; says whether it does.
    async fn push_kept(
        &self,
        batch: &mut Batch,
        key: Key,
        answer: &BlobRef,
        life: Duration,
    ) -> Result<bool, EngineError> {
        let now = batch.now();
        let there = self
            .ports
            .store
            .get(std::slice::from_ref(&key), now)
            .await?;
        if there.into_iter().flatten().next().is_some() {
            return Ok(false);
        }
        let kept = Kept {
            answer: answer.clone(),
        };
        let mut draft = Draft::new(key, body::encode(&kept)?);
        draft.expires_at = Some(now + life);
        batch.push(Write::Put {
            draft,
            expect: Expect::Absent,
        })?;
        Ok(true)
    }

    async fn try_recall(&self, call: &Call) -> Result<Option<Answer>, EngineError> {
        let now = self.ports.clock.now();
        let places = [
            keys::answer(&self.payer.tenant, &self.payer.execution, &call.name),
            keys::cached(&self.payer.tenant, &call.name),
        ];
        for record in self
            .ports
            .store
            .get(&places, now)
            .await?
            .into_iter()
            .flatten()
        {
            let kept: Kept = body::decode(&record.draft.body)?;
            // A blob that is gone was kept for less long; then it is asked again.
            if let Ok(bytes) = self.ports.blobs.get(&kept.answer, MAX_ANSWER).await
                && let Ok(answer) = serde_json::from_slice(&bytes)
            {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    async fn try_keep(&self, call: &Call, answer: &Answer) -> Result<(), EngineError> {
        let answer = self.put(answer).await?;
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let mut batch = Batch::at(self.ports.clock.now());
            let key = keys::cached(&self.payer.tenant, &call.name);
            let is_new = self
                .push_kept(&mut batch, key, &answer, KEEP_CACHED)
                .await?;
            if !is_new || attempts.commit(batch).await? {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Account for Ledger {
    async fn recall(&self, call: &Call) -> Option<Answer> {
        match self.try_recall(call).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(
                    event = "model.recall.failed",
                    "Answers cannot be recalled: {error}"
                );
                None
            }
        }
    }

    async fn wait(&self, provider: &str) -> Option<Duration> {
        let name = breaker_name(provider);
        match crate::breaker::may_ask(&self.ports, &self.law, &name).await {
            Ok(wait) => wait,
            // Nobody knows; asking again in a while costs nothing.
            Err(_) => Some(self.law.open_for),
        }
    }

    async fn reserve(&self, call: &Call) -> Result<(), NotPaid> {
        if call.worst > self.caps.call {
            return Err(NotPaid::Cap(over("call", call.worst, self.caps.call)));
        }
        match self.try_reserve(call).await {
            Ok(reserved) => reserved,
            Err(error) => Err(NotPaid::Unknown(error.to_string())),
        }
    }

    async fn settle(&self, call: &Call, outcome: Result<(&Answer, Money), &ModelError>) {
        let is_fault = matches!(
            outcome,
            Err(ModelError::Unavailable(_) | ModelError::Late(_))
        );
        if let Err(error) = self.try_settle(call, outcome).await {
            tracing::warn!(
                event = "model.settle.failed", model = %call.model,
                "What a call has cost cannot be put down, so it stays charged with the worst: {error}"
            );
        }
        let name = breaker_name(&call.provider);
        if let Err(error) = crate::breaker::note(&self.ports, &self.law, &name, is_fault).await {
            tracing::warn!(
                event = "model.breaker.failed",
                "A breaker cannot be moved: {error}"
            );
        }
    }

    async fn keep(&self, call: &Call, answer: &Answer) {
        if let Err(error) = self.try_keep(call, answer).await {
            tracing::warn!(
                event = "model.keep.failed",
                "An answer cannot be kept for others: {error}"
            );
        }
    }
}

/// A provider's breaker: providers of models are named by operators, so they are kept apart from others.
fn breaker_name(provider: &str) -> String {
    format!("model.{provider}")
}

/// What was spent, entry by entry, of the days from one on, newest first.
pub async fn entries(
    ports: &Ports,
    tenant: &TenantId,
    since: Timestamp,
    most: usize,
) -> Result<Vec<Entry>, EngineError> {
    let now = ports.clock.now();
    let mut day = now;
    let mut all = Vec::new();
    loop {
        let query = IndexQuery::First(keys::costs_of(tenant, day));
        let mut after = None;
        loop {
            let page = Page::last(200).after(after.take());
            let slice = ports.store.find(&query, &page, now).await?;
            for record in &slice.records {
                let entry: Entry = body::decode(&record.draft.body)?;
                if entry.at >= since && all.len() < most {
                    all.push(entry);
                }
            }
            after = slice.next;
            if after.is_none() {
                break;
            }
        }
        if day <= since || all.len() >= most {
            return Ok(all);
        }
        day = day - DAY;
    }
}
