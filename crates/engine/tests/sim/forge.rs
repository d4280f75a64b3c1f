//! A forge that shows late what was made, loses requests and answers, does what it was asked after it seemed lost, and wants to be left alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::body;
use pullmill_core::commit::{DocsCommit, Tree};
use pullmill_core::effect::{Content, Effect, Found, Kind, Ledger};
use pullmill_core::event::comment::Permission;
use pullmill_core::id::Sha;
use pullmill_core::keys;
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::forge::{
    Attempt, Compared, Fetched, ForgeError, ForgeRead, ForgeWrite, Permit, Pull, PullRef, RepoRef,
    SendError, User, Wanted,
};
use pullmill_core::time::Timestamp;
use pullmill_testkit::weak::WeakStore;

use super::executor::{Group, Killed};
use super::sabotage::Sabotage;
use super::time::{SkewedClock, Time};

/// Longest time that lists do not show what was made.
const STALE_MILLIS: usize = 60_000;
/// Longest time that a process may be stopped between the check of its permit and the first byte: a lease of 60 s, 90 s
/// until it is made again and 90 s until that is looked at once more, less the 60 s that lists may lag.
const STOPPED_MILLIS: usize = 178_000;
/// Longest time that a request which seemed lost may still be done.
const LATE_MILLIS: usize = 25_000;

/// Something on the forge.
#[derive(Clone, Debug)]
pub struct Object {
    pub id: u64,
    pub object: String,
    pub kind: Kind,
    pub version: String,
    pub parts: usize,
    shown_at: Duration,
}

#[derive(Default)]
struct State {
    heads: BTreeMap<(u64, u64), u64>,
    /// The pushed heads that a commit of ours follows.
    own: BTreeMap<(u64, u64), u64>,
    /// Pushes that nobody was told of yet.
    pushed: Vec<Pushed>,
    objects: Vec<Object>,
    resolved: BTreeMap<String, bool>,
    /// Objects whose last request ended without anybody knowing how, until somebody looks.
    unknown: BTreeMap<String, Group>,
    /// Writes by installation.
    writes: BTreeMap<u64, Vec<Duration>>,
    blocked: BTreeMap<u64, Duration>,
    violation: Option<String>,
    last_id: u64,
    faults: BTreeMap<&'static str, u64>,
}

/// The forge, as all processes share it.
pub struct SimForge {
    state: Mutex<State>,
    time: Arc<Time>,
    killed: Arc<Killed>,
    is_calm: Arc<AtomicBool>,
    store: WeakStore,
    sabotage: Sabotage,
    /// Whether all clocks agree, so that leases and pacing can be held to the second.
    is_exact: bool,
}

/// The forge, as one process reaches it.
pub struct Handle {
    pub forge: Arc<SimForge>,
    pub group: Group,
    pub clock: Arc<SkewedClock>,
}

/// The head of a minute.
pub fn sha(minute: u64) -> String {
    format!("{minute:040}")
}

/// A push that comes while something is sent.
#[derive(Clone, Copy, Debug)]
pub struct Pushed {
    pub repo: u64,
    pub pull: u64,
    pub minute: u64,
    /// Whether it is a commit of ours upon that head.
    pub is_own: bool,
}

/// The commit of ours that follows a head.
pub fn own(head: &str) -> String {
    format!("d{}", &head[1..])
}

/// Whether a head is a commit of ours.
pub fn is_own(head: &str) -> bool {
    head.starts_with('d')
}

enum Fate {
    Done,
    DoneAndLost,
    DoneAndKilled,
    Late,
    Lost,
    NotSent,
    Limited,
    Refused,
    Stopped,
}

impl State {
    fn head(&self, repo: u64, pull: u64) -> String {
        let key = (repo, pull);
        let minute = self.heads.get(&key).copied().unwrap_or(0);
        let pushed = sha(minute);
        match self.own.get(&key) == Some(&minute) {
            true => own(&pushed),
            false => pushed,
        }
    }

