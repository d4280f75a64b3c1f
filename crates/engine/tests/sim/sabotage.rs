//! Planted mistakes: a store that does not do what one defence relies on. Each has to be found.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::{
    IndexQuery, Key, Page, Range, Record, Slice, Store, StoreError, Swept,
};
use pullmill_core::time::Timestamp;
use pullmill_testkit::weak::WeakStore;

use super::time::Time;

/// A mistake in what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// The answer comes before the commit, and sometimes there is none.
    AckBeforeCommit,
    /// The marker is written first and the work afterwards.
    MarkerBeforeJob,
    /// The marker is not part of it.
    NoMarker,
    /// Markers are forgotten after a day.
    ShortMemory,
    /// Tasks, executions and events are written whatever is there.
    Unfenced,
    /// A lane is settled though it was poked meanwhile.
    DeafLane,
    /// The execution that is superseded goes on.
    NoSupersede,
    /// The next task is not in the same commit.
    LostTask,
    /// The events are not in the same commit.
    LostEvents,
    /// A record is written under another tenant's key.
    WrongTenant,
    /// Envelopes leave the mailbox and are not kept.
    LostEnvelope,
    /// Nobody finds what is there.
    NoLook,
    /// What is sent was not written down before.
    NoIntent,
    /// It is forgotten that something may have arrived.
    Forgetful,
    /// Nobody counts what was sent.
    NoPace,
    /// A permit that is over is as good as any.
    OldPermit,
    /// Branches are moved wherever they are.
    Forced,
    /// Nobody writes down which commits are ours.
    NoLedger,
    /// A task is lost, and the timer that would notice is not set.
    LostTimer,
}

impl Sabotage {
    pub const ALL: [Self; 19] = [
        Self::AckBeforeCommit,
        Self::MarkerBeforeJob,
        Self::NoMarker,
        Self::ShortMemory,
        Self::Unfenced,
        Self::DeafLane,
        Self::NoSupersede,
        Self::LostTask,
        Self::LostEvents,
        Self::WrongTenant,
        Self::LostEnvelope,
        Self::LostTimer,
        Self::NoLook,
        Self::NoIntent,
        Self::Forgetful,
        Self::NoPace,
        Self::OldPermit,
        Self::Forced,
        Self::NoLedger,
    ];

    /// The invariants that see it first; a prefix of what is reported.
    pub fn invariant(self) -> &'static str {
        match self {
            Self::AckBeforeCommit => "I1 ",
            Self::MarkerBeforeJob | Self::NoMarker | Self::LostEnvelope => "I2 ",
            Self::ShortMemory => "I5 ",
            Self::DeafLane => "I28 ",
            Self::NoSupersede => "I16 ",
            Self::LostEvents => "I25 ",
            Self::WrongTenant => "I19 ",
            Self::LostTimer => "I29 ",
            Self::NoLook | Self::Forgetful => "I7 ",
            Self::NoIntent => "I6 ",
            Self::NoPace => "I17 ",
            Self::OldPermit => "I9 ",
            Self::Forced => "I11 ",
            Self::NoLedger => "I18 ",
            Self::None | Self::Unfenced | Self::LostTask => "I",
        }
    }
}

/// A store with a planted mistake.
pub struct Saboteur {
    pub inner: WeakStore,
    pub sabotage: Sabotage,
    pub time: Arc<Time>,
}

