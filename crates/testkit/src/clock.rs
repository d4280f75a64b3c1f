//! A clock that stands still until a test moves it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::ports::clock::Clock;
use pullmill_core::time::{Monotonic, Timestamp};

use crate::chance::Chance;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(Mutex<State>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    monotonic: Monotonic,
    chance: Chance,
    waiting: Vec<Waker>,
}

impl ManualClock {
    /// A clock that shows a time of 2026.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(State {
            now: Timestamp::from_millis(1_780_000_000_000),
            monotonic: Monotonic::default(),
            chance: Chance::new(1),
            waiting: Vec::new(),
        }))
    }

    /// Moves both clocks on.
    pub fn pass(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.now + time;
        state.monotonic = state.monotonic + time;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn monotonic(&self) -> Monotonic {
        self.state().monotonic
    }

    fn random(&self) -> u128 {
        let mut state = self.state();
        u128::from(state.chance.draw()) << 64 | u128::from(state.chance.draw())
    }

    async fn sleep_until(&self, at: Monotonic) {
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if state.monotonic >= at {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