    /// Moves a branch forward, as long as it is where it should be.
    fn commit(&mut self, effect: &Effect, commit: &DocsCommit, is_forced: bool) -> Option<Found> {
        let pull = &effect.target.pull;
        let (repo, number) = (pull.repo.id, pull.number);
        let head = self.head(repo, number);
        let done = found(commit.commit.as_str(), 0, true);
        if head == commit.commit.as_str() {
            return Some(done);
        }
        if is_own(commit.parent.as_str()) {
            self.violation.get_or_insert(format!(
                "I18 a commit of ours follows {head}, which is one, too"
            ));
        }
        if head != commit.parent.as_str() {
            *self.faults.entry("overtaken").or_default() += 1;
            if !is_forced {
                return None;
            }
            self.violation.get_or_insert(format!(
                "I11 a commit for {} was put upon {head}",
                commit.parent
            ));
        }
        let minute = self.heads.get(&(repo, number)).copied().unwrap_or(0);
        *self.faults.entry("committed").or_default() += 1;
        self.own.insert((repo, number), minute);
        self.pushed.push(Pushed {
            repo,
            pull: number,
            minute,
            is_own: true,
        });
        self.last_id += 1;
        self.objects.push(Object {
            id: self.last_id,
            object: effect.object.clone(),
            kind: Kind::Commit,
            version: effect.version.clone(),
            parts: 0,
            shown_at: Duration::ZERO,
        });
        Some(done)
    }
}

impl SimForge {
    pub fn new(
        time: Arc<Time>,
        killed: Arc<Killed>,
        is_calm: Arc<AtomicBool>,
        store: WeakStore,
        sabotage: Sabotage,
        is_exact: bool,
    ) -> Self {
        Self {
            state: Mutex::default(),
            time,
            killed,
            is_calm,
            store,
            sabotage,
            is_exact,
        }
    }

    /// Somebody pushes.
    pub fn push(&self, repo: u64, pull: u64, minute: u64) {
        let mut state = self.state.lock().unwrap();
        let head = state.heads.entry((repo, pull)).or_default();
        *head = (*head).max(minute);
    }

    pub fn head(&self, repo: u64, pull: u64) -> String {
        self.state.lock().unwrap().head(repo, pull)
    }

    /// Pushes that nobody was told of yet.
    pub fn take_pushed(&self) -> Vec<Pushed> {
        std::mem::take(&mut self.state.lock().unwrap().pushed)
    }

    /// Somebody pushes right between the look and the deed, at a minute that no action has.
    fn overtake(&self, effect: &Effect) {
        let pull = &effect.target.pull;
        let mut state = self.state.lock().unwrap();
        let key = (pull.repo.id, pull.number);
        let minute = state.heads.get(&key).copied().unwrap_or(0);
        if minute % 40 < 35 {
            let minute = minute - minute % 40 + 35;
            state.heads.insert(key, minute);
            let (repo, pull) = key;
            state.pushed.push(Pushed {
                repo,
                pull,
                minute,
                is_own: false,
            });
        }
    }

    pub fn violation(&self) -> Option<String> {
        self.state.lock().unwrap().violation.clone()
    }

    pub fn objects(&self) -> Vec<Object> {
        self.state.lock().unwrap().objects.clone()
    }

    pub fn is_resolved(&self, thread: &str) -> bool {
        self.state.lock().unwrap().resolved.contains_key(thread)
    }

    pub fn faults(&self) -> Vec<(&'static str, u64)> {
        let state = self.state.lock().unwrap();
        state
            .faults
            .iter()
            .map(|(name, count)| (*name, *count))
            .collect()
    }

    fn note(&self, fault: &'static str) {
        *self.state.lock().unwrap().faults.entry(fault).or_default() += 1;
    }

    fn violate(&self, what: String) {
        self.state.lock().unwrap().violation.get_or_insert(what);
    }

    fn fate(&self) -> Fate {
        if self.is_calm.load(Ordering::Relaxed) {
            return Fate::Done;
        }
        match self.time.chance(|chance| chance.below(100)) {
            0..=5 => Fate::DoneAndLost,
            6..=8 => Fate::DoneAndKilled,
            9..=11 => Fate::Late,
            12..=14 => Fate::Lost,
            15..=17 => Fate::NotSent,
            18 | 19 => Fate::Limited,
            20 => Fate::Refused,
            21..=27 => Fate::Stopped,
            _ => Fate::Done,
        }
    }

