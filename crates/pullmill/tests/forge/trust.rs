//! Who is believed: the base, never the pull request; our own marks, never a copy of them.

use crate::program::Place;
use crate::scene::{LEAKY, Scene, TIGHT, assert_once, is_reviewed};

const STALE: [&str; 2] = ["--github-stale", "0"];

fn with_base(base: &[(&str, &str)]) -> Scene {
    Scene::with_base(Place::new(), &STALE, base)
}

#[test]
fn settings_of_the_pull_request_itself_change_nothing_about_its_review() {
    let scene = Scene::new();
    let opened = scene.open(&[
        ("shop/users.py", LEAKY),
        (
            ".pullmill.toml",
            "[review]\nfail_on = \"critical\"\n\n[ignore]\npaths = [\"**\"]\n",
        ),
        (".pullmill/baseline.json", "{}"),
    ]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.checks[0].conclusion, "failure", "{posted:#?}");
    assert_eq!(posted.lines.len(), 1);
}

#[test]
fn settings_of_the_base_hold() {
    let scene = with_base(&[(".pullmill.toml", "[review]\nfail_on = \"critical\"\n")]);
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.checks[0].conclusion, "success", "{posted:#?}");
    assert_eq!(posted.lines.len(), 1);
}

#[test]
fn rules_of_the_base_hold() {
    let rule = "id: own.no-todo
language: python
severity: error
message: no todo
rule:
  pattern: todo()
";
    let scene = with_base(&[(".pullmill/rules/own.yml", rule)]);
    let opened = scene.open(&[("shop/a.py", "todo()\n")]);
    let posted = scene.reviewed(opened);
    let body = &posted.comments[0].body;
    assert!(
        body.contains("own.no-todo") || body.contains("rules of the repository"),
        "{body}"
    );
}

/// What cannot be used makes the review incomplete: it does not pass by falling silent.
#[test]
fn broken_settings_of_the_base_cannot_turn_a_check_green() {
    for (path, text) in [
        (".pullmill.toml", "[review]\nfail_on = \"everything\"\n"),
        (".pullmill/baseline.json", "{"),
        (".pullmill/rules/own.yml", "id: [\n"),
    ] {
        let scene = with_base(&[(path, text)]);
        let opened = scene.open(&[("shop/users.py", TIGHT)]);
        let posted = scene.reviewed(opened);
        assert_eq!(
            posted.checks[0].conclusion, "action_required",
            "{path}: {posted:#?}"
        );
    }
}

#[test]
fn an_inconclusive_review_cannot_satisfy_a_required_check() {
    let scene = Scene::new();
    let opened = scene.open(&[
        ("shop/program.unknown-language", "x"),
        ("a.dart", "void main() {}\n"),
    ]);
    let posted = scene.reviewed(opened);
    assert_eq!(
        posted.checks[0].conclusion, "action_required",
        "{posted:#?}"
    );
    // GitHub counts these as passing.
    assert!(!["success", "neutral", "skipped"].contains(&posted.checks[0].conclusion.as_str()));
}

/// I10: somebody copies our marker into a comment of theirs.
#[test]
fn a_copied_marker_is_not_believed() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    let forged = posted.comments[0].body.clone();
    let id = scene.hub.comment(opened, &forged);
    scene.push(opened, &[("shop/more.py", "z = 3\n")]);
    let posted = scene.reviewed(opened);
    assert_once(&scene, opened);
    let theirs = posted
        .comments
        .iter()
        .find(|comment| comment.id == id)
        .unwrap();
    assert_eq!((theirs.edits, &theirs.body), (0, &forged));
}

#[test]
fn a_summary_that_was_deleted_comes_back_with_the_next_push() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    scene.hub.delete_comment(opened, posted.comments[0].id);
    scene.push(opened, &[("shop/more.py", "z = 3\n")]);
    scene.reviewed(opened);
    assert_once(&scene, opened);
}

