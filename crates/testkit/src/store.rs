//! The contract of the store port, one scenario per function.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, MAX_BODY, Write};
use pullmill_core::ports::queue::LeaseFrom;
use pullmill_core::ports::store::{
    Draft, Due, Epoch, IndexKey, IndexQuery, Key, Page, Range, Record, Second, StoreError, Version,
};
use pullmill_core::time::Timestamp;

use crate::Subject;
use crate::chance::Chance;

/// Runs every scenario on what `$open` gives.
#[macro_export]
macro_rules! store_contract {
    ($open:path) => {
        $crate::__contract!(
            store,
            $open,
            [
                a_batch_is_written_wholly_or_not_at_all,
                every_expectation_is_held,
                what_is_past_its_deadline_is_not_there,
                batches_that_read_each_others_records_never_both_commit,
                versions_grow_and_epochs_stay,
                a_poke_creates_wakes_and_disturbs_no_holder,
                a_counter_stays_within_its_bounds,
                lists_are_ordered_and_paged_both_ways,
                indexes_find_what_was_put_there,
                bodies_of_any_bytes_come_back,
                a_sweep_takes_only_what_is_past_its_deadline,
                concurrent_counting_loses_nothing,
                a_commit_seen_twice_is_seen_as_done,
            ]
        );
    };
}

const MINUTE: Duration = Duration::from_secs(60);

fn key(sk: &str) -> Key {
    Key::new("T#t#X#1", sk)
}

fn draft(sk: &str, body: &str) -> Draft {
    Draft::new(key(sk), Bytes::copy_from_slice(body.as_bytes()))
}

fn put(draft: Draft, expect: Expect) -> Write {
    Write::Put { draft, expect }
}

fn due_at(at: Timestamp) -> Due {
    Due {
        queue: QueueName::constant("work"),
        tenant: TenantId::local(),
        at,
    }
}

impl Subject {
    fn now(&self) -> Timestamp {
        pullmill_core::ports::clock::Clock::now(&*self.clock)
    }

    fn batch(&self, writes: impl IntoIterator<Item = Write>) -> Batch {
        let mut batch = Batch::at(self.now());
        for write in writes {
            if let Err(error) = batch.push(write) {
                panic!("{error}");
            }
        }
        batch
    }

    async fn commit(&self, writes: impl IntoIterator<Item = Write>) -> Result<(), StoreError> {
        self.store.commit(self.batch(writes)).await
    }

    /// Commits what must go through.
    pub(crate) async fn write(&self, writes: impl IntoIterator<Item = Write>) {
        if let Err(error) = self.commit(writes).await {
            panic!("{error}: {error:?}");
        }
    }

    /// Commits what must be refused, and says which writes were named.
    async fn conflict(&self, writes: impl IntoIterator<Item = Write>) -> Vec<usize> {
        match self.commit(writes).await {
            Err(StoreError::Conflict(places)) => places,
            other => panic!("no conflict, but {other:?}"),
        }
    }

    pub(crate) async fn read(&self, sk: &str) -> Option<Record> {
        match self.store.get(&[key(sk)], self.now()).await {
            Ok(mut found) => found.pop().flatten(),
            Err(error) => panic!("{error}"),
        }
    }

    async fn version(&self, sk: &str) -> Expect {
        match self.read(sk).await {
            Some(record) => Expect::Version(record.version),
            None => panic!("{sk} is not there"),
        }
    }

    async fn names(&self, prefix: &str, page: &Page) -> (Vec<String>, Option<String>) {
        let range = Range {
            pk: "T#t#X#1".to_owned(),
            prefix: prefix.to_owned(),
        };
        match self.store.list(&range, page, self.now()).await {
            Ok(slice) => (names(&slice.records), slice.next),
            Err(error) => panic!("{error}"),
        }
    }

    async fn found(&self, query: IndexQuery, page: &Page) -> (Vec<String>, Option<String>) {
        match self.store.find(&query, page, self.now()).await {
            Ok(slice) => (names(&slice.records), slice.next),
            Err(error) => panic!("{error}"),
        }
    }
}

