//! The reconciler: finds deliveries of the last three days that never arrived, and has each made once more (IN7).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use pullmill_core::id::TenantId;
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::forge::Attempt;
use pullmill_core::ports::queue::Lease;
use pullmill_core::ports::store::{Draft, Due, Second};
use pullmill_core::time::Timestamp;

use crate::attempt::Attempts;
use crate::worker::{Handled, Settled};
use crate::{Engine, EngineError, Forge, timer_queue};

/// How far back a forge remembers.
const MEMORY: Duration = Duration::from_secs(3 * 86_400);
/// How old an attempt is before it is held to have failed: its answer may still be on its way.
const AGE: Duration = Duration::from_secs(60);
/// A delivery that failed so often will not arrive.
const TRIES: usize = 5;
/// Most that is asked for at once, so that nobody is flooded.
const AT_ONCE: usize = 200;

impl Engine {
    /// Has the reconciler look now: while no process ran, deliveries were lost.
    pub async fn reconcile_soon(&self) -> Result<(), EngineError> {
        if self
            .forge
            .as_ref()
            .is_none_or(|forge| forge.reconcile.is_zero())
        {
            return Ok(());
        }
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let mut batch = Batch::at(now);
            batch.push(Write::Poke {
                key: keys::reconciler(),
                due: due(now),
            })?;
            if attempts.commit(batch).await? {
                return Ok(());
            }
        }
    }

    pub(crate) async fn handle_reconciler(
        &self,
        lease: Lease,
    ) -> Result<(Handled, Lease), EngineError> {
        let Some(forge) = self.forge.clone() else {
            return Ok((self.leave(&lease).await?, lease));
        };
        if let Err(error) = self.reconcile(&forge).await {
            tracing::warn!(
                event = "reconcile.failed",
                "Deliveries could not be looked through: {error}"
            );
        }
        let mut batch = Batch::at(self.ports.clock.now());
        let mut draft = Draft::new(keys::reconciler(), Bytes::new());
        draft.second = Second::Due(due(self.ports.clock.now() + forge.reconcile));
        batch.push(Write::Put {
            draft,
            expect: Expect::Epoch(lease.record.epoch),
        })?;
        match Attempts::new(&self.ports).commit(batch).await? {
            true => Ok((Handled::Settled(Settled::Again), lease)),
            false => Ok((Handled::Lost, lease)),
        }
    }

    async fn reconcile(&self, forge: &Forge) -> Result<(), String> {
        let now = self.ports.clock.now();
        let attempts = forge.read.attempts(now - MEMORY).await;
        let attempts = attempts.map_err(|error| error.to_string())?;
        let failed = failed(&attempts, AGE.min(forge.reconcile), now);
        for attempt in failed.iter().take(AT_ONCE) {
            let again = forge.write.redeliver(attempt).await;
            again.map_err(|error| error.to_string())?;
            tracing::info!(delivery.id = %attempt.delivery, event = "delivery.recovered", "Delivery {} failed and is sent once more", attempt.delivery);
        }
        Ok(())
    }
}

/// The newest attempt of each delivery that never arrived.
fn failed(attempts: &[Attempt], age: Duration, now: Timestamp) -> Vec<&Attempt> {
    let mut of: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        of.entry(&attempt.delivery).or_default().push(attempt);
    }
    let mut failed: Vec<&Attempt> = of
        .into_values()
        .filter(|tries| tries.len() < TRIES && tries.iter().all(|one| !one.is_good))
        .filter_map(|tries| tries.into_iter().max_by_key(|one| (one.at, one.id)))
        .filter(|one| now.since(one.at) >= age)
        .collect();
    // In the order in which they happened.
    failed.sort_by_key(|one| (one.at, one.id));
    failed
}

fn due(at: Timestamp) -> Due {
    Due {
        queue: timer_queue(),
        tenant: TenantId::shared(),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: u64, delivery: &str, seconds: u64, is_good: bool) -> Attempt {
        Attempt {
            id,
            delivery: delivery.to_owned(),
            at: Timestamp::default() + Duration::from_secs(seconds),
            is_good,
        }
    }

    #[test]
    fn i31_every_delivery_that_never_arrived_is_asked_for_once() {
        let attempts = [
            attempt(1, "arrived", 10, false),
            attempt(2, "arrived", 20, true),
            attempt(3, "lost", 30, false),
            attempt(4, "lost", 40, false),
            attempt(5, "older", 5, false),
            attempt(6, "on its way", 990, false),
        ];
        let hopeless: Vec<Attempt> = (10..15)
            .map(|id| attempt(id, "hopeless", id, false))
            .collect();
        let all = [&attempts[..], &hopeless[..]].concat();
        let now = Timestamp::default() + Duration::from_secs(1000);
        let found: Vec<u64> = failed(&all, AGE, now).iter().map(|one| one.id).collect();
        assert_eq!(found, [5, 4]);
    }
}