    /// What must hold when a request that changes something comes.
    fn check(&self, effect: &Effect) {
        let target = &effect.target;
        let installation = target.pull.repo.installation;
        let now = self.time.passed();
        let pk = keys::installation(&target.tenant, installation);
        let object = &effect.object;
        let at = self.time.true_now();
        // I6: its intent is durable. I9: by whoever holds the sender.
        let (ledger, epoch) = self.store.inspect(|records| {
            let ledger = records.get(&keys::effect(&pk, object), at);
            let sender = records.get(&keys::sender(&pk), at);
            (ledger, sender.map(|sender| sender.epoch))
        });
        let ledger = ledger.and_then(|record| body::decode::<Ledger>(&record.draft.body).ok());
        match ledger.as_ref().map(|ledger| (ledger, &ledger.sent)) {
            Some((_, Some(sent))) => {
                // With clocks that disagree a lease may be taken early; what that leaves behind is found at the end.
                let is_mine = sent.over_at.is_none() && Some(sent.epoch) == epoch;
                if self.is_exact && !is_mine {
                    self.violate(format!(
                        "I9 {:?} {object} is sent with {:?}, {epoch:?} holds the sender at {now:?}",
                        effect.content.kind(),
                        sent.epoch
                    ));
                }
            }
            _ => self.violate(format!("I6 {object} is sent without an intent: {ledger:?}")),
        }
        // I14, I19: where its execution belongs.
        let tenant = format!("owner-{}", target.pull.repo.id - 1);
        if target.tenant.as_str() != tenant || installation != target.pull.repo.id + 9 {
            self.violate(format!("I14 {object} is sent to {target:?}"));
        }
        let mut state = self.state.lock().unwrap();
        // I8: after an outcome that nobody knows comes a look.
        if state.unknown.contains_key(object) {
            state
                .violation
                .get_or_insert(format!("I8 {object} is sent again without a look"));
        }
        let blocked = state
            .blocked
            .get(&installation)
            .copied()
            .unwrap_or_default();
        let writes = state.writes.entry(installation).or_default();
        writes.push(now);
        let within = |time: Duration| writes.iter().filter(|at| now - **at < time).count();
        let (second, minute, hour) = (
            within(Duration::from_secs(1)),
            within(Duration::from_secs(60)),
            within(Duration::from_secs(3600)),
        );
        if self.is_exact && (now < blocked || second > 5 || minute > 80 || hour > 500) {
            let what = format!(
                "I17 {object} is sent too soon: {second} in a second, blocked until {blocked:?}, now {now:?}"
            );
            state.violation.get_or_insert(what);
        }
    }

    /// Does what was asked.
    fn apply(&self, effect: &Effect, replaces: Option<&Found>) -> Result<Found, SendError> {
        let mut state = self.state.lock().unwrap();
        if let Content::Commit(commit) = &effect.content {
            let moved = state.commit(effect, commit, self.sabotage == Sabotage::Forced);
            return moved.ok_or_else(|| SendError::Gone("no fast forward".to_owned()));
        }
        let parts = effect.content.parts();
        let kind = effect.content.kind();
        if let Content::Resolve { thread } = &effect.content {
            state.resolved.insert(thread.clone(), true);
            return Ok(found(thread, 1, true));
        }
        let done = (replaces.map_or(0, |one| one.parts) + 1).min(parts);
        let id = replaces.and_then(|one| one.id.parse::<u64>().ok());
        if let Some(id) = id
            && let Some(object) = state.objects.iter_mut().find(|one| one.id == id)
        {
            object.version.clone_from(&effect.version);
            object.parts = done;
            return Ok(found(&id.to_string(), done, done == parts));
        }
        state.last_id += 1;
        let id = state.last_id;
        let shown_at = self.time.passed()
            + self
                .time
                .chance(|chance| Duration::from_millis(chance.below(STALE_MILLIS) as u64));
        state.objects.push(Object {
            id,
            object: effect.object.clone(),
            kind,
            version: effect.version.clone(),
            parts: done,
            shown_at,
        });
        Ok(found(&id.to_string(), done, done == parts))
    }
}

fn found(id: &str, parts: usize, is_current: bool) -> Found {
    Found {
        id: id.to_owned(),
        parts,
        is_current,
    }
}

