//! Real Postgres keeps the contracts, and what only a server can show.

#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use pullmill_adapters::clock::{ServerClock, SystemClock};
use pullmill_adapters::store::postgres::{OpenError, PostgresStore};
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::queue::{LeaseFrom, Queue as _};
use pullmill_core::ports::store::{Draft, Due, Key, Store as _, StoreError};
use pullmill_testkit::Subject;
use pullmill_testkit::clock::ManualClock;
use pullmill_testkit::postgres::{Server, fresh, query};
use tokio_postgres::{Client, NoTls};

async fn store(address: &str, clock: &Arc<ManualClock>) -> Arc<PostgresStore> {
    let store = PostgresStore::open(address, clock.clone(), None).await;
    Arc::new(store.unwrap_or_else(|error| panic!("{error}")))
}

async fn open() -> Subject {
    let clock = Arc::new(ManualClock::new());
    let store = store(&fresh(), &clock).await;
    Subject {
        store: store.clone(),
        queue: store,
        clock,
        forgets: false,
        keeps: Box::new(()),
    }
}

pullmill_testkit::store_contract!(open);
pullmill_testkit::queue_contract!(open);

fn key() -> Key {
    Key::new("T#t#X", "a")
}

fn put(clock: &ManualClock, expect: Expect) -> Batch {
    put_at(clock, &key().sk, expect)
}

fn put_at(clock: &ManualClock, sk: &str, expect: Expect) -> Batch {
    let mut batch = Batch::at(clock.now());
    let draft = Draft::new(Key::new("T#t#X", sk), "body".into());
    batch.push(Write::Put { draft, expect }).unwrap();
    batch
}

/// A connection beside the store's.
async fn connect(address: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Asks until there are so many rows.
async fn until(client: &Client, sql: &str, rows: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.query(sql, &[]).await.unwrap().len() < rows {
        assert!(Instant::now() < deadline, "it did not come so far: {sql}");
    }
}

fn poke(clock: &ManualClock, sk: &str) -> (Batch, (Due, Key)) {
    let due = Due {
        queue: QueueName::constant("work"),
        tenant: TenantId::local(),
        at: clock.now(),
    };
    let key = Key::new("T#t#X", sk);
    let mut batch = Batch::at(clock.now());
    let write = Write::Poke {
        key: key.clone(),
        due: due.clone(),
    };
    batch.push(write).unwrap();
    (batch, (due, key))
}

#[tokio::test]
async fn a_hint_reaches_another_process() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    let (one, other) = (store(&address, &clock).await, store(&address, &clock).await);
    let queue = QueueName::constant("work");
    let hour = Duration::from_secs(3600);
    let waiting = async {
        let from = LeaseFrom::Poll(&queue);
        other.lease(from, 1, hour, hour).await.unwrap()
    };
    let telling = async {
        let (batch, hint) = poke(&clock, "LANE");
        one.commit(batch).await.unwrap();
        one.wake(&[hint]).await.unwrap();
    };
    // The clock stands still, so nothing but the hint can end the waiting.
    let (leases, ()) = futures_util::future::join(waiting, telling).await;
    assert_eq!(leases.len(), 1);
}

#[tokio::test]
async fn stores_that_start_together_agree_on_who_makes_the_table() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    let opened = (0..8).map(|_| store(&address, &clock));
    let stores = futures_util::future::join_all(opened).await;
    stores[0].commit(put(&clock, Expect::Absent)).await.unwrap();
    let found = stores[7].get(&[key()], clock.now()).await.unwrap();
    assert!(found[0].is_some());
}

/// All who share a database go by its clock, so a wrong one does not steal leases or keep them for ever.
#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_set_by_the_database() {
    let hour = Duration::from_secs(3600);
    for wrong in [SystemClock.now() + hour, SystemClock.now() - hour] {
        let clock = Arc::new(ServerClock::default());
        clock.set(wrong, SystemClock.now(), SystemClock.now());
        let follows = Some(Arc::clone(&clock));
        let store = PostgresStore::open(&fresh(), clock.clone(), follows).await;
        assert!(store.is_ok());
        assert!(clock.ahead().abs() < 5000, "{} ms", clock.ahead());
    }
}

#[tokio::test]
async fn a_table_of_a_newer_program_is_left_alone() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    drop(store(&address, &clock).await);
    query(&address, "UPDATE pullmill_format SET format = 3").unwrap();
    let opened = PostgresStore::open(&address, clock, None).await;
    assert!(matches!(
        opened,
        Err(OpenError::Newer { found: 3, known: 2 })
    ));
}

