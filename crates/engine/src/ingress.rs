//! Takes a verified delivery in: its marker and its work are one commit, and nothing is acknowledged before that is durable.

use bytes::Bytes;
use pullmill_core::body;
use pullmill_core::event::github::{self, Read};
use pullmill_core::event::{Disposition, Envelope, MAX_INLINE, Marker, Payload, body_hash};
use pullmill_core::id::{DeliveryId, TenantId, uuid7};
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::blob::{BlobClass, BlobRef};
use pullmill_core::ports::store::{Draft, Due, Key};
use pullmill_core::strict;
use pullmill_core::time::Timestamp;
use serde_json::json;

use crate::attempt::Attempts;
use crate::{Engine, EngineError, lane_queue};

/// A delivery whose signature was good.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event's name.
    pub event: String,
    /// The body as it came.
    pub body: Bytes,
}

/// What is answered to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is durable and will be acted on.
    Accepted,
    /// It was taken before.
    Duplicate,
    /// It is remembered, and nothing follows from it.
    Ignored(String),
    /// It cannot be read; says why.
    Malformed(String),
    /// A delivery with this id and another body was taken before.
    Mismatched,
}

impl Engine {
    /// Takes a delivery in. An error means that it could not be made durable.
    pub async fn accept(&self, delivery: Delivery) -> Result<Answer, EngineError> {
        let malformed = |error: serde_json::Error| Ok(Answer::Malformed(error.to_string()));
        let text = match strict::text(&delivery.body) {
            Ok(text) => text,
            Err(error) => return malformed(error),
        };
        let read = match github::read(&delivery.event, text) {
            Ok(read) => read,
            Err(error) => return malformed(error),
        };
        let arrival = Arrival {
            hash: body_hash(&delivery.body),
            id: uuid7(self.ports.clock.now(), self.ports.clock.random()).to_string(),
            blob: self.keep_large(&delivery, &read).await?,
            text,
            delivery: &delivery,
            read,
        };
        let mut attempts = Attempts::new(&self.ports);
        let mut semantic = arrival
            .read
            .semantic
            .clone()
            .filter(|_| arrival.read.purpose.is_ok());
        let mut seen_before: Option<String> = None;
        loop {
            let now = self.ports.clock.now();
            let batch =
                self.arrival_batch(&arrival, semantic.as_deref(), seen_before.as_deref(), now)?;
            if attempts.commit(batch).await? {
                return Ok(match (&arrival.read.purpose, seen_before) {
                    (Err(reason), _) => Answer::Ignored((*reason).to_owned()),
                    (_, Some(other)) => Answer::Ignored(same_as(&other)),
                    (Ok(_), None) => Answer::Accepted,
                });
            }
            let now = self.ports.clock.now();
            let marker = self
                .marker(&arrival.read.tenant, &arrival.delivery.id, now)
                .await?;
            if let Some(marker) = marker {
                return self.met_again(&arrival, &marker).await;
            }
            if let Some(digest) = &semantic {
                let key = keys::semantic(&arrival.read.tenant, digest);
                if let Some(record) = self.record(&key, now).await? {
                    seen_before = Some(String::from_utf8_lossy(&record.draft.body).into_owned());
                    semantic = None;
                }
            }
        }
    }

    /// Keeps a payload as a blob if it is large and something may follow from it.
    async fn keep_large(
        &self,
        delivery: &Delivery,
        read: &Read,
    ) -> Result<Option<BlobRef>, EngineError> {
        if read.purpose.is_err() || delivery.body.len() <= MAX_INLINE {
            return Ok(None);
        }
        let body = delivery.body.clone();
        let kept = self
            .ports
            .blobs
            .put(&read.tenant, BlobClass::Delivery, body);
        Ok(Some(kept.await?))
    }

