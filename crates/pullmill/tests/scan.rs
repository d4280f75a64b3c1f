//! `pullmill scan`, `baseline` and the other commands as a user meets them, without git.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const WEAK_HASH: &str =
    "import hashlib\n\n\ndef digest(data):\n    return hashlib.md5(data).hexdigest()\n";
const HARMLESS: &str = "def add(a, b):\n    return a + b\n";

fn pullmill(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pullmill"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn paths(review: &Value) -> Vec<&str> {
    let files = review["coverage"].as_array().unwrap();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect()
}

#[test]
fn a_clean_tree_passes() {
    let folder = tree(&[("add.py", HARMLESS)]);
    let output = pullmill(folder.path(), &["scan", ".", "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", text(&output.stdout));
    assert_eq!(json(&output)["verdict"]["outlook"], "pass");
    assert!(output.stderr.is_empty());
}

#[test]
fn a_finding_fails_at_its_threshold_and_passes_below() {
    let folder = tree(&[("digest.py", WEAK_HASH)]);
    let fail = pullmill(
        folder.path(),
        &["scan", ".", "--format", "json", "--fail-on", "info"],
    );
    assert_eq!(status(&fail), 1, "{}", text(&fail.stdout));
    assert_eq!(json(&fail)["findings"][0]["rule"], "python.weak-hash");
    let pass = pullmill(folder.path(), &["scan", ".", "--fail-on", "critical"]);
    assert_eq!(status(&pass), 0);
}

#[test]
fn what_cannot_be_read_is_inconclusive() {
    let folder = tree(&[("long.py", &"x = 1 # ".repeat(1 << 20))]);
    let output = pullmill(folder.path(), &["scan", ".", "--format", "json"]);
    assert_eq!(status(&output), 2, "{}", text(&output.stdout));
}

#[test]
fn a_tree_is_walked_in_order_without_ignored_files_and_links() {
    let folder = tree(&[
        ("b.py", HARMLESS),
        ("a/z.py", HARMLESS),
        ("a.py", HARMLESS),
        (".hidden/c.py", HARMLESS),
        (".git/hooks/d.py", HARMLESS),
        ("build/e.py", HARMLESS),
        (".gitignore", "build/\n"),
    ]);
    std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
    let output = pullmill(folder.path(), &["scan", ".", "--format", "json"]);
    let wanted = [".gitignore", ".hidden/c.py", "a.py", "a/z.py", "b.py"];
    assert_eq!(paths(&json(&output)), wanted);
}

#[test]
fn the_number_of_processes_changes_no_byte() {
    let names: Vec<String> = (0..40).map(|number| format!("f{number}.py")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), WEAK_HASH))
        .collect();
    let folder = tree(&files);
    let run = |jobs| {
        pullmill(
            folder.path(),
            &["scan", ".", "--format", "json", "--jobs", jobs],
        )
    };
    let one = run("1");
    assert_eq!(json(&one)["findings"].as_array().unwrap().len(), 40);
    assert_eq!(one.stdout, run("2").stdout);
    assert_eq!(one.stdout, run("7").stdout);
}

#[test]
fn the_configuration_of_the_scanned_root_holds() {
    let folder = tree(&[
        ("digest.py", WEAK_HASH),
        (".pullmill.toml", "[rules]\noff = [\"python.weak-hash\"]\n"),
    ]);
    let output = pullmill(
        Path::new("/"),
        &["scan", folder.path().to_str().unwrap(), "--format", "json"],
    );
    assert_eq!(json(&output)["findings"], Value::Array(Vec::new()));
}

