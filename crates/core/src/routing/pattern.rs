//! Patterns of events, as EventBridge has them (Amazon EventBridge User Guide, "Creating event patterns"): what every rule is chosen by.

use std::net::IpAddr;

use serde_json::{Map, Number, Value};

/// A pattern: every field it names must be there and hold one of the values it lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Node);

/// A pattern deeper or larger than this is no rule any more.
const DEEPEST: usize = 20;
const MOST: usize = 500;

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
        let mut left = MOST;
        let fields = value
            .as_object()
            .ok_or_else(|| bad("", "a pattern is an object"))?;
        read_node("", fields, DEEPEST, &mut left).map(Self)
    }

    /// Whether an event is one of those that are meant.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(event)
    }
}

fn bad(place: &str, problem: &str) -> BadPattern {
    BadPattern {
        place: place.to_owned(),
        problem: problem.to_owned(),
    }
}

fn join(place: &str, name: &str) -> String {
    match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    }
}

fn read_node(
    place: &str,
    fields: &Map<String, Value>,
    depth: usize,
    left: &mut usize,
) -> Result<Node, BadPattern> {
    if depth == 0 {
        return Err(bad(place, "it is nested too deeply"));
    }
    if fields.is_empty() {
        return Err(bad(place, "an empty object matches nothing"));
    }
    let (mut named, mut either) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        let place = join(place, name);
        if name == "$or" {
            let choices = value.as_array().filter(|choices| choices.len() > 1);
            let choices =
                choices.ok_or_else(|| bad(&place, "`$or` is a list of at least two patterns"))?;
            let read = choices.iter().map(|choice| {
                let fields = choice.as_object();
                let fields = fields.ok_or_else(|| bad(&place, "each of them is an object"))?;
                read_node(&place, fields, depth - 1, left)
            });
            either.push(read.collect::<Result<_, _>>()?);
            continue;
        }
        let field = match value {
            Value::Object(fields) => Field::Inner(read_node(&place, fields, depth - 1, left)?),
            Value::Array(tests) if !tests.is_empty() => {
                *left = left
                    .checked_sub(tests.len())
                    .ok_or_else(|| bad(&place, "there are more than 500 values in all"))?;
                let tests = tests.iter().map(|test| read_test(&place, test));
                Field::AnyOf(tests.collect::<Result<_, _>>()?)
            }
            _ => {
                return Err(bad(
                    &place,
                    "it is a list of values, or an object with fields of its own",
                ));
            }
        };
        named.push((name.clone(), field));
    }
    Ok(Node::All {
        fields: named,
        either,
    })
}

const TESTS: &str =
    "prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr";

fn read_test(place: &str, test: &Value) -> Result<Test, BadPattern> {
    let fields = match test {
        Value::Object(fields) => fields,
        Value::Array(_) => return Err(bad(place, "a value is no list")),
        plain => return Ok(Test::Is(plain.clone())),
    };
    let mut fields = fields.iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(bad(place, &format!("a test has one key of {TESTS}")));
    };
    let text = |what: &str| {
        let text = value.as_str();
        text.ok_or_else(|| bad(place, &format!("`{what}` takes a text")))
    };
    Ok(match name.as_str() {
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => {
            Test::Text(read_text(place, name, value)?)
        }
        "anything-but" => Test::Not(read_not(place, value)?),
        "numeric" => Test::Number(read_bounds(place, value)?),
        "exists" => Test::Exists(
            value
                .as_bool()
                .ok_or_else(|| bad(place, "`exists` is true or false"))?,
        ),
        "cidr" => {
            let written = text("cidr")?;
            let (address, bits) = network(written).ok_or_else(|| {
                bad(
                    place,
                    &format!("`{written}` is no network such as 10.0.0.0/24"),
                )
            })?;
            Test::Network(address, bits)
        }
        _ => {
            return Err(bad(
                place,
                &format!("there is no test `{name}`; there are {TESTS}"),
            ));
        }
    })
}

