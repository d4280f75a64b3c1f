//! One simulation: workers, a front door and operators on one weak store, until all is quiet.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::effect::SendLaw;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::marker::MarkerKey;
use pullmill_core::pace::PaceLaw;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::{LeaseFrom, Queue};
use pullmill_core::ports::store::{Draft, Due, Key, Second, Store};
use pullmill_engine::agents::Agent;
use pullmill_engine::ingress::{Answer, Delivery};
use pullmill_engine::submit::Asker;
use pullmill_engine::{Engine, Forge, Ports, Settings};
use pullmill_testkit::weak::{Fault, Faults, WeakStore};
use serde_json::json;

use super::actions::{Action, Kind, Sent, tenant_name};
use super::agent::{self, ScriptedAgent};
use super::check::Checker;
use super::executor::{Executor, Group, Killed};
use super::forge::{Handle, SimForge};
use super::sabotage::{Sabotage, Saboteur};
use super::time::{SkewedClock, Time};

/// The front door and the operators.
const FRONT: Group = 0;
/// How long faults go on.
const STORM: Duration = Duration::from_secs(900);
/// How long it may take until all is quiet: skewed clocks, leases, deadlines.
const CALM: Duration = Duration::from_secs(16 * 3600);
const LEASE: Duration = Duration::from_secs(60);

/// A delivery that was answered.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub sent: Sent,
    pub answer: Answer,
}

/// What was tried, over all seeds.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub faults: BTreeMap<(String, String), u64>,
    pub edges: BTreeMap<(String, String), u64>,
    pub answers: BTreeMap<String, u64>,
    pub kills: u64,
}

impl Coverage {
    /// What has to be tried and was not.
    pub fn never(&self) -> BTreeMap<String, &'static str> {
        let mut never = BTreeMap::new();
        for call in ["commit", "get", "list", "lease", "extend", "wake", "find"] {
            for fault in ["Unavailable", "ReplyLost", "RequestLost"] {
                let pair = (call.to_owned(), fault.to_owned());
                if !self.faults.contains_key(&pair) {
                    never.insert(format!("{call} {fault}"), "fault");
                }
            }
        }
        for fault in [
            "too late",
            "not sent",
            "limited",
            "refused",
            "lost",
            "done and lost",
            "done late",
            "done and killed",
            "stopped",
            "retracted",
            "committed",
            "overtaken",
        ] {
            if !self
                .faults
                .contains_key(&("send".to_owned(), fault.to_owned()))
            {
                never.insert(format!("send {fault}"), "fault");
            }
        }
        let edges = [
            ("queued", "running"),
            ("queued", "cancelled"),
            ("running", "waiting"),
            ("waiting", "running"),
            ("running", "compensating"),
            ("running", "succeeded"),
            ("running", "failed"),
            ("running", "cancelled"),
            ("compensating", "failed"),
            ("compensating", "cancelled"),
            ("failed", "running"),
        ];
        for (from, to) in edges {
            if !self.edges.contains_key(&(from.to_owned(), to.to_owned())) {
                never.insert(format!("{from} to {to}"), "edge");
            }
        }
        never
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} processes killed", self.kills)?;
        for (answer, count) in &self.answers {
            writeln!(out, "{count:>8}  answer {answer}")?;
        }
        for ((from, to), count) in &self.edges {
            writeln!(out, "{count:>8}  {from} to {to}")?;
        }
        for ((call, fault), count) in &self.faults {
            writeln!(out, "{count:>8}  {call} {fault}")?;
        }
        Ok(())
    }
}

/// What all processes share.
struct Shared {
    time: Arc<Time>,
    killed: Arc<Killed>,
    is_calm: Arc<AtomicBool>,
    faults: Mutex<BTreeMap<(String, String), u64>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
    doomed: Mutex<Vec<Group>>,
}

/// The faults of one process.
struct ProcessFaults {
    shared: Arc<Shared>,
    group: Group,
}

