//! The server: deliveries a second beside other receivers, its start, its memory, and how soon a cancelled review ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::load::{Deliveries, Run, SECRET};
use super::program::{self, Programs};
use super::{Figure, Limit};
use crate::test::examples;

/// Deliveries of one round.
const COUNT: usize = 20_000;
/// Rounds; the middle one counts.
const ROUNDS: usize = 3;

/// A program that serves until it is dropped.
pub(super) struct Serving {
    child: Child,
    pub(super) address: SocketAddr,
    /// Where the owner of the machine is answered, without limits.
    socket: PathBuf,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pullmill(programs: &Programs, folder: &Path) -> Result<Serving> {
    pullmill_with(programs, folder, &[])
}

/// The same with more arguments.
pub(super) fn pullmill_with(programs: &Programs, folder: &Path, more: &[&str]) -> Result<Serving> {
    fs::create_dir_all(folder)?;
    let secret = folder.join("secret");
    fs::write(&secret, SECRET)?;
    let store = format!("sqlite:{}", folder.join("pullmill.db").display());
    let mut child = Command::new(&programs.pullmill)
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            &store,
            "--webhook-secret-file",
        ])
        .arg(&secret)
        .args(more)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut log = BufReader::new(child.stderr.take().context("no log")?);
    let address = loop {
        let mut line = String::new();
        ensure!(log.read_line(&mut line)? > 0, "the server ended");
        let value: Value = serde_json::from_str(&line).unwrap_or_default();
        if value["event"] == "server.ready" {
            break value["metadata"]["address"]
                .as_str()
                .context("no address")?
                .parse()?;
        }
    };
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    Ok(Serving {
        child,
        address,
        socket: folder.join("pullmill.db.sock"),
    })
}

/// A program that prints its address first.
fn printing(mut command: Command) -> Result<Serving> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut out = BufReader::new(child.stdout.take().context("no output")?);
    let mut line = String::new();
    out.read_line(&mut line)?;
    let address = line
        .trim()
        .parse()
        .with_context(|| format!("no address but {line:?}"))?;
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    Ok(Serving {
        child,
        address,
        socket: PathBuf::new(),
    })
}

/// Deliveries a second: this program, the same while reviews run, a bare receiver, and Probot.
pub(super) fn ingress(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let deliveries = Deliveries::of_example(&examples()?, COUNT)?;
    let ours = rounds(|round| {
        let server = pullmill(programs, &folder.join(format!("ours{round}")))?;
        deliveries.send(server.address, "r")
    })?;
    let busy = rounds(|round| {
        let server = pullmill(programs, &folder.join(format!("busy{round}")))?;
        for _ in 0..2000 {
            post(
                &server.socket,
                "/api/review",
                &json!({"code": "x = 1\n".repeat(200), "filename": "a.py"}),
            )?;
        }
        deliveries.send(server.address, "r")
    })?;
    let bare = rounds(|round| {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("__bare-receiver")
            .arg(folder.join(format!("bare{round}")));
        deliveries.send(printing(command)?.address, "r")
    })?;
    let mut figures = vec![
        Figure::new("bytes of a body", deliveries.size() as f64, "bytes"),
        Figure::new("ours, deliveries", ours.rate, "/s"),
        Figure::new("ours, 99 of 100 within", ours.p99, "ms").limited(Limit::AtMost(50.0)),
        Figure::new("ours while reviews run", busy.rate, "/s"),
        Figure::new("ours while reviews run, 99 of 100 within", busy.p99, "ms")
            .limited(Limit::AtMost(50.0)),
        Figure::new("bare receiver", bare.rate, "/s"),
        Figure::new("ratio to the bare receiver", ours.rate / bare.rate, "×")
            .limited(Limit::AtLeast(0.6)),
    ];
    match probot(programs, &deliveries) {
        Ok(probot) => figures.extend([
            Figure::new("Probot, which keeps nothing", probot.rate, "/s"),
            Figure::new("ratio to Probot", ours.rate / probot.rate, "×")
                .limited(Limit::AtLeast(1.0)),
            Figure::new(
                "ratio to Probot while reviews run",
                busy.rate / probot.rate,
                "×",
            )
            .limited(Limit::AtLeast(1.0)),
        ]),
        Err(error) => println!("  no Probot: {error:#}"),
    }
    Ok(figures)
}

/// The round in the middle, by rate.
fn rounds(mut run: impl FnMut(usize) -> Result<Run>) -> Result<Run> {
    let mut runs = (0..ROUNDS).map(&mut run).collect::<Result<Vec<Run>>>()?;
    runs.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    Ok(runs.swap_remove(ROUNDS / 2))
}

const PROBOT: &str = "probot@13.4.7";

