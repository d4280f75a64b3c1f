//! What operators do: cancel, begin anew, wake, and put dead letters back.

use pullmill_core::body;
use pullmill_core::execution::{Event, Execution, Reason, StepState, decide};
use pullmill_core::id::{ExecutionId, QueueName, StepName, TenantId};
use pullmill_core::keys;
use pullmill_core::plan::Role;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::{Draft, Due, IndexQuery, Key, Page, Record, Second};
use pullmill_core::task::{Task, TaskState};
use serde_json::Value;

use crate::attempt::Attempts;
use crate::transition::Loaded;
use crate::{Engine, EngineError, lane_queue};

/// A dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its record.
    pub key: Key,
    /// The queue it was in.
    pub queue: QueueName,
    /// The task, if its record can be read.
    pub task: Option<Task>,
    /// The record's body.
    pub body: Vec<u8>,
}

impl Engine {
    /// Ends an execution.
    pub async fn cancel(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        by: &str,
    ) -> Result<Execution, EngineError> {
        let cancel = || Event::Cancel {
            reason: Reason::User,
            by: by.to_owned(),
        };
        self.tell(tenant, id, cancel, &[]).await
    }

    /// Begins a failed execution anew: what is done stays done.
    pub async fn retry(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        by: &str,
    ) -> Result<Execution, EngineError> {
        let retry = || Event::Retry { by: by.to_owned() };
        let loaded = self.existing(tenant, id).await?;
        let dead = dead_steps(&loaded.execution);
        self.tell(tenant, id, retry, &dead).await
    }

