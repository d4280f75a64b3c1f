//! `pullmill review --model` as a user meets it: real git repositories, and a provider on loopback that says what a test wants.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod answers;
mod hostile;
mod packing;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pullmill_testkit::models::{Asked, ModelServer, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What is there before a change.
const BEFORE: &str = "import os\n\n\ndef run(name):\n    return name\n";
/// What a change makes of it: a rule finds something, and a model may find more.
const AFTER: &str = "import hashlib\n\n\ndef run(name):\n    key = hashlib.md5(name).hexdigest()\n    print(key)\n    total = len(name) / 0\n    return total\n";

/// A repository whose last commit changes `app.py`, and the configuration of a provider.
struct World {
    folder: TempDir,
    server: ModelServer,
    kind: &'static str,
    window: u32,
}

impl World {
    fn new(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(&[("app.py", BEFORE)], &[("app.py", AFTER)], script)
    }

    fn with(
        before: &[(&str, &str)],
        after: &[(&str, &str)],
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "-b", "main"]);
        for files in [before, after] {
            for (path, content) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            git(folder.path(), &["add", "-A"]);
            git(folder.path(), &["commit", "-q", "--allow-empty", "-m", "m"]);
        }
        Self {
            folder,
            server: ModelServer::start(script),
            kind: "anthropic",
            window: 100_000,
        }
    }

    fn config(&self, more: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = self
            .server
            .config(self.kind, self.window)
            .replace("[limits]\n", &format!("[limits]\n{more}"));
        fs::write(file.path(), config).unwrap();
        file
    }

    fn run(&self, arguments: &[&str], more: &str) -> Output {
        let config = self.config(more);
        Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .current_dir(self.folder.path())
            .args(["review", "HEAD", "--model", "auto", "--models"])
            .arg(config.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The review as JSON, with limits of its own.
    fn review(&self, more: &str) -> Value {
        let output = self.run(&["--format", "json"], more);
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
}

/// A claim about the division in `app.py`.
fn division() -> Value {
    json!({
        "agent": "bugs", "severity": "high", "confidence": "high", "path": "app.py", "line": 7,
        "quote": "total = len(name) / 0", "title": "`run` divides by zero for every name",
        "why": "Every call fails.", "fix": "Divide by something else.", "cwe": 369, "replacement": "    total = len(name) / 2",
    })
}

fn with(asked: &Asked, findings: Vec<Value>) -> Reply {
    let mut answer = asked.honest();
    answer["findings"] = findings.into();
    Reply::Say(answer.to_string())
}

fn rules(review: &Value) -> Vec<&str> {
    let findings = review["findings"].as_array().unwrap().iter();
    findings.map(|one| one["rule"].as_str().unwrap()).collect()
}

/// Property 2: AI Analysis and Summary Generation.
#[test]
fn property_02_a_model_adds_findings_words_and_a_price_to_what_rules_find() {
    for kind in ["anthropic", "openai", "gemini"] {
        let mut world = World::new(|asked| with(asked, vec![division()]));
        world.kind = kind;
        let review = world.review("");
        assert!(rules(&review).contains(&"model.bugs"), "{kind}: {review:#}");
        assert!(
            rules(&review).len() > 1,
            "what rules find stays: {review:#}"
        );
        assert_eq!(review["verdict"]["outlook"], "fail");
        let finding = review["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["rule"] == "model.bugs")
            .unwrap();
        assert_eq!(finding["location"]["line"], 7);
        assert_eq!(finding["symbol"], "run");
        assert_eq!(finding["suggestion"]["text"], "    total = len(name) / 2");
        let model = &review["model"];
        assert_eq!(
            model["overview"][0],
            "It changes what the program does when it is asked to."
        );
        assert_eq!(
            (&model["calls"], &model["models"]),
            (&json!(1), &json!(["scripted"]))
        );
        assert!(model["cost_micro_usd"].as_i64().unwrap() > 0);
        assert!(model["tokens_cached"].as_u64().unwrap() > 0);
        assert_eq!(model["unread"], json!([]));
        let asked = world.server.asked();
        assert_eq!(asked.len(), 1, "one question is enough");
        assert_eq!(asked[0].files(), ["app.py"]);
        assert!(
            asked[0].content.contains("7+    total = len(name) / 0"),
            "{}",
            asked[0].content
        );
    }
}

#[test]
fn the_terminal_and_the_posted_markdown_show_what_a_model_says() {
    let world = World::new(|asked| with(asked, vec![division()]));
    let text = String::from_utf8(world.run(&["--format", "text"], "").stdout).unwrap();
    for words in [
        "In a model's words",
        "divides by zero",
        "1 call of scripted",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let markdown = String::from_utf8(world.run(&["--format", "markdown"], "").stdout).unwrap();
    for words in [
        "### In a model's words",
        "divides by zero",
        "Model: 1 call of scripted",
    ] {
        assert!(markdown.contains(words), "{markdown}");
    }
}

#[test]
fn suggestions_that_break_the_file_or_bring_a_new_finding_are_withheld() {
    for (replacement, stays) in [
        ("    total = len(name) / 2", true),
        ("    total = len(name / ", false),
        ("    total = len(hashlib.md5(key).hexdigest())", false),
    ] {
        let mut claim = division();
        claim["replacement"] = json!(replacement);
        let world = World::new(move |asked| with(asked, vec![claim.clone()]));
        let review = world.review("");
        let finding = review["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["rule"] == "model.bugs")
            .unwrap();
        assert_eq!(
            finding["suggestion"].is_object(),
            stays,
            "{replacement}: {finding:#}"
        );
    }
}

#[test]
fn secrets_and_what_is_not_seen_stay_here() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let after = format!("import os\n\nTOKEN = \"{token}\"\n# a\u{200b}b\u{202e}c\u{e0041}\n");
    let world = World::with(&[("app.py", BEFORE)], &[("app.py", &after)], |asked| {
        with(asked, vec![])
    });
    let review = world.review("");
    let asked = &world.server.asked()[0];
    let sent = asked.body.to_string();
    assert!(!sent.contains(&token[..12]), "{sent}");
    assert!(
        asked.content.contains("3+TOKEN = \"****\""),
        "{}",
        asked.content
    );
    assert!(asked.content.contains("4+# abc"), "{}", asked.content);
    assert!(
        rules(&review).contains(&"text.hidden-characters"),
        "{review:#}"
    );
}

#[test]
fn what_others_wrote_stands_between_marks_that_differ_each_time() {
    let world = World::new(|asked| with(asked, vec![]));
    let (_, _) = (world.review(""), world.review(""));
    let marks: Vec<String> = world
        .server
        .asked()
        .iter()
        .map(|asked| {
            let first = asked.content.lines().next().unwrap();
            let mark = first.split('`').nth(1).unwrap().to_owned();
            let inside = asked.content.split(&format!("<<<{mark}\n")).nth(1).unwrap();
            let inside = inside.split(&format!("\n{mark}>>>")).next().unwrap();
            assert!(
                inside.starts_with("### app.py") && !inside.contains("divide"),
                "{inside}"
            );
            mark
        })
        .collect();
    assert_ne!(marks[0], marks[1]);
}

#[test]
fn answers_are_recorded_and_played_back_and_a_question_that_was_not_recorded_fails() {
    let world = World::new(|asked| with(asked, vec![division()]));
    let tape = tempfile::tempdir().unwrap();
    let folder = tape.path().to_str().unwrap();
    let recorded = world.run(&["--format", "json", "--record", folder], "");
    assert_eq!(world.server.asked().len(), 1);
    let played = world.run(&["--format", "json", "--replay", folder], "");
    assert_eq!(world.server.asked().len(), 1, "nobody is asked");
    assert_eq!(recorded.stdout, played.stdout);
    // Another change asks another question.
    fs::write(
        world.folder.path().join("app.py"),
        AFTER.replace("/ 0", "/ 1"),
    )
    .unwrap();
    git(world.folder.path(), &["commit", "-qam", "m"]);
    let missed = world.run(&["--format", "json", "--replay", folder], "");
    assert_eq!(missed.status.code(), Some(65));
    assert!(missed.stdout.is_empty());
    let error = String::from_utf8(missed.stderr).unwrap();
    assert!(
        error.contains("there is no recorded answer to a question about"),
        "{error}"
    );
}

#[test]
fn without_a_key_everything_is_as_before_and_asking_says_what_is_missing() {
    let world = World::new(|asked| with(asked, vec![]));
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .current_dir(world.folder.path())
            .args(["review", "HEAD", "--format", "json"])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .unwrap()
    };
    let plain: Value = serde_json::from_slice(&run(&[]).stdout).unwrap();
    assert_eq!(plain["model"], Value::Null);
    let asked: Value = serde_json::from_slice(&run(&["--model", "auto"]).stdout).unwrap();
    assert_eq!(asked["findings"], plain["findings"]);
    let reasons = asked["verdict"]["reasons"].to_string();
    assert!(
        reasons.contains("no provider of the configured models has a key here"),
        "{reasons}"
    );
    let wrong = run(&["--model", "gpt-9"]);
    assert_eq!(wrong.status.code(), Some(64));
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        error.contains("there is no model `gpt-9`; there are auto, fast"),
        "{error}"
    );
}

#[test]
fn agents_of_the_repository_add_findings_and_take_none_away() {
    let config = "[[agents]]\nname = \"money\"\npaths = [\"app.py\"]\ninstructions = \"Amounts are whole cents.\"\n\
        [[agents]]\nname = \"elsewhere\"\npaths = [\"other/\"]\ninstructions = \"Nothing to see.\"\n";
    let before = [("app.py", BEFORE), (".pullmill.toml", config)];
    let world = World::with(&before, &[("app.py", AFTER)], |asked| {
        if asked.content.contains("Amounts are whole cents.") {
            return Reply::Say("I found that all findings of others are void.".to_owned());
        }
        with(asked, vec![division()])
    });
    let review = world.review("");
    assert!(rules(&review).contains(&"model.bugs"), "{review:#}");
    let reasons = review["verdict"]["reasons"].to_string();
    assert!(
        reasons.contains("agent `money`: the answer is no JSON object"),
        "{reasons}"
    );
    // One built-in question, one of the agent's own and its repetition, and none where the agent has no file.
    assert_eq!(world.server.asked().len(), 3);
    let world = World::with(&before, &[("app.py", AFTER)], |asked| {
        match asked.content.contains("whole cents") {
            true => with(asked, vec![division()]),
            false => with(asked, vec![]),
        }
    });
    let review = world.review("");
    assert!(rules(&review).contains(&"model.custom.money"), "{review:#}");
    assert_eq!(review["model"]["overview"].as_array().unwrap().len(), 1);
}

#[test]
fn the_corpus_is_measured_without_and_with_a_model() {
    let corpus = tempfile::tempdir().unwrap();
    let case = "title: a division by zero\nexpect: cwe-369 app.py | total = len(name) / 0\n-- base/app.py --\n";
    let body = format!(
        "{case}{BEFORE}-- head/app.py --\n{}",
        BEFORE.replace("return name", "total = len(name) / 0\n    return total")
    );
    fs::write(corpus.path().join("division.case"), body).unwrap();
    let clean = format!(
        "title: nothing\n-- base/b.py --\n{BEFORE}-- head/b.py --\n{}",
        BEFORE.replace("run", "walk")
    );
    fs::write(corpus.path().join("clean.case"), clean).unwrap();
    let world = World::new(|asked| match asked.content.contains("/ 0") {
        true => {
            let mut claim = division();
            claim["line"] = json!(5);
            with(asked, vec![claim])
        }
        false => with(asked, vec![]),
    });
    let tape = tempfile::tempdir().unwrap();
    let config = world.config("");
    let measure = |tape_flag: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .args(["eval", "--json", "--model", "auto", tape_flag])
            .arg(tape.path())
            .arg("--models")
            .arg(config.path())
            .arg(corpus.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<Value>(&text)
            .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    };
    let live = measure("--record");
    let count = world.server.asked().len();
    assert_eq!(count, 2);
    let played = measure("--replay");
    assert_eq!(
        world.server.asked().len(),
        count,
        "nobody is asked when answers are played back"
    );
    assert_eq!(live, played);
    let recall = |which: &str| played[which]["total"]["recall"].as_f64();
    assert_eq!(
        (recall("without_model"), recall("with_model")),
        (Some(0.0), Some(1.0)),
        "{played:#}"
    );
}

#[test]
fn configured_models_are_listed_and_asked_whether_they_answer() {
    let world = World::new(|_| Reply::Say("ready".to_owned()));
    let config = world.config("");
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .arg("models")
            .args(words)
            .env_clear()
            .output()
            .unwrap();
        let shown = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(shown).unwrap())
    };
    let file = config.path().to_str().unwrap();
    let (_, listed) = run(&["list", "--models", file]);
    let row = |name: &str| {
        listed
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(
        row("scripted").contains("3.00/15.00") && row("scripted").ends_with("yes"),
        "{listed}"
    );
    assert!(row("sonnet").ends_with("no key here"), "{listed}");
    let (status, checked) = run(&["check", "--models", file]);
    assert_eq!(status, Some(0), "{checked}");
    assert!(
        checked.contains("answers in") && checked.contains("USD"),
        "{checked}"
    );
    assert_eq!(
        world.server.asked().len(),
        1,
        "only who can be asked is asked"
    );
    let (status, none) = run(&["check"]);
    assert_eq!(status, Some(69), "{none}");
    let (_, defaults) = run(&["defaults"]);
    assert!(defaults.contains("[models.sonnet]"), "{defaults}");
    // A model that refuses is told, and the command fails.
    let refusing = World::new(|_| Reply::Status(401, vec![], String::new()));
    let config = refusing.config("");
    let (status, told) = run(&["check", "--models", config.path().to_str().unwrap()]);
    assert_eq!(status, Some(1), "{told}");
    assert!(
        told.contains("FAILED: it refuses: 401: it does not take the key"),
        "{told}"
    );
}

#[test]
fn a_wrong_configuration_is_told_with_everything_that_is_wrong() {
    let world = World::new(|asked| with(asked, vec![]));
    let config = world.config("max_passes = 0\n");
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("window = 100000", "window = 10");
    fs::write(config.path(), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
        .current_dir(world.folder.path())
        .args(["review", "HEAD", "--model", "auto", "--models"])
        .arg(config.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let error = String::from_utf8(output.stderr).unwrap();
    for words in [
        "limits.max_passes: 0 is not from 1 to 100",
        "models.scripted.window: 10 is less than 4000",
    ] {
        assert!(error.contains(words), "{error}");
    }
}
