//! Documents that a change makes untrue: who mends them, where, how often, and when nobody may.

use pullmill_fakehub::{Fault, Opened, Posted, Trouble, Write};

use crate::documents::{COMMIT, GUIDE, MODULE, README, assert_mended, base, renamed};
use crate::program::Place;
use crate::scene::{Scene, is_reviewed};

fn scene(settings: &'static str) -> Scene {
    Scene::with_base(Place::new(), &["--github-stale", "0"], &base(settings))
}

/// Waits until all is done that follows from what happened, what we did ourselves among it.
fn settle(scene: &Scene, opened: Opened) -> Posted {
    loop {
        scene.quiet();
        let before = scene.hub.deliveries().len();
        scene.tell();
        scene.quiet();
        if scene.hub.deliveries().len() == before {
            return scene.posted(opened);
        }
    }
}

/// A pull request's life in which a rename needs a commit, in a repository of its own.
pub fn live(scene: &Scene, fault: &Fault) {
    let name = format!("octo/docs{}", scene.hub.deliveries().len());
    let repo = scene.hub.make_repo(&name, &base(COMMIT));
    scene.hub.fail(fault.clone());
    let text = renamed("read_config");
    let opened = scene
        .hub
        .open(repo, "A change", &[("shop/config.py", &text)]);
    scene.tell();
    scene.wait(opened, "a commit", |posted| posted.history.len() == 3);
    let posted = settle(scene, opened);
    assert!(scene.hub.has_failed(), "{fault:?} did not happen");
    assert_mended(&posted);
    assert_eq!(posted.history.len(), 3, "{fault:?} {posted:#?}");
}

/// Property 5: Comprehensive Documentation Updates.
#[test]
fn property_05_documents_follow_the_code_in_one_commit_on_the_branch() {
    let scene = scene(COMMIT);
    let opened = scene.open(&[("shop/config.py", &renamed("read_config"))]);
    let pushed = scene.posted(opened).head;
    let posted = scene.wait(opened, "a commit", |posted| posted.head != pushed);
    assert_eq!(posted.history[1], pushed);
    let posted = settle(&scene, opened);
    assert_eq!(posted.history.len(), 3, "{posted:#?}");
    assert_mended(&posted);
    // The new head has a check and no new summary (decision 12).
    assert_eq!(posted.checks.len(), 1, "{posted:#?}");
    assert_eq!(posted.comments.len(), 1, "{posted:#?}");
    let summary = &posted.comments[0].body;
    assert!(
        summary.contains(&format!("Reviewed at {pushed}")),
        "{summary}"
    );
    assert!(posted.lines.is_empty(), "{posted:#?}");
    // Every commit of ours was made with a token for that alone.
    let asked = scene.hub.asked();
    let tokens = asked
        .iter()
        .filter(|one| one.path.ends_with("/access_tokens"));
    let wide = tokens.filter(|one| {
        let permissions = &one.body["permissions"];
        permissions["contents"] == "write" && permissions.as_object().unwrap().len() > 1
    });
    assert_eq!(wide.count(), 0);
}

/// Property 12: Comprehensive Bot Loop Prevention.
#[test]
fn property_12_our_own_commit_starts_no_work_on_documents_and_only_ours_is_our_own() {
    let scene = scene(COMMIT);
    let opened = scene.open(&[("shop/config.py", &renamed("read_config"))]);
    scene.wait(opened, "a commit", |posted| posted.history.len() == 3);
    let posted = settle(&scene, opened);
    let runs = || {
        let listed = scene.server.get("/api/executions?tenant=octo").json();
        let executions = listed["executions"].as_array().unwrap().clone();
        let docs = executions.iter();
        docs.filter(|one| one["workflow"] == "docs-update").count()
    };
    assert_eq!(runs(), 1);
    // A push that only looks like ours, by name, is work like any other: it says the old name once more.
    let text = format!("{README}\nAlways `load_config()`.\n");
    scene.hub.push(opened, &[("README.md", &text)]);
    scene.hub.last_by("pullmill-fake[bot]", 9_000);
    scene.tell();
    let after = scene.wait(opened, "another commit", |posted| posted.history.len() == 5);
    assert_eq!(after.history[2], posted.head);
    let after = settle(&scene, opened);
    assert_eq!((after.history.len(), runs()), (5, 2));
    assert_mended(&Posted {
        files: {
            let mut files = after.files.clone();
            let text = files["README.md"].replace("\nAlways `read_config()`.\n", "");
            files.insert("README.md".to_owned(), text);
            files
        },
        ..after
    });
}

