//! Plans: which steps a workflow has, in which order, and who does them. A plan is data that its executions keep.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::effect::Kind;
use crate::id::{AgentName, QueueName, StepName, WorkflowName};
use crate::retry::RetryLaw;

/// A workflow as its executions run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which workflow.
    pub workflow: WorkflowName,
    /// Its steps.
    pub steps: Vec<StepPlan>,
    /// What its executions may change outside, whatever they read.
    #[serde(default)]
    pub effects: Vec<Kind>,
    /// How long an execution may wait for its first worker.
    pub queue_ttl: Duration,
    /// How long it may take in all.
    pub deadline: Duration,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// Its name.
    pub name: StepName,
    /// Who does it.
    pub agent: AgentName,
    /// Whose workers.
    pub queue: QueueName,
    /// Steps that must be done before.
    #[serde(default)]
    pub after: Vec<StepName>,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// Whose breaker it minds.
    #[serde(default)]
    pub provider: Option<String>,
    /// How long one attempt may take before it goes on in a new lease.
    pub time_limit: Duration,
    /// When it is tried again.
    #[serde(default)]
    pub retry: RetryLaw,
}

/// What a step is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The work itself.
    #[default]
    Work,
    /// Takes back what another step did, if the execution fails or is cancelled after it.
    Undo(StepName),
    /// Runs when all is over, however it ended.
    Finally,
}

impl Plan {
    /// A step by its name.
    #[must_use]
    pub fn step(&self, name: &StepName) -> Option<&StepPlan> {
        self.steps.iter().find(|step| step.name == *name)
    }

    /// The step that takes another one back.
    #[must_use]
    pub fn undo_of(&self, name: &StepName) -> Option<&StepPlan> {
        let undoes = |step: &&StepPlan| matches!(&step.role, Role::Undo(undone) if undone == name);
        self.steps.iter().find(undoes)
    }

    /// Steps that do the work.
    pub fn work(&self) -> impl Iterator<Item = &StepPlan> {
        self.steps.iter().filter(|step| step.role == Role::Work)
    }

    /// Steps that run at the end.
    pub fn finally(&self) -> impl Iterator<Item = &StepPlan> {
        self.steps.iter().filter(|step| step.role == Role::Finally)
    }
}
