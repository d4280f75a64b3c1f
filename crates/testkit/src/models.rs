//! A provider of models on loopback that says what a test wants it to say, in the words of Anthropic, OpenAI or Google.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// A question as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The path, which says in whose words it is.
    pub path: String,
    /// Headers, in small letters.
    pub headers: Vec<(String, String)>,
    /// The whole of it.
    pub body: Value,
    /// What the model is to do.
    pub system: String,
    /// What it is to do it with.
    pub content: String,
}

impl Asked {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The files that are shown.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let lines = self
            .content
            .lines()
            .filter_map(|line| line.strip_prefix("### "));
        lines
            .filter_map(|line| Some(line.rsplit_once(" (")?.0.to_owned()))
            .collect()
    }

    /// Tokens of all that is sent: what is to be done, what with, and what the answer must look like.
    #[must_use]
    pub fn tokens(&self) -> usize {
        let schema = [
            "/tools/0/input_schema",
            "/response_format",
            "/generationConfig/responseJsonSchema",
            "/toolConfig/tools/0/toolSpec/inputSchema/json",
        ];
        let schema = schema.iter().find_map(|place| self.body.pointer(place));
        let schema = schema.map_or(0, |schema| tokens(&schema.to_string()));
        tokens(&self.system) + tokens(&self.content) + schema
    }

    /// An answer as long as a diligent reviewer's: a paragraph, a sentence for every file, and a finding with a line in place
    /// of the old one for every sixty lines that the change wrote, ten at most.
    #[must_use]
    pub fn diligent(&self) -> Value {
        let mut answer = self.honest();
        answer["overview"] = json!(
            "It moves the work of the old loop into a function of its own and gives every caller the same way in. \
             This matters because two of them had drifted apart, and one kept a connection open after an error. \
             The queue, the store and the command line are touched; what is written to disk stays as it was."
        );
        let files = self.files();
        let files = files.iter().map(|path| {
            json!({"path": path, "what": "Takes the new function in and leaves out what it did by itself before."})
        });
        answer["files"] = files.collect::<Vec<_>>().into();
        let mut path = String::new();
        let mut findings: Vec<Value> = Vec::new();
        let mut seen = 0;
        for line in self.content.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                path = heading
                    .rsplit_once(" (")
                    .map_or(heading, |(path, _)| path)
                    .to_owned();
            }
            let digits = line.chars().take_while(char::is_ascii_digit).count();
            let Some(text) = line[digits..].strip_prefix('+').filter(|_| digits > 0) else {
                continue;
            };
            seen += 1;
            if seen % 60 != 30 || text.trim().len() < 3 || findings.len() == 10 {
                continue;
            }
            findings.push(json!({
                "agent": "bugs", "severity": "medium", "confidence": "medium", "path": path,
                "line": line[..digits].parse::<u32>().unwrap_or(0), "quote": text,
                "title": "the error of this call is dropped, so a caller takes a failure for an empty answer",
                "why": "Whoever asks next works with what is not there.", "fix": "Hand the error on.",
                "cwe": 391, "replacement": text,
            }));
        }
        answer["findings"] = findings.into();
        answer
    }

    /// An answer that confirms every file that is shown and finds nothing.
    #[must_use]
    pub fn honest(&self) -> Value {
        let files = self.files();
        let files = files
            .iter()
            .map(|path| json!({"path": path, "what": "Changes what it does."}));
        json!({
            "overview": "It changes what the program does when it is asked to.",
            "files": files.collect::<Vec<_>>(), "findings": [],
        })
    }
}

