//! What a pull request gets, and what it costs.

use std::time::Duration;

use pullmill_fakehub::{Opened, Posted};

#[cfg(any(feature = "postgres", feature = "aws"))]
use crate::program::Place;
use crate::scene::{LEAKY, Scene, TIGHT, assert_once};

/// S2's happy path, and its duplicate path.
#[test]
fn a_signed_webhook_becomes_one_summary_one_review_and_one_check() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    assert_once(&scene, opened);
    assert_eq!(posted.reviews.len(), 1);
    assert_eq!(posted.reviews[0].commit, posted.head);
    assert_eq!(
        (posted.lines[0].path.as_str(), posted.lines[0].line),
        ("shop/users.py", 10)
    );
    assert!(posted.lines[0].body.contains("SQL"), "{posted:#?}");
    let check = &posted.checks[0];
    assert_eq!(
        (check.name.as_str(), check.conclusion.as_str()),
        ("Pullmill", "failure")
    );
    assert_eq!(check.annotations[0]["start_line"], 10);
    let writes = scene.asked().iter().filter(|one| one.is_write).count();
    scene.tell();
    for number in 0..scene.hub.deliveries().len() {
        assert_eq!(scene.hub.deliver(number), 200);
    }
    scene.quiet();
    assert_eq!(
        scene.asked().iter().filter(|one| one.is_write).count(),
        writes
    );
}

#[test]
fn a_clean_change_gets_a_summary_and_a_green_check_and_no_noise() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", TIGHT)]);
    let posted = scene.reviewed(opened);
    assert_once(&scene, opened);
    assert!(posted.reviews.is_empty() && posted.lines.is_empty());
    assert_eq!(posted.checks[0].conclusion, "success");
}

#[test]
fn pushes_update_the_summary_and_say_nothing_twice() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    scene.push(opened, &[("shop/other.py", "x = 1\n")]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1, "{posted:#?}");
    says_since(
        &posted,
        "1 file changed: `shop/other.py`. Findings: 0 new, 0 gone, 1 as before.",
    );
    // Lines move, and what is said stays where it was said.
    let moved = format!("import os\n\n{LEAKY}");
    scene.push(opened, &[("shop/users.py", &moved)]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1, "{posted:#?}");
    assert!(!posted.lines[0].is_resolved);
    scene.push(opened, &[("shop/users.py", TIGHT)]);
    scene.wait(opened, "settling", |posted| posted.lines[0].is_resolved);
    let posted = scene.reviewed(opened);
    says_since(
        &posted,
        "1 file changed: `shop/users.py`. Findings: 0 new, 1 gone, 0 as before.",
    );
    assert_eq!(posted.checks[0].conclusion, "success");
    assert_eq!(scene.hub.checks(scene.repo).len(), 4);
    assert_once(&scene, opened);
}

#[test]
fn a_force_push_is_a_push() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    scene.hub.force_push(
        opened,
        &[("shop/users.py", LEAKY), ("shop/new.py", "y = 2\n")],
    );
    scene.tell();
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1);
    says_since(
        &posted,
        "1 file changed: `shop/new.py`. Findings: 0 new, 0 gone, 1 as before.",
    );
    assert_once(&scene, opened);
}

/// RV7: the summary says what differs from the review before.
fn says_since(posted: &Posted, what: &str) {
    let body = &posted.comments[0].body;
    let line = body.lines().find(|line| line.starts_with("Since "));
    assert!(line.is_some_and(|line| line.ends_with(what)), "{body}");
}

/// A person has settled a conversation: it is not begun anew, and the check stays red as long as the code is as it is.
#[test]
fn what_a_person_has_settled_is_not_said_again_and_turns_nothing_green() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    scene.hub.resolve(opened, posted.lines[0].id);
    scene.push(opened, &[("shop/other.py", "x = 1\n")]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1);
    assert_eq!(posted.checks[0].conclusion, "failure");
}

fn requests_for(files: usize) -> (usize, usize) {
    let scene = Scene::new();
    let warm = scene.open(&[("warm.py", LEAKY)]);
    scene.reviewed(warm);
    scene.hub.forget_asked();
    let names: Vec<String> = (0..files)
        .map(|number| format!("part{number}/file.py"))
        .collect();
    let texts: Vec<String> = (0..files)
        .map(|number| format!("n = {number}\n{LEAKY}"))
        .collect();
    let changed: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let opened = scene.open(&changed);
    scene.reviewed(opened);
    let asked = scene.hub.asked();
    assert!(
        asked.iter().all(|one| !one.path.starts_with("/app")),
        "the tokens were warm"
    );
    (asked.len(), asked.iter().filter(|one| one.is_write).count())
}

