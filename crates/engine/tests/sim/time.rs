//! Virtual time: it stands still while anybody can go on, and then jumps to the next moment somebody waits for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::ports::clock::Clock;
use pullmill_core::time::{Monotonic, Timestamp};
use pullmill_testkit::chance::Chance;

/// The wall clock at the start.
const START: i64 = 1_780_000_000_000;

/// What all clocks of a simulation share.
pub struct Time(Mutex<State>);

struct State {
    passed: Duration,
    chance: Chance,
    waiting: BinaryHeap<Reverse<Waiting>>,
    number: u64,
}

struct Waiting {
    at: Duration,
    number: u64,
    waker: Waker,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Time {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            passed: Duration::ZERO,
            chance: Chance::new(seed),
            waiting: BinaryHeap::new(),
            number: 0,
        })))
    }

    pub fn passed(&self) -> Duration {
        self.0.lock().unwrap().passed
    }

    pub fn true_now(&self) -> Timestamp {
        Timestamp::from_millis(START) + self.passed()
    }

    pub fn chance<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.0.lock().unwrap().chance)
    }

    /// Jumps to the next moment somebody waits for, if it is before `end`.
    pub fn jump(&self, end: Duration) -> bool {
        let mut state = self.0.lock().unwrap();
        let Some(Reverse(next)) = state.waiting.pop() else {
            return false;
        };
        if next.at > end {
            return false;
        }
        state.passed = state.passed.max(next.at);
        drop(state);
        next.waker.wake();
        true
    }

    /// Waits until so much time has passed since the start.
    pub async fn until(&self, at: Duration) {
        let mut is_registered = false;
        std::future::poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            if state.passed >= at {
                return Poll::Ready(());
            }
            if !is_registered {
                is_registered = true;
                state.number += 1;
                let waiting = Waiting {
                    at,
                    number: state.number,
                    waker: context.waker().clone(),
                };
                state.waiting.push(Reverse(waiting));
            }
            Poll::Pending
        })
        .await;
    }

    pub async fn pause(&self, time: Duration) {
        self.until(self.passed() + time).await;
    }
}

/// A machine's clocks: its wall clock is wrong by some time.
pub struct SkewedClock {
    pub time: Arc<Time>,
    pub skew_millis: i64,
}

#[async_trait]
impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.time.true_now().millis() + self.skew_millis)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.time.passed())
    }

    fn random(&self) -> u128 {
        let draw = || u128::from(self.time.chance(Chance::draw));
        draw() << 64 | draw()
    }

    async fn sleep_until(&self, at: Monotonic) {
        self.time.until(at.0).await;
    }
}
