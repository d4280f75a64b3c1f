//! Holds our SARIF against the official schema and against what GitHub asks for.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Origin, percent_encoded, render};
use crate::render::sample::sample;

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../../../../schema/third-party/sarif-2.1.0-rtm.5.json");
    // The schema's pattern for languages, which we do not write, has a stray bracket that strict regex readers refuse.
    let text = text.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    jsonschema::draft4::new(&serde_json::from_str(&text).unwrap()).unwrap()
});

pub(in crate::render) fn problems(value: &Value) -> Vec<String> {
    SCHEMA
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn log() -> Value {
    serde_json::from_str(&render(&sample(), &Origin::default()).unwrap()).unwrap()
}

#[test]
fn a_real_review_fits_the_official_schema() {
    assert_eq!(problems(&log()), Vec::<String>::new());
    let origin = Origin {
        repository_uri: Some("https://git.example/shop.git".into()),
    };
    let with_origin: Value = serde_json::from_str(&render(&sample(), &origin).unwrap()).unwrap();
    assert_eq!(problems(&with_origin), Vec::<String>::new());
    let revision = &with_origin["runs"][0]["versionControlProvenance"][0]["revisionId"];
    assert_eq!(*revision, "9b2d4e6f8a0c1e3d5f7a9b1c3d5e7f9a0b2c4d6e");
}

#[test]
fn the_official_schema_refuses_what_is_wrong() {
    for (pointer, value) in [
        ("/runs/0/results/0/level", Value::from("bad")),
        ("/runs/0/columnKind", Value::from("bytes")),
        ("/runs/0/tool/driver/rules/0/id", Value::from(1)),
        (
            "/runs/0/results/0/locations/0/physicalLocation/region/startLine",
            Value::from(0),
        ),
        ("/version", Value::from("2.0.0")),
    ] {
        let mut log = log();
        *log.pointer_mut(pointer).unwrap() = value;
        assert!(!problems(&log).is_empty(), "{pointer}");
    }
}

#[test]
fn a_finding_is_told_as_github_reads_it() {
    let log = log();
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    let rule = &run["tool"]["driver"]["rules"][index];
    assert_eq!(rule["id"], result["ruleId"]);
    insta::assert_json_snapshot!(rule["properties"], @r#"
    {
      "precision": "high",
      "security-severity": "9.5",
      "tags": [
        "security",
        "injection",
        "external/cwe/cwe-089"
      ]
    }
    "#);
    assert_eq!(rule["shortDescription"]["text"], "Sql injection (python)");
    assert_eq!(result["level"], "error");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "shop/auth/login.py");
    assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    assert_eq!(place["region"]["startLine"], 31);
    let flow = &result["codeFlows"][0]["threadFlows"][0]["locations"];
    assert_eq!(flow.as_array().unwrap().len(), 3);
    let prints = &result["partialFingerprints"];
    let ours = prints["pullmillFingerprint/v1"].as_str().unwrap();
    let stem = ours.strip_suffix("-0").unwrap();
    assert_eq!(prints["primaryLocationLineHash"], format!("{stem}:1"));
}

#[test]
fn what_was_not_assessed_makes_the_run_unsuccessful_and_is_named() {
    let log = log();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notes = invocation["toolExecutionNotifications"].as_array().unwrap();
    let words: Vec<&str> = notes
        .iter()
        .map(|one| one["message"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "docs/logo.png was not assessed (binary: 48.2 kB)",
            "tools/report.pl was not assessed (unsupported language: Perl)",
        ]
    );
}

#[test]
fn a_finding_set_aside_carries_its_reason() {
    let log = log();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let aside = results.last().unwrap();
    assert_eq!(aside["suppressions"][0]["kind"], "inSource");
    assert_eq!(
        aside["suppressions"][0]["justification"],
        "only the local profile reads this"
    );
}

#[test]
fn paths_become_relative_references() {
    assert_eq!(percent_encoded("a b/c:d%é.py"), "a%20b/c%3Ad%25%C3%A9.py");
}
