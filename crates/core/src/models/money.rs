//! Money in millionths of a US dollar, and what models cost. Never a float in a sum.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ports::model::Usage;

/// Millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub i64);

/// The most that a configuration may name, in dollars.
const MOST: f64 = 1e9;

impl Money {
    /// From dollars, rounded to a millionth.
    #[must_use]
    pub fn of_dollars(dollars: f64) -> Option<Self> {
        let is_usable = dollars.is_finite() && (0.0..=MOST).contains(&dollars);
        is_usable.then(|| Self((dollars * 1e6).round() as i64))
    }

    /// In dollars, for display.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.4} USD", self.dollars())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(from)?;
        Self::of_dollars(dollars).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "{dollars} is no amount of dollars from 0 to {MOST}"
            ))
        })
    }
}

/// What a model costs, in US dollars per million tokens, which is millionths of a dollar per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What is sent.
    pub input: Money,
    /// What is answered.
    pub output: Money,
    /// What the provider had in its cache.
    pub cache_read: Money,
    /// What it puts into its cache.
    pub cache_write: Money,
}

impl Price {
    /// What a call has cost, rounded up.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Money {
        let parts = [
            (usage.input, self.input),
            (usage.cache_read, self.cache_read),
            (usage.cache_write, self.cache_write),
            (usage.output, self.output),
        ];
        let sum: i128 = parts
            .iter()
            .map(|(tokens, price)| i128::from(*tokens) * i128::from(price.0))
            .sum();
        Money(i64::try_from((sum + 999_999) / 1_000_000).unwrap_or(i64::MAX))
    }

    /// The most that a call can cost: nothing is in the cache, everything is put there, and the answer is as long as it may be.
    #[must_use]
    pub fn worst(&self, input: u32, output: u32) -> Money {
        let dearest = self.input.max(self.cache_write);
        let usage = Usage {
            input: u64::from(input),
            output: u64::from(output),
            ..Usage::default()
        };
        Self {
            input: dearest,
            ..*self
        }
        .of(&usage)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price() -> Price {
        let money = |dollars: f64| Money::of_dollars(dollars).unwrap();
        Price {
            input: money(3.0),
            output: money(15.0),
            cache_read: money(0.3),
            cache_write: money(3.75),
        }
    }

    #[test]
    fn a_million_tokens_cost_what_the_table_says() {
        let usage = Usage {
            input: 1_000_000,
            output: 1_000_000,
            cache_read: 1_000_000,
            cache_write: 1_000_000,
        };
        assert_eq!(price().of(&usage), Money(22_050_000));
        assert_eq!(price().of(&usage).to_string(), "22.0500 USD");
        assert_eq!(price().of(&Usage::default()), Money(0));
    }

    proptest! {
        #[test]
        fn no_call_costs_more_than_was_reserved(
            input in 0_u32..2_000_000, output in 0_u32..100_000, read in 0_u32..100, write in 0_u32..100
        ) {
            let cache_read = u64::from(input) * u64::from(read) / 100;
            let cache_write = (u64::from(input) - cache_read) * u64::from(write) / 100;
            let usage = Usage {
                input: u64::from(input) - cache_read - cache_write,
                cache_read,
                cache_write,
                output: u64::from(output),
            };
            prop_assert!(price().of(&usage) <= price().worst(input, output));
        }
    }
}
