//! The state machine: pure, and the only place that changes a status.

use serde_json::{Value, json};

use super::{
    Command, Compensated, Decision, Event, Execution, Reason, Refused, Status, Step, StepState,
};
use crate::id::StepName;
use crate::plan::Role;
use crate::stream::Told;
use crate::task::{Death, Wait};
use crate::time::Timestamp;

/// Begins an execution that has just been made.
#[must_use]
pub fn start(execution: Execution) -> Decision {
    let now = execution.created_at;
    let mut run = Run::of(execution, now);
    let plan = run.execution.plan.clone();
    run.execution.steps = plan
        .steps
        .iter()
        .map(|step| (step.name.clone(), Step::default()))
        .collect();
    run.tell(
        "execution.queued",
        json!({"workflow": plan.workflow, "generation": 0}),
    );
    run.commands.push(Command::SetTimer(now + plan.queue_ttl));
    run.advance();
    run.end()
}

/// Says what an event makes of an execution.
///
/// A repeat of what is known already changes nothing. What the status does not allow is refused.
pub fn decide(execution: &Execution, event: Event, now: Timestamp) -> Result<Decision, Refused> {
    let mut run = Run::of(execution.clone(), now);
    match event {
        Event::Begun(step) => run.begun(&step),
        Event::Done { step, result, told } => run.done(&step, result, told),
        Event::Parked { step, wait } => run.parked(&step, wait),
        Event::Woken(step) => run.woken(&step),
        Event::Noted(told) => run.commands.push(Command::Tell(told)),
        Event::Dead { step, death, error } => run.dead(&step, death, &error),
        Event::Cancel { reason, by } => run.cancel(reason, &by)?,
        Event::Late => run.late(),
        Event::Retry { by } => run.retry(&by)?,
        Event::Redo(step) => run.redo(&step)?,
    }
    Ok(run.end())
}

struct Run {
    execution: Execution,
    commands: Vec<Command>,
    now: Timestamp,
}

impl Run {
    fn of(execution: Execution, now: Timestamp) -> Self {
        Self {
            execution,
            commands: Vec::new(),
            now,
        }
    }

    fn end(self) -> Decision {
        Decision {
            execution: self.execution,
            commands: self.commands,
        }
    }

    fn tell(&mut self, kind: &'static str, data: Value) {
        self.commands.push(Command::Tell(Told::new(kind, data)));
    }

    fn step(&mut self, name: &StepName) -> Option<&mut Step> {
        self.execution.steps.get_mut(name)
    }

    fn is_active(&self, name: &StepName) -> bool {
        let step = self.execution.steps.get(name);
        step.is_some_and(|step| matches!(step.state, StepState::Active | StepState::Parked(_)))
    }

    fn role(&self, name: &StepName) -> Role {
        let step = self.execution.plan.step(name);
        step.map(|step| step.role.clone()).unwrap_or_default()
    }

    fn begun(&mut self, name: &StepName) {
        if self.execution.status == Status::Queued {
            self.execution.status = Status::Running;
            self.execution.started_at = Some(self.now);
            self.tell("execution.started", json!({}));
        }
        let Some(step) = self.step(name) else { return };
        if !step.is_started {
            step.is_started = true;
            let round = step.round;
            self.tell("step.started", json!({"step": name, "round": round}));
        }
    }

    fn done(&mut self, name: &StepName, result: Value, told: Vec<Told>) {
        if !self.is_active(name) {
            return;
        }
        let mut round = 0;
        if let Some(step) = self.step(name) {
            step.state = StepState::Done;
            step.result = result;
            round = step.round;
        }
        self.commands.extend(told.into_iter().map(Command::Tell));
        self.tell("step.completed", json!({"step": name, "round": round}));
        match self.role(name) {
            Role::Work => self.advance(),
            Role::Undo(undone) => {
                if let Some(step) = self.step(&undone) {
                    step.state = StepState::Undone;
                }
                self.take_back();
            }
            Role::Finally => self.note_end(),
        }
    }

