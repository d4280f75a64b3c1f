//! The sender of an installation: looks first, writes its intent, and then sends, one request at a time.

use pullmill_core::body::{self, BodyError};
use pullmill_core::effect::{Content, Effect, Found, Kind, Ledger, State, Step};
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::blob::BlobError;
use pullmill_core::ports::queue::{Lease, QueueError};
use pullmill_core::ports::store::{Page, Range, Record, Second};
use pullmill_core::time::{Monotonic, Timestamp};

use super::note::{Item, Note, put_pace};
use super::plan::{sender_draft, sender_due};
use super::{Forge, Outgoing};
use crate::attempt::Attempts;
use crate::lane::Active;
use crate::worker::{Handled, Settled};
use crate::{Engine, EngineError};

/// Items that are looked at together.
const ITEMS: usize = 100;
/// How often as many more are looked at, if all of them have to wait.
const MAX_PAGES: usize = 100;
/// Largest content of an effect.
const MAX_CONTENT: u64 = 4 << 20;

/// What a sender does next.
enum Next {
    /// This.
    Item(Item),
    /// Something, then.
    Later(Timestamp),
    /// Nothing.
    Nothing,
}

/// An object as a sender has looked at it.
pub(super) struct Look {
    pub(super) item: Item,
    pub(super) ledger: Ledger,
    record: Record,
    pub(super) effect: Effect,
    /// Why nobody wants it any more: then only what is there twice is taken back.
    unwanted: Option<&'static str>,
}

/// A request that may be made.
pub(super) struct Leave {
    pub(super) look: Look,
    /// What it is about to do.
    pub(super) step: Step,
    pub(super) deadline: Monotonic,
}

