//! The server as its users meet it: GitHub at the front door, programs at the API, operators at the command line.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod program;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use program::{PATIENCE, Place, Server, pull_request, read_answer, secrets};

const WEAK: &str = "import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n";

fn review(server: &Server, label: &str, code: &str) -> String {
    let body = json!({"files": [{"path": "a.py", "content": code}], "label": label});
    let answer = server.post("/api/review", &body);
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.json()["reviewId"].as_str().unwrap().to_owned()
}

/// One test per scenario.
macro_rules! scenarios {
    ($open:ident, [$($name:ident),* $(,)?]) => {
        $(#[test] fn $name() { super::$name(&super::Place::$open()); })*
    };
}

/// The same for each store.
macro_rules! on_every_store {
    ($names:tt) => {
        mod on_sqlite {
            scenarios!(new, $names);
        }
        #[cfg(feature = "postgres")]
        mod on_postgres {
            scenarios!(postgres, $names);
        }
        #[cfg(feature = "aws")]
        mod on_aws {
            scenarios!(aws, $names);
        }
    };
}

on_every_store!([
    a_signed_delivery_is_taken_once_and_remembered,
    submitted_code_is_reviewed_and_can_be_followed,
    a_request_is_answered_once_under_one_key,
    cancelling_ends_the_child_that_works,
    what_cannot_be_done_is_a_dead_letter_that_can_be_put_back,
    a_server_that_was_killed_goes_on_where_it_was,
    a_review_that_is_interrupted_four_times_is_no_poison,
    health_says_what_is_so,
    bad_submissions_are_told_what_is_wrong,
]);

/// Code that takes the analysis a while.
fn slow() -> String {
    let part = |number: u32| {
        format!(
            "def f{number}(request):\n    a = request.args.get('a')\n    b = a + 'x'\n    return g{number}(b)\n\n\n"
        )
    };
    (0..20_000).map(part).collect()
}

fn a_signed_delivery_is_taken_once_and_remembered(place: &Place) {
    let server = place.serve(&[]);
    let body = pull_request("opened", 7, "abc");
    let first = server.deliver("d-1", "pull_request", &body);
    assert_eq!(
        (first.status, &first.json()["status"]),
        (202, &json!("accepted"))
    );
    let again = server.deliver("d-1", "pull_request", &body);
    assert_eq!(
        (again.status, &again.json()["status"]),
        (200, &json!("duplicate"))
    );
    let other = server.deliver("d-1", "pull_request", &pull_request("opened", 7, "abd"));
    assert_eq!(
        (other.status, other.code()),
        (400, "body_mismatch".to_owned())
    );
    let same = server.deliver("d-2", "pull_request", &body);
    assert_eq!(
        (same.status, &same.json()["reason"]),
        (200, &json!("delivery d-1 said the same"))
    );
    server.kill();
    let server = place.serve(&[]);
    let after = server.deliver("d-1", "pull_request", &body);
    assert_eq!(
        (after.status, &after.json()["status"]),
        (200, &json!("duplicate"))
    );
    drop(server);
    let printed = place.printed(&["replay", "d-1", "--tenant", "octo", "--dry-run"]);
    assert!(printed.contains("octo/shop#7"), "{printed}");
    assert!(
        printed.contains("no workflow `pr-review` runs here"),
        "{printed}"
    );
}

#[test]
fn what_is_wrong_gets_the_answer_that_was_agreed() {
    let place = Place::new();
    let server = place.serve(&[]);
    let good = pull_request("opened", 7, "abc");
    let signed = |body: &[u8]| secrets().sign(body).unwrap();
    let send = |headers: &[(&str, &str)], body: &[u8]| {
        let answer = server.ask("POST", "/webhooks/github", headers, body);
        (answer.status, answer.code())
    };
    let signature = signed(&good);
    let (sign, event, id) = (
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "pull_request"),
        ("x-github-delivery", "d-1"),
    );
    let refused = (401, "bad_signature".to_owned());
    assert_eq!(send(&[event, id], &good), refused);
    assert_eq!(
        send(&[("x-hub-signature", &signature), event, id], &good),
        refused
    );
    assert_eq!(send(&[sign, sign, event, id], &good), refused);
    assert_eq!(
        send(&[("x-hub-signature-256", "sha256=00"), event, id], &good),
        refused
    );
    assert_eq!(send(&[sign, event, id], b"{}"), refused);
    let malformed = (400, "malformed".to_owned());
    assert_eq!(send(&[sign, id], &good), malformed);
    assert_eq!(send(&[sign, event], &good), malformed);
    assert_eq!(
        send(&[sign, event, ("x-github-delivery", "a b")], &good),
        malformed
    );
    let bomb = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "{", "{\"a\":1,\"a\":2}", "{\"pull_request\":7}", &bomb] {
        let signature = signed(body.as_bytes());
        let sign = ("x-hub-signature-256", signature.as_str());
        assert_eq!(
            send(&[sign, event, id], body.as_bytes()),
            malformed,
            "{body:.20}"
        );
    }
    let compressed = ("content-encoding", "gzip");
    assert_eq!(
        send(&[sign, event, id, compressed], &good),
        (400, "compressed".to_owned())
    );
    let giant = vec![b' '; (25 << 20) + 1];
    assert_eq!(
        send(&[sign, event, id], &giant),
        (413, "too_large".to_owned())
    );
    assert_eq!(server.get("/webhook").status, 405);
    assert_eq!(server.get("/nowhere").code(), "not_found");
    // None of them left a trace.
    assert_eq!(server.deliver("d-1", "pull_request", &good).status, 202);
}

