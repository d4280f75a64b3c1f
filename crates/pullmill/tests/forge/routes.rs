//! Which events start what, and which agents speak: rules of the operator, labels, owners and paths.

use crate::program::Place;
use crate::scene::{LEAKY, Scene, is_reviewed, serving};
use pullmill_fakehub::{Hub, Posted};

/// One finding of each agent.
const BOTH: &str = "import requests


def get(url, sizes):
    if sizes is 3:
        return requests.get(url, verify=False)
    return None
";

fn agents(posted: &Posted) -> Vec<&str> {
    let mut said: Vec<&str> = posted
        .lines
        .iter()
        .map(|line| match line.body.contains("python.is-literal") {
            true => "bugs",
            false => "security",
        })
        .collect();
    said.sort_unstable();
    said
}

#[test]
fn rules_of_the_operator_come_before_the_built_in_ones() {
    let place = Place::new();
    let rules = r#"{"Rules": [
        {"Name": "not here", "EventPattern": {"source": ["pullmill.webhook"], "detail": {"repository": [{"suffix": "/quiet"}]}}, "Targets": ["ignore"]},
        {"Name": "guarded", "EventPattern": {"detail-type": ["PR Event"], "detail": {"labels": ["guarded"], "action": ["synchronize"]}}, "Targets": ["pr-review"], "Agents": ["security"]}
    ]}"#;
    std::fs::write(place.path().join("rules.json"), rules).unwrap();
    let scene = Scene::of(place, &["--github-stale", "0", "--routes", "rules.json"]);
    let quiet = scene
        .hub
        .make_repo("octo/quiet", &[("README.md", "# Quiet\n")]);
    let quiet = scene.hub.open(quiet, "A change", &[("a.py", LEAKY)]);
    let delivery = scene.hub.deliveries().pop().unwrap().id;
    let guarded = scene.open(&[("a.py", "x = 1\n")]);
    scene.reviewed(guarded);
    scene.hub.label(guarded, "guarded");
    scene.push(guarded, &[("a.py", BOTH)]);
    let posted = scene.reviewed(guarded);
    assert_eq!(agents(&posted), ["security"], "{posted:#?}");
    // What nobody says at a line is in the summary and counts all the same.
    assert!(posted.comments[0].body.contains("python.is-literal"));
    let plain = scene.open(&[("b.py", BOTH)]);
    let posted = scene.reviewed(plain);
    assert_eq!(agents(&posted), ["bugs", "security"], "{posted:#?}");
    assert!(scene.posted(quiet).comments.is_empty());
    let recorded = scene
        .server
        .get(&format!("/api/deliveries/{delivery}?tenant=octo"));
    assert!(
        recorded.body.contains("the rule `not here` says so"),
        "{}",
        recorded.body
    );
}

#[test]
fn rules_that_cannot_be_used_are_named_and_nothing_starts() {
    let place = Place::new();
    let rules = r#"{"Rules": [
        {"Name": "one", "EventPattern": {"detail": {"action": "opened"}}, "Targets": ["pr-review"]},
        {"Name": "two", "EventPattern": {"detail": {"action": ["opened"]}}, "Targets": ["review"]}
    ]}"#;
    std::fs::write(place.path().join("rules.json"), rules).unwrap();
    let hub = Hub::start().unwrap();
    let mut command = serving(&place, &hub, &["--routes", "rules.json"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in [
        "rule `one`",
        "`detail.action`",
        "rule `two`",
        "no workflow `review`",
        "pr-review",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// CM3: labels, owners and paths say which agents speak; the base says so, not the pull request.
#[test]
fn labels_owners_and_paths_choose_who_speaks() {
    let config = "[[routes]]
labels = [\"Bug\"]
agents = [\"bugs\"]

[[routes]]
owners = [\"@octo/security\"]
agents = [\"security\"]
";
    let owners = "* @octo/all\n/auth/ @octo/Security\n";
    let base = [(".pullmill.toml", config), (".github/CODEOWNERS", owners)];
    let scene = Scene::with_base(Place::new(), &["--github-stale", "0"], &base);
    let review = |files: &[(&str, &str)], label: Option<&str>| {
        let opened = scene.hub.open(scene.repo, "A change", files);
        if let Some(label) = label {
            scene.hub.label(opened, label);
        }
        scene.tell();
        scene.wait(opened, "the review", is_reviewed);
        scene.reviewed(opened)
    };
    let text = |number: u32| format!("n = {number}\n{BOTH}");
    assert_eq!(
        agents(&review(&[("shop/a.py", &text(1))], None)),
        ["bugs", "security"]
    );
    assert_eq!(
        agents(&review(&[("shop/a.py", &text(2))], Some("bug"))),
        ["bugs"]
    );
    assert_eq!(
        agents(&review(&[("auth/a.py", &text(3))], None)),
        ["security"]
    );
    let both = review(&[("auth/a.py", &text(4))], Some("bug"));
    assert_eq!(agents(&both), ["bugs", "security"]);
    // The owners of the pull request's own branch are nobody's.
    let stolen = [
        ("auth/a.py", text(5)),
        (".github/CODEOWNERS", "* @octo/all\n".to_owned()),
    ];
    let stolen: Vec<(&str, &str)> = stolen
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    assert_eq!(agents(&review(&stolen, None)), ["security"]);
}
