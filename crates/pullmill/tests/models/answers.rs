//! Bad answers: each ends as inconclusive with its reason, within its time and its budget, and what rules found is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A change in which rules find nothing, so that the model alone decides between pass and inconclusive.
fn clean(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> World {
    let after = "import os\n\n\ndef run(name):\n    return name.strip()\n";
    World::with(&[("app.py", BEFORE)], &[("app.py", after)], script)
}

fn assert_inconclusive(world: &World, limits: &str, reason: &str) -> Value {
    let review = world.review(limits);
    assert_eq!(
        review["verdict"]["outlook"], "inconclusive",
        "{reason}: {review:#}"
    );
    let reasons = review["verdict"]["reasons"].to_string();
    assert!(reasons.contains(reason), "{reason} is not in {reasons}");
    review
}

#[test]
fn an_honest_answer_lets_a_clean_change_pass() {
    let review = clean(|asked| with(asked, vec![])).review("");
    assert_eq!(review["verdict"]["outlook"], "pass", "{review:#}");
}

#[test]
fn answers_of_no_use_are_asked_for_once_more_and_then_inconclusive() {
    let bad: [(&str, &str); 6] = [
        ("", "the answer is empty"),
        ("LGTM! No issues found.", "the answer is no JSON object"),
        (
            "{\"recipe\": \"Take two eggs.\"}",
            "the answer has no `overview`",
        ),
        ("[{\"path\": \"app.py\"}]", "the answer is no JSON object"),
        (
            "{\"overview\": \"Diese Änderung entfernt Leerzeichen, bevor der Name weiterverarbeitet wird\", \"files\": [], \"findings\": []}",
            "the answer is not in English",
        ),
        (
            "{\"overview\": \"It does nothing that is worth a word.\", \"files\": [], \"findings\": []}",
            "the answer says nothing of it",
        ),
    ];
    for (answer, reason) in bad {
        let world = clean(move |_| Reply::Say(answer.to_owned()));
        let review = assert_inconclusive(&world, "", reason);
        let again = usize::from(!reason.ends_with("of it"));
        assert_eq!(world.server.asked().len(), 1 + again, "{reason}");
        assert_eq!(
            review["model"]["unread"][0]["lines"],
            json!([{"first": 5, "last": 5}])
        );
    }
}

#[test]
fn a_good_second_answer_is_as_good_as_a_first() {
    let asked = Arc::new(AtomicUsize::new(0));
    let world = clean(move |question| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Say("Sure! Here is my review.".to_owned()),
        _ => with(question, vec![]),
    });
    assert_eq!(world.review("")["verdict"]["outlook"], "pass");
    let second = &world.server.asked()[1];
    assert!(
        second
            .content
            .contains("An answer to this was of no use: the answer is no JSON object")
    );
}

#[test]
fn answers_that_are_cut_refused_too_large_endless_or_never_there_are_inconclusive() {
    let honest = |asked: &Asked| asked.honest().to_string();
    let cut = clean(move |asked| Reply::Cut(honest(asked)[..70].to_owned()));
    assert_inconclusive(&cut, "", "an answer was cut off at its longest");
    let refused = clean(|_| Reply::Refuse);
    assert_inconclusive(&refused, "", "the model refuses to answer");
    assert_eq!(
        refused.server.asked().len(),
        1,
        "a refusal is not argued with"
    );
    let broken = clean(move |asked| Reply::Break(honest(asked)));
    assert_inconclusive(&broken, "", "the answer broke off");
    let large = clean(|_| Reply::Say("x".repeat(10_000_000)));
    assert_inconclusive(
        &large,
        "max_answer_bytes = 100000\n",
        "the answer has more than 100000 bytes",
    );
    let endless = clean(|_| Reply::Endless);
    assert_inconclusive(
        &endless,
        "max_answer_bytes = 100000\n",
        "the answer has more than 100000 bytes",
    );
    let never = clean(|_| Reply::Hang);
    assert_inconclusive(&never, "begin_seconds = 1\n", "no answer began within 1 s");
    let stalled = clean(|_| Reply::Stall);
    assert_inconclusive(
        &stalled,
        "pause_seconds = 1\n",
        "nothing more came within 1 s",
    );
    let garbage = clean(|_| Reply::Raw("text/event-stream", b"data: {\n\n".to_vec()));
    assert_inconclusive(&garbage, "", "what it answers cannot be read");
    let zipped = clean(|_| {
        Reply::Status(
            302,
            vec![("location", "http://127.0.0.1:1/".to_owned())],
            String::new(),
        )
    });
    assert_inconclusive(&zipped, "", "it leads elsewhere, and that is not followed");
}

