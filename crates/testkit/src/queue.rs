//! The contract of the queue port, one scenario per function.

use std::time::Duration;

use futures_util::future::join;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Expect, Write};
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::queue::{Hint, Lease, LeaseFrom, QueueError};
use pullmill_core::ports::store::{Draft, Due, Key, Second};

use crate::Subject;

/// Runs every scenario on what `$open` gives.
#[macro_export]
macro_rules! queue_contract {
    ($open:path) => {
        $crate::__contract!(
            queue,
            $open,
            [
                a_due_record_goes_to_one_holder,
                nothing_is_leased_before_it_is_due,
                the_oldest_comes_first,
                no_tenant_waits_behind_all_of_another,
                a_crash_is_stolen_from_and_the_zombie_is_kept_out,
                extending_keeps_thieves_away_and_the_version,
                a_settled_record_cannot_be_extended,
                hints_lead_to_what_is_due_and_to_nothing_else,
                a_hint_ends_the_waiting,
                waiting_ends_when_something_falls_due,
                depths_are_counted,
                what_is_overdue_is_hinted_at_again,
            ]
        );
    };
}

const MINUTE: Duration = Duration::from_secs(60);

fn queue() -> QueueName {
    QueueName::constant("work")
}

fn key(sk: &str) -> Key {
    Key::new("T#t#X#1", sk)
}

impl Subject {
    fn due(&self, delay: Duration) -> Due {
        Due {
            queue: queue(),
            tenant: TenantId::local(),
            at: self.clock.now() + delay,
        }
    }

    fn task(&self, sk: &str, delay: Duration, expect: Expect) -> Write {
        let mut draft = Draft::new(key(sk), "task".into());
        draft.second = Second::Due(self.due(delay));
        Write::Put { draft, expect }
    }

    async fn add(&self, sk: &str, delay: Duration) {
        self.write([self.task(sk, delay, Expect::Absent)]).await;
    }

    async fn poll(&self, max: usize) -> Vec<Lease> {
        self.leases(LeaseFrom::Poll(&queue()), max).await
    }

    async fn leases(&self, from: LeaseFrom<'_>, max: usize) -> Vec<Lease> {
        match self.queue.lease(from, max, MINUTE, Duration::ZERO).await {
            Ok(leases) => leases,
            Err(error) => panic!("{error}"),
        }
    }

    async fn names_polled(&self, max: usize) -> Vec<String> {
        let leases = self.poll(max).await;
        let names = leases.iter().map(|lease| lease.record.draft.key.sk.clone());
        names.collect()
    }

    fn done(lease: &Lease) -> Write {
        Write::Put {
            draft: Draft::new(lease.record.draft.key.clone(), "done".into()),
            expect: Expect::Version(lease.record.version),
        }
    }

    async fn settles(&self, lease: &Lease) -> bool {
        let mut batch = pullmill_core::ports::batch::Batch::at(self.clock.now());
        if let Err(error) = batch.push(Self::done(lease)) {
            panic!("{error}");
        }
        self.store.commit(batch).await.is_ok()
    }
}

/// Two at once get different records, and a third gets none.
pub async fn a_due_record_goes_to_one_holder(subject: &Subject) {
    for sk in ["a", "b", "c", "d"] {
        subject.add(sk, Duration::ZERO).await;
    }
    let (one, other) = join(subject.names_polled(2), subject.names_polled(2)).await;
    let mut all = [one, other].concat();
    all.sort();
    assert_eq!(all, ["a", "b", "c", "d"]);
    assert_eq!(subject.names_polled(9).await, [""; 0]);
}

/// Delays and timers are nothing but due times.
pub async fn nothing_is_leased_before_it_is_due(subject: &Subject) {
    subject.add("later", MINUTE).await;
    assert_eq!(subject.names_polled(9).await, [""; 0]);
    subject.clock.pass(MINUTE - Duration::from_millis(1));
    assert_eq!(subject.names_polled(9).await, [""; 0]);
    subject.clock.pass(Duration::from_millis(1));
    assert_eq!(subject.names_polled(9).await, ["later"]);
}

