//! A running server and somebody who talks to it over sockets, byte by byte if need be.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pullmill_core::signature::Secrets;
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up: longer than a lease.
pub const PATIENCE: Duration = Duration::from_secs(100);
const SECRET: &str = "a secret that is long enough for everybody";

pub fn secrets() -> Secrets {
    Secrets::new(vec![SECRET.as_bytes().to_vec()], false).unwrap()
}

/// A folder with a secret and blobs, and a store in it or elsewhere.
pub struct Place {
    pub folder: TempDir,
    store: String,
    blobs: Option<String>,
}

impl Place {
    /// With a file.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("pullmill.db").display());
        Self::of(folder, store)
    }

    /// With a database of a server.
    #[cfg(feature = "postgres")]
    pub fn postgres() -> Self {
        Self::in_database(pullmill_testkit::postgres::fresh())
    }

    /// With a database of a server, and a folder of blobs.
    #[cfg(feature = "postgres")]
    pub fn in_database(address: String) -> Self {
        let mut place = Self::of(tempfile::tempdir().unwrap(), address);
        place.blobs = Some(format!("folder:{}", place.blobs().display()));
        place
    }

    /// With a table and a bucket.
    #[cfg(feature = "aws")]
    pub fn aws() -> Self {
        use pullmill_testkit::moto::{fresh_bucket, fresh_table};
        let store = format!("dynamodb:{}", fresh_table());
        let mut place = Self::of(tempfile::tempdir().unwrap(), store);
        place.blobs = Some(format!("s3:{}/blobs", fresh_bucket()));
        place
    }

    fn of(folder: TempDir, store: String) -> Self {
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        Self {
            folder,
            store,
            blobs: None,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> &str {
        &self.store
    }

    pub fn blobs(&self) -> PathBuf {
        self.path().join("pullmill.db.blobs")
    }

    /// The file of something that was submitted, in a folder of blobs.
    fn blob(&self, digest: &str) -> PathBuf {
        let folder = self.blobs().join("payload/t-local");
        folder.join(&digest[..2]).join(digest)
    }

    /// The name of the same in a bucket.
    #[cfg(feature = "aws")]
    fn object(&self, digest: &str) -> Option<String> {
        let place = self.blobs.as_ref()?.strip_prefix("s3:")?;
        Some(format!("{place}/payload/t-local/{digest}"))
    }

    /// Takes away something that was submitted.
    pub fn take_blob(&self, digest: &str) -> Vec<u8> {
        #[cfg(feature = "aws")]
        if let Some(object) = self.object(digest) {
            let kept = pullmill_testkit::moto::s3("GET", &object, b"").unwrap();
            pullmill_testkit::moto::s3("DELETE", &object, b"").unwrap();
            return kept;
        }
        let kept = std::fs::read(self.blob(digest)).unwrap();
        std::fs::remove_file(self.blob(digest)).unwrap();
        kept
    }

    /// Puts it back.
    pub fn put_blob(&self, digest: &str, kept: &[u8]) {
        #[cfg(feature = "aws")]
        if let Some(object) = self.object(digest) {
            pullmill_testkit::moto::s3("PUT", &object, kept).unwrap();
            return;
        }
        std::fs::write(self.blob(digest), kept).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pullmill"));
        if let Some(blobs) = &self.blobs {
            command.env("PULLMILL_BLOBS", blobs);
        }
        command
            .current_dir(self.path())
            .env("PULLMILL_STORE", self.store())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    #[cfg(any(feature = "postgres", feature = "aws"))]
    pub fn work(&self, more: &[&str]) -> Server {
        let mut arguments = vec!["worker", "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Server::start(self.command(&arguments))
    }

    pub fn serve(&self, more: &[&str]) -> Server {
        Server::start(self.serving(more))
    }

    pub fn serving(&self, more: &[&str]) -> Command {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        arguments.extend(["--webhook-secret-file", "secret"]);
        arguments.extend(more);
        self.command(&arguments)
    }
}

/// A server that is killed when it is dropped.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a command that says where it listens, and waits until it does.
    pub fn start(command: Command) -> Self {
        Self::try_start(command).unwrap_or_else(|log| panic!("it ended: {log}"))
    }

    /// The same for a command that may end before; then what it logged is given.
    pub fn try_start(mut command: Command) -> Result<Self, String> {
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let address = loop {
            let mut line = String::new();
            if log.read_line(&mut line).unwrap() == 0 {
                child.wait().unwrap();
                return Err(seen);
            }
            seen.push_str(&line);
            let Ok(value) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if value["event"] == "server.ready" {
                let address = value["metadata"]["address"].as_str().unwrap();
                break address.parse().unwrap();
            }
        };
        // Somebody has to read on, or it would wait for us.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { child, address })
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address).unwrap()
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(self.address, method, path, headers, body).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// The answer when the store is back, and others have been served.
    pub fn at_last(&self, ask: impl Fn(&Self) -> Answer) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = ask(self);
            if !matches!(answer.status, 429 | 503) || Instant::now() > deadline {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.ask("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Sends a signed delivery.
    pub fn deliver(&self, id: &str, event: &str, body: &[u8]) -> Answer {
        deliver(self.address, id, event, body).unwrap()
    }

    /// Waits until an execution is over, and gives it.
    pub fn over(&self, id: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self
                .at_last(|server| server.get(&format!("/api/executions/{id}")))
                .json();
            let execution = answer["execution"].clone();
            if execution["notified_at"].is_string() {
                return execution;
            }
            assert!(
                Instant::now() < deadline,
                "{id} does not end: {execution:#}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub fn deliver(address: SocketAddr, id: &str, event: &str, body: &[u8]) -> std::io::Result<Answer> {
    let signature = secrets().sign(body).unwrap();
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", event),
        ("x-github-delivery", id),
    ];
    ask(address, "POST", "/webhook", &headers, body)
}

pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    ));
    let mut stream = connect(address)?;
    // A server that has heard enough hangs up before we have said it all; its answer is there still.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    read_answer(&mut stream)
}

/// Reads to the end of the connection.
pub fn read_answer(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    if bytes.is_empty() {
        read?;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}

/// A pull request's event.
pub fn pull_request(action: &str, number: u64, head: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "action": action, "number": number,
        "pull_request": {"number": number, "updated_at": "2026-01-02T03:04:05Z", "head": {"sha": head}},
        "repository": {"id": 1, "full_name": "octo/shop", "owner": {"login": "octo"}},
        "installation": {"id": 5}, "sender": {"id": 9},
    });
    body.to_string().into_bytes()
}
