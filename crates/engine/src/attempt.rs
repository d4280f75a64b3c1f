//! Committing what was decided, and deciding again when the records have changed or nobody knows.

use std::time::Duration;

use pullmill_core::ports::batch::Batch;
use pullmill_core::ports::clock;
use pullmill_core::ports::store::StoreError;

use crate::{EngineError, Ports};

/// Tries to commit one decision.
const TRIES: u32 = 5;

/// The tries of one decision. After each that fails, everything has to be read again.
pub(crate) struct Attempts<'a> {
    ports: &'a Ports,
    made: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(ports: &'a Ports) -> Self {
        Self { ports, made: 0 }
    }

    /// Whether one has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.made > 0
    }

    /// Commits; says whether it is done, or has to be read and decided again.
    pub(crate) async fn commit(&mut self, batch: Batch) -> Result<bool, EngineError> {
        let hints = batch.hints();
        let error = match self.ports.store.commit(batch).await {
            Ok(()) => {
                if !hints.is_empty() && self.ports.queue.wake(&hints).await.is_err() {
                    tracing::debug!("A hint was lost; a poll or the sweeper makes up for it");
                }
                return Ok(true);
            }
            Err(StoreError::Poisoned) => return Err(StoreError::Poisoned.into()),
            Err(error) => error,
        };
        self.made += 1;
        if self.made == TRIES {
            return Err(match error {
                StoreError::Unavailable(_) => error.into(),
                _ => EngineError::Busy,
            });
        }
        if self.made == 1 {
            // Most often somebody else was first, once.
            return Ok(false);
        }
        let random = u64::try_from(self.ports.clock.random() % 20).unwrap_or(0);
        let pause = Duration::from_millis((5 + random) << self.made);
        clock::sleep(&*self.ports.clock, pause).await;
        Ok(false)
    }
}