fn names(records: &[Record]) -> Vec<String> {
    let names = records.iter().map(|record| record.draft.key.sk.clone());
    names.collect()
}

/// One write that fails keeps all the others out.
pub async fn a_batch_is_written_wholly_or_not_at_all(subject: &Subject) {
    subject.write([put(draft("a", "1"), Expect::Absent)]).await;
    let named = subject
        .conflict([
            put(draft("b", "1"), Expect::Absent),
            put(draft("a", "2"), Expect::Absent),
            Write::Poke {
                key: key("c"),
                due: due_at(subject.now()),
            },
        ])
        .await;
    assert!(named.is_empty() || named == [1], "{named:?}");
    assert_eq!(subject.read("b").await, None);
    assert_eq!(subject.read("c").await, None);
    let a = subject.read("a").await.map(|record| record.draft);
    assert_eq!(a, Some(draft("a", "1")));
}

/// Absent, version and epoch, for puts, deletes and checks.
pub async fn every_expectation_is_held(subject: &Subject) {
    subject.write([put(draft("a", "1"), Expect::Absent)]).await;
    let version = subject.version("a").await;
    let stale = Expect::Version(Version(99));
    let wrong = [stale, Expect::Epoch(Epoch(7)), Expect::Absent];
    for expect in wrong {
        subject.conflict([put(draft("a", "2"), expect)]).await;
        let key = key("a");
        let delete = Write::Delete {
            key: key.clone(),
            expect,
        };
        subject.conflict([delete]).await;
        subject.conflict([Write::Check { key, expect }]).await;
    }
    for expect in [version, Expect::Epoch(Epoch(0))] {
        let nowhere = put(draft("none", "1"), expect);
        subject.conflict([nowhere]).await;
    }
    let check = |sk, expect| Write::Check {
        key: key(sk),
        expect,
    };
    subject
        .write([
            check("a", Expect::Epoch(Epoch(0))),
            check("none", Expect::Absent),
        ])
        .await;
    assert_eq!(
        subject.version("a").await,
        version,
        "a check writes nothing"
    );
    let key = key("a");
    subject
        .write([Write::Delete {
            key,
            expect: version,
        }])
        .await;
    assert_eq!(subject.read("a").await, None);
}

/// Expired, but perhaps not yet removed: every way of reading and writing agrees.
pub async fn what_is_past_its_deadline_is_not_there(subject: &Subject) {
    let index = |sk: &str| {
        Some(IndexKey {
            pk: "T#t#FIRST".to_owned(),
            sk: sk.to_owned(),
        })
    };
    let mut mortal = draft("a", "1");
    mortal.expires_at = Some(subject.now() + MINUTE);
    mortal.first = index("1");
    mortal.second = Second::Due(due_at(subject.now()));
    subject.write([put(mortal, Expect::Absent)]).await;
    let version = subject.version("a").await;
    subject.clock.pass(MINUTE);
    assert_eq!(subject.read("a").await, None);
    assert_eq!(subject.names("", &Page::first(9)).await.0, [""; 0]);
    let query = IndexQuery::First("T#t#FIRST".to_owned());
    assert_eq!(subject.found(query, &Page::first(9)).await.0, [""; 0]);
    let queue = QueueName::constant("work");
    let leased = subject
        .queue
        .lease(LeaseFrom::Poll(&queue), 9, MINUTE, Duration::ZERO);
    assert!(leased.await.is_ok_and(|leases| leases.is_empty()));
    subject.conflict([put(draft("a", "2"), version)]).await;
    subject.write([put(draft("a", "3"), Expect::Absent)]).await;
    let record = subject.read("a").await;
    assert_eq!(record.map(|record| record.draft), Some(draft("a", "3")));
}