#[test]
fn who_cannot_sign_is_slowed_down_and_who_can_is_not() {
    let place = Place::new();
    let server = place.serve(&[]);
    let statuses: Vec<u16> = (0..105)
        .map(|_| server.ask("POST", "/webhook", &[], b"x").status)
        .collect();
    assert_eq!(statuses[0], 401);
    let limited = server.ask("POST", "/webhook", &[], b"x");
    assert_eq!(limited.status, 429, "{statuses:?}");
    assert!(limited.head.contains("retry-after: 60"), "{}", limited.head);
    let good = server.deliver("d-1", "pull_request", &pull_request("opened", 1, "a"));
    assert_eq!(good.status, 202);
}

#[test]
fn two_secrets_are_good_while_they_are_exchanged() {
    let place = Place::new();
    std::fs::write(
        place.path().join("newer"),
        "another secret that is long enough too",
    )
    .unwrap();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--webhook-secret-file",
        "newer",
    ];
    let mut command = place.command(&arguments);
    command.args(["--webhook-secret-file", "secret"]);
    let server = Server::start(command);
    assert_eq!(server.deliver("d-1", "ping", b"{}").status, 200);
    let metrics = server.get("/metrics").body;
    assert!(
        metrics.contains("pullmill_signatures_total{result=\"older\"} 1"),
        "{metrics}"
    );
    drop(server);
    std::fs::write(place.path().join("short"), "too short").unwrap();
    let output = place.run(&["serve", "--webhook-secret-file", "short"]);
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("at least 32 bytes, this one has 9"), "{text}");
    assert!(!text.contains("too short"), "the secret is shown: {text}");
}

#[test]
fn slow_and_half_open_connections_hold_up_nobody() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut half_open = Vec::new();
    for number in 0..100 {
        let mut stream = server.connect();
        if number % 2 == 0 {
            stream
                .write_all(b"POST /webhook HTTP/1.1\r\nhost: x\r\n")
                .unwrap();
        }
        half_open.push(stream);
    }
    let mut slow_body = server.connect();
    slow_body
        .write_all(b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nabc")
        .unwrap();
    // Requests that come while those hang.
    let good = server.deliver("d-1", "pull_request", &pull_request("opened", 1, "a"));
    assert_eq!(good.status, 202);
    let mut pipelined = server.connect();
    let mut requests = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    requests.push_str("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    pipelined.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    pipelined.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 101);
    // They are cut off by themselves.
    assert_eq!(read_answer(&mut slow_body).unwrap().status, 408);
    for mut stream in half_open {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 408"),
            "{text}"
        );
    }
}

#[test]
fn two_lengths_cannot_be_smuggled() {
    let place = Place::new();
    let server = place.serve(&[]);
    let smuggled = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let length = format!("content-length: {}", 5 + smuggled.len());
    let chunked = "transfer-encoding: chunked".to_owned();
    for [first, second] in [[&length, &chunked], [&chunked, &length]] {
        let mut stream = server.connect();
        let head = format!("POST /webhook HTTP/1.1\r\nhost: x\r\n{first}\r\n{second}");
        let request = format!("{head}\r\n\r\n0\r\n\r\n{smuggled}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // Whoever is cut off in the middle of a request is told so by a reset.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // Whoever stands before us may take either length; what follows is never a request of its own.
        assert!(!text.contains("healthy"), "{text}");
        assert!(text.matches("HTTP/1.1").count() <= 1, "{text}");
    }
    let mut stream = server.connect();
    let twice =
        "POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    stream.write_all(twice.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 400"),
        "{text}"
    );
}

