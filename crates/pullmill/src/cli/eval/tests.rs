//! The command, with corpora on disk and reviewers that say what they are told.

use std::fs;
use std::path::Path;

use clap::Parser;
use pullmill_core::change::Change;
use pullmill_core::finding::Finding;

use super::*;
use crate::eval::fixtures::{finding, reviewer};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: EvalArgs,
}

fn args(words: &[&str]) -> EvalArgs {
    let words = std::iter::once("eval").chain(words.iter().copied());
    Command::try_parse_from(words).unwrap().args
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn cases() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            (
                "python/search.case",
                "title: t\nexpect: cwe-89 a.py | sql\n-- head/a.py --\nsql\n",
            ),
            ("go/clean.case", "title: u\n-- head/a.go --\nx\n"),
        ],
    );
    folder
}

fn run_on(
    folder: &Path,
    words: &[&str],
    say: fn(&Change) -> Vec<Finding>,
) -> anyhow::Result<(bool, String)> {
    let mut args = args(words);
    args.paths = vec![folder.to_owned()];
    let mut out = Vec::new();
    let is_good = run(&args, &mut reviewer(say), None, &mut out)?;
    let text = String::from_utf8(out).unwrap();
    Ok((
        is_good,
        text.replace(&folder.display().to_string(), "[folder]"),
    ))
}

fn sees_sql(change: &Change) -> Vec<Finding> {
    let path = change.files[0].path.as_str();
    match path {
        "a.py" => vec![finding("python.sql-injection", &[89], path, 1)],
        _ => vec![],
    }
}

#[test]
fn a_folder_of_cases_is_measured_by_language() {
    let folder = cases();
    let (is_good, text) = run_on(folder.path(), &["--by", "language,rule"], sees_sql).unwrap();
    assert!(is_good);
    insta::assert_snapshot!(text);
}

#[test]
fn rates_below_the_least_allowed_fail() {
    let folder = cases();
    let words = ["--min-precision", "0.9", "--min-recall", "0.8"];
    assert!(run_on(folder.path(), &words, sees_sql).unwrap().0);
    assert!(!run_on(folder.path(), &words, |_| vec![]).unwrap().0);
}

#[test]
fn json_is_one_document() {
    let folder = cases();
    let (_, text) = run_on(folder.path(), &["--json"], sees_sql).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["total"]["precision"], 1.0);
    assert_eq!(value["by_language"][0]["name"], "go");
}

#[test]
fn mistakes_of_all_cases_are_listed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[("x/a.case", "title: t\n"), ("x/b.case", "what\n")],
    );
    let error = run_on(folder.path(), &[], sees_sql)
        .unwrap_err()
        .to_string();
    assert!(error.contains("x/a.case:1: nothing changes"), "{error}");
    assert!(error.contains("x/b.case:1: `title:` is missing"), "{error}");
}

#[test]
fn the_only_table_of_a_suite_is_found() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("expected.csv", "# name\na,sqli,true,89\nb,sqli,false,89\n"),
            ("src/a.py", "x"),
            ("src/b.py", "x"),
            ("src/data.csv", "x"),
        ],
    );
    let say = |change: &Change| vec![finding("r", &[89], change.files[0].path.as_str(), 1)];
    let (_, text) = run_on(folder.path(), &["--format", "csv", "--show", "false"], say).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn annotated_sources_and_the_meaning_of_their_ids_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            (
                "rules/one.yaml",
                "rules:\n- id: one\n  metadata:\n    cwe: 'CWE-79'\n",
            ),
            ("src/a.py", "# ruleid: one\nx\n"),
        ],
    );
    let rules = folder.path().join("rules");
    let source = folder.path().join("src");
    let say = |_: &Change| vec![finding("r", &[89], "src/a.py", 2)];
    let words = ["--format", "annotated", "--show", "all"];
    let (_, text) = run_on(&source, &words, |_| vec![finding("r", &[89], "a.py", 2)]).unwrap();
    assert!(text.contains("total    1       0"), "{text}");
    let narrowed = [&words[..], &["--expected", rules.to_str().unwrap()]].concat();
    let (_, text) = run_on(folder.path(), &narrowed, say).unwrap();
    let (_, beside) = run_on(folder.path(), &words, say).unwrap();
    assert_eq!(text, beside);
    insta::assert_snapshot!(text);
}

#[test]
fn the_only_table_of_results_among_several_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("data/numbers.csv", "1,2\n"),
            ("expected.csv", "T1,sqli,true,89\n"),
            ("T1.py", "x\n"),
        ],
    );
    let words = ["--format", "csv"];
    let (_, text) = run_on(folder.path(), &words, |_| {
        vec![finding("r", &[89], "T1.py", 1)]
    })
    .unwrap();
    assert!(text.contains("total    1       0"), "{text}");
    write(folder.path(), &[("more.csv", "T1,sqli,false,89\n")]);
    let error = run_on(folder.path(), &words, |_| vec![])
        .unwrap_err()
        .to_string();
    assert!(error.contains("there are 3 .csv files"), "{error}");
    assert!(
        error.ends_with("of which 2 can be the labels; name them with --expected"),
        "{error}"
    );
}

#[test]
fn missing_paths_and_labels_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["--format", "sarif"];
    let error = run_on(folder.path(), &words, sees_sql)
        .unwrap_err()
        .to_string();
    assert!(error.contains("there is no .sarif file in"), "{error}");
    let error = run_on(&folder.path().join("gone"), &[], sees_sql).unwrap_err();
    assert!(error.to_string().contains("there is no "), "{error}");
}

#[test]
fn shares_outside_of_0_to_1_are_refused() {
    let words = ["eval", "--min-recall", "80"];
    let error = Command::try_parse_from(words).err().unwrap().to_string();
    assert!(error.contains("allowed is a number from 0 to 1"), "{error}");
}

#[test]
fn our_own_corpus_is_well_formed_and_at_least_half_of_it_is_clean() {
    let mut args = args(&[]);
    args.paths = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eval")];
    let corpora = corpora::load(&args).unwrap();
    let items: Vec<_> = corpora.iter().flat_map(|corpus| &corpus.items).collect();
    let clean = items.iter().filter(|item| item.labels.is_empty()).count();
    assert!(2 * clean >= items.len(), "{clean} of {}", items.len());
}
