//! Commands in comments: who may give them, and what they do.

use std::collections::BTreeSet;

use pullmill_fakehub::{Opened, Posted};

use crate::scene::{LEAKY, Scene};

/// Gives a command as somebody who may write, and waits for its reaction.
fn give(scene: &Scene, opened: Opened, command: &str) -> u64 {
    let id = scene.hub.comment(opened, command);
    scene.tell();
    let seen = |posted: &Posted| {
        posted
            .reactions
            .iter()
            .any(|one| one.comment == id && one.content == "eyes")
    };
    scene.wait(opened, "a pair of eyes", seen);
    scene.quiet();
    id
}

/// What was answered to the last command.
fn answer(scene: &Scene, opened: Opened) -> String {
    let posted = scene.posted(opened);
    let ours: Vec<_> = posted.comments.iter().filter(|one| one.is_ours).collect();
    ours.last().unwrap().body.clone()
}

fn reviewed() -> (Scene, Opened) {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    (scene, opened)
}

#[test]
fn help_lists_every_command() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill help");
    let said = answer(&scene, opened);
    for word in ["review", "pause", "ignore", "labels", "needs a model"] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn the_risk_is_explained() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill explain-risk");
    let said = answer(&scene, opened);
    assert!(
        said.contains("Risk 15 of 100") && said.contains("+15"),
        "{said}"
    );
}

#[test]
fn settings_are_shown_as_they_stand_at_the_base() {
    let scene = Scene::with_base(
        crate::program::Place::new(),
        &["--github-stale", "0"],
        &[(".pullmill.toml", "[review]\nfail_on = \"critical\"\n")],
    );
    let opened = scene.open(&[(".pullmill.toml", "[review]\nfail_on = \"low\"\n")]);
    scene.reviewed(opened);
    give(&scene, opened, "/pullmill config");
    let said = answer(&scene, opened);
    assert!(said.contains("fail_on = \"critical\""), "{said}");
}

#[test]
fn what_is_no_command_is_said_so_and_what_needs_a_model_too() {
    let (scene, opened) = reviewed();
    for (command, wanted) in [
        ("/pullmill reviw", "There is no command `reviw`"),
        (
            "/pullmill review everything",
            "There is no agent `everything`",
        ),
        ("/pullmill pause --now", "takes nothing after it"),
        ("/pullmill ask why?", "needs a model"),
        ("/pullmill approve", "no gate is set up"),
        ("/pullmill ignore", "needs a reason"),
        ("/pullmill ignore -- because", "about no finding"),
    ] {
        give(&scene, opened, command);
        let said = answer(&scene, opened);
        assert!(said.contains(wanted), "{command}: {said}");
    }
    // AI9: what ran says what became of it without a model.
    scene.quiet();
    let listed = scene.server.get("/api/executions?tenant=octo").json();
    let of = |workflow: &str| -> BTreeSet<String> {
        let executions = listed["executions"].as_array().unwrap().iter();
        let executions = executions.filter(|one| one["workflow"] == workflow);
        executions
            .filter_map(|one| {
                let path = format!("/api/executions/{}?tenant=octo", one["id"].as_str()?);
                let shown = scene.server.get(&path).json().to_string();
                let word = ["skip", "static_fallback"];
                let word = word
                    .iter()
                    .find(|word| shown.contains(&format!("\"without_model\":\"{word}\"")));
                word.map(|&word| word.to_owned())
            })
            .collect()
    };
    assert_eq!(
        of("pr-review"),
        BTreeSet::from(["static_fallback".to_owned()])
    );
    assert!(of("comment-command").contains("skip"), "{listed:#}");
}

#[test]
fn a_comment_without_a_command_is_left_at_the_door() {
    let (scene, opened) = reviewed();
    let asked = scene.hub.asked().len();
    for text in ["looks good", "> /pullmill pause", "please /pullmill review"] {
        scene.hub.comment(opened, text);
    }
    scene.tell();
    scene.quiet();
    assert_eq!(scene.hub.asked().len(), asked);
}

/// CM2: asked when it runs, fail closed.
#[test]
fn who_may_not_write_may_not_command() {
    let (scene, opened) = reviewed();
    scene.hub.allow("reader", 77, "read");
    scene
        .hub
        .comment_by(opened, "reader", 77, "/pullmill pause");
    scene.tell();
    scene.wait(opened, "an answer", |posted| {
        posted.comments.iter().filter(|one| one.is_ours).count() == 2
    });
    assert!(
        answer(&scene, opened).contains("needs write permission"),
        "{}",
        answer(&scene, opened)
    );
    // A stranger hears nothing, and a name that belongs to somebody else counts for nothing.
    let before = scene.posted(opened);
    scene
        .hub
        .comment_by(opened, "stranger", 78, "/pullmill pause");
    scene
        .hub
        .comment_by(opened, "somebody", 79, "/pullmill pause");
    scene.tell();
    scene.quiet();
    let after = scene.posted(opened);
    assert_eq!(after.reactions.len(), before.reactions.len());
    assert_eq!(after.comments.iter().filter(|one| one.is_ours).count(), 2);
    scene.push(opened, &[("shop/more.py", "z = 3\n")]);
    scene.reviewed(opened);
}

