//! Holds real and generated reviews against the published schema, and checks that the schema refuses what it should.

use std::sync::LazyLock;

use proptest::prelude::*;
use pullmill_core::change::Status;
use pullmill_core::coverage::{FileCoverage, Outcome, SkipReason};
use pullmill_core::docs::{Renamed, RenamedKind};
use pullmill_core::finding::{Agent, Confidence, Finding, Location, Severity, Step, Suggestion};
use pullmill_core::review::{
    AgentEvidence, Api, ApiChange, ApiItem, Bump, CalleeChange, Callers, Component, Consulted,
    DependencyChange, LineRange, NameChange, Review, Subject, SubjectKind, Summary, Suppressed,
    SuppressedBy, Unread, UnreadReason, WalkthroughRow,
};
use pullmill_core::risk::{Level, Reason, Risk};
use pullmill_core::verdict::{Outlook, Verdict};
use serde_json::{Value, json};

use super::render;
use crate::render::sample::sample;
use crate::render::{markdown, sarif, text};

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../../../../schema/review.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
});

fn problems(value: &Value) -> Vec<String> {
    SCHEMA
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn sample_value() -> Value {
    serde_json::from_str(&render(&sample()).unwrap()).unwrap()
}

#[test]
fn a_real_review_fits_the_schema_and_reads_back() {
    assert_eq!(problems(&sample_value()), Vec::<String>::new());
    let text = render(&sample()).unwrap();
    assert!(text.ends_with("}\n"));
    assert_eq!(serde_json::from_str::<Review>(&text).unwrap(), sample());
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let wrong: [(&str, Value); 9] = [
        ("/risk/score", json!(101)),
        ("/schema_version", json!(2)),
        ("/verdict/outlook", json!("fine")),
        ("/verdict/reasons", json!([])),
        ("/findings/0/severity", json!("bad")),
        ("/findings/0/fingerprint", json!("abc")),
        ("/findings/0/location/line", json!(-1)),
        ("/coverage/0/outcome", json!("skipped")),
        ("/summary/walkthrough/0/path", json!(null)),
    ];
    for (pointer, value) in wrong {
        let mut review = sample_value();
        *review.pointer_mut(pointer).unwrap() = value;
        assert!(!SCHEMA.is_valid(&review), "{pointer}");
    }
}

#[test]
fn the_schema_refuses_unknown_and_missing_fields_everywhere() {
    for pointer in [
        "",
        "/subject",
        "/summary",
        "/summary/components/0",
        "/summary/walkthrough/0",
        "/verdict",
        "/risk",
        "/risk/reasons/0",
        "/findings/0",
        "/findings/0/location",
        "/findings/0/path/0",
        "/suppressed/0",
        "/agents/0",
        "/coverage/0",
    ] {
        let mut more = sample_value();
        let object = more.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        object.insert("surprise".into(), json!(1));
        let names: Vec<String> = object.keys().cloned().collect();
        assert!(!SCHEMA.is_valid(&more), "{pointer} with one more");
        for name in names.iter().filter(|name| *name != "surprise") {
            let mut less = sample_value();
            let object = less.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            object.remove(name);
            assert!(!SCHEMA.is_valid(&less), "{pointer} without {name}");
        }
    }
}

#[test]
fn every_field_of_the_schema_is_described() {
    fn visit(value: &Value, place: &str) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (name, field) in properties {
                assert!(field.get("description").is_some(), "{place}/{name}");
            }
        }
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, one)| visit(one, &format!("{place}/{key}"))),
            Value::Array(list) => list.iter().for_each(|one| visit(one, place)),
            _ => {}
        }
    }
    let text = include_str!("../../../../../schema/review.schema.json");
    visit(&serde_json::from_str(text).unwrap(), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_review_fits_the_schemas_and_can_be_shown(review in reviews(), width in 0_usize..200) {
        let text = render(&review).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Review>(&text).unwrap(), &review);
        let found = problems(&serde_json::from_str(&text).unwrap());
        prop_assert!(found.is_empty(), "{:?}", found);
        let sarif = sarif::render(&review, &sarif::Origin::default()).unwrap();
        let found = sarif::tests::problems(&serde_json::from_str(&sarif).unwrap());
        prop_assert!(found.is_empty(), "{:?}", found);
        let style = text::TextStyle { width, is_coloured: false };
        let shown = text::render(&review, &style);
        let is_calm = |one: char| one == '\n' || !pullmill_core::escape::is_hidden(one);
        prop_assert!(shown.chars().all(is_calm));
        let page = pullmill_core::markdown::render(&review);
        prop_assert!(page.chars().all(is_calm));
        prop_assert!(page.chars().count() < 65_000);
        prop_assert_eq!(markdown::dangers(&page), Vec::<String>::new());
    }
}

