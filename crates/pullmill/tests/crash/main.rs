//! What only the real program can show: killed at any moment, on a disk that fails or is full, it loses nothing that it acknowledged and does nothing twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

#[path = "../forge/documents.rs"]
mod documents;
#[path = "../serve/program.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod program;
mod pulls;
#[path = "../forge/scene.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod scene;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pullmill_testkit::chance::Chance;
use serde_json::{Value, json};

use program::{Place, Server, ask, deliver, pull_request};

/// Kills of the ordinary run; `PULLMILL_KILLS` asks for more.
const KILLS: u64 = 50;
/// Clients at a time.
const CLIENTS: usize = 4;

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    deliveries: Mutex<BTreeSet<u64>>,
    reviews: Mutex<BTreeSet<String>>,
}

fn body(number: u64) -> Vec<u8> {
    pull_request("opened", number, &format!("head-{number}"))
}

fn send(address: SocketAddr, number: u64) -> std::io::Result<u16> {
    Ok(deliver(
        address,
        &format!("d-{number}"),
        "pull_request",
        &body(number),
    )?
    .status)
}

fn submit(address: SocketAddr, number: u64) -> std::io::Result<Option<String>> {
    let headers = [("content-type", "application/json")];
    let body = json!({"code": format!("x = {number}\n"), "filename": "a.py"}).to_string();
    let answer = ask(address, "POST", "/api/review", &headers, body.as_bytes())?;
    Ok((answer.status == 202).then(|| answer.json()["reviewId"].as_str().unwrap().to_owned()))
}

impl Acknowledged {
    /// Sends until the server is gone.
    fn send_until_it_dies(&self, address: SocketAddr, next: &AtomicU64) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            match send(address, number) {
                Ok(202) => drop(self.deliveries.lock().unwrap().insert(number)),
                Ok(503) => {}
                Ok(status) => panic!("delivery {number} was answered with {status}"),
                Err(_) => return,
            }
        }
    }

    /// Sends a few deliveries and a review; says whether all were answered.
    fn send_some(&self, address: SocketAddr, first: u64) -> bool {
        let mut is_answered = true;
        for number in first..first + 3 {
            match send(address, number) {
                Ok(202) => drop(self.deliveries.lock().unwrap().insert(number)),
                Ok(503) => {}
                Ok(status) => panic!("delivery {number} was answered with {status}"),
                Err(_) => is_answered = false,
            }
        }
        match submit(address, first) {
            Ok(id) => self.reviews.lock().unwrap().extend(id),
            Err(_) => is_answered = false,
        }
        is_answered
    }

    /// Everything is known, and every review was done once.
    fn check(&self, server: &Server) {
        for number in self.deliveries.lock().unwrap().iter() {
            // With another body, so that a question that is answered late and asked again cannot itself put there what was lost:
            // that would be "accepted", or "duplicate" the next time.
            let other = pull_request("opened", *number, "another head");
            let id = format!("d-{number}");
            let answer = server.at_last(|server| server.deliver(&id, "pull_request", &other));
            assert_eq!(
                (answer.status, answer.code()),
                (400, "body_mismatch".to_owned()),
                "delivery {number} was acknowledged and is lost"
            );
        }
        for id in self.reviews.lock().unwrap().iter() {
            let mut over = server.over(id);
            if over["reason"] == "poison" {
                // Its worker was killed three times in the middle of it: a dead letter, which an operator puts back.
                let path = format!("/api/executions/{id}/retry");
                let answer = server.at_last(|server| server.post(&path, &json!({})));
                assert_eq!(answer.status, 200, "{answer:?}");
                over = server.over(id);
            }
            assert_eq!(over["status"], "succeeded", "{over:#}");
            let answer =
                server.at_last(|server| server.get(&format!("/api/executions/{id}/events")));
            let events = answer.json()["events"].clone();
            let events = events.as_array().unwrap_or_else(|| panic!("{answer:?}"));
            let completed = |event: &&Value| event["type"] == "step.completed";
            assert_eq!(
                events.iter().filter(completed).count(),
                1,
                "{id} was done twice"
            );
            let numbers: Vec<u64> = events
                .iter()
                .filter_map(|event| event["seq"].as_u64())
                .collect();
            assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        }
    }
}

