//! The server of the demo: a process of its own, whose log is shown as it comes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use pullmill_fakehub::APP;
use serde_json::Value;

use crate::cli::failure::{Failure, Status};

/// A running server. It is killed when this is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts a server on a file in a folder, and waits until it listens.
    pub(super) fn start(folder: &Path, api: &str) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(
                Status::Unavailable,
                format_args!("the server does not start: {error}"),
            )
        };
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut child = Command::new(program)
            .current_dir(folder)
            .args([
                "serve",
                "--store",
                "sqlite:demo.db",
                "--listen",
                "127.0.0.1:0",
            ])
            .args([
                "--webhook-secret-file",
                "secret",
                "--github-app",
                &APP.to_string(),
            ])
            .args(["--github-key-file", "app.pem", "--github-api", api])
            .args([
                "--github-pacing",
                "off",
                "--github-stale",
                "0",
                "--github-reconcile",
                "0",
                "--log",
                "debug",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let log = child.stderr.take();
        let mut log = BufReader::new(log.ok_or_else(|| failed(&"it has no log"))?);
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if log.read_line(&mut line).map_err(|error| failed(&error))? == 0 {
                return Err(failed(&said));
            }
            show(&line);
            said.push_str(&line);
            let value: Value = serde_json::from_str(&line).unwrap_or_default();
            let address = value["metadata"]["address"].as_str();
            if value["event"] == "server.ready"
                && let Some(address) = address.and_then(|address| address.parse().ok())
            {
                std::thread::spawn(move || follow(log));
                return Ok(Self { child, address });
            }
        }
    }

    /// As `kill -9` does.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn end(mut self) {
        self.kill();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn follow(log: BufReader<ChildStderr>) {
    for line in log.lines().map_while(Result::ok) {
        show(&line);
    }
}

/// What somebody who watches wants to know of a line.
fn show(line: &str) {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let event = value["event"].as_str().unwrap_or_default();
    let is_told = ["server.", "delivery.", "execution.", "effect."]
        .iter()
        .any(|kind| event.starts_with(kind));
    if is_told {
        let message = value["message"].as_str().unwrap_or_default();
        let _ = writeln!(anstream::stdout(), "             {event:<20} {message}");
    }
}
