//! Measures a store through its port beside plain SQL on the same tables, and prints rates as JSON.

#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use pullmill_adapters::clock::SystemClock;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::queue::{LeaseFrom, Queue};
use pullmill_core::ports::store::{Draft, Due, Key, Second, Store};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Callers at a time.
const TOGETHER: usize = 64;
/// Records at a time in one lease.
const LEASES: usize = 10;

/// Records a second.
struct Rates {
    enqueue: f64,
    lease: f64,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("usage: store sqlite FOLDER, or store postgres ADDRESS ADDRESS")
    };
    let (kind, first) = (next()?, next()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ours, raw) = match kind.as_str() {
        "sqlite" => runtime.block_on(sqlite::measure(first.as_ref()))?,
        #[cfg(feature = "postgres")]
        "postgres" => runtime.block_on(postgres::measure(&first, &next()?))?,
        _ => return Err("there is no such store".into()),
    };
    println!(
        "{{\"enqueue\":{},\"raw_enqueue\":{},\"lease\":{},\"raw_lease\":{}}}",
        ours.enqueue, raw.enqueue, ours.lease, raw.lease
    );
    Ok(())
}

fn body() -> Vec<u8> {
    b"{\"v\":1,\"body\":{\"name\":\"value\"}}".repeat(20)
}

fn key(number: usize) -> Key {
    Key::new(format!("T#local#X#{number:08}"), "TASK#a#0")
}

fn rate(records: usize, begun: Instant) -> f64 {
    records as f64 / begun.elapsed().as_secs_f64()
}

/// Each record is a commit of its own, and leases are of ten.
async fn through_the_port<S: Store + Queue>(store: &S, records: usize) -> Result<Rates, Failure> {
    let queue = QueueName::constant("work");
    let begun = Instant::now();
    let writers = (0..TOGETHER).map(|writer| {
        let queue = &queue;
        async move {
            for number in (writer..records).step_by(TOGETHER) {
                let mut draft = Draft::new(key(number), body().into());
                draft.second = Second::Due(Due {
                    queue: queue.clone(),
                    tenant: TenantId::local(),
                    at: SystemClock.now(),
                });
                let mut batch = Batch::at(SystemClock.now());
                batch.push(Write::Put {
                    draft,
                    expect: Expect::Absent,
                })?;
                store.commit(batch).await?;
            }
            Ok::<(), Failure>(())
        }
    });
    futures_util::future::try_join_all(writers).await?;
    let enqueue = rate(records, begun);
    let begun = Instant::now();
    let mut leased = 0;
    while leased < records {
        let from = LeaseFrom::Poll(&queue);
        let term = Duration::from_secs(60);
        let leases = store.lease(from, LEASES, term, Duration::ZERO).await?;
        leased += leases.len();
    }
    let lease = rate(records, begun);
    Ok(Rates { enqueue, lease })
}
