//! An account in memory, for one run of a command: caps of a call and of the run, and nothing that outlives it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::models::{Caps, Money};
use pullmill_core::ports::model::{Answer, ModelError};

use super::{Account, Call, NotPaid};

/// Money for one run.
#[derive(Debug)]
pub struct Purse {
    call: Money,
    run: Money,
    spent: Mutex<Money>,
}

impl Purse {
    /// As much as the caps allow for one execution.
    #[must_use]
    pub fn new(caps: &Caps) -> Self {
        Self {
            call: caps.call,
            run: caps.execution,
            spent: Mutex::default(),
        }
    }
}

#[async_trait]
impl Account for Purse {
    async fn recall(&self, _call: &Call) -> Option<Answer> {
        None
    }

    async fn wait(&self, _provider: &str) -> Option<Duration> {
        None
    }

    async fn reserve(&self, call: &Call) -> Result<(), NotPaid> {
        if call.worst > self.call {
            return Err(NotPaid::Cap(over("call", call.worst, self.call)));
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let after = Money(spent.0.saturating_add(call.worst.0));
        if after > self.run {
            return Err(NotPaid::Cap(over("execution", after, self.run)));
        }
        *spent = after;
        Ok(())
    }

    async fn settle(&self, call: &Call, outcome: Result<(&Answer, Money), &ModelError>) {
        let cost = match outcome {
            Ok((_, cost)) => cost,
            Err(error) if error.is_free() => Money(0),
            Err(_) => call.worst,
        };
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.0 += cost.0 - call.worst.0;
    }

    async fn keep(&self, _call: &Call, _answer: &Answer) {}
}

/// Which cap would be passed, and by what.
pub(super) fn over(scope: &str, wanted: Money, cap: Money) -> String {
    format!("`caps.{scope}` is {cap}, and this could come to {wanted}")
}