#[test]
fn paused_reviews_go_on_when_they_are_resumed() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill pause");
    scene.push(opened, &[("shop/more.py", LEAKY)]);
    scene.quiet();
    assert!(
        scene.posted(opened).checks.is_empty(),
        "nothing was reviewed"
    );
    give(&scene, opened, "/pullmill resume");
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 2);
    scene.push(opened, &[("shop/other.py", "x = 1\n")]);
    scene.reviewed(opened);
}

#[test]
fn a_draft_is_reviewed_when_somebody_asks() {
    let scene = Scene::new();
    let opened = scene
        .hub
        .open(scene.repo, "Not yet", &[("shop/users.py", LEAKY)]);
    scene.hub.act(opened, "converted_to_draft");
    give(&scene, opened, "/pullmill review");
    let posted = scene.reviewed(opened);
    assert_eq!(posted.lines.len(), 1);
}

#[test]
fn a_review_says_only_what_is_new_and_a_full_one_says_all_again() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill review");
    assert_eq!(scene.posted(opened).lines.len(), 1);
    give(&scene, opened, "/pullmill full-review");
    let posted = scene.wait(opened, "a second comment", |posted| posted.lines.len() == 2);
    assert_eq!(posted.reviews.len(), 2);
    // A push after a command is a push.
    scene.push(opened, &[("shop/more.py", "z = 3\n")]);
    scene.reviewed(opened);
}

/// RV6: set aside with a reason, in its conversation; it does not come back as long as its code is as it is.
#[test]
fn an_ignored_finding_is_set_aside_until_its_code_changes() {
    let (scene, opened) = reviewed();
    let line = scene.posted(opened).lines[0].id;
    let command = "/pullmill ignore -- the name is checked by the proxy";
    scene.hub.answer_by(opened, line, "somebody", 1, command);
    scene.tell();
    let posted = scene.wait(opened, "a green check", |posted| {
        posted
            .checks
            .iter()
            .any(|check| check.conclusion == "success")
    });
    assert!(posted.lines[0].is_resolved);
    let answers: Vec<_> = posted
        .lines
        .iter()
        .filter(|one| one.answers == Some(line) && one.is_ours)
        .collect();
    assert_eq!(answers.len(), 1, "{posted:#?}");
    assert!(answers[0].body.contains("set aside"), "{answers:?}");
    scene.quiet();
    let summary = &scene.posted(opened).comments[0].body;
    assert!(
        summary.contains("somebody: the name is checked by the proxy"),
        "{summary}"
    );
    // It moves and stays aside.
    scene.push(
        opened,
        &[("shop/users.py", &format!("import os\n\n{LEAKY}"))],
    );
    let posted = scene.reviewed(opened);
    assert_eq!(posted.checks[0].conclusion, "success");
    // It changes and is back.
    scene.push(
        opened,
        &[(
            "shop/users.py",
            &LEAKY.replace("request.args", "request.form"),
        )],
    );
    let posted = scene.reviewed(opened);
    assert_eq!(posted.checks[0].conclusion, "failure");
}

#[test]
fn conversations_are_settled_together() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill resolve");
    assert!(
        scene
            .posted(opened)
            .lines
            .iter()
            .all(|line| line.is_resolved)
    );
    give(&scene, opened, "/pullmill resolve");
    assert!(
        answer(&scene, opened).contains("nothing to do"),
        "{}",
        answer(&scene, opened)
    );
}

#[test]
fn the_label_of_the_risk_follows_it_and_leaves_others_alone() {
    let (scene, opened) = reviewed();
    scene.hub.label(opened, "mine");
    scene.hub.label(opened, "risk: high");
    give(&scene, opened, "/pullmill labels");
    scene.wait(opened, "labels", |posted| {
        posted.labels == ["mine", "risk: low"]
    });
    assert_once_but_for_replies(&scene, opened);
}

/// Decision 23.
#[test]
fn a_pull_request_of_a_fork_gets_no_label() {
    let (scene, opened) = reviewed();
    scene.hub.fork(opened);
    give(&scene, opened, "/pullmill labels");
    assert!(answer(&scene, opened).contains("forks get no labels"));
    assert!(scene.posted(opened).labels.is_empty());
}

