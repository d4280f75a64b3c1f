//! The invariants, after every commit and when all is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pullmill_core::body;
use pullmill_core::effect::{Kind, Ledger, State};
use pullmill_core::event::{Disposition, Envelope, Marker, body_hash};
use pullmill_core::execution::{Cause, Execution, Reason, Status};
use pullmill_core::id::{ExecutionId, TenantId};
use pullmill_core::keys;
use pullmill_core::ports::store::{Key, Record, Second};
use pullmill_core::stream::{self, Page};
use pullmill_core::task::Task;
use pullmill_core::time::Timestamp;
use pullmill_engine::ingress::Answer;
use pullmill_testkit::records::Records;

use super::forge::{SimForge, is_own};
use super::world::Acknowledged;

/// What a record holds.
enum Held {
    Marker(Marker),
    Envelope(Box<Envelope>),
    Execution(Box<Execution>),
    Task(Task),
    Page(Page),
    Ledger(Box<Ledger>),
    Other,
}

struct Known {
    record: Record,
    held: Held,
}

/// Remembers what was seen, so that only changes are read and going back is noticed.
#[derive(Default)]
pub struct Checker {
    known: BTreeMap<Key, Known>,
    statuses: BTreeMap<ExecutionId, (Status, u32, u64)>,
    edges: BTreeMap<(String, String), u64>,
    /// Acknowledged deliveries that were checked, and their hashes.
    hashes: Vec<String>,
}

type Found = Option<String>;

fn hold(record: &Record) -> Held {
    let key = &record.draft.key;
    let bytes = &record.draft.body;
    let held = if key.pk.contains("#DELIVERY#") {
        body::decode(bytes).map(Held::Marker)
    } else if key.sk.starts_with("IN#") || key.sk.starts_with("ENV#") {
        body::decode(bytes).map(|envelope| Held::Envelope(Box::new(envelope)))
    } else if key.sk == keys::EXECUTION {
        body::decode(bytes).map(|execution| Held::Execution(Box::new(execution)))
    } else if key.sk.starts_with(keys::TASKS) {
        body::decode(bytes).map(Held::Task)
    } else if key.sk.starts_with(keys::EVENTS) {
        body::decode(bytes).map(Held::Page)
    } else if key.sk.starts_with("FX#") {
        body::decode(bytes).map(|ledger| Held::Ledger(Box::new(ledger)))
    } else {
        Ok(Held::Other)
    };
    held.unwrap_or(Held::Other)
}

