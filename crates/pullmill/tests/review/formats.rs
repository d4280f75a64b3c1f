//! Reports for other programs, and reports of other programs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{HARMLESS, WEAK_HASH, command, commit, json, repository, review, status, text, write};

#[test]
fn github_gets_commands_and_reviewdog_its_own_format() {
    let folder = repository(&[("a.py", HARMLESS)]);
    let raises = "def area():\n    raise NotImplemented\n";
    write(folder.path(), &[("a.py", WEAK_HASH), ("b.py", raises)]);
    let output = command(folder.path(), &["--format", "github"])
        .output()
        .unwrap();
    let lines = text(&output.stdout);
    let starts = [
        "::warning file=a.py,line=5,endLine=5,title=medium%3A python.weak-hash::",
        "::warning file=b.py,line=2,endLine=2,title=medium%3A python.",
        "::notice title=Pullmill%3A pass::",
    ];
    for (line, start) in lines.lines().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert_eq!(lines.lines().count(), starts.len());
    let output = command(folder.path(), &["--format", "rdjson"])
        .output()
        .unwrap();
    let report = json(&output);
    let range = json!({"start": {"line": 2}, "end": {"line": 2}});
    let diagnostic = &report["diagnostics"][1];
    assert_eq!(
        diagnostic["location"],
        json!({"path": "b.py", "range": range})
    );
    let suggestion = json!({"range": range, "text": "    raise NotImplementedError"});
    assert_eq!(diagnostic["suggestions"], json!([suggestion]));
}

fn report(results: &Value) -> String {
    json!({
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "Some Lint", "rules": [{
                "id": "no-add", "shortDescription": {"text": "Do not add"}, "fullDescription": {"text": "Because."},
                "help": {"text": "Subtract."}, "properties": {"security-severity": "9.1", "tags": ["external/cwe/cwe-089"]},
            }]}},
            "results": results,
        }],
    })
    .to_string()
}

fn result(rule: &str, path: &str, line: u32) -> Value {
    json!({
        "ruleId": rule, "level": "error", "message": {"text": format!("{rule} at {line}")},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": line}}}],
    })
}

#[test]
fn what_other_tools_say_of_the_change_is_merged_in_under_their_names() {
    let folder = repository(&[("src/a.py", "x = 1\n"), ("b.py", "y = 1\n")]);
    write(folder.path(), &[("src/a.py", "x = 1\ny = 2\n")]);
    let mut suppressed = result("set-aside", "src/a.py", 2);
    suppressed["suppressions"] = json!([{"kind": "inSource"}]);
    let results = json!([
        result("no-add", "/builds/shop/src/a.py", 2),
        result("style", "src/a.py", 2),
        result("old-line", "src/a.py", 1),
        result("other-file", "b.py", 1),
        result("other-folder", "lib/src/a.py", 2),
        suppressed,
    ]);
    fs::write(folder.path().join("lint.sarif"), report(&results)).unwrap();
    write(folder.path(), &[(".gitignore", "*.sarif\n")]);
    let review = json(&review(folder.path(), &["--sarif-in", "lint.sarif"]));
    let findings = review["findings"].as_array().unwrap();
    let told: Vec<(&str, &str, &str)> = findings
        .iter()
        .map(|one| {
            (
                one["rule"].as_str().unwrap(),
                one["severity"].as_str().unwrap(),
                one["message"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("some-lint.no-add", "critical", "no-add at 2"),
            ("some-lint.style", "high", "style at 2")
        ]
    );
    assert_eq!(findings[0]["cwe"], json!([89]));
    assert_eq!(findings[0]["why"], "Because.");
    assert_eq!(findings[0]["location"]["path"], "src/a.py");
    assert_eq!(review["verdict"]["outlook"], "fail");
}

#[test]
fn a_report_that_is_none_is_refused() {
    let folder = repository(&[("a.py", HARMLESS)]);
    write(folder.path(), &[("a.py", WEAK_HASH)]);
    fs::write(folder.path().join("x.sarif"), "{\n\"version\": 3").unwrap();
    let output = review(folder.path(), &["--sarif-in", "x.sarif"]);
    assert_eq!(status(&output), 65);
    assert!(
        text(&output.stderr).contains("x.sarif:2: no SARIF 2.1.0"),
        "{}",
        text(&output.stderr)
    );
    let output = review(folder.path(), &["--sarif-in", "missing.sarif"]);
    assert_eq!(status(&output), 66);
}

/// Runs the script of the action for a change from the last commit but one.
fn action(folder: &Path, environment: &[(&str, &str)]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../action/review.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_pullmill")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    Command::new(script)
        .current_dir(folder)
        .env("PATH", path)
        .env("PULLMILL_BASE", "HEAD~1")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn the_action_annotates_writes_its_summary_and_ends_by_the_verdict() {
    let folder = repository(&[("a.py", HARMLESS)]);
    write(
        folder.path(),
        &[("a.py", WEAK_HASH), ("b.pl", "print 1;\n")],
    );
    commit(folder.path());
    let summary = folder.path().join("summary.md");
    let places = [
        ("GITHUB_STEP_SUMMARY", "summary.md"),
        ("PULLMILL_SARIF", "out.sarif"),
    ];
    let output = action(folder.path(), &places);
    assert_eq!(status(&output), 2, "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("::warning file=a.py,line=5,"));
    assert!(
        fs::read_to_string(&summary)
            .unwrap()
            .contains("Inconclusive")
    );
    let sarif: Value =
        serde_json::from_slice(&fs::read(folder.path().join("out.sarif")).unwrap()).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "python.weak-hash");
    assert_eq!(
        status(&action(folder.path(), &[("PULLMILL_INCONCLUSIVE", "pass")])),
        0
    );
    assert_eq!(
        status(&action(folder.path(), &[("PULLMILL_FAIL_ON", "medium")])),
        1
    );
    assert_eq!(status(&action(folder.path(), &[("PULLMILL_BASE", "")])), 64);
    assert_eq!(
        status(&action(folder.path(), &[("PULLMILL_BASE", "--output=x")])),
        64
    );
    let merged = action(folder.path(), &[("PULLMILL_SARIF_IN", "out.sarif\n")]);
    assert_eq!(status(&merged), 2, "{}", text(&merged.stderr));
}

#[test]
fn shells_and_man_get_what_they_read() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .args(arguments)
            .output()
            .unwrap();
        (status(&output), text(&output.stdout))
    };
    for (shell, word) in [
        ("bash", "complete"),
        ("zsh", "#compdef pullmill"),
        ("fish", "complete -c pullmill"),
    ] {
        let (status, script) = run(&["completions", shell]);
        assert!(
            status == 0 && script.contains(word) && script.contains("fix-docs"),
            "{shell}"
        );
    }
    let (status, page) = run(&["man", "review"]);
    assert!(
        status == 0 && page.contains(".TH") && page.contains("fix"),
        "{page}"
    );
    assert_eq!(run(&["man", "nothing"]).0, 64);
}
