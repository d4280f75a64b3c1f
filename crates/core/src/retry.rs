//! When to try again (decision 14): our own failures are counted, other people's are waited out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often and how late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryLaw {
    /// Attempts in all, for failures of our own step.
    pub attempts: u32,
    /// The delay after the first failure.
    pub base: Duration,
    /// The longest delay after a failure of ours.
    pub cap: Duration,
    /// The longest delay after somebody else's.
    pub fault_cap: Duration,
}

impl Default for RetryLaw {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            fault_cap: Duration::from_secs(300),
        }
    }
}

impl RetryLaw {
    /// The delay after the `count`-th failure of ours in a row: half to one and a half of what doubling gives.
    #[must_use]
    pub fn delay(&self, count: u32, random: u128) -> Duration {
        jittered(self.base, count, self.cap, random)
    }

    /// The delay after the `count`-th fault of others in a row; what they ask for wins if it is longer.
    #[must_use]
    pub fn fault_delay(&self, count: u32, retry_after: Option<Duration>, random: u128) -> Duration {
        jittered(self.base, count, self.fault_cap, random).max(retry_after.unwrap_or_default())
    }
}

fn jittered(base: Duration, count: u32, cap: Duration, random: u128) -> Duration {
    let doubled = base.saturating_mul(
        1_u32
            .checked_shl(count.saturating_sub(1))
            .unwrap_or(u32::MAX),
    );
    let delay = doubled.min(cap);
    // 500 to 1500 thousandths.
    let thousandths = 500 + u32::try_from(random % 1001).unwrap_or(500);
    delay.saturating_mul(thousandths) / 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn i17_delays_stay_in_their_bounds(count in 1_u32..200, random: u128, after in 0_u64..1000) {
            let law = RetryLaw::default();
            let full = Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(count - 1)).min(law.cap);
            let delay = law.delay(count, random);
            prop_assert!(delay >= full / 2 && delay <= full * 3 / 2, "{delay:?} of {full:?}");
            let after = Duration::from_secs(after);
            prop_assert!(law.fault_delay(count, Some(after), random) >= after);
        }
    }
}
