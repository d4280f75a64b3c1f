//! Turns a decision into writes: the execution, its tasks, its timer and its events go into one batch.

use std::time::Duration;

use pullmill_core::execution::{Command, Decision, Execution};
use pullmill_core::id::{ExecutionId, StepName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::{Draft, Due, IndexKey, Key, Record, Second, Version};
use pullmill_core::stream::Told;
use pullmill_core::task::{Task, TaskState};
use pullmill_core::time::Timestamp;
use pullmill_core::{body, keys};

use crate::{Engine, EngineError, timer_queue};

/// An execution as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) execution: Execution,
    pub(crate) version: Version,
}

/// A timer that the caller holds: setting it is settling it.
pub(crate) struct HeldTimer {
    pub(crate) key: Key,
    pub(crate) version: Version,
}

/// Most bytes of events in one page.
const PAGE: usize = 48 << 10;

impl Engine {
    /// Reads an execution.
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        now: Timestamp,
    ) -> Result<Option<Loaded>, EngineError> {
        let key = keys::execution(tenant, id);
        match self.record(&key, now).await? {
            None => Ok(None),
            Some(record) => Ok(Some(Loaded {
                execution: body::decode(&record.draft.body)?,
                version: record.version,
            })),
        }
    }

    /// Reads one record.
    pub(crate) async fn record(
        &self,
        key: &Key,
        now: Timestamp,
    ) -> Result<Option<Record>, EngineError> {
        let mut found = self.ports.store.get(std::slice::from_ref(key), now).await?;
        Ok(found.pop().flatten())
    }

    /// Adds to a batch what a decision wants. `expect` is what the execution's record must be.
    pub(crate) async fn stage(
        &self,
        batch: &mut Batch,
        decision: Decision,
        expect: Expect,
        timer: Option<&HeldTimer>,
    ) -> Result<(), EngineError> {
        let now = batch.now();
        let Decision {
            mut execution,
            commands,
        } = decision;
        let mut told = Vec::new();
        let mut cancelled = Vec::new();
        for command in commands {
            match command {
                Command::Tell(one) => told.push(one),
                Command::Cancel { step, round } => {
                    cancelled.push(keys::task(&execution.tenant, &execution.id, &step, round));
                }
                Command::Enqueue { step, round } => {
                    batch.push(self.new_task(&execution, &step, round, now)?)?;
                }
                Command::SetTimer(at) => batch.push(set_timer(&execution, at, timer)?)?,
            }
        }
        self.cancel_tasks(batch, &cancelled).await?;
        for page in pages(&mut execution, told, now) {
            let first = page.events.first().map_or(0, |event| event.seq);
            let key = keys::events(&execution.tenant, &execution.id, first);
            let mut draft = Draft::new(key, body::encode(&page)?);
            let life = execution.plan.queue_ttl + execution.plan.deadline;
            draft.expires_at = Some(now + life + self.settings.keep_executions);
            batch.push(Write::Put {
                draft,
                expect: Expect::Absent,
            })?;
        }
        batch.push(Write::Put {
            draft: self.execution_draft(&execution, now)?,
            expect,
        })?;
        Ok(())
    }

    fn execution_draft(&self, execution: &Execution, now: Timestamp) -> Result<Draft, EngineError> {
        let (tenant, id) = (&execution.tenant, &execution.id);
        let mut draft = Draft::new(keys::execution(tenant, id), body::encode(execution)?);
        draft.first = Some(keys::executions(tenant, execution.created_at, id));
        let status = execution.status.word();
        let place = keys::by_status(tenant, status, execution.created_at, id);
        draft.second = Second::Status(place);
        let is_over = execution.status.is_terminal();
        draft.expires_at = is_over.then(|| now + self.settings.keep_executions);
        Ok(draft)
    }

    fn new_task(
        &self,
        execution: &Execution,
        step: &StepName,
        round: u32,
        now: Timestamp,
    ) -> Result<Write, EngineError> {
        let plan = execution.plan.step(step);
        let plan = plan.ok_or_else(|| EngineError::NotFound(format!("step {step}")))?;
        let deadline = now + execution.plan.deadline;
        let task = Task::new(&execution.tenant, &execution.id, plan, round, now, deadline);
        Ok(Write::Put {
            draft: self.task_draft(&task, now, now)?,
            expect: Expect::Absent,
        })
    }

    /// A task's record. A live one is due at `due`; a dead one is listed as a dead letter.
    pub(crate) fn task_draft(
        &self,
        task: &Task,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<Draft, EngineError> {
        let key = keys::task(&task.tenant, &task.execution, &task.step, task.round);
        let mut draft = Draft::new(key, body::encode(task)?);
        draft.second = match task.state {
            TaskState::Ready | TaskState::Parked => Second::Due(Due {
                queue: task.queue.clone(),
                tenant: task.tenant.clone(),
                at: due,
            }),
            TaskState::Dead => Second::Status(dead_letter(&draft.key, &task.tenant, task, now)),
            TaskState::Done | TaskState::Cancelled => Second::None,
        };
        let keep = self.settings.keep_executions;
        draft.expires_at = (!task.state.is_live()).then(|| now + keep);
        Ok(draft)
    }

    async fn cancel_tasks(&self, batch: &mut Batch, cancelled: &[Key]) -> Result<(), EngineError> {
        if cancelled.is_empty() {
            return Ok(());
        }
        let now = batch.now();
        let records = self.ports.store.get(cancelled, now).await?;
        for record in records.into_iter().flatten() {
            let mut task: Task = body::decode(&record.draft.body)?;
            task.state = TaskState::Cancelled;
            batch.push(Write::Put {
                draft: self.task_draft(&task, now, now)?,
                expect: Expect::Version(record.version),
            })?;
        }
        Ok(())
    }
}

fn dead_letter(key: &Key, tenant: &TenantId, task: &Task, now: Timestamp) -> IndexKey {
    IndexKey {
        pk: keys::dead_letters(tenant, &task.queue),
        sk: format!("{}#{}#{}", now.digits(), key.pk, key.sk),
    }
}

fn set_timer(
    execution: &Execution,
    at: Timestamp,
    held: Option<&HeldTimer>,
) -> Result<Write, EngineError> {
    let key = keys::timer(&execution.tenant, &execution.id, execution.generation);
    let expect = match held {
        Some(held) if held.key == key => Expect::Version(held.version),
        _ => Expect::Absent,
    };
    let timer = crate::worker::Timer {
        tenant: execution.tenant.clone(),
        execution: execution.id.clone(),
        generation: execution.generation,
    };
    let mut draft = Draft::new(key, body::encode(&timer)?);
    draft.second = Second::Due(Due {
        queue: timer_queue(),
        tenant: execution.tenant.clone(),
        at: at.max(execution.created_at + Duration::from_millis(1)),
    });
    Ok(Write::Put { draft, expect })
}

/// Makes pages that fit into records.
fn pages(
    execution: &mut Execution,
    told: Vec<Told>,
    now: Timestamp,
) -> Vec<pullmill_core::stream::Page> {
    let mut pages = Vec::new();
    let mut part = Vec::new();
    let mut bytes = 0;
    for one in told {
        let size = one.data.to_string().len() + 100;
        if bytes + size > PAGE {
            pages.extend(execution.stream.append(std::mem::take(&mut part), now));
            bytes = 0;
        }
        bytes += size;
        part.push(one);
    }
    pages.extend(execution.stream.append(part, now));
    pages
}
