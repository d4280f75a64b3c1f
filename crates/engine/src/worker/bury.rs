//! Records that cannot be handled: damaged ones become dead letters as they are, newer ones are left for newer workers.

use std::time::Duration;

use pullmill_core::body::BodyError;
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;
use pullmill_core::ports::store::{Draft, Due, IndexKey, Second};

use super::{Handled, Settled};
use crate::{Engine, EngineError};

/// When a record of a newer version is looked at again.
const LATER: Duration = Duration::from_secs(60);

impl Engine {
    /// Settles a record whose body could not be read.
    pub(crate) async fn unreadable(
        &self,
        lease: &Lease,
        error: &BodyError,
    ) -> Result<Handled, EngineError> {
        match error {
            BodyError::Newer(_) => self.leave(lease).await,
            BodyError::Broken(_) => self.bury(lease, &error.to_string()).await,
        }
    }

    /// Makes a record a dead letter, body and all.
    pub(crate) async fn bury(&self, lease: &Lease, reason: &str) -> Result<Handled, EngineError> {
        let key = &lease.record.draft.key;
        tracing::error!(record = %key, "A record cannot be handled and is a dead letter now: {reason}");
        let now = self.ports.clock.now();
        let second = keys::tenant(key).map_or(Second::None, |tenant| {
            Second::Status(IndexKey {
                pk: keys::dead_letters(&tenant, &lease.queue),
                sk: format!("{}#{}#{}", now.digits(), key.pk, key.sk),
            })
        });
        self.put_as_is(lease, second, Settled::Dead).await
    }

    /// Leaves a record to another worker.
    pub(crate) async fn leave(&self, lease: &Lease) -> Result<Handled, EngineError> {
        let Some(tenant) = keys::tenant(&lease.record.draft.key) else {
            return self.bury(lease, "its key names no tenant").await;
        };
        let due = Due {
            queue: lease.queue.clone(),
            tenant,
            at: self.ports.clock.now() + LATER,
        };
        self.put_as_is(lease, Second::Due(due), Settled::Again)
            .await
    }

    async fn put_as_is(
        &self,
        lease: &Lease,
        second: Second,
        settled: Settled,
    ) -> Result<Handled, EngineError> {
        let mut batch = Batch::at(self.ports.clock.now());
        batch.push(Write::Put {
            draft: Draft {
                second,
                ..lease.record.draft.clone()
            },
            expect: Expect::Version(lease.record.version),
        })?;
        // If it fails, the lease runs out and the next one tries.
        match self.ports.store.commit(batch).await {
            Ok(()) => Ok(Handled::Settled(settled)),
            Err(pullmill_core::ports::store::StoreError::Conflict(_)) => Ok(Handled::Lost),
            Err(error) => Err(error.into()),
        }
    }
}
