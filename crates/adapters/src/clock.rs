//! The clocks of this machine and its source of chance.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_and_chance_differs() {
        let clock = SystemClock;
        assert!(clock.now() > Timestamp::from_millis(1_700_000_000_000));
        let before = clock.monotonic();
        assert_ne!(clock.random(), clock.random());
        assert!(clock.monotonic() > before);
    }
}