#[test]
fn random_kills_under_load_lose_nothing_and_double_nothing() {
    kill_under_load(&Place::new(), KILLS);
}

fn kill_under_load(place: &Place, kills: u64) {
    let kills = std::env::var("PULLMILL_KILLS").map_or(kills, |text| text.parse().unwrap());
    let acknowledged = Acknowledged::default();
    let next = AtomicU64::new(1);
    let mut chance = Chance::new(kills);
    for kill in 0..kills {
        let server = place.serve(&[]);
        let address = server.address;
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| acknowledged.send_until_it_dies(address, &next));
            }
            if let Ok(Some(id)) = submit(address, kill) {
                acknowledged.reviews.lock().unwrap().insert(id);
            }
            // The moment is chance's; nothing waits for it.
            std::thread::sleep(Duration::from_millis(chance.below(100) as u64));
            server.kill();
        });
        end_leases(place);
    }
    let server = place.serve(&[]);
    acknowledged.check(&server);
    let count = acknowledged.deliveries.lock().unwrap().len();
    assert!(count as u64 > kills, "only {count} were acknowledged");
    println!("{kills} kills, {count} deliveries acknowledged, none lost, none doubled");
}

/// Lets the leases of the dead run out at once, instead of after a minute; of those who live, too. A file's end when it is opened.
fn end_leases(place: &Place) {
    match place.store().split_once(':') {
        #[cfg(feature = "postgres")]
        Some(("postgres", _)) => {
            let sql = "UPDATE pullmill_record SET due = due - 60000 WHERE held IS NOT NULL AND queue IS NOT NULL";
            // A server that has just been killed may not be back yet.
            let _ = pullmill_testkit::postgres::query(place.store(), sql);
        }
        #[cfg(feature = "aws")]
        Some(("dynamodb", table)) => on_aws::end_leases(table),
        _ => {}
    }
}

fn has_strace() -> bool {
    let found = Command::new("strace")
        .arg("-V")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: there is no strace");
    }
    found
}

/// A server whose calls of a kind go wrong as `fault` says.
fn traced(place: &Place, plain: &Command, call: &str, fault: &str) -> Command {
    let mut command = Command::new("strace");
    command
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
        ])
        .args(["-e", &format!("inject={call}:{fault}")])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(place.path());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Ends a traced server for good; strace alone would leave it running.
