//! A timer of an execution has gone off.

use pullmill_core::body;
use pullmill_core::execution::{Command, Event, decide};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::Lease;

use super::{Handled, Settled, Timer};
use crate::attempt::Attempts;
use crate::transition::HeldTimer;
use crate::{Engine, EngineError};

impl Engine {
    pub(super) async fn handle_timer(&self, lease: Lease) -> Result<(Handled, Lease), EngineError> {
        let timer: Timer = match body::decode(&lease.record.draft.body) {
            Ok(timer) => timer,
            Err(error) => return Ok((self.unreadable(&lease, &error).await?, lease)),
        };
        let held = HeldTimer {
            key: lease.record.draft.key.clone(),
            version: lease.record.version,
        };
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let record = self.record(&held.key, now).await?;
            if record.is_none_or(|record| record.version != held.version) {
                return Ok((Handled::Lost, lease));
            }
            let loaded = self.load(&timer.tenant, &timer.execution, now).await?;
            let loaded = loaded.filter(|one| one.execution.generation == timer.generation);
            let mut batch = Batch::at(now);
            let mut is_set = false;
            if let Some(loaded) = loaded {
                let decision = decide(&loaded.execution, Event::Late, now)?;
                let sets = |command: &Command| matches!(command, Command::SetTimer(_));
                is_set = decision.commands.iter().any(sets);
                if !decision.commands.is_empty() {
                    let expect = Expect::Version(loaded.version);
                    self.stage(&mut batch, decision, expect, Some(&held))
                        .await?;
                }
            }
            if !is_set {
                batch.push(Write::Delete {
                    key: held.key.clone(),
                    expect: Expect::Version(held.version),
                })?;
            }
            if attempts.commit(batch).await? {
                let settled = if is_set {
                    Settled::Again
                } else {
                    Settled::Done
                };
                return Ok((Handled::Settled(settled), lease));
            }
        }
    }
}
