//! What patterns match, and what is wrong with those that are none.

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