impl Handle {
    async fn travel(&self) {
        let millis = self.forge.time.chance(|chance| chance.below(300));
        self.forge
            .time
            .pause(Duration::from_millis(millis as u64))
            .await;
    }

    fn is_unlucky(&self) -> bool {
        let is_calm = self.forge.is_calm.load(Ordering::Relaxed);
        !is_calm && self.forge.time.chance(|chance| chance.happens(50))
    }
}

#[async_trait]
impl ForgeRead for Handle {
    async fn pull(&self, pull: &PullRef) -> Result<Pull, ForgeError> {
        self.travel().await;
        if self.is_unlucky() {
            return Err(ForgeError::Unavailable("away".to_owned()));
        }
        let head = Sha::parse(&self.forge.head(pull.repo.id, pull.number)).unwrap();
        Ok(Pull {
            is_open: true,
            is_draft: false,
            is_fork: false,
            base: head.clone(),
            default: head.clone(),
            branch: None,
            labels: Vec::new(),
            description: String::new(),
            head,
            threads: Vec::new(),
        })
    }

    async fn change(&self, _: &PullRef, _: &Sha, _: &Sha) -> Result<Compared, ForgeError> {
        Err(ForgeError::NotFound("change".to_owned()))
    }

    async fn blobs(&self, _: &RepoRef, _: &[Wanted], _: u64) -> Result<Vec<Fetched>, ForgeError> {
        Ok(Vec::new())
    }

    async fn tree(&self, _: &RepoRef, _: &Sha) -> Result<Tree, ForgeError> {
        Err(ForgeError::NotFound("tree".to_owned()))
    }

    async fn may_commit(&self, _: &RepoRef) -> Result<bool, ForgeError> {
        Ok(true)
    }

    async fn attempts(&self, _: Timestamp) -> Result<Vec<Attempt>, ForgeError> {
        Ok(Vec::new())
    }

    async fn permission(&self, _: &RepoRef, _: &User) -> Result<Permission, ForgeError> {
        Ok(Permission::Write)
    }
}

#[async_trait]
impl ForgeWrite for Handle {
    async fn find(&self, effect: &Effect) -> Result<Vec<Found>, ForgeError> {
        self.travel().await;
        if self.is_unlucky() {
            return Err(ForgeError::Unavailable("away".to_owned()));
        }
        let forge = &self.forge;
        let mut state = forge.state.lock().unwrap();
        state.unknown.remove(&effect.object);
        let is_looked_for = !matches!(effect.content.kind(), Kind::Resolve | Kind::Commit);
        if forge.sabotage == Sabotage::NoLook && is_looked_for {
            return Ok(Vec::new());
        }
        if let Content::Resolve { thread } = &effect.content {
            let is_resolved = state.resolved.contains_key(thread);
            return Ok(vec![found(thread, 1, is_resolved)]);
        }
        if let Content::Commit(commit) = &effect.content {
            let pull = &effect.target.pull;
            let head = state.head(pull.repo.id, pull.number);
            let is_there = state.objects.iter().any(|one| one.object == effect.object);
            // It is there if somebody has gone on from it.
            return Ok(match (is_there, head == commit.parent.as_str()) {
                (true, _) => vec![found(commit.commit.as_str(), 0, true)],
                (false, true) => vec![found("branch", 0, false)],
                (false, false) => Vec::new(),
            });
        }
        let now = forge.time.passed();
        let parts = effect.content.parts();
        let shown = state
            .objects
            .iter()
            .filter(|one| one.object == effect.object && one.shown_at <= now);
        let found = shown.map(|one| {
            let is_same = one.version == effect.version;
            let done = if is_same { one.parts } else { parts - 1 };
            found(&one.id.to_string(), done, is_same && done == parts)
        });
        Ok(found.collect())
    }