    fn parked(&mut self, name: &StepName, wait: Wait) {
        if !self.is_active(name) {
            return;
        }
        if let Some(step) = self.step(name) {
            step.state = StepState::Parked(wait);
        }
        let states = self.execution.steps.values().map(|step| &step.state);
        let is_busy = states.clone().any(|state| *state == StepState::Active);
        if self.execution.status == Status::Running && !is_busy {
            self.execution.status = Status::Waiting;
            self.execution.reason = Some(wait.into());
            self.tell("execution.waiting", json!({"step": name, "for": wait}));
        }
    }

    fn woken(&mut self, name: &StepName) {
        let Some(step) = self.step(name) else { return };
        if !matches!(step.state, StepState::Parked(_)) {
            return;
        }
        step.state = StepState::Active;
        if self.execution.status == Status::Waiting {
            self.execution.status = Status::Running;
            self.execution.reason = None;
            self.tell("execution.resumed", json!({"step": name}));
        }
    }

    fn dead(&mut self, name: &StepName, death: Death, error: &str) {
        if !self.is_active(name) {
            return;
        }
        if let Some(step) = self.step(name) {
            step.state = StepState::Dead;
        }
        self.tell(
            "task.dead",
            json!({"step": name, "cause": death, "error": error}),
        );
        self.tell("step.failed", json!({"step": name}));
        match self.role(name) {
            Role::Work => {
                self.execution.detail = Some(format!("step {name}: {error}"));
                self.stop(Status::Failed, death.into());
            }
            Role::Undo(_) => {
                self.execution.compensated = Some(Compensated::Partial);
                self.finish(Status::Failed);
            }
            Role::Finally => self.note_end(),
        }
    }

    fn cancel(&mut self, reason: Reason, by: &str) -> Result<(), Refused> {
        match self.execution.status {
            Status::Queued | Status::Running | Status::Waiting => {
                self.execution.detail = Some(format!("by {by}"));
                self.stop(Status::Cancelled, reason);
                Ok(())
            }
            // Cancelling twice is a repeat.
            Status::Cancelled => Ok(()),
            status => Err(Refused {
                status,
                event: "be cancelled",
            }),
        }
    }

    fn late(&mut self) {
        match self.execution.status {
            Status::Queued => self.stop(Status::Failed, Reason::Expired),
            Status::Running | Status::Waiting => {
                let begun = self.execution.started_at.unwrap_or(self.now);
                let end = begun + self.execution.plan.deadline;
                if self.now < end {
                    self.commands.push(Command::SetTimer(end));
                } else {
                    self.stop(Status::Failed, Reason::TimedOut);
                }
            }
            _ => {}
        }
    }

    fn retry(&mut self, by: &str) -> Result<(), Refused> {
        if self.execution.status != Status::Failed {
            return Err(Refused {
                status: self.execution.status,
                event: "be begun anew",
            });
        }
        // A last step of the generation before may still be on its way.
        for (step, round) in self.execution.live_tasks() {
            self.commands.push(Command::Cancel { step, round });
        }
        let execution = &mut self.execution;
        execution.generation += 1;
        execution.status = Status::Running;
        execution.reason = None;
        execution.detail = None;
        execution.compensated = None;
        execution.after_compensation = None;
        execution.started_at = Some(self.now);
        execution.finished_at = None;
        execution.notified_at = None;
        let roles: Vec<(StepName, Role)> = execution
            .plan
            .steps
            .iter()
            .map(|step| (step.name.clone(), step.role.clone()))
            .collect();
        for (name, role) in roles {
            let Some(step) = self.step(&name) else {
                continue;
            };
            let keeps = role == Role::Work && step.state == StepState::Done;
            if !keeps && step.state != StepState::Pending {
                *step = Step {
                    round: step.round + 1,
                    ..Step::default()
                };
            }
        }
        let generation = self.execution.generation;
        self.tell(
            "execution.resumed",
            json!({"generation": generation, "by": by}),
        );
        let end = self.now + self.execution.plan.deadline;
        self.commands.push(Command::SetTimer(end));
        self.advance();
        Ok(())
    }

