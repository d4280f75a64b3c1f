//! The circuit breaker of a provider: after several failures in a short time nobody asks it for a while, then one may try.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// When a breaker opens and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerLaw {
    /// Failures that open it.
    pub failures: usize,
    /// The time in which they count.
    pub window: Duration,
    /// How long it stays open.
    pub open_for: Duration,
}

impl Default for BreakerLaw {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(60),
            open_for: Duration::from_secs(30),
        }
    }
}

/// What is remembered of a provider. Shared by all workers as a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// When it failed, oldest first.
    pub failures: Vec<Timestamp>,
    /// Until when nobody asks it; passed means that one may try.
    pub open_until: Option<Timestamp>,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Ask.
    Ask,
    /// Ask as the only one: the answer decides. The breaker has to be written first.
    Probe,
    /// Wait until then.
    Wait(Timestamp),
}

impl Breaker {
    /// Says whether the provider may be asked. A probe holds the others off for as long as the breaker was open.
    pub fn ask(&mut self, law: &BreakerLaw, now: Timestamp) -> Permission {
        match self.open_until {
            None => Permission::Ask,
            Some(until) if now < until => Permission::Wait(until),
            Some(_) => {
                self.open_until = Some(now + law.open_for);
                Permission::Probe
            }
        }
    }

    /// Remembers a failure; says whether the breaker is open now.
    pub fn fail(&mut self, law: &BreakerLaw, now: Timestamp) -> bool {
        self.failures.retain(|at| now.since(*at) < law.window);
        self.failures.push(now);
        // More would only make the record grow.
        let excess = self.failures.len().saturating_sub(law.failures);
        self.failures.drain(..excess);
        if self.open_until.is_some() || self.failures.len() >= law.failures {
            self.open_until = Some(now + law.open_for);
        }
        self.open_until.is_some()
    }

    /// Forgets everything; says whether there was something to forget.
    pub fn succeed(&mut self) -> bool {
        let is_changed = *self != Self::default();
        *self = Self::default();
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn it_opens_after_five_failures_and_lets_one_try_after_half_a_minute() {
        let law = BreakerLaw::default();
        let mut breaker = Breaker::default();
        for second in 0..4 {
            assert!(!breaker.fail(&law, at(second)));
            assert_eq!(breaker.ask(&law, at(second)), Permission::Ask);
        }
        assert!(breaker.fail(&law, at(4)));
        assert_eq!(breaker.ask(&law, at(33)), Permission::Wait(at(34)));
        assert_eq!(breaker.ask(&law, at(34)), Permission::Probe);
        assert_eq!(breaker.ask(&law, at(34)), Permission::Wait(at(64)));
        assert!(breaker.fail(&law, at(35)));
        assert_eq!(breaker.ask(&law, at(40)), Permission::Wait(at(65)));
        assert!(breaker.succeed());
        assert_eq!(breaker.ask(&law, at(40)), Permission::Ask);
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        let law = BreakerLaw::default();
        let mut breaker = Breaker::default();
        for minute in 0..50 {
            assert!(!breaker.fail(&law, at(minute * 16)), "{minute}");
        }
    }
}