#[test]
fn a_pull_request_of_five_files_costs_ten_requests_and_one_of_fifty_fifteen() {
    assert_eq!(requests_for(5), (10, 3));
    assert_eq!(requests_for(50), (11, 3));
}

#[test]
fn notes_of_a_check_come_in_fifties() {
    let scene = Scene::new();
    let names: Vec<String> = (0..60)
        .map(|number| format!("part{number}/file.py"))
        .collect();
    let texts: Vec<String> = (0..60)
        .map(|number| format!("n = {number}\n{LEAKY}"))
        .collect();
    let changed: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let opened = scene.open(&changed);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.checks[0].annotations.len(), 60);
    let runs = scene.asked();
    let runs = runs
        .iter()
        .filter(|one| one.is_write && one.path.contains("check-runs"));
    assert_eq!(runs.count(), 2);
}

/// GitHub lists no more than three hundred files in a comparison.
#[test]
fn more_than_three_hundred_files_are_all_assessed() {
    let scene = Scene::new();
    let names: Vec<String> = (0..330)
        .map(|number| format!("part{number:03}/file.py"))
        .collect();
    let mut changed: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), "x = 1\n"))
        .collect();
    changed.push(("zzz.py", LEAKY));
    let opened = scene.open(&changed);
    let posted = scene.reviewed(opened);
    assert_eq!(
        posted.checks[0].conclusion, "failure",
        "{:?}",
        posted.checks
    );
    assert!(
        posted.comments[0]
            .body
            .contains("All 331 files were assessed"),
        "{}",
        posted.comments[0].body
    );
}

#[test]
fn drafts_wait_until_they_are_ready_and_closed_ones_are_left_alone() {
    let scene = Scene::new();
    let opened = scene
        .hub
        .open(scene.repo, "Not yet", &[("shop/users.py", LEAKY)]);
    scene.hub.act(opened, "converted_to_draft");
    scene.tell();
    scene.quiet();
    assert!(scene.posted(opened).comments.is_empty());
    scene.hub.act(opened, "ready_for_review");
    scene.tell();
    scene.reviewed(opened);
    let closed = scene
        .hub
        .open(scene.repo, "Never", &[("shop/users.py", LEAKY)]);
    scene.hub.act(closed, "closed");
    scene.tell();
    scene.quiet();
    assert!(scene.posted(closed).comments.is_empty());
}

/// Fifty events in twenty copies each, all at once.
#[test]
fn a_storm_of_redeliveries_makes_each_effect_once() {
    let scene = Scene::new();
    let opened: Vec<Opened> = (0..50)
        .map(|number| {
            let text = format!("n = {number}\n{LEAKY}");
            scene
                .hub
                .open(scene.repo, "A change", &[("shop/users.py", &text)])
        })
        .collect();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let scene = &scene;
            scope.spawn(move || {
                for copy in 0..20 {
                    for number in (0..50).filter(|number| (number + copy) % 4 == part) {
                        assert!(matches!(scene.hub.deliver(number), 200 | 202));
                    }
                }
            });
        }
    });
    for opened in opened {
        scene.reviewed(opened);
        let posted = assert_once(&scene, opened);
        assert_eq!((posted.reviews.len(), posted.lines.len()), (1, 1));
    }
}

/// What is newer wins, whatever comes first; what is old is not sent any more.
#[test]
fn a_push_in_the_middle_of_a_review_leaves_nothing_on_the_old_head() {
    let scene = Scene::new();
    scene.hub.set_latency(Duration::from_millis(500));
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.wait(opened, "the first request", |_| !scene.asked().is_empty());
    let old = scene.posted(opened).head;
    // The webhook of this push comes late.
    scene.hub.push(opened, &[("shop/more.py", "z = 3\n")]);
    scene.wait(opened, "the end of the first", |_| scene.asked().len() > 5);
    scene.quiet();
    assert!(
        scene
            .posted(opened)
            .reviews
            .iter()
            .all(|review| review.commit != old)
    );
    scene.hub.set_latency(Duration::ZERO);
    scene.tell();
    let posted = scene.reviewed(opened);
    assert_eq!(posted.reviews.len(), 1);
    assert_eq!(posted.reviews[0].commit, posted.head);
    assert_once(&scene, opened);
}

