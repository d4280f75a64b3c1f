//! DynamoDB, SQS and S3 keep the contracts, as far as an emulator can show.

#![cfg(feature = "aws")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::sync::Arc;
use std::time::Duration;

use pullmill_adapters::aws::configuration;
use pullmill_adapters::blob::s3::S3Blobs;
use pullmill_adapters::store::dynamodb::DynamoStore;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Write};
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::queue::{LeaseFrom, Queue as _};
use pullmill_core::ports::store::{Due, Key, Store as _};
use pullmill_testkit::clock::ManualClock;
use pullmill_testkit::moto::{fresh_bucket, fresh_table};
use pullmill_testkit::{BlobSubject, Subject};

async fn store(table: &str, clock: &Arc<ManualClock>) -> Arc<DynamoStore> {
    // Tables are ready at once here, so nobody has to move the clock.
    let store = DynamoStore::open(&configuration().await, table, clock.clone()).await;
    Arc::new(store.unwrap_or_else(|error| panic!("{error}")))
}

async fn open() -> Subject {
    let clock = Arc::new(ManualClock::new());
    let store = store(&fresh_table(), &clock).await;
    Subject {
        store: store.clone(),
        queue: store,
        clock,
        forgets: true,
        keeps: Box::new(()),
    }
}

async fn open_blobs() -> BlobSubject {
    let blobs = S3Blobs::new(&configuration().await, &fresh_bucket(), "here");
    BlobSubject {
        blobs: Arc::new(blobs),
        keeps: Box::new(()),
    }
}

pullmill_testkit::store_contract!(open);
pullmill_testkit::queue_contract!(open);
pullmill_testkit::blobs_contract!(open_blobs);

fn queue() -> QueueName {
    QueueName::constant("work")
}

/// Makes a record due, and gives the hint at it.
async fn poke(store: &DynamoStore, clock: &ManualClock, delay: Duration) -> (Due, Key) {
    let due = Due {
        queue: queue(),
        tenant: TenantId::local(),
        at: clock.now() + delay,
    };
    let key = Key::new("T#t#X", "LANE");
    let mut batch = Batch::at(clock.now());
    let write = Write::Poke {
        key: key.clone(),
        due: due.clone(),
    };
    batch.push(write).unwrap();
    store.commit(batch).await.unwrap();
    (due, key)
}

/// The message that led to a lease is forgotten when the lease is settled, and not before.
#[tokio::test]
async fn a_message_lives_until_its_record_is_settled() {
    let clock = Arc::new(ManualClock::new());
    let table = fresh_table();
    let (one, other) = (store(&table, &clock).await, store(&table, &clock).await);
    let queue = queue();
    let hour = Duration::from_secs(3600);
    let poll = |store: &Arc<DynamoStore>| {
        let (store, queue) = (Arc::clone(store), queue.clone());
        async move {
            let from = LeaseFrom::Poll(&queue);
            store.lease(from, 1, hour, hour).await.unwrap()
        }
    };
    let telling = async {
        let hint = poke(&one, &clock, Duration::ZERO).await;
        one.wake(&[hint]).await.unwrap();
    };
    let (mut leases, ()) = futures_util::future::join(poll(&other), telling).await;
    let lease = leases.pop().unwrap();
    assert_eq!(lease.record.draft.key.sk, "LANE");
    other.settle(lease).await.unwrap();
}

/// What falls due later than SQS can delay a message is hinted at by the sweeper, once.
#[tokio::test]
async fn a_sweeper_hints_at_what_comes_near() {
    let clock = Arc::new(ManualClock::new());
    let store = store(&fresh_table(), &clock).await;
    let hour = Duration::from_secs(3600);
    poke(&store, &clock, hour).await;
    let late = || async {
        store
            .recover(&queue(), Duration::from_secs(60))
            .await
            .unwrap()
    };
    assert_eq!(late().await, 0);
    clock.pass(hour - Duration::from_secs(890));
    assert_eq!(late().await, 0);
    clock.pass(Duration::from_secs(951));
    assert_eq!(late().await, 1);
}

/// A table that somebody else's program made is used as it is.
#[tokio::test]
async fn stores_that_start_together_share_one_table() {
    let clock = Arc::new(ManualClock::new());
    let table = fresh_table();
    let opened = (0..4).map(|_| store(&table, &clock));
    let stores = futures_util::future::join_all(opened).await;
    poke(&stores[0], &clock, Duration::ZERO).await;
    let queue = queue();
    let from = LeaseFrom::Poll(&queue);
    let leases = stores[3].lease(from, 9, Duration::from_secs(60), Duration::ZERO);
    assert_eq!(leases.await.unwrap().len(), 1);
}
