//! `pullmill review` as a user meets it, against real git repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod agents;
mod drift;
mod formats;
mod languages;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const WEAK_HASH: &str =
    "import hashlib\n\n\ndef digest(data):\n    return hashlib.md5(data).hexdigest()\n";
const HARMLESS: &str = "def add(a, b):\n    return a + b\n";
/// A rule of a repository's own.
const OWN_RULE: &str = "id: python.own-add
languages: [python]
agent: bugs
severity: high
confidence: high
category: correctness
message: \"nobody adds here\"
why: It is a test.
fix: Do not add.
match:
  rule:
    pattern: add($$$ARGS)
";

/// A repository with one commit that holds `files`.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main"]);
    write(folder.path(), files);
    commit(folder.path());
    folder
}

fn git(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(["-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    output.stdout
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "--allow-empty", "-m", "m"]);
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pullmill"));
    command
        .current_dir(folder)
        .arg("review")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn review(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, &[arguments, &["--format", "json"]].concat())
        .output()
        .unwrap()
}

/// Records the present findings in the baseline file.
fn record(folder: &Path) {
    let recorded = Command::new(env!("CARGO_BIN_EXE_pullmill"))
        .current_dir(folder)
        .arg("baseline")
        .output()
        .unwrap();
    assert_eq!(status(&recorded), 0, "{}", text(&recorded.stderr));
    assert!(folder.join(".pullmill/baseline.json").exists());
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

/// The paths of all findings.
fn found(review: &Value) -> Vec<&str> {
    let findings = review["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["location"]["path"].as_str().unwrap())
        .collect()
}

/// What is said of a file in the coverage.
fn outcome<'r>(review: &'r Value, path: &str) -> &'r Value {
    let coverage = review["coverage"].as_array().unwrap();
    coverage.iter().find(|file| file["path"] == path).unwrap()
}

/// A review of `files` added to a repository that is configured so.
fn configured(config: &str, files: &[(&str, &str)]) -> Output {
    let folder = repository(&[(".pullmill.toml", config)]);
    write(folder.path(), files);
    review(folder.path(), &[])
}

#[test]
fn a_finding_of_the_change_fails_and_one_from_before_does_not() {
    let folder = repository(&[
        ("old.py", WEAK_HASH),
        (".pullmill.toml", "[review]\nfail_on = 'info'\n"),
    ]);
    write(
        folder.path(),
        &[("old.py", &format!("{WEAK_HASH}\n\nx = 1\n"))],
    );
    let output = review(folder.path(), &[]);
    assert_eq!(status(&output), 0, "{}", text(&output.stdout));
    write(folder.path(), &[("new.py", WEAK_HASH)]);
    let output = review(folder.path(), &[]);
    assert_eq!(status(&output), 1);
    assert_eq!(found(&json(&output)), ["new.py"]);
}

/// A file that is not taken for another one that moved: it shares few lines with `WEAK_HASH`.
fn with_company(code: &str) -> String {
    let company: String = (0..20)
        .map(|number| format!("\n\ndef area{number}(width):\n    return width * {number}\n"))
        .collect();
    format!("{code}{company}")
}

#[test]
fn code_that_moves_out_of_a_file_without_other_findings_is_silent() {
    let folder = repository(&[
        ("old.py", &with_company(WEAK_HASH)),
        ("new.py", "import hashlib\n"),
        (".pullmill.toml", "[review]\nfail_on = 'info'\n"),
    ]);
    write(
        folder.path(),
        &[("old.py", &with_company("")), ("new.py", WEAK_HASH)],
    );
    let output = review(folder.path(), &[]);
    assert_eq!(found(&json(&output)), [""; 0]);
    assert_eq!(status(&output), 0);
    // The name alone does not make it the same code.
    let other = with_company(&WEAK_HASH.replace("md5", "sha1"));
    let folder = repository(&[("old.py", &other), ("new.py", "import hashlib\n")]);
    write(
        folder.path(),
        &[("old.py", &with_company("")), ("new.py", WEAK_HASH)],
    );
    assert_eq!(found(&json(&review(folder.path(), &[]))), ["new.py"]);
}