/// Property 6: Unnecessary Commit Prevention.
#[test]
fn property_06_nobody_commits_where_nothing_is_untrue_or_nobody_may() {
    let scene = scene(COMMIT);
    let none = |opened: Opened| {
        let before = scene.posted(opened).head;
        scene.wait(opened, "the review", is_reviewed);
        let posted = settle(&scene, opened);
        assert_eq!(posted.head, before, "{posted:#?}");
        posted
    };
    // Another body, another function, a name that no document has.
    for text in [
        MODULE.replace("json.load", "json.loads"),
        format!("{MODULE}\n\ndef more():\n    return 2\n"),
        MODULE.replace("other", "something"),
    ] {
        none(scene.open(&[("shop/config.py", &text)]));
    }
    // The documents were mended with the code.
    let readme = README.replace("load_config", "read_config");
    let guide = GUIDE.replace("load_config", "read_config");
    let code = renamed("read_config");
    none(scene.open(&[
        ("shop/config.py", &code),
        ("README.md", &readme),
        ("docs/guide/start.rst", &guide),
    ]));
    // From a fork nothing is committed, but it is said.
    let opened = scene
        .hub
        .open(scene.repo, "A change", &[("shop/config.py", &code)]);
    scene.hub.fork(opened);
    scene.tell();
    let posted = none(opened);
    assert_eq!(posted.lines.len(), 3, "{posted:#?}");
    let writes = scene.asked();
    let mut writes = writes.iter().filter(|one| one.is_write);
    assert!(writes.all(|one| !one.path.contains("/git/")));
}

#[test]
fn the_pull_request_itself_cannot_ask_for_commits() {
    let scene = scene("");
    let code = renamed("read_config");
    let opened = scene.open(&[(".pullmill.toml", COMMIT), ("shop/config.py", &code)]);
    let before = scene.posted(opened).head;
    scene.wait(opened, "the review", is_reviewed);
    let posted = settle(&scene, opened);
    assert_eq!(posted.head, before);
    assert_eq!(posted.lines.len(), 3, "{posted:#?}");
}

#[test]
fn what_is_suggested_is_said_once_and_settled_when_it_is_true() {
    let scene = scene("[docs]\nmode = \"suggest\"\n");
    let code = renamed("read_config");
    // One of the lines is part of the change: there the suggestion can be taken with a click.
    let readme = README.replace("of old", "of yore");
    let opened = scene.open(&[("shop/config.py", &code), ("README.md", &readme)]);
    let posted = scene.wait(opened, "suggestions", |posted| posted.lines.len() == 3);
    let bodies: Vec<&str> = posted.lines.iter().map(|line| line.body.as_str()).collect();
    let at_line = posted.lines.iter().find(|line| line.line == 3).unwrap();
    assert_eq!(at_line.path, "README.md");
    assert!(
        at_line.body.contains(
            "```suggestion\nThe settings are read by `read_config(path)`, the load_config of yore.\n```"
        ),
        "{bodies:#?}"
    );
    let far = posted
        .lines
        .iter()
        .find(|line| line.path == "shop/config.py")
        .unwrap();
    assert!(far.body.contains("`docs/guide/start.rst:4`"), "{bodies:#?}");
    assert!(
        far.body
            .contains("-Call ``config.load_config`` first.\n+Call ``config.read_config`` first."),
        "{bodies:#?}"
    );
    // A push that changes nothing about it says nothing again.
    scene.push(opened, &[("more.py", "x = 1\n")]);
    scene.reviewed(opened);
    let posted = settle(&scene, opened);
    assert_eq!(posted.lines.len(), 3, "{posted:#?}");
    assert!(posted.lines.iter().all(|line| !line.is_resolved));
    // What is mended is settled, and the rest stays.
    let mended = README.replace("load_config", "read_config");
    scene.push(opened, &[("README.md", &mended)]);
    scene.wait(opened, "settling", |posted| {
        posted.lines.iter().filter(|line| line.is_resolved).count() == 2
    });
    let posted = settle(&scene, opened);
    let open: Vec<_> = posted
        .lines
        .iter()
        .filter(|line| !line.is_resolved)
        .collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].path, "shop/config.py");
}

