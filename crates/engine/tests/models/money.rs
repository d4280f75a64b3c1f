//! The cap holds: a thousand pull requests at once, crashes at every await, and a store that refuses, lags and loses replies (I21).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pullmill_core::breaker::BreakerLaw;
use pullmill_core::id::{ExecutionId, RepoName, TenantId};
use pullmill_core::models::{Caps, Money, Tier};
use pullmill_core::ports::forge::{PullRef, RepoRef};
use pullmill_core::ports::model::Unheard;
use pullmill_engine::Ports;
use pullmill_engine::desk::ledger::{self, Ledger, Payer, State};
use pullmill_engine::desk::{Account, Answered, Call, Desk, NotPaid, Part, Question, Unanswered};
use pullmill_testkit::chance::Chance;
use pullmill_testkit::weak::{Fault, Faults, WeakStore};

use super::*;

/// Goes wrong in so many of a thousand calls, and lets others run before each.
struct Troubles {
    chance: Mutex<Chance>,
    per_mille: u64,
}

#[async_trait]
impl Faults for Troubles {
    async fn next(&self, _: &'static str) -> Fault {
        tokio::task::yield_now().await;
        let mut chance = self.chance.lock().unwrap();
        if !chance.happens(self.per_mille) {
            return Fault::None;
        }
        let all = [
            Fault::Conflict,
            Fault::Unavailable,
            Fault::ReplyLost,
            Fault::RequestLost,
            Fault::Stale,
        ];
        all[chance.below(all.len())]
    }
}

fn tenant() -> TenantId {
    TenantId::parse("octo").unwrap()
}

fn payer(number: u64) -> Payer {
    Payer {
        tenant: tenant(),
        execution: ExecutionId::new(
            Timestamp::from_millis(1),
            u128::from(number) << 64 | u128::from(number),
        ),
        pull: Some(PullRef {
            repo: RepoRef {
                installation: 1,
                id: 7,
                name: RepoName::parse("octo/shop").unwrap(),
            },
            number,
        }),
    }
}

fn question(number: u64) -> Question {
    Question {
        tier: Tier::Balanced,
        system: "Review it.".to_owned(),
        parts: vec![Part::Theirs(format!(
            "change {number} {}",
            "x".repeat(2_000)
        ))],
        schema: None,
    }
}

/// A world with one store, and a model that counts what it really costs.
struct World {
    ports: Ports,
    catalogue: Arc<Catalogue>,
    model: Arc<Scripted>,
    spent: Arc<AtomicI64>,
}

fn world(seed: u64, per_mille: u64, caps: &str) -> World {
    let clock: Arc<dyn Clock> = Arc::new(Rushing::default());
    let faults = Troubles {
        chance: Mutex::new(Chance::new(seed)),
        per_mille,
    };
    let store = Arc::new(WeakStore::new(Arc::clone(&clock), Arc::new(faults)));
    let catalogue = catalogue(caps);
    let spent = Arc::new(AtomicI64::new(0));
    let price = catalogue.models["scripted"].usd;
    let counted = Arc::clone(&spent);
    let chance = Mutex::new(Chance::new(seed ^ 0xabc));
    let model = Scripted::new(move |ask| {
        let mut chance = chance.lock().unwrap();
        let sent = (ask.system.len() + ask.content.len()) / 4;
        let usage = Usage {
            input: sent as u64,
            output: chance.below(ask.max_output as usize) as u64,
            ..Usage::default()
        };
        // A refused call costs nothing, a lost one may have cost everything.
        if chance.happens(100) {
            return Err(ModelError::Refused("no".to_owned()));
        }
        counted.fetch_add(price.of(&usage).0, Ordering::SeqCst);
        match chance.happens(100) {
            true => Err(ModelError::Unreadable("lost".to_owned())),
            false => Ok(("an answer".to_owned(), usage)),
        }
    });
    World {
        ports: Ports {
            store: store.clone(),
            queue: store.clone(),
            blobs: store,
            clock,
        },
        catalogue,
        model,
        spent,
    }
}

impl World {
    fn desk(&self, account: Box<dyn Account>) -> Desk {
        let clock = Arc::clone(&self.ports.clock);
        Desk::new(
            Arc::clone(&self.catalogue),
            self.model.clone(),
            clock,
            account,
        )
    }

    fn ledger(&self, number: u64) -> Box<dyn Account> {
        let law = BreakerLaw {
            failures: usize::MAX,
            ..BreakerLaw::default()
        };
        let caps = self.catalogue.caps;
        Box::new(Ledger::new(self.ports.clone(), law, caps, payer(number)))
    }
}

type Asking<'a> = Pin<Box<dyn Future<Output = Result<Answered, Unanswered>> + 'a>>;

