//! Real SQLite keeps the contracts, and what only a file can show.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::sync::Arc;
use std::time::Duration;

use pullmill_adapters::blob::folder::FolderBlobs;
use pullmill_adapters::store::sqlite::{self, OpenError, SqliteStore};
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::blob::{BlobClass, BlobError, Blobs};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::{LeaseFrom, Queue};
use pullmill_core::ports::store::{Draft, Due, Key, Store, StoreError};
use pullmill_core::time::Timestamp;
use pullmill_testkit::clock::ManualClock;
use pullmill_testkit::{BlobSubject, Subject};

async fn open() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let path = folder.path().join("pullmill.db");
    let store = Arc::new(SqliteStore::open(&path, clock.clone()).unwrap());
    Subject {
        store: store.clone(),
        queue: store,
        clock,
        forgets: false,
        keeps: Box::new(folder),
    }
}

async fn open_blobs() -> BlobSubject {
    let folder = tempfile::tempdir().unwrap();
    BlobSubject {
        blobs: Arc::new(FolderBlobs::new(folder.path().join("blobs"))),
        keeps: Box::new(folder),
    }
}

pullmill_testkit::store_contract!(open);
pullmill_testkit::queue_contract!(open);
pullmill_testkit::blobs_contract!(open_blobs);

fn put(sk: &str) -> Batch {
    let mut batch = Batch::at(Timestamp::default());
    let draft = Draft::new(Key::new("T#t#X", sk), "body".into());
    let expect = Expect::Absent;
    batch.push(Write::Put { draft, expect }).unwrap();
    batch
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new())
}

#[tokio::test]
async fn a_file_belongs_to_one_process_and_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pullmill.db");
    let store = SqliteStore::open(&path, clock()).unwrap();
    store.commit(put("a")).await.unwrap();
    let Err(OpenError::InUse { pid, .. }) = SqliteStore::open(&path, clock()) else {
        panic!("two have it");
    };
    assert_eq!(pid, Some(std::process::id()));
    drop(store);
    let store = SqliteStore::open(&path, clock()).unwrap();
    let found = store
        .get(&[Key::new("T#t#X", "a")], Timestamp::default())
        .await;
    assert!(found.unwrap()[0].is_some());
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_a_dead_process_held_is_free_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pullmill.db");
    let lease = |store: SqliteStore| async move {
        let queue = QueueName::constant("work");
        let from = LeaseFrom::Poll(&queue);
        let leases = store
            .lease(from, 1, Duration::from_secs(60), Duration::ZERO)
            .await;
        leases
            .unwrap()
            .iter()
            .map(|lease| lease.record.epoch.0)
            .collect::<Vec<_>>()
    };
    let store = SqliteStore::open(&path, clock()).unwrap();
    let mut batch = Batch::at(clock().now());
    let key = Key::new("T#t#X", "TASK#a#0");
    let due = Due {
        queue: QueueName::constant("work"),
        tenant: TenantId::local(),
        at: clock().now(),
    };
    batch.push(Write::Poke { key, due }).unwrap();
    store.commit(batch).await.unwrap();
    assert_eq!(lease(store).await, [1]);
    assert_eq!(lease(SqliteStore::open(&path, clock()).unwrap()).await, [2]);
}

#[tokio::test]
async fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to have a header of one".repeat(9),
    )
    .unwrap();
    assert!(matches!(
        SqliteStore::open(&text, clock()),
        Err(OpenError::Foreign { .. })
    ));
    let other = folder.path().join("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection
        .execute_batch("CREATE TABLE theirs (id INTEGER)")
        .unwrap();
    drop(connection);
    assert!(matches!(
        SqliteStore::open(&other, clock()),
        Err(OpenError::Foreign { .. })
    ));
    let newer = folder.path().join("newer.db");
    drop(SqliteStore::open(&newer, clock()).unwrap());
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    assert!(matches!(
        SqliteStore::open(&newer, clock()),
        Err(OpenError::Newer { found: 2, .. })
    ));
}

#[tokio::test]
async fn a_damaged_file_is_noticed_after_it_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pullmill.db");
    let store = SqliteStore::open(&path, clock()).unwrap();
    for number in 0..400 {
        store.commit(put(&format!("{number}"))).await.unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // Rows of the table: nothing that opening it reads.
    let row = bytes.windows(4).rposition(|part| part == b"body").unwrap();
    let page = row / 4096 * 4096;
    bytes[page..page + 64].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(&path, clock()).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while store.check().await.is_ok() {
        assert!(std::time::Instant::now() < deadline, "nobody noticed");
    }
    assert!(matches!(store.check().await, Err(StoreError::Poisoned)));
    // The full look says so too, or cannot even read it.
    assert!(
        store
            .examine()
            .await
            .map_or(true, |problems| !problems.is_empty())
    );
}

#[tokio::test]
async fn a_copy_is_a_store_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("one.db"), clock()).unwrap();
    store.commit(put("a")).await.unwrap();
    let copy = folder.path().join("copy.db");
    sqlite::copy(store.path(), &copy).unwrap();
    store.commit(put("b")).await.unwrap();
    let copied = SqliteStore::open(&copy, clock()).unwrap();
    let keys = ["a", "b"].map(|sk| Key::new("T#t#X", sk));
    let found = copied.get(&keys, Timestamp::default()).await.unwrap();
    assert!(found[0].is_some());
    assert!(found[1].is_none());
}

#[tokio::test]
async fn a_blob_that_was_damaged_is_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = FolderBlobs::new(folder.path().to_owned());
    let tenant = TenantId::local();
    let put = |body: &'static [u8]| blobs.put(&tenant, BlobClass::Payload, body.into());
    let (one, other) = (put(b"one").await.unwrap(), put(b"other").await.unwrap());
    let file = |digest: &str| {
        let folder = folder.path().join("payload/t-local").join(&digest[..2]);
        folder.join(digest)
    };
    std::fs::copy(file(&one.digest), file(&other.digest)).unwrap();
    assert!(matches!(
        blobs.get(&other, 9).await,
        Err(BlobError::Damaged)
    ));
    std::fs::write(file(&one.digest), b"no zstd").unwrap();
    assert!(matches!(blobs.get(&one, 9).await, Err(BlobError::Damaged)));
}
