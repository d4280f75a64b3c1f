//! The literals a rule needs: text that must stand in a file before the rule can match anything in it.
//!
//! The answer is a conjunction of clauses; of every clause at least one literal must occur. It is always an
//! under-estimate: a rule without clauses may match anything.

use std::collections::{BTreeMap, BTreeSet};

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use serde_json::{Map, Value};

type Clause = Vec<String>;
type Rules<'v> = BTreeMap<&'v str, &'v Value>;

/// Shorter words occur in nearly every file.
const SHORTEST: usize = 3;
/// A clause of more literals says little.
const MOST: usize = 40;
/// `matches` refers to utils that may refer to others; ast-grep refuses circles, this stops at them.
const DEEPEST: usize = 8;

/// The clauses of a `match` body.
pub(super) fn of(body: &Value) -> Vec<Vec<String>> {
    let named = |key: &str| -> Rules<'_> {
        let rules = body.get(key).and_then(Value::as_object);
        rules
            .into_iter()
            .flatten()
            .map(|(name, rule)| (name.as_str(), rule))
            .collect()
    };
    let Some(rule) = body.get("rule").and_then(Value::as_object) else {
        return Vec::new();
    };
    let utils = named("utils");
    let mut clauses = of_rule(rule, &utils, 0);
    let bound = bound(rule, &utils, 0);
    for (name, constraint) in named("constraints") {
        if bound.contains(name)
            && let Some(constraint) = constraint.as_object()
        {
            clauses.extend(of_rule(constraint, &utils, 0));
        }
    }
    clauses.sort();
    clauses.dedup();
    clauses
}

fn of_rule(rule: &Map<String, Value>, utils: &Rules<'_>, depth: usize) -> Vec<Clause> {
    let mut clauses = Vec::new();
    if depth > DEEPEST {
        return clauses;
    }
    for (key, value) in rule {
        match key.as_str() {
            "pattern" => clauses.extend(of_pattern(value)),
            "regex" => clauses.extend(value.as_str().and_then(of_regex)),
            "all" => clauses.extend(parts(value).flat_map(|part| of_rule(part, utils, depth + 1))),
            "any" => clauses.extend(of_any(value, utils, depth)),
            "inside" | "has" | "precedes" | "follows" => {
                clauses.extend(
                    value
                        .as_object()
                        .into_iter()
                        .flat_map(|part| of_rule(part, utils, depth + 1)),
                );
            }
            "matches" => {
                clauses.extend(
                    util(value, utils)
                        .into_iter()
                        .flat_map(|part| of_rule(part, utils, depth + 1)),
                );
            }
            _ => {}
        }
    }
    clauses
}

fn parts(list: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

fn util<'v>(name: &Value, utils: &Rules<'v>) -> Option<&'v Map<String, Value>> {
    utils.get(name.as_str()?)?.as_object()
}

/// One clause that holds whichever branch matches: the best clause of every branch, united.
fn of_any(list: &Value, utils: &Rules<'_>, depth: usize) -> Option<Clause> {
    let mut united = BTreeSet::new();
    for part in parts(list) {
        let best = of_rule(part, utils, depth + 1)
            .into_iter()
            .max_by_key(worth)?;
        united.extend(best);
    }
    (!united.is_empty() && united.len() <= MOST).then(|| united.into_iter().collect())
}

/// Few long literals are rarer than many short ones.
fn worth(clause: &Clause) -> (usize, std::cmp::Reverse<usize>) {
    let shortest = clause.iter().map(String::len).min().unwrap_or(0);
    (shortest, std::cmp::Reverse(clause.len()))
}

/// Every word of a pattern is a clause of its own.
fn of_pattern(pattern: &Value) -> Vec<Clause> {
    let text = match pattern {
        Value::String(text) => text,
        // Only the part that `selector` picks must occur, and weaker strictness skips words.
        Value::Object(keys)
            if !keys.contains_key("selector") && !keys.contains_key("strictness") =>
        {
            match keys.get("context").and_then(Value::as_str) {
                Some(text) => text,
                None => return Vec::new(),
            }
        }
        _ => return Vec::new(),
    };
    words(text)
        .filter(|word| word.len() >= SHORTEST && !word.starts_with('$'))
        .map(|word| vec![word.to_owned()])
        .collect()
}

/// Words and metavariables of a pattern.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.split(move |c: char| !is_part(c))
        .flat_map(split_dollar)
}

