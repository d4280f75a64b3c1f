//! The clock: the only way to time and chance.

use std::time::Duration;

use async_trait::async_trait;

use crate::time::{Monotonic, Timestamp};

/// Tells the time and gives chance.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock, which may jump. Nothing but deadlines of records depends on it.
    fn now(&self) -> Timestamp;

    /// A clock that never goes back.
    fn monotonic(&self) -> Monotonic;

    /// Bits nobody can foresee.
    fn random(&self) -> u128;

    /// Waits until the monotonic clock shows this.
    async fn sleep_until(&self, at: Monotonic);
}

/// Waits for a while.
pub async fn sleep(clock: &dyn Clock, time: Duration) {
    clock.sleep_until(clock.monotonic() + time).await;
}