    fn redo(&mut self, name: &StepName) -> Result<(), Refused> {
        let is_last = self.role(name) == Role::Finally;
        let status = self.execution.status;
        match self.step(name) {
            Some(step) if is_last && step.state == StepState::Dead => {
                step.round += 1;
                step.is_started = false;
                self.execution.notified_at = None;
                self.enqueue(name);
                Ok(())
            }
            _ => Err(Refused {
                status,
                event: "have that step done once more",
            }),
        }
    }

    /// Begins every step whose turn it is, and ends the execution if all are done.
    fn advance(&mut self) {
        if !matches!(
            self.execution.status,
            Status::Queued | Status::Running | Status::Waiting
        ) {
            return;
        }
        let plan = self.execution.plan.clone();
        let is_done = |execution: &Execution, name: &StepName| {
            let step = execution.steps.get(name);
            step.is_some_and(|step| step.state == StepState::Done)
        };
        if plan.work().all(|step| is_done(&self.execution, &step.name)) {
            self.finish(Status::Succeeded);
            return;
        }
        for step in plan.work() {
            let is_pending = self.execution.steps.get(&step.name).map(|step| &step.state)
                == Some(&StepState::Pending);
            if is_pending && step.after.iter().all(|name| is_done(&self.execution, name)) {
                self.enqueue(&step.name);
            }
        }
    }

    fn enqueue(&mut self, name: &StepName) {
        let Some(step) = self.step(name) else { return };
        step.state = StepState::Active;
        let round = step.round;
        self.commands.push(Command::Enqueue {
            step: name.clone(),
            round,
        });
    }

    /// Ends all that is going on; takes back what was done if there is a way, else ends the execution.
    fn stop(&mut self, status: Status, reason: Reason) {
        self.execution.reason = Some(reason);
        for (step, round) in self.execution.live_tasks() {
            if let Some(state) = self.step(&step) {
                state.state = StepState::Cancelled;
            }
            self.commands.push(Command::Cancel { step, round });
        }
        self.execution.after_compensation = Some(status);
        if self.next_undo().is_some() {
            self.execution.status = Status::Compensating;
            self.tell("execution.compensating", json!({"reason": reason}));
            self.take_back();
        } else {
            self.finish(status);
        }
    }

    /// The last step done that can be taken back: its own step and the one that takes it back.
    fn next_undo(&self) -> Option<StepName> {
        let plan = &self.execution.plan;
        let steps = &self.execution.steps;
        let is_done = |name| {
            steps
                .get(name)
                .is_some_and(|step| step.state == StepState::Done)
        };
        let done = plan.steps.iter().rev();
        let mut done = done.filter(|step| step.role == Role::Work && is_done(&step.name));
        done.find_map(|step| Some(plan.undo_of(&step.name)?.name.clone()))
    }

    fn take_back(&mut self) {
        if let Some(undo) = self.next_undo() {
            self.enqueue(&undo);
            return;
        }
        self.execution.compensated = Some(Compensated::Yes);
        let status = self.execution.after_compensation.unwrap_or(Status::Failed);
        self.finish(status);
    }

    fn finish(&mut self, status: Status) {
        self.execution.status = status;
        self.execution.finished_at = Some(self.now);
        self.execution.after_compensation = None;
        let data = json!({"reason": self.execution.reason, "detail": self.execution.detail});
        match status {
            Status::Succeeded => self.tell("execution.succeeded", json!({})),
            Status::Cancelled => self.tell("execution.cancelled", data),
            _ => self.tell("execution.failed", data),
        }
        let plan = self.execution.plan.clone();
        for step in plan.finally() {
            self.enqueue(&step.name);
        }
        self.note_end();
    }

    /// Notes that the last steps have run too.
    fn note_end(&mut self) {
        let execution = &self.execution;
        let is_over = |name| {
            let step = execution.steps.get(name);
            step.is_some_and(|step| matches!(step.state, StepState::Done | StepState::Dead))
        };
        if execution.plan.finally().all(|step| is_over(&step.name)) {
            self.execution.notified_at = Some(self.now);
        }
    }
}