/// What has waited longest goes first, and no more than asked for.
pub async fn the_oldest_comes_first(subject: &Subject) {
    for (sk, delay) in [("third", 3), ("first", 1), ("second", 2)] {
        subject.add(sk, Duration::from_secs(delay)).await;
    }
    subject.clock.pass(MINUTE);
    assert_eq!(subject.names_polled(2).await, ["first", "second"]);
    assert_eq!(subject.names_polled(2).await, ["third"]);
}

/// I32: one tenant's hundred do not hold up another's one, whoever was first.
pub async fn no_tenant_waits_behind_all_of_another(subject: &Subject) {
    let add = |tenant: &str, number: usize| {
        let key = Key::new(format!("T#{tenant}#X#{number}"), "TASK#a#0");
        let mut draft = Draft::new(key, tenant.to_owned().into());
        let tenant = TenantId::parse(tenant).unwrap_or_else(|error| panic!("{error}"));
        draft.second = Second::Due(Due {
            tenant,
            ..subject.due(Duration::ZERO)
        });
        let expect = Expect::Absent;
        Write::Put { draft, expect }
    };
    for number in 0..100 {
        subject.write([add("greedy", number)]).await;
    }
    subject.clock.pass(MINUTE / 6);
    for tenant in ["another", "modest"] {
        subject.write([add(tenant, 0)]).await;
    }
    let mut served = Vec::new();
    for _ in 0..3 {
        let leases = subject.poll(1).await;
        let owners = leases.iter().map(|lease| lease.record.draft.body.clone());
        served.extend(owners.map(|owner| String::from_utf8_lossy(&owner).into_owned()));
    }
    served.sort();
    // The greedy one may have had its turn first, and between the others.
    for tenant in ["another", "modest"] {
        let is_served = served.iter().any(|owner| owner == tenant);
        assert!(
            is_served
                || subject
                    .poll(3)
                    .await
                    .iter()
                    .any(|lease| lease.record.draft.body == tenant)
        );
    }
    let rest = subject.poll(200).await.len();
    assert!(rest > 0 && subject.poll(1).await.is_empty(), "{rest}");
}

/// A holder that says nothing loses the record to a thief, and can then write no more.
pub async fn a_crash_is_stolen_from_and_the_zombie_is_kept_out(subject: &Subject) {
    subject.add("a", Duration::ZERO).await;
    let mut zombie = subject.poll(1).await.remove(0);
    assert_eq!(zombie.until, subject.clock.now() + MINUTE);
    subject.clock.pass(MINUTE);
    let thief = subject.poll(1).await.remove(0);
    assert_eq!(thief.record.epoch.0, zombie.record.epoch.0 + 1);
    assert!(!subject.settles(&zombie).await, "the zombie wrote");
    let extended = subject.queue.extend(&mut zombie, MINUTE).await;
    assert!(matches!(extended, Err(QueueError::LeaseLost)));
    assert!(subject.settles(&thief).await);
    assert!(
        !subject.settles(&zombie).await,
        "the zombie wrote after all"
    );
    assert_eq!(subject.names_polled(9).await, [""; 0]);
}

/// A heartbeat moves the end of the lease and nothing else.
pub async fn extending_keeps_thieves_away_and_the_version(subject: &Subject) {
    subject.add("a", Duration::ZERO).await;
    let mut lease = subject.poll(1).await.remove(0);
    for _ in 0..3 {
        subject.clock.pass(MINUTE / 2);
        assert!(subject.queue.extend(&mut lease, MINUTE).await.is_ok());
        assert_eq!(lease.until, subject.clock.now() + MINUTE);
        assert_eq!(subject.names_polled(9).await, [""; 0]);
    }
    assert!(subject.settles(&lease).await, "the version moved");
}

