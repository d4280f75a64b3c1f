//! An engine with one agent that does whatever it is asked, on a store in memory without faults.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::id::{AgentName, QueueName, StepName, TenantId, WorkflowName};
use pullmill_core::keys;
use pullmill_core::plan::{Plan, Role, StepPlan};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{Lease, LeaseFrom, Queue};
use pullmill_core::ports::store::{Draft, Key, Record, Store};
use pullmill_core::retry::RetryLaw;
use pullmill_core::task::{Follows, Outcome};
use pullmill_engine::agents::{Agent, Work};
use pullmill_engine::submit::{Asker, Started};
use pullmill_engine::worker::Handled;
use pullmill_engine::{Engine, Ports, Settings};
use pullmill_testkit::clock::ManualClock;
use pullmill_testkit::weak::{Faults, NoFaults, WeakStore};
use serde_json::json;

struct Obliging;

#[async_trait]
impl Agent for Obliging {
    async fn run(&self, _: &Work) -> Outcome {
        Outcome::Done {
            result: json!("done"),
            told: Vec::new(),
            follows: Follows::default(),
        }
    }
}

/// An engine on a store in memory.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<WeakStore>,
    pub(crate) clock: Arc<ManualClock>,
}

fn work() -> QueueName {
    QueueName::constant("work")
}

fn plan() -> Plan {
    Plan {
        workflow: WorkflowName::constant("plain"),
        steps: vec![StepPlan {
            name: StepName::constant("only"),
            agent: AgentName::constant("obliging"),
            queue: work(),
            after: Vec::new(),
            role: Role::Work,
            provider: None,
            time_limit: Duration::from_secs(60),
            retry: RetryLaw::default(),
        }],
        effects: Vec::new(),
        queue_ttl: Duration::from_secs(3600),
        deadline: Duration::from_secs(3600),
    }
}

fn engine(store: &Arc<WeakStore>, clock: &Arc<ManualClock>) -> Engine {
    let ports = Ports {
        store: store.clone(),
        queue: store.clone(),
        blobs: store.clone(),
        clock: clock.clone(),
    };
    let agent: Arc<dyn Agent> = Arc::new(Obliging);
    let agents = [(AgentName::constant("obliging"), agent)];
    Engine::new(ports, Settings::default(), [plan()], agents)
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let store = Arc::new(WeakStore::new(clock.clone(), Arc::new(NoFaults)));
        Self {
            engine: engine(&store, &clock),
            store,
            clock,
        }
    }

    /// Another engine on the same records, whose calls go as `faults` says.
    pub(crate) fn with(&self, faults: Arc<dyn Faults>) -> Engine {
        let store = self.store.connect(self.clock.clone(), faults);
        engine(&Arc::new(store), &self.clock)
    }

    pub(crate) async fn start(&self) -> Key {
        let asker = Asker {
            tenant: TenantId::local(),
            owner: "somebody".to_owned(),
            key: None,
        };
        let started = self.engine.ask(&asker, plan(), json!(null), "x").await;
        let Started::New(id) = started.unwrap() else {
            panic!("it is known");
        };
        keys::task(&TenantId::local(), &id, &StepName::constant("only"), 0)
    }

    pub(crate) async fn read(&self, key: &Key) -> Record {
        let found = self
            .store
            .get(std::slice::from_ref(key), self.clock.now())
            .await;
        found.unwrap().remove(0).unwrap()
    }

    /// Puts another body in the place of a record's.
    pub(crate) async fn rewrite(&self, key: &Key, change: impl FnOnce(String) -> String) {
        let record = self.read(key).await;
        let text = String::from_utf8(record.draft.body.to_vec()).unwrap();
        let body = Bytes::from(change(text));
        let mut batch = Batch::at(self.clock.now());
        let draft = Draft {
            body,
            ..record.draft
        };
        let expect = Expect::Version(record.version);
        batch.push(Write::Put { draft, expect }).unwrap();
        self.store.commit(batch).await.unwrap();
    }

    /// What is due on a queue.
    pub(crate) async fn lease(&self, queue: &QueueName) -> Vec<Lease> {
        let (from, term) = (LeaseFrom::Poll(queue), Duration::from_secs(60));
        let leases = self.store.lease(from, 10, term, Duration::ZERO).await;
        leases.unwrap()
    }

    /// Handles all tasks that are due.
    pub(crate) async fn work(&self) -> Vec<Handled> {
        let mut handled = Vec::new();
        for lease in self.lease(&work()).await {
            handled.push(self.engine.handle(lease).await.unwrap());
        }
        handled
    }
}
