//! Replays a recorded delivery: it passes every gate but those that keep deliveries from being taken twice.

use pullmill_core::body;
use pullmill_core::event::github;
use pullmill_core::event::{Disposition, Envelope};
use pullmill_core::id::{DeliveryId, TenantId, uuid7};
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::Draft;
use pullmill_core::routing::Route;

use crate::attempt::Attempts;
use crate::ingress::lane_due;
use crate::{Engine, EngineError};

/// A recorded delivery.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The lane it is on.
    pub lane: String,
    /// What came.
    pub envelope: Envelope,
    /// What would become of it now.
    pub route: Result<Route, String>,
}

impl Engine {
    /// Reads a delivery that was taken.
    pub async fn recorded(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
    ) -> Result<Recorded, EngineError> {
        let now = self.ports.clock.now();
        let marker = self.marker(tenant, id, now).await?;
        let marker = marker.ok_or_else(|| EngineError::NotFound(format!("delivery {id}")))?;
        let Some((lane, name)) = marker.envelope else {
            let reason = match marker.disposition {
                Some(Disposition::Ignored(reason)) => reason,
                _ => "it was disposed of at the door".to_owned(),
            };
            return Err(EngineError::NotFound(format!(
                "work in delivery {id}: {reason}"
            )));
        };
        let places = [keys::envelope(&lane, &name), keys::mailbox(&lane, &name)];
        let found = self.ports.store.get(&places, now).await?;
        let record = found.into_iter().flatten().next();
        let record =
            record.ok_or_else(|| EngineError::NotFound(format!("body of delivery {id}")))?;
        let envelope: Envelope = body::decode(&record.draft.body)?;
        let action = envelope.action.as_deref();
        let purpose = github::purpose(&envelope.event_type, action, &envelope.about);
        Ok(Recorded {
            route: match purpose {
                Ok(purpose) => Ok(self.route(&envelope, purpose)),
                Err(reason) => Err(reason.to_owned()),
            },
            lane,
            envelope,
        })
    }

    /// Puts a recorded delivery into its lane's mailbox once more.
    pub async fn replay(&self, recorded: &Recorded, by: &str) -> Result<(), EngineError> {
        let mut envelope = recorded.envelope.clone();
        envelope.replayed_by = Some(by.to_owned());
        envelope.disposition = None;
        let id = uuid7(self.ports.clock.now(), self.ports.clock.random()).to_string();
        let mail = keys::mailbox(&recorded.lane, &id);
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let mut batch = Batch::at(now);
            batch.push(Write::Put {
                draft: Draft::new(mail.clone(), body::encode(&envelope)?),
                expect: Expect::Absent,
            })?;
            batch.push(Write::Poke {
                key: keys::lane(&recorded.lane),
                due: lane_due(&envelope.tenant, now),
            })?;
            if attempts.commit(batch).await? {
                return Ok(());
            }
            // It may have arrived, and even have been handled, though its reply did not come.
            let places = [mail.clone(), keys::envelope(&recorded.lane, &id)];
            let found = self
                .ports
                .store
                .get(&places, self.ports.clock.now())
                .await?;
            if found.into_iter().flatten().next().is_some() {
                return Ok(());
            }
        }
    }
}