fn read_text(place: &str, name: &str, value: &Value) -> Result<Text, BadPattern> {
    let wrong = || bad(place, &format!("`{name}` takes a text"));
    let nested = value
        .as_object()
        .filter(|fields| fields.len() == 1)
        .and_then(|fields| fields.get("equals-ignore-case"));
    let (text, case) = match nested {
        Some(inner) => (inner.as_str(), Case::Ignored),
        None => (value.as_str(), Case::Counts),
    };
    let text = text.ok_or_else(wrong)?;
    Ok(match (name, case) {
        ("prefix", case) => Text::Prefix(text.to_owned(), case),
        ("suffix", case) => Text::Suffix(text.to_owned(), case),
        ("equals-ignore-case", Case::Counts) => Text::Same(text.to_owned()),
        ("wildcard", Case::Counts) => Text::Wildcard(wildcard(place, text)?),
        _ => return Err(wrong()),
    })
}

/// The parts of a text between its asterisks; `\*` is an asterisk and `\\` a backslash.
fn wildcard(place: &str, text: &str) -> Result<Vec<String>, BadPattern> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(next) = characters.next() {
        let literal = match next {
            '*' if parts.len() > 1 && parts.last().is_some_and(String::is_empty) => {
                return Err(bad(place, "two asterisks stand beside each other"));
            }
            '*' => {
                parts.push(String::new());
                continue;
            }
            '\\' => characters
                .next()
                .filter(|escaped| matches!(escaped, '*' | '\\'))
                .ok_or_else(|| bad(place, "only `\\*` and `\\\\` are escapes"))?,
            other => other,
        };
        if let Some(last) = parts.last_mut() {
            last.push(literal);
        }
    }
    Ok(parts)
}

fn read_not(place: &str, value: &Value) -> Result<Vec<Test>, BadPattern> {
    let one = |value: &Value| match value {
        Value::String(_) | Value::Number(_) => Ok(Test::Is(value.clone())),
        _ => Err(bad(
            place,
            "`anything-but` takes texts, numbers, or one of prefix, suffix, equals-ignore-case, wildcard",
        )),
    };
    match value {
        Value::Array(values) if !values.is_empty() => values.iter().map(one).collect(),
        Value::Object(fields) if fields.len() == 1 => {
            let mut tests = Vec::new();
            for (name, value) in fields {
                if !matches!(
                    name.as_str(),
                    "prefix" | "suffix" | "equals-ignore-case" | "wildcard"
                ) {
                    return Err(bad(place, &format!("`anything-but` takes no `{name}`")));
                }
                let values = match value {
                    Value::Array(values) => values.as_slice(),
                    one => std::slice::from_ref(one),
                };
                for value in values {
                    tests.push(Test::Text(read_text(place, name, value)?));
                }
            }
            Ok(tests)
        }
        value => Ok(vec![one(value)?]),
    }
}