    /// Marker, meaning, envelope and poke; a marker alone if nothing follows.
    fn arrival_batch(
        &self,
        arrival: &Arrival<'_>,
        semantic: Option<&str>,
        seen_before: Option<&str>,
        now: Timestamp,
    ) -> Result<Batch, EngineError> {
        let expires_at = Some(now + self.settings.keep_deliveries);
        let mortal = |key: Key, body: Bytes| Write::Put {
            draft: Draft {
                expires_at,
                ..Draft::new(key, body)
            },
            expect: Expect::Absent,
        };
        let tenant = &arrival.read.tenant;
        let disposition = match (&arrival.read.purpose, seen_before) {
            (Err(reason), _) => Some(Disposition::Ignored((*reason).to_owned())),
            (_, Some(other)) => Some(Disposition::Ignored(same_as(other))),
            (Ok(_), None) => None,
        };
        let pk = arrival.lane();
        let marker = Marker {
            body_hash: arrival.hash.clone(),
            at: now,
            envelope: disposition
                .is_none()
                .then(|| (pk.clone(), arrival.id.clone())),
            payload: arrival.blob.clone().map(Payload::Blob),
            disposition,
        };
        let is_over = marker.disposition.is_some();
        let inline = (!is_over && arrival.blob.is_none()).then_some(arrival.text);
        let mut batch = Batch::at(now);
        let key = keys::delivery(tenant, &arrival.delivery.id);
        batch.push(mortal(key, marker.encode(inline)?))?;
        if is_over {
            return Ok(batch);
        }
        if let Some(digest) = semantic {
            let id = Bytes::copy_from_slice(arrival.delivery.id.as_str().as_bytes());
            batch.push(mortal(keys::semantic(tenant, digest), id))?;
        }
        let envelope = arrival.envelope(semantic, now);
        let mail = Draft::new(keys::mailbox(&pk, &arrival.id), body::encode(&envelope)?);
        batch.push(Write::Put {
            draft: mail,
            expect: Expect::Absent,
        })?;
        batch.push(Write::Poke {
            key: keys::lane(&pk),
            due: lane_due(tenant, now),
        })?;
        Ok(batch)
    }

    /// Reads the marker of a delivery.
    pub(crate) async fn marker(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
        now: Timestamp,
    ) -> Result<Option<Marker>, EngineError> {
        let record = self.record(&keys::delivery(tenant, id), now).await?;
        let marker = record.map(|record| body::decode(&record.draft.body));
        Ok(marker.transpose()?)
    }

    /// The id was taken before: by the same body, or by another one, which somebody should know.
    async fn met_again(
        &self,
        arrival: &Arrival<'_>,
        marker: &Marker,
    ) -> Result<Answer, EngineError> {
        if marker.body_hash == arrival.hash {
            // A lost reply looks the same: the envelope is then the one of this very arrival.
            let is_own = marker
                .envelope
                .as_ref()
                .is_some_and(|(_, id)| *id == arrival.id);
            return Ok(if is_own {
                Answer::Accepted
            } else {
                Answer::Duplicate
            });
        }
        let now = self.ports.clock.now();
        let tenant = &arrival.read.tenant;
        let body = json!({
            "v": 1, "kind": "delivery_body_mismatch", "delivery_id": arrival.delivery.id, "at": now,
            "known_hash": marker.body_hash, "other_hash": arrival.hash,
        });
        // One record for one pair of bodies, however often it is tried.
        let id = format!("{}#{}", arrival.delivery.id, arrival.hash);
        let mut draft = Draft::new(
            keys::security(tenant, marker.at, &id),
            body.to_string().into(),
        );
        draft.expires_at = Some(now + self.settings.keep_deliveries);
        let mut batch = Batch::at(now);
        batch.push(Write::Put {
            draft,
            expect: Expect::Absent,
        })?;
        match Attempts::new(&self.ports).commit(batch).await {
            // It is there already, or somebody else is writing it.
            Ok(_) | Err(EngineError::Busy) => Ok(Answer::Mismatched),
            Err(error) => Err(error),
        }
    }
}

/// When a lane looks at its mailbox.
pub(crate) fn lane_due(tenant: &TenantId, at: Timestamp) -> Due {
    Due {
        queue: lane_queue(),
        tenant: tenant.clone(),
        at,
    }
}

fn same_as(other: &str) -> String {
    format!("delivery {other} said the same")
}

struct Arrival<'a> {
    delivery: &'a Delivery,
    read: Read,
    /// The body as text.
    text: &'a str,
    /// Where the body is, if it is large.
    blob: Option<BlobRef>,
    hash: String,
    /// The name of its envelope.
    id: String,
}

impl Arrival<'_> {
    fn lane(&self) -> String {
        let about = &self.read.about;
        match about.repo_id.zip(about.pr_number) {
            Some((repo, number)) => keys::pull(&self.read.tenant, repo, number),
            None => keys::installation(&self.read.tenant, about.installation.unwrap_or(0)),
        }
    }

    fn envelope(&self, semantic: Option<&str>, now: Timestamp) -> Envelope {
        Envelope {
            delivery_id: self.delivery.id.clone(),
            tenant: self.read.tenant.clone(),
            event_type: self.delivery.event.clone(),
            action: self.read.action.clone(),
            about: self.read.about.clone(),
            received_at: now,
            semantic: semantic.map(str::to_owned),
            replayed_by: None,
            asked: None,
            disposition: None,
        }
    }
}
