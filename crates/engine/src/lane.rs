//! A lane: the one place that acts on a pull request's events. It reads its whole mailbox, lets the newest win, and starts or supersedes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use pullmill_core::body;
use pullmill_core::decided::Decided;
use pullmill_core::effect::CommentRef;
use pullmill_core::event::github::{self, Purpose};
use pullmill_core::event::{Asked, Disposition, Envelope};
use pullmill_core::execution::{Cause, Event, Execution, Reason, Status, Subject, decide, start};
use pullmill_core::id::{ExecutionId, Sha, TenantId, WorkflowName};
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;
use pullmill_core::ports::store::{Draft, IndexKey, Key, Page, Range, Record, Second, Version};
use pullmill_core::routing::Route;
use pullmill_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::attempt::Attempts;
use crate::ingress::lane_due;
use crate::transition::Loaded;
use crate::worker::{Handled, Settled};
use crate::workflow::{docs_name, review_name};
use crate::{Engine, EngineError};

/// Reviews of one pull request in an hour: whatever makes more of them is a loop, or means harm (T28).
const FUSE: usize = 60;
const HOUR: Duration = Duration::from_secs(3600);
/// Most mailbox items of one commit: each takes two writes and may start an execution.
const ITEMS: usize = 6;
/// Which execution of a workflow is the latest on a lane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Active {
    pub(crate) execution: ExecutionId,
    /// The head it is about.
    pub(crate) head: Option<String>,
    /// When the event's subject was last changed: older events are outdated.
    pub(crate) changed_at: Timestamp,
    /// The one before it that gave a verdict.
    #[serde(default)]
    pub(crate) judged: Option<ExecutionId>,
    /// When executions took this place in the last hour.
    #[serde(default)]
    pub(crate) starts: Vec<Timestamp>,
}

/// A mailbox item.
struct Item {
    record: Record,
    id: String,
    envelope: Envelope,
}

/// What one commit of a lane does.
struct Round<'a> {
    engine: &'a Engine,
    batch: Batch,
    pk: &'a str,
    /// By place: what was active, and what is.
    active: BTreeMap<WorkflowName, (Option<Version>, Option<Active>)>,
    /// What people have decided, once it was asked for; the batch is held to it.
    decided: Option<(Decided, Option<Version>)>,
    /// Which heads are commits of our own, as far as it was asked; the batch is held to it.
    own: BTreeMap<Key, Option<Version>>,
    /// What to log when it is done.
    told: Vec<(ExecutionId, String)>,
}

impl Engine {
    pub(crate) async fn handle_lane(&self, lease: Lease) -> Result<(Handled, Lease), EngineError> {
        let key = lease.record.draft.key.clone();
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let Some(lane) = self.record(&key, now).await? else {
                return Ok((Handled::Lost, lease));
            };
            if lane.epoch != lease.record.epoch {
                return Ok((Handled::Lost, lease));
            }
            let range = Range {
                pk: key.pk.clone(),
                prefix: keys::MAILBOX.to_owned(),
            };
            let mail = self
                .ports
                .store
                .list(&range, &Page::first(ITEMS), now)
                .await?;
            let mut round = Round {
                engine: self,
                batch: Batch::at(now),
                pk: &key.pk,
                active: BTreeMap::new(),
                decided: None,
                own: BTreeMap::new(),
                told: Vec::new(),
            };
            // Deliveries that come faster than this commits would make every try outdated: so it does not wait for a quiet moment.
            let has_more = mail.next.is_some() || attempts.has_failed();
            round.handle(mail.records).await?;
            let mut batch = round.batch;
            batch.push(settled(&lane, has_more, now))?;
            if attempts.commit(batch).await? {
                for (execution, what) in round.told {
                    tracing::info!(execution.id = %execution, event = "execution.queued", "{what}");
                }
                let settled = if has_more {
                    Settled::Again
                } else {
                    Settled::Done
                };
                return Ok((Handled::Settled(settled), lease));
            }
        }
    }
}

