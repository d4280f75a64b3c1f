//! Every kind of effect meets every way in which a request can go wrong, and is there once in the end.

use std::time::Duration;

use pullmill_fakehub::{Fault, Trouble, Write};

use crate::docs;
use crate::program::Place;
use crate::scene::{self, LEAKY, Scene, TIGHT, assert_once};

/// How often each pair is tried; `PULLMILL_OUTCOMES` asks for more.
fn times() -> u32 {
    std::env::var("PULLMILL_OUTCOMES").map_or(10, |text| text.parse().unwrap())
}

/// A pull request's life in which one kind of write goes wrong in one way.
fn live(scene: &Scene, write: Write, trouble: &Trouble, times: u32) {
    let fault = Fault {
        write,
        trouble: trouble.clone(),
        times,
    };
    if write == Write::Commit {
        return docs::live(scene, &fault);
    }
    if write != Write::Thread {
        scene.hub.fail(fault.clone());
    }
    // Equal texts would be equal commits, which have their check already.
    let number = scene.hub.deliveries().len();
    let opened = scene.open(&[("shop/users.py", &format!("n = {number}\n{LEAKY}"))]);
    scene.reviewed(opened);
    if write == Write::Thread {
        scene.hub.fail(fault);
    }
    scene.push(
        opened,
        &[("shop/users.py", &format!("n = {number}\n{TIGHT}"))],
    );
    scene.wait(opened, "settling", |posted| {
        posted.lines.iter().all(|line| line.is_resolved)
    });
    scene.reviewed(opened);
    assert!(
        scene.hub.has_failed(),
        "{write:?} {trouble:?} did not happen"
    );
    let posted = assert_once(scene, opened);
    assert_eq!(
        (posted.reviews.len(), posted.lines.len()),
        (1, 1),
        "{write:?} {trouble:?}"
    );
}

fn every_write(place: Place, troubles: &[Trouble], times: u32) {
    let scene = Scene::of(place, &["--github-stale", "0"]);
    for write in Write::ALL {
        for trouble in troubles {
            for _ in 0..times {
                live(&scene, write, trouble, 1);
            }
        }
    }
}

#[test]
fn cut_connections_and_lying_answers_double_nothing() {
    let troubles = [Trouble::Reset, Trouble::DoneAndReset, Trouble::DoneAnd502];
    every_write(Place::new(), &troubles, times());
}

#[test]
fn errors_and_lost_tokens_lose_nothing() {
    let troubles = [Trouble::Error(500), Trouble::Error(503), Trouble::TokenEnds];
    every_write(Place::new(), &troubles, times());
}

#[test]
fn limits_are_waited_out() {
    let troubles = [
        Trouble::Limited(403, Some(1)),
        Trouble::Limited(429, Some(1)),
    ];
    every_write(Place::new(), &troubles, 1 + times() / 10);
}

#[test]
fn an_answer_that_never_ends_is_not_waited_for() {
    every_write(Place::new(), &[Trouble::DoneAndSlow], 1);
}

#[test]
fn a_burst_of_errors_is_outlived() {
    let scene = Scene::new();
    for write in Write::ALL {
        live(&scene, write, &Trouble::Error(502), 3);
    }
}

/// Lists do not show for two seconds what was made; whoever asked once and believed it would post twice.
#[test]
fn stale_lists_double_nothing() {
    let scene = Scene::of(Place::new(), &["--github-stale", "4"]);
    scene.hub.set_stale(Duration::from_secs(2));
    for write in [Write::Comment, Write::Review, Write::Check] {
        for trouble in [Trouble::DoneAndReset, Trouble::DoneAnd502] {
            let text = format!("w = '{write:?} {trouble:?}'\n{LEAKY}");
            scene.hub.fail(Fault {
                write,
                trouble,
                times: 1,
            });
            let opened = scene.open(&[("shop/users.py", &text)]);
            scene.reviewed(opened);
            assert_once(&scene, opened);
        }
    }
}