fn words() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        3 => "[a-z ]{0,30}",
        2 => "[\\PC\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}\u{200b}\n]{0,30}",
        1 => "[-@#`<>|\\\\!\\[\\]():/&*_~$. a-z]{0,40}",
        1 => Just("@octo closes #1 ![x](https://e.test/i.png) <img src=x> www.e.test `a`b` GH-3".to_owned()),
        1 => Just("x".repeat(3_000)),
    ]
}

fn locations() -> impl Strategy<Value = Location> {
    (words(), 0_u32..9_000, 0_u32..300, 0_u32..9, 0_u32..300).prop_map(
        |(path, line, column, more, end_column)| Location {
            path: path.as_str().into(),
            line,
            column,
            end_line: line + more,
            end_column,
        },
    )
}

fn severities() -> impl Strategy<Value = Severity> {
    proptest::sample::select(Severity::ALL.to_vec())
}

fn fingerprints() -> impl Strategy<Value = String> {
    "[0-9a-f]{24}-[0-9]{1,3}"
}

fn findings() -> impl Strategy<Value = Finding> {
    let kind = (
        words(),
        severities(),
        any::<bool>(),
        proptest::collection::vec(0_u32..2_000, 0..4),
    );
    let said = (words(), words(), words(), words());
    let place = (
        locations(),
        proptest::option::of(0_u32..9_000),
        fingerprints(),
        proptest::option::of(words()),
        proptest::option::of((1_u32..9_000, words())),
    );
    let steps = proptest::collection::vec(
        (locations(), words()).prop_map(|(location, message)| Step { location, message }),
        0..4,
    );
    (kind, said, place, steps).prop_map(
        |((rule, severity, is_bug, cwe), (message, why, fix, snippet), place, path)| Finding {
            category: rule.clone(),
            rule,
            agent: if is_bug { Agent::Bugs } else { Agent::Security },
            severity,
            confidence: Confidence::Medium,
            cwe,
            message,
            why,
            fix,
            location: place.0,
            comment_line: place.1,
            path,
            symbol: place.3,
            snippet,
            fingerprint: place.2,
            suggestion: place.4.map(|(line, text)| Suggestion { line, text }),
        },
    )
}

fn coverages() -> impl Strategy<Value = FileCoverage> {
    let skipped = proptest::sample::select(vec![
        SkipReason::Generated,
        SkipReason::Vendored,
        SkipReason::Binary,
        SkipReason::Ignored,
        SkipReason::TooLarge,
        SkipReason::Unsupported,
        SkipReason::ParseError,
        SkipReason::Stopped,
        SkipReason::Unavailable,
    ]);
    let outcome = prop_oneof![
        words().prop_map(|language| Outcome::Assessed { language }),
        (skipped, words()).prop_map(|(reason, detail)| Outcome::Skipped { reason, detail }),
    ];
    (words(), outcome).prop_map(|(path, outcome)| FileCoverage {
        blob: pullmill_core::commit::blob(path.as_bytes()),
        path: path.as_str().into(),
        outcome,
    })
}

fn rows() -> impl Strategy<Value = WalkthroughRow> {
    let status = proptest::sample::select(vec![
        Status::Added,
        Status::Modified,
        Status::Deleted,
        Status::Renamed,
        Status::Copied,
        Status::ModeChanged,
    ]);
    (
        words(),
        proptest::option::of(words()),
        status,
        any::<(u32, u32)>(),
        words(),
    )
        .prop_map(|(path, old, status, lines, what)| WalkthroughRow {
            path: path.as_str().into(),
            old_path: old.map(|old| old.as_str().into()),
            status,
            added_lines: lines.0,
            removed_lines: lines.1,
            what,
        })
}

fn summaries() -> impl Strategy<Value = Summary> {
    let component = (words(), any::<(u32, u32, u32)>()).prop_map(|(name, counts)| Component {
        kinds: vec!["code".to_owned()],
        name,
        files: counts.0,
        added_lines: counts.1,
        removed_lines: counts.2,
    });
    (
        words(),
        any::<(u32, u32)>(),
        proptest::collection::vec(component, 0..9),
        proptest::collection::vec(rows(), 0..30),
    )
        .prop_map(|(headline, lines, components, walkthrough)| Summary {
            headline,
            added_lines: lines.0,
            removed_lines: lines.1,
            components,
            callers: walkthrough
                .iter()
                .map(|row: &WalkthroughRow| Callers {
                    path: row.path.clone(),
                    name: row.what.clone(),
                    change: CalleeChange::Signature,
                    files: row.added_lines.saturating_add(1),
                    examples: vec![row.path.clone()],
                })
                .collect(),
            names: walkthrough
                .iter()
                .map(|row: &WalkthroughRow| NameChange {
                    kind: RenamedKind::Flag,
                    before: Some(row.what.clone()),
                    after: row.old_path.as_ref().map(ToString::to_string),
                    path: row.path.clone(),
                })
                .collect(),
            api: Api {
                bump: Bump::Major,
                added: walkthrough
                    .iter()
                    .map(|row: &WalkthroughRow| ApiItem {
                        path: row.path.clone(),
                        name: row.what.clone(),
                        signature: row.what.clone(),
                    })
                    .collect(),
                changed: walkthrough
                    .iter()
                    .map(|row| ApiChange {
                        path: row.path.clone(),
                        name: row.what.clone(),
                        before: row.what.clone(),
                        after: row.what.clone(),
                    })
                    .collect(),
                removed: Vec::new(),
            },
            dependencies: vec![DependencyChange {
                path: "package.json".into(),
                name: "x".to_owned(),
                before: None,
                after: Some("1".to_owned()),
            }],
            walkthrough,
        })
}