#[async_trait]
impl Faults for ProcessFaults {
    async fn next(&self, call: &'static str) -> Fault {
        let shared = &self.shared;
        let millis = shared.time.chance(|chance| chance.below(20));
        shared
            .time
            .pause(Duration::from_millis(millis as u64))
            .await;
        if shared.is_calm.load(Ordering::Relaxed) {
            return Fault::None;
        }
        let is_doomed = {
            let mut doomed = shared.doomed.lock().unwrap();
            let place = doomed.iter().position(|group| *group == self.group);
            place.map(|place| doomed.remove(place)).is_some()
        };
        if is_doomed || shared.time.chance(|chance| chance.happens(4)) {
            shared.killed.kill(self.group);
            return std::future::pending().await;
        }
        if shared.time.chance(|chance| chance.happens(4)) {
            // The process is stopped for longer than a lease.
            shared.time.pause(Duration::from_secs(90)).await;
        }
        let fault = match shared.time.chance(|chance| chance.below(100)) {
            0 | 1 => Fault::Conflict,
            2 | 3 => Fault::Unavailable,
            4 | 5 => Fault::ReplyLost,
            6 | 7 => Fault::RequestLost,
            8..=11 => Fault::Stale,
            _ => Fault::None,
        };
        let pair = (call.to_owned(), format!("{fault:?}"));
        *shared.faults.lock().unwrap().entry(pair).or_default() += 1;
        fault
    }
}

pub struct World {
    shared: Arc<Shared>,
    store: WeakStore,
    forge: Arc<SimForge>,
    sabotage: Sabotage,
    workers: usize,
    skews: Vec<i64>,
}

impl World {
    pub fn new(seed: u64, sabotage: Sabotage) -> Self {
        let time = Time::new(seed);
        let shared = Arc::new(Shared {
            time: Arc::clone(&time),
            killed: Arc::default(),
            is_calm: Arc::default(),
            faults: Mutex::default(),
            acknowledged: Mutex::default(),
            doomed: Mutex::default(),
        });
        let workers = 1 + time.chance(|chance| chance.below(3));
        let skew = |_| {
            // One in four is wrong by up to an hour, which way ever.
            let wrong = time.chance(|chance| chance.happens(250));
            let by = time.chance(|chance| chance.below(7_200_000));
            if wrong {
                i64::try_from(by).unwrap() - 3_600_000
            } else {
                0
            }
        };
        let skews = (0..=workers).map(skew).collect();
        let clock = Arc::new(SkewedClock {
            time,
            skew_millis: 0,
        });
        let faults = Arc::new(ProcessFaults {
            shared: Arc::clone(&shared),
            group: FRONT,
        });
        let store = WeakStore::new(clock, faults);
        let skews: Vec<i64> = skews;
        Self {
            forge: Arc::new(SimForge::new(
                Arc::clone(&shared.time),
                Arc::clone(&shared.killed),
                Arc::clone(&shared.is_calm),
                store.clone(),
                sabotage,
                skews.iter().all(|skew| *skew == 0),
            )),
            store,
            shared,
            sabotage,
            workers,
            skews,
        }
    }

    /// An engine of one process.
    fn engine(&self, group: Group) -> (Arc<Engine>, WeakStore) {
        let clock = Arc::new(SkewedClock {
            time: Arc::clone(&self.shared.time),
            skew_millis: self.skews[group],
        });
        let faults = Arc::new(ProcessFaults {
            shared: Arc::clone(&self.shared),
            group,
        });
        let store = self.store.connect(clock.clone(), faults);
        let saboteur = Saboteur {
            inner: store.clone(),
            sabotage: self.sabotage,
            time: Arc::clone(&self.shared.time),
        };
        let blobs = Arc::new(store.clone());
        let forge = Arc::new(Handle {
            forge: Arc::clone(&self.forge),
            group,
            clock: clock.clone(),
        });
        let agent: Arc<dyn Agent> = Arc::new(ScriptedAgent {
            time: Arc::clone(&self.shared.time),
            blobs: blobs.clone(),
            is_calm: Arc::clone(&self.shared.is_calm),
            forge: forge.clone(),
        });
        let ports = Ports {
            store: Arc::new(saboteur),
            queue: Arc::new(store.clone()),
            blobs,
            clock,
        };
        let plans = [
            agent::asked_plan(),
            agent::review_plan(),
            agent::cleanup_plan(),
            agent::docs_plan(),
        ];
        let agents = [(agent::agent_name(), agent)];
        let forge = Forge {
            read: forge.clone(),
            write: forge,
            markers: MarkerKey::new([7; 32]),
            send: SendLaw::default(),
            pace: PaceLaw::default(),
            reconcile: Duration::ZERO,
        };
        let engine = Engine::new(ports, Settings::default(), plans, agents).with_forge(forge);
        (Arc::new(engine), store)
    }