#[test]
fn providers_that_fail_are_tried_again_and_then_others_are_asked() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let world = clean(move |asked| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Status(529, vec![("retry-after", "0".to_owned())], "{}".to_owned()),
        1 => Reply::Status(
            500,
            vec![],
            "{\"error\": {\"message\": \"oops\"}}".to_owned(),
        ),
        _ => with(asked, vec![]),
    });
    let review = world.review("max_findings = 5\n");
    // Without tries left the first fault is the last word.
    assert_eq!(review["verdict"]["outlook"], "inconclusive");
    let config = world.config("");
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("retries = 0", "retries = 1");
    let second = "[models.second]\nprovider = \"scripted\"\nid = \"scripted-2\"\nwindow = 100000\n\
        usd = { input = 1.0, output = 1.0, cache_read = 1.0, cache_write = 1.0 }\nsource = \"a test\"\ndate = \"2026-01-01\"\ntokens = 1.0\n";
    let text = text.replace("deep = [\"scripted\"]", "deep = [\"second\"]") + second;
    fs::write(config.path(), text).unwrap();
    count.store(0, Ordering::SeqCst);
    let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
        .current_dir(world.folder.path())
        .args([
            "review", "HEAD", "--format", "json", "--model", "auto", "--models",
        ])
        .arg(config.path())
        .output()
        .unwrap();
    let review: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(review["verdict"]["outlook"], "pass", "{review:#}");
    assert_eq!(
        review["model"]["models"],
        json!(["second"]),
        "the tier above is asked when a tier fails"
    );
}

#[test]
fn money_that_is_not_there_is_not_spent() {
    let world = clean(|asked| with(asked, vec![]));
    let config = world.config("");
    let text = fs::read_to_string(config.path()).unwrap() + "[caps]\ncall = 0.0001\n";
    fs::write(config.path(), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
        .current_dir(world.folder.path())
        .args([
            "review", "HEAD", "--format", "json", "--model", "auto", "--models",
        ])
        .arg(config.path())
        .output()
        .unwrap();
    let review: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(world.server.asked().is_empty());
    let reasons = review["verdict"]["reasons"].to_string();
    assert!(reasons.contains("`caps.call` is 0.0001 USD"), "{reasons}");
    assert_eq!(review["model"]["unread"][0]["reason"], "budget");
    assert_eq!(review["verdict"]["outlook"], "inconclusive");
}

#[test]
fn a_key_that_is_not_taken_is_shown_by_nothing() {
    let key = "sk-canary-0123456789abcdef";
    let world = clean(move |asked| {
        let sent = asked.header("x-api-key").unwrap_or_default().to_owned();
        Reply::Status(
            400,
            vec![],
            json!({"error": {"message": format!("bad key {sent} here")}}).to_string(),
        )
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), key).unwrap();
    let config = world.config("");
    let with_key = format!(
        "kind = \"anthropic\"\nkey_file = \"{}\"",
        file.path().display()
    );
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("kind = \"anthropic\"", &with_key);
    fs::write(config.path(), text).unwrap();
    for format in ["json", "text", "markdown", "sarif"] {
        let output = Command::new(env!("CARGO_BIN_EXE_pullmill"))
            .current_dir(world.folder.path())
            .args([
                "review", "HEAD", "--format", format, "--model", "auto", "--models",
            ])
            .arg(config.path())
            .output()
            .unwrap();
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains("canary"), "{shown}");
    }
    assert_eq!(world.server.asked()[0].header("x-api-key"), Some(key));
}