/// Somebody else may settle a held record, e.g. to cancel it; its holder learns it.
pub async fn a_settled_record_cannot_be_extended(subject: &Subject) {
    subject.add("a", Duration::ZERO).await;
    let mut lease = subject.poll(1).await.remove(0);
    subject.write([Subject::done(&lease)]).await;
    let extended = subject.queue.extend(&mut lease, MINUTE).await;
    assert!(matches!(extended, Err(QueueError::LeaseLost)));
    assert_eq!(subject.names_polled(9).await, [""; 0]);
}

/// A message is a hint: what it names is leased if it is due, and forgotten if not.
pub async fn hints_lead_to_what_is_due_and_to_nothing_else(subject: &Subject) {
    subject.add("due", Duration::ZERO).await;
    subject.add("later", MINUTE).await;
    subject.add("held", Duration::ZERO).await;
    let hint = |sk: &str| Hint {
        queue: queue(),
        key: key(sk),
        receipt: Some(sk.to_owned()),
    };
    let held = subject.leases(LeaseFrom::Hints(&[hint("held")]), 9).await;
    assert_eq!(held.len(), 1);
    let hints = ["held", "later", "none", "due", "due"].map(hint);
    let leases = subject.leases(LeaseFrom::Hints(&hints), 9).await;
    let names = leases.iter().map(|lease| lease.receipt.as_deref());
    assert_eq!(names.collect::<Vec<_>>(), [Some("due")]);
}

/// A poll that found nothing goes on as soon as it is told of something.
pub async fn a_hint_ends_the_waiting(subject: &Subject) {
    let waiting = async {
        let queue = queue();
        let from = LeaseFrom::Poll(&queue);
        subject.queue.lease(from, 1, MINUTE, MINUTE * 60).await
    };
    let telling = async {
        subject.add("a", Duration::ZERO).await;
        let hint = (subject.due(Duration::ZERO), key("a"));
        assert!(subject.queue.wake(&[hint]).await.is_ok());
    };
    let (leases, ()) = join(waiting, telling).await;
    assert!(leases.is_ok_and(|leases| leases.len() == 1));
}

/// A poll knows when the next record falls due.
pub async fn waiting_ends_when_something_falls_due(subject: &Subject) {
    subject.add("a", MINUTE).await;
    let waiting = async {
        let queue = queue();
        let from = LeaseFrom::Poll(&queue);
        subject.queue.lease(from, 1, MINUTE, MINUTE * 60).await
    };
    let waiting = std::pin::pin!(waiting);
    let mut waiting = Some(waiting);
    let leases = std::future::poll_fn(|context| {
        let Some(future) = waiting.as_mut() else {
            panic!("it was polled after its end");
        };
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            // Time goes on while it waits.
            subject.clock.pass(Duration::from_secs(1));
        } else {
            waiting = None;
        }
        polled
    });
    assert!(leases.await.is_ok_and(|leases| leases.len() == 1));
}

/// Ready, delayed and leased.
pub async fn depths_are_counted(subject: &Subject) {
    subject.add("old", Duration::ZERO).await;
    let since = subject.clock.now();
    subject.clock.pass(MINUTE);
    for sk in ["a", "b"] {
        subject.add(sk, Duration::ZERO).await;
    }
    subject.add("later", MINUTE).await;
    let depth = || async { subject.queue.depth(&queue()).await.unwrap_or_default() };
    let before = depth().await;
    assert_eq!((before.ready, before.delayed, before.leased), (3, 1, 0));
    assert_eq!(before.oldest, Some(since));
    subject.poll(1).await;
    let after = depth().await;
    assert_eq!((after.ready, after.delayed, after.leased), (2, 1, 1));
    assert!(after.oldest > Some(since));
}

/// Lost hints are made good.
pub async fn what_is_overdue_is_hinted_at_again(subject: &Subject) {
    subject.add("a", Duration::ZERO).await;
    let recover = || subject.queue.recover(&QUEUE, MINUTE);
    assert!(recover().await.is_ok_and(|count| count == 0));
    subject.clock.pass(MINUTE * 2);
    assert!(recover().await.is_ok_and(|count| count == 1));
}

static QUEUE: std::sync::LazyLock<QueueName> = std::sync::LazyLock::new(queue);
