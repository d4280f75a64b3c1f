//! When things happen: stages in the order of the flow, which read, ask `core` to decide, and commit. They talk to ports only.

pub mod agents;
mod attempt;
mod breaker;
pub mod consult;
pub mod desk;
pub mod effects;
mod error;
mod follow;
pub mod ingress;
mod lane;
pub mod operate;
mod reconcile;
pub mod replay;
pub mod submit;
pub mod sweep;
mod transition;
pub mod view;
pub mod worker;
pub mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pullmill_core::breaker::BreakerLaw;
use pullmill_core::event::Envelope;
use pullmill_core::event::github::Purpose;
use pullmill_core::id::{AgentName, QueueName, WorkflowName};
use pullmill_core::plan::Plan;
use pullmill_core::ports::blob::Blobs;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::Queue;
use pullmill_core::ports::store::Store;
use pullmill_core::routing::{Route, Rules};

pub use error::EngineError;

use agents::Agent;
pub use effects::Forge;

/// The world, as far as the engine may touch it.
#[derive(Clone)]
pub struct Ports {
    /// Records.
    pub store: Arc<dyn Store>,
    /// The same records, as work.
    pub queue: Arc<dyn Queue>,
    /// Large bodies.
    pub blobs: Arc<dyn Blobs>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}

/// How long things take and last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a lease holds.
    pub lease: Duration,
    /// How often it is prolonged.
    pub heartbeat: Duration,
    /// How often a worker looks whether its task is still wanted.
    pub watch: Duration,
    /// How long deliveries and their envelopes are remembered.
    pub keep_deliveries: Duration,
    /// How long executions are remembered after their end.
    pub keep_executions: Duration,
    /// When providers are left alone.
    pub breaker: BreakerLaw,
}

impl Default for Settings {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            lease: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            watch: Duration::from_secs(1),
            keep_deliveries: day * 30,
            keep_executions: day * 90,
            breaker: BreakerLaw::default(),
        }
    }
}

/// The stages, with everything they need.
#[derive(Clone)]
pub struct Engine {
    /// The world.
    pub ports: Ports,
    /// How long things take and last.
    pub settings: Settings,
    plans: BTreeMap<WorkflowName, Plan>,
    agents: BTreeMap<AgentName, Arc<dyn Agent>>,
    forge: Option<Forge>,
    rules: Rules,
    ends: Arc<AtomicBool>,
}

/// The queue of lanes.
#[must_use]
pub fn lane_queue() -> QueueName {
    QueueName::constant("dispatch")
}

/// The queue of timers.
#[must_use]
pub fn timer_queue() -> QueueName {
    QueueName::constant("timer")
}

/// The queue of senders.
#[must_use]
pub fn sender_queue() -> QueueName {
    QueueName::constant("effects")
}

impl Engine {
    /// An engine that runs some workflows with some agents.
    pub fn new(
        ports: Ports,
        settings: Settings,
        plans: impl IntoIterator<Item = Plan>,
        agents: impl IntoIterator<Item = (AgentName, Arc<dyn Agent>)>,
    ) -> Self {
        let plans = plans.into_iter().map(|plan| (plan.workflow.clone(), plan));
        Self {
            ports,
            settings,
            plans: plans.collect(),
            agents: agents.into_iter().collect(),
            forge: None,
            rules: Rules::built_in(),
            ends: Arc::default(),
        }
    }

    /// The same engine, which may also change something on a forge.
    #[must_use]
    pub fn with_forge(self, forge: Forge) -> Self {
        Self {
            forge: Some(forge),
            ..self
        }
    }

    /// Has every running attempt stop soon and give its task back: the process is about to end.
    pub fn end(&self) {
        self.ends.store(true, Ordering::Release);
    }

    /// Whether the process is about to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ends.load(Ordering::Acquire)
    }

    /// The workflows that are run here.
    #[must_use]
    pub fn workflows(&self) -> BTreeSet<WorkflowName> {
        self.plans.keys().cloned().collect()
    }

    /// An engine whose events go where these rules say before the built-in ones are asked.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules.before(self.rules);
        self
    }

    /// Where an event goes.
    pub(crate) fn route(&self, envelope: &Envelope, purpose: Purpose) -> Route {
        self.rules.route(envelope, purpose, &self.workflows())
    }

    /// The queues that workers have to serve.
    #[must_use]
    pub fn queues(&self) -> BTreeSet<QueueName> {
        let steps = self.plans.values().flat_map(|plan| &plan.steps);
        let mut queues: BTreeSet<QueueName> = steps.map(|step| step.queue.clone()).collect();
        queues.extend([lane_queue(), timer_queue()]);
        if self.forge.is_some() {
            queues.insert(sender_queue());
        }
        queues
    }
}