    async fn send(&self, permit: &Permit, replaces: Option<&Found>) -> Result<Found, SendError> {
        self.travel().await;
        let (forge, effect) = (&self.forge, permit.effect());
        if self.is_unlucky() {
            // The process is stopped for longer than a lease.
            forge.time.pause(Duration::from_secs(90)).await;
        }
        let holds = permit.holds(self.clock.monotonic());
        if !holds && forge.sabotage != Sabotage::OldPermit {
            forge.note("too late");
            return Err(SendError::TooLate);
        }
        let fate = forge.fate();
        if matches!(fate, Fate::NotSent) {
            forge.note("not sent");
            return Err(SendError::NotSent("no connection".to_owned()));
        }
        if matches!(fate, Fate::Stopped) {
            // The one gap there is: the process is stopped between the check of its permit and the first byte.
            forge.note("stopped");
            // Only long stops let somebody else send first.
            let millis = forge.time.chance(|chance| match chance.happens(500) {
                true => STOPPED_MILLIS - chance.below(STOPPED_MILLIS / 4) - 1,
                false => chance.below(STOPPED_MILLIS),
            });
            forge.time.pause(Duration::from_millis(millis as u64)).await;
            return forge.apply(effect, replaces);
        }
        forge.check(effect);
        if effect.content.kind() == Kind::Commit && forge.time.chance(|chance| chance.happens(100))
        {
            forge.overtake(effect);
        }
        let lost = |error: &str| {
            forge
                .state
                .lock()
                .unwrap()
                .unknown
                .insert(effect.object.clone(), self.group);
            Err(SendError::Unknown(error.to_owned()))
        };
        match fate {
            Fate::Limited => {
                forge.note("limited");
                let wait = Duration::from_secs(30);
                let until = forge.time.passed() + wait;
                forge
                    .state
                    .lock()
                    .unwrap()
                    .blocked
                    .insert(effect.target.pull.repo.installation, until);
                Err(SendError::Limited(wait))
            }
            Fate::Refused => {
                forge.note("refused");
                Err(SendError::Refused("422".to_owned()))
            }
            Fate::Lost => {
                forge.note("lost");
                lost("reset")
            }
            Fate::DoneAndLost => {
                forge.note("done and lost");
                let _ = forge.apply(effect, replaces);
                lost("reset")
            }
            Fate::Late => {
                forge.note("done late");
                // It is done while everybody believes it lost: told when the time has come.
                let at = forge.time.passed()
                    + forge
                        .time
                        .chance(|chance| Duration::from_millis(chance.below(LATE_MILLIS) as u64));
                forge.late(effect.clone(), replaces.cloned(), at);
                lost("timeout")
            }
            Fate::DoneAndKilled => {
                forge.note("done and killed");
                let _ = forge.apply(effect, replaces);
                forge.killed.kill(self.group);
                forge
                    .state
                    .lock()
                    .unwrap()
                    .unknown
                    .insert(effect.object.clone(), self.group);
                std::future::pending().await
            }
            _ => {
                let found = forge.apply(effect, replaces);
                self.travel().await;
                found
            }
        }
    }

    async fn redeliver(&self, _: &Attempt) -> Result<(), SendError> {
        Ok(())
    }

    async fn retract(&self, permit: &Permit, found: &Found) -> Result<(), SendError> {
        self.travel().await;
        if !permit.holds(self.clock.monotonic()) {
            return Err(SendError::TooLate);
        }
        self.forge.note("retracted");
        self.forge.check(permit.effect());
        let id: u64 = found.id.parse().unwrap();
        self.forge
            .state
            .lock()
            .unwrap()
            .objects
            .retain(|one| one.id != id);
        Ok(())
    }
}

impl SimForge {
    /// Makes something that lists show only from a later time on, as if it had been done then.
    fn late(&self, effect: Effect, replaces: Option<Found>, at: Duration) {
        let known = self.state.lock().unwrap().objects.len();
        let _ = self.apply(&effect, replaces.as_ref());
        let mut state = self.state.lock().unwrap();
        if state.objects.len() > known
            && let Some(object) = state.objects.last_mut()
        {
            object.shown_at = object.shown_at.max(at);
        }
    }

    /// What must hold when all is quiet.
    pub fn end(&self, now: Timestamp) -> Option<String> {
        let state = self.state.lock().unwrap();
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for object in &state.objects {
            if let Some(other) = seen.insert(&object.object, object.id) {
                return Some(format!(
                    "I7 {:?} is there as {other} and {} at {now}",
                    object.kind, object.id
                ));
            }
        }
        None
    }
}
