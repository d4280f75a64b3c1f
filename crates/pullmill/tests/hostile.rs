//! Files that were made to stop the reviewer: each is named as not assessed or reviewed, and never hides what stands beside it.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A real mistake, in a file that sorts behind every hostile one.
const INJECTION: &str = "\
from flask import Flask, request
import sqlite3

app = Flask(__name__)


@app.route(\"/users\")
def users():
    connection = sqlite3.connect(\"users.db\")
    cursor = connection.cursor()
    name = request.args.get(\"name\")
    cursor.execute(\"SELECT * FROM users WHERE name = '\" + name + \"'\")
    return str(cursor.fetchall())
";
const VICTIM: &str = "z/users.py";

/// Has a change reviewed that adds the hostile file and the mistake, and gives the outcome of the hostile file.
///
/// Every review must end by itself, with a report that names the mistake.
fn review(path: &str, text: &[u8]) -> Value {
    let folder = repository(path, text);
    let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
        .current_dir(folder.path())
        .args(["review", "HEAD", "--format", "json"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let review: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(
        review["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["location"]["path"] == VICTIM),
        "the mistake beside {path} was not reported: {review:#}"
    );
    assert_eq!(
        outcome(&review, VICTIM)["outcome"],
        "assessed",
        "{review:#}"
    );
    let hostile = outcome(&review, path);
    assert!(is_settled(&hostile), "{hostile}");
    hostile
}

/// Assessed, or skipped with a reason that can be read.
fn is_settled(outcome: &Value) -> bool {
    match outcome["outcome"].as_str() {
        Some("assessed") => true,
        Some("skipped") => outcome["reason"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        _ => false,
    }
}

fn outcome(review: &Value, path: &str) -> Value {
    let files = review["coverage"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"] == path).unwrap();
    file.clone()
}

fn is_skipped(outcome: &Value) -> bool {
    outcome["outcome"] == "skipped"
}

fn repository(path: &str, text: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(&folder, &["init", "--quiet"]);
    put(&folder, "README.md", b"A service.\n");
    commit(&folder);
    put(&folder, path, text);
    put(&folder, VICTIM, INJECTION.as_bytes());
    commit(&folder);
    folder
}

fn put(folder: &TempDir, path: &str, text: &[u8]) {
    let file = folder.path().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn commit(folder: &TempDir) {
    git(folder, &["add", "--all"]);
    let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    let rest = ["-c", "commit.gpgSign=false", "commit", "--quiet", "-m", "x"];
    git(folder, &[identity.as_slice(), rest.as_slice()].concat());
}

fn git(folder: &TempDir, arguments: &[&str]) {
    let status = Command::new("git")
        .current_dir(folder.path())
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn deeply_nested_java_is_not_assessed() {
    let depth = 20_000;
    let text = format!(
        "class A {{ int f() {{ return {}1{}; }} }}\n",
        "(-".repeat(depth),
        ")".repeat(depth)
    );
    assert!(is_skipped(&review("a/Deep.java", text.as_bytes())));
}

#[test]
fn nested_java_blocks_without_an_end_are_not_assessed() {
    let text = format!("class A {{ void f() {{ {}", "if (a) {\n".repeat(8_000));
    assert!(is_skipped(&review("a/Open.java", text.as_bytes())));
}

#[test]
fn what_ends_or_holds_up_other_grammars_is_not_assessed() {
    let open = |start: &str, inner: &str| format!("{start}{}\n", inner.repeat(1_500));
    for (path, text) in [
        ("a/nest.kt", open("val a = \"", "${")),
        ("a/again.kt", open("val a = ", "\"${")),
        ("a/nest.swift", open("let a = ", "\"\\(")),
        ("a/nest.scala", open("val a = ", "s\"${")),
        ("a/nest.rb", open("a = ", "\"#{")),
        ("a/nest.php", open("<?php $a = ", "\"{$a[")),
        ("a/nest.cs", open("var a = ", "$\"{")),
    ] {
        assert!(is_skipped(&review(path, text.as_bytes())), "{path}");
    }
    let templates = "template<template<".repeat(12_000);
    assert!(is_skipped(&review("a/nest.cpp", templates.as_bytes())));
}

#[test]
fn templates_within_templates_are_settled() {
    let text = format!("const a = {}1;\n", "`${".repeat(20_000));
    assert!(is_skipped(&review("a/template.js", text.as_bytes())));
    let generics = format!("type A = {}1;\n", "B<".repeat(20_000));
    assert!(is_skipped(&review("a/generic.ts", generics.as_bytes())));
    let strings = format!("a = {}1\n", "f'{".repeat(20_000));
    assert!(is_skipped(&review("a/strings.py", strings.as_bytes())));
}

#[test]
fn only_opening_brackets_are_not_assessed_in_any_language() {
    for extension in ["py", "js", "ts", "tsx", "java", "go", "rs"] {
        for bracket in ["(", "[", "{"] {
            let path = format!("a/open.{extension}");
            let outcome = review(&path, bracket.repeat(10_000).as_bytes());
            assert!(is_skipped(&outcome), "{path} {bracket}: {outcome}");
        }
    }
}

#[test]
fn nesting_without_brackets_is_settled() {
    let depth = 6_000;
    let mut python = String::new();
    for level in 0..400 {
        python.push_str(&" ".repeat(level));
        python.push_str("if a:\n");
    }
    review("a/indent.py", python.as_bytes());
    review(
        "a/not.py",
        format!("a = {}b\n", "not ".repeat(depth)).as_bytes(),
    );
    review(
        "a/lambda.py",
        format!("a = {}b\n", "lambda: ".repeat(depth)).as_bytes(),
    );
    review(
        "a/minus.js",
        format!("a = {}b;\n", "- ".repeat(depth)).as_bytes(),
    );
    review(
        "a/arrow.js",
        format!("a = {}b;\n", "x => ".repeat(depth)).as_bytes(),
    );
    review("a/else.java", else_if(depth).as_bytes());
    review(
        "a/plus.go",
        format!("package a\nvar b = {}c\n", "d + ".repeat(depth)).as_bytes(),
    );
    review(
        "a/star.go",
        format!("package a\nvar b {}c\n", "*".repeat(depth)).as_bytes(),
    );
    review(
        "a/and.rs",
        format!("type A = {}u8;\n", "&".repeat(depth)).as_bytes(),
    );
}

fn else_if(count: usize) -> String {
    let chain = "if (a == 1) { b(); }\nelse ".repeat(count);
    format!("class A {{ void f(int a) {{ {chain} {{ c(); }} }} }}\n")
}

#[test]
fn bombs_in_data_are_settled() {
    let deep = 100_000;
    review("a/deep.json", "[".repeat(deep).as_bytes());
    review(
        "a/closed.json",
        ["[".repeat(deep), "]".repeat(deep)].concat().as_bytes(),
    );
    review("a/deep.yaml", "- ".repeat(deep).as_bytes());
    review("a/flow.yaml", "[".repeat(deep).as_bytes());
    review("a/keys.yml", "? ".repeat(deep).as_bytes());
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    review("a/laughs.yaml", laughs.as_bytes());
    review(".github/workflows/laughs.yml", laughs.as_bytes());
    let circle = "a: &a\n  b: *a\n  <<: *a\n";
    review(".github/workflows/circle.yml", circle.as_bytes());
}

#[test]
fn documents_that_nest_are_settled() {
    let deep = 50_000;
    review("a/main.tf", format!("a = {}", "[".repeat(deep)).as_bytes());
    review(
        "b/main.tf",
        format!("a = \"{}\"\n", "${\"".repeat(deep)).as_bytes(),
    );
    review("c/main.tf", "a {\n".repeat(deep).as_bytes());
    let docker = format!("FROM a\nRUN {}\n", "a \\\n".repeat(deep));
    review("a/Dockerfile", docker.as_bytes());
    review(
        "b/Dockerfile",
        format!("FROM {}\n", "${a:-".repeat(deep)).as_bytes(),
    );
}

#[test]
fn a_long_minified_line_is_not_assessed() {
    let text = "function a(b){return b+1}a(1);".repeat(170_000);
    assert!(text.len() > 5_000_000);
    assert!(is_skipped(&review("a/app.js", text.as_bytes())));
    let shorter = "function a(b){return b+1}a(1);".repeat(30_000);
    assert!(is_skipped(&review("a/small.js", shorter.as_bytes())));
}

#[test]
fn many_functions_are_settled() {
    let mut python = String::new();
    let mut go = "package a\n".to_owned();
    for number in 0..100_000 {
        python.push_str(&format!(
            "def f{number}(a):\n    return f{}(a)\n",
            number / 2
        ));
        if number < 30_000 {
            go.push_str(&format!("func f{number}() {{ f{}() }}\n", number / 2));
        }
    }
    review("a/many.py", python.as_bytes());
    review("a/many.go", go.as_bytes());
}

#[test]
fn functions_that_call_each_other_without_end_are_settled() {
    let mut text = "from flask import request\nimport os\n".to_owned();
    for number in 0..2_000 {
        let (next, far) = ((number + 1) % 2_000, (number * 7 + 3) % 2_000);
        text.push_str(&format!(
            "def f{number}(a):\n    if a:\n        return f{next}(a + request.args['x'])\n    return f{far}(a)\n"
        ));
    }
    text.push_str("os.system(f0('a'))\n");
    review("a/circles.py", text.as_bytes());
}

#[test]
fn a_function_of_many_branches_is_settled() {
    let mut text = "from flask import request\ndef f(a):\n    x = request.args['x']\n".to_owned();
    for number in 0..20_000 {
        text.push_str(&format!(
            "    if a == {number}:\n        x = x + str({number})\n"
        ));
    }
    text.push_str("    eval(x)\n");
    review("a/branches.py", text.as_bytes());
}

#[test]
fn bait_for_regular_expressions_is_settled() {
    let count = 100_000;
    let baits = [
        format!("password = '{}", "a".repeat(count)),
        format!("{}!\n", "password=".repeat(count / 4)),
        format!("url = '{}'\n", "a://b:c".repeat(count / 4)),
        "-----BEGIN RSA PRIVATE KEY-----\n".repeat(count / 20),
        format!("# {}\n", "eyJ.".repeat(count / 2)),
        format!("# {}\n", "Basic ".repeat(count / 2)),
        format!("# {}@\n", "a".repeat(count)),
        "AKIA".repeat(count),
    ];
    for (number, bait) in baits.iter().enumerate() {
        review(&format!("a/bait{number}.py"), bait.as_bytes());
        review(&format!("a/bait{number}.txt"), bait.as_bytes());
    }
}

#[test]
fn bytes_that_are_no_text_are_settled() {
    review("a/zero.py", &vec![0; 50_000]);
    review("a/high.py", &vec![0xff; 50_000]);
    review(
        "a/marks.py",
        "\u{202e}\u{feff}\u{301}".repeat(30_000).as_bytes(),
    );
    review("a/lines.py", "\r".repeat(500_000).as_bytes());
    review("a/empty.js", b"");
}

#[test]
fn comments_and_strings_without_an_end_are_settled() {
    let count = 100_000;
    review(
        "a/comment.java",
        ["/*".repeat(count), "\n".repeat(9)].concat().as_bytes(),
    );
    review("a/comment.rs", "/*\n".repeat(count).as_bytes());
    review("a/text.py", "\"\"\"\n'''\n".repeat(count / 10).as_bytes());
    review(
        "a/text.go",
        ["package a\nvar b = `", &"x\n".repeat(count)]
            .concat()
            .as_bytes(),
    );
    review(
        "a/tags.tsx",
        ["const a = ", &"<b>\n".repeat(count / 10)]
            .concat()
            .as_bytes(),
    );
}
