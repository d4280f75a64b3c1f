//! Runs an agent under a lease: prolongs it, watches whether the task is still wanted, and stops in time.

use std::time::Duration;

use futures_util::future::{Either, select};
use pullmill_core::ports::batch::MAX_BODY;
use pullmill_core::ports::queue::{Lease, QueueError};
use pullmill_core::task::Outcome;
use pullmill_core::time::Monotonic;

use super::task::ReadyTask;
use crate::agents::Work;
use crate::{Engine, EngineError};

/// Most bytes of a checkpoint.
const MAX_CHECKPOINT: u64 = 64 * MAX_BODY as u64;

impl Engine {
    /// Makes one attempt. `None` if the lease is lost or the task is not wanted any more; the agent is then dropped.
    pub(super) async fn run_agent(
        &self,
        lease: &mut Lease,
        ready: &ReadyTask,
    ) -> Result<Option<Outcome>, EngineError> {
        let (task, plan) = (&ready.task, &ready.plan);
        let Some(agent) = self.agents.get(&task.agent) else {
            return Ok(None);
        };
        let checkpoint = match &task.checkpoint {
            Some(blob) => Some(self.ports.blobs.get(blob, MAX_CHECKPOINT).await?),
            None => None,
        };
        let begun = self.ports.clock.monotonic();
        let work = Work {
            execution: ready.execution.clone(),
            task: task.clone(),
            checkpoint,
            // Four fifths of the time: then it goes on in a new lease (decision 20).
            yield_at: begun + plan.time_limit * 4 / 5,
        };
        let end = begun + plan.time_limit;
        let mut watch = Watch {
            held_until: begun + self.settings.lease,
            extend_at: begun + self.settings.heartbeat,
        };
        let mut running = agent.run(&work);
        loop {
            let tick = self.ports.clock.monotonic() + self.settings.watch;
            let sleep = self.ports.clock.sleep_until(tick.min(end));
            match select(running, sleep).await {
                Either::Left((outcome, _)) => return Ok(Some(outcome)),
                Either::Right(((), still)) => running = still,
            }
            if self.ports.clock.monotonic() >= end {
                let limit = plan.time_limit.as_secs();
                let error = format!("it took longer than {limit} s and did not stop by itself");
                return Ok(Some(Outcome::Failed(error)));
            }
            if !self.is_still_ours(lease, &mut watch).await {
                return Ok(None);
            }
            if self.is_ending() {
                self.give_back(lease, Duration::ZERO).await?;
                return Ok(None);
            }
        }
    }

    /// Prolongs the lease when it is time, and looks whether somebody has settled or taken the record.
    async fn is_still_ours(&self, lease: &mut Lease, watch: &mut Watch) -> bool {
        let now = self.ports.clock.monotonic();
        if now >= watch.extend_at {
            match self.ports.queue.extend(lease, self.settings.lease).await {
                Ok(()) => {
                    watch.held_until = now + self.settings.lease;
                    watch.extend_at = now + self.settings.heartbeat;
                }
                Err(QueueError::LeaseLost) => return false,
                Err(QueueError::Unavailable(_)) => {}
            }
        }
        let key = &lease.record.draft.key;
        match self.record(key, self.ports.clock.now()).await {
            Ok(Some(record)) => record.version == lease.record.version,
            Ok(None) => false,
            // Nobody knows; it is ours for as long as the lease holds.
            Err(_) => now < watch.held_until,
        }
    }
}

struct Watch {
    held_until: Monotonic,
    extend_at: Monotonic,
}