/// A command that comes twice is carried out once, and one that was edited is not carried out.
#[test]
fn a_command_is_carried_out_once() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill help");
    for number in 0..scene.hub.deliveries().len() {
        assert!(matches!(scene.hub.deliver(number), 200 | 202));
    }
    scene.quiet();
    let ours = scene
        .posted(opened)
        .comments
        .iter()
        .filter(|one| one.is_ours)
        .count();
    assert_eq!(ours, 2);
}

/// I18: our own words start nothing, whatever they quote.
#[test]
fn our_own_answers_are_no_commands() {
    let (scene, opened) = reviewed();
    give(&scene, opened, "/pullmill /pullmill review");
    scene.tell();
    scene.quiet();
    let replies = scene
        .posted(opened)
        .comments
        .iter()
        .filter(|one| one.is_ours)
        .count();
    assert_eq!(replies, 2);
    assert!(!answer(&scene, opened).starts_with('/'));
}

fn assert_once_but_for_replies(scene: &Scene, opened: Opened) {
    let posted = scene.posted(opened);
    let summaries = posted
        .comments
        .iter()
        .filter(|one| one.body.contains("Reviewed at"));
    assert_eq!(summaries.count(), 1);
}

/// GH2: the description is changed between our own markers alone, and follows the pull request from then on.
#[test]
fn a_description_keeps_what_is_not_ours() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    scene.reviewed(opened);
    assert_eq!(scene.posted(opened).body, "");
    scene.hub.describe(opened, "Mine, before.\n");
    scene.hub.comment(opened, "/pullmill describe");
    scene.tell();
    let says = |what: &'static str| move |posted: &Posted| posted.body.contains(what);
    let posted = scene.wait(opened, "a section", says("### What changes"));
    assert!(posted.body.starts_with("Mine, before."), "{}", posted.body);
    assert!(posted.body.contains("shop/users.py"), "{}", posted.body);
    scene
        .hub
        .describe(opened, &format!("{}\n\nMine, behind.", posted.body));
    scene.push(opened, &[("shop/more.py", "x = 1\n")]);
    scene.wait(opened, "the new file", says("shop/more.py"));
    scene.tell();
    scene.quiet();
    let posted = scene.posted(opened);
    assert!(posted.body.starts_with("Mine, before."), "{}", posted.body);
    assert!(posted.body.ends_with("Mine, behind."), "{}", posted.body);
    assert_eq!(posted.body.matches("### What changes").count(), 1);
    // Whoever removes it is not asked twice.
    scene.hub.describe(opened, "Mine alone.");
    scene.push(opened, &[("shop/last.py", "x = 2\n")]);
    scene.reviewed(opened);
    assert_eq!(scene.posted(opened).body, "Mine alone.");
}

/// A review that gives no verdict, as of a draft, or that is still going on, does not hide the one before it.
#[test]
fn the_last_verdict_counts_until_there_is_another() {
    let scene = Scene::new();
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let head = scene.reviewed(opened).head;
    scene.hub.act(opened, "converted_to_draft");
    for number in 0..2 {
        let text = format!("x = {number}\n");
        scene.push(opened, &[("shop/more.py", &text)]);
        scene.quiet();
    }
    scene.hub.comment(opened, "/pullmill explain-risk");
    scene.tell();
    let at = format!("at `{}`", &head[..7]);
    scene.wait(opened, "an answer", |posted| {
        posted
            .comments
            .iter()
            .any(|comment| comment.body.contains(&at))
    });
}

/// How code is built is told in the summary; at a line only when somebody asks for it.
#[test]
fn what_is_low_and_no_danger_is_said_at_lines_when_asked_for() {
    let branches: String = (1..8)
        .map(|level| format!("{}if a[{level}]:\n", "    ".repeat(level)))
        .collect();
    let nested = format!("def route(a):\n{branches}{}return a\n", "    ".repeat(8));
    let scene = Scene::new();
    let opened = scene.open(&[("shop/route.py", &nested)]);
    let posted = scene.reviewed(opened);
    assert!(posted.lines.is_empty(), "{posted:#?}");
    let body = &posted.comments[0].body;
    assert!(body.contains("code.complex-function"), "{body}");
    give(&scene, opened, "/pullmill review security");
    assert!(scene.posted(opened).lines.is_empty());
    give(&scene, opened, "/pullmill review architecture");
    let posted = scene.wait(opened, "a comment", |posted| posted.lines.len() == 1);
    assert_eq!(
        (posted.lines[0].path.as_str(), posted.lines[0].line),
        ("shop/route.py", 1)
    );
}
