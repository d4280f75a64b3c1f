//! Checks the keys of a match rule, which ast-grep's reader would in part let pass unseen.

use serde_json::{Map, Value};

const BODY: &[&str] = &["rule", "constraints", "utils"];
const RELATIONS: &[&str] = &["inside", "has", "precedes", "follows"];
const RULE: &[&str] = &[
    "pattern", "kind", "regex", "nthChild", "inside", "has", "precedes", "follows", "all", "any",
    "not", "matches",
];

/// Says what is wrong with the keys of a `match` body.
pub(super) fn check(body: &Value) -> Result<(), String> {
    let body = map(body, "match")?;
    only(body, BODY, &[], "match")?;
    let rule = body.get("rule").ok_or("`match` needs a `rule`")?;
    check_rule(rule, "rule")?;
    for part in ["constraints", "utils"] {
        for (name, rule) in body
            .get(part)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            check_rule(rule, &format!("{part}.{name}"))?;
        }
    }
    Ok(())
}

fn check_rule(rule: &Value, place: &str) -> Result<(), String> {
    let keys = map(rule, place)?;
    only(keys, RULE, &[], place)?;
    check_parts(keys, place)
}

fn check_parts(keys: &Map<String, Value>, place: &str) -> Result<(), String> {
    for relation in RELATIONS {
        if let Some(inner) = keys.get(*relation) {
            let place = format!("{place}.{relation}");
            let inner = map(inner, &place)?;
            only(inner, RULE, &["stopBy", "field"], &place)?;
            check_parts(inner, &place)?;
        }
    }
    for list in ["all", "any"] {
        for rule in keys
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            check_rule(rule, &format!("{place}.{list}"))?;
        }
    }
    match keys.get("not") {
        Some(rule) => check_rule(rule, &format!("{place}.not")),
        None => Ok(()),
    }
}

fn map<'v>(value: &'v Value, place: &str) -> Result<&'v Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("`{place}` must be a map"))
}

fn only(
    keys: &Map<String, Value>,
    allowed: &[&str],
    also: &[&str],
    place: &str,
) -> Result<(), String> {
    let unknown = keys
        .keys()
        .find(|key| !allowed.contains(&key.as_str()) && !also.contains(&key.as_str()));
    match unknown {
        Some(key) => Err(format!(
            "`{place}` has the unknown key `{key}`; allowed: {}",
            [allowed, also].concat().join(", ")
        )),
        None => Ok(()),
    }
}