#[test]
fn somebody_who_asks_gets_an_answer() {
    let scene = scene("[docs]\nmode = \"off\"\n");
    let opened = scene.open(&[("shop/config.py", &renamed("read_config"))]);
    scene.reviewed(opened);
    let posted = settle(&scene, opened);
    assert!(posted.lines.is_empty(), "{posted:#?}");
    scene.hub.comment(opened, "/pullmill docs");
    scene.tell();
    let says = |what: &'static str| {
        move |posted: &Posted| posted.comments.iter().any(|one| one.body.contains(what))
    };
    scene.wait(opened, "an answer", says("`docs.mode` is `off`"));

    let repo = scene.hub.make_repo("octo/other", &base(COMMIT));
    let opened = scene.hub.open(repo, "A change", &[("a.py", "x = 1\n")]);
    scene.tell();
    scene.reviewed(opened);
    scene.hub.comment(opened, "/pullmill docs");
    scene.tell();
    scene.wait(opened, "an answer", says("gives nothing another name"));
}

/// Somebody pushes between the commit and the branch: theirs stays, and the documents follow it instead.
#[test]
fn a_push_that_comes_between_wins() {
    let scene = scene(COMMIT);
    scene.hub.fail(Fault {
        write: Write::Commit,
        trouble: Trouble::Error(502),
        times: 1,
    });
    let opened = scene.open(&[("shop/config.py", &renamed("read_config"))]);
    let first = scene.posted(opened).head;
    let deadline = std::time::Instant::now() + crate::program::PATIENCE;
    while !scene.hub.has_failed() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    scene.push(opened, &[("more.py", "x = 1\n")]);
    let second = scene.posted(opened).history;
    scene.wait(opened, "a commit", |posted| {
        posted.history.len() > second.len()
    });
    let posted = settle(&scene, opened);
    assert_eq!(posted.history[1..], second[..], "{posted:#?}");
    assert!(posted.history.contains(&first));
    assert_mended(&posted);
}

/// Commits are wanted, and the owner has not agreed to them: it is said, and nothing is tried in vain.
#[test]
fn without_the_permission_to_commit_it_is_suggested_and_said() {
    let scene = scene(COMMIT);
    scene.hub.let_commit(false);
    let opened = scene.open(&[("shop/config.py", &renamed("read_config"))]);
    let posted = scene.wait(opened, "suggestions", |posted| posted.lines.len() == 3);
    assert!(
        posted
            .reviews
            .iter()
            .any(|review| review.body.contains("may not write contents")),
        "{posted:#?}"
    );
    let posted = settle(&scene, opened);
    assert_eq!(posted.history.len(), 2);
    let refused = scene
        .hub
        .asked()
        .into_iter()
        .filter(|one| one.status >= 400);
    assert_eq!(refused.count(), 0);
}

/// A pull request may go out from the default branch; that gets no commit of ours.
#[test]
fn the_default_branch_gets_no_commit() {
    let scene = scene(COMMIT);
    let code = renamed("read_config");
    let opened = scene
        .hub
        .open(scene.repo, "A change", &[("shop/config.py", &code)]);
    scene.hub.make_default(opened);
    scene.tell();
    scene.wait(opened, "suggestions", |posted| posted.lines.len() == 3);
    assert_eq!(settle(&scene, opened).history.len(), 2);
}