    fn start_worker(&self, executor: &mut Executor, group: Group) {
        let (engine, store) = self.engine(group);
        for queue in engine.queues() {
            let (engine, store) = (Arc::clone(&engine), store.clone());
            let time = Arc::clone(&self.shared.time);
            executor.spawn(group, async move {
                loop {
                    let from = LeaseFrom::Poll(&queue);
                    let leased = store.lease(from, 2, LEASE, Duration::from_secs(1800)).await;
                    for lease in leased.unwrap_or_default() {
                        // After an error the lease runs out.
                        let _ = engine.handle(lease).await;
                    }
                    time.pause(Duration::from_millis(10)).await;
                }
            });
        }
    }

    /// Runs until all is quiet; says what was violated.
    pub fn run(self, actions: &[Action], coverage: &mut Coverage) -> Option<String> {
        let shared = Arc::clone(&self.shared);
        let mut executor = Executor::new(Arc::clone(&shared.time), Arc::clone(&shared.killed));
        for group in 1..=self.workers {
            self.start_worker(&mut executor, group);
        }
        let (engine, _) = self.engine(FRONT);
        for action in actions {
            let front = Front {
                engine: Arc::clone(&engine),
                shared: Arc::clone(&shared),
                store: self.store.clone(),
                forge: Arc::clone(&self.forge),
            };
            let action = action.clone();
            executor.spawn(FRONT, async move { front.act(action).await });
        }
        let calm = Arc::clone(&shared);
        executor.spawn(usize::MAX, async move {
            calm.time.until(STORM).await;
            calm.is_calm.store(true, Ordering::Relaxed);
        });
        let mut checker = Checker::default();
        let mut seen = 0;
        while let Some(killed) = executor.step(STORM + CALM) {
            coverage.kills += killed.len() as u64;
            for group in killed {
                if group == FRONT {
                    // Who was at the door gets no answer; those who come later find it open.
                    let now = shared.time.passed();
                    for action in actions.iter().filter(|action| action.at > now) {
                        let front = Front {
                            engine: Arc::clone(&engine),
                            shared: Arc::clone(&shared),
                            store: self.store.clone(),
                            forge: Arc::clone(&self.forge),
                        };
                        let action = action.clone();
                        executor.spawn(FRONT, async move { front.act(action).await });
                    }
                } else if !executor.has(group) {
                    self.start_worker(&mut executor, group);
                }
            }
            for pushed in self.forge.take_pushed() {
                // The forge tells of our own commits as of any other push.
                let front = Front {
                    engine: Arc::clone(&engine),
                    shared: Arc::clone(&shared),
                    store: self.store.clone(),
                    forge: Arc::clone(&self.forge),
                };
                let sent = super::actions::push(pushed);
                executor.spawn(FRONT, async move { front.deliver(sent).await });
            }
            let changes = self.store.changes();
            if changes != seen {
                seen = changes;
                let acknowledged = shared.acknowledged.lock().unwrap();
                let now = shared.time.true_now();
                let found = self
                    .store
                    .inspect(|records| checker.step(records, &acknowledged, now));
                if found.is_some() {
                    return found;
                }
                drop(acknowledged);
                if let Some(violation) = self.forge.violation() {
                    return Some(violation);
                }
            }
        }
        let acknowledged = shared.acknowledged.lock().unwrap();
        for one in acknowledged.iter() {
            let answer = format!("{:?}", one.answer);
            let answer = answer.split('(').next().unwrap_or_default().to_owned();
            *coverage.answers.entry(answer).or_default() += 1;
        }
        for (pair, count) in shared.faults.lock().unwrap().iter() {
            *coverage.faults.entry(pair.clone()).or_default() += count;
        }
        for (fault, count) in self.forge.faults() {
            let pair = ("send".to_owned(), fault.to_owned());
            *coverage.faults.entry(pair).or_default() += count;
        }
        for (edge, count) in checker.edges() {
            *coverage.edges.entry(edge).or_default() += count;
        }
        let now = shared.time.true_now();
        self.store
            .inspect(|records| checker.end(records, &acknowledged, now, &self.forge))
    }
}

/// Whoever comes to the front door.
struct Front {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    store: WeakStore,
    forge: Arc<SimForge>,
}

