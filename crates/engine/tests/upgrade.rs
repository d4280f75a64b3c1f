//! Two versions side by side: what a newer one wrote is left to it, what nobody can read is a dead letter, and neither holds up the rest.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::id::{AgentName, QueueName, StepName, TenantId, WorkflowName};
use pullmill_core::keys;
use pullmill_core::plan::{Plan, Role, StepPlan};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{LeaseFrom, Queue};
use pullmill_core::ports::store::{Draft, Key, Record, Second, Store};
use pullmill_core::retry::RetryLaw;
use pullmill_core::task::Outcome;
use pullmill_engine::agents::{Agent, Work};
use pullmill_engine::submit::{Asker, Started};
use pullmill_engine::worker::{Handled, Settled};
use pullmill_engine::{Engine, Ports, Settings};
use pullmill_testkit::clock::ManualClock;
use pullmill_testkit::weak::{NoFaults, WeakStore};
use serde_json::json;

struct Obliging;

#[async_trait]
impl Agent for Obliging {
    async fn run(&self, _: &Work) -> Outcome {
        Outcome::Done {
            result: json!("done"),
            told: Vec::new(),
        }
    }
}

struct World {
    engine: Engine,
    store: Arc<WeakStore>,
    clock: Arc<ManualClock>,
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
        queue_ttl: Duration::from_secs(3600),
        deadline: Duration::from_secs(3600),
    }
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let store = Arc::new(WeakStore::new(clock.clone(), Arc::new(NoFaults)));
        let ports = Ports {
            store: store.clone(),
            queue: store.clone(),
            blobs: store.clone(),
            clock: clock.clone(),
        };
        let agent: Arc<dyn Agent> = Arc::new(Obliging);
        let agents = [(AgentName::constant("obliging"), agent)];
        Self {
            engine: Engine::new(ports, Settings::default(), [plan()], agents),
            store,
            clock,
        }
    }

    async fn start(&self) -> Key {
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

    async fn read(&self, key: &Key) -> Record {
        let found = self
            .store
            .get(std::slice::from_ref(key), self.clock.now())
            .await;
        found.unwrap().remove(0).unwrap()
    }

    /// Puts another body in the place of a record's.
    async fn rewrite(&self, key: &Key, change: impl FnOnce(String) -> String) {
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

    /// Handles everything that is due.
    async fn work(&self) -> Vec<Handled> {
        let (queue, term) = (work(), Duration::from_secs(60));
        let from = LeaseFrom::Poll(&queue);
        let leases = self.store.lease(from, 10, term, Duration::ZERO).await;
        let mut handled = Vec::new();
        for lease in leases.unwrap() {
            handled.push(self.engine.handle(lease).await.unwrap());
        }
        handled
    }
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_left_to_it() {
    let world = World::new();
    let newer = world.start().await;
    world
        .rewrite(&newer, |text| text.replacen("\"v\":1", "\"v\":2", 1))
        .await;
    let body = world.read(&newer).await.draft.body;
    world.start().await;
    let handled = world.work().await;
    assert!(
        handled.contains(&Handled::Settled(Settled::Again)),
        "{handled:?}"
    );
    assert!(
        handled.contains(&Handled::Settled(Settled::Done)),
        "{handled:?}"
    );
    let record = world.read(&newer).await;
    assert_eq!(record.draft.body, body, "it was written over");
    assert!(matches!(record.draft.second, Second::Due(_)));
    // Left alone for a minute, not spun around.
    assert_eq!(world.work().await, []);
    // Its turn comes when a newer worker, or here one that can read it, is there.
    world
        .rewrite(&newer, |text| text.replacen("\"v\":2", "\"v\":1", 1))
        .await;
    world.clock.pass(Duration::from_secs(61));
    assert_eq!(world.work().await, [Handled::Settled(Settled::Done)]);
}

#[tokio::test]
async fn what_nobody_can_read_is_a_dead_letter_and_blocks_nobody() {
    let world = World::new();
    let broken = world.start().await;
    let good = world.read(&broken).await.draft.body;
    world
        .rewrite(&broken, |text| text[..text.len() / 2].to_owned())
        .await;
    world.start().await;
    let handled = world.work().await;
    assert!(
        handled.contains(&Handled::Settled(Settled::Dead)),
        "{handled:?}"
    );
    assert!(
        handled.contains(&Handled::Settled(Settled::Done)),
        "{handled:?}"
    );
    let letters = world
        .engine
        .dead_letters(&TenantId::local(), 9)
        .await
        .unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].task.is_none());
    // Somebody mends it and puts it back.
    world
        .rewrite(&broken, |_| String::from_utf8(good.to_vec()).unwrap())
        .await;
    let letter = world.engine.dead_letter(&broken).await.unwrap();
    let letter = pullmill_engine::operate::DeadLetter {
        task: None,
        ..letter
    };
    world.engine.put_back(&letter, "somebody").await.unwrap();
    assert_eq!(world.work().await, [Handled::Settled(Settled::Done)]);
    assert!(
        world
            .engine
            .dead_letters(&TenantId::local(), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_step_of_an_agent_nobody_has_here_is_left_to_others() {
    let world = World::new();
    let task = world.start().await;
    world
        .rewrite(&task, |text| text.replace("obliging", "newcomer"))
        .await;
    assert_eq!(world.work().await, [Handled::Settled(Settled::Again)]);
    let record = world.read(&task).await;
    assert!(matches!(record.draft.second, Second::Due(_)));
}