/// A receiver that verifies with Probot and does nothing; the package's scripts do not run.
fn probot(programs: &Programs, deliveries: &Deliveries) -> Result<Run> {
    let folder = programs.target.join("tools/probot");
    if !folder.join("node_modules/probot").is_dir() {
        program::npm_install(&folder, PROBOT)?;
    }
    let script = format!(
        "import {{ createServer }} from 'node:http';
import {{ createNodeMiddleware, createProbot }} from 'probot';
const probot = createProbot({{ overrides: {{ secret: '{SECRET}', appId: 1, privateKey: 'none', logLevel: 'fatal' }} }});
const middleware = await createNodeMiddleware((app) => {{ app.on('pull_request', async () => {{}}); }},
  {{ probot, webhooksPath: '/webhook' }});
const server = createServer((request, response) => middleware(request, response));
server.listen(0, '127.0.0.1', () => console.log('127.0.0.1:' + server.address().port));
"
    );
    let file = folder.join("receiver.mjs");
    fs::write(&file, script)?;
    rounds(|_| {
        let mut command = Command::new("node");
        command.arg(&file).current_dir(&folder);
        deliveries.send(printing(command)?.address, "r")
    })
}

/// Start, memory and cancelling.
pub(super) fn life(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let empty = first_answer(programs, &folder.join("empty"))?;
    let full = folder.join("full");
    let server = pullmill(programs, &full)?;
    slow_reviews(&server.socket)?;
    pend(&server.socket)?;
    let idle = resident(&server)?;
    let cancelled = cancel(&server)?;
    drop(server);
    let restarted = first_answer(programs, &full)?;
    let server = pullmill(programs, &folder.join("idle"))?;
    let quiet = resident(&server)?;
    Ok(vec![
        Figure::new("start to the first 2xx, empty store", empty, "ms")
            .limited(Limit::AtMost(100.0)),
        Figure::new(
            "SIGKILL and start to the first 2xx, 100,000 tasks",
            restarted,
            "ms",
        )
        .limited(Limit::AtMost(1000.0)),
        Figure::new("memory of an idle server", quiet, "MB").limited(Limit::AtMost(30.0)),
        Figure::new("memory with 100,000 tasks waiting", idle, "MB"),
        Figure::new("cancelling to the child's end", cancelled, "ms")
            .limited(Limit::AtMost(2000.0)),
    ])
}

/// Milliseconds from starting the program to its first good answer.
fn first_answer(programs: &Programs, folder: &Path) -> Result<f64> {
    let begun = Instant::now();
    let server = pullmill(programs, folder)?;
    ensure!(get(&server.socket, "/ready")?.0 == 200, "it is not ready");
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// Submits reviews until 100,000 wait behind the slow one.
fn pend(socket: &Path) -> Result<()> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..32)
            .map(|worker| {
                scope.spawn(move || {
                    let body = json!({"code": format!("x = {worker}\n"), "filename": "a.py"});
                    (0..3125).try_for_each(|_| post(socket, "/api/review", &body).map(drop))
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(result) => result?,
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(())
    })
}

/// Several for each worker, so that all are busy for long.
fn slow_reviews(socket: &Path) -> Result<()> {
    let part = |number: u32| {
        format!(
            "def f{number}(request):\n    a = request.args.get('a')\n    b = a + 'x'\n    return g{number}(b)\n\n\n"
        )
    };
    let code: String = (0..20_000).map(part).collect();
    for number in 0..std::thread::available_parallelism()?.get() * 20 {
        let body = json!({"code": format!("{code}# {number}\n"), "filename": "a.py"});
        post(socket, "/api/review", &body)?;
    }
    Ok(())
}

/// Milliseconds from asking to the moment when one child fewer is there.
fn cancel(server: &Serving) -> Result<f64> {
    let list = get(&server.socket, "/api/executions?status=running&limit=1")?.1;
    let list: Value = serde_json::from_str(&list)?;
    let id = list["executions"][0]["id"]
        .as_str()
        .context("nothing runs")?
        .to_owned();
    let before = children(server)?;
    let begun = Instant::now();
    post(
        &server.socket,
        &format!("/api/executions/{id}/cancel"),
        &json!({}),
    )?;
    while children(server)?
        .iter()
        .filter(|child| before.contains(child))
        .count()
        == before.len()
    {
        ensure!(
            begun.elapsed() < Duration::from_secs(30),
            "the child does not end"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn children(server: &Serving) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{}/task", server.child.id()))? {
        let text = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        found.extend(
            text.split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    Ok(found)
}

fn resident(server: &Serving) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("no VmRSS")?
        .parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}

fn get(socket: &Path, path: &str) -> Result<(u16, String)> {
    ask(
        socket,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
}

/// Posts JSON; a store that does not keep up is asked again.
fn post(socket: &Path, path: &str, body: &Value) -> Result<Value> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    loop {
        let (status, answer) = ask(socket, &request)?;
        match status {
            200..300 => return Ok(serde_json::from_str(&answer)?),
            429 | 503 => std::thread::sleep(Duration::from_millis(20)),
            _ => bail!("{path} was answered with {status}: {answer}"),
        }
    }
}

fn ask(socket: &Path, request: &str) -> Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).context("no answer")?.parse()?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    Ok((status, body.unwrap_or_default()))
}