impl Front {
    async fn act(self, action: Action) {
        self.shared.time.until(action.at).await;
        match action.kind {
            Kind::Deliver(sent) => self.deliver(sent).await,
            Kind::Ask { tenant, key } => self.ask(tenant, key).await,
            Kind::Cancel(number) => {
                if let Some((tenant, id)) = self.execution(number) {
                    let _ = self.engine.cancel(&tenant, &id, "somebody").await;
                }
            }
            Kind::Retry(number) => {
                if let Some((tenant, id)) = self.execution(number) {
                    let _ = self.engine.retry(&tenant, &id, "somebody").await;
                }
            }
            Kind::Signal(number) => {
                if let Some((tenant, id)) = self.execution(number) {
                    for step in ["a", "b", "c"] {
                        let step = pullmill_core::id::StepName::constant(step);
                        let signal = json!({"go": "on"});
                        let _ = self.engine.signal(&tenant, &id, &step, &signal).await;
                    }
                }
            }
            Kind::PutBack(number) => {
                let tenant = TenantId::parse(&tenant_name(number % 2)).unwrap();
                let letters = self
                    .engine
                    .dead_letters(&tenant, 10)
                    .await
                    .unwrap_or_default();
                if let Some(letter) = letters.get(number / 2) {
                    let _ = self.engine.put_back(letter, "somebody").await;
                }
            }
            Kind::Replay(number) => self.replay(number).await,
            Kind::Kill(group) => self.shared.doomed.lock().unwrap().push(group),
            Kind::Poison(number) => self.poison(number).await,
        }
    }

    async fn deliver(&self, sent: Sent) {
        if let Some((tenant, pull, minute)) = sent.review_of {
            self.forge.push(tenant as u64 + 1, pull, minute);
        }
        let delivery = Delivery {
            id: sent.id.clone(),
            event: sent.event.to_owned(),
            body: sent.body.clone().into(),
        };
        if let Ok(answer) = self.engine.accept(delivery).await {
            let one = Acknowledged { sent, answer };
            self.shared.acknowledged.lock().unwrap().push(one);
        }
    }

    async fn ask(&self, tenant: usize, key: Option<u64>) {
        let asker = Asker {
            tenant: TenantId::parse(&tenant_name(tenant)).unwrap(),
            owner: "somebody".to_owned(),
            key: key.map(|key| format!("key-{key}")),
        };
        let _ = self
            .engine
            .ask(&asker, agent::asked_plan(), json!(null), "same")
            .await;
    }

    async fn replay(&self, number: usize) {
        let known = {
            let acknowledged = self.shared.acknowledged.lock().unwrap();
            acknowledged.get(number).cloned()
        };
        let Some(known) = known else { return };
        for tenant in 0..2 {
            let tenant = TenantId::parse(&tenant_name(tenant)).unwrap();
            if let Ok(recorded) = self.engine.recorded(&tenant, &known.sent.id).await {
                let _ = self.engine.replay(&recorded, "somebody").await;
            }
        }
    }

    /// Puts a record that nobody can read where workers find it.
    async fn poison(&self, number: u64) {
        let queue = ["fast", "dispatch", "timer"][usize::try_from(number % 3).unwrap()];
        let sk = ["TASK#a#0", "JUNK", "TIMER#0"][usize::try_from(number % 3).unwrap()];
        let key = Key::new(format!("T#owner-0#X#poison-{number}"), sk);
        let mut draft = Draft::new(key, "{\"v\":1,\"broken\":".into());
        draft.second = Second::Due(Due {
            queue: QueueName::constant(queue),
            tenant: TenantId::parse("owner-0").unwrap(),
            at: self.shared.time.true_now(),
        });
        let mut batch = Batch::at(self.shared.time.true_now());
        let expect = Expect::Absent;
        batch.push(Write::Put { draft, expect }).unwrap();
        let _ = self.store.commit(batch).await;
    }

    fn execution(&self, number: usize) -> Option<(TenantId, pullmill_core::id::ExecutionId)> {
        let now = self.shared.time.true_now();
        self.store.inspect(|records| {
            let mut executions = records
                .all(now)
                .filter(|record| record.draft.key.sk == "EXEC");
            let record = executions.nth(number)?;
            let execution: pullmill_core::execution::Execution =
                pullmill_core::body::decode(&record.draft.body).ok()?;
            Some((execution.tenant, execution.id))
        })
    }
}
