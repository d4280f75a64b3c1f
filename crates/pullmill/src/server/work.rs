//! The loops that do the work: one or more per queue, and the sweeper.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use pullmill_core::id::QueueName;
use pullmill_core::ports::clock;
use pullmill_core::ports::queue::{Lease, LeaseFrom};
use pullmill_engine::worker::Handled;
use pullmill_engine::{lane_queue, sender_queue, timer_queue};
use tokio_util::task::TaskTracker;

use crate::http::Door;

/// How long a poll waits for work. What falls due earlier is known, so this only bounds what was missed.
const WAIT: Duration = Duration::from_secs(30);
/// How long to leave a store alone that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How often is swept.
const SWEEP: Duration = Duration::from_secs(60);
/// Lanes and timers that are leased at once: each is done in a moment.
const AT_ONCE: usize = 10;

/// Senders at a time: each waits for its forge most of the time.
const SENDERS: usize = 4;

/// Starts the loops.
pub(super) fn start(door: &Arc<Door>, reviews: usize, tasks: &TaskTracker) {
    for queue in door.engine.queues() {
        let is_quick = queue == lane_queue() || queue == timer_queue();
        let (loops, at_once) = match queue == sender_queue() {
            true => (SENDERS, 1),
            false if is_quick => (1, AT_ONCE),
            false => (reviews, 1),
        };
        for _ in 0..loops {
            tasks.spawn(serve(Arc::clone(door), queue.clone(), at_once));
        }
    }
    tasks.spawn(sweep(Arc::clone(door)));
}

/// Serves one queue until the server ends.
async fn serve(door: Arc<Door>, queue: QueueName, at_once: usize) {
    let term = door.engine.settings.lease;
    loop {
        let from = LeaseFrom::Poll(&queue);
        let leased = tokio::select! {
            biased;
            () = door.ends.cancelled() => return,
            leased = door.engine.ports.queue.lease(from, at_once, term, WAIT) => leased,
        };
        match leased {
            Ok(leases) => {
                let handling = leases.into_iter().map(|lease| handle(&door, &queue, lease));
                futures_util::future::join_all(handling).await;
            }
            Err(error) => {
                tracing::warn!(event = "queue.failed", queue = %queue, "Work could not be leased: {error}");
                tokio::select! {
                    biased;
                    () = door.ends.cancelled() => return,
                    () = clock::sleep(&*door.engine.ports.clock, PAUSE) => {}
                }
            }
        }
    }
}

async fn handle(door: &Door, queue: &QueueName, lease: Lease) {
    let key = lease.record.draft.key.clone();
    // Tasks and timers are in their execution's partition.
    let execution = key.pk.split_once("#X#").map(|(_, id)| id);
    let handling = AssertUnwindSafe(door.engine.handle(lease)).catch_unwind();
    let outcome = match handling.await {
        Ok(Ok(Handled::Settled(settled))) => settled.word(),
        Ok(Ok(Handled::Lost)) => "lost",
        Err(_) => {
            // The lease runs out and counts as a crash; the other records go on.
            tracing::error!(event = "work.panicked", execution.id = execution, queue = %queue, record = %key, "The handling of a record panicked");
            "panicked"
        }
        Ok(Err(error)) => {
            tracing::error!(event = "work.failed", execution.id = execution, queue = %queue, record = %key, "A record could not be handled: {error}");
            "failed"
        }
    };
    door.counters.handled(queue, outcome);
    tracing::debug!(event = "work.handled", execution.id = execution, queue = %queue, record = %key, outcome, "A record was handled");
}

async fn sweep(door: Arc<Door>) {
    loop {
        tokio::select! {
            biased;
            () = door.ends.cancelled() => return,
            () = clock::sleep(&*door.engine.ports.clock, SWEEP) => {}
        }
        door.forget_quiet();
        match door.engine.sweep().await {
            Ok(report) if report.records + report.blobs + report.recovered > 0 => {
                tracing::info!(
                    event = "sweep.done",
                    records = report.records,
                    blobs = report.blobs,
                    recovered = report.recovered,
                    "Swept"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(event = "sweep.failed", "The sweep failed: {error}"),
        }
    }
}