fn judgements() -> impl Strategy<Value = (Verdict, Risk)> {
    let outlook =
        proptest::sample::select(vec![Outlook::Pass, Outlook::Fail, Outlook::Inconclusive]);
    let reason = (words(), any::<u32>(), words()).prop_map(|(name, points, message)| Reason {
        name,
        points,
        message,
    });
    (
        outlook,
        proptest::collection::vec(words(), 1..9),
        0_u32..=100,
        proptest::collection::vec(reason, 0..8),
    )
        .prop_map(|(outlook, reasons, score, because)| {
            let risk = Risk {
                score,
                level: Level::of(score),
                reasons: because,
            };
            (Verdict { outlook, reasons }, risk)
        })
}

fn suppressed() -> impl Strategy<Value = Suppressed> {
    (words(), locations(), fingerprints(), any::<bool>(), words()).prop_map(
        |(rule, location, fingerprint, is_comment, reason)| Suppressed {
            rule,
            location,
            fingerprint,
            by: if is_comment {
                SuppressedBy::Comment
            } else {
                SuppressedBy::Baseline
            },
            reason,
        },
    )
}

fn renamed() -> impl Strategy<Value = Renamed> {
    (any::<bool>(), words(), words(), words(), 1..9_u32).prop_map(
        |(is_file, from, to, path, line)| Renamed {
            kind: if is_file {
                RenamedKind::File
            } else {
                RenamedKind::Symbol
            },
            from,
            to,
            path: path.as_str().into(),
            line,
        },
    )
}

fn consulted() -> impl Strategy<Value = Consulted> {
    let lines = (1..50_u32, 0..5_u32).prop_map(|(first, more)| LineRange {
        first,
        last: first + more,
    });
    let reason = proptest::sample::select(vec![
        UnreadReason::Generated,
        UnreadReason::LineTooLong,
        UnreadReason::Unconfirmed,
    ]);
    let unread = (words(), proptest::collection::vec(lines, 0..3), reason);
    let unread = unread.prop_map(|(path, lines, reason)| Unread {
        path: path.as_str().into(),
        lines,
        reason,
    });
    (
        proptest::collection::vec(words(), 0..8),
        proptest::collection::vec((words(), words()), 0..4),
        proptest::collection::vec(unread, 0..30),
        any::<u32>(),
    )
        .prop_map(|(overview, files, unread, number)| Consulted {
            models: overview.clone(),
            overview,
            files: files
                .into_iter()
                .map(|(path, what)| (path.as_str().into(), what))
                .collect(),
            calls: number,
            tokens_in: number.into(),
            tokens_cached: number.into(),
            tokens_out: number.into(),
            cost_micro_usd: number.into(),
            dropped: number,
            unread,
        })
}

fn reviews() -> impl Strategy<Value = Review> {
    let subject = (any::<bool>(), words(), proptest::option::of(words())).prop_map(
        |(is_scan, label, head)| Subject {
            kind: if is_scan {
                SubjectKind::Scan
            } else {
                SubjectKind::Change
            },
            label,
            base: head.clone(),
            head,
        },
    );
    let lists = (
        proptest::collection::vec(findings(), 0..6),
        proptest::collection::vec(suppressed(), 0..4),
        proptest::collection::vec(coverages(), 0..30),
        proptest::collection::vec(words(), 0..4),
        proptest::collection::vec(renamed(), 0..3),
        proptest::option::of(consulted()),
    );
    (subject, summaries(), judgements(), lists, any::<bool>()).prop_map(
        |(subject, summary, (verdict, risk), lists, is_complete)| Review {
            schema_version: 1,
            subject,
            summary,
            verdict,
            risk,
            findings: lists.0,
            suppressed: lists.1,
            renamed: lists.4,
            agents: vec![AgentEvidence {
                agent: Agent::Bugs,
                is_complete,
                files: 1,
                findings: 0,
            }],
            coverage: lists.2,
            notes: lists.3,
            model: lists.5,
        },
    )
}