/// The lane's own record: due at once if there may be more to do, and only if nothing has come meanwhile not due. It has no body: all it
/// knows is in its neighbours.
fn settled(lane: &Record, has_more: bool, now: Timestamp) -> Write {
    let mut draft = Draft::new(lane.draft.key.clone(), Bytes::new());
    let mut expect = Expect::Version(lane.version);
    if has_more && let Some(tenant) = keys::tenant(&draft.key) {
        draft.second = Second::Due(lane_due(&tenant, now));
        expect = Expect::Epoch(lane.epoch);
    }
    Write::Put { draft, expect }
}

/// What a review gave, if it gave a verdict.
fn judged(execution: Execution) -> Option<Value> {
    let mut results = execution.steps.into_values().map(|step| step.result);
    results.find(|result| result.get("verdict").is_some())
}

impl Round<'_> {
    async fn handle(&mut self, records: Vec<Record>) -> Result<(), EngineError> {
        let mut items = Vec::new();
        for record in records {
            match body::decode::<Envelope>(&record.draft.body) {
                Ok(envelope) => items.push(Item {
                    id: record.draft.key.sk[keys::MAILBOX.len()..].to_owned(),
                    record,
                    envelope,
                }),
                Err(error) => self.bury(record, &error.to_string())?,
            }
        }
        let winners = self.winners(&items).await?;
        for item in &items {
            let disposition = self.dispose(item, &winners).await?;
            self.close(item, disposition)?;
        }
        for (workflow, (version, active)) in std::mem::take(&mut self.active) {
            let Some(active) = active else { continue };
            let key = keys::active(self.pk, &workflow);
            self.batch.push(Write::Put {
                draft: Draft::new(key, body::encode(&active)?),
                expect: version.map_or(Expect::Absent, Expect::Version),
            })?;
        }
        if let Some((_, version)) = self.decided.take() {
            self.batch.push(Write::Check {
                key: keys::decided(self.pk),
                expect: version.map_or(Expect::Absent, Expect::Version),
            })?;
        }
        for (key, version) in std::mem::take(&mut self.own) {
            let expect = version.map_or(Expect::Absent, Expect::Version);
            self.batch.push(Write::Check { key, expect })?;
        }
        Ok(())
    }

    /// Whether an event is about a head that is a commit of our own. Only our own ledger says so, never a name or a text (I18).
    async fn is_own(&mut self, envelope: &Envelope) -> Result<bool, EngineError> {
        let about = &envelope.about;
        let head = about.head.as_deref().and_then(|head| Sha::parse(head).ok());
        let Some((head, repo)) = head.zip(about.repo_id) else {
            return Ok(false);
        };
        let key = keys::own_commit(&envelope.tenant, repo, &head);
        if !self.own.contains_key(&key) {
            let record = self.engine.record(&key, self.batch.now()).await?;
            let version = record.map(|record| record.version);
            self.own.insert(key.clone(), version);
        }
        Ok(self.own.get(&key).is_some_and(Option::is_some))
    }

    /// Reads once what people have decided.
    async fn decided(&mut self) -> Result<Decided, EngineError> {
        if self.decided.is_none() {
            let read = self.engine.decided(self.pk, self.batch.now()).await?;
            self.decided = Some(read);
        }
        Ok(self.decided.clone().unwrap_or_default().0)
    }

    /// What an execution works on: for a review what people have decided, for a command what it says and what the last review found.
    async fn input(&mut self, item: &Item, workflow: &WorkflowName) -> Result<Value, EngineError> {
        let envelope = &item.envelope;
        let mut input = json!({"envelope": [self.pk, item.id], "delivery": envelope.delivery_id});
        if *workflow == review_name() {
            input["declined"] = json!(self.decided().await?.declined);
            input["asked"] = json!(envelope.asked);
            input["is_own"] = json!(self.is_own(envelope).await?);
            input["latest"] = self.latest(&envelope.tenant).await?;
        } else if *workflow == docs_name() {
            let about = &envelope.about;
            let to = about.comment_id.map(|id| CommentRef {
                id,
                thread: about.thread,
            });
            input["to"] = json!(to);
            input["latest"] = self.latest(&envelope.tenant).await?;
        } else if let Some(command) = &envelope.about.command {
            let about = &envelope.about;
            input["command"] = json!({
                "line": command, "comment": about.comment_id, "thread": about.thread,
                "is_at_line": envelope.event_type == "pull_request_review_comment",
                "user": about.sender_id, "login": about.sender, "path": about.path, "at": about.line,
            });
            input["latest"] = self.latest(&envelope.tenant).await?;
        }
        Ok(input)
    }

    /// What the last review of this pull request gave.
    async fn latest(&mut self, tenant: &TenantId) -> Result<Value, EngineError> {
        self.read_active(&review_name()).await?;
        let active = self.active.get(&review_name());
        let Some(active) = active.and_then(|(_, active)| active.clone()) else {
            return Ok(Value::Null);
        };
        // One that is still going on has no verdict; the one before it has.
        for id in [Some(active.execution), active.judged]
            .into_iter()
            .flatten()
        {
            let loaded = self.engine.load(tenant, &id, self.batch.now()).await?;
            if let Some(result) = loaded.and_then(|loaded| judged(loaded.execution)) {
                return Ok(result);
            }
        }
        Ok(Value::Null)
    }

    /// Of the items that want the same place, the one that wins, by place.
    async fn winners(
        &mut self,
        items: &[Item],
    ) -> Result<BTreeMap<WorkflowName, String>, EngineError> {
        let mut winners: BTreeMap<WorkflowName, &Item> = BTreeMap::new();
        for item in items {
            let Ok(purpose) = item.purpose() else {
                continue;
            };
            let Route::Start {
                place: Some(place), ..
            } = self.engine.route(&item.envelope, purpose)
            else {
                continue;
            };
            self.read_active(&place).await?;
            let best = winners.entry(place).or_insert(item);
            if item.rank() > best.rank() {
                *best = item;
            }
        }
        let ids = winners
            .into_iter()
            .map(|(workflow, item)| (workflow, item.id.clone()));
        Ok(ids.collect())
    }

    async fn read_active(&mut self, workflow: &WorkflowName) -> Result<(), EngineError> {
        if self.active.contains_key(workflow) {
            return Ok(());
        }
        let key = keys::active(self.pk, workflow);
        let record = self.engine.record(&key, self.batch.now()).await?;
        let active = match &record {
            Some(record) => Some(body::decode(&record.draft.body)?),
            None => None,
        };
        let version = record.map(|record| record.version);
        self.active.insert(workflow.clone(), (version, active));
        Ok(())
    }

    async fn dispose(
        &mut self,
        item: &Item,
        winners: &BTreeMap<WorkflowName, String>,
    ) -> Result<Disposition, EngineError> {
        let purpose = match item.purpose() {
            Ok(purpose) => purpose,
            Err(reason) => return Ok(Disposition::Ignored(reason)),
        };
        match self.engine.route(&item.envelope, purpose) {
            Route::Ignore(reason) => Ok(Disposition::Ignored(reason)),
            Route::Start {
                workflow,
                place,
                agents,
            } => {
                let winner = place.as_ref().and_then(|place| winners.get(place));
                if winner.is_some_and(|winner| *winner != item.id) {
                    let reason = "a newer event came with it".to_owned();
                    return Ok(Disposition::Superseded(reason));
                }
                self.start(item, &workflow, place.as_ref(), agents).await
            }
        }
    }

    /// Starts an execution; the one whose place it takes is superseded, or this event is outdated.
    async fn start(
        &mut self,
        item: &Item,
        workflow: &WorkflowName,
        place: Option<&WorkflowName>,
        agents: Vec<String>,
    ) -> Result<Disposition, EngineError> {
        let now = self.batch.now();
        let Some(plan) = self.engine.plans.get(workflow).cloned() else {
            return Ok(Disposition::Ignored(format!(
                "no workflow `{workflow}` runs here"
            )));
        };
        let is_docs = *workflow == docs_name();
        if is_docs && !item.is_wanted_by_somebody() && self.is_own(&item.envelope).await? {
            return Ok(Disposition::Ignored(
                "the head is a commit of our own".to_owned(),
            ));
        }
        if (is_docs || *workflow == review_name())
            && !item.is_wanted_by_somebody()
            && let Some(by) = self.decided().await?.paused_by
        {
            return Ok(Disposition::Ignored(format!(
                "{by} has stopped reviews of this pull request"
            )));
        }
        let id = ExecutionId::new(now, self.engine.ports.clock.random());
        let mut execution = item.execution(id.clone(), plan, self.pk, now);
        execution.input = self.input(item, workflow).await?;
        execution.input["agents"] = json!(agents);
        let mut changed_at = item.rank().0;
        let (mut starts, mut last) = (Vec::new(), None);
        if let Some(place) = place {
            let before = self
                .active
                .get(place)
                .and_then(|(_, active)| active.clone());
            if let Some(before) = before {
                let is_asked = item.envelope.asked.is_some();
                if before.changed_at > changed_at && !item.is_wanted_by_somebody() && !is_asked {
                    let by = before.execution.to_string();
                    return Ok(Disposition::Superseded(by));
                }
                if is_asked {
                    // Our clock says nothing about when the pull request was changed.
                    changed_at = before.changed_at;
                }
                starts.clone_from(&before.starts);
                starts.retain(|at| now.since(*at) < HOUR);
                if starts.len() >= FUSE && !item.is_wanted_by_somebody() {
                    tracing::warn!(
                        event = "fuse.blown",
                        lane = self.pk,
                        "More than {FUSE} reviews of one pull request in an hour"
                    );
                    let reason = format!(
                        "more than {FUSE} reviews in an hour; `/pullmill review` begins one"
                    );
                    return Ok(Disposition::Ignored(reason));
                }
                let has_judged = self.supersede(&item.envelope, &before, &id).await?;
                last = if has_judged {
                    Some(before.execution)
                } else {
                    before.judged
                };
            }
            starts.push(now);
            let head = item.envelope.about.head.clone();
            let latest = Active {
                execution: id.clone(),
                head,
                changed_at,
                judged: last,
                starts,
            };
            self.active.entry(place.clone()).or_default().1 = Some(latest);
        }
        let about = execution.subject.as_ref().map(|subject| {
            let head = subject.head.as_deref().unwrap_or_default();
            let head = head.get(..7).unwrap_or(head);
            format!(" of {}#{} at {head}", subject.repo, subject.number)
        });
        let what = format!("A {workflow}{} begins", about.unwrap_or_default());
        self.told.push((id.clone(), what));
        let decision = start(execution);
        let engine = self.engine;
        engine
            .stage(&mut self.batch, decision, Expect::Absent, None)
            .await?;
        Ok(Disposition::Effected(id.to_string()))
    }

    /// Ends the execution before; says whether it gave a verdict.
    async fn supersede(
        &mut self,
        envelope: &Envelope,
        before: &Active,
        by: &ExecutionId,
    ) -> Result<bool, EngineError> {
        let now = self.batch.now();
        let loaded = self
            .engine
            .load(&envelope.tenant, &before.execution, now)
            .await?;
        let Some(Loaded { execution, version }) = loaded else {
            return Ok(false);
        };
        // What is over, or being taken back already, needs no end.
        if execution.status.is_terminal() || execution.status == Status::Compensating {
            return Ok(judged(execution).is_some());
        }
        let cancel = Event::Cancel {
            reason: Reason::Superseded,
            by: by.to_string(),
        };
        let decision = decide(&execution, cancel, now)?;
        let engine = self.engine;
        engine
            .stage(&mut self.batch, decision, Expect::Version(version), None)
            .await?;
        Ok(false)
    }

    /// Moves an item out of the mailbox, with what became of it.
    fn close(&mut self, item: &Item, disposition: Disposition) -> Result<(), EngineError> {
        let mut envelope = item.envelope.clone();
        envelope.disposition = Some(disposition);
        let key = keys::envelope(self.pk, &item.id);
        let mut draft = Draft::new(key, body::encode(&envelope)?);
        draft.expires_at = Some(self.batch.now() + self.engine.settings.keep_deliveries);
        self.move_to(&item.record, draft)
    }

    /// Moves an item that cannot be read out of the mailbox, as a dead letter.
    fn bury(&mut self, record: Record, reason: &str) -> Result<(), EngineError> {
        tracing::error!(record = %record.draft.key, "A mailbox item cannot be read and is a dead letter now: {reason}");
        let now = self.batch.now();
        let id = &record.draft.key.sk[keys::MAILBOX.len()..];
        let mut draft = Draft::new(keys::envelope(self.pk, id), record.draft.body.clone());
        draft.expires_at = Some(now + self.engine.settings.keep_executions);
        if let Some(tenant) = keys::tenant(&draft.key) {
            draft.second = Second::Status(IndexKey {
                pk: keys::dead_letters(&tenant, &crate::lane_queue()),
                sk: format!("{}#{}#{}", now.digits(), draft.key.pk, draft.key.sk),
            });
        }
        self.move_to(&record, draft)
    }

    fn move_to(&mut self, record: &Record, draft: Draft) -> Result<(), EngineError> {
        self.batch.push(Write::Delete {
            key: record.draft.key.clone(),
            expect: Expect::Version(record.version),
        })?;
        self.batch.push(Write::Put {
            draft,
            expect: Expect::Absent,
        })?;
        Ok(())
    }
}