/// Tokens of a text, by OpenAI's vocabulary o200k.
#[must_use]
pub fn tokens(text: &str) -> usize {
    bpe_openai::o200k_base().count(text)
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These words, to their end.
    Say(String),
    /// These words, and the limit of the answer is reached.
    Cut(String),
    /// Nothing: the model refuses.
    Refuse,
    /// Another status, with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Exactly these bytes behind a status of success, as this type.
    Raw(&'static str, Vec<u8>),
    /// Half of these words, and then the connection is closed.
    Break(String),
    /// Nothing ever, not even a status.
    Hang,
    /// A beginning, and then nothing ever.
    Stall,
    /// Words without an end.
    Endless,
}

/// Says what is answered.
pub type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The provider. It ends with the test.
pub struct ModelServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// Starts on a free port.
    ///
    /// # Panics
    /// If there is no port.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without a server has failed")]
    pub fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (asked, ends) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let script: Script = Arc::new(script);
        let thread = {
            let (asked, ends) = (Arc::clone(&asked), Arc::clone(&ends));
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if ends.load(Ordering::Acquire) {
                        return;
                    }
                    let (asked, ends) = (Arc::clone(&asked), Arc::clone(&ends));
                    let script = Arc::clone(&script);
                    std::thread::spawn(move || {
                        // A client that goes away is no failure of the server.
                        let _ = serve(stream, &script, &asked, &ends);
                    });
                }
            })
        };
        Self {
            address,
            asked,
            ends,
            thread: Some(thread),
        }
    }

    /// Where it is, e.g. `http://127.0.0.1:4711`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A configuration in which this is the only provider, in the words of `kind`, with one model, `scripted`, of a window.
    #[must_use]
    pub fn config(&self, kind: &str, window: u32) -> String {
        let root = if kind == "openai" { "/v1" } else { "" };
        format!(
            "[tiers]\nfast = [\"scripted\"]\nbalanced = [\"scripted\"]\ndeep = [\"scripted\"]\n\
             [limits]\nretries = 0\n\
             [providers.scripted]\nkind = \"{kind}\"\nendpoint = \"{}{root}\"\n\
             [models.scripted]\nprovider = \"scripted\"\nid = \"scripted-1\"\nwindow = {window}\n\
             usd = {{ input = 3.0, output = 15.0, cache_read = 0.3, cache_write = 3.75 }}\n\
             source = \"a test\"\ndate = \"2026-01-01\"\ntokens = 1.0\n",
            self.url()
        )
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // It waits for a connection; one more lets it see the end.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    stream: TcpStream,
    script: &Script,
    all: &Mutex<Vec<Asked>>,
    ends: &AtomicBool,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let asked = read(&mut reader)?;
    all.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked.clone());
    let wire = Wire::of(&asked.path);
    let reply = script(&asked);
    let mut stream = stream;
    match reply {
        Reply::Say(text) => stream.write_all(&wire.whole(&wire.events(&asked, &text, "done"))),
        Reply::Cut(text) => stream.write_all(&wire.whole(&wire.events(&asked, &text, "length"))),
        Reply::Refuse => stream.write_all(&wire.whole(&wire.events(&asked, "", "refused"))),
        Reply::Status(status, headers, body) => {
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
            )
        }
        Reply::Raw(kind, bytes) => {
            let length = bytes.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
            )?;
            stream.write_all(&bytes)
        }
        Reply::Break(text) => {
            let bytes = wire.whole(&wire.events(&asked, &text, "done"));
            stream.write_all(&bytes[..bytes.len() / 2])
        }
        Reply::Hang => wait(ends),
        Reply::Stall => {
            stream.write_all(&wire.begin())?;
            wait(ends)
        }
        Reply::Endless => {
            stream.write_all(&wire.begin())?;
            let piece = wire.piece("and so on and so on ");
            loop {
                stream.write_all(&piece)?;
            }
        }
    }
}