fn end(mut server: Server) {
    let tracer = server.child.id();
    let path = format!("/proc/{tracer}/task/{tracer}/children");
    let traced = std::fs::read_to_string(path).unwrap_or_default();
    for pid in traced.split_whitespace() {
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
    let _ = server.child.wait();
}

/// Kills the server at the n-th call of a kind, in a store that was used before; says whether there was an n-th call.
fn kill_at(place: &Place, call: &str, number: u32) -> bool {
    let acknowledged = Acknowledged::default();
    let server = place.serve(&[]);
    acknowledged.send_some(server.address, 1);
    server.kill();
    end_leases(place);
    let fault = format!("signal=SIGKILL:when={number}");
    let command = traced(place, &place.serving(&[]), call, &fault);
    let Ok(mut server) = Server::try_start(command) else {
        // It died while it started.
        end_leases(place);
        acknowledged.check(&place.serve(&[]));
        return true;
    };
    let is_answered = acknowledged.send_some(server.address, 11);
    let has_ended = server.child.try_wait().unwrap().is_some();
    end(server);
    end_leases(place);
    acknowledged.check(&place.serve(&[]));
    has_ended || !is_answered
}

/// Kills at every `step`-th call of some kinds; those of a kind are counted per thread.
fn kill_at_every(open: fn() -> Place, calls: &[(&str, u32)]) {
    for (call, step) in calls {
        let mut number = 1;
        while number < 200 && kill_at(&open(), call, number) {
            number += step;
        }
        println!("{call}: {} points", number - 1);
    }
}

/// Every how many-th point of those that are many is tried; 1 for all.
fn crash_every() -> u32 {
    std::env::var("PULLMILL_CRASH_EVERY").map_or(3, |text| text.parse().unwrap())
}

#[test]
fn every_crash_point_of_a_flow_can_be_survived() {
    if !has_strace() {
        return;
    }
    let quick = ["fdatasync", "fsync", "sendto", "writev"].map(|call| (call, 1));
    let calls = [&quick[..], &[("pwrite64", crash_every())]].concat();
    kill_at_every(Place::new, &calls);
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use std::sync::atomic::AtomicBool;

    use pullmill_testkit::postgres;

    use super::*;

    #[test]
    fn random_kills_under_load_lose_nothing() {
        kill_under_load(&Place::postgres(), KILLS);
    }

    #[test]
    fn every_crash_point_of_a_flow_can_be_survived() {
        if has_strace() {
            // What it says to clients and to the database.
            kill_at_every(
                Place::postgres,
                &[("sendto", crash_every()), ("writev", 1), ("fsync", 1)],
            );
        }
    }

    /// Says that something is over, also when what it waits for fails.
    struct Over<'a>(&'a AtomicBool);

    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// One server that receives and four workers: all of them are killed, their connections cut, and the database is killed too.
    #[test]
    fn workers_and_the_database_may_die_at_any_time() {
        let mut database = postgres::Server::start().unwrap();
        let place = Place::in_database(database.address());
        let receive = || place.serve(&["--reviews", "0"]);
        let work = || place.work(&["--reviews", "1"]);
        let mut front = receive();
        let mut workers: Vec<Server> = (0..4).map(|_| work()).collect();
        let acknowledged = Acknowledged::default();
        let rounds = std::env::var("PULLMILL_ROUNDS").map_or(16, |text| text.parse().unwrap());
        let mut chance = Chance::new(rounds);
        let address = Mutex::new(front.address);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _over = Over(&is_over);
            scope.spawn(|| {
                // Whatever is not answered, or with 503, may be there or not.
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    number += 10;
                    let address = *address.lock().unwrap();
                    acknowledged.send_some(address, number);
                }
            });
            for round in 0..rounds {
                match round % 4 {
                    0 => {
                        let worker = workers.remove(chance.below(4));
                        worker.kill();
                        end_leases(&place);
                        workers.push(work());
                    }
                    1 => {
                        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                                   WHERE application_name = 'pullmill'";
                        postgres::query(place.store(), sql).unwrap();
                    }
                    2 => {
                        let next = receive();
                        *address.lock().unwrap() = next.address;
                        std::mem::replace(&mut front, next).kill();
                    }
                    _ => database.crash().unwrap(),
                }
            }
        });
        end_leases(&place);
        acknowledged.check(&front);
        let count = acknowledged.deliveries.lock().unwrap().len();
        let reviews = acknowledged.reviews.lock().unwrap().len();
        assert!(count as u64 > rounds, "only {count} were acknowledged");
        println!(
            "{rounds} rounds, {count} deliveries and {reviews} reviews, none lost, none doubled"
        );
    }
}

#[cfg(feature = "aws")]
mod on_aws {
    use pullmill_testkit::moto;

    use super::*;