#[test]
fn one_piece_that_moves_does_not_excuse_two() {
    let folder = repository(&[("old.py", &with_company(WEAK_HASH))]);
    write(
        folder.path(),
        &[
            ("old.py", &with_company("")),
            ("a.py", WEAK_HASH),
            ("b.py", WEAK_HASH),
        ],
    );
    assert_eq!(found(&json(&review(folder.path(), &[]))).len(), 1);
}

#[test]
fn a_secret_outside_of_any_function_moves_in_silence() {
    let key = format!("KEY = \"{}{}\"\n", "AKIA", "QYLPMN5HFZ3XKTWD");
    let old = with_company(&key);
    let folder = repository(&[("old.py", &old), ("new.py", "import os\n")]);
    write(folder.path(), &[("new.py", &key)]);
    assert_eq!(found(&json(&review(folder.path(), &[]))), ["new.py"]);
    write(folder.path(), &[("old.py", &with_company(""))]);
    assert_eq!(found(&json(&review(folder.path(), &[]))), [""; 0]);
}

#[test]
fn a_copy_is_reported_unless_its_code_went_elsewhere() {
    let code = with_company(WEAK_HASH);
    let changed = format!("{code}\nx = 1\n");
    let folder = repository(&[("old.py", &code), ("third.py", WEAK_HASH)]);
    write(folder.path(), &[("old.py", &changed), ("copy.py", &code)]);
    commit(folder.path());
    assert_eq!(found(&json(&review(folder.path(), &["HEAD"]))), ["copy.py"]);
    write(folder.path(), &[("third.py", HARMLESS)]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "--amend", "-m", "m"]);
    let output = json(&review(folder.path(), &["HEAD"]));
    assert_eq!(found(&output), [""; 0]);
}

#[test]
fn the_threshold_of_a_path_decides_there() {
    let config = "[review]\nfail_on = 'critical'\n[rules.severity]\n'python.weak-hash' = 'medium'\n[[paths]]\nglobs = ['core/']\nfail_on = 'medium'\n";
    let elsewhere = configured(config, &[("web/a.py", WEAK_HASH)]);
    assert_eq!(status(&elsewhere), 0, "{}", text(&elsewhere.stdout));
    assert_eq!(found(&json(&elsewhere)), ["web/a.py"]);
    let there = configured(config, &[("web/a.py", WEAK_HASH), ("core/a.py", WEAK_HASH)]);
    assert_eq!(status(&there), 1);
    let reason = json(&there)["verdict"]["reasons"][0].clone();
    assert_eq!(
        reason,
        "1 open finding at or above the threshold of its path"
    );
}

#[test]
fn rules_are_switched_off_everywhere_or_under_a_path() {
    let files = [("tests/a.py", WEAK_HASH), ("b.py", WEAK_HASH)];
    let off = configured("[rules]\noff = ['python.weak-hash']\n", &files);
    assert!(found(&json(&off)).is_empty());
    let there = configured(
        "[[paths]]\nglobs = ['tests/']\nrules_off = ['python.*']\n",
        &files,
    );
    assert_eq!(found(&json(&there)), ["b.py"]);
}

#[test]
fn severities_are_replaced() {
    let output = configured(
        "[rules.severity]\n'python.weak-hash' = 'critical'\n",
        &[("a.py", WEAK_HASH)],
    );
    assert_eq!(json(&output)["findings"][0]["severity"], "critical");
    assert_eq!(status(&output), 1);
}