/// Each batch writes one record and checks the other: whichever comes second must fail (write skew). The other may be there or not.
pub async fn batches_that_read_each_others_records_never_both_commit(subject: &Subject) {
    for round in 0..40 {
        let (one, other) = (format!("one{round}"), format!("other{round}"));
        let is_there = round % 2 == 0;
        if is_there {
            let create = [&one, &other].map(|sk| put(draft(sk, "0"), Expect::Absent));
            subject.write(create).await;
        }
        let crossed = |write: String, read: String| async move {
            let expect = async |sk: &str| match is_there {
                true => subject.version(sk).await,
                false => Expect::Absent,
            };
            subject.batch([
                put(draft(&write, "1"), expect(&write).await),
                Write::Check {
                    key: key(&read),
                    expect: expect(&read).await,
                },
            ])
        };
        let first = crossed(one.clone(), other.clone()).await;
        let second = crossed(other.clone(), one.clone()).await;
        let first = subject.store.commit(first);
        let second = subject.store.commit(second);
        let (first, second) = futures_util::future::join(first, second).await;
        assert!(
            first.is_err() || second.is_err(),
            "both were written in round {round}"
        );
        let written = [&one, &other].map(|sk| subject.read(sk));
        let written = futures_util::future::join_all(written).await;
        let count = written
            .iter()
            .flatten()
            .filter(|record| record.draft.body == "1");
        assert!(count.count() <= 1);
    }
}

/// A put raises the version and frees the record; only a lease raises the epoch.
pub async fn versions_grow_and_epochs_stay(subject: &Subject) {
    let mut due = draft("a", "1");
    due.second = Second::Due(due_at(subject.now()));
    subject.write([put(due.clone(), Expect::Absent)]).await;
    let before = subject
        .read("a")
        .await
        .map(|record| (record.version, record.epoch));
    let queue = QueueName::constant("work");
    let lease = |max| {
        subject
            .queue
            .lease(LeaseFrom::Poll(&queue), max, MINUTE, Duration::ZERO)
    };
    let leases = lease(1).await.unwrap_or_default();
    assert_eq!(leases.len(), 1);
    let leased = &leases[0].record;
    assert!(Some((leased.version, leased.epoch)) > before);
    let version = Expect::Version(leased.version);
    subject.write([put(due, version)]).await;
    let after = subject.read("a").await;
    let after = after.map(|record| (record.version > leased.version, record.epoch));
    assert_eq!(after, Some((true, leased.epoch)));
    // The put freed it, and it is due.
    let again = lease(1).await.unwrap_or_default();
    assert_eq!(again.len(), 1);
    assert!(again[0].record.epoch > leased.epoch);
}

/// A poke makes an actor look again, at once if it is free and after its present work if it is held.
pub async fn a_poke_creates_wakes_and_disturbs_no_holder(subject: &Subject) {
    let queue = QueueName::constant("work");
    let lease = || {
        subject
            .queue
            .lease(LeaseFrom::Poll(&queue), 9, MINUTE, Duration::ZERO)
    };
    let poke = |at| Write::Poke {
        key: key("LANE"),
        due: due_at(at),
    };
    subject.write([poke(subject.now())]).await;
    let leases = lease().await.unwrap_or_default();
    assert_eq!(leases.len(), 1, "a poke creates an actor that is due");
    let held = leases[0].record.clone();
    subject.write([poke(subject.now())]).await;
    assert_eq!(
        lease().await.unwrap_or_default().len(),
        0,
        "it is held still"
    );
    let idle = Draft::new(key("LANE"), "idle".into());
    let settle = |version| put(idle.clone(), Expect::Version(version));
    subject.conflict([settle(held.version)]).await;
    let seen = subject.read("LANE").await;
    let Some(seen) = seen else {
        panic!("it is gone")
    };
    assert_eq!(seen.epoch, held.epoch, "the holder sees its own epoch");
    subject.write([settle(seen.version)]).await;
    assert_eq!(lease().await.unwrap_or_default().len(), 0, "it is idle");
    subject.write([poke(subject.now())]).await;
    let woken = lease().await.unwrap_or_default();
    assert_eq!(woken.len(), 1, "a poke wakes an idle actor");
    assert_eq!(woken[0].record.draft.body, "idle", "and leaves its body");
}

