//! Tasks: one step of an execution in the hands of an agent, and what follows from how an attempt ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decided::Choice;
use crate::effect::{CommentRef, Earned};
use crate::event::Asked;
use crate::id::{AgentName, ExecutionId, QueueName, Sha, StepName, TenantId};
use crate::plan::StepPlan;
use crate::ports::blob::BlobRef;
use crate::ports::store::Epoch;
use crate::time::Timestamp;

/// Where a task is. Held and delayed are not here: they are the record's lease and due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// To be done, now or later.
    Ready,
    /// Waits for something outside.
    Parked,
    /// Done.
    Done,
    /// Given up: a dead letter.
    Dead,
    /// No longer wanted.
    Cancelled,
}

impl TaskState {
    /// Whether it may still be done.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Ready | Self::Parked)
    }
}

/// A task, as its record holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Whose it is.
    pub tenant: TenantId,
    /// Of which execution.
    pub execution: ExecutionId,
    /// Which step.
    pub step: StepName,
    /// How often the step was begun anew.
    pub round: u32,
    /// Who does it.
    pub agent: AgentName,
    /// Whose workers.
    pub queue: QueueName,
    /// Where it is.
    pub state: TaskState,
    /// Failures of our own, crashes among them.
    pub failures: u32,
    /// Faults of others in a row.
    pub faults: u32,
    /// How often it yielded and went on.
    pub continuations: u32,
    /// The record's epoch when it was last settled: leases beyond the next one were lost in a crash.
    pub settled_epoch: Epoch,
    /// Where it stopped.
    pub checkpoint: Option<BlobRef>,
    /// What a parked task learned when it was woken.
    pub signal: Option<Value>,
    /// The last error.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When faults of others have lasted too long.
    pub deadline: Timestamp,
}

/// Most continuations of one task.
pub const MAX_CONTINUATIONS: u32 = 20;

/// What follows from a step besides its result, in the same commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Follows {
    /// What is to be changed outside.
    pub effects: Vec<Earned>,
    /// What somebody has decided about the pull request.
    pub choices: Vec<Choice>,
    /// A review that is asked for.
    pub review: Option<Asked>,
    /// Documents that may have to be mended.
    pub docs: Option<AskedDocs>,
}

/// Documents that are to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedDocs {
    /// The command that asks, or [`crate::event::AUTO`].
    pub by: String,
    /// The head that made them untrue.
    pub head: Sha,
    /// The comment that gave the command.
    pub to: Option<CommentRef>,
}

impl From<Vec<Earned>> for Follows {
    fn from(effects: Vec<Earned>) -> Self {
        Self {
            effects,
            ..Self::default()
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The step is done.
    Done {
        /// What it gives; large results are blobs and named here.
        result: Value,
        /// What to tell.
        told: Vec<crate::stream::Told>,
        /// What follows from it.
        follows: Follows,
    },
    /// The time is nearly up; go on from here in a new lease.
    Yielded(BlobRef),
    /// It waits for a signal, at most until then.
    Parked {
        /// What for.
        wait: Wait,
        /// When it is woken without one.
        until: Timestamp,
    },
    /// It failed through us; trying again may help.
    Failed(String),
    /// It failed through others, or may not ask them now.
    Faulted {
        /// What they said.
        error: String,
        /// When they want to be asked again.
        retry_after: Option<Duration>,
    },
    /// Trying again does not help.
    Hopeless(String),
}

/// What a parked task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// A gate.
    Gate,
    /// A time.
    Timer,
    /// Other executions.
    Children,
    /// A person.
    Human,
}

/// Why a task is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// It cannot succeed, or failed too often.
    Failed,
    /// It made no headway.
    Stuck,
    /// Others failed it until its deadline.
    Upstream,
    /// It crashed its workers.
    Crashed,
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Done, with this result.
    Done(Value),
    /// To be done again from then on.
    Again(Timestamp),
    /// Waits.
    Parked(Wait, Timestamp),
    /// Given up.
    Dead(Death),
}

impl Task {
    /// A task for a step, not begun.
    #[must_use]
    pub fn new(
        tenant: &TenantId,
        execution: &ExecutionId,
        step: &StepPlan,
        round: u32,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        Self {
            tenant: tenant.clone(),
            execution: execution.clone(),
            step: step.name.clone(),
            round,
            agent: step.agent.clone(),
            queue: step.queue.clone(),
            state: TaskState::Ready,
            failures: 0,
            faults: 0,
            continuations: 0,
            settled_epoch: Epoch(0),
            checkpoint: None,
            signal: None,
            error: None,
            created_at: now,
            deadline,
        }
    }