#[test]
fn ignored_generated_vendored_and_foreign_files_are_left_out_and_named() {
    let config = "ignore = ['docs/']\n[review]\ngenerated = ['gen/']\nvendored = ['lib/']\nlanguages = ['go']\n";
    let files = ["docs/a.py", "gen/a.py", "lib/a.py", "own/a.py"].map(|path| (path, WEAK_HASH));
    let output = configured(config, &files);
    let review = json(&output);
    assert!(found(&review).is_empty());
    for (path, reason) in [
        ("docs/a.py", "ignored"),
        ("gen/a.py", "generated"),
        ("lib/a.py", "vendored"),
        ("own/a.py", "ignored"),
    ] {
        let said = outcome(&review, path).to_string();
        assert!(said.contains(&format!("\"{reason}\"")), "{said}");
    }
}

#[test]
fn only_so_many_findings_are_shown_and_all_count() {
    let names: Vec<String> = (0..6).map(|number| format!("f{number}.py")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), WEAK_HASH))
        .collect();
    let few = json(&configured("[review]\nmax_findings = 2\n", &files));
    let all = json(&configured("", &files));
    assert_eq!((found(&few).len(), found(&all).len()), (2, 6));
    assert_eq!(few["risk"]["score"], all["risk"]["score"]);
}