/// Counters move within bounds and start anew past their deadline.
pub async fn a_counter_stays_within_its_bounds(subject: &Subject) {
    let end = subject.now() + MINUTE;
    let add = |delta, within: RangeInclusive<i64>, end| Write::Add {
        key: key("COUNT"),
        delta,
        within,
        expires_at: Some(end),
    };
    subject.write([add(7, 0..=10, end)]).await;
    subject.conflict([add(4, 0..=10, end)]).await;
    subject.conflict([add(-8, 0..=10, end)]).await;
    subject.write([add(3, 0..=10, end)]).await;
    let count = |record: Option<Record>| record.map(|record| record.count);
    assert_eq!(count(subject.read("COUNT").await), Some(10));
    subject.clock.pass(MINUTE);
    let end = subject.now() + MINUTE;
    subject.write([add(2, 0..=10, end)]).await;
    assert_eq!(count(subject.read("COUNT").await), Some(2));
}

/// One partition, in the order of bytes, with cursors.
pub async fn lists_are_ordered_and_paged_both_ways(subject: &Subject) {
    let all = ["EV#1", "EV#2", "EV#3", "EV#4", "EXEC", "EV", "Ä", "_", "%"];
    let writes = all.map(|sk| put(draft(sk, "x"), Expect::Absent));
    subject.write(writes).await;
    let elsewhere = Draft::new(Key::new("T#t#X#10", "EV#9"), Bytes::new());
    subject.write([put(elsewhere, Expect::Absent)]).await;
    let (first, next) = subject.names("EV#", &Page::first(3)).await;
    assert_eq!(first, ["EV#1", "EV#2", "EV#3"]);
    assert!(next.is_some());
    let (rest, end) = subject.names("EV#", &Page::first(3).after(next)).await;
    assert_eq!((rest, end), (vec!["EV#4".to_owned()], None));
    let (last, next) = subject.names("EV#", &Page::last(2)).await;
    assert_eq!(last, ["EV#4", "EV#3"]);
    let (rest, _) = subject.names("EV#", &Page::last(2).after(next)).await;
    assert_eq!(rest, ["EV#2", "EV#1"]);
    let mut sorted = all.map(str::to_owned);
    sorted.sort();
    assert_eq!(
        subject.names("", &Page::first(99)).await,
        (sorted.to_vec(), None)
    );
    for pattern in ["_", "%"] {
        assert_eq!(subject.names(pattern, &Page::first(9)).await.0, [pattern]);
    }
}

/// First and second index; a record that is due has no status, and leaves an index when it is written without.
pub async fn indexes_find_what_was_put_there(subject: &Subject) {
    let place = |pk: &str, sk: &str| IndexKey {
        pk: format!("T#t#{pk}"),
        sk: sk.to_owned(),
    };
    for (sk, at) in [("a", "2"), ("b", "1"), ("c", "3"), ("d", "3")] {
        let mut listed = draft(sk, "x");
        listed.first = Some(place("EXECS", at));
        listed.second = Second::Status(place("STATUS", at));
        subject.write([put(listed, Expect::Absent)]).await;
    }
    let mut due = draft("due", "x");
    due.second = Second::Due(due_at(subject.now()));
    subject.write([put(due, Expect::Absent)]).await;
    let status = || IndexQuery::Status("T#t#STATUS".to_owned());
    for query in [IndexQuery::First("T#t#EXECS".to_owned()), status()] {
        let (first, next) = subject.found(query.clone(), &Page::first(3)).await;
        assert_eq!(first[..2], ["b", "a"]);
        let (rest, end) = subject
            .found(query.clone(), &Page::first(3).after(next))
            .await;
        let mut ties = vec![first[2].clone(), rest[0].clone()];
        ties.sort();
        assert_eq!(
            (ties.as_slice(), end),
            (&["c".to_owned(), "d".to_owned()][..], None)
        );
        let (last, _) = subject.found(query, &Page::last(4)).await;
        assert_eq!(last[2..], ["a", "b"]);
    }
    let version = subject.version("b").await;
    subject.write([put(draft("b", "x"), version)]).await;
    assert_eq!(subject.found(status(), &Page::first(9)).await.0.len(), 3);
}

