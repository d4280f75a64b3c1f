//! Sweeps: what is past its deadline goes, and what is overdue is hinted at again.

use std::time::Duration;

use pullmill_core::ports::blob::BlobClass;

use crate::{Engine, EngineError};

/// How long a deadline is past before its record goes: nobody may then still be deciding by it.
const GRACE: Duration = Duration::from_secs(3600);
/// What is overdue for longer was forgotten by its hint.
const OVERDUE: Duration = Duration::from_secs(60);
/// Most that is removed at once, so that others get their turn.
const AT_ONCE: usize = 500;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Records removed.
    pub records: usize,
    /// Blobs removed.
    pub blobs: usize,
    /// Records hinted at again.
    pub recovered: usize,
}

impl Engine {
    /// Sweeps once. Blobs outlive the records that may name them.
    pub async fn sweep(&self) -> Result<SweepReport, EngineError> {
        let now = self.ports.clock.now();
        let mut report = SweepReport::default();
        for queue in self.queues() {
            report.recovered += self.ports.queue.recover(&queue, OVERDUE).await?;
        }
        loop {
            let swept = self.ports.store.sweep(now - GRACE, AT_ONCE).await?;
            report.records += swept.removed;
            if !swept.has_more {
                break;
            }
        }
        for class in BlobClass::ALL {
            let life = match class {
                // As long as the marker that names it.
                BlobClass::Delivery => self.settings.keep_deliveries,
                // An execution lives until its deadline, is kept after its end, and may be begun anew by an operator until then.
                _ => self.settings.keep_executions * 2,
            };
            let life = life + GRACE;
            let swept = self.ports.blobs.sweep(class, now - life, AT_ONCE).await?;
            report.blobs += swept.removed;
        }
        Ok(report)
    }
}
