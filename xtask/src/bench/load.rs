//! Sends signed deliveries over kept connections, as many at a time as asked, and counts the answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use pullmill_core::signature::Secrets;
use serde_json::Value;

/// Connections at a time.
const CONCURRENCY: usize = 32;
/// Pull requests that the deliveries are about.
const PULLS: usize = 50;
/// The secret of the bench.
pub(super) const SECRET: &str = "a secret that only the bench knows, and long enough";

/// Deliveries that differ in their head, signed beforehand.
pub(super) struct Deliveries {
    /// The body up to its head, from there to its number, and the rest.
    body: [Vec<u8>; 3],
    signatures: Vec<String>,
}

/// How a run went.
pub(super) struct Run {
    /// Deliveries a second.
    pub(super) rate: f64,
    /// The slowest of a hundred, in milliseconds.
    pub(super) p99: f64,
}

const HEAD: &str = "0123456789012345678901234567890123456789";
const NUMBER: &str = "4242424242";

impl Deliveries {
    /// So many, made of a published payload of a pull request.
    pub(super) fn of_example(examples: &Path, count: usize) -> Result<Self> {
        let text = std::fs::read(examples).context("the published payloads are not there")?;
        let events: Value = serde_json::from_slice(&text)?;
        let mut example = events
            .as_array()
            .into_iter()
            .flatten()
            .find(|event| event["name"] == "pull_request")
            .and_then(|event| event["examples"].as_array()?.first().cloned())
            .context("there is no pull request among the payloads")?;
        example["action"] = "synchronize".into();
        example["pull_request"]["head"]["sha"] = HEAD.into();
        example["pull_request"]["number"] = NUMBER.parse::<u64>()?.into();
        let text = example.to_string();
        let (start, rest) = text.split_once(HEAD).context("the head is not there")?;
        let (middle, end) = rest.split_once(NUMBER).context("the number is not there")?;
        let mut deliveries = Self {
            body: [start, middle, end].map(|part| part.as_bytes().to_vec()),
            signatures: Vec::new(),
        };
        let secrets = Secrets::new(vec![SECRET.into()], false)?;
        for number in 0..count {
            let signature = secrets.sign(&deliveries.body(number)).unwrap_or_default();
            deliveries.signatures.push(signature);
        }
        Ok(deliveries)
    }

    /// Bytes of one body.
    pub(super) fn size(&self) -> usize {
        self.body(0).len()
    }

    fn body(&self, number: usize) -> Vec<u8> {
        let [start, middle, end] = &self.body;
        let head = format!("{number:040x}");
        let pull = (1_000_000_000 + number % PULLS).to_string();
        [
            start.as_slice(),
            head.as_bytes(),
            middle,
            pull.as_bytes(),
            end,
        ]
        .concat()
    }

    fn request(&self, number: usize, run: &str) -> Vec<u8> {
        let body = self.body(number);
        let head = format!(
            "POST /webhook HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-github-event: pull_request\r\n\
             x-github-delivery: {run}-{number}\r\nx-hub-signature-256: {}\r\ncontent-length: {}\r\n\r\n",
            self.signatures[number],
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }

    /// Sends all of them. Every answer has to be a 2xx.
    pub(super) fn send(&self, address: SocketAddr, run: &str) -> Result<Run> {
        let next = AtomicUsize::new(0);
        let times = Mutex::new(Vec::with_capacity(self.signatures.len()));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CONCURRENCY)
                .map(|_| scope.spawn(|| self.client(address, run, &next, &times)))
                .collect();
            for client in clients {
                match client.join() {
                    Ok(result) => result?,
                    Err(_) => bail!("a client panicked"),
                }
            }
            Ok(())
        })?;
        let took = begun.elapsed().as_secs_f64();
        let mut times = times.into_inner().unwrap_or_default();
        times.sort();
        let p99 = times
            .get(times.len() * 99 / 100)
            .copied()
            .unwrap_or_default();
        Ok(Run {
            rate: self.signatures.len() as f64 / took,
            p99: p99.as_secs_f64() * 1e3,
        })
    }

    fn client(
        &self,
        address: SocketAddr,
        run: &str,
        next: &AtomicUsize,
        times: &Mutex<Vec<Duration>>,
    ) -> Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut own = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.signatures.len() {
                break;
            }
            let request = self.request(number, run);
            let begun = Instant::now();
            stream.write_all(&request)?;
            let status = answer(&mut reader)?;
            own.push(begun.elapsed());
            ensure!(
                (200..300).contains(&status),
                "a delivery was answered with {status}"
            );
        }
        if let Ok(mut times) = times.lock() {
            times.extend(own);
        }
        Ok(())
    }
}

/// Reads one answer and gives its status.
fn answer(reader: &mut BufReader<TcpStream>) -> Result<u16> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no answer")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(status)
}
