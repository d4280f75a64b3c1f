//! A pull request's life, with the server killed at every call that makes something durable or speaks to somebody.

use std::process::Command;

use pullmill_fakehub::{Hub, Opened, Posted};

use super::{crash_every, end, end_leases, has_strace, traced};
use crate::documents::{COMMIT, assert_mended, base, renamed};
use crate::program::{Place, Server};
use crate::scene::{LEAKY, Scene, TIGHT, assert_once, is_reviewed, serving};

/// Nobody is there who could still be sending, so nothing is waited for.
const MORE: [&str; 2] = ["--github-stale", "0"];

/// A server that may die at any time, and another one after it.
struct Life {
    scene: Scene,
    /// Whether the first server has died.
    is_over: bool,
}

impl Life {
    fn begin(place: Place, base: &[(&str, &str)], call: &str, number: u32) -> Self {
        let hub = Hub::start().unwrap();
        let repo = hub.make_repo("octo/shop", base);
        // In a store that was used before.
        place.serve(&[]).kill();
        end_leases(&place);
        let fault = format!("signal=SIGKILL:when={number}");
        let mut plain = serving(&place, &hub, &MORE);
        // Calls are counted per thread: with one worker all that speaks to somebody is counted together.
        plain.env("TOKIO_WORKER_THREADS", "1");
        let command = traced(&place, &plain, call, &fault);
        let (server, is_over) = match Server::try_start(command) {
            Ok(server) => (server, false),
            // It died while it started.
            Err(_) => (restart(&place, &hub), true),
        };
        let scene = Scene {
            hub,
            place,
            server,
            repo,
        };
        scene.aim();
        Self { scene, is_over }
    }

    /// Sends webhooks until all are taken, and waits until something holds, however often the server dies.
    fn go_on(&mut self, opened: Opened, holds: impl Fn(&Posted) -> bool) {
        let deadline = std::time::Instant::now() + crate::program::PATIENCE;
        loop {
            let is_taken = self
                .scene
                .hub
                .deliver_all()
                .iter()
                .all(|status| matches!(status, 200 | 202));
            if is_taken && holds(&self.scene.posted(opened)) {
                return;
            }
            if !self.is_over && self.scene.server.child.try_wait().unwrap().is_some() {
                self.is_over = true;
                self.scene.server = restart(&self.scene.place, &self.scene.hub);
                self.scene.aim();
            }
            let posted = self.scene.posted(opened);
            assert!(
                std::time::Instant::now() < deadline,
                "it does not go on: {posted:#?}"
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Ends the first server if it never died; says whether it did.
    fn end(mut self) -> bool {
        if !self.is_over && self.scene.server.child.try_wait().unwrap().is_none() {
            end(self.scene.server);
            return false;
        }
        if !self.is_over {
            // It died when all was done.
            self.is_over = true;
        }
        true
    }
}

fn restart(place: &Place, hub: &Hub) -> Server {
    end_leases(place);
    let command: Command = serving(place, hub, &MORE);
    Server::start(command)
}

/// Says whether the server died.
fn live(place: Place, call: &str, number: u32) -> bool {
    let mut life = Life::begin(place, &[("README.md", "# Shop\n")], call, number);
    let opened = life
        .scene
        .hub
        .open(life.scene.repo, "A change", &[("shop/users.py", LEAKY)]);
    life.go_on(opened, |posted| {
        is_reviewed(posted) && posted.lines.len() == 1
    });
    life.scene.hub.push(opened, &[("shop/users.py", TIGHT)]);
    life.go_on(opened, |posted| {
        is_reviewed(posted) && posted.lines.iter().all(|line| line.is_resolved)
    });
    // The same state as of a life that nothing disturbs.
    let posted = assert_once(&life.scene, opened);
    assert_eq!(
        (posted.reviews.len(), posted.lines.len()),
        (1, 1),
        "{call} {number}"
    );
    assert_eq!(posted.checks[0].conclusion, "success", "{call} {number}");
    assert_eq!(
        life.scene.hub.checks(life.scene.repo).len(),
        2,
        "{call} {number}"
    );
    life.end()
}

/// The same for a rename whose documents are mended by a commit; says whether the server died.
fn live_with_documents(place: Place, call: &str, number: u32) -> bool {
    let mut life = Life::begin(place, &base(COMMIT), call, number);
    let text = renamed("read_config");
    let opened = life
        .scene
        .hub
        .open(life.scene.repo, "A change", &[("shop/config.py", &text)]);
    life.go_on(opened, |posted| {
        posted.history.len() > 2 && !posted.checks.is_empty()
    });
    let posted = life.scene.posted(opened);
    assert_mended(&posted);
    assert_eq!(posted.history.len(), 3, "{call} {number}: {posted:#?}");
    assert_eq!(posted.checks.len(), 1, "{call} {number}: {posted:#?}");
    let ours = posted.comments.iter().filter(|comment| comment.is_ours);
    assert_eq!(ours.count(), 1, "{call} {number}: {posted:#?}");
    life.end()
}

fn kill_at_every(open: fn() -> Place, live: fn(Place, &str, u32) -> bool, calls: &[(&str, u32)]) {
    for (call, step) in calls {
        let mut number = 1;
        while number < 200 && live(open(), call, number) {
            number += step;
        }
        println!("{call}: {} points", number - 1);
    }
}

#[test]
fn a_pull_request_survives_every_crash_point() {
    if !has_strace() {
        return;
    }
    let quick = ["fdatasync", "connect", "sendto", "writev"].map(|call| (call, 1));
    let calls = [&quick[..], &[("pwrite64", crash_every() * 8)]].concat();
    kill_at_every(Place::new, live, &calls);
}

/// S0 P5 under kills: the commit is there once, whatever was made of it before.
#[test]
fn a_commit_of_documents_survives_every_crash_point() {
    if has_strace() {
        let calls = ["fdatasync", "connect", "sendto", "writev"].map(|call| (call, 2));
        kill_at_every(Place::new, live_with_documents, &calls);
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_pull_request_survives_crash_points_on_postgres() {
    if has_strace() {
        let step = crash_every();
        kill_at_every(
            Place::postgres,
            live,
            &[("connect", step), ("sendto", step * 2), ("writev", step)],
        );
    }
}

#[cfg(feature = "aws")]
#[test]
fn a_pull_request_survives_some_crash_points_on_a_table() {
    if has_strace() {
        kill_at_every(Place::aws, live, &[("writev", crash_every() * 25)]);
    }
}
