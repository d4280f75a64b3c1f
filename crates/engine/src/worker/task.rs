//! A task: whether it is wanted, may be begun, how its attempt went, and what follows.

use std::time::Duration;

use pullmill_core::body;
use pullmill_core::execution::{Event, Execution, StepState, decide};
use pullmill_core::plan::StepPlan;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;
use pullmill_core::task::{Outcome, Task, TaskState};
use serde_json::json;

use super::{Handled, Settled};
use crate::attempt::Attempts;
use crate::follow::Kept;
use crate::transition::Loaded;
use crate::{Engine, EngineError};

/// When a task is tried again that could not be begun.
const AGAIN: Duration = Duration::from_secs(5);

/// A task of which an attempt can be made.
pub(super) struct ReadyTask {
    pub(super) task: Task,
    pub(super) plan: StepPlan,
    pub(super) execution: Execution,
    /// How long its provider is left alone.
    wait: Option<Duration>,
}

impl Engine {
    pub(super) async fn handle_task(
        &self,
        mut lease: Lease,
    ) -> Result<(Handled, Lease), EngineError> {
        let ready = match self.prepare(&lease).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(handled)) => return Ok((handled, lease)),
            Err(error) => {
                self.give_back(&lease, AGAIN).await?;
                return Err(error);
            }
        };
        // From here on a lease that ends without a word counts as an attempt.
        let outcome = match ready.wait {
            Some(wait) => Some(Outcome::Faulted {
                error: "its provider has failed several times and is left alone".to_owned(),
                retry_after: Some(wait),
            }),
            None => self.attempt(&mut lease, &ready).await?,
        };
        let Some(outcome) = outcome else {
            return Ok((Handled::Lost, lease));
        };
        let settled = self.settle_task(&lease, &ready.task, &ready.plan, &outcome);
        Ok((settled.await?, lease))
    }

    /// All that comes before an attempt; the inner error is that there is none to make.
    async fn prepare(&self, lease: &Lease) -> Result<Result<ReadyTask, Handled>, EngineError> {
        let mut task: Task = match body::decode(&lease.record.draft.body) {
            Ok(task) => task,
            Err(error) => return Ok(Err(self.unreadable(lease, &error).await?)),
        };
        let now = self.ports.clock.now();
        let loaded = match self.load(&task.tenant, &task.execution, now).await {
            Err(EngineError::Body(error)) => {
                return Ok(Err(self.unreadable(lease, &error).await?));
            }
            loaded => loaded?,
        };
        let wanted = loaded.filter(|loaded| is_wanted(&loaded.execution, &task));
        let plan = wanted
            .as_ref()
            .and_then(|one| one.execution.plan.step(&task.step).cloned());
        let Some((loaded, plan)) = wanted.zip(plan) else {
            return Ok(Err(self.drop_task(lease, task).await?));
        };
        if task.state == TaskState::Parked {
            return Ok(Err(self.wake_late(lease, task).await?));
        }
        if let Some(next) = task.count_crashes(lease.record.epoch, &plan) {
            return Ok(Err(self
                .settle_as(lease, task, next, Vec::new(), &Kept::default())
                .await?));
        }
        if !self.agents.contains_key(&task.agent) {
            return Ok(Err(self.leave(lease).await?));
        }
        let wait = self.may_ask(&plan).await?;
        let execution = match wait {
            Some(_) => Some(loaded.execution),
            None => self.begin(lease, &task, loaded).await?,
        };
        Ok(match execution {
            Some(execution) => Ok(ReadyTask {
                task,
                plan,
                execution,
                wait,
            }),
            None => Err(Handled::Lost),
        })
    }

    /// Gives a task back that could not be begun or is interrupted: no attempt of its own.
    pub(super) async fn give_back(
        &self,
        lease: &Lease,
        delay: Duration,
    ) -> Result<(), EngineError> {
        let Ok(mut task) = body::decode::<Task>(&lease.record.draft.body) else {
            return Ok(());
        };
        task.settled_epoch = lease.record.epoch;
        let now = self.ports.clock.now();
        let mut batch = Batch::at(now);
        batch.push(Write::Put {
            draft: self.task_draft(&task, now + delay, now)?,
            expect: Expect::Version(lease.record.version),
        })?;
        // If this fails too, the lease runs out.
        let _ = Attempts::new(&self.ports).commit(batch).await;
        Ok(())
    }

    /// Makes one attempt. `None` if the lease is lost.
    async fn attempt(
        &self,
        lease: &mut Lease,
        ready: &ReadyTask,
    ) -> Result<Option<Outcome>, EngineError> {
        let outcome = self.run_agent(lease, ready).await?;
        if let Some(outcome) = &outcome {
            self.note_asked(&ready.plan, outcome).await?;
        }
        Ok(outcome)
    }

    /// Writes that the step has begun, once. `None` if it is not wanted any more.
    async fn begin(
        &self,
        lease: &Lease,
        task: &Task,
        mut loaded: Loaded,
    ) -> Result<Option<Execution>, EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let decision = decide(&loaded.execution, Event::Begun(task.step.clone()), now)?;
            if decision.commands.is_empty() {
                return Ok(Some(decision.execution));
            }
            let mut batch = Batch::at(now);
            batch.push(Write::Check {
                key: lease.record.draft.key.clone(),
                expect: Expect::Epoch(lease.record.epoch),
            })?;
            let expect = Expect::Version(loaded.version);
            let execution = decision.execution.clone();
            self.stage(&mut batch, decision, expect, None).await?;
            if attempts.commit(batch).await? {
                return Ok(Some(execution));
            }
            let now = self.ports.clock.now();
            let record = self.record(&lease.record.draft.key, now).await?;
            let is_ours = record.is_some_and(|record| record.version == lease.record.version);
            match self.load(&task.tenant, &task.execution, now).await? {
                Some(again) if is_ours && is_wanted(&again.execution, task) => loaded = again,
                _ => return Ok(None),
            }
        }
    }

    /// A parked task whose time has come without a signal.
    async fn wake_late(&self, lease: &Lease, task: Task) -> Result<Handled, EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let record = self.record(&lease.record.draft.key, now).await?;
            if record.is_none_or(|record| record.version != lease.record.version) {
                return Ok(Handled::Lost);
            }
            let Some(loaded) = self.load(&task.tenant, &task.execution, now).await? else {
                return Ok(Handled::Lost);
            };
            let mut woken = task.clone();
            woken.wake(json!({"timed_out": true}));
            woken.settled_epoch = lease.record.epoch;
            let mut batch = Batch::at(now);
            batch.push(Write::Put {
                draft: self.task_draft(&woken, now, now)?,
                expect: Expect::Version(lease.record.version),
            })?;
            let decision = decide(&loaded.execution, Event::Woken(task.step.clone()), now)?;
            let expect = Expect::Version(loaded.version);
            self.stage(&mut batch, decision, expect, None).await?;
            if attempts.commit(batch).await? {
                return Ok(Handled::Settled(Settled::Again));
            }
        }
    }

    /// Settles a task that nobody wants.
    async fn drop_task(&self, lease: &Lease, mut task: Task) -> Result<Handled, EngineError> {
        task.state = TaskState::Cancelled;
        let now = self.ports.clock.now();
        let mut batch = Batch::at(now);
        batch.push(Write::Put {
            draft: self.task_draft(&task, now, now)?,
            expect: Expect::Version(lease.record.version),
        })?;
        match Attempts::new(&self.ports).commit(batch).await? {
            true => Ok(Handled::Settled(Settled::Dropped)),
            false => Ok(Handled::Lost),
        }
    }
}

/// Whether the execution is waiting for this very task.
pub(super) fn is_wanted(execution: &Execution, task: &Task) -> bool {
    let step = execution.steps.get(&task.step);
    step.is_some_and(|step| {
        step.round == task.round && matches!(step.state, StepState::Active | StepState::Parked(_))
    })
}