/// A message of Amazon's event stream: <https://smithy.io/2.0/aws/amazon-eventstream.html>.
fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let payload = payload.to_string();
    let mut headers = Vec::new();
    let pairs = [
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    for (name, value) in pairs {
        headers.push(u8::try_from(name.len()).unwrap_or(0));
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(0).to_be_bytes();
    let mut out = Vec::new();
    out.extend(length(16 + headers.len() + payload.len()));
    out.extend(length(headers.len()));
    out.extend(crc32(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload.as_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out
}

/// The checksum of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// Waits for the end of the test, or of a minute.
fn wait(ends: &AtomicBool) -> std::io::Result<()> {
    for _ in 0..600 {
        if ends.load(Ordering::Acquire) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |places: &[&str]| {
        let found = places
            .iter()
            .find_map(|place| body.pointer(place)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    let content = match body.pointer("/messages/1") {
        Some(_) => text(&["/messages/1/content"]),
        None => text(&[
            "/messages/0/content",
            "/messages/0/content/0/text",
            "/contents/0/parts/0/text",
        ]),
    };
    let system = text(&[
        "/system/0/text",
        "/messages/0/content",
        "/systemInstruction/parts/0/text",
    ]);
    Ok(Asked {
        path,
        headers,
        body,
        system,
        content,
    })
}

/// Whose words.
#[derive(Clone, Copy)]
enum Wire {
    Anthropic,
    OpenAi,
    Gemini,
    Bedrock,
}

impl Wire {
    fn of(path: &str) -> Self {
        match path {
            path if path.ends_with("/messages") => Self::Anthropic,
            path if path.contains("GenerateContent") => Self::Gemini,
            path if path.ends_with("/converse-stream") => Self::Bedrock,
            _ => Self::OpenAi,
        }
    }

    /// How an answer begins.
    fn begin(self) -> Vec<u8> {
        let kind = match self {
            Self::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream",
        };
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {kind}\r\n\r\n").into_bytes()
    }

    /// A whole answer with its head.
    fn whole(self, events: &[u8]) -> Vec<u8> {
        [self.begin(), events.to_vec()].concat()
    }

    fn piece(self, text: &str) -> Vec<u8> {
        let piece = match self {
            Self::Anthropic => json!({
                "type": "content_block_delta", "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": text},
            }),
            Self::OpenAi => json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
            Self::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
            Self::Bedrock => {
                let delta = json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": text}}});
                return event("contentBlockDelta", &delta);
            }
        };
        format!("data: {piece}\n\n").into_bytes()
    }

    fn events(self, asked: &Asked, text: &str, stop: &str) -> Vec<u8> {
        let sent = asked.tokens();
        let (cached, answered) = (tokens(&asked.system) / 2, tokens(text));
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters
            .chunks(40)
            .flat_map(|some| self.piece(&some.iter().collect::<String>()));
        let pieces: Vec<u8> = pieces.collect();
        match self {
            Self::Anthropic => {
                let stop = match stop {
                    "length" => "max_tokens",
                    "refused" => "refusal",
                    _ => "tool_use",
                };
                let start = json!({"type": "message_start", "message": {"id": "msg_1", "usage": {
                    "input_tokens": sent - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
                    "output_tokens": 1,
                }}});
                let delta = json!({
                    "type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": answered},
                });
                let before = format!(
                    "event: message_start\ndata: {start}\n\nevent: ping\ndata: {{\"type\": \"ping\"}}\n\n"
                );
                let after = format!("data: {delta}\n\ndata: {{\"type\": \"message_stop\"}}\n\n");
                [before.as_bytes(), &pieces, after.as_bytes()].concat()
            }
            Self::OpenAi => {
                let stop = match stop {
                    "length" => "length",
                    "refused" => "content_filter",
                    _ => "stop",
                };
                let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": stop}]});
                let usage = json!({"choices": [], "usage": {
                    "prompt_tokens": sent, "completion_tokens": answered,
                    "prompt_tokens_details": {"cached_tokens": cached},
                }});
                let after = format!("data: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
                [pieces, after.into_bytes()].concat()
            }
            Self::Gemini => {
                let stop = match stop {
                    "length" => "MAX_TOKENS",
                    "refused" => "SAFETY",
                    _ => "STOP",
                };
                let last = json!({
                    "candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": stop}],
                    "usageMetadata": {
                        "promptTokenCount": sent, "cachedContentTokenCount": cached, "candidatesTokenCount": answered,
                    },
                    "responseId": "resp-1",
                });
                [pieces, format!("data: {last}\n\n").into_bytes()].concat()
            }
            Self::Bedrock => {
                let stop = match stop {
                    "length" => "max_tokens",
                    "refused" => "content_filtered",
                    _ => "tool_use",
                };
                let usage = json!({
                    "usage": {
                        "inputTokens": sent - cached, "cacheReadInputTokens": cached, "outputTokens": answered,
                        "totalTokens": sent + answered,
                    },
                    "metrics": {"latencyMs": 1},
                });
                let start = json!({
                    "contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t-1", "name": "review"}},
                });
                [
                    event("messageStart", &json!({"role": "assistant"})),
                    event("contentBlockStart", &start),
                    pieces,
                    event("contentBlockStop", &json!({"contentBlockIndex": 0})),
                    event("messageStop", &json!({"stopReason": stop})),
                    event("metadata", &usage),
                ]
                .concat()
            }
        }
    }
}
