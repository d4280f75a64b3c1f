//! Handles one leased record: a lane, a sender, a timer or a task. What it writes is fenced by the lease.

mod bury;
mod run;
mod settle;
mod task;
mod timer;

use pullmill_core::id::{ExecutionId, TenantId};
use pullmill_core::keys;
use pullmill_core::ports::queue::Lease;
use serde::{Deserialize, Serialize};

use crate::{Engine, EngineError};

/// What became of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// The record was settled.
    Settled(Settled),
    /// Somebody else has it, or it is no longer wanted.
    Lost,
}

/// How a record was settled, for logs and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is done.
    Done,
    /// It will be looked at again.
    Again,
    /// It waits for something outside.
    Parked,
    /// It is a dead letter.
    Dead,
    /// It was not wanted any more.
    Dropped,
}

impl Settled {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Again => "again",
            Self::Parked => "parked",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }
}

/// What the record of a timer holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Timer {
    pub(crate) tenant: TenantId,
    pub(crate) execution: ExecutionId,
    pub(crate) generation: u32,
}

impl Engine {
    /// Handles a leased record. After an error the lease runs out, and somebody tries again.
    pub async fn handle(&self, lease: Lease) -> Result<Handled, EngineError> {
        let sk = lease.record.draft.key.sk.as_str();
        let (handled, lease) = if sk.starts_with(keys::TASKS) {
            self.handle_task(lease).await?
        } else if sk == keys::LANE {
            self.handle_lane(lease).await?
        } else if sk == keys::SENDER {
            self.handle_sender(lease).await?
        } else if sk == keys::RECONCILER {
            self.handle_reconciler(lease).await?
        } else if sk.starts_with(keys::TIMERS) {
            self.handle_timer(lease).await?
        } else {
            let reason = "nobody knows what this record is";
            (self.bury(&lease, reason).await?, lease)
        };
        if matches!(handled, Handled::Settled(_)) && self.ports.queue.settle(lease).await.is_err() {
            tracing::debug!("A message could not be forgotten; it will be found settled");
        }
        Ok(handled)
    }
}