/// Nobody who names a role's or a database's settings can make commits less durable.
#[tokio::test]
async fn commits_that_would_not_wait_for_the_disk_are_made_to() {
    let clock = Arc::new(ManualClock::new());
    let address = format!("{}%20-csynchronous_commit%3Doff", fresh());
    let store = store(&address, &clock).await;
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_server_that_forgets_is_refused() {
    let clock = Arc::new(ManualClock::new());
    let mut server = Server::start().unwrap();
    query(&server.address(), "ALTER SYSTEM SET full_page_writes = off").unwrap();
    server.crash().unwrap();
    let opened = PostgresStore::open(&server.address(), clock.clone(), None).await;
    let Err(OpenError::NotDurable { setting }) = opened else {
        panic!("it was opened");
    };
    assert_eq!(setting, "full_page_writes");
    query(&server.address(), "ALTER SYSTEM RESET full_page_writes").unwrap();
    server.crash().unwrap();
    assert!(
        PostgresStore::open(&server.address(), clock, None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_crash_of_the_server_loses_nothing_and_the_store_goes_on() {
    let clock = Arc::new(ManualClock::new());
    let mut server = Server::start().unwrap();
    let store = store(&server.address(), &clock).await;
    store.commit(put(&clock, Expect::Absent)).await.unwrap();
    server.crash().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let found = loop {
        match store.get(&[key()], clock.now()).await {
            Ok(found) => break found,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert!(found[0].is_some(), "a commit was lost");
    let (batch, _) = poke(&clock, "LANE");
    store.commit(batch).await.unwrap();
}

#[tokio::test]
async fn a_commit_whose_connection_is_cut_is_unknown_and_nothing_else() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    let store = store(&address, &clock).await;
    store.commit(put(&clock, Expect::Absent)).await.unwrap();
    // Somebody holds the row, so that the commit waits; then its connection is cut.
    let holder = connect(&address).await;
    let sql = "BEGIN; SELECT FROM pullmill_record FOR UPDATE";
    holder.batch_execute(sql).await.unwrap();
    let version = store.get(&[key()], clock.now()).await.unwrap()[0]
        .clone()
        .unwrap()
        .version;
    let committing = store.commit(put(&clock, Expect::Version(version)));
    let cutting = async {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks
                   WHERE NOT granted AND pg_blocking_pids(pid) @> ARRAY[pg_backend_pid()]";
        until(&holder, sql, 1).await;
    };
    let (committed, ()) = futures_util::future::join(committing, cutting).await;
    assert!(
        matches!(committed, Err(StoreError::Unknown(_))),
        "{committed:?}"
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
    let again = || store.commit(put(&clock, Expect::Version(version)));
    // Nothing was written, so the version is still the same; that the old connection is dead may be noticed only now.
    while let Err(error) = again().await {
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    }
}

/// Transactions that the store has under way at a time.
const AT_A_TIME: usize = 6;

/// Commits new records together, by their names: they wait while all transactions that may run at a time are held up.
async fn together(
    address: &str,
    clock: &Arc<ManualClock>,
    names: &[&str],
) -> Vec<Result<(), StoreError>> {
    let store = store(address, clock).await;
    store.commit(put(clock, Expect::Absent)).await.unwrap();
    let holder = connect(address).await;
    let sql = "BEGIN; SELECT FROM pullmill_record WHERE sk = 'a' FOR UPDATE";
    holder.batch_execute(sql).await.unwrap();
    let version = store.get(&[key()], clock.now()).await.unwrap()[0]
        .clone()
        .unwrap()
        .version;
    // All about one record, so that each is a transaction of its own.
    let held = (0..AT_A_TIME).map(|_| {
        let (store, batch) = (store.clone(), put(clock, Expect::Version(version)));
        tokio::spawn(async move { store.commit(batch).await })
    });
    let held: Vec<_> = held.collect();
    // One of them waits for the holder, the others for that one.
    let sql = "SELECT FROM pg_locks
               WHERE locktype = 'tuple' AND relation = 'pullmill_record'::regclass AND NOT granted";
    until(&connect(address).await, sql, AT_A_TIME - 1).await;
    let commits = names
        .iter()
        .map(|name| store.commit(put_at(clock, name, Expect::Absent)));
    let commits = futures_util::future::join_all(commits);
    let release = holder.batch_execute("ROLLBACK");
    let (results, released) = futures_util::future::join(commits, release).await;
    released.unwrap();
    let mut won = 0;
    for held in held {
        won += usize::from(held.await.unwrap().is_ok());
    }
    assert_eq!(won, 1);
    results
}

#[tokio::test]
async fn commits_that_wait_go_as_one_and_each_is_answered_for_itself() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    let store = store(&address, &clock).await;
    store
        .commit(put_at(&clock, "taken", Expect::Absent))
        .await
        .unwrap();
    let names = ["one", "taken", "two", "twice", "twice", "three"];
    let results = together(&address, &clock, &names).await;
    let is_conflict = |place: usize| matches!(&results[place], Err(StoreError::Conflict(places)) if *places == [0]);
    for place in [0, 2, 5] {
        assert!(results[place].is_ok(), "{results:?}");
    }
    assert!(is_conflict(1), "{results:?}");
    let twice = [3, 4].map(|place| (results[place].is_ok(), is_conflict(place)));
    assert!(
        twice.contains(&(true, false)) && twice.contains(&(false, true)),
        "{results:?}"
    );
    let sql = "SELECT count(DISTINCT xmin::text) FROM pullmill_record WHERE sk IN ('one', 'two', 'three')";
    assert_eq!(query(&address, sql).unwrap().trim(), "1");
}

#[tokio::test]
async fn a_commit_that_the_database_refuses_takes_no_other_with_it() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    drop(store(&address, &clock).await);
    let sql = "CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
               CREATE TRIGGER refuse BEFORE INSERT ON pullmill_record FOR EACH ROW
               WHEN (NEW.sk = 'refused') EXECUTE FUNCTION refuse()";
    query(&address, sql).unwrap();
    let results = together(&address, &clock, &["one", "refused", "two"]).await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(
        matches!(results[1], Err(StoreError::Unavailable(_))),
        "{results:?}"
    );
}

/// A table that a program before this one made lacks its functions.
#[tokio::test]
async fn a_table_of_an_older_program_gets_the_functions_it_lacks() {
    let clock = Arc::new(ManualClock::new());
    let address = fresh();
    drop(store(&address, &clock).await);
    let sql = "DROP FUNCTION pullmill_commit_group; UPDATE pullmill_format SET format = 1";
    query(&address, sql).unwrap();
    let store = store(&address, &clock).await;
    store.commit(put(&clock, Expect::Absent)).await.unwrap();
}