#[test]
fn every_limit_is_kept_and_makes_the_review_inconclusive() {
    let long = "x = 1\n".repeat(200) + &format!("x = '{}'\n", "y".repeat(17_000));
    let names: Vec<String> = (0..101).map(|number| format!("{number}.txt")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x\n")).collect();
    let cases = [
        ("max_file_bytes = 16_384", vec![("a.py", long.as_str())]),
        ("max_line_bytes = 1_000", vec![("a.py", long.as_str())]),
        ("max_files = 100", many),
    ];
    for (limit, files) in cases {
        let free = configured("", &files);
        assert_eq!(status(&free), 0, "{limit}: {}", text(&free.stdout));
        let output = configured(&format!("[limits]\n{limit}\n"), &files);
        assert_eq!(status(&output), 2, "{limit}: {}", text(&output.stderr));
    }
}

#[test]
fn limits_can_be_raised() {
    let wide = format!("x = '{}'\n", "y".repeat(200_000)) + WEAK_HASH;
    let big = format!("x = '{}'\n", "y".repeat(90)).repeat(23_000) + WEAK_HASH;
    for (limit, text) in [
        ("max_line_bytes = 300_000", wide),
        ("max_file_bytes = 4_000_000", big),
    ] {
        let files = [("a.py", text.as_str())];
        assert_eq!(status(&configured("", &files)), 2, "{limit}");
        let output = configured(&format!("[limits]\n{limit}\n"), &files);
        assert_eq!(found(&json(&output)).len(), 1, "{limit}");
    }
}

#[test]
fn what_counts_as_vendored_or_generated_is_up_to_the_configuration() {
    for (key, path) in [
        ("vendored", "web/vendor/a.py"),
        ("generated", "web/a_pb2.py"),
    ] {
        let files = [(path, WEAK_HASH)];
        assert_eq!(found(&json(&configured("", &files))).len(), 0, "{path}");
        let off = configured(&format!("[review]\n{key} = []\n"), &files);
        assert_eq!(found(&json(&off)).len(), 1, "{path}");
        let other = configured(&format!("[review]\n{key} = [\"web/\"]\n"), &files);
        assert_eq!(found(&json(&other)).len(), 0, "{path}");
    }
}

#[test]
fn nothing_that_a_repository_asks_for_is_run() {
    let folder = repository(&[
        ("a.py", HARMLESS),
        (".gitattributes", "* filter=trap diff=trap\n"),
    ]);
    let marker = folder.path().join(".git/marker");
    let trap = format!("touch '{}'; cat", marker.display());
    for key in [
        "filter.trap.clean",
        "filter.trap.smudge",
        "diff.external",
        "diff.trap.textconv",
        "core.fsmonitor",
        "core.pager",
    ] {
        git(folder.path(), &["config", key, &trap]);
    }
    let _ = fs::remove_file(&marker);
    write(folder.path(), &[("a.py", WEAK_HASH)]);
    for arguments in [
        &[][..],
        &["--staged"],
        &["--base", "main"],
        &["main"],
        &["--patch", "-"],
    ] {
        review(folder.path(), arguments);
        assert!(!marker.exists(), "{arguments:?}");
    }
    git(folder.path(), &["status"]);
    assert!(marker.exists());
}

#[test]
fn floors_raise_the_risk_and_configured_ones_too() {
    let output = configured(
        "[[risk.floor]]\nname = 'billing'\npaths = ['pay/']\nscore = 66\n",
        &[("Pipfile", "x\n"), ("pay/a.py", HARMLESS)],
    );
    let risk = &json(&output)["risk"];
    assert_eq!(risk["score"], 66);
    let names = |reason: &Value| reason["name"].as_str().unwrap().to_owned();
    let names: Vec<String> = risk["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(names)
        .collect();
    assert_eq!(names, ["floor.billing", "floor.dependencies"]);
}

#[test]
fn the_change_cannot_configure_its_own_review() {
    let folder = repository(&[
        ("a.py", HARMLESS),
        (".pullmill.toml", "[review]\nfail_on = 'info'\n"),
    ]);
    write(folder.path(), &[("a.py", WEAK_HASH)]);
    record(folder.path());
    write(
        folder.path(),
        &[
            (".pullmill.toml", "[rules]\noff = ['python.weak-hash']\n"),
            (".pullmill/rules/broken.yml", "{"),
        ],
    );
    for _ in 0..2 {
        let output = review(folder.path(), &[]);
        assert_eq!(status(&output), 1, "{}", text(&output.stderr));
        assert_eq!(found(&json(&output)), ["a.py"]);
        // The same holds of what is committed: the base is what counts.
        git(folder.path(), &["checkout", "-q", "-B", "topic"]);
    }
    commit(folder.path());
    let output = review(folder.path(), &["main...topic"]);
    assert_eq!((status(&output), found(&json(&output))), (1, vec!["a.py"]));
    // Once merged, all of it is the base's.
    write(folder.path(), &[("b.py", WEAK_HASH)]);
    assert_eq!(status(&review(folder.path(), &[])), 78);
}

#[test]
fn rules_and_baseline_of_the_base_hold() {
    let folder = repository(&[(".pullmill/rules/own.yml", OWN_RULE)]);
    write(
        folder.path(),
        &[("a.py", "add(1, 2)\n"), ("b.py", WEAK_HASH)],
    );
    let output = review(folder.path(), &[]);
    assert_eq!(status(&output), 1, "{}", text(&output.stderr));
    assert_eq!(found(&json(&output)), ["a.py", "b.py"]);
    record(folder.path());
    git(folder.path(), &["add", ".pullmill"]);
    git(folder.path(), &["commit", "-q", "-m", "m"]);
    let output = review(folder.path(), &[]);
    assert!(found(&json(&output)).is_empty(), "{}", text(&output.stdout));
    let output = review(folder.path(), &["--no-baseline"]);
    assert_eq!(found(&json(&output)), ["a.py", "b.py"]);
}

#[test]
fn only_a_comment_of_ours_with_a_reason_sets_a_finding_aside() {
    let line = "    return hashlib.md5(data).hexdigest()";
    let with = |comment: &str| WEAK_HASH.replace(line, &format!("{line}  # {comment}"));
    let others = [
        "noqa",
        "nosec",
        "nosec B324",
        "ast-grep-ignore",
        "NOSONAR",
        "eslint-disable",
        "nosemgrep",
        "type: ignore",
        "pullmill: ignore python.weak-hash",
        "pullmill: ignore python.weak-hash --",
    ];
    let texts = others.map(with);
    let names: Vec<String> = (0..others.len())
        .map(|number| format!("f{number}.py"))
        .collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let folder = repository(&[("a.txt", "a\n")]);
    write(folder.path(), &files);
    let ours = with("pullmill: ignore python.weak-hash -- a checksum, not a secret");
    write(folder.path(), &[("ours.py", &ours)]);
    let review = json(&review(folder.path(), &[]));
    let mut paths = found(&review);
    paths.sort_unstable();
    assert_eq!(paths, names);
    assert_eq!(review["suppressed"][0]["location"]["path"], "ours.py");
    assert!(
        review["suppressed"][0]
            .to_string()
            .contains("a checksum, not a secret")
    );
}

#[test]
fn a_patch_is_read_from_a_file_or_from_standard_input() {
    let folder = repository(&[
        ("a.py", HARMLESS),
        (".pullmill.toml", "[review]\nfail_on = 'info'\n"),
    ]);
    write(folder.path(), &[("b.py", WEAK_HASH)]);
    git(folder.path(), &["add", "-A"]);
    let patch = git(folder.path(), &["diff", "--cached"]);
    git(folder.path(), &["reset", "-q", "--hard"]);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("p.diff"), &patch).unwrap();
    let path = elsewhere.path().join("p.diff").display().to_string();
    let inside = review(folder.path(), &["--patch", &path]);
    assert_eq!((status(&inside), found(&json(&inside))), (1, vec!["b.py"]));
    let outside = review(elsewhere.path(), &["--patch", "p.diff"]);
    assert_eq!(found(&json(&outside)), ["b.py"]);
    let mut child = command(elsewhere.path(), &["--patch", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&patch).unwrap();
    let piped = child.wait_with_output().unwrap();
    assert_eq!(piped.stdout, outside.stdout);
}

#[test]
fn a_patch_of_parts_without_their_files_is_inconclusive() {
    let folder = tempfile::tempdir().unwrap();
    let patch = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n";
    write(
        folder.path(),
        &[
            ("p.diff", patch),
            ("bad.diff", "no patch\n"),
            ("empty.diff", ""),
        ],
    );
    assert_eq!(status(&review(folder.path(), &["--patch", "p.diff"])), 2);
    assert_eq!(
        status(&review(folder.path(), &["--patch", "empty.diff"])),
        65
    );
    assert_eq!(status(&review(folder.path(), &["--patch", "bad.diff"])), 65);
    assert_eq!(
        status(&review(folder.path(), &["--patch", "missing.diff"])),
        66
    );
}

#[test]
fn what_is_wrong_has_its_exit_status() {
    let folder = repository(&[("a.py", HARMLESS)]);
    let marker = folder.path().join("marker");
    let option = format!("--output={}", marker.display());
    for arguments in [
        &["no-such"][..],
        &["--", &option],
        &[&option],
        &["a b"],
        &["--base", "no-such"],
        &["--staged", "HEAD"],
    ] {
        let output = review(folder.path(), arguments);
        assert_eq!(
            status(&output),
            64,
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
    assert!(!marker.exists());
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(status(&review(empty.path(), &[])), 66);
    git(empty.path(), &["init", "-q"]);
    let output = review(empty.path(), &[]);
    assert_eq!(status(&output), 66);
    assert!(text(&output.stderr).contains("there is nothing to review"));
    let output = command(folder.path(), &[])
        .env("PATH", "")
        .output()
        .unwrap();
    assert_eq!(status(&output), 69, "{}", text(&output.stderr));
}

#[test]
fn the_number_of_processes_changes_no_byte() {
    let folder = repository(&[("a.txt", "a\n")]);
    let names: Vec<String> = (0..20).map(|number| format!("f{number}.py")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), WEAK_HASH))
        .collect();
    write(folder.path(), &files);
    let one = review(folder.path(), &["--jobs", "1"]);
    assert_eq!(found(&json(&one)).len(), 20);
    assert_eq!(one.stdout, review(folder.path(), &["--jobs", "5"]).stdout);
}