    /// Counts the leases that ended without a word since the task was last settled. `epoch` is that of the present lease.
    ///
    /// Says whether that was too often: then the task is what kills its workers.
    pub fn count_crashes(&mut self, epoch: Epoch, plan: &StepPlan) -> Option<Next> {
        let lost = epoch.0.saturating_sub(self.settled_epoch.0 + 1);
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        if self.failures.saturating_add(lost) < plan.retry.attempts {
            return None;
        }
        self.failures = self.failures.saturating_add(lost);
        self.error
            .get_or_insert_with(|| "its worker ended in the middle of it, too often".to_owned());
        self.state = TaskState::Dead;
        Some(Next::Dead(Death::Crashed))
    }

    /// Applies how an attempt ended under the lease of `epoch`.
    pub fn settle(
        &mut self,
        outcome: &Outcome,
        epoch: Epoch,
        plan: &StepPlan,
        now: Timestamp,
        random: u128,
    ) -> Next {
        let lost = epoch.0.saturating_sub(self.settled_epoch.0 + 1);
        self.failures = self
            .failures
            .saturating_add(u32::try_from(lost).unwrap_or(u32::MAX));
        self.settled_epoch = epoch;
        let next = match outcome {
            Outcome::Done { result, .. } => Next::Done(result.clone()),
            Outcome::Yielded(checkpoint) => self.go_on(checkpoint, now),
            Outcome::Parked { wait, until } => Next::Parked(*wait, *until),
            Outcome::Failed(error) => self.fail(error, plan, now, random),
            Outcome::Faulted { error, retry_after } => {
                self.fault(error, *retry_after, plan, now, random)
            }
            Outcome::Hopeless(error) => {
                self.failures = self.failures.saturating_add(1);
                self.error = Some(error.clone());
                Next::Dead(Death::Failed)
            }
        };
        self.state = match next {
            Next::Done(_) => TaskState::Done,
            Next::Again(_) => TaskState::Ready,
            Next::Parked(..) => TaskState::Parked,
            Next::Dead(_) => TaskState::Dead,
        };
        next
    }

    fn go_on(&mut self, checkpoint: &BlobRef, now: Timestamp) -> Next {
        if self.checkpoint.as_ref() == Some(checkpoint) || self.continuations == MAX_CONTINUATIONS {
            self.error = Some("it went on too often, or without headway".to_owned());
            return Next::Dead(Death::Stuck);
        }
        self.checkpoint = Some(checkpoint.clone());
        self.continuations += 1;
        self.faults = 0;
        self.error = None;
        Next::Again(now)
    }

    fn fail(&mut self, error: &str, plan: &StepPlan, now: Timestamp, random: u128) -> Next {
        self.failures = self.failures.saturating_add(1);
        self.error = Some(error.to_owned());
        if self.failures >= plan.retry.attempts {
            return Next::Dead(Death::Failed);
        }
        Next::Again(now + plan.retry.delay(self.failures, random))
    }

    fn fault(
        &mut self,
        error: &str,
        retry_after: Option<Duration>,
        plan: &StepPlan,
        now: Timestamp,
        random: u128,
    ) -> Next {
        self.faults = self.faults.saturating_add(1);
        self.error = Some(error.to_owned());
        if now >= self.deadline {
            return Next::Dead(Death::Upstream);
        }
        Next::Again(now + plan.retry.fault_delay(self.faults, retry_after, random))
    }