impl Saboteur {
    fn bent(&self, write: Write) -> Option<Write> {
        let key = write.key().clone();
        let current = |key: &Key| {
            let now = self.time.true_now();
            self.inner.inspect(|records| records.get(key, now))
        };
        let blindly = |draft| {
            let record = current(&key);
            let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
            Some(Write::Put { draft, expect })
        };
        let is_of_execution = ["TASK#", "EXEC", "EV#"]
            .iter()
            .any(|start| key.sk.starts_with(start));
        let is_held_put = |expect: &Expect| matches!(expect, Expect::Version(_));
        match (self.sabotage, write) {
            (Sabotage::NoMarker, Write::Put { .. }) if key.pk.contains("#DELIVERY#") => None,
            (Sabotage::ShortMemory, Write::Put { mut draft, expect })
                if key.pk.contains("#DELIVERY#") =>
            {
                draft.expires_at = Some(self.time.true_now() + Duration::from_secs(86_400));
                Some(Write::Put { draft, expect })
            }
            (Sabotage::Unfenced, Write::Put { draft, .. }) if is_of_execution => blindly(draft),
            (Sabotage::DeafLane, Write::Put { draft, expect })
                if key.sk == "LANE" && is_held_put(&expect) =>
            {
                blindly(draft)
            }
            (Sabotage::NoSupersede, Write::Put { draft, .. })
                if key.sk == "EXEC" && holds(&draft.body, "\"superseded\"") =>
            {
                None
            }
            (
                Sabotage::LostTask,
                Write::Put {
                    expect: Expect::Absent,
                    ..
                },
            ) if key.sk.starts_with("TASK#c") => None,
            (Sabotage::LostEvents, Write::Put { .. })
                if key.sk.starts_with("EV#") && self.time.chance(|chance| chance.happens(200)) =>
            {
                None
            }
            (Sabotage::WrongTenant, Write::Put { mut draft, expect })
                if key.sk.starts_with("EV#") && key.pk.starts_with("T#owner-1#") =>
            {
                draft.key.pk = draft.key.pk.replace("owner-1", "owner-0");
                Some(Write::Put { draft, expect })
            }
            (Sabotage::NoLedger, Write::Put { .. }) if key.sk.starts_with("BOT#") => None,
            (Sabotage::NoPace, Write::Put { .. }) if key.sk == "PACE" => None,
            (Sabotage::NoIntent, Write::Put { draft, .. })
                if key.sk.starts_with("FX#") && holds(&draft.body, "\"sending\"") =>
            {
                None
            }
            (Sabotage::Forgetful, Write::Put { mut draft, expect })
                if key.sk.starts_with("FX#") && holds(&draft.body, "\"unknown\"") =>
            {
                let text = String::from_utf8_lossy(&draft.body).into_owned();
                let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
                value["body"]["sent"] = serde_json::Value::Null;
                draft.body = value.to_string().into();
                Some(Write::Put { draft, expect })
            }
            (Sabotage::LostEnvelope, Write::Put { .. }) if key.sk.starts_with("ENV#") => None,
            (
                Sabotage::LostTimer,
                Write::Put {
                    expect: Expect::Absent,
                    ..
                },
            ) if key.sk.starts_with("TIMER#") || key.sk.starts_with("TASK#c") => None,
            (_, write) => Some(write),
        }
    }
}

fn holds(body: &Bytes, text: &str) -> bool {
    String::from_utf8_lossy(body).contains(text)
}

#[async_trait]
impl Store for Saboteur {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.sabotage == Sabotage::None {
            return self.inner.commit(batch).await;
        }
        let has_marker = batch
            .writes()
            .iter()
            .any(|write| write.key().pk.contains("#DELIVERY#"));
        if self.sabotage == Sabotage::AckBeforeCommit && has_marker {
            let _ = self.inner.commit(batch).await;
            return Ok(());
        }
        let mut bent = Batch::at(batch.now());
        let mut later = Batch::at(batch.now());
        for write in batch
            .writes()
            .iter()
            .cloned()
            .filter_map(|write| self.bent(write))
        {
            let is_marker = write.key().pk.contains("#DELIVERY#");
            let splits = self.sabotage == Sabotage::MarkerBeforeJob && has_marker && !is_marker;
            let target = if splits { &mut later } else { &mut bent };
            let _ = target.push(write);
        }
        self.inner.commit(bent).await?;
        if later.writes().is_empty() {
            return Ok(());
        }
        self.inner.commit(later).await
    }

    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Record>>, StoreError> {
        self.inner.get(keys, now).await
    }

    async fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Result<Slice, StoreError> {
        self.inner.list(range, page, now).await
    }

    async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, StoreError> {
        self.inner.find(query, page, now).await
    }

    async fn sweep(&self, before: Timestamp, max: usize) -> Result<Swept, StoreError> {
        Store::sweep(&self.inner, before, max).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}
