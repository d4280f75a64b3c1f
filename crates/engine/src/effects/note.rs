//! Notes in the ledger what became of an effect, fenced by the sender's lease: whoever has lost it notes nothing (I9).

use pullmill_core::body;
use pullmill_core::effect::Ledger;
use pullmill_core::execution::{Event, decide};
use pullmill_core::keys;
use pullmill_core::pace::Pace;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;
use pullmill_core::ports::store::{Draft, Key, Record};
use pullmill_core::stream::Told;
use pullmill_core::time::Timestamp;
use serde_json::json;

use super::Outgoing;
use super::plan::about;
use crate::attempt::Attempts;
use crate::{Engine, EngineError};

/// Something for a sender to do.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its record.
    pub(super) key: Key,
    /// Which object.
    pub(super) object: String,
    /// When.
    pub(super) not_before: Timestamp,
}

/// What to note.
pub(super) struct Note<F> {
    /// What becomes of the ledger.
    pub(super) change: F,
    /// What is told about it.
    pub(super) told: Option<&'static str>,
    /// Until when the forge wants nothing.
    pub(super) blocked: Option<Timestamp>,
}

impl Engine {
    /// How fast an installation has written.
    pub(super) async fn pace(
        &self,
        pk: &str,
        now: Timestamp,
    ) -> Result<(Pace, Option<Record>), EngineError> {
        let record = self.record(&keys::pace(pk), now).await?;
        let pace = match &record {
            Some(record) => body::decode(&record.draft.body)?,
            None => Pace::default(),
        };
        Ok((pace, record))
    }

    /// Notes something about an object; `false` if somebody else holds the sender now.
    pub(super) async fn note<F>(
        &self,
        lease: &Lease,
        item: &Item,
        note: Note<F>,
    ) -> Result<bool, EngineError>
    where
        F: Fn(&mut Ledger, Timestamp) + Send + Sync,
    {
        let sender = &lease.record.draft.key;
        let pk = &sender.pk;
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let held = self.record(sender, now).await?;
            if held.is_none_or(|held| held.epoch != lease.record.epoch) {
                return Ok(false);
            }
            let Some(record) = self.record(&keys::effect(pk, &item.object), now).await? else {
                return Ok(true);
            };
            let mut ledger: Ledger = body::decode(&record.draft.body)?;
            let before = ledger.state;
            (note.change)(&mut ledger, now);
            let mut batch = Batch::at(now);
            batch.push(Write::Check {
                key: sender.clone(),
                expect: Expect::Epoch(lease.record.epoch),
            })?;
            self.move_item(&mut batch, item, &mut ledger, now).await?;
            batch.push(Write::Put {
                draft: self.ledger_draft(pk, &item.object, &ledger, now)?,
                expect: Expect::Version(record.version),
            })?;
            if let Some(until) = note.blocked {
                let (mut pace, record) = self.pace(pk, now).await?;
                pace.block(until);
                batch.push(put_pace(pk, &pace, record.as_ref())?)?;
            }
            if let Some(kind) = note.told.filter(|_| ledger.state != before) {
                self.tell_effect(&mut batch, kind, &ledger, &item.object)
                    .await?;
            }
            if attempts.commit(batch).await? {
                return Ok(true);
            }
        }
    }

    /// Takes an item out of the mailbox when all is done, or says when to look at it again.
    async fn move_item(
        &self,
        batch: &mut Batch,
        item: &Item,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let record = self.record(&item.key, now).await?;
        let Some(record) = record else { return Ok(()) };
        let expect = Expect::Version(record.version);
        if ledger.is_pending(now) {
            let outgoing = Outgoing {
                object: item.object.clone(),
                not_before: ledger.not_before,
            };
            let draft = Draft::new(item.key.clone(), body::encode(&outgoing)?);
            batch.push(Write::Put { draft, expect })?;
        } else {
            ledger.item = None;
            let key = item.key.clone();
            batch.push(Write::Delete { key, expect })?;
        }
        Ok(())
    }

    /// Tells the execution that wants an effect what became of it.
    async fn tell_effect(
        &self,
        batch: &mut Batch,
        kind: &'static str,
        ledger: &Ledger,
        object: &str,
    ) -> Result<(), EngineError> {
        let (tenant, id) = (&ledger.target.tenant, &ledger.wish.execution);
        let now = batch.now();
        let Some(loaded) = self.load(tenant, id, now).await? else {
            return Ok(());
        };
        let mut data = about(ledger, object);
        if let Some(found) = &ledger.found {
            data["id"] = json!(found.id);
        }
        if let Some(error) = &ledger.error {
            data["error"] = json!(error);
        }
        let event = Event::Noted(Told::new(kind, data));
        let decision = decide(&loaded.execution, event, now)?;
        let expect = Expect::Version(loaded.version);
        self.stage(batch, decision, expect, None).await
    }
}

/// Writes how fast an installation has written.
pub(super) fn put_pace(
    pk: &str,
    pace: &Pace,
    record: Option<&Record>,
) -> Result<Write, EngineError> {
    let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
    let draft = Draft::new(keys::pace(pk), body::encode(pace)?);
    Ok(Write::Put { draft, expect })
}