/// The control: who does not wait until it is sure posts twice.
#[test]
fn without_waiting_stale_lists_do_double_something() {
    let scene = Scene::new();
    scene.hub.set_stale(Duration::from_secs(60));
    let (write, trouble) = (Write::Comment, Trouble::DoneAndReset);
    scene.hub.fail(Fault {
        write,
        trouble,
        times: 1,
    });
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.wait(opened, "a second summary", |posted| {
        posted.comments.len() == 2
    });
    assert!(posted.comments.iter().all(|comment| comment.is_ours));
    // And when lists are true again, the next look takes the extra one back.
    scene.hub.set_stale(Duration::ZERO);
    scene.push(opened, &[("shop/more.py", "z = 3\n")]);
    scene.reviewed(opened);
    assert_once(&scene, opened);
}

#[test]
fn a_github_that_is_away_is_waited_for() {
    let scene = Scene::new();
    scene.hub.set_open(false);
    let opened = scene
        .hub
        .open(scene.repo, "A change", &[("shop/users.py", LEAKY)]);
    assert_eq!(scene.hub.deliver(0), 202);
    let executions = || scene.server.get("/api/executions?tenant=octo").body;
    let deadline = std::time::Instant::now() + crate::program::PATIENCE;
    while !executions().contains("pr-review") {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
    scene.hub.set_open(true);
    scene.reviewed(opened);
    assert_once(&scene, opened);
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgres_too() {
    let troubles = [
        Trouble::Reset,
        Trouble::DoneAndReset,
        Trouble::DoneAnd502,
        Trouble::TokenEnds,
    ];
    every_write(Place::postgres(), &troubles, 1 + times() / 5);
}

#[cfg(feature = "aws")]
#[test]
fn on_a_table_too() {
    every_write(Place::aws(), &[Trouble::DoneAndReset], 1);
}

/// IN7, I31: nobody was there for a while; GitHub does not try again by itself, so we ask it to.
#[test]
fn webhooks_that_nobody_took_are_recovered_once() {
    let scene = Scene::new();
    // The server is gone.
    let Scene {
        hub,
        place,
        server,
        repo,
    } = scene;
    server.kill();
    let opened: Vec<_> = (0..120)
        .map(|number| {
            let text = format!("n = {number}\n{TIGHT}");
            hub.open(repo, "A change", &[("shop/users.py", &text)])
        })
        .collect();
    assert!(hub.deliver_all().iter().all(|status| *status == 0));
    let more = ["--github-stale", "0", "--github-reconcile", "1"];
    let scene = Scene {
        server: scene::serve(&place, &hub, &more),
        hub,
        place,
        repo,
    };
    scene.aim();
    for opened in &opened {
        scene.wait(*opened, "the review", scene::is_reviewed);
        assert_once(&scene, *opened);
    }
    for delivery in scene.hub.deliveries().iter().take(opened.len()) {
        let good = delivery.answers.iter().filter(|answer| **answer == 202);
        assert_eq!(good.count(), 1, "{delivery:?}");
    }
}

/// I7: what was posted twice, because lists lagged for longer than anybody waited, is looked for once more, and the newer one is taken back.
#[test]
fn what_is_there_twice_is_taken_back() {
    for write in [Write::Comment, Write::Review, Write::Check] {
        let scene = Scene::of(Place::new(), &["--github-stale", "3"]);
        scene.hub.set_stale(Duration::from_secs(60));
        scene.hub.fail(Fault {
            write,
            trouble: Trouble::DoneAndReset,
            times: 1,
        });
        let opened = scene.open(&[("shop/users.py", LEAKY)]);
        scene.wait(opened, "a second one", |posted| match write {
            Write::Comment => posted.comments.len() == 2,
            Write::Review => posted.reviews.len() == 2,
            _ => posted.checks.len() == 2,
        });
        scene.hub.set_stale(Duration::ZERO);
        let posted = scene.wait(opened, "one less", |posted| match write {
            Write::Comment => posted.comments.len() == 1,
            Write::Review => posted
                .reviews
                .iter()
                .any(|one| one.body.contains("posted twice")),
            _ => posted
                .checks
                .iter()
                .any(|one| one.external_id == "retracted"),
        });
        assert_eq!(posted.lines.len(), 1, "{write:?}: {posted:#?}");
        // The older one stays, and an extra check does not turn green.
        assert!(
            !posted.reviews[0].body.contains("posted twice"),
            "{posted:#?}"
        );
        assert_ne!(posted.checks[0].external_id, "retracted");
        assert!(posted.checks.iter().all(|one| one.conclusion == "failure"));
    }
}