/// Separates a metavariable from text in front of it; `$` inside a name of the language makes the rest a metavariable,
/// which only loses a literal.
fn split_dollar(word: &str) -> [&str; 2] {
    let at = word.find('$').unwrap_or(word.len());
    let (name, variable) = word.split_at(at);
    [name, variable]
}

/// One clause with the texts that every match of a regular expression starts or ends with.
fn of_regex(regex: &str) -> Option<Clause> {
    let hir = regex_syntax::parse(regex).ok()?;
    [ExtractKind::Prefix, ExtractKind::Suffix]
        .into_iter()
        .filter_map(|kind| {
            let mut extractor = Extractor::new();
            extractor.kind(kind).limit_total(MOST);
            let found = extractor.extract(&hir);
            let clause: Option<Clause> = found
                .literals()?
                .iter()
                .map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok())
                .collect();
            clause.filter(|clause| {
                !clause.is_empty() && clause.iter().all(|literal| literal.len() >= SHORTEST)
            })
        })
        .max_by_key(worth)
}

/// Metavariables that are bound whenever the rule matches.
fn bound(rule: &Map<String, Value>, utils: &Rules<'_>, depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if depth > DEEPEST {
        return names;
    }
    for (key, value) in rule {
        match key.as_str() {
            "pattern" => names.extend(value.as_str().into_iter().flat_map(variables)),
            "all" => names.extend(parts(value).flat_map(|part| bound(part, utils, depth + 1))),
            "any" => names.extend(bound_by_all(value, utils, depth)),
            "inside" | "has" | "precedes" | "follows" => {
                names.extend(
                    value
                        .as_object()
                        .into_iter()
                        .flat_map(|part| bound(part, utils, depth + 1)),
                );
            }
            "matches" => {
                names.extend(
                    util(value, utils)
                        .into_iter()
                        .flat_map(|part| bound(part, utils, depth + 1)),
                );
            }
            _ => {}
        }
    }
    names
}

fn bound_by_all(list: &Value, utils: &Rules<'_>, depth: usize) -> BTreeSet<String> {
    parts(list)
        .map(|part| bound(part, utils, depth + 1))
        .reduce(|all, one| all.intersection(&one).cloned().collect())
        .unwrap_or_default()
}

/// Metavariables that stand for exactly one node.
fn variables(pattern: &str) -> impl Iterator<Item = String> {
    words(pattern).filter_map(|word| {
        let name = word.strip_prefix('$')?;
        let is_single = name.starts_with(|c: char| c.is_ascii_uppercase());
        is_single.then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_of_a_pattern_are_all_needed() {
        let body =
            json!({"rule": {"pattern": "hashlib.new(\"md5\", $$$ARGS, usedforsecurity=$F)"}});
        assert_eq!(
            of(&body),
            [["hashlib"], ["md5"], ["new"], ["usedforsecurity"]]
        );
    }

    #[test]
    fn one_branch_without_literals_frees_the_whole_choice() {
        let body = json!({"rule": {"any": [{"pattern": "yaml.load($A)"}, {"kind": "call"}]}});
        assert!(of(&body).is_empty());
        let body = json!({"rule": {"any": [{"pattern": "yaml.load($A)"}, {"pattern": "marshal.loads($A)"}]}});
        assert_eq!(of(&body), [["load", "marshal"]]);
    }

    #[test]
    fn negations_need_nothing() {
        let body = json!({"rule": {"kind": "call", "not": {"pattern": "safe_load($A)"}}});
        assert!(of(&body).is_empty());
    }

    #[test]
    fn constraints_count_only_for_variables_that_are_always_bound() {
        let regex = json!({"METHOD": {"regex": "^(execute|executemany)$"}});
        let body = json!({"rule": {"pattern": "$DB.$METHOD($$$)"}, "constraints": regex});
        assert_eq!(of(&body), [["execute", "executemany"]]);
        let body = json!({
            "rule": {"any": [{"pattern": "$DB.$METHOD($$$)"}, {"pattern": "$DB()"}]},
            "constraints": regex,
        });
        assert!(of(&body).is_empty());
    }

    #[test]
    fn case_blind_expressions_give_every_spelling_or_nothing() {
        assert_eq!(of_regex("(?i)^[a-z]*[^x]$"), None);
        assert_eq!(
            of_regex("^(md5|sha1)$"),
            Some(vec!["md5".to_owned(), "sha1".to_owned()])
        );
        assert_eq!(
            of_regex("x*secret$"),
            Some(vec!["xsecret".to_owned(), "secret".to_owned()])
        );
        assert_eq!(of_regex("ab?"), None);
    }
}