impl Checker {
    pub fn edges(&self) -> impl Iterator<Item = ((String, String), u64)> + '_ {
        self.edges
            .iter()
            .map(|(edge, count)| (edge.clone(), *count))
    }

    /// What must hold at every moment.
    pub fn step(
        &mut self,
        records: &Records,
        acknowledged: &[Acknowledged],
        now: Timestamp,
    ) -> Found {
        self.refresh(records, now)
            .or_else(|| self.acknowledged_is_durable(acknowledged))
            .or_else(|| self.marker_iff_job())
            .or_else(|| self.one_run_per_delivery())
            .or_else(|| self.one_tenant())
            .or_else(|| self.one_active_review())
            .or_else(|| self.only_our_own_is_left_alone())
            .or_else(|| self.transitions())
    }

    /// I18: a commit of ours starts no work on documents, and nothing else is taken for one.
    fn only_our_own_is_left_alone(&self) -> Found {
        for execution in self.executions() {
            let head = execution
                .subject
                .as_ref()
                .and_then(|subject| subject.head.as_deref());
            let is_docs = execution.plan.workflow.as_str() == "docs-update";
            if is_docs && head.is_some_and(is_own) {
                return Some(format!("I18 {} works on a commit of ours", execution.id));
            }
            let takes_for_own = execution.input["is_own"] == true;
            if takes_for_own && !head.is_some_and(is_own) {
                return Some(format!(
                    "I18 {} takes {head:?} for a commit of ours",
                    execution.id
                ));
            }
        }
        None
    }

    /// What must hold when all is quiet.
    pub fn end(
        &mut self,
        records: &Records,
        acknowledged: &[Acknowledged],
        now: Timestamp,
        forge: &SimForge,
    ) -> Found {
        self.step(records, acknowledged, now)
            .or_else(|| self.everything_is_settled(records))
            .or_else(|| self.streams_are_whole())
            .or_else(|| self.every_delivery_has_an_end(acknowledged))
            .or_else(|| self.the_newest_head_won(acknowledged))
            .or_else(|| forge.end(now))
            .or_else(|| self.what_was_wanted_is_there(forge))
    }

    /// I29, I30: every effect has an end, and what the last review of a pull request wanted is there.
    fn what_was_wanted_is_there(&self, forge: &SimForge) -> Found {
        let objects = forge.objects();
        let active = self
            .known
            .iter()
            .filter(|(key, _)| key.sk == "ACTIVE#pr-review");
        let active: BTreeSet<String> = active
            .filter_map(|(_, known)| {
                body::decode::<serde_json::Value>(&known.record.draft.body).ok()
            })
            .filter_map(|active| Some(active["execution"].as_str()?.to_owned()))
            .collect();
        for (key, known) in &self.known {
            let Held::Ledger(ledger) = &known.held else {
                continue;
            };
            if !ledger.state.is_over() {
                return Some(format!("I29 {key} is {:?} for good", ledger.state));
            }
            let is_last = active.contains(ledger.wish.execution.as_str());
            let object = key.sk.trim_start_matches("FX#");
            let is_there = match ledger.kind {
                Kind::Resolve => {
                    let target = &ledger.target.pull;
                    forge.is_resolved(&format!("thread-{}-{}", target.repo.id, target.number))
                }
                _ => objects
                    .iter()
                    .any(|one| one.object == object && one.version == ledger.wish.version),
            };
            if is_last && ledger.state == State::Confirmed && !is_there {
                return Some(format!(
                    "I30 {key} is confirmed and not there as it is wanted"
                ));
            }
            // Only a head that has moved may cancel what the last review wants.
            let repo = ledger.target.pull.repo.id;
            let is_head =
                forge.head(repo, ledger.target.pull.number) == ledger.target.head.as_str();
            if is_last && is_head && ledger.state == State::Cancelled {
                return Some(format!(
                    "I30 {key} is wanted and was cancelled: {:?}",
                    ledger.error
                ));
            }
        }
        None
    }

    /// Reads what has changed. I9: epochs and versions never go back.
    fn refresh(&mut self, records: &Records, now: Timestamp) -> Found {
        let mut present = 0;
        for record in records.all(now) {
            present += 1;
            let key = &record.draft.key;
            match self.known.get(key) {
                Some(known) if known.record.version == record.version => {}
                Some(known)
                    if known.record.version > record.version
                        || known.record.epoch > record.epoch =>
                {
                    return Some(format!("I9 {key} went back"));
                }
                _ => {
                    let known = Known {
                        record: record.clone(),
                        held: hold(record),
                    };
                    self.known.insert(key.clone(), known);
                }
            }
        }
        if present < self.known.len() {
            self.known.retain(|key, _| records.get(key, now).is_some());
        }
        None
    }

    fn executions(&self) -> impl Iterator<Item = &Execution> {
        self.known.values().filter_map(|known| match &known.held {
            Held::Execution(execution) => Some(&**execution),
            _ => None,
        })
    }

    /// I15: only declared transitions; terminal is left by an operator, who opens a new generation.
    fn transitions(&mut self) -> Found {
        let seen = self.executions().map(|execution| {
            let state = (execution.status, execution.generation, execution.stream.seq);
            (execution.id.clone(), state)
        });
        let seen: Vec<_> = seen.collect();
        for (id, state) in seen {
            let Some(before) = self.statuses.insert(id.clone(), state) else {
                continue;
            };
            let (status, generation, seq) = state;
            if before.2 > seq || before.1 > generation {
                return Some(format!("I15 {id} went back"));
            }
            if before.0 == status {
                continue;
            }
            let edge = (before.0.word().to_owned(), status.word().to_owned());
            *self.edges.entry(edge).or_default() += 1;
            let is_allowed = match before.0 {
                Status::Failed => status == Status::Running && generation > before.1,
                Status::Succeeded | Status::Cancelled => false,
                Status::Compensating => status.is_terminal(),
                Status::Running | Status::Waiting => status != Status::Queued,
                Status::Queued => true,
            };
            if !is_allowed {
                return Some(format!("I15 {id} went from {:?} to {status:?}", before.0));
            }
        }
        None
    }

    /// I1, I5: what was acknowledged is there, with its body's hash, and for long enough.
    fn acknowledged_is_durable(&mut self, acknowledged: &[Acknowledged]) -> Found {
        for one in &acknowledged[self.hashes.len()..] {
            self.hashes.push(body_hash(one.sent.body.as_bytes()));
        }
        for (one, hash) in acknowledged.iter().zip(&self.hashes) {
            let id = &one.sent.id;
            let suffix = format!("#DELIVERY#{id}");
            let markers = self.known.values().filter_map(|known| match &known.held {
                Held::Marker(marker) if known.record.draft.key.pk.ends_with(&suffix) => {
                    Some((&known.record, marker))
                }
                _ => None,
            });
            let markers: Vec<_> = markers.collect();
            let is_known = markers.iter().any(|(_, marker)| marker.body_hash == *hash);
            let is_as_answered = match one.answer {
                Answer::Accepted | Answer::Duplicate | Answer::Ignored(_) => is_known,
                Answer::Mismatched => !is_known && !markers.is_empty(),
                Answer::Malformed(_) => true,
            };
            if !is_as_answered {
                let answer = &one.answer;
                return Some(format!(
                    "I1 {id} was answered with {answer:?} and is not there"
                ));
            }
            for (record, marker) in markers {
                let end = record.draft.expires_at.unwrap_or_default();
                if end.since(marker.at) < Duration::from_secs(8 * 86_400) {
                    return Some(format!("I5 the marker of {id} is forgotten too soon"));
                }
            }
        }
        None
    }

    /// I2: a marker without a disposition has its envelope, and an envelope its marker.
    fn marker_iff_job(&self) -> Found {
        let mut expected = BTreeSet::new();
        let mut present = BTreeSet::new();
        for (key, known) in &self.known {
            match &known.held {
                Held::Marker(marker) => match (&marker.envelope, &marker.disposition) {
                    (Some((pk, id)), None) => {
                        expected.insert((pk.as_str(), id.as_str()));
                    }
                    (None, Some(_)) => {}
                    other => return Some(format!("I2 {key} has {other:?}")),
                },
                // What we ask of ourselves is no delivery.
                Held::Envelope(envelope)
                    if envelope.replayed_by.is_none() && envelope.asked.is_none() =>
                {
                    let (_, id) = key.sk.split_once('#').unwrap_or_default();
                    present.insert((key.pk.as_str(), id));
                }
                _ => {}
            }
        }
        (expected != present).then(|| format!("I2 markers name {expected:?}, there is {present:?}"))
    }

    /// I3: a delivery starts one run at most.
    fn one_run_per_delivery(&self) -> Found {
        let mut seen = BTreeSet::new();
        for execution in self.executions() {
            if let Cause::Delivery(id) = &execution.cause
                && !seen.insert(id)
            {
                return Some(format!("I3 delivery {id} has two runs"));
            }
        }
        None
    }

    /// I19: what a record says of its tenant is what its key says.
    fn one_tenant(&self) -> Found {
        let mut streams = BTreeSet::new();
        let mut owners = BTreeSet::new();
        for (key, known) in &self.known {
            let Some(tenant) = keys::tenant(key) else {
                return Some(format!("I19 {key} has no tenant"));
            };
            let is_other = |said: &TenantId| *said != tenant;
            let is_strange = match &known.held {
                Held::Execution(execution) => is_other(&execution.tenant),
                Held::Task(task) => is_other(&task.tenant),
                Held::Envelope(envelope) => is_other(&envelope.tenant),
                Held::Ledger(ledger) => is_other(&ledger.target.tenant),
                _ => false,
            };
            let is_due_elsewhere = match &known.record.draft.second {
                Second::Due(due) => is_other(&due.tenant),
                _ => false,
            };
            if is_strange || is_due_elsewhere {
                return Some(format!("I19 {key} holds another tenant's record"));
            }
            match known.held {
                Held::Page(_) => drop(streams.insert(&key.pk)),
                Held::Execution(_) => drop(owners.insert(&key.pk)),
                _ => {}
            }
        }
        let stray = streams.difference(&owners).next();
        stray.map(|pk| format!("I19 {pk} has events and no execution"))
    }

    /// I16: one active review per pull request.
    fn one_active_review(&self) -> Found {
        let mut active = BTreeMap::new();
        for execution in self.executions() {
            let is_active = matches!(
                execution.status,
                Status::Queued | Status::Running | Status::Waiting
            );
            // An operator who begins an old one anew has asked for it.
            let is_review =
                execution.plan.workflow.as_str() == "pr-review" && execution.generation == 0;
            let subject = execution.subject.as_ref();
            let Some(subject) = subject.filter(|_| is_active && is_review) else {
                continue;
            };
            if let Some(other) = active.insert(&subject.lane, &execution.id) {
                return Some(format!("I16 {other} and {} are both active", execution.id));
            }
        }
        None
    }

    /// I28, I29, I33: no mailbox item, no live task, no lease, no execution that is not over.
    fn everything_is_settled(&self, records: &Records) -> Found {
        for key in self.known.keys() {
            if [keys::MAILBOX, keys::OUTGOING]
                .iter()
                .any(|start| key.sk.starts_with(start))
            {
                return Some(format!("I28 {key} is still in its mailbox"));
            }
        }
        for execution in self.executions() {
            let id = &execution.id;
            if !execution.status.is_terminal() {
                return Some(format!("I29 {id} is {:?} for good", execution.status));
            }
            if execution.notified_at.is_none() {
                return Some(format!("I29 {id} never ran its last steps"));
            }
            if matches!(execution.reason, Some(Reason::Expired | Reason::TimedOut)) {
                return Some(format!("I29 {id} ended as {:?}", execution.reason));
            }
        }
        for (key, known) in &self.known {
            if let Held::Task(task) = &known.held
                && task.state.is_live()
            {
                return Some(format!("I29 {key} is {:?} for good", task.state));
            }
            if records.is_held(key) || matches!(known.record.draft.second, Second::Due(_)) {
                return Some(format!("I33 {key} is still held or due"));
            }
        }
        None
    }

    /// I25, I26: no event is missing, changed or doubled, and no step was completed twice.
    fn streams_are_whole(&self) -> Found {
        for execution in self.executions() {
            let pk = keys::execution_partition(&execution.tenant, &execution.id);
            let pages = self
                .known
                .iter()
                .filter_map(|(key, known)| match &known.held {
                    Held::Page(page) if key.pk == pk => Some(page.clone()),
                    _ => None,
                });
            let pages: Vec<Page> = pages.collect();
            if let Err(error) = stream::verify(&pages, &execution.stream) {
                return Some(format!("I25 the events of {}: {error}", execution.id));
            }
            let mut completed = BTreeSet::new();
            for event in pages.iter().flat_map(|page| &page.events) {
                if event.kind == "step.completed" && !completed.insert(event.data.to_string()) {
                    let id = &execution.id;
                    return Some(format!("I9 {id} completed {} twice", event.data));
                }
            }
        }
        None
    }

    /// I24, I28: each acknowledged delivery has exactly one disposition.
    fn every_delivery_has_an_end(&self, acknowledged: &[Acknowledged]) -> Found {
        let accepted = acknowledged
            .iter()
            .filter(|one| one.answer == Answer::Accepted);
        for one in accepted {
            let ends = self.known.values().filter_map(|known| match &known.held {
                Held::Envelope(envelope)
                    if envelope.delivery_id == one.sent.id && envelope.replayed_by.is_none() =>
                {
                    Some(&envelope.disposition)
                }
                _ => None,
            });
            let ends: Vec<&Option<Disposition>> = ends.collect();
            if ends.len() != 1 || ends[0].is_none() {
                return Some(format!("I28 {} ended as {ends:?}", one.sent.id));
            }
        }
        None
    }

    /// I30: whatever the order and the faults, the newest head of each pull request was reviewed last.
    fn the_newest_head_won(&self, acknowledged: &[Acknowledged]) -> Found {
        let mut newest: BTreeMap<(usize, u64), u64> = BTreeMap::new();
        let accepted = acknowledged
            .iter()
            .filter(|one| one.answer == Answer::Accepted);
        for (tenant, pull, minute) in accepted.filter_map(|one| one.sent.review_of) {
            let best = newest.entry((tenant, pull)).or_default();
            *best = (*best).max(minute);
        }
        // An operator's replay wins over everything.
        let replayed: BTreeSet<&str> = self
            .executions()
            .filter(|execution| matches!(execution.cause, Cause::Replay(_)))
            .filter_map(|execution| Some(execution.subject.as_ref()?.lane.as_str()))
            .collect();
        for ((tenant, pull), minute) in newest {
            let pk = format!("T#owner-{tenant}#PR#{}#{pull}", tenant + 1);
            if replayed.contains(pk.as_str()) {
                continue;
            }
            let active = self.known.get(&Key::new(pk, "ACTIVE#pr-review"));
            let active = active
                .and_then(|known| body::decode::<serde_json::Value>(&known.record.draft.body).ok());
            let head = active.as_ref().and_then(|active| active["head"].as_str());
            let number = head.and_then(|head| head.trim_start_matches('d').parse::<u64>().ok());
            // One that was not acknowledged may be newer still.
            if number.is_none_or(|number| number < minute) {
                return Some(format!("I30 {head:?} won over head-{minute}"));
            }
        }
        None
    }
}
