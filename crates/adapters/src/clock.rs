//! The clocks of this machine and its source of chance.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pullmill_core::ports::clock::Clock;
use pullmill_core::time::{Monotonic, Timestamp};
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// Also counts while the machine sleeps or the process is stopped.
    fn monotonic(&self) -> Monotonic {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Monotonic(Duration::new(seconds, nanos))
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        let mut filled = 0;
        while filled < bytes.len() {
            // The kernel gives up to 256 bytes at once as soon as it is up; an interruption is the only way it gives fewer.
            filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty()).unwrap_or(0);
        }
        u128::from_be_bytes(bytes)
    }

    async fn sleep_until(&self, at: Monotonic) {
        loop {
            let left = at.0.saturating_sub(self.monotonic().0);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

/// This machine's clocks, with the wall clock set to a server's: all who use that server agree about the time.
#[derive(Debug, Default)]
pub struct ServerClock {
    /// How far the server is ahead of this machine, in milliseconds.
    ahead: AtomicI64,
}

impl ServerClock {
    /// Sets it to what the server said between being asked and the answer's coming.
    pub fn set(&self, said: Timestamp, asked: Timestamp, answered: Timestamp) {
        let middle = asked + answered.since(asked) / 2;
        let ahead = said.millis().saturating_sub(middle.millis());
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// How far the server is ahead of this machine, in milliseconds.
    #[must_use]
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let here = SystemClock.now().millis();
        Timestamp::from_millis(here.saturating_add(self.ahead()))
    }

    fn monotonic(&self) -> Monotonic {
        SystemClock.monotonic()
    }

    fn random(&self) -> u128 {
        SystemClock.random()
    }

    async fn sleep_until(&self, at: Monotonic) {
        SystemClock.sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_follows_a_right_one() {
        let clock = ServerClock::default();
        let hour = Duration::from_secs(3600);
        let asked = SystemClock.now();
        clock.set(asked + hour, asked, asked);
        assert!(clock.now() >= asked + hour);
        assert!(clock.now() < asked + hour * 2);
        clock.set(asked - hour, asked, asked + Duration::from_secs(2));
        assert_eq!(clock.ahead(), -3_601_000);
    }

    #[test]
    fn time_passes_and_chance_differs() {
        let clock = SystemClock;
        assert!(clock.now() > Timestamp::from_millis(1_700_000_000_000));
        let before = clock.monotonic();
        assert_ne!(clock.random(), clock.random());
        assert!(clock.monotonic() > before);
    }
}