fn read_bounds(place: &str, value: &Value) -> Result<Vec<(Bound, f64)>, BadPattern> {
    let wrong = || {
        bad(
            place,
            "`numeric` is written [\">=\", 0, \"<\", 10] or [\"=\", 5]",
        )
    };
    let parts = value.as_array().ok_or_else(wrong)?;
    if !matches!(parts.len(), 2 | 4) {
        return Err(wrong());
    }
    let bounds = parts.chunks(2).map(|pair| {
        let bound = match pair[0].as_str().ok_or_else(wrong)? {
            "=" => Bound::Equal,
            "<" => Bound::Below,
            "<=" => Bound::AtMost,
            ">" => Bound::Above,
            ">=" => Bound::AtLeast,
            _ => return Err(wrong()),
        };
        Ok((bound, pair[1].as_f64().ok_or_else(wrong)?))
    });
    bounds.collect()
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some((address, bits))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, event: Value) -> bool {
        Pattern::read(&pattern).unwrap().matches(&event)
    }

    #[test]
    fn fields_are_all_and_values_are_any() {
        let event =
            json!({"source": "a", "detail": {"action": "opened", "labels": ["x", "y"], "n": 3}});
        for (pattern, is) in [
            (json!({"source": ["a"]}), true),
            (json!({"source": ["b", "a"]}), true),
            (
                json!({"source": ["a"], "detail": {"action": ["closed"]}}),
                false,
            ),
            (json!({"detail": {"labels": ["y", "z"]}}), true),
            (json!({"detail": {"labels": ["z"]}}), false),
            (json!({"detail": {"missing": ["z"]}}), false),
            (json!({"missing": {"inner": [{"exists": false}]}}), true),
            (json!({"detail": {"missing": [{"exists": false}]}}), true),
            (
                json!({"detail": {"missing": [{"anything-but": "z"}]}}),
                false,
            ),
            (json!({"detail": {"action": [{"exists": true}]}}), true),
            (json!({"detail": [{"exists": true}]}), false),
            (json!({"detail": {"n": [3]}}), true),
            (json!({"detail": {"n": [3.0]}}), false),
            (json!({"detail": {"n": [{"numeric": ["=", 3.0]}]}}), true),
            (
                json!({"detail": {"n": [{"numeric": [">", 0, "<=", 2]}]}}),
                false,
            ),
            (
                json!({"$or": [{"source": ["b"]}, {"detail": {"n": [3]}}]}),
                true,
            ),
            (
                json!({"source": ["a"], "$or": [{"source": ["b"]}, {"detail": {"n": [4]}}]}),
                false,
            ),
            (
                json!({"detail": {"action": [{"anything-but": ["opened", "closed"]}]}}),
                false,
            ),
            (
                json!({"detail": {"action": [{"anything-but": {"prefix": "clo"}}]}}),
                true,
            ),
            (
                json!({"detail": {"action": [{"prefix": {"equals-ignore-case": "OPEN"}}]}}),
                true,
            ),
            (
                json!({"detail": {"action": [{"suffix": "ed"}, null]}}),
                true,
            ),
            (
                json!({"detail": {"action": [{"equals-ignore-case": "Opened"}]}}),
                true,
            ),
            (json!({"detail": {"action": [{"wildcard": "o*e*d"}]}}), true),
        ] {
            assert_eq!(matches(pattern.clone(), event.clone()), is, "{pattern}");
        }
        let address = json!({"ip": "10.0.0.77"});
        assert!(matches(
            json!({"ip": [{"cidr": "10.0.0.0/24"}]}),
            address.clone()
        ));
        assert!(!matches(
            json!({"ip": [{"cidr": "10.0.1.0/24"}]}),
            address.clone()
        ));
        assert!(matches(json!({"ip": [{"cidr": "0.0.0.0/0"}]}), address));
        let many = json!({"jobs": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]});
        assert!(matches(json!({"jobs": {"a": [3], "b": [4]}}), many.clone()));
        assert!(!matches(json!({"jobs": {"a": [1], "b": [4]}}), many));
    }

    #[test]
    fn what_is_no_pattern_is_named_with_its_place() {
        for (pattern, place) in [
            (json!([]), ""),
            (json!({}), ""),
            (json!({"detail": {"action": "opened"}}), "detail.action"),
            (json!({"detail": {"action": []}}), "detail.action"),
            (
                json!({"detail": {"action": [{"like": "x"}]}}),
                "detail.action",
            ),
            (json!({"a": [{"numeric": [">"]}]}), "a"),
            (json!({"a": [{"cidr": "10.0.0.0/33"}]}), "a"),
            (json!({"a": [{"wildcard": "a**b"}]}), "a"),
            (json!({"a": [{"anything-but": {"exists": true}}]}), "a"),
            (json!({"$or": [{"a": [1]}]}), "$or"),
        ] {
            assert_eq!(
                Pattern::read(&pattern).unwrap_err().place,
                place,
                "{pattern}"
            );
        }
    }

    /// The plainest way to say what an asterisk is.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            Some((first, rest)) => text.first() == Some(first) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn asterisks_stand_for_anything(pattern in "(a|b|\\*){0,7}", text in "[ab]{0,9}") {
            prop_assume!(!pattern.contains("**"));
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = naive(&characters(&pattern), &characters(&text));
            prop_assert_eq!(matches(json!({"x": [{"wildcard": pattern}]}), json!({"x": text})), expected);
        }

        #[test]
        fn anything_but_is_the_opposite_where_something_is_there(wanted in "[ab]{1,3}", text in "[ab]{1,3}") {
            let event = json!({"x": text});
            for test in ["prefix", "suffix", "equals-ignore-case"] {
                let inner = json!({test: wanted.clone()});
                let is = matches(json!({"x": [inner.clone()]}), event.clone());
                prop_assert_eq!(matches(json!({"x": [{"anything-but": inner}]}), event.clone()), !is);
            }
        }
    }
}