#[test]
fn a_wrong_configuration_is_said_with_its_place() {
    let folder = tree(&[
        ("a.py", HARMLESS),
        (".pullmill.toml", "[review]\nfail_onn = \"high\"\n"),
    ]);
    for arguments in [
        &["scan", "."][..],
        &["config", "check"],
        &["config", "show"],
    ] {
        let output = pullmill(folder.path(), arguments);
        assert_eq!(status(&output), 78, "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains(".pullmill.toml:2:1"), "{message}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_rule_of_the_repository_that_does_not_load_is_said() {
    let folder = tree(&[
        ("a.py", HARMLESS),
        (".pullmill/rules/own.yml", "id: own.rule\n"),
    ]);
    let output = pullmill(folder.path(), &["scan", "."]);
    assert_eq!(status(&output), 78);
    assert!(
        text(&output.stderr).contains(".pullmill/rules/own.yml"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn settings_that_are_links_or_pipes_are_refused_and_not_followed() {
    let folder = tree(&[("a.py", HARMLESS)]);
    std::os::unix::fs::symlink("/dev/zero", folder.path().join(".pullmill.toml")).unwrap();
    let output = pullmill(folder.path(), &["scan", "."]);
    assert_eq!(status(&output), 78);
    assert!(text(&output.stderr).contains("no text file"));
}

#[test]
fn a_recorded_finding_is_set_aside_with_its_reason() {
    let folder = tree(&[("digest.py", WEAK_HASH)]);
    let recorded = pullmill(folder.path(), &["baseline", "--reason", "old protocol"]);
    assert_eq!(status(&recorded), 0, "{}", text(&recorded.stderr));
    assert!(text(&recorded.stdout).starts_with("1 finding recorded"));
    let scan = |more: &[&str]| {
        let mut arguments = vec!["scan", ".", "--format", "json", "--fail-on", "info"];
        arguments.extend(more);
        pullmill(folder.path(), &arguments)
    };
    let quiet = scan(&[]);
    assert_eq!(status(&quiet), 0, "{}", text(&quiet.stdout));
    assert_eq!(json(&quiet)["suppressed"][0]["reason"], "old protocol");
    assert_eq!(status(&scan(&["--no-baseline"])), 1);
    let again = pullmill(folder.path(), &["baseline"]);
    assert_eq!(status(&again), 0);
    assert_eq!(scan(&[]).stdout, quiet.stdout);
}

#[test]
fn a_baseline_is_not_written_through_a_link() {
    let folder = tree(&[("digest.py", WEAK_HASH)]);
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(".pullmill")).unwrap();
    let output = pullmill(folder.path(), &["baseline"]);
    assert_eq!(status(&output), 73);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn wrong_command_lines_end_with_64_and_missing_input_with_66() {
    let folder = tree(&[]);
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["scan"],
        &["scan", ".", "--format", "xml"],
        &["review", "a..b", "--staged"],
        &["rules", "no.such-rule"],
        &["__analyse", "more"],
    ] {
        let output = pullmill(folder.path(), arguments);
        assert_eq!(status(&output), 64, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    for arguments in [
        &["scan", "missing"][..],
        &["review", "--repo", "missing"],
        &["review", "--patch", "missing"],
        &["config", "check", "--config", "missing"],
    ] {
        assert_eq!(
            status(&pullmill(folder.path(), arguments)),
            66,
            "{arguments:?}"
        );
    }
}

#[test]
fn help_version_rules_and_schema_are_printed() {
    let folder = tree(&[]);
    for (arguments, wanted) in [
        (&["--help"][..], "Exit status"),
        (&["review", "--help"], "inconclusive"),
        (&["--version"], "pullmill 0."),
        (&["rules"], "python.weak-hash"),
        (&["rules", "python.weak-hash"], "CWE-"),
        (&["config", "schema"], "fail_on"),
        (&["config", "show"], "fail_on"),
    ] {
        let output = pullmill(folder.path(), arguments);
        assert_eq!(status(&output), 0, "{arguments:?}");
        assert!(text(&output.stdout).contains(wanted), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_went_away_changes_no_verdict_and_a_full_disk_is_said() {
    let folder = tree(&[("add.py", HARMLESS)]);
    let run = |stdout: Stdio| {
        Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .current_dir(folder.path())
            .args(["scan", "."])
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut child = run(Stdio::piped());
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = run(full.into()).wait_with_output().unwrap();
    assert_eq!(status(&output), 74);
    assert!(text(&output.stderr).contains("could not be written"));
}

#[test]
fn descriptors_that_the_caller_leaked_do_no_harm() {
    let folder = tree(&[("add.py", HARMLESS)]);
    let script = format!(
        "exec 7</dev/null 9</dev/null; exec {} scan .",
        env!("CARGO_BIN_EXE_pullmill")
    );
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
}

#[test]
fn the_child_refuses_to_work_with_a_leaked_descriptor() {
    let script = format!(
        "exec 7</dev/null; printf '\\1\\0\\0\\0\\0\\0\\0\\0x' | {} __analyse",
        env!("CARGO_BIN_EXE_pullmill")
    );
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.contains("open descriptors"), "{answer}");
}

#[test]
fn a_report_has_no_colour_unless_it_is_asked_for() {
    let folder = tree(&[("digest.py", WEAK_HASH)]);
    for arguments in [&["scan", "."][..], &["scan", ".", "--color", "never"]] {
        assert!(!pullmill(folder.path(), arguments).stdout.contains(&0x1b));
    }
}