    /// Wakes a parked task; says whether it was parked.
    pub fn wake(&mut self, signal: Value) -> bool {
        let is_parked = self.state == TaskState::Parked;
        if is_parked {
            self.state = TaskState::Ready;
            self.signal = Some(signal);
        }
        is_parked
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::WorkflowName;
    use crate::ports::blob::BlobClass;
    use crate::retry::RetryLaw;

    fn plan() -> StepPlan {
        StepPlan {
            name: StepName::constant("review"),
            agent: AgentName::constant("static"),
            queue: QueueName::constant("static"),
            after: Vec::new(),
            role: crate::plan::Role::Work,
            provider: None,
            time_limit: Duration::from_secs(60),
            retry: RetryLaw::default(),
        }
    }

    fn task() -> Task {
        let id = ExecutionId::new(Timestamp::default(), 1);
        let now = Timestamp::from_millis(1000);
        Task::new(
            &TenantId::local(),
            &id,
            &plan(),
            0,
            now,
            now + Duration::from_secs(3600),
        )
    }

    #[test]
    fn three_failures_of_ours_kill_and_faults_of_others_do_not() {
        let now = Timestamp::from_millis(2000);
        let mut task = task();
        for epoch in 1..=50 {
            let faulted = Outcome::Faulted {
                error: "limited".to_owned(),
                retry_after: None,
            };
            let next = task.settle(&faulted, Epoch(epoch), &plan(), now, 0);
            assert!(matches!(next, Next::Again(_)));
        }
        let failed = Outcome::Failed("broken".to_owned());
        assert!(matches!(
            task.settle(&failed, Epoch(51), &plan(), now, 0),
            Next::Again(_)
        ));
        assert!(matches!(
            task.settle(&failed, Epoch(52), &plan(), now, 0),
            Next::Again(_)
        ));
        let next = task.settle(&failed, Epoch(53), &plan(), now, 0);
        assert_eq!(next, Next::Dead(Death::Failed));
        assert_eq!(task.state, TaskState::Dead);
    }

    #[test]
    fn faults_end_at_the_deadline() {
        let mut task = task();
        let late = task.deadline;
        let faulted = Outcome::Faulted {
            error: "down".to_owned(),
            retry_after: None,
        };
        let next = task.settle(&faulted, Epoch(1), &plan(), late, 0);
        assert_eq!(next, Next::Dead(Death::Upstream));
    }

    #[test]
    fn a_task_that_kills_its_workers_is_dead_after_three() {
        let mut task = task();
        assert_eq!(task.count_crashes(Epoch(1), &plan()), None);
        assert_eq!(task.count_crashes(Epoch(3), &plan()), None);
        assert_eq!(
            task.count_crashes(Epoch(4), &plan()),
            Some(Next::Dead(Death::Crashed))
        );
        assert_eq!(task.failures, 3);
    }

    #[test]
    fn crashes_and_failures_count_together() {
        let mut task = task();
        let now = Timestamp::from_millis(2000);
        let failed = Outcome::Failed("broken".to_owned());
        // Epoch 1 was lost.
        assert!(matches!(
            task.settle(&failed, Epoch(2), &plan(), now, 0),
            Next::Again(_)
        ));
        assert_eq!(
            task.settle(&failed, Epoch(3), &plan(), now, 0),
            Next::Dead(Death::Failed)
        );
    }

    #[test]
    fn going_on_without_headway_is_refused() {
        let now = Timestamp::from_millis(2000);
        let mut task = task();
        let checkpoint =
            |n: u32| BlobRef::of(&TenantId::local(), BlobClass::Checkpoint, &n.to_be_bytes());
        for number in 0..MAX_CONTINUATIONS {
            let yielded = Outcome::Yielded(checkpoint(number));
            let epoch = Epoch(u64::from(number) + 1);
            assert_eq!(
                task.settle(&yielded, epoch, &plan(), now, 0),
                Next::Again(now)
            );
        }
        let again = task.clone().settle(
            &Outcome::Yielded(checkpoint(99)),
            Epoch(21),
            &plan(),
            now,
            0,
        );
        assert_eq!(again, Next::Dead(Death::Stuck));
        task.continuations = 1;
        let same = task.settle(
            &Outcome::Yielded(checkpoint(19)),
            Epoch(21),
            &plan(),
            now,
            0,
        );
        assert_eq!(same, Next::Dead(Death::Stuck));
    }

    proptest! {
        #[test]
        fn i17_attempts_never_exceed_the_law(outcomes in prop::collection::vec((0_u8..3, 1_u64..4), 1..60)) {
            let mut task = task();
            let mut epoch = 0;
            let mut attempts = 0;
            let _ = WorkflowName::constant("w");
            for (kind, step) in outcomes {
                epoch += step;
                if task.count_crashes(Epoch(epoch), &plan()).is_some() { break; }
                attempts += u32::from(kind == 0);
                let outcome = match kind {
                    0 => Outcome::Failed("x".to_owned()),
                    1 => Outcome::Faulted { error: "y".to_owned(), retry_after: None },
                    _ => Outcome::Parked { wait: Wait::Human, until: Timestamp::from_millis(9) },
                };
                let next = task.settle(&outcome, Epoch(epoch), &plan(), Timestamp::from_millis(5), 7);
                task.wake(Value::Null);
                if matches!(next, Next::Dead(_)) { break; }
            }
            prop_assert!(attempts <= 3);
        }
    }
}
