//! Makes one request, and says what its outcome means for the ledger: done, unknown, to be tried again, or given up.

use std::time::Duration;

use pullmill_core::body;
use pullmill_core::effect::{Ledger, State, Step, Wish};
use pullmill_core::ports::forge::{ForgeError, Permit, SendError};
use pullmill_core::ports::queue::Lease;
use pullmill_core::time::Timestamp;

use super::Forge;
use super::note::{Item, Note};
use super::sender::{Leave, Look};
use crate::{Engine, EngineError};

/// How long a forge may be away before an effect is a dead letter (decision 14).
const PATIENCE: Duration = Duration::from_secs(86_400);

impl Engine {
    /// Makes the request and notes what came of it.
    pub(super) async fn request(
        &self,
        forge: &Forge,
        lease: &Lease,
        leave: Leave,
    ) -> Result<bool, EngineError> {
        let Leave {
            look,
            step,
            deadline,
        } = leave;
        let version = look.effect.version.clone();
        let permit = Permit::new(look.effect.clone(), deadline);
        let outcome = match &step {
            Step::Retract(extra) => forge.write.retract(&permit, extra).await.map(|()| None),
            Step::Change(found) => forge.write.send(&permit, Some(found)).await.map(Some),
            _ => forge.write.send(&permit, None).await.map(Some),
        };
        let now = self.ports.clock.now();
        let before = look.ledger.sent.clone();
        let kind = look.effect.content.kind().word();
        match &outcome {
            Ok(_) => {
                tracing::info!(event = "effect.sent", kind, object = %look.item.object, "A {kind} was sent")
            }
            Err(error) => {
                tracing::warn!(event = "effect.failed", kind, object = %look.item.object, "A {kind} was not sent, or perhaps it was: {error}")
            }
        }
        let delay = |wait: Option<Duration>| {
            let random = self.ports.clock.random();
            now + forge
                .send
                .retry
                .fault_delay(look.ledger.faults.saturating_add(1), wait, random)
        };
        match outcome {
            Ok(Some(found)) => {
                let is_whole = found.is_current;
                let note = Note {
                    change: |ledger: &mut Ledger, now: Timestamp| {
                        ledger.confirm(found.clone(), &version, &forge.send, now);
                    },
                    told: is_whole.then_some("effect.confirmed"),
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
            Ok(None) => {
                let note = Note {
                    change: |ledger: &mut Ledger, now: Timestamp| {
                        ledger.miss("an extra one was taken back".to_owned(), None, now);
                        ledger.faults = 0;
                    },
                    told: Some("effect.collapsed"),
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
            Err(SendError::Unknown(error)) => {
                let note = Note {
                    change: |ledger: &mut Ledger, now: Timestamp| ledger.lose(error.clone(), now),
                    told: Some("effect.unknown"),
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
            Err(SendError::Refused(error)) => self.refuse(lease, &look, &error).await,
            Err(SendError::Gone(error)) => {
                let note = Note {
                    change: |ledger: &mut Ledger, now: Timestamp| ledger.lack(error.clone(), now),
                    told: None,
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
            Err(SendError::Limited(wait)) => {
                let error = SendError::Limited(wait).to_string();
                let note = Note {
                    change: |ledger: &mut Ledger, _: Timestamp| {
                        ledger.miss(error.clone(), before.clone(), now + wait);
                    },
                    told: None,
                    blocked: Some(now + wait),
                };
                self.note(lease, &look.item, note).await
            }
            Err(error @ (SendError::NotSent(_) | SendError::TooLate)) => {
                let (error, next) = (error.to_string(), delay(None));
                let note = Note {
                    change: |ledger: &mut Ledger, _: Timestamp| {
                        ledger.miss(error.clone(), before.clone(), next);
                    },
                    told: None,
                    blocked: None,
                };
                self.note(lease, &look.item, note).await
            }
        }
    }

    /// What a forge does not take is tried once more in a simpler form, and is then a dead letter.
    async fn refuse(&self, lease: &Lease, look: &Look, error: &str) -> Result<bool, EngineError> {
        let Some(simpler) = look.effect.content.degraded() else {
            return self
                .bury_effect(lease, &look.item, &look.ledger.wish, error)
                .await;
        };
        let tenant = &look.ledger.target.tenant;
        let class = look.ledger.wish.content.class;
        let kept = self.ports.blobs.put(tenant, class, body::encode(&simpler)?);
        let kept = kept.await?;
        let asked = look.ledger.wish.content.clone();
        let note = Note {
            change: |ledger: &mut Ledger, now: Timestamp| {
                ledger.miss(error.to_owned(), None, now);
                if ledger.wish.content == asked {
                    ledger.wish.content = kept.clone();
                }
            },
            told: Some("effect.degraded"),
            blocked: None,
        };
        self.note(lease, &look.item, note).await
    }

    /// The forge could not be asked what is there.
    pub(super) async fn put_off(
        &self,
        forge: &Forge,
        lease: &Lease,
        look: &Look,
        error: &ForgeError,
    ) -> Result<bool, EngineError> {
        let now = self.ports.clock.now();
        let kind = look.effect.content.kind().word();
        tracing::warn!(event = "effect.put_off", kind, object = %look.item.object, "A {kind} has to wait: {error}");
        let wait = match error {
            ForgeError::NotFound(_) => {
                return self
                    .cancel_effect(
                        lease,
                        &look.item,
                        &look.ledger.wish,
                        "what it is about is gone",
                    )
                    .await;
            }
            ForgeError::Limited(wait) => Some(*wait),
            ForgeError::Refused(_) | ForgeError::Unavailable(_) => None,
        };
        let random = self.ports.clock.random();
        let faults = look.ledger.faults.saturating_add(1);
        let next = now + forge.send.retry.fault_delay(faults, wait, random);
        if now.since(look.ledger.wish.at) > PATIENCE {
            return self
                .bury_effect(lease, &look.item, &look.ledger.wish, &error.to_string())
                .await;
        }
        let note = Note {
            change: |ledger: &mut Ledger, now: Timestamp| {
                ledger.take_over(now);
                ledger.delay(error.to_string(), next);
            },
            told: None,
            blocked: wait.map(|wait| now + wait),
        };
        self.note(lease, &look.item, note).await
    }

    pub(super) async fn cancel_effect(
        &self,
        lease: &Lease,
        item: &Item,
        wish: &Wish,
        reason: &str,
    ) -> Result<bool, EngineError> {
        self.end_effect(
            lease,
            item,
            wish,
            (State::Cancelled, "effect.cancelled"),
            reason,
        )
        .await
    }

    pub(super) async fn bury_effect(
        &self,
        lease: &Lease,
        item: &Item,
        wish: &Wish,
        error: &str,
    ) -> Result<bool, EngineError> {
        tracing::error!(event = "effect.dead", object = %item.object, "An effect cannot be carried out: {error}");
        self.end_effect(lease, item, wish, (State::Dead, "effect.dead"), error)
            .await
    }

    /// Gives up what was wanted when it was looked at; what is wanted since then goes on.
    async fn end_effect(
        &self,
        lease: &Lease,
        item: &Item,
        wish: &Wish,
        (state, told): (State, &'static str),
        reason: &str,
    ) -> Result<bool, EngineError> {
        let note = Note {
            change: |ledger: &mut Ledger, now: Timestamp| {
                ledger.take_over(now);
                if ledger.wish == *wish {
                    ledger.state = state;
                    ledger.error = Some(reason.to_owned());
                }
            },
            told: Some(told),
            blocked: None,
        };
        self.note(lease, item, note).await
    }
}
