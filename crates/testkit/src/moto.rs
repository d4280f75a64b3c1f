//! AWS for tests: moto, on a free loopback port. It shows that what we send is understood, not how AWS fails.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The variable that tells tests, and AWS's own tools, where it is.
pub const VARIABLE: &str = "AWS_ENDPOINT_URL";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells tables and buckets of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running server; it ends when this is dropped, and forgets everything.
#[derive(Debug)]
pub struct Server {
    server: Child,
    port: u16,
}

impl Server {
    /// Starts it in a Python that has it.
    pub fn start(python: &Path) -> io::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Command::new(python)
            .args(["-c", include_str!("moto.py"), &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { server, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return Err(io::Error::other("moto does not start"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// What programs must have in their environment to use it instead of AWS.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, PathBuf); 5] {
        [
            (VARIABLE, format!("http://127.0.0.1:{}", self.port)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name, PathBuf::from(value)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The name of a table nobody else uses. Without a server a test fails.
#[must_use]
pub fn fresh_table() -> String {
    endpoint();
    format!("test-{}-data", unique())
}

/// A bucket nobody else uses.
#[must_use]
pub fn fresh_bucket() -> String {
    let name = format!("test-{}", unique());
    if let Err(error) = s3("PUT", &name, b"") {
        panic!("the bucket {name} cannot be made: {error}");
    }
    name
}

fn unique() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", std::process::id())
}

/// The server's host and port.
fn endpoint() -> String {
    let Ok(address) = std::env::var(VARIABLE) else {
        panic!("{VARIABLE} names no server; `cargo xtask test` starts one");
    };
    address.trim_start_matches("http://").to_owned()
}

/// Asks for something in a bucket.
pub fn s3(method: &str, path: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    ask(method, path, "s3", "", body)
}

/// Has DynamoDB do something.
pub fn dynamodb(action: &str, body: &str) -> io::Result<Vec<u8>> {
    let target = format!("x-amz-target: DynamoDB_20120810.{action}\r\n");
    ask("POST", "", "dynamodb", &target, body.as_bytes())
}

/// It looks at no signatures, so a plain request will do.
fn ask(method: &str, path: &str, service: &str, more: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let endpoint = endpoint();
    let mut stream = TcpStream::connect(&endpoint)?;
    let length = body.len();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {endpoint}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request\r\n\
         {more}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
    let body = answer.split_off(end.map_or(answer.len(), |end| end + 4));
    let head = String::from_utf8_lossy(&answer).into_owned();
    match head.contains(" 200 ") || head.contains(" 204 ") {
        true => Ok(body),
        false => Err(io::Error::other(head)),
    }
}