    pub(super) fn end_leases(table: &str) {
        let ask = |action, body: Value| -> Value {
            let answer = moto::dynamodb(action, &body.to_string()).unwrap();
            serde_json::from_slice(&answer).unwrap()
        };
        let held = json!({"TableName": table, "FilterExpression": "attribute_exists(held_until)"});
        for item in ask("Scan", held)["Items"].as_array().unwrap() {
            let update = json!({
                "TableName": table,
                "Key": {"PK": item["PK"], "SK": item["SK"]},
                "UpdateExpression": "SET GSI2SK = :past, held_until = :past",
                "ConditionExpression": "held_until = :held",
                "ExpressionAttributeValues": {
                    ":past": {"S": "0000000000000"},
                    ":held": item["held_until"],
                },
            });
            // Somebody may have settled it meanwhile.
            let _ = moto::dynamodb("UpdateItem", &update.to_string());
        }
    }

    #[test]
    fn crash_points_of_a_flow_can_be_survived() {
        if has_strace() {
            kill_at_every(
                Place::aws,
                &[("sendto", crash_every() * 5), ("writev", crash_every() * 5)],
            );
        }
    }

    #[test]
    fn random_kills_under_load_lose_nothing() {
        kill_under_load(&Place::aws(), 10);
    }
}

#[test]
fn a_disk_that_cannot_sync_is_never_believed_again() {
    if !has_strace() {
        return;
    }
    let place = Place::new();
    let acknowledged = Acknowledged::default();
    let server = place.serve(&[]);
    acknowledged.send_some(server.address, 1);
    server.kill();
    let server = Server::start(traced(
        &place,
        &place.serving(&[]),
        "fdatasync",
        "error=EIO:when=3+",
    ));
    let statuses: Vec<u16> = (11..30)
        .map(|number| send(server.address, number).unwrap())
        .collect();
    for (number, status) in (11..30).zip(&statuses) {
        if *status == 202 {
            acknowledged.deliveries.lock().unwrap().insert(number);
        }
    }
    let first = statuses.iter().position(|status| *status == 503).unwrap();
    let after: BTreeSet<&u16> = statuses[first..].iter().collect();
    assert_eq!(after, BTreeSet::from([&503]), "{statuses:?}");
    assert_eq!(server.get("/ready").status, 503);
    assert_eq!(server.get("/health").status, 200);
    end(server);
    acknowledged.check(&place.serve(&[]));
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let place = Place::new();
    let disk = place.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let program = place.command(&[]).get_program().to_owned();
    let script = "mount -t tmpfs -o size=4m none disk && head -c 2500000 /dev/zero > disk/filler && \
                  exec \"$0\" serve --store sqlite:disk/pullmill.db --listen 127.0.0.1:0 --webhook-secret-file secret";
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", script])
        .arg(program)
        .current_dir(place.path());
    let probe = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted in a namespace here");
        return;
    }
    let server = Server::start(command);
    let mut acknowledged = Vec::new();
    let mut number = 0;
    let refused = loop {
        number += 1;
        assert!(number < 5000, "the disk does not fill up");
        // Does not shrink when it is packed.
        let mut chance = Chance::new(number);
        let noise: String = (0..2000).map(|_| format!("{:x}", chance.draw())).collect();
        let mut event: Value = serde_json::from_slice(&body(number)).unwrap();
        event["noise"] = json!(noise);
        let event = event.to_string().into_bytes();
        let answer = deliver(
            server.address,
            &format!("d-{number}"),
            "pull_request",
            &event,
        )
        .unwrap();
        match answer.status {
            202 => acknowledged.push((number, event)),
            503 => break answer,
            _ => panic!("{answer:?}"),
        }
    };
    assert!(refused.head.contains("retry-after"), "{}", refused.head);
    assert!(!acknowledged.is_empty());
    // Somebody makes room, and it goes on without being started anew.
    let filler = format!("/proc/{}/root{}/filler", server.child.id(), disk.display());
    std::fs::remove_file(filler).unwrap();
    assert_eq!(send(server.address, 9_999).unwrap(), 202);
    for (number, event) in acknowledged {
        let again = deliver(
            server.address,
            &format!("d-{number}"),
            "pull_request",
            &event,
        )
        .unwrap();
        assert_eq!(
            again.status, 200,
            "delivery {number} was acknowledged and is lost"
        );
    }
}
