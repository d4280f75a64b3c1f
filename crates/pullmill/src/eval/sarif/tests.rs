//! Ground truths, well formed and not.

use super::super::fixtures::{Memory, finding, reviewer};
use super::super::{evaluate, score};
use super::*;

const SETTINGS: Settings = Settings {
    tolerance: 2,
    unlabelled: None,
};

fn log(results: &str) -> Vec<u8> {
    let rules = r#"[{"id": "sql", "properties": {"tags": ["external/cwe/cwe-089"]}},
        {"id": "xss", "relationships": [{"target": {"id": "79", "toolComponent": {"name": "CWE"}}}]}]"#;
    format!(
        r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "truth", "rules": {rules}}}}}, "results": [{results}]}}]}}"#
    )
    .into_bytes()
}

fn result(extra: &str, uri: &str, line: u32) -> String {
    format!(
        r#"{{{extra}, "message": {{"text": ""}}, "locations": [{{"physicalLocation": {{"artifactLocation": {{"uri": "{uri}"}}, "region": {{"startLine": {line}}}}}}}]}}"#
    )
}

fn read(results: &[String]) -> Vec<Truth> {
    truths("truth.sarif", &log(&results.join(","))).unwrap()
}

fn tree() -> Memory {
    Memory::with(&[("src/a b.py", "x"), ("src/c.py", "x"), ("README.txt", "x")])
}