    /// Wakes a parked step with what it waits for.
    pub async fn signal(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        step: &StepName,
        signal: &Value,
    ) -> Result<(), EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let loaded = self.existing(tenant, id).await?;
            let round = loaded
                .execution
                .steps
                .get(step)
                .map_or(0, |step| step.round);
            let key = keys::task(tenant, id, step, round);
            let record = self.record(&key, now).await?;
            let record = record.ok_or_else(|| EngineError::NotFound(format!("step {step}")))?;
            let mut task: Task = body::decode(&record.draft.body)?;
            if !task.wake(signal.clone()) {
                return Err(EngineError::NotFound(format!("step {step} that waits")));
            }
            task.settled_epoch = record.epoch;
            let mut batch = Batch::at(now);
            batch.push(Write::Put {
                draft: self.task_draft(&task, now, now)?,
                expect: Expect::Version(record.version),
            })?;
            let decision = decide(&loaded.execution, Event::Woken(step.clone()), now)?;
            let expect = Expect::Version(loaded.version);
            self.stage(&mut batch, decision, expect, None).await?;
            if attempts.commit(batch).await? {
                return Ok(());
            }
        }
    }

    /// The dead letters of a tenant, newest first.
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, EngineError> {
        let now = self.ports.clock.now();
        let mut found = Vec::new();
        for queue in self.queues() {
            let query = IndexQuery::Status(keys::dead_letters(tenant, &queue));
            let slice = self
                .ports
                .store
                .find(&query, &Page::last(limit), now)
                .await?;
            let letters = slice.records.into_iter();
            found.extend(letters.map(|record| dead_letter(record, &queue)));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Reads one dead letter.
    pub async fn dead_letter(&self, key: &Key) -> Result<DeadLetter, EngineError> {
        let record = self.record(key, self.ports.clock.now()).await?;
        let is_dead = |record: &Record| match &record.draft.second {
            Second::Status(place) => place.pk.contains("#DLQ#"),
            _ => false,
        };
        let record = record.filter(is_dead);
        let record = record.ok_or_else(|| EngineError::NotFound(format!("dead letter {key}")))?;
        let queue = queue_of(&record).unwrap_or_else(lane_queue);
        Ok(dead_letter(record, &queue))
    }

    /// Puts a dead letter back: a task's execution is begun anew, a damaged record is tried again as it is.
    pub async fn put_back(&self, letter: &DeadLetter, by: &str) -> Result<(), EngineError> {
        let Some(task) = &letter.task else {
            return self.put_back_raw(letter).await;
        };
        let (tenant, id) = (&task.tenant, &task.execution);
        let loaded = self.existing(tenant, id).await?;
        let plan = loaded.execution.plan.step(&task.step);
        if plan.is_some_and(|plan| plan.role == Role::Finally)
            && loaded.execution.status != pullmill_core::execution::Status::Failed
        {
            let redo = || Event::Redo(task.step.clone());
            let dead = [(task.step.clone(), task.round)];
            self.tell(tenant, id, redo, &dead).await?;
        } else {
            self.retry(tenant, id, by).await?;
        }
        Ok(())
    }

    async fn put_back_raw(&self, letter: &DeadLetter) -> Result<(), EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let record = self.record(&letter.key, now).await?;
            let record = record
                .filter(|record| matches!(record.draft.second, Second::Status(_)))
                .ok_or_else(|| EngineError::NotFound(format!("dead letter {}", letter.key)))?;
            let mut batch = Batch::at(now);
            let tenant = keys::tenant(&letter.key).unwrap_or_else(TenantId::local);
            let due = Due {
                queue: letter.queue.clone(),
                tenant,
                at: now,
            };
            let expect = Expect::Version(record.version);
            // A mailbox item goes back into its mailbox, anything else is due where it is.
            if let Some(id) = letter.key.sk.strip_prefix("ENV#") {
                let key = keys::mailbox(&letter.key.pk, &format!("{id}-{}", record.version.0));
                batch.push(Write::Put {
                    draft: Draft::new(key, record.draft.body.clone()),
                    expect: Expect::Absent,
                })?;
                batch.push(Write::Poke {
                    key: keys::lane(&letter.key.pk),
                    due,
                })?;
                let second = Second::None;
                let draft = Draft {
                    second,
                    ..record.draft
                };
                batch.push(Write::Put { draft, expect })?;
            } else {
                let second = Second::Due(due);
                let draft = Draft {
                    second,
                    ..record.draft
                };
                batch.push(Write::Put { draft, expect })?;
            }
            if attempts.commit(batch).await? {
                return Ok(());
            }
        }
    }

    /// Applies an event to an execution; the dead letters of `dead` steps are no longer listed.
    async fn tell(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        event: impl Fn() -> Event,
        dead: &[(StepName, u32)],
    ) -> Result<Execution, EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let loaded = self.existing(tenant, id).await?;
            let decision = decide(&loaded.execution, event(), now)?;
            if decision.commands.is_empty() {
                return Ok(decision.execution);
            }
            let mut batch = Batch::at(now);
            let letters: Vec<Key> = dead
                .iter()
                .map(|(step, round)| keys::task(tenant, id, step, *round))
                .collect();
            for record in self
                .ports
                .store
                .get(&letters, now)
                .await?
                .into_iter()
                .flatten()
            {
                batch.push(Write::Put {
                    draft: Draft {
                        second: Second::None,
                        ..record.draft
                    },
                    expect: Expect::Version(record.version),
                })?;
            }
            let execution = decision.execution.clone();
            let expect = Expect::Version(loaded.version);
            self.stage(&mut batch, decision, expect, None).await?;
            if attempts.commit(batch).await? {
                return Ok(execution);
            }
        }
    }

    pub(crate) async fn existing(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
    ) -> Result<Loaded, EngineError> {
        let loaded = self.load(tenant, id, self.ports.clock.now()).await?;
        loaded.ok_or_else(|| EngineError::NotFound(format!("execution {id}")))
    }
}

fn dead_steps(execution: &Execution) -> Vec<(StepName, u32)> {
    let dead = execution
        .steps
        .iter()
        .filter(|(_, step)| step.state == StepState::Dead);
    dead.map(|(name, step)| (name.clone(), step.round))
        .collect()
}

fn dead_letter(record: Record, queue: &QueueName) -> DeadLetter {
    let task = body::decode::<Task>(&record.draft.body).ok();
    DeadLetter {
        key: record.draft.key,
        queue: queue.clone(),
        task: task.filter(|task| task.state == TaskState::Dead),
        body: record.draft.body.to_vec(),
    }
}

fn queue_of(record: &Record) -> Option<QueueName> {
    let Second::Status(place) = &record.draft.second else {
        return None;
    };
    let (_, queue) = place.pk.split_once("#DLQ#")?;
    QueueName::parse(queue).ok()
}
