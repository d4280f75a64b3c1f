//! The built-in workflows as plans.

use std::time::Duration;

use pullmill_core::effect::Kind;
use pullmill_core::id::{AgentName, QueueName, StepName, WorkflowName};
use pullmill_core::plan::{Plan, Role, StepPlan};
use pullmill_core::retry::RetryLaw;

const DAY: Duration = Duration::from_secs(86_400);

/// The workflow that reviews submitted code.
#[must_use]
pub fn snippet_name() -> WorkflowName {
    WorkflowName::constant("snippet-review")
}

/// The agent that runs the analysis.
#[must_use]
pub fn static_agent() -> AgentName {
    AgentName::constant("static")
}

/// The workflow that reviews a pull request.
#[must_use]
pub fn review_name() -> WorkflowName {
    WorkflowName::constant("pr-review")
}

/// The agent that reviews pull requests.
#[must_use]
pub fn pull_agent() -> AgentName {
    AgentName::constant("reviewer")
}

/// Reviews a pull request and says on the forge what was found.
#[must_use]
pub fn pull_review() -> Plan {
    let mut plan = snippet_review();
    plan.workflow = review_name();
    plan.effects = vec![
        Kind::Summary,
        Kind::Review,
        Kind::Check,
        Kind::Resolve,
        Kind::Description,
    ];
    for step in &mut plan.steps {
        step.agent = pull_agent();
        step.time_limit = Duration::from_secs(900);
    }
    plan
}

/// The agent that carries out commands.
#[must_use]
pub fn command_agent() -> AgentName {
    AgentName::constant("commands")
}

/// Carries out a command of a comment.
#[must_use]
pub fn comment_command() -> Plan {
    let mut plan = pull_review();
    plan.workflow = WorkflowName::constant("comment-command");
    plan.effects = vec![
        Kind::Reaction,
        Kind::Reply,
        Kind::Labels,
        Kind::Resolve,
        Kind::Description,
        Kind::Review,
    ];
    for step in &mut plan.steps {
        step.name = StepName::constant("command");
        step.agent = command_agent();
        step.queue = QueueName::constant("commands");
        // Models take their time.
        step.time_limit = Duration::from_secs(600);
    }
    plan
}

/// The workflow that keeps documents true.
#[must_use]
pub fn docs_name() -> WorkflowName {
    WorkflowName::constant("docs-update")
}

/// The agent that keeps documents true.
#[must_use]
pub fn docs_agent() -> AgentName {
    AgentName::constant("docs")
}

/// Mends documents that a change has made untrue, or suggests how.
#[must_use]
pub fn docs_update() -> Plan {
    let mut plan = comment_command();
    plan.workflow = docs_name();
    plan.effects = vec![Kind::Review, Kind::Resolve, Kind::Commit, Kind::Reply];
    for step in &mut plan.steps {
        step.name = StepName::constant("docs");
        step.agent = docs_agent();
    }
    plan
}

/// The agent that looks whether a pull request is really closed.
#[must_use]
pub fn cleanup_agent() -> AgentName {
    AgentName::constant("cleanup")
}

/// Takes the place of a closed pull request's review, and gives it back if the pull request is open after all.
#[must_use]
pub fn cleanup() -> Plan {
    let mut plan = comment_command();
    plan.workflow = WorkflowName::constant("cleanup");
    plan.effects = Vec::new();
    for step in &mut plan.steps {
        step.name = StepName::constant("look");
        step.agent = cleanup_agent();
    }
    plan
}

/// Reviews submitted code; needs no forge.
#[must_use]
pub fn snippet_review() -> Plan {
    Plan {
        workflow: snippet_name(),
        steps: vec![StepPlan {
            name: StepName::constant("review"),
            agent: static_agent(),
            queue: QueueName::constant("static"),
            after: Vec::new(),
            role: Role::Work,
            provider: None,
            time_limit: Duration::from_secs(300),
            retry: RetryLaw::default(),
        }],
        effects: Vec::new(),
        queue_ttl: DAY,
        deadline: DAY,
    }
}
