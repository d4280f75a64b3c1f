//! A server, a GitHub that fits into a test, and pull requests on it.

use std::time::{Duration, Instant};

use pullmill_fakehub::{APP, APP_KEY, Asked, Hub, Opened, Posted};

use crate::program::{PATIENCE, Place, Server, secrets};

/// A request parameter becomes part of a statement: one finding.
pub const LEAKY: &str = "import sqlite3
from flask import Flask, request

app = Flask(__name__)


@app.route(\"/user\")
def user():
    name = request.args[\"name\"]
    return sqlite3.connect(\"a.db\").execute(f\"SELECT * FROM users WHERE name = '{name}'\").fetchall()
";
/// The same, mended.
pub const TIGHT: &str = "import sqlite3
from flask import Flask, request

app = Flask(__name__)


@app.route(\"/user\")
def user():
    name = request.args[\"name\"]
    return sqlite3.connect(\"a.db\").execute(\"SELECT * FROM users WHERE name = ?\", (name,)).fetchall()
";

pub struct Scene {
    pub hub: Hub,
    pub place: Place,
    pub server: Server,
    pub repo: u64,
}

impl Scene {
    pub fn new() -> Self {
        Self::of(Place::new(), &["--github-stale", "0"])
    }

    /// With a server that gets more arguments.
    pub fn of(place: Place, more: &[&str]) -> Self {
        Self::with_base(place, more, &[("README.md", "# Shop\n")])
    }

    pub fn with_base(place: Place, more: &[&str], base: &[(&str, &str)]) -> Self {
        let hub = Hub::start().unwrap();
        let repo = hub.make_repo("octo/shop", base);
        let server = serve(&place, &hub, more);
        let scene = Self {
            hub,
            place,
            server,
            repo,
        };
        scene.aim();
        scene
    }

    /// Has webhooks sent to the server.
    pub fn aim(&self) {
        let url = format!("http://{}/webhook", self.server.address);
        self.hub.send_webhooks_to(&url, secrets());
    }

    /// Opens a pull request and has it told.
    pub fn open(&self, files: &[(&str, &str)]) -> Opened {
        let opened = self.hub.open(self.repo, "A change", files);
        self.tell();
        opened
    }

    pub fn push(&self, opened: Opened, files: &[(&str, &str)]) {
        self.hub.push(opened, files);
        self.tell();
    }

    /// Sends the webhooks that were not taken yet.
    pub fn tell(&self) {
        for status in self.hub.deliver_all() {
            assert!(
                matches!(status, 200 | 202),
                "a webhook was answered with {status}"
            );
        }
    }

    pub fn posted(&self, opened: Opened) -> Posted {
        self.hub.posted(opened).unwrap()
    }

    /// Waits until something holds of what was posted.
    pub fn wait(&self, opened: Opened, what: &str, holds: impl Fn(&Posted) -> bool) -> Posted {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let posted = self.posted(opened);
            if holds(&posted) {
                return posted;
            }
            assert!(
                Instant::now() < deadline,
                "{what} does not come: {posted:#?}\n{:#?}",
                self.hub.asked()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the present head is reviewed and nothing more is to be sent.
    pub fn reviewed(&self, opened: Opened) -> Posted {
        self.wait(opened, "the review", is_reviewed);
        self.quiet();
        self.posted(opened)
    }

    /// Waits until nothing is due or held any more. Queues are counted one after the other while work moves on, so they are counted twice.
    pub fn quiet(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut calm = 0;
        while calm < 2 {
            calm = if self.is_quiet() { calm + 1 } else { 0 };
            assert!(Instant::now() < deadline, "it is never quiet");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_quiet(&self) -> bool {
        let answer = self.server.at_last(|server| server.get("/api/queues"));
        let answer = answer.json();
        let queues = answer["queues"].as_array().unwrap();
        queues.iter().all(|queue| {
            let count = |field: &str| queue[field].as_u64().unwrap_or(0);
            // Timers wait for hours.
            let is_timer = queue["queue"] == "timer";
            count("ready") + count("leased") == 0 && (is_timer || count("delayed") == 0)
        })
    }

    /// The requests since they were last forgotten, without those for tokens.
    pub fn asked(&self) -> Vec<Asked> {
        let mut asked = self.hub.asked();
        asked.retain(|one| !one.path.starts_with("/app"));
        asked
    }
}

pub fn serve(place: &Place, hub: &Hub, more: &[&str]) -> Server {
    Server::start(serving(place, hub, more))
}

pub fn serving(place: &Place, hub: &Hub, more: &[&str]) -> std::process::Command {
    std::fs::write(place.path().join("app.pem"), APP_KEY).unwrap();
    let (app, api) = (APP.to_string(), hub.api());
    let mut arguments = vec!["--github-app", &app, "--github-key-file", "app.pem"];
    arguments.extend(["--github-api", &api, "--github-pacing", "off"]);
    if !more.contains(&"--github-reconcile") {
        arguments.extend(["--github-reconcile", "0"]);
    }
    arguments.extend(more);
    place.serving(&arguments)
}

pub fn is_reviewed(posted: &Posted) -> bool {
    let speaks = |body: &str| body.contains(&format!("Reviewed at {}", posted.head));
    !posted.checks.is_empty() && posted.comments.iter().any(|comment| speaks(&comment.body))
}

/// Everything that is ours is there once: one summary, one review and one check for a head.
pub fn assert_once(scene: &Scene, opened: Opened) -> Posted {
    let posted = scene.posted(opened);
    let ours = posted
        .comments
        .iter()
        .filter(|comment| comment.is_ours)
        .count();
    assert_eq!(ours, 1, "{posted:#?}");
    assert_eq!(posted.checks.len(), 1, "{posted:#?}");
    let mut commits: Vec<&String> = posted.reviews.iter().map(|review| &review.commit).collect();
    commits.dedup();
    assert_eq!(commits.len(), posted.reviews.len(), "{posted:#?}");
    let mut places: Vec<_> = posted
        .lines
        .iter()
        .map(|line| (&line.path, line.line, &line.body))
        .collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), posted.lines.len(), "{posted:#?}");
    posted
}
