//! DynamoDB, SQS and S3 keep the contracts, as far as an emulator can show.

#![cfg(feature = "aws")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use pullmill_adapters::aws::configuration;
use pullmill_adapters::blob::s3::S3Blobs;
use pullmill_adapters::store::dynamodb::DynamoStore;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Write};
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::queue::{Hint, LeaseFrom, Queue as _};
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

/// The messages of the queue of a table.
struct Messages {
    client: Client,
    url: String,
}

impl Messages {
    async fn of(table: &str) -> Self {
        let client = Client::new(&configuration().await);
        let name = table.replace("-data", "-work");
        let found = client.get_queue_url().queue_name(name).send().await;
        let url = found.unwrap().queue_url.unwrap();
        Self { client, url }
    }

    async fn count(&self, which: QueueAttributeName) -> String {
        let asked = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = asked.attribute_names(which.clone()).send().await.unwrap();
        answer.attributes.unwrap()[&which].clone()
    }

    /// How many are given out and not forgotten.
    async fn under_way(&self) -> String {
        self.count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .await
    }

    /// Takes one as a function of AWS would be given it.
    async fn take(&self, key: &Key) -> Hint {
        let asked = self.client.receive_message().queue_url(&self.url);
        let answer = asked.wait_time_seconds(20).send().await.unwrap();
        let message = answer.messages.unwrap().remove(0);
        let body: serde_json::Value = serde_json::from_str(&message.body.unwrap()).unwrap();
        assert_eq!(
            (&body["pk"], &body["sk"]),
            (&key.pk.as_str().into(), &key.sk.as_str().into())
        );
        Hint {
            queue: queue(),
            key: key.clone(),
            receipt: message.receipt_handle,
        }
    }
}

/// The message that led to a lease is forgotten when the lease is settled, and one that leads to nothing at once.
#[tokio::test]
async fn a_message_lives_until_its_record_is_settled() {
    let clock = Arc::new(ManualClock::new());
    let table = fresh_table();
    let store = store(&table, &clock).await;
    let hint = poke(&store, &clock, Duration::ZERO).await;
    let key = hint.1.clone();
    store.wake(&[hint.clone(), hint]).await.unwrap();
    let messages = Messages::of(&table).await;
    let minute = Duration::from_secs(60);
    let lease = async |hint: Hint| {
        let hints = [hint];
        let leases = store.lease(LeaseFrom::Hints(&hints), 1, minute, minute);
        leases.await.unwrap().pop()
    };
    let leased = lease(messages.take(&key).await).await.unwrap();
    assert_eq!(messages.under_way().await, "1");
    // The other one: somebody holds the record.
    assert!(lease(messages.take(&key).await).await.is_none());
    assert_eq!(messages.under_way().await, "1");
    store.settle(leased).await.unwrap();
    assert_eq!(messages.under_way().await, "0");
}

/// What falls due later than SQS can delay a message is hinted at by the sweeper when it comes near.
#[tokio::test]
async fn a_sweeper_hints_at_what_comes_near() {
    let clock = Arc::new(ManualClock::new());
    let table = fresh_table();
    let store = store(&table, &clock).await;
    let hour = Duration::from_secs(3600);
    let far = poke(&store, &clock, hour).await;
    // Makes the queue known; a message this far ahead is not sent.
    let near = (
        Due {
            at: clock.now(),
            ..far.0.clone()
        },
        Key::new("T#t#X", "NONE"),
    );
    store.wake(&[far, near]).await.unwrap();
    let messages = Messages::of(&table).await;
    let delayed = || messages.count(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
    let late = async || {
        let minute = Duration::from_secs(60);
        store.recover(&queue(), minute).await.unwrap()
    };
    assert_eq!((late().await, delayed().await.as_str()), (0, "0"));
    clock.pass(hour - Duration::from_secs(890));
    assert_eq!((late().await, delayed().await.as_str()), (0, "1"));
    // A minute later its message is on the way already.
    clock.pass(Duration::from_secs(60));
    assert_eq!((late().await, delayed().await.as_str()), (0, "1"));
    clock.pass(Duration::from_secs(891));
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