#[test]
fn weaknesses_come_from_the_result_its_rule_or_its_id() {
    let all = read(&[
        result(r#""ruleId": "sql""#, "a", 1),
        result(r#""ruleIndex": 1"#, "a", 1),
        result(r#""rule": {"index": 0}"#, "a", 1),
        result(r#""ruleId": "CWE-22""#, "a", 1),
        result(
            r#""ruleId": "x", "taxa": [{"id": "78", "toolComponent": {"name": "CWE"}}]"#,
            "a",
            1,
        ),
        result(
            r#""ruleId": "sql", "properties": {"cwe": ["CWE-90", 91]}"#,
            "a",
            1,
        ),
        result(r#""ruleId": "unknown""#, "a", 1),
    ]);
    let numbers: Vec<&[u32]> = all.iter().map(|truth| &truth.cwe[..]).collect();
    let expected: [&[u32]; 7] = [&[89], &[79], &[89], &[22], &[78], &[90, 91], &[]];
    assert_eq!(numbers, expected);
}

#[test]
fn kind_suppressions_and_hints_say_what_is_fine() {
    let wanted: Vec<bool> = read(&[
        result(r#""ruleId": "sql""#, "a", 1),
        result(r#""kind": "fail""#, "a", 1),
        result(r#""kind": "pass""#, "a", 1),
        result(r#""kind": "Fail""#, "a", 1),
        result(r#""suppressions": [{"kind": "external"}]"#, "a", 1),
        result(
            r#""suppressions": [{"kind": "external", "status": "rejected"}]"#,
            "a",
            1,
        ),
        result(r#""properties": {"vulnerable": false}"#, "a", 1),
        result(r#""kind": "notApplicable""#, "a", 1),
    ])
    .iter()
    .map(|truth| truth.is_wanted)
    .collect();
    assert_eq!(wanted, [true, true, false, true, false, true, false]);
}

#[test]
fn results_are_met_within_the_tolerance() {
    let truths = read(&[
        result(r#""ruleId": "sql""#, "file:///src/a%20b.py", 10),
        result(r#""ruleId": "sql", "kind": "pass""#, "./src/c.py", 10),
    ]);
    let corpus = load("tree", &truths, SETTINGS, &tree()).unwrap();
    let mut say = reviewer(|change| {
        let path = change.files[0].path.as_str();
        vec![finding("r", &[89], path, 12), finding("r", &[89], path, 13)]
    });
    let evaluation = evaluate(vec![corpus], &mut say).unwrap();
    let total = score::total(&evaluation.judgements);
    assert_eq!((total.met, total.missed, total.false_reports), (1, 0, 1));
}

#[test]
fn a_truth_without_silence_is_complete() {
    let truths = read(&[result(r#""ruleId": "sql""#, "src/c.py", 10)]);
    let corpus = load("tree", &truths, SETTINGS, &tree()).unwrap();
    let paths: Vec<&str> = corpus
        .items
        .iter()
        .map(|item| item.title.as_str())
        .collect();
    assert_eq!(paths, ["src/a b.py", "src/c.py"]);
    assert_eq!(corpus.items[0].unlabelled, Unlabelled::False);
}

#[test]
fn a_result_without_lines_is_met_anywhere_in_its_file() {
    let results = r#"{"ruleId": "sql", "locations": [{"physicalLocation": {"artifactLocation": {"uri": "c.py"}}}]}"#;
    let truths = truths("truth.sarif", &log(results)).unwrap();
    let corpus = load("tree", &truths, SETTINGS, &tree()).unwrap();
    let item = corpus
        .items
        .iter()
        .find(|item| !item.labels.is_empty())
        .unwrap();
    let found = [finding("r", &[564], "src/c.py", 99)];
    let total = score::total(&score::judge("tree", item, &found));
    assert_eq!((total.met, total.missed, total.false_reports), (1, 0, 0));
}

#[test]
fn results_outside_the_tree_are_left_out_and_counted() {
    let inside = result(r#""ruleId": "sql""#, "src/c.py", 10);
    let outside = result(r#""ruleId": "sql""#, "lib/gone.py", 10);
    let corpus = load("tree", &read(&[inside, outside.clone()]), SETTINGS, &tree()).unwrap();
    assert_eq!(
        corpus.notes,
        ["tree: 1 results point to no file of the tree and are left out: lib/gone.py"]
    );
    let error = load("tree", &read(&[outside]), SETTINGS, &tree()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tree: none of the 1 results points to a file of the tree"
    );
}

#[test]
fn folders_that_locations_are_relative_to_tell_files_of_one_name_apart() {
    let text = |base: &str| {
        format!(
            r#"{{"version": "2.1.0", "runs": [{{
            "originalUriBaseIds": {{"ROOT": {{"uri": "file:///work/"}}, "SRC": {{"uri": "src", "uriBaseId": "ROOT"}}, "LOOP": {{"uriBaseId": "LOOP"}}}},
            "artifacts": [{{"location": {{"uri": "u.py", "uriBaseId": "{base}"}}}}],
            "results": [{{"ruleId": "89", "locations": [{{"physicalLocation": {{"artifactLocation": {{"index": 0}}}}}}]}}]}}]}}"#
        )
    };
    let tree = Memory::with(&[("src/u.py", "x"), ("u.py", "x")]);
    for (base, path) in [
        ("SRC", "src/u.py"),
        ("ROOT", "u.py"),
        ("LOOP", "u.py"),
        ("unknown", "u.py"),
    ] {
        let truths = truths("truth.sarif", text(base).as_bytes()).unwrap();
        assert_eq!(truths[0].cwe, [89]);
        let corpus = load("tree", &truths, SETTINGS, &tree).unwrap();
        let labelled = corpus.items.iter().find(|item| !item.labels.is_empty());
        assert_eq!(labelled.unwrap().title, path, "{base}");
    }
}

#[test]
fn rules_and_weaknesses_are_found_by_number_in_extensions_and_taxonomies() {
    let text = r#"{"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "d", "rules": [{"id": "first", "properties": {"cwe": 22}}]},
            "extensions": [{"name": "e", "rules": [{"id": "second", "properties": {"cwe": "CWE-79"}}]}, {"name": "f", "rules": null}]},
        "taxonomies": [{"name": "CWE", "taxa": [{"id": "78"}, {"id": "89"}]}],
        "results": [
            {"ruleIndex": 0},
            {"rule": {"index": 0, "toolComponent": {"index": 0}}},
            {"rule": {"index": 0, "toolComponent": {"name": "e"}}},
            {"ruleId": "x", "taxa": [{"index": 1, "toolComponent": {"index": 0}}]},
            {"ruleId": "x", "taxa": [{"index": 0, "toolComponent": {"name": "CWE"}}]},
            {"ruleId": "first", "ruleIndex": -1, "taxa": null, "suppressions": null},
            {"ruleId": "4711", "ruleIndex": 9}
        ]}]}"#;
    let truths = truths("truth.sarif", text.as_bytes()).unwrap();
    let numbers: Vec<&[u32]> = truths.iter().map(|truth| &truth.cwe[..]).collect();
    let expected: [&[u32]; 7] = [&[22], &[79], &[79], &[89], &[78], &[22], &[]];
    assert_eq!(numbers, expected);
}

#[test]
fn what_is_no_sarif_is_told_with_its_line() {
    let problem = |text: &str| truths("truth.sarif", text.as_bytes()).unwrap_err()[0].to_string();
    insta::assert_snapshot!(problem("{\n  \"version\": 3\n}"), @"truth.sarif:2: no SARIF 2.1.0: invalid type: integer `3`, expected a string at line 2 column 14");
    insta::assert_snapshot!(problem(r#"{"version": "2.0.0", "runs": []}"#), @"truth.sarif:1: SARIF version `2.0.0`; allowed is `2.1.0`");
    insta::assert_snapshot!(problem(r#"{"version": "2.1.0"}"#), @"truth.sarif:1: no SARIF 2.1.0: missing field `runs` at line 1 column 20");
}