/// A GitHub that does not answer holds nobody up at the door.
#[test]
fn webhooks_are_taken_while_github_is_slow() {
    let scene = Scene::new();
    scene.hub.hold(true);
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.wait(opened, "a request", |_| scene.hub.waiting() > 0);
    for number in 0..30 {
        let body = crate::program::pull_request("labeled", number, "h");
        let answer = scene
            .server
            .deliver(&format!("other-{number}"), "pull_request", &body);
        assert!(matches!(answer.status, 200 | 202));
    }
    assert!(scene.asked().is_empty(), "nothing was answered meanwhile");
    scene.hub.hold(false);
    scene.reviewed(opened);
}

#[cfg(feature = "postgres")]
#[test]
fn a_front_and_a_worker_share_a_database() {
    let scene = Scene::of(Place::postgres(), &["--github-stale", "0"]);
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    scene.push(opened, &[("shop/users.py", TIGHT)]);
    scene.wait(opened, "settling", |posted| posted.lines[0].is_resolved);
    scene.reviewed(opened);
    assert_once(&scene, opened);
}

#[cfg(feature = "aws")]
#[test]
fn a_table_is_as_good_as_a_file() {
    let scene = Scene::of(Place::aws(), &["--github-stale", "0"]);
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1);
    assert_once(&scene, opened);
}

/// Decision 34: closing cancels what goes on and posts nothing.
#[test]
fn closing_ends_the_review_that_goes_on() {
    let scene = Scene::new();
    scene.hub.set_latency(Duration::from_millis(500));
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.wait(opened, "the first request", |_| !scene.asked().is_empty());
    scene.hub.act(opened, "closed");
    scene.tell();
    scene.hub.set_latency(Duration::ZERO);
    scene.quiet();
    let posted = scene.posted(opened);
    assert!(posted.comments.is_empty(), "{posted:#?}");
    let listed = scene.server.get("/api/executions?tenant=octo").json();
    let listed = listed["executions"].as_array().unwrap().clone();
    let word = |one: &serde_json::Value, field: &str| one[field].as_str().unwrap().to_owned();
    let mut ended: Vec<_> = listed
        .iter()
        .map(|one| (word(one, "workflow"), word(one, "status")))
        .collect();
    ended.sort();
    let cleanup = ("cleanup".to_owned(), "succeeded".to_owned());
    let review = ("pr-review".to_owned(), "cancelled".to_owned());
    assert_eq!(ended, [cleanup, review]);
    scene.hub.act(opened, "reopened");
    scene.tell();
    scene.reviewed(opened);
}

/// GH6: what is suggested was tried, stands at the line it replaces, and is settled when somebody takes it.
#[test]
fn a_suggestion_that_is_taken_settles_its_finding() {
    let scene = Scene::new();
    let text = |verify: &str| {
        format!(
            "import requests\n\n\ndef get(url):\n    return requests.get(\n        url, verify={verify}\n    )\n"
        )
    };
    let opened = scene.open(&[("shop/get.py", &text("False"))]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1, "{posted:#?}");
    let line = &posted.lines[0];
    let suggested = "```suggestion\n        url, verify=True\n```";
    assert!(line.body.contains(suggested), "{}", line.body);
    assert_eq!(line.line, 6);
    scene.push(opened, &[("shop/get.py", &text("True"))]);
    scene.wait(opened, "settling", |posted| posted.lines[0].is_resolved);
    // Where taking it would break the file, or mend nothing, nothing is suggested.
    let two = "import requests\n\n\ndef get(url):\n    return requests.get(url, verify=False), requests.post(url, verify=False)\n";
    let opened = scene.open(&[("shop/two.py", two)]);
    let posted = scene.reviewed(opened);
    let bodies: Vec<&String> = posted.lines.iter().map(|line| &line.body).collect();
    assert!(
        bodies
            .iter()
            .all(|body| body.matches("suggestion").count() <= 1),
        "{bodies:#?}"
    );
}
