//! The properties of the first seed that need no model, by their numbers; and what hostile pull requests and odd orders do.

use pullmill_fakehub::{Fault, Trouble, Write};

use crate::program::pull_request;
use crate::scene::{LEAKY, Scene, TIGHT, assert_once, is_reviewed};

/// Property 1: Webhook Event Processing Flow.
#[test]
fn property_01_every_event_of_a_pull_request_is_taken_and_analysed() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", LEAKY)]);
    scene.reviewed(opened);
    scene.push(opened, &[("b.py", "x = 1\n")]);
    scene.reviewed(opened);
    for action in ["reopened", "ready_for_review"] {
        scene.hub.act(opened, action);
        scene.tell();
        scene.quiet();
    }
    let listed = scene.server.get("/api/executions?tenant=octo").json();
    let reviews = listed["executions"].as_array().unwrap().iter();
    let done = reviews.filter(|one| one["workflow"] == "pr-review" && one["status"] == "succeeded");
    assert_eq!(done.count(), 4, "{listed:#}");
}

/// Property 3: Summary Posting Consistency.
#[test]
fn property_03_every_summary_is_posted_on_its_pull_request() {
    let scene = Scene::new();
    for number in 0..5 {
        let path = format!("part{number}/a.py");
        let opened = scene.open(&[(path.as_str(), TIGHT)]);
        let posted = scene.reviewed(opened);
        assert_once(&scene, opened);
        assert!(posted.comments[0].body.contains(&path), "{posted:#?}");
    }
}

/// Property 6: Unnecessary Commit Prevention.
#[test]
fn property_06_no_commit_is_made_where_none_is_needed() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", LEAKY), ("README.md", "# Shop\n\nSells more.\n")]);
    scene.reviewed(opened);
    let writes = scene.asked();
    let writes = writes
        .iter()
        .filter(|one| one.is_write || one.method != "GET");
    assert!(
        writes
            .into_iter()
            .all(|one| !one.path.contains("/git/") && !one.path.contains("/contents/"))
    );
}

/// Property 8: Clean Code Silence.
#[test]
fn property_08_clean_code_gets_no_comments() {
    let scene = Scene::new();
    for text in ["x = 1\n", "def add(a, b):\n    return a + b\n", TIGHT] {
        let opened = scene.open(&[("a.py", text)]);
        let posted = scene.reviewed(opened);
        assert!(
            posted.lines.is_empty() && posted.reviews.is_empty(),
            "{posted:#?}"
        );
    }
}

/// Property 9: Secure Authentication with Secrets Manager.
#[test]
fn property_09_every_request_is_made_as_the_app_or_its_installation() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", LEAKY)]);
    scene.reviewed(opened);
    let asked = scene.hub.asked();
    // The fake refuses what is not signed, not meant for it, too old, or not narrowed to what it is used for.
    assert!(
        asked.len() > 8 && asked.iter().all(|one| (200..300).contains(&one.status)),
        "{asked:#?}"
    );
}

/// Property 10: Event Processing and Diff Fetching.
#[test]
fn property_10_changes_are_fetched_and_reviewed_without_anybody_asking() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", LEAKY)]);
    scene.reviewed(opened);
    assert!(
        scene
            .asked()
            .iter()
            .any(|one| one.path.contains("/compare/"))
    );
    assert!(scene.posted(opened).reactions.is_empty());
}

/// Property 11: Error Resilience and Logging.
#[test]
fn property_11_errors_stop_nothing_that_follows() {
    let scene = Scene::new();
    let bad = scene
        .server
        .deliver("bad-1", "pull_request", b"{\"action\": 7}");
    assert_eq!(bad.status, 400);
    let unknown = scene.server.deliver(
        "bad-2",
        "pull_request",
        &pull_request("opened", 99, "no-sha"),
    );
    assert_eq!(unknown.status, 202);
    scene.hub.fail(Fault {
        write: Write::Comment,
        trouble: Trouble::Error(500),
        times: 2,
    });
    let opened = scene.open(&[("a.py", LEAKY)]);
    scene.reviewed(opened);
    assert_once(&scene, opened);
}

/// Property 12: Comprehensive Bot Loop Prevention.
#[test]
fn property_12_what_we_post_starts_nothing_and_nobody_hides_behind_our_name() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", LEAKY)]);
    scene.reviewed(opened);
    // What GitHub tells of our own comments.
    scene.tell();
    scene.quiet();
    let requests = scene.asked().len();
    scene.tell();
    scene.quiet();
    assert_eq!(scene.asked().len(), requests);
    // A push by an account with our App's name is a push: only what we have written down ourselves is ours.
    scene.hub.push(opened, &[("b.py", LEAKY)]);
    scene.hub.last_by("pullmill-fake[bot]", 9_000);
    scene.tell();
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 2);
}

/// Property 13: Rate Limiting Fallback.
#[test]
fn property_13_a_loop_that_nobody_saw_ends_at_the_fuse() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", "x = 0\n")]);
    scene.reviewed(opened);
    for number in 1..70 {
        let text = format!("x = {number}\n");
        scene.push(opened, &[("a.py", &text)]);
        scene.quiet();
    }
    let reviewed = scene.hub.checks(scene.repo).len();
    assert_eq!(reviewed, 60);
    scene.hub.comment(opened, "/pullmill review");
    scene.tell();
    scene.reviewed(opened);
}