/// Runs many at once in an order of chance; each may be dropped at any await, as a process that is killed drops them.
fn storm<'a>(seed: u64, count: u64, begin: impl Fn(u64) -> Asking<'a>) -> u64 {
    let mut chance = Chance::new(seed);
    let mut running: Vec<(u64, Asking<'a>)> = Vec::new();
    let mut waiting: Vec<u64> = (0..count).rev().collect();
    let mut answered = 0;
    let mut context = Context::from_waker(Waker::noop());
    loop {
        while running.len() < 24
            && let Some(number) = waiting.pop()
        {
            running.push((number, begin(number)));
        }
        if running.is_empty() {
            return answered;
        }
        let place = chance.below(running.len());
        if chance.happens(15) {
            // Killed; somebody begins anew, mostly.
            let (number, killed) = running.swap_remove(place);
            drop(killed);
            if chance.happens(900) {
                waiting.push(number);
            }
            continue;
        }
        if let Poll::Ready(result) = running[place].1.as_mut().poll(&mut context) {
            answered += u64::from(result.is_ok());
            drop(running.swap_remove(place));
        }
    }
}

#[test]
fn i21_a_storm_of_a_thousand_pull_requests_never_spends_more_than_the_cap_across_crashes() {
    for seed in 0..4 {
        let world = world(seed, 40, "[caps]\nday = 1.0\n");
        let desks: Vec<Question> = (0..1_000).map(question).collect();
        let answered = storm(seed, 1_000, |number| {
            let desk = world.desk(world.ledger(number));
            let question = desks[number as usize].clone();
            Box::pin(async move { desk.ask(&question, &mut Unheard).await })
        });
        let spent = Money(world.spent.load(Ordering::SeqCst));
        assert!(spent <= Money(1_000_000), "{seed}: {spent}");
        // The cap is what ended it, not a mistake.
        assert!(
            spent > Money(200_000) && answered > 5,
            "{seed}: {spent} for {answered}"
        );
        // What is written down is never less than what was spent.
        let (now, tenant) = (world.ports.clock.now(), tenant());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let entries = loop {
            // The store goes on failing; people ask again.
            let asked = ledger::entries(
                &world.ports,
                &tenant,
                now - Duration::from_secs(86_400),
                100_000,
            );
            if let Ok(entries) = runtime.block_on(asked) {
                break entries;
            }
        };
        let charged: i64 = entries.iter().map(|entry| entry.charged).sum();
        assert!(charged >= spent.0, "{seed}: {charged} of {spent}");
    }
}

/// Pays nothing: the cap means nothing to it.
struct Unpaid;

#[async_trait]
impl Account for Unpaid {
    async fn recall(&self, _: &Call) -> Option<Answer> {
        None
    }
    async fn wait(&self, _: &str) -> Option<Duration> {
        None
    }
    async fn reserve(&self, _: &Call) -> Result<(), NotPaid> {
        Ok(())
    }
    async fn settle(&self, _: &Call, _: Result<(&Answer, Money), &ModelError>) {}
    async fn keep(&self, _: &Call, _: &Answer) {}
}

/// The negative control of the storm: without reservations it is passed by far.
#[test]
fn a_storm_without_reservations_passes_the_cap() {
    let world = world(1, 0, "[caps]\nday = 1.0\n");
    storm(1, 1_000, |number| {
        let desk = world.desk(Box::new(Unpaid));
        Box::pin(async move { desk.ask(&question(number), &mut Unheard).await })
    });
    assert!(world.spent.load(Ordering::SeqCst) > 5_000_000);
}

#[tokio::test]
async fn an_answer_that_was_paid_for_is_not_paid_for_again_after_a_crash() {
    let world = world(3, 0, "");
    let mut paid = 0;
    for _ in 0..3 {
        // Each time another process, which knows nothing but the records.
        let desk = world.desk(world.ledger(1));
        if desk.ask(&question(1), &mut Unheard).await.is_ok() {
            paid = world.model.asked.lock().unwrap().len();
            break;
        }
    }
    for _ in 0..5 {
        let desk = world.desk(world.ledger(1));
        desk.ask(&question(1), &mut Unheard).await.unwrap();
    }
    assert_eq!(world.model.asked.lock().unwrap().len(), paid);
    // Another execution pays for itself, unless the answer was of use and kept for all.
    let desk = world.desk(world.ledger(2));
    let _ = desk.ask(&question(1), &mut Unheard).await;
    assert!(world.model.asked.lock().unwrap().len() > paid);
    let desk = world.desk(world.ledger(1));
    let answered = desk.ask(&question(1), &mut Unheard).await.unwrap();
    desk.keep(&answered).await;
    let before = world.model.asked.lock().unwrap().len();
    let desk = world.desk(world.ledger(3));
    desk.ask(&question(1), &mut Unheard).await.unwrap();
    assert_eq!(world.model.asked.lock().unwrap().len(), before);
}

#[tokio::test]
async fn every_cap_is_named_when_it_stops_a_call() {
    for cap in [
        "call",
        "execution",
        "pull",
        "repo_day",
        "owner_day",
        "day",
        "month",
    ] {
        let world = world(1, 0, &format!("[caps]\n{cap} = 0.001\n"));
        let desk = world.desk(world.ledger(1));
        let refused = desk.ask(&question(1), &mut Unheard).await.unwrap_err();
        let words = refused.to_string();
        assert!(matches!(refused, Unanswered::Budget(_)), "{words}");
        assert!(
            words.contains(&format!("`caps.{cap}` is 0.0010 USD")),
            "{words}"
        );
        assert!(world.model.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_nobody_knows_the_price_of_stays_charged() {
    let world = world(1, 0, "");
    let model = Scripted::new(|_| Err(ModelError::Late("no answer".to_owned())));
    let clock = Arc::clone(&world.ports.clock);
    let desk = Desk::new(Arc::clone(&world.catalogue), model, clock, world.ledger(1));
    desk.ask(&question(1), &mut Unheard).await.unwrap_err();
    let since = world.ports.clock.now() - Duration::from_secs(3600);
    let entries = ledger::entries(&world.ports, &tenant(), since, 10)
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].state, entries[0].charged),
        (State::Unknown, entries[0].reserved)
    );
    let caps: Caps = world.catalogue.caps;
    assert!(entries[0].charged > 0 && Money(entries[0].charged) <= caps.call);
}

#[tokio::test]
async fn a_provider_that_fails_five_times_is_left_alone_for_a_while() {
    let world = world(1, 0, "[limits]\nretries = 0\n");
    let model = Scripted::new(|_| Err(ModelError::Unavailable("down".to_owned())));
    let account = |number: u64| -> Box<dyn Account> {
        let caps = world.catalogue.caps;
        Box::new(Ledger::new(
            world.ports.clone(),
            BreakerLaw::default(),
            caps,
            payer(number),
        ))
    };
    for number in 0..5 {
        let clock = Arc::clone(&world.ports.clock);
        let desk = Desk::new(
            Arc::clone(&world.catalogue),
            model.clone(),
            clock,
            account(number),
        );
        desk.ask(&question(number), &mut Unheard).await.unwrap_err();
    }
    let clock = Arc::clone(&world.ports.clock);
    let desk = Desk::new(
        Arc::clone(&world.catalogue),
        model.clone(),
        clock,
        account(9),
    );
    let refused = desk.ask(&question(9), &mut Unheard).await.unwrap_err();
    assert!(
        refused.to_string().contains("is left alone for"),
        "{refused}"
    );
    assert_eq!(model.asked.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn a_cheaper_model_is_asked_for_want_of_money_and_not_for_a_fault() {
    let cheap = "[tiers]\nfast = [\"cheap\"]\nbalanced = [\"scripted\"]\ndeep = [\"scripted\"]\n\
        [providers.scripted]\nkind = \"anthropic\"\nendpoint = \"http://127.0.0.1:1\"\n\
        [limits]\nretries = 0\n[caps]\ncall = 0.01\n";
    let model = |name: &str, input: f64| {
        format!(
            "[models.{name}]\nprovider = \"scripted\"\nid = \"{name}\"\nwindow = 100000\n\
             usd = {{ input = {input:?}, output = {input:?}, cache_read = 0.0, cache_write = 0.0 }}\n\
             source = \"a test\"\ndate = \"2026-01-01\"\ntokens = 1.0\n"
        )
    };
    for (price, is_down, wanted) in [(30.0, false, "cheap"), (1.0, true, "scripted")] {
        let text = format!("{cheap}{}{}", model("scripted", price), model("cheap", 0.1));
        let catalogue = Arc::new(Catalogue::read(Some(&text)).unwrap());
        let asked = Scripted::new(move |_| match is_down {
            true => Err(ModelError::Unavailable("down".to_owned())),
            false => Ok(("an answer".to_owned(), Usage::default())),
        });
        let clock: Arc<dyn Clock> = Arc::new(Rushing::default());
        let purse = Box::new(pullmill_engine::desk::Purse::new(&catalogue.caps));
        let desk = Desk::new(Arc::clone(&catalogue), asked.clone(), clock, purse);
        let answered = desk.ask(&question(1), &mut Unheard).await;
        assert_eq!(answered.is_err(), is_down);
        let names: Vec<String> = asked
            .asked
            .lock()
            .unwrap()
            .iter()
            .map(|ask| ask.model.clone())
            .collect();
        assert_eq!(names, [wanted], "{price}");
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_there_is_time() {
    struct Never;
    #[async_trait]
    impl Model for Never {
        async fn ask(
            &self,
            _: &Ask,
            _: &Reservation,
            _: &mut dyn Progress,
        ) -> Result<Answer, ModelError> {
            std::future::pending().await
        }
        fn count(&self, _: &str, _: &str) -> u32 {
            1
        }
        fn has(&self, _: &str) -> bool {
            true
        }
    }
    let catalogue = catalogue("");
    let clock: Arc<dyn Clock> = Arc::new(Rushing::default());
    let until = clock.monotonic() + Duration::from_secs(10);
    let purse = Box::new(pullmill_engine::desk::Purse::new(&catalogue.caps));
    let desk = Desk::new(catalogue, Arc::new(Never), clock, purse).until(until);
    for _ in 0..2 {
        let refused = desk.ask(&question(1), &mut Unheard).await.unwrap_err();
        assert_eq!(refused, Unanswered::OutOfTime);
    }
}