#[test]
fn the_api_is_for_this_machine() {
    let place = Place::new();
    let server = place.serve(&[]);
    assert_eq!(server.get("/api/executions").status, 200);
    let elsewhere = server.ask("GET", "/api/executions", &[("host", "evil.example")], b"");
    assert_eq!(
        (elsewhere.status, elsewhere.code()),
        (403, "api_is_local".to_owned())
    );
    let form = [("content-type", "text/plain")];
    let sent = server.ask(
        "POST",
        "/api/review",
        &form,
        b"{\"code\":\"x\",\"filename\":\"a.py\"}",
    );
    assert_eq!((sent.status, sent.code()), (415, "not_json".to_owned()));
    drop(server);
    let arguments = [
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--webhook-secret-file",
        "secret",
    ];
    let mut open = Server::start(place.command(&arguments));
    open.address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    assert_eq!(open.get("/api/executions").status, 403);
    assert_eq!(open.get("/api/health").status, 200);
    // The owner still gets in through the store's socket.
    assert!(
        place
            .printed(&["executions", "list"])
            .contains("no such executions")
    );
}

fn submitted_code_is_reviewed_and_can_be_followed(place: &Place) {
    let server = place.serve(&[]);
    let id = review(&server, "one", WEAK);
    let execution = server.over(&id);
    assert_eq!(execution["status"], "succeeded");
    let shown = server.get(&format!("/api/review/{id}")).json();
    let shown = &shown["review"];
    assert_eq!(shown["legacy_status"], "completed");
    assert_eq!(shown["findings"][0]["rule"], "python.weak-hash");
    assert_eq!(shown["verdict"]["outlook"], "pass");
    assert!(shown["completedAt"].is_string());
    let kinds = |events: &Value| -> Vec<String> {
        let events = events["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let events = server
        .get(&format!("/api/executions/{id}/events?wait=10"))
        .json();
    assert_eq!(
        kinds(&events),
        [
            "execution.queued",
            "execution.started",
            "step.started",
            "finding.created",
            "step.completed",
            "execution.succeeded"
        ]
    );
    assert_eq!(events["is_over"], true);
    let rest = server
        .get(&format!("/api/executions/{id}/events?after=4"))
        .json();
    assert_eq!(kinds(&rest), ["step.completed", "execution.succeeded"]);
    let stream = [("accept", "text/event-stream"), ("last-event-id", "1.5")];
    let stream = server.ask("GET", &format!("/api/executions/{id}/events"), &stream, b"");
    assert!(stream.body.contains("id: 1.6"), "{stream:?}");
    assert!(!stream.body.contains("id: 1.5"), "{stream:?}");
    assert!(stream.body.contains("event: done"), "{stream:?}");
    let listed = server.get("/api/reviews?status=succeeded").json();
    assert_eq!(listed["reviews"][0]["reviewId"], id.as_str());
    let followed = place.printed(&["executions", "follow", &id]);
    assert_eq!(followed.lines().count(), 6, "{followed}");
    assert!(followed.contains("medium a.py:5"), "{followed}");
}

fn a_request_is_answered_once_under_one_key(place: &Place) {
    let server = place.serve(&[]);
    let send = |code: &str, key: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        let body = json!({"code": code, "filename": "a.py"}).to_string();
        let answer = server.ask("POST", "/api/review", &headers, body.as_bytes());
        (
            answer.status,
            answer.json()["reviewId"].clone(),
            answer.code(),
        )
    };
    let (first, id, _) = send("x = 1\n", "one");
    assert_eq!(first, 202);
    assert_eq!(send("x = 1\n", "one"), (200, id.clone(), String::new()));
    assert_eq!(send("x = 2\n", "one").2, "key_reused");
    assert_ne!(send("x = 1\n", "two").1, id);
}

fn bad_submissions_are_told_what_is_wrong(place: &Place) {
    let server = place.serve(&[]);
    let send = |body: Value| {
        let answer = server.post("/api/review", &body);
        let error = answer.json()["error"].clone();
        (
            answer.status,
            error["message"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let (status, message) = send(json!({"code": "x"}));
    assert_eq!((status, message.as_str()), (422, "`filename` is missing"));
    let (status, message) = send(json!({"code": "x", "filename": "../a.py"}));
    assert_eq!(status, 422);
    assert!(
        message.starts_with("`path` is `../a.py`; it is relative"),
        "{message}"
    );
    let (status, message) = send(json!({"code": "x", "filename": "a", "colour": 1}));
    assert_eq!(status, 400);
    assert!(message.contains("unknown field `colour`"), "{message}");
    let (status, message) = send(json!({"files": []}));
    assert_eq!(
        (status, message.as_str()),
        (422, "`files` is `0`; there are 1 to 500 of them")
    );
    let answer = server.get("/api/executions?status=sleeping");
    assert!(
        answer.body.contains("it is one of queued, running"),
        "{answer:?}"
    );
    assert_eq!(server.get("/api/executions/exe_none").status, 404);
    assert_eq!(server.get("/api/executions?limit=0").status, 422);
    assert_eq!(server.get("/api/executions?nonsense=1").status, 400);
}

fn children(server: &Server) -> usize {
    let mut count = 0;
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.child.id())).unwrap();
    for task in tasks.flatten() {
        let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        count += text.split_whitespace().count();
    }
    count
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn cancelling_ends_the_child_that_works(place: &Place) {
    let server = place.serve(&["--reviews", "1"]);
    let id = review(&server, "slow", &slow());
    wait_for("the child", || children(&server) == 1);
    let cancelled = server.post(&format!("/api/executions/{id}/cancel"), &json!({}));
    assert_eq!(cancelled.json()["execution"]["status"], "cancelled");
    wait_for("the child's end", || children(&server) == 0);
    let again = server.post(&format!("/api/executions/{id}/cancel"), &json!({}));
    assert_eq!(again.status, 200);
    let retried = server.post(&format!("/api/executions/{id}/retry"), &json!({}));
    assert_eq!(
        (retried.status, retried.code()),
        (409, "wrong_status".to_owned())
    );
    // The worker is free for the next.
    let next = review(&server, "next", WEAK);
    assert_eq!(server.over(&next)["status"], "succeeded");
}

fn what_cannot_be_done_is_a_dead_letter_that_can_be_put_back(place: &Place) {
    let server = place.serve(&["--reviews", "1"]);
    let slow = review(&server, "slow", &slow());
    let id = review(&server, "lost", WEAK);
    // Its input is gone when its turn comes.
    let shown = server.get(&format!("/api/executions/{id}")).json();
    let digest = shown["execution"]["input"]["submission"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let kept = place.take_blob(&digest);
    server.post(&format!("/api/executions/{slow}/cancel"), &json!({}));
    let failed = server.over(&id);
    assert_eq!(
        (&failed["status"], &failed["reason"]),
        (&json!("failed"), &json!("internal"))
    );
    let listed = place.printed(&["dlq", "list"]);
    assert!(
        listed.contains(&id) && listed.contains("the blob is not there"),
        "{listed}"
    );
    let letter = listed.split_whitespace().next().unwrap().to_owned();
    let shown = place.printed(&["dlq", "show", &letter]);
    assert!(shown.contains("\"step\": \"review\""), "{shown}");
    let dry = place.printed(&["dlq", "replay", &letter, "--dry-run"]);
    assert!(dry.contains("would be put back"), "{dry}");
    place.put_blob(&digest, &kept);
    let done = place.printed(&["dlq", "replay", &letter]);
    assert!(done.contains("put back"), "{done}");
    let over = server.over(&id);
    assert_eq!(
        (&over["status"], &over["generation"]),
        (&json!("succeeded"), &json!(1))
    );
    assert!(place.printed(&["dlq", "list"]).contains("no dead letters"));
    let missing = place.run(&["dlq", "show", "dl_none"]);
    assert_eq!(missing.status.code(), Some(66));
}

fn a_server_that_was_killed_goes_on_where_it_was(place: &Place) {
    let server = place.serve(&["--reviews", "1"]);
    let slow = review(&server, "slow", &slow());
    let next = review(&server, "next", WEAK);
    wait_for("the child", || children(&server) == 1);
    server.kill();
    let server = place.serve(&["--reviews", "1"]);
    server.post(&format!("/api/executions/{slow}/cancel"), &json!({}));
    assert_eq!(server.over(&next)["status"], "succeeded");
    assert_eq!(server.over(&slow)["status"], "cancelled");
}

fn a_review_that_is_interrupted_four_times_is_no_poison(place: &Place) {
    let mut id = None;
    for _ in 0..4 {
        let mut server = place.serve(&["--reviews", "1"]);
        id.get_or_insert_with(|| review(&server, "slow", &slow()));
        wait_for("the child", || children(&server) == 1);
        let pid = server.child.id().to_string();
        std::process::Command::new("kill")
            .arg(pid)
            .status()
            .unwrap();
        assert!(server.child.wait().unwrap().success());
    }
    let id = id.unwrap();
    let server = place.serve(&["--reviews", "1"]);
    let shown = server.get(&format!("/api/executions/{id}")).json();
    assert_eq!(shown["execution"]["status"], "running", "{shown:#}");
}

#[test]
fn a_server_that_is_asked_to_end_does_so_and_leaves_no_socket() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let socket = place.path().join("pullmill.db.sock");
    assert!(socket.exists());
    // Records hold other people's code: they are for the server's own account.
    for name in ["pullmill.db", "pullmill.db-wal", "pullmill.db.sock"] {
        let mode = std::fs::metadata(place.path().join(name)).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
    let pid = server.child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .arg(pid)
            .status()
            .unwrap()
            .success()
    );
    let ended = server.child.wait().unwrap();
    assert!(ended.success());
    assert!(!socket.exists());
}

#[test]
fn a_store_belongs_to_one_server() {
    let place = Place::new();
    let server = place.serve(&[]);
    let second = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(69));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        text.contains(&format!("(process {})", server.child.id())),
        "{text}"
    );
}

#[test]
fn a_backup_of_a_busy_store_is_a_store() {
    let place = Place::new();
    let server = place.serve(&[]);
    let id = review(&server, "one", WEAK);
    server.over(&id);
    let printed = place.printed(&["backup", "copy"]);
    assert!(printed.contains("the copy is whole"), "{printed}");
    let later = review(&server, "later", WEAK);
    drop(server);
    let again = place.run(&["backup", "copy"]);
    assert_eq!(again.status.code(), Some(73));
    let over = place.run(&["restore", "copy"]);
    assert_eq!(
        over.status.code(),
        Some(73),
        "it must not write over a store"
    );
    let store = format!("sqlite:{}", place.path().join("restored.db").display());
    place.printed(&["restore", "copy", "--store", &store]);
    let shown = place.printed(&["executions", "show", &id, "--store", &store]);
    assert!(shown.contains("succeeded"), "{shown}");
    let unknown = place.run(&["executions", "show", &later, "--store", &store]);
    assert_eq!(unknown.status.code(), Some(66));
}

#[test]
fn the_command_line_works_without_a_server() {
    let place = Place::new();
    std::fs::write(place.path().join("a.py"), WEAK).unwrap();
    let none = place.run(&["executions", "list"]);
    assert_eq!(none.status.code(), Some(66));
    let printed = place.printed(&["submit", "a.py"]);
    assert!(printed.contains("execution.succeeded"), "{printed}");
    let listed = place.printed(&["executions", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["status"], "succeeded");
    let detached = place.run(&["submit", "a.py", "--detach"]);
    assert_eq!(detached.status.code(), Some(69));
    let doctor = place.printed(&["doctor"]);
    assert_eq!(doctor.matches("ok  ").count(), 3, "{doctor}");
}

fn health_says_what_is_so(place: &Place) {
    let server = place.serve(&[]);
    assert_eq!(server.get("/health").json()["status"], "healthy");
    assert_eq!(server.get("/api/health").status, 200);
    assert_eq!(server.get("/ready").json()["status"], "ready");
    let metrics = server.get("/metrics").body;
    for name in ["pullmill_requests_total", "pullmill_queue_records", "# EOF"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
}

#[cfg(any(feature = "postgres", feature = "aws"))]
mod on_shared_stores {
    use super::*;

    fn a_worker_does_what_a_server_without_reviews_received(place: &Place) {
        let server = place.serve(&["--reviews", "0"]);
        let id = review(&server, "one", WEAK);
        let worker = place.work(&["--reviews", "1"]);
        assert_eq!(server.over(&id)["status"], "succeeded");
        assert_eq!(worker.get("/ready").status, 200);
        assert_eq!(worker.get("/api/executions").status, 404);
        assert_eq!(worker.ask("POST", "/webhook", &[], b"{}").status, 404);
        // The command line asks the database itself, and leaves the work to others.
        std::fs::write(place.path().join("a.py"), WEAK).unwrap();
        let printed = place.printed(&["submit", "a.py"]);
        assert!(printed.contains("execution.succeeded"), "{printed}");
        let detached = place.printed(&["submit", "a.py", "--detach"]);
        assert_eq!(server.over(detached.trim())["status"], "succeeded");
        let listed = place.printed(&["executions", "list"]);
        assert_eq!(listed.matches("succeeded").count(), 3, "{listed}");
    }

    macro_rules! shared {
        ($feature:literal, $open:ident) => {
            #[cfg(feature = $feature)]
            #[test]
            fn $open() {
                a_worker_does_what_a_server_without_reviews_received(&Place::$open());
            }
        };
    }
    shared!("postgres", postgres);
    shared!("aws", aws);
}

#[cfg(feature = "postgres")]
mod with_a_database {
    use pullmill_testkit::postgres::CERTIFICATE;

    use super::*;

    #[test]
    fn connections_are_secured_and_the_certificate_is_checked() {
        let place = Place::postgres();
        let store = place.store().replace("sslmode=disable", "sslmode=require");
        let doctor = |trusted: &str| {
            let mut command = place.command(&["doctor", "--store", &store]);
            let output = command.env("SSL_CERT_FILE", trusted).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let certificate = std::env::var(CERTIFICATE).unwrap();
        let printed = doctor(&certificate);
        assert!(printed.contains("ok   store      postgres://"), "{printed}");
        let printed = doctor("/dev/null");
        assert!(printed.contains("BAD  store"), "{printed}");
        assert!(printed.contains("certificate"), "{printed}");
    }

    #[test]
    fn what_cannot_be_is_said() {
        let place = Place::postgres();
        let said = |arguments: &[&str]| {
            let mut command = place.command(arguments);
            let output = command.env_remove("PULLMILL_BLOBS").output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.code().unwrap(), text)
        };
        let (status, text) = said(&["worker"]);
        assert_eq!(status, 64);
        assert!(text.contains("--blobs folder:DIR"), "{text}");
        let (status, text) = said(&["worker", "--store", "sqlite:a.db"]);
        assert_eq!(status, 64);
        assert!(text.contains("use `pullmill serve`"), "{text}");
        let (status, text) = said(&["backup", "copy", "--blobs", "folder:b"]);
        assert_eq!(status, 64);
        assert!(text.contains("is no file"), "{text}");
        let nowhere = "postgres://octo:secret-word@127.0.0.1:1/none";
        let (status, text) = said(&["worker", "--store", nowhere, "--blobs", "folder:b"]);
        assert_eq!(status, 69);
        assert!(
            text.contains("refused") && !text.contains("secret-word"),
            "{text}"
        );
        let (status, _) = said(&["serve", "--store", "sqlite:a.db", "--reviews", "0"]);
        assert_eq!(status, 64);
    }
}

#[cfg(feature = "aws")]
#[test]
fn a_bucket_that_is_not_there_is_named_at_once() {
    let place = Place::aws();
    std::fs::write(place.path().join("a.py"), WEAK).unwrap();
    for arguments in [&["submit", "a.py"][..], &["worker"]] {
        let mut command = place.command(arguments);
        let output = command.env("PULLMILL_BLOBS", "s3:nobodys-bucket").output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(69));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("nobodys-bucket"), "{text}");
        assert!(text.contains("NoSuchBucket"), "{text}");
    }
}

/// Every payload that GitHub publishes is accepted, or ignored with a reason.
#[test]
fn every_published_payload_gets_an_answer() {
    let Some(path) = std::env::var_os("PULLMILL_WEBHOOK_EXAMPLES") else {
        eprintln!(
            "skipped: PULLMILL_WEBHOOK_EXAMPLES names no file; `cargo xtask test` fetches it"
        );
        return;
    };
    let events: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let place = Place::new();
    let server = place.serve(&[]);
    let mut accepted = 0;
    let mut all = 0;
    for event in events.as_array().unwrap() {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            all += 1;
            let answer = server.deliver(&format!("d-{all}"), name, example.to_string().as_bytes());
            let body = answer.json();
            match answer.status {
                202 => accepted += 1,
                200 => assert!(body["reason"].is_string(), "{name}: {body}"),
                _ => panic!("{name}: {answer:?}\n{example:#}"),
            }
        }
    }
    assert!(all > 300 && accepted > 20, "{accepted} of {all}");
}
