//! How fast an installation may write: a small bucket, windows of a minute and an hour, and the forge's own word (decision 16).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The limits. GitHub asks for a second between writes and allows 80 a minute and 500 an hour
/// (its "Rate limits for the REST API" and "Best practices for using the REST API").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaceLaw {
    /// Writes that may follow each other at once.
    pub burst: u32,
    /// How long one write takes to be earned again.
    pub refill: Duration,
    /// Most writes in any minute.
    pub per_minute: usize,
    /// Most writes in any hour.
    pub per_hour: usize,
}

impl Default for PaceLaw {
    fn default() -> Self {
        Self {
            burst: 4,
            refill: Duration::from_secs(1),
            per_minute: 80,
            per_hour: 500,
        }
    }
}

impl PaceLaw {
    /// No limits but the forge's own word: for a forge on this machine.
    #[must_use]
    pub fn none() -> Self {
        Self {
            burst: 1,
            refill: Duration::ZERO,
            per_minute: usize::MAX,
            per_hour: usize::MAX,
        }
    }
}

/// What is remembered of an installation's writes. Shared by all workers as a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// When the bucket is full again.
    full_at: Timestamp,
    /// Writes of the last minute, oldest first.
    recent: Vec<Timestamp>,
    /// Writes of the last hour by minute: when the minute began, and how many.
    minutes: Vec<(Timestamp, usize)>,
    /// The forge wants nothing before.
    blocked_until: Timestamp,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Pace {
    /// When the next write may be sent; not after `now` if it may be sent at once.
    #[must_use]
    pub fn next(&self, law: &PaceLaw, now: Timestamp) -> Timestamp {
        let room = law.refill.saturating_mul(law.burst.saturating_sub(1));
        let mut next = self.blocked_until.max(self.full_at - room);
        // The write that has to be a minute old before another one fits.
        if let Some(behind) = self.recent.len().checked_sub(law.per_minute) {
            next = next.max(self.recent.get(behind).map_or(next, |at| *at + MINUTE));
        }
        let mut count: usize = self.minutes.iter().map(|(_, count)| count).sum();
        for (begun, of_it) in &self.minutes {
            if count < law.per_hour {
                break;
            }
            // A minute counts until its last write is an hour old.
            next = next.max(*begun + MINUTE + HOUR);
            count -= of_it;
        }
        next.max(Timestamp::default())
            .min(now + HOUR * 2)
            .max(self.blocked_until)
    }

    /// Counts a write.
    pub fn spend(&mut self, law: &PaceLaw, now: Timestamp) {
        self.full_at = self.full_at.max(now) + law.refill;
        self.recent.retain(|at| now.since(*at) < MINUTE);
        self.minutes
            .retain(|(begun, _)| now.since(*begun) < MINUTE + HOUR);
        if law.per_minute < usize::MAX {
            self.recent.push(now);
        }
        if law.per_hour < usize::MAX {
            match self.minutes.last_mut() {
                Some((begun, count)) if now.since(*begun) < MINUTE => *count += 1,
                _ => self.minutes.push((now, 1)),
            }
        }
    }

    /// Sends nothing before a time.
    pub fn block(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn i17_no_second_minute_or_hour_has_more_writes_than_the_law(
            pauses in prop::collection::vec(0_u64..20_000, 1..900),
            block in 0_usize..900,
        ) {
            let law = PaceLaw::default();
            let mut pace = Pace::default();
            let mut now = Timestamp::from_millis(1_000_000);
            let mut sent: Vec<Timestamp> = Vec::new();
            for (number, pause) in pauses.into_iter().enumerate() {
                now = now + Duration::from_millis(pause);
                if number == block {
                    pace.block(now + HOUR);
                    prop_assert!(pace.next(&law, now) >= now + HOUR);
                }
                now = now.max(pace.next(&law, now));
                prop_assert!(pace.next(&law, now) <= now);
                pace.spend(&law, now);
                sent.push(now);
            }
            let within = |end: usize, time: Duration| {
                sent[..=end].iter().filter(|at| sent[end].since(**at) < time).count()
            };
            for end in 0..sent.len() {
                prop_assert!(within(end, Duration::from_secs(1)) <= 5);
                prop_assert!(within(end, MINUTE) <= 64);
                prop_assert!(within(end, HOUR) <= law.per_hour);
            }
        }
    }

    #[test]
    fn four_go_at_once_and_then_one_a_second() {
        let law = PaceLaw::default();
        let mut pace = Pace::default();
        let now = Timestamp::from_millis(1_000_000);
        for _ in 0..4 {
            assert!(pace.next(&law, now) <= now);
            pace.spend(&law, now);
        }
        assert_eq!(pace.next(&law, now), now + Duration::from_secs(1));
        let free = PaceLaw::none();
        let mut pace = Pace::default();
        for _ in 0..1000 {
            assert!(pace.next(&free, now) <= now);
            pace.spend(&free, now);
        }
    }
}