/// Empty, plain, random and as large as may be.
pub async fn bodies_of_any_bytes_come_back(subject: &Subject) {
    let mut chance = Chance::new(7);
    let sizes = [0, 1, 1023, 1024, 1025, 5000, MAX_BODY];
    for (number, size) in sizes.into_iter().enumerate() {
        let random: Vec<u8> = (0..size).map(|_| chance.draw().to_be_bytes()[0]).collect();
        let plain = vec![b'x'; size];
        for (kind, body) in [("random", random), ("plain", plain)] {
            let sk = format!("{kind}{number}");
            let body = Draft::new(key(&sk), body.into());
            subject.write([put(body.clone(), Expect::Absent)]).await;
            let read = subject.read(&sk).await.map(|record| record.draft);
            assert!(read == Some(body), "{sk} of {size} bytes came back changed");
        }
    }
}

/// Deadlines are kept to the millisecond, and a sweep says whether it left some.
pub async fn a_sweep_takes_only_what_is_past_its_deadline(subject: &Subject) {
    let start = subject.now();
    for number in 0..5_u32 {
        let mut mortal = draft(&format!("{number}"), "x");
        mortal.expires_at = Some(start + MINUTE * number);
        let now = start - MINUTE;
        let mut batch = Batch::at(now);
        if let Err(error) = batch.push(put(mortal, Expect::Absent)) {
            panic!("{error}");
        }
        assert!(subject.store.commit(batch).await.is_ok());
    }
    subject
        .write([put(draft("immortal", "x"), Expect::Absent)])
        .await;
    let sweep = |before, max| subject.store.sweep(before, max);
    if subject.forgets {
        let swept = sweep(start + MINUTE * 3, 2).await;
        assert!(swept.is_ok_and(|swept| swept.removed == 0 && !swept.has_more));
        subject.clock.pass(MINUTE * 2);
        let (left, _) = subject.names("", &Page::first(9)).await;
        assert_eq!(left, ["3", "4", "immortal"]);
        return;
    }
    let swept = sweep(start + MINUTE * 3, 2).await;
    assert!(swept.is_ok_and(|swept| swept.removed == 2 && swept.has_more));
    let swept = sweep(start + MINUTE * 3, 9).await;
    assert!(swept.is_ok_and(|swept| swept.removed == 1 && !swept.has_more));
    let (left, _) = subject.names("", &Page::first(9)).await;
    assert_eq!(left, ["3", "4", "immortal"]);
}

/// Thirty-two at once read, add one and write with the version they read.
pub async fn concurrent_counting_loses_nothing(subject: &Subject) {
    subject.write([put(draft("n", "0"), Expect::Absent)]).await;
    let one = || async {
        loop {
            let Some(record) = subject.read("n").await else {
                panic!("it is gone");
            };
            let text = String::from_utf8_lossy(&record.draft.body).into_owned();
            let number: u32 = text.parse().unwrap_or_default();
            let next = draft("n", &(number + 1).to_string());
            match subject
                .commit([put(next, Expect::Version(record.version))])
                .await
            {
                Ok(()) => return,
                Err(StoreError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    futures_util::future::join_all((0..32).map(|_| one())).await;
    let record = subject.read("n").await;
    assert_eq!(record.map(|record| record.draft.body), Some("32".into()));
}

/// Whoever does not know whether a commit happened does it again and learns that it had.
pub async fn a_commit_seen_twice_is_seen_as_done(subject: &Subject) {
    let writes = || {
        [
            put(draft("MARKER", "mine"), Expect::Absent),
            put(draft("JOB", "mine"), Expect::Absent),
        ]
    };
    subject.write(writes()).await;
    subject.conflict(writes()).await;
    let marker = subject.read("MARKER").await.map(|record| record.draft.body);
    assert_eq!(marker, Some("mine".into()));
    let job = subject.read("JOB").await.map(|record| record.version);
    assert_eq!(job, Some(Version(1)));
}
