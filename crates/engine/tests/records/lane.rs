//! A lane whose mailbox is never quiet: with a delivery before each of its commits it gets on, and loses none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use pullmill_core::id::DeliveryId;
use pullmill_core::keys;
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::store::{Page, Range, Second, Store as _};
use pullmill_engine::ingress::{Answer, Delivery};
use pullmill_engine::worker::{Handled, Settled};
use pullmill_engine::{Engine, lane_queue};
use pullmill_testkit::weak::{Fault, Faults, NoFaults};
use serde_json::json;

use crate::world::World;

async fn deliver(door: &Engine, number: u64) {
    let body = json!({
        "action": "synchronize",
        "pull_request": {
            "number": 7, "updated_at": "2026-01-02T03:04:05Z", "head": {"sha": format!("{number:040x}")},
        },
        "repository": {"id": 1, "full_name": "o/r", "owner": {"login": "o"}},
        "installation": {"id": 10}, "sender": {"id": 1},
    });
    let delivery = Delivery {
        id: DeliveryId::parse(&format!("d-{number}")).unwrap(),
        event: "pull_request".to_owned(),
        body: body.to_string().into(),
    };
    assert_eq!(door.accept(delivery).await.unwrap(), Answer::Accepted);
}

/// A delivery comes before each commit.
struct Pressing {
    door: Engine,
    count: AtomicU64,
}

#[async_trait]
impl Faults for Pressing {
    async fn next(&self, call: &'static str) -> Fault {
        if call == "commit" {
            deliver(&self.door, self.count.fetch_add(1, Ordering::Relaxed)).await;
        }
        Fault::None
    }
}

#[tokio::test]
async fn a_lane_that_is_never_quiet_gets_on() {
    let world = World::new();
    let pressing = Arc::new(Pressing {
        door: world.with(Arc::new(NoFaults)),
        count: AtomicU64::new(1),
    });
    let pressed = world.with(pressing.clone());
    deliver(&world.engine, 0).await;
    let lane = world.lease(&lane_queue()).await.remove(0).record.draft.key;
    world.clock.pass(std::time::Duration::from_secs(61));
    for _ in 0..10 {
        let lease = world.lease(&lane_queue()).await.remove(0);
        // It never waits.
        let handled = pressed.handle(lease).now_or_never().unwrap();
        assert_eq!(handled.unwrap(), Handled::Settled(Settled::Again));
    }
    let mut last = Handled::Lost;
    while let Some(lease) = world.lease(&lane_queue()).await.pop() {
        last = world.engine.handle(lease).await.unwrap();
    }
    assert_eq!(last, Handled::Settled(Settled::Done));
    assert!(matches!(world.read(&lane).await.draft.second, Second::None));
    let count = async |prefix: &str| {
        let (pk, prefix) = (lane.pk.clone(), prefix.to_owned());
        let (range, page) = (Range { pk, prefix }, Page::first(1000));
        let found = world.store.list(&range, &page, world.clock.now()).await;
        found.unwrap().records.len() as u64
    };
    assert_eq!(count(keys::MAILBOX).await, 0);
    assert_eq!(count("ENV#").await, pressing.count.load(Ordering::Relaxed));
}
