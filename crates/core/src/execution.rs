//! Executions: one run of a workflow as a state machine. `decide` says what an event makes of it, and what has to be done.

mod decide;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{ExecutionId, RepoName, StepName, TenantId};
use crate::plan::Plan;
use crate::ports::forge::{PullRef, RepoRef};
use crate::stream::{Head, Told};
use crate::task::{Death, Wait};
use crate::time::Timestamp;

pub use decide::{decide, start};

/// Where an execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No worker has begun.
    Queued,
    /// Steps are being done.
    Running,
    /// Every open step waits for something.
    Waiting,
    /// What was done is taken back.
    Compensating,
    /// All is done.
    Succeeded,
    /// A step cannot be done.
    Failed,
    /// Nobody wants it any more.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Compensating,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Compensating => "compensating",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether only an operator can change it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Why an execution waits or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A gate is open.
    Gate,
    /// A time has to come.
    Timer,
    /// Other executions have to end.
    Children,
    /// A person has to act.
    Human,
    /// It took too long.
    TimedOut,
    /// No worker came.
    Expired,
    /// A task kills its workers.
    Poison,
    /// Others failed it for too long.
    Upstream,
    /// A step failed.
    Internal,
    /// Somebody stopped it.
    User,
    /// A newer one took its place.
    Superseded,
}

impl From<Wait> for Reason {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Gate => Self::Gate,
            Wait::Timer => Self::Timer,
            Wait::Children => Self::Children,
            Wait::Human => Self::Human,
        }
    }
}

impl From<Death> for Reason {
    fn from(death: Death) -> Self {
        match death {
            Death::Failed => Self::Internal,
            Death::Stuck => Self::TimedOut,
            Death::Upstream => Self::Upstream,
            Death::Crashed => Self::Poison,
        }
    }
}

/// Where an execution came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Cause {
    /// Somebody asked through the API or the command line; names who.
    Request(String),
    /// A delivery.
    Delivery(String),
    /// An operator replays this execution.
    Replay(String),
}

/// What an execution is about on a forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The lane's partition.
    pub lane: String,
    /// `owner/name`.
    pub repo: String,
    /// The pull request.
    pub number: u64,
    /// The head it is about.
    pub head: Option<String>,
    /// The installation it is reached through.
    #[serde(default)]
    pub installation: u64,
    /// The repository's number.
    #[serde(default)]
    pub repo_id: u64,
}

impl Subject {
    /// The pull request as a forge knows it; `None` if its names are none.
    #[must_use]
    pub fn pull(&self) -> Option<PullRef> {
        let repo = RepoRef {
            installation: self.installation,
            id: self.repo_id,
            name: RepoName::parse(&self.repo).ok()?,
        };
        let number = self.number;
        (repo.installation != 0 && repo.id != 0).then_some(PullRef { repo, number })
    }
}

/// How far taking back went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compensated {
    /// All of it.
    Yes,
    /// Some could not be taken back.
    Partial,
}

/// Where a step is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not yet.
    #[default]
    Pending,
    /// Its task is live.
    Active,
    /// Its task waits.
    Parked(Wait),
    /// Done.
    Done,
    /// Done, and taken back.
    Undone,
    /// Given up.
    Dead,
    /// No longer wanted.
    Cancelled,
}

/// What is known of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where it is.
    pub state: StepState,
    /// How often it was begun anew.
    pub round: u32,
    /// Whether a worker has begun this round.
    pub is_started: bool,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub result: Value,
}

/// One run of a workflow, as its record holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its name.
    pub id: ExecutionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who wanted it.
    pub owner: String,
    /// Where it came from.
    pub cause: Cause,
    /// What it is about on a forge.
    pub subject: Option<Subject>,
    /// What it works on; large inputs are blobs and named here.
    pub input: Value,
    /// Its plan.
    pub plan: Plan,
    /// How often an operator began it anew.
    pub generation: u32,
    /// Where it is.
    pub status: Status,
    /// Why it waits or ended, if there is a reason.
    pub reason: Option<Reason>,
    /// The same in words.
    pub detail: Option<String>,
    /// What it will be when all is taken back.
    pub after_compensation: Option<Status>,
    /// How far taking back went.
    pub compensated: Option<Compensated>,
    /// Its steps.
    pub steps: BTreeMap<StepName, Step>,
    /// Where its events end.
    pub stream: Head,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a worker began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its last steps had run too.
    pub notified_at: Option<Timestamp>,
}

/// What happened to an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A worker has begun a step.
    Begun(StepName),
    /// A step is done.
    Done {
        /// Which.
        step: StepName,
        /// What it gave.
        result: Value,
        /// What to tell besides.
        told: Vec<Told>,
    },
    /// A step waits.
    Parked {
        /// Which.
        step: StepName,
        /// What for.
        wait: Wait,
    },
    /// A step goes on.
    Woken(StepName),
    /// An attempt was in vain and will be repeated, or the step went on in a new lease: only told.
    Noted(Told),
    /// A step is given up.
    Dead {
        /// Which.
        step: StepName,
        /// Why.
        death: Death,
        /// The same in words.
        error: String,
    },
    /// Nobody wants it any more.
    Cancel {
        /// [`Reason::User`] or [`Reason::Superseded`].
        reason: Reason,
        /// By whom.
        by: String,
    },
    /// Its timer has gone off.
    Late,
    /// An operator begins it anew.
    Retry {
        /// Who.
        by: String,
    },
    /// An operator has a last step that was given up done once more.
    Redo(StepName),
}

/// What has to be done in the same commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make a task for a step.
    Enqueue {
        /// Which.
        step: StepName,
        /// Its round.
        round: u32,
    },
    /// Cancel the task of a step.
    Cancel {
        /// Which.
        step: StepName,
        /// Its round.
        round: u32,
    },
    /// Set the timer of the present generation.
    SetTimer(Timestamp),
    /// Tell something.
    Tell(Told),
}

/// What became of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The execution now.
    pub execution: Execution,
    /// What has to be done.
    pub commands: Vec<Command>,
}

/// An event that the execution's status does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an execution that is {} cannot {event}", .status.word())]
pub struct Refused {
    /// Where it is.
    pub status: Status,
    /// What was asked.
    pub event: &'static str,
}

impl Execution {
    /// The tasks that may still be done, by step and round.
    #[must_use]
    pub fn live_tasks(&self) -> Vec<(StepName, u32)> {
        let is_live = |step: &Step| matches!(step.state, StepState::Active | StepState::Parked(_));
        let live = self.steps.iter().filter(|(_, step)| is_live(step));
        live.map(|(name, step)| (name.clone(), step.round))
            .collect()
    }
}