/// Property 16: Secure Credential Management.
#[test]
fn property_16_no_secret_is_kept_with_the_records() {
    let scene = Scene::new();
    let opened = scene.open(&[("a.py", LEAKY)]);
    scene.reviewed(opened);
    let mut looked = 0;
    let mut folders = vec![scene.place.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if entry.file_type().unwrap().is_file()
                && !["secret", "app.pem"].contains(&name.as_str())
            {
                let bytes = std::fs::read(&path).unwrap();
                for secret in ["ghs_fake", "PRIVATE KEY", "a secret that is long enough"] {
                    let found = bytes
                        .windows(secret.len())
                        .any(|part| part == secret.as_bytes());
                    assert!(!found, "{secret} is in {name}");
                }
                looked += 1;
            }
        }
    }
    assert!(looked > 3);
}

/// Property 18: Multi-Repository Support.
#[test]
fn property_18_repositories_do_not_disturb_each_other() {
    let scene = Scene::new();
    let other = scene
        .hub
        .make_repo("acme/other", &[("README.md", "# Other\n")]);
    let one = scene.hub.open(scene.repo, "One", &[("a.py", LEAKY)]);
    let two = scene.hub.open(other, "Two", &[("a.py", TIGHT)]);
    scene.tell();
    assert_eq!(scene.reviewed(one).checks[0].conclusion, "failure");
    assert_eq!(scene.reviewed(two).checks[0].conclusion, "success");
    let tokens = scene.hub.asked();
    let tokens = tokens
        .iter()
        .filter(|one| one.path.ends_with("/access_tokens"));
    for token in tokens {
        assert_eq!(token.body["repository_ids"].as_array().unwrap().len(), 1);
    }
}

/// In how many orders seven webhooks can come.
const ORDERINGS: usize = 5_040;

/// One of these orders, each by its own number.
fn ordering(mut number: usize, first: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (first..first + 7).collect();
    let taken = (1..=7).rev().map(|places| {
        let place = number % places;
        number /= places;
        left.remove(place)
    });
    taken.collect()
}

/// I30: whatever the order in which the seven webhooks of a life come, it ends alike. `PULLMILL_ORDERINGS=5040` tries all.
#[test]
fn any_order_of_a_life_ends_alike() {
    let count: usize =
        std::env::var("PULLMILL_ORDERINGS").map_or(200, |text| text.parse().unwrap());
    let scene = Scene::new();
    for number in 0..count {
        let leaky = format!("n = {number}\n{LEAKY}");
        let tight = format!("n = {number}\n{TIGHT}");
        let first = scene.hub.deliveries().len();
        let opened = scene.hub.open(scene.repo, "A change", &[("a.py", &leaky)]);
        scene.hub.push(opened, &[("b.py", "x = 1\n")]);
        scene.hub.act(opened, "converted_to_draft");
        scene.hub.act(opened, "ready_for_review");
        scene.hub.act(opened, "closed");
        scene.hub.act(opened, "reopened");
        scene
            .hub
            .push(opened, &[("a.py", &tight), ("c.py", &leaky)]);
        let order = ordering(number * ORDERINGS / count, first);
        for delivery in &order {
            assert!(matches!(scene.hub.deliver(*delivery), 200 | 202));
        }
        scene.wait(opened, "the review", is_reviewed);
        let posted = scene.wait(opened, "its comment", |posted| posted.lines.len() == 1);
        assert_once(&scene, opened);
        let line = &posted.lines[0];
        assert_eq!(
            (line.path.as_str(), line.line, line.is_resolved),
            ("c.py", 11, false),
            "{order:?}"
        );
        assert_eq!(posted.checks[0].conclusion, "failure", "{order:?}");
    }
}

/// I32: one owner's hostile pull requests leave another's on time.
#[test]
fn a_hostile_owner_does_not_hold_another_up() {
    let scene = Scene::new();
    let calm = scene
        .hub
        .make_repo("acme/calm", &[("README.md", "# Calm\n")]);
    let bomb = format!("x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
    let hostile: Vec<_> = (0..24)
        .map(|number| {
            let names: Vec<String> = (0..30)
                .map(|file| format!("p{number}/f{file}.py"))
                .collect();
            let files: Vec<(&str, &str)> = names
                .iter()
                .map(|name| (name.as_str(), bomb.as_str()))
                .collect();
            scene.hub.open(scene.repo, "Hostile", &files)
        })
        .collect();
    for _ in 0..40 {
        scene.hub.push(hostile[0], &[("again.py", &bomb)]);
    }
    let opened = scene.hub.open(calm, "Calm", &[("a.py", LEAKY)]);
    scene.tell();
    let posted = scene.wait(opened, "the calm review", is_reviewed);
    assert_eq!(posted.checks[0].conclusion, "failure");
    let waiting = hostile
        .iter()
        .filter(|one| !is_reviewed(&scene.posted(**one)))
        .count();
    assert!(
        waiting > 12,
        "only {waiting} of 24 hostile ones were behind it"
    );
}
