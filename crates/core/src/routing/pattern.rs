//! Patterns of events, as EventBridge has them (Amazon EventBridge User Guide, "Creating event patterns"): what every rule is chosen by.

mod read;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde_json::{Number, Value};

/// A pattern: every field it names must be there and hold one of the values it lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// All of these fields, and one of each group of alternatives.
    All {
        fields: Vec<(String, Field)>,
        either: Vec<Vec<Node>>,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    Inner(Node),
    AnyOf(Vec<Test>),
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// This very value; numbers as they are written, as EventBridge compares them.
    Is(Value),
    Text(Text),
    /// None of these.
    Not(Vec<Test>),
    /// Within these bounds.
    Number(Vec<(Bound, f64)>),
    /// There, or not there.
    Exists(bool),
    /// An address in a network.
    Network(IpAddr, u8),
}

/// What a text must be like.
#[derive(Clone, Debug, PartialEq)]
enum Text {
    Prefix(String, Case),
    Suffix(String, Case),
    Same(String),
    /// Parts between asterisks.
    Wildcard(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    Counts,
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Equal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// What is wrong with a pattern, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{place}`: {problem}")]
pub struct BadPattern {
    /// The field, e.g. `detail.action`.
    pub place: String,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl Pattern {
    /// Reads a pattern.
    pub fn read(value: &Value) -> Result<Self, BadPattern> {
        read::pattern(value)
    }

    /// Whether an event is one of those that are meant.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(event)
    }
}

impl Node {
    fn matches(&self, event: &Value) -> bool {
        let Self::All { fields, either } = self;
        match event {
            // One of them has all of it.
            Value::Array(events) => events.iter().any(|event| self.matches(event)),
            event => {
                let has = |(name, field): &(String, Field)| field.matches(event.get(name));
                let is_one = |choices: &Vec<Self>| choices.iter().any(|one| one.matches(event));
                fields.iter().all(has) && either.iter().all(is_one)
            }
        }
    }
}

impl Field {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            // What is not there has no fields, and that may be wanted.
            Self::Inner(node) => node.matches(value.unwrap_or(&Value::Null)),
            Self::AnyOf(tests) => tests.iter().any(|test| match (test, value) {
                (Test::Exists(wanted), value) => {
                    value.is_some_and(|value| !value.is_object()) == *wanted
                }
                (_, None) => false,
                // A list matches if something in it does.
                (test, Some(Value::Array(values))) => {
                    values.iter().any(|value| test.matches(value))
                }
                (test, Some(value)) => test.matches(value),
            }),
        }
    }
}

impl Test {
    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Is(Value::Number(wanted)) => is_same_number(wanted, value),
            Self::Is(wanted) => wanted == value,
            Self::Text(text) => value.as_str().is_some_and(|value| text.matches(value)),
            Self::Not(tests) => !value.is_object() && !tests.iter().any(|test| test.matches(value)),
            Self::Number(bounds) => value.as_f64().is_some_and(|number| {
                bounds.iter().all(|(bound, wanted)| match bound {
                    #[expect(clippy::float_cmp, reason = "equal is equal")]
                    Bound::Equal => number == *wanted,
                    Bound::Below => number < *wanted,
                    Bound::AtMost => number <= *wanted,
                    Bound::Above => number > *wanted,
                    Bound::AtLeast => number >= *wanted,
                })
            }),
            Self::Exists(wanted) => *wanted,
            Self::Network(address, bits) => value
                .as_str()
                .and_then(|value| value.parse().ok())
                .is_some_and(|value: IpAddr| is_in(value, *address, *bits)),
        }
    }
}

fn is_same_number(wanted: &Number, value: &Value) -> bool {
    let number = value.as_number();
    number.is_some_and(|number| number.to_string() == wanted.to_string())
}

fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

impl Text {
    fn matches(&self, value: &str) -> bool {
        let small = |text: &str| text.to_lowercase();
        match self {
            Self::Prefix(wanted, Case::Counts) => value.starts_with(wanted),
            Self::Prefix(wanted, Case::Ignored) => small(value).starts_with(&small(wanted)),
            Self::Suffix(wanted, Case::Counts) => value.ends_with(wanted),
            Self::Suffix(wanted, Case::Ignored) => small(value).ends_with(&small(wanted)),
            Self::Same(wanted) => small(value) == small(wanted),
            Self::Wildcard(parts) => is_like(parts, value),
        }
    }
}

/// Whether a text has these parts in order, the first at its beginning and the last at its end. Each is taken as early as
/// it can be, so the time is that of one walk per part.
fn is_like(parts: &[String], value: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    let Some((last, middle)) = rest.split_last() else {
        return value == first;
    };
    let Some(mut rest) = value.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in middle {
        let Some(at) = rest.find(part.as_str()) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}
