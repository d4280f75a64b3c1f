//! Settles a task: its record, what follows for its execution and what is told about it are one commit.

use pullmill_core::execution::{Event, decide};
use pullmill_core::plan::StepPlan;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;
use pullmill_core::stream::Told;
use pullmill_core::task::{Follows, Next, Outcome, Task};
use pullmill_core::time::Timestamp;
use serde_json::json;

use super::{Handled, Settled};
use crate::attempt::Attempts;
use crate::follow::Kept;
use crate::{Engine, EngineError};

impl Engine {
    /// Settles a task by how its attempt ended.
    pub(super) async fn settle_task(
        &self,
        lease: &Lease,
        task: &Task,
        plan: &StepPlan,
        outcome: &Outcome,
    ) -> Result<Handled, EngineError> {
        let now = self.ports.clock.now();
        let random = self.ports.clock.random();
        let mut settled = task.clone();
        let next = settled.settle(outcome, lease.record.epoch, plan, now, random);
        let (told, follows) = match outcome {
            Outcome::Done { told, follows, .. } => (told.clone(), follows.clone()),
            _ => (Vec::new(), Follows::default()),
        };
        let kept = self.keep(&task.tenant, follows).await?;
        self.settle_as(lease, settled, next, told, &kept).await
    }

    /// Writes a settled task and what follows.
    pub(super) async fn settle_as(
        &self,
        lease: &Lease,
        task: Task,
        next: Next,
        told: Vec<Told>,
        follows: &Kept,
    ) -> Result<Handled, EngineError> {
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            // Whoever cancelled or took the task has raised its version.
            let record = self.record(&lease.record.draft.key, now).await?;
            if record.is_none_or(|record| record.version != lease.record.version) {
                return Ok(Handled::Lost);
            }
            let Some(loaded) = self.load(&task.tenant, &task.execution, now).await? else {
                return Ok(Handled::Lost);
            };
            let mut batch = Batch::at(now);
            let mut told = told.clone();
            told.extend(self.follow(&mut batch, &loaded.execution, follows).await?);
            let decision = decide(&loaded.execution, event(&task, &next, told), now)?;
            let ended = Some(decision.execution.status).filter(|status| status.is_terminal());
            batch.push(Write::Put {
                draft: self.task_draft(&task, due(&next, now), now)?,
                expect: Expect::Version(lease.record.version),
            })?;
            let expect = Expect::Version(loaded.version);
            self.stage(&mut batch, decision, expect, None).await?;
            if attempts.commit(batch).await? {
                if let Some(status) = ended {
                    let (id, workflow) = (&task.execution, &loaded.execution.plan.workflow);
                    let word = status.word();
                    tracing::info!(execution.id = %id, event = "execution.ended", status = word, "A {workflow} {word}");
                }
                return Ok(Handled::Settled(settled(&next)));
            }
        }
    }
}

fn due(next: &Next, now: Timestamp) -> Timestamp {
    match next {
        Next::Again(at) | Next::Parked(_, at) => *at,
        Next::Done(_) | Next::Dead(_) => now,
    }
}

fn settled(next: &Next) -> Settled {
    match next {
        Next::Done(_) => Settled::Done,
        Next::Again(_) => Settled::Again,
        Next::Parked(..) => Settled::Parked,
        Next::Dead(_) => Settled::Dead,
    }
}

fn event(task: &Task, next: &Next, told: Vec<Told>) -> Event {
    let step = task.step.clone();
    match next {
        Next::Done(result) => Event::Done {
            step,
            result: result.clone(),
            told,
        },
        Next::Parked(wait, _) => Event::Parked { step, wait: *wait },
        Next::Dead(death) => Event::Dead {
            step,
            death: *death,
            error: task.error.clone().unwrap_or_default(),
        },
        Next::Again(at) if task.error.is_none() => Event::Noted(Told::new(
            "task.yielded",
            json!({"step": step, "continuations": task.continuations, "at": at}),
        )),
        Next::Again(at) => Event::Noted(Told::new(
            "task.retried",
            json!({
                "step": step, "failures": task.failures, "faults": task.faults,
                "error": task.error, "at": at,
            }),
        )),
    }
}