impl Item {
    /// What the event is for, by its name and action; the body was read when it came in.
    fn purpose(&self) -> Result<Purpose, String> {
        let envelope = &self.envelope;
        let action = envelope.action.as_deref();
        github::purpose(&envelope.event_type, action, &envelope.about).map_err(str::to_owned)
    }

    /// Whether a person has asked for this very review: it is never outdated, and nothing stops it.
    fn is_wanted_by_somebody(&self) -> bool {
        let asked = self.envelope.asked.as_ref();
        self.envelope.replayed_by.is_some() || asked.is_some_and(Asked::is_by_person)
    }

    /// Newer events have a greater rank, in whatever order they came.
    fn rank(&self) -> (Timestamp, &str) {
        let about = &self.envelope.about;
        let changed_at = about.updated_at.unwrap_or(self.envelope.received_at);
        (changed_at, &self.id)
    }

    fn execution(
        &self,
        id: ExecutionId,
        plan: pullmill_core::plan::Plan,
        pk: &str,
        now: Timestamp,
    ) -> Execution {
        let envelope = &self.envelope;
        let about = &envelope.about;
        let subject = about
            .repo
            .clone()
            .zip(about.pr_number)
            .map(|(repo, number)| Subject {
                lane: pk.to_owned(),
                repo,
                number,
                head: about.head.clone(),
                installation: about.installation.unwrap_or(0),
                repo_id: about.repo_id.unwrap_or(0),
            });
        let cause = match (&envelope.replayed_by, &envelope.asked) {
            (Some(_), _) => Cause::Replay(envelope.delivery_id.to_string()),
            (None, Some(asked)) => Cause::Request(asked.by.clone()),
            (None, None) => Cause::Delivery(envelope.delivery_id.to_string()),
        };
        Execution {
            subject,
            ..crate::submit::fresh(id, &envelope.tenant, "forge", cause, plan, now)
        }
    }
}
