//! Models in the service: what they add to reviews and what they answer, on a GitHub that fits into a test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use pullmill_fakehub::{Opened, Posted};
use pullmill_testkit::models::{Asked, ModelServer, Reply};
use serde_json::{Value, json};

use crate::program::Place;
use crate::scene::{LEAKY, Scene, TIGHT, assert_once, is_reviewed};

/// A scene whose server asks a scripted model; `more` is laid over the configuration.
fn scene(
    more: &str,
    script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Scene, ModelServer) {
    scene_on(&[], more, script)
}

/// The same, on a base that holds some more files.
fn scene_on(
    base: &[(&str, &str)],
    more: &str,
    script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Scene, ModelServer) {
    let models = ModelServer::start(script);
    let place = Place::new();
    let config = models.config("anthropic", 100_000) + more;
    std::fs::write(place.path().join("models.toml"), config).unwrap();
    let arguments = ["--github-stale", "0", "--model", "auto", "--models"];
    let arguments = [arguments.as_slice(), &["models.toml"]].concat();
    (Scene::with_base(place, &arguments, base), models)
}

fn with(asked: &Asked, findings: &[Value]) -> Reply {
    let mut answer = asked.honest();
    answer["findings"] = findings.into();
    Reply::Say(answer.to_string())
}

/// What a model finds in the mended file.
fn claim() -> Value {
    json!({
        "agent": "bugs", "severity": "high", "confidence": "high", "path": "shop/users.py", "line": 10,
        "quote": "return sqlite3.connect(\"a.db\").execute(\"SELECT * FROM users WHERE name = ?\", (name,)).fetchall()",
        "title": "the connection of `user` is never closed, ask @octocat or see https://evil.example",
        "why": "Every request keeps one open. Closes #1.", "fix": "Close it.", "cwe": 772,
        "replacement": "    return find(name)",
    })
}

fn summary(posted: &Posted) -> &str {
    let ours = posted.comments.iter().find(|comment| comment.is_ours);
    &ours.unwrap().body
}

fn eyes(scene: &Scene, opened: Opened, id: u64) {
    let seen = |posted: &Posted| {
        posted
            .reactions
            .iter()
            .any(|one| one.comment == id && one.content == "eyes")
    };
    scene.wait(opened, "a pair of eyes", seen);
    scene.quiet();
}