impl Engine {
    pub(crate) async fn handle_sender(
        &self,
        mut lease: Lease,
    ) -> Result<(Handled, Lease), EngineError> {
        let Some(forge) = self.forge.clone() else {
            return Ok((self.leave(&lease).await?, lease));
        };
        let key = lease.record.draft.key.clone();
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let sender = self.record(&key, now).await?;
            let sender = sender.filter(|sender| sender.epoch == lease.record.epoch);
            let Some(sender) = sender else {
                return Ok((Handled::Lost, lease));
            };
            let due = match self.next(&forge, &key.pk, now).await? {
                Next::Item(item) => {
                    if !self.work_on(&forge, &mut lease, item).await? {
                        return Ok((Handled::Lost, lease));
                    }
                    // A new decision: what made the last one fail has been done.
                    attempts = Attempts::new(&self.ports);
                    continue;
                }
                Next::Later(at) => Some(at),
                Next::Nothing => None,
            };
            let mut draft = sender_draft(&key.pk);
            if let (Some(at), Some(tenant)) = (due, keys::tenant(&key)) {
                draft.second = Second::Due(sender_due(&tenant, at));
            }
            let mut batch = Batch::at(now);
            batch.push(Write::Put {
                draft,
                expect: Expect::Version(sender.version),
            })?;
            if attempts.commit(batch).await? {
                let settled = match due {
                    Some(_) => Settled::Again,
                    None => Settled::Done,
                };
                return Ok((Handled::Settled(settled), lease));
            }
        }
    }

    /// The first item whose time has come, if the installation may write now.
    async fn next(&self, forge: &Forge, pk: &str, now: Timestamp) -> Result<Next, EngineError> {
        let range = Range {
            pk: pk.to_owned(),
            prefix: keys::OUTGOING.to_owned(),
        };
        let mut items = Vec::new();
        let mut page = Page::first(ITEMS);
        // Many that have to wait must not hide one that is ready.
        for _ in 0..MAX_PAGES {
            let mail = self.ports.store.list(&range, &page, now).await?;
            items.extend(mail.records.into_iter().filter_map(as_item));
            let has_ready = items.iter().any(|item: &Item| item.not_before <= now);
            let Some(next) = mail.next.filter(|_| !has_ready) else {
                break;
            };
            page.after = Some(next);
        }
        let Some(earliest) = items.iter().map(|item| item.not_before).min() else {
            return Ok(Next::Nothing);
        };
        let (pace, _) = self.pace(pk, now).await?;
        let free_at = pace.next(&forge.pace, now);
        if self.is_ending() {
            return Ok(Next::Later(now));
        }
        if free_at > now || earliest > now {
            return Ok(Next::Later(free_at.max(earliest)));
        }
        let ready = items.into_iter().find(|item| item.not_before <= now);
        Ok(ready.map_or(Next::Nothing, Next::Item))
    }

    /// Brings one object nearer to what is wanted of it; `false` if the lease is lost.
    async fn work_on(
        &self,
        forge: &Forge,
        lease: &mut Lease,
        item: Item,
    ) -> Result<bool, EngineError> {
        let now = self.ports.clock.now();
        let key = keys::effect(&lease.record.draft.key.pk, &item.object);
        let Some(record) = self.record(&key, now).await? else {
            return self.forget(lease, &item).await;
        };
        let mut ledger: Ledger = match body::decode(&record.draft.body) {
            Ok(ledger) => ledger,
            // A newer program takes over when the lease has run out.
            Err(BodyError::Newer(_)) => return Ok(false),
            Err(error) => {
                tracing::error!(event = "effect.unreadable", record = %key, "A ledger cannot be read, and nothing is sent for it: {error}");
                return self.forget(lease, &item).await;
            }
        };
        ledger.take_over(now);
        let unwanted = self.unwanted(&ledger, now).await?;
        // An earlier request may come late, also for something that nobody wants any more.
        let may_be_twice = ledger.state == State::Confirmed || ledger.is_doubtful;
        if let Some(reason) = unwanted.filter(|_| !may_be_twice) {
            return self.cancel_effect(lease, &item, &ledger.wish, reason).await;
        }
        if ledger.requests >= forge.send.requests {
            return self
                .bury_effect(lease, &item, &ledger.wish, "it was tried too often")
                .await;
        }
        let content = match self
            .ports
            .blobs
            .get(&ledger.wish.content, MAX_CONTENT)
            .await
        {
            Err(error @ BlobError::Unavailable(_)) => return Err(error.into()),
            Err(error) => Err(error.to_string()),
            Ok(bytes) => body::decode::<Content>(&bytes).map_err(|error| error.to_string()),
        };
        let content = match content {
            Ok(content) => content,
            Err(error) => {
                let error = format!("its content cannot be read: {error}");
                return self.bury_effect(lease, &item, &ledger.wish, &error).await;
            }
        };
        let mut effect = Effect::new(ledger.target.clone(), content, &forge.markers);
        effect.tries = ledger.faults;
        let look = Look {
            item,
            ledger,
            record,
            effect,
            unwanted,
        };
        match forge.write.find(&look.effect).await {
            Ok(found) => self.act(forge, lease, look, &found).await,
            Err(error) => self.put_off(forge, lease, &look, &error).await,
        }
    }

    /// Why an effect is not wanted any more.
    async fn unwanted(
        &self,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Option<&'static str>, EngineError> {
        let Some(guard) = &ledger.wish.guard else {
            return Ok(None);
        };
        let record = self
            .record(&keys::active(&guard.lane, &guard.workflow), now)
            .await?;
        let active = match &record {
            Some(record) => Some(body::decode::<Active>(&record.draft.body)?.execution),
            None => None,
        };
        let is_active = active.as_ref() == Some(&ledger.wish.execution);
        Ok((!is_active).then_some("a newer one took its place"))
    }

    async fn act(
        &self,
        forge: &Forge,
        lease: &mut Lease,
        look: Look,
        found: &[Found],
    ) -> Result<bool, EngineError> {
        let now = self.ports.clock.now();
        let step = look.ledger.step(found, &forge.send, now);
        match step {
            Step::Confirm(found) => {
                let (law, version) = (&forge.send, look.effect.version.clone());
                let was_confirmed = look.ledger.state == State::Confirmed;
                let note = Note {
                    change: |ledger: &mut Ledger, now: Timestamp| {
                        ledger.take_over(now);
                        ledger.is_doubtful &= ledger.state != State::Confirmed;
                        ledger.confirm(found.clone(), &version, law, now);
                    },
                    told: (!was_confirmed).then_some("effect.confirmed"),
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
            Step::Wait(at) => {
                let note = Note {
                    change: |ledger: &mut Ledger, now: Timestamp| {
                        ledger.take_over(now);
                        ledger.wait(at);
                    },
                    told: None,
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
            Step::Drop => {
                self.cancel_effect(
                    lease,
                    &look.item,
                    &look.ledger.wish,
                    "what it is about is gone",
                )
                .await
            }
            Step::Make | Step::Change(_) if let Some(reason) = look.unwanted => {
                self.cancel_effect(lease, &look.item, &look.ledger.wish, reason)
                    .await
            }
            Step::Make | Step::Change(_) if look.ledger.kind.is_pinned() => {
                // It counts for one head; between the look and the request only the forge's own answer can tell.
                let target = &look.ledger.target;
                let reason = match forge.read.pull(&target.pull).await {
                    Ok(pull) if pull.head != target.head => "the head has moved",
                    Ok(pull) if look.ledger.kind == Kind::Commit && !pull.is_open => {
                        "the pull request is closed"
                    }
                    Ok(_) => return self.send(forge, lease, look, step).await,
                    Err(error) => return self.put_off(forge, lease, &look, &error).await,
                };
                self.cancel_effect(lease, &look.item, &look.ledger.wish, reason)
                    .await
            }
            step => self.send(forge, lease, look, step).await,
        }
    }

    /// Writes the intent, sends, and notes what came of it.
    async fn send(
        &self,
        forge: &Forge,
        lease: &mut Lease,
        look: Look,
        step: Step,
    ) -> Result<bool, EngineError> {
        let begun = self.ports.clock.monotonic();
        match self.ports.queue.extend(lease, self.settings.lease).await {
            Ok(()) => {}
            Err(QueueError::LeaseLost) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if !self.intend(forge, lease, &look, &step).await? {
            // Something has changed: it is looked at anew.
            return Ok(true);
        }
        let time = self.settings.lease.saturating_sub(forge.send.request);
        let leave = Leave {
            look,
            step,
            deadline: begun + time,
        };
        self.request(forge, lease, leave).await
    }

    /// The intent is durable before the first byte leaves (I6).
    async fn intend(
        &self,
        forge: &Forge,
        lease: &Lease,
        look: &Look,
        step: &Step,
    ) -> Result<bool, EngineError> {
        let now = self.ports.clock.now();
        let is_new = *step == Step::Make && !look.ledger.kind.is_idempotent();
        let pk = &lease.record.draft.key.pk;
        let mut ledger = look.ledger.clone();
        ledger.begin(lease.record.epoch, is_new);
        let mut batch = Batch::at(now);
        batch.push(Write::Check {
            key: lease.record.draft.key.clone(),
            expect: Expect::Epoch(lease.record.epoch),
        })?;
        batch.push(Write::Put {
            draft: self.ledger_draft(pk, &look.item.object, &ledger, now)?,
            expect: Expect::Version(look.record.version),
        })?;
        let (mut pace, record) = self.pace(pk, now).await?;
        if pace.next(&forge.pace, now) > now {
            return Ok(false);
        }
        pace.spend(&forge.pace, now);
        batch.push(put_pace(pk, &pace, record.as_ref())?)?;
        let is_retracted = matches!(step, Step::Retract(_));
        if let Some(guard) = ledger.wish.guard.as_ref().filter(|_| !is_retracted) {
            let key = keys::active(&guard.lane, &guard.workflow);
            let Some(record) = self.record(&key, now).await? else {
                return Ok(false);
            };
            let active: Active = body::decode(&record.draft.body)?;
            if active.execution != ledger.wish.execution {
                return Ok(false);
            }
            let expect = Expect::Version(record.version);
            batch.push(Write::Check { key, expect })?;
        }
        Attempts::new(&self.ports).commit(batch).await
    }

    /// Takes an item out of the mailbox whose ledger is not there any more.
    async fn forget(&self, lease: &Lease, item: &Item) -> Result<bool, EngineError> {
        let now = self.ports.clock.now();
        let Some(record) = self.record(&item.key, now).await? else {
            return Ok(true);
        };
        let mut batch = Batch::at(now);
        batch.push(Write::Check {
            key: lease.record.draft.key.clone(),
            expect: Expect::Epoch(lease.record.epoch),
        })?;
        batch.push(Write::Delete {
            key: item.key.clone(),
            expect: Expect::Version(record.version),
        })?;
        Attempts::new(&self.ports).commit(batch).await?;
        Ok(true)
    }
}

/// What is to be done, by a record of the mailbox.
fn as_item(record: Record) -> Option<Item> {
    match body::decode::<Outgoing>(&record.draft.body) {
        Ok(outgoing) => Some(Item {
            key: record.draft.key,
            object: outgoing.object,
            not_before: outgoing.not_before,
        }),
        Err(error) => {
            // It must not hold the others up.
            tracing::error!(event = "effect.unreadable", record = %record.draft.key, "An item cannot be read and is left alone: {error}");
            None
        }
    }
}