/// Our summary is on the third page of a long conversation.
#[test]
fn all_pages_are_searched_for_what_is_ours() {
    let scene = Scene::new();
    let opened = scene
        .hub
        .open(scene.repo, "A change", &[("shop/users.py", LEAKY)]);
    for number in 0..220 {
        scene.hub.comment(opened, &format!("comment {number}"));
    }
    assert_eq!(scene.hub.deliver(0), 202);
    scene.reviewed(opened);
    scene.hub.push(opened, &[("shop/more.py", "z = 3\n")]);
    let last = scene.hub.deliveries().len() - 1;
    assert_eq!(scene.hub.deliver(last), 202);
    scene.wait(opened, "the second review", is_reviewed);
    assert_once(&scene, opened);
}

#[test]
fn a_suspended_installation_is_waited_for() {
    let scene = Scene::new();
    scene.hub.suspend(true);
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.wait(opened, "a refused request", |_| scene.hub.asked().len() > 1);
    assert!(scene.posted(opened).comments.is_empty());
    scene.hub.suspend(false);
    scene.reviewed(opened);
    assert_once(&scene, opened);
}

/// A record of yesterday: the file is put back as it was, and nothing is posted twice.
#[test]
fn after_an_old_backup_is_restored_nothing_repeats() {
    let mut scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    scene.place.printed(&["backup", "old"]);
    scene.push(opened, &[("shop/more.py", LEAKY)]);
    let before = scene.reviewed(opened);
    let place = Place::new();
    let from = scene.place.path().join("old");
    let restored = place.run(&["restore", from.to_str().unwrap()]);
    assert!(restored.status.success(), "{restored:?}");
    scene.server = crate::scene::serve(&place, &scene.hub, &STALE);
    scene.aim();
    for number in 0..scene.hub.deliveries().len() {
        assert!(matches!(scene.hub.deliver(number), 200 | 202));
    }
    scene.quiet();
    let after = assert_once(&scene, opened);
    assert_eq!(after.lines.len(), before.lines.len());
    assert_eq!(after.reviews.len(), before.reviews.len());
}

/// Tokens are for one repository and one purpose, and none is shown.
#[test]
fn tokens_are_narrow() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    let asked = scene.hub.asked();
    let tokens = asked
        .iter()
        .filter(|one| one.path.ends_with("/access_tokens"));
    let mut purposes = Vec::new();
    for token in tokens {
        assert_eq!(
            token.body["repository_ids"],
            serde_json::json!([scene.repo])
        );
        purposes.push(token.body["permissions"].to_string());
    }
    purposes.sort();
    assert_eq!(
        purposes,
        [
            r#"{"checks":"write","pull_requests":"write"}"#,
            r#"{"contents":"read","pull_requests":"read"}"#
        ]
    );
}

#[test]
fn pacing_is_kept_against_others_and_may_be_left_out_on_this_machine_only() {
    let scene = Scene::new();
    std::fs::write(
        scene.place.path().join("app.pem"),
        pullmill_fakehub::APP_KEY,
    )
    .unwrap();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--webhook-secret-file",
        "secret",
        "--store",
        "sqlite:other.db",
    ];
    let app = [
        "--github-app",
        "1",
        "--github-key-file",
        "app.pem",
        "--github-pacing",
        "off",
    ];
    let refused = |api: &str| {
        let output = scene
            .place
            .run(&[&arguments[..], &app[..], &["--github-api", api]].concat());
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = refused("https://api.github.com");
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("on this machine"), "{said}");
    let (code, said) = refused("http://github.example");
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("not encrypted"), "{said}");
}

#[test]
fn the_doctor_asks_github_who_we_are() {
    let scene = Scene::new();
    let api = scene.hub.api();
    let arguments = |app: &'static str| {
        let key = "app.pem";
        [
            "doctor",
            "--github-app",
            app,
            "--github-key-file",
            key,
            "--github-api",
        ]
        .map(str::to_owned)
    };
    let asks = |app| {
        let mut all: Vec<String> = arguments(app).to_vec();
        all.push(api.clone());
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        String::from_utf8(scene.place.run(&all).stdout).unwrap()
    };
    let said = asks("4242");
    assert!(
        said.contains("ok   forge      GitHub knows us as App 4242, pullmill-fake"),
        "{said}"
    );
    let said = asks("7");
    assert!(said.contains("BAD  forge"), "{said}");
}