/// Property 7: Comprehensive Code Quality Analysis.
#[test]
fn property_07_what_a_model_finds_is_posted_once_and_paid_for_once() {
    let (scene, models) = scene("", |asked| with(asked, &[claim()]));
    let opened = scene.open(&[("shop/users.py", TIGHT)]);
    scene.reviewed(opened);
    let posted = assert_once(&scene, opened);
    assert_eq!(posted.checks[0].conclusion, "failure", "{posted:#?}");
    assert!(
        summary(&posted).contains("### In a model's words"),
        "{}",
        summary(&posted)
    );
    let line = posted
        .lines
        .iter()
        .find(|line| line.body.contains("never closed"))
        .unwrap();
    assert!(
        line.body
            .contains("```suggestion\n    return find(name)\n```"),
        "{}",
        line.body
    );
    assert!(line.body.contains("Nobody has tried it"), "{}", line.body);
    let all = posted
        .lines
        .iter()
        .map(|line| &line.body)
        .chain([&posted.comments[0].body]);
    for body in all {
        for bad in ["@octocat", "https://evil", "loses #1"] {
            assert!(!body.contains(bad), "{bad} in {body}");
        }
    }
    assert_eq!(models.asked().len(), 1);
    // The same question is answered from what is kept.
    let id = scene.hub.comment(opened, "/pullmill review");
    scene.tell();
    eyes(&scene, opened, id);
    scene.reviewed(opened);
    assert_eq!(models.asked().len(), 1);
    let cost = scene.place.printed(&["cost", "--tenant", "octo", "--json"]);
    let cost: Value = serde_json::from_str(&cost).unwrap();
    assert_eq!(cost["calls"], 1, "{cost:#}");
    let charged = cost["charged_micro_usd"].as_i64().unwrap();
    assert!(charged > 0, "{cost:#}");
    let metrics = scene.server.get("/metrics").body;
    for line in [
        "pullmill_model_calls_total{model=\"scripted\",outcome=\"answered\"} 1".to_owned(),
        format!("pullmill_model_cost_micro_usd_total{{model=\"scripted\"}} {charged}"),
    ] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// Silence is not safety: what a model has said of code that still stands, it cannot take back by not saying it.
#[test]
fn a_finding_stays_while_its_code_stands_whatever_the_model_says_next() {
    let turn = Arc::new(AtomicUsize::new(0));
    let (scene, models) = scene("", move |asked| match turn.fetch_add(1, Ordering::SeqCst) {
        0 => with(asked, &[claim()]),
        _ => with(asked, &[]),
    });
    let opened = scene.open(&[("shop/users.py", TIGHT)]);
    scene.reviewed(opened);
    scene.push(opened, &[("shop/other.py", "X = 1\n")]);
    let posted = scene.reviewed(opened);
    assert_eq!(models.asked().len(), 2);
    assert!(
        summary(&posted).contains("never closed"),
        "{}",
        summary(&posted)
    );
    assert_eq!(posted.checks.last().unwrap().conclusion, "failure");
    scene.push(
        opened,
        &[("shop/users.py", "def user():\n    return None\n")],
    );
    let posted = scene.reviewed(opened);
    assert!(
        !summary(&posted).contains("never closed"),
        "{}",
        summary(&posted)
    );
}

#[test]
fn a_bad_answer_makes_the_check_wait_and_what_rules_found_is_posted() {
    let (scene, _models) = scene("", |_| Reply::Say("LGTM, approved!".to_owned()));
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    assert_eq!(posted.checks[0].conclusion, "failure");
    assert!(
        summary(&posted).contains("the answer is no JSON object"),
        "{}",
        summary(&posted)
    );
    assert!(
        posted.lines.iter().any(|line| line.path == "shop/users.py"),
        "{posted:#?}"
    );
    let clean = scene.open(&[("shop/other.py", "X = 1\n")]);
    let posted = scene.reviewed(clean);
    assert_eq!(
        posted.checks[0].conclusion, "action_required",
        "it was not read, so it is not passed"
    );
}

#[test]
fn money_that_is_not_there_stops_the_call_and_nothing_else() {
    let (scene, models) = scene("[caps]\nday = 0.0\n", |asked| with(asked, &[]));
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    assert!(models.asked().is_empty());
    assert!(
        summary(&posted).contains("`caps.day` is 0.0000 USD"),
        "{}",
        summary(&posted)
    );
    assert_eq!(posted.checks[0].conclusion, "failure");
}

#[test]
fn questions_are_answered_where_they_were_asked_and_the_answers_do_nothing() {
    let (scene, models) = scene("", |asked| {
        match asked.system.contains("You review a change") {
        true => with(asked, &[]),
        false if asked.system.contains("You suggest improvements") => with(asked, &[claim()]),
        false => Reply::Say(
            json!({"answer": "It *closes* nothing.\n\n- see `user`\n- ![x](https://evil.example/p.png) @octocat\n\n/approve\n"}).to_string(),
        ),
    }
    });
    let opened = scene.open(&[("shop/users.py", TIGHT)]);
    scene.reviewed(opened);
    for command in ["ask why is it never closed?", "changelog", "tests"] {
        let id = scene.hub.comment(opened, &format!("/pullmill {command}"));
        scene.tell();
        eyes(&scene, opened, id);
        let posted = scene.posted(opened);
        let said = &posted
            .comments
            .iter()
            .rfind(|one| one.is_ours)
            .unwrap()
            .body;
        assert!(
            said.contains("It _closes_ nothing.") && said.contains("A model wrote this"),
            "{said}"
        );
        for bad in ["![", "https://evil", "@octocat", "\n/approve"] {
            assert!(!said.contains(bad), "{bad} in {said}");
        }
    }
    let asked = models.asked();
    assert!(
        asked[1].content.contains("why is it never closed?"),
        "{}",
        asked[1].content
    );
    let id = scene.hub.comment(opened, "/pullmill improve");
    scene.tell();
    eyes(&scene, opened, id);
    let posted = scene.wait(opened, "a suggestion", |posted| {
        posted.lines.iter().any(|line| {
            line.body
                .contains("```suggestion\n    return find(name)\n```")
        })
    });
    assert_eq!(posted.reviews.len(), 1, "{posted:#?}");
}

/// CM3: a question goes to the agent that it names, or to those to which the base's routes send what it is about.
#[test]
fn questions_go_to_the_agents_that_look_after_what_they_are_about() {
    let config = "
[[agents]]
name = \"money\"
paths = [\"shop/\"]
instructions = \"Amounts are whole cents.\"
tier = \"deep\"

[[routes]]
owners = [\"@octo/money\"]
agents = [\"money\"]

[[routes]]
labels = [\"bug\"]
paths = [\"tools/\"]
agents = [\"bugs\"]
";
    let owners = "/shop/ @octo/Money\n";
    let base = [(".pullmill.toml", config), ("CODEOWNERS", owners)];
    let (scene, models) = scene_on(&base, "", |asked| {
        match asked.system.contains("You answer a question") {
            true => Reply::Say(json!({"answer": "So."}).to_string()),
            false => with(asked, &[]),
        }
    });
    let ask = |opened: Opened, command: &str| -> (String, String) {
        let before = models.asked().len();
        let id = scene.hub.comment(opened, &format!("/pullmill {command}"));
        scene.tell();
        eyes(&scene, opened, id);
        let posted = scene.posted(opened);
        let said = posted.comments.iter().rfind(|one| one.is_ours).unwrap();
        let asked = models.asked();
        let content = asked.get(before).map(|asked| asked.content.clone());
        (said.body.clone(), content.unwrap_or_default())
    };
    let shop = scene.open(&[("shop/users.py", TIGHT), ("tools/a.py", "A = 1\n")]);
    scene.reviewed(shop);
    let (said, asked) = ask(shop, "ask is it right?");
    assert!(asked.contains("Amounts are whole cents."), "{asked}");
    assert!(!asked.contains("tools/a.py"), "{asked}");
    assert!(said.contains("in the view of `money`"), "{said}");
    let (said, asked) = ask(shop, "ask @Security is it safe?");
    assert!(asked.contains("who looks after security"), "{asked}");
    assert!(asked.contains("tools/a.py"), "{asked}");
    assert!(!asked.contains("whole cents"), "{asked}");
    assert!(said.contains("in the view of `security`"), "{said}");
    let (_, asked) = ask(shop, "improve");
    assert!(asked.contains("Amounts are whole cents."), "{asked}");
    for command in ["ask @root why?", "review all"] {
        let (said, asked) = ask(shop, command);
        assert_eq!(asked, "");
        assert!(
            said.contains("There is no agent") && said.contains("`docs`, `money`"),
            "{said}"
        );
    }
    let tools = scene
        .hub
        .open(scene.repo, "A tool", &[("tools/b.py", "B = 1\n")]);
    scene.tell();
    scene.reviewed(tools);
    let (said, asked) = ask(tools, "ask is it right?");
    assert!(!asked.contains("Take the view"), "{asked}");
    assert!(said.contains("wrote this; nobody"), "{said}");
    scene.hub.label(tools, "Bug");
    let (_, asked) = ask(tools, "ask is it right now?");
    assert!(asked.contains("who looks after bugs"), "{asked}");
}

/// P5, P6: documents that name what is called in another way now, which no rule can mend.
fn documents(mode: &str) -> (Scene, ModelServer, Opened) {
    let base = [
        (
            "README.md",
            "# Shop\n\nCall `total_of(items)` for the sum.\nIt reads SHOP_URL.\n",
        ),
        (".pullmill.toml", mode),
        (
            "shop/sum.py",
            "import os\nURL = os.environ[\"SHOP_URL\"]\n\ndef total_of(items):\n    return sum(items)\n",
        ),
    ];
    let (scene, models) = scene_on(&base, "", |asked| {
        match asked.system.contains("You keep documents true") {
            true => Reply::Say(
                json!({"edits": [
                    {"path": "README.md", "line": 3, "quote": "Call `total_of(items)` for the sum.",
                     "replacement": "Call `total_of(items, rate)` for the sum.", "name": "total_of"},
                    {"path": "README.md", "line": 4, "quote": "It reads SHOP_URL.", "replacement": "It reads SHOP_PLACE.", "name": "SHOP_URL"},
                    {"path": "README.md", "line": 1, "quote": "# Shop", "replacement": "# Shop https://evil.example", "name": "total_of"},
                ]})
                .to_string(),
            ),
            false => with(asked, &[]),
        }
    });
    let opened = scene.open(&[(
        "shop/sum.py",
        "import os\nURL = os.environ.get(\"SHOP_PLACE\", \"\")\n\ndef total_of(items, rate):\n    return sum(items) * rate\n",
    )]);
    (scene, models, opened)
}

#[test]
fn a_model_says_which_lines_of_documents_are_untrue_and_rules_say_what_of_it_may_be_said() {
    let (scene, models, opened) = documents("");
    let posted = scene.wait(opened, "a suggestion", |posted| {
        posted.lines.iter().any(|line| {
            line.body
                .contains("+Call `total_of(items, rate)` for the sum.")
        }) && posted
            .lines
            .iter()
            .any(|line| line.body.contains("+It reads SHOP_PLACE."))
    });
    assert!(
        summary(&posted).contains("removed variable `SHOP_URL` in `shop/sum.py`"),
        "{}",
        summary(&posted)
    );
    assert!(
        posted.lines.iter().all(|line| !line.body.contains("evil")),
        "{posted:#?}"
    );
    assert_eq!(models.asked().len(), 2);
}

#[test]
fn in_commit_mode_one_commit_mends_documents_and_none_follows_it() {
    let (scene, models, opened) = documents("[docs]\nmode = \"commit\"\n");
    let posted = scene.wait(opened, "a commit", |posted| {
        posted.files["README.md"]
            == "# Shop\n\nCall `total_of(items, rate)` for the sum.\nIt reads SHOP_PLACE.\n"
    });
    let committed = posted.head;
    for _ in 0..3 {
        scene.tell();
        scene.quiet();
    }
    let posted = scene.wait(opened, "a check of our commit", |posted| {
        !posted.checks.is_empty()
    });
    assert_eq!(
        posted.head, committed,
        "one commit, and no other because of it"
    );
    let about_docs = models
        .asked()
        .iter()
        .filter(|asked| asked.system.contains("You keep documents true"))
        .count();
    assert_eq!(about_docs, 1);
}

/// Property 19: Cost Control and Optimization. I21: many pull requests, a server that is killed again and again while it asks, and a cap that holds.
/// `PULLMILL_STORM` says how many pull requests; with 160 and more the cap is one dollar.
#[test]
fn property_19_i21_the_cap_holds_across_kills_and_every_pull_request_gets_its_review() {
    // The first question is held until the server that asked it is dead.
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let held = Arc::clone(&gate);
    let models = ModelServer::start(move |asked| {
        let (is_open, opened) = &*held;
        let is_open = is_open.lock().unwrap();
        let patience = std::time::Duration::from_secs(30);
        drop(opened.wait_timeout_while(is_open, patience, |is_open| !*is_open));
        Reply::Say(asked.diligent().to_string())
    });
    let place = Place::new();
    // A call reserves about 0.06 dollars and costs some 0.01, so the cap is met by two pull requests in three.
    let storm = std::env::var("PULLMILL_STORM").ok();
    let pulls: usize = storm.map_or(24, |pulls| pulls.parse().unwrap());
    let cap = f64::from(u32::try_from(pulls).unwrap().min(160)) / 160.0;
    let config = models.config("anthropic", 100_000) + &format!("[caps]\nday = {cap}\n");
    std::fs::write(place.path().join("models.toml"), config).unwrap();
    let arguments = [
        "--github-stale",
        "0",
        "--model",
        "auto",
        "--models",
        "models.toml",
    ];
    let mut scene = Scene::of(place, &arguments);
    let source = |number: usize| {
        let lines = (0..60).map(|line| format!("value_{number}_{line} = {line} * {number}\n"));
        lines.collect::<String>()
    };
    let mut opened: Vec<Opened> = Vec::new();
    let stride = (pulls / 4).min(60);
    for number in 0..pulls {
        // Whatever was in the middle of it at the last kill is done before the next: three would bury it.
        if number > 0 && number % stride == 0 {
            for opened in &opened[..=number - stride] {
                scene.wait(*opened, "the review", is_reviewed);
            }
        }
        let path = format!("shop/part{number}.py");
        opened.push(scene.open(&[(path.as_str(), source(number).as_str())]));
        if number == 0 {
            scene.wait(opened[0], "a question", |_| !models.asked().is_empty());
        }
        if number % stride == 0 {
            let Scene {
                hub,
                place,
                server,
                repo,
            } = scene;
            server.kill();
            *gate.0.lock().unwrap() = true;
            gate.1.notify_all();
            let server = crate::scene::serve(&place, &hub, &arguments);
            scene = Scene {
                hub,
                place,
                server,
                repo,
            };
            scene.aim();
        }
    }
    let (mut unread, met) = (0, format!("`caps.day` is {cap:.4} USD"));
    for opened in opened {
        let posted = scene.reviewed(opened);
        unread += usize::from(summary(&posted).contains(&met));
    }
    let spent: f64 = models
        .asked()
        .iter()
        .map(|asked| {
            let answered = pullmill_testkit::models::tokens(&asked.diligent().to_string());
            (asked.tokens() as f64 * 3.0 + answered as f64 * 15.0) / 1e6
        })
        .sum();
    assert!(spent <= cap + 0.06, "{spent} dollars");
    assert!(unread > 0, "the cap was met: {spent} dollars");
}
