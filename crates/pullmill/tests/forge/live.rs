//! The one test that leaves this machine, for those who ask for it: a pull request of a real organisation. `docs/github-app.md` says how.

use std::time::{Duration, Instant};

use pullmill_fakehub::INSTALLATION;
use serde_json::json;

use crate::program::{Place, Server};
use crate::scene::Scene;

const NAMES: [&str; 7] = [
    "APP",
    "KEY_FILE",
    "INSTALLATION",
    "REPO_ID",
    "PULL",
    "REPO",
    "HEAD",
];
/// Writes are paced there, and nothing hurries.
const PATIENCE: Duration = Duration::from_secs(300);

/// An open pull request.
struct Opened<'a> {
    installation: u64,
    repo_id: u64,
    number: u64,
    repo: &'a str,
    head: &'a str,
}

/// Tells a server of it twice, and waits until one summary and one check are confirmed.
fn review(server: &Server, opened: &Opened<'_>) {
    let (owner, name) = opened.repo.split_once('/').unwrap();
    for turn in ["live-1", "live-2"] {
        let body = json!({
            "action": "synchronize", "number": opened.number,
            "pull_request": {
                "number": opened.number, "updated_at": "2026-01-01T00:00:00Z", "head": {"sha": opened.head},
            },
            "repository": {
                "id": opened.repo_id, "name": name, "full_name": opened.repo, "owner": {"login": owner},
            },
            "installation": {"id": opened.installation}, "sender": {"id": 1, "login": owner},
        });
        let sent = server.deliver(turn, "pull_request", body.to_string().as_bytes());
        assert!(matches!(sent.status, 200 | 202), "{}", sent.body);
    }
    let tenant = owner.to_ascii_lowercase();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let listed = server
            .get(&format!("/api/executions?tenant={tenant}"))
            .json();
        let mut confirmed = Vec::new();
        for execution in listed["executions"].as_array().unwrap() {
            let id = execution["id"].as_str().unwrap();
            let path = format!("/api/executions/{id}/events?tenant={tenant}");
            let answer = server.get(&path).json();
            let events = answer["events"].as_array().unwrap().iter();
            let done = events.filter(|event| event["type"] == "effect.confirmed");
            confirmed.extend(done.map(|event| event["data"]["kind"].clone()));
        }
        let count = |kind: &str| {
            let of_kind = confirmed.iter().filter(|one| one.as_str() == Some(kind));
            of_kind.count()
        };
        assert!(
            count("summary") <= 1 && count("check") <= 1,
            "{confirmed:?}"
        );
        if count("summary") == 1 && count("check") == 1 {
            return;
        }
        assert!(Instant::now() < deadline, "{listed:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn live_a_real_pull_request_gets_one_summary_and_one_check() {
    let read = |name: &&str| std::env::var(format!("PULLMILL_LIVE_{name}")).ok();
    let values: Vec<String> = NAMES.iter().filter_map(read).collect();
    let [app, key, installation, repo_id, pull, repo, head] = values.as_slice() else {
        eprintln!("skipped: PULLMILL_LIVE_APP and six others are not set");
        return;
    };
    let place = Place::new();
    let server = Server::start(place.serving(&["--github-app", app, "--github-key-file", key]));
    let number = |text: &String| text.parse().unwrap();
    let opened = Opened {
        installation: number(installation),
        repo_id: number(repo_id),
        number: number(pull),
        repo,
        head,
    };
    review(&server, &opened);
}

/// The same on the fake GitHub, so that it is known to work before anybody asks for it.
#[test]
fn the_live_test_holds_on_the_fake_github() {
    let scene = Scene::new();
    let opened = scene
        .hub
        .open(scene.repo, "A change", &[("a.py", "x = 1\n")]);
    let head = scene.posted(opened).head;
    let opened = Opened {
        installation: INSTALLATION,
        repo_id: scene.repo,
        number: opened.number,
        repo: "octo/shop",
        head: &head,
    };
    review(&scene.server, &opened);
}
