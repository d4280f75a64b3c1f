//! Reads patterns, or says what is wrong with one and where.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::{BadPattern, Bound, Case, Field, Node, Pattern, Test, Text};

/// A pattern deeper or larger than this is no rule any more.
const DEEPEST: usize = 20;
const MOST: usize = 500;

pub(super) fn pattern(value: &Value) -> Result<Pattern, BadPattern> {
    let mut left = MOST;
    let fields = value
        .as_object()
        .ok_or_else(|| bad("", "a pattern is an object"))?;
    read_node("", fields, DEEPEST, &mut left).map(Pattern)
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
