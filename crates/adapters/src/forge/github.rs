//! GitHub as a forge: reads over REST and GraphQL without a checkout, and writes one request at a time.

mod answer;
mod auth;
mod commit;
mod compare;
mod deliveries;
mod http;
pub mod manifest;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::forge::{ForgeError, RepoRef};
use serde_json::{Value, json};

pub use crate::http::AddressError;
pub use auth::{AppKey, KeyError};

use answer::Failed;
use auth::{Scope, Tokens};
use http::{Ask, Http};

/// How long a request may take, by how often it was tried in vain.
const TIMES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];
/// Largest answer.
const MAX_ANSWER: usize = 64 << 20;
/// Things on a page: GitHub gives no more.
const PAGE: usize = 100;
/// More pages than this are no conversation any more.
const MAX_PAGES: usize = 100;

/// Who we are on GitHub, and where it is.
#[derive(Clone, Debug)]
pub struct App {
    /// The App's number.
    pub id: u64,
    /// Its private key.
    pub key: Arc<AppKey>,
    /// The address of the REST API, e.g. `https://api.github.com`, or `https://HOST/api/v3`.
    pub api: String,
}

/// GitHub, as an App sees it.
pub struct GitHub {
    app: App,
    http: Http,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
}

/// On whose behalf something is asked: which repository's, and by whom of us.
#[derive(Clone, Copy)]
struct Reader<'a> {
    repo: &'a RepoRef,
    scope: Scope,
}

impl<'a> Reader<'a> {
    /// An agent.
    fn agent(repo: &'a RepoRef) -> Self {
        let scope = Scope::Read;
        Self { repo, scope }
    }

    /// The sender of commits.
    fn committer(repo: &'a RepoRef) -> Self {
        let scope = Scope::Commit;
        Self { repo, scope }
    }

    /// The sender of effects.
    fn sender(repo: &'a RepoRef) -> Self {
        let scope = Scope::Write;
        Self { repo, scope }
    }
}

impl GitHub {
    /// GitHub at an address. Nothing is asked yet.
    pub fn new(app: App, clock: Arc<dyn Clock>) -> Result<Self, AddressError> {
        Ok(Self {
            http: Http::new(&app.api, Arc::clone(&clock))?,
            tokens: Tokens::default(),
            clock,
            app,
        })
    }

    /// Whether GitHub is on this machine, so that nobody needs to be spared.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.http.is_loopback()
    }

    /// Asks who we are: shows that the address, the App and its key belong together.
    pub async fn introduce(&self) -> Result<String, ForgeError> {
        self.slug().await
    }

    /// Reads something, with up to three tries: what is only read may be asked again.
    async fn get(&self, reader: Reader<'_>, path: &str) -> Result<Value, ForgeError> {
        self.read(reader, |time| Ask::get(path, time)).await
    }

    async fn read<'a>(
        &self,
        reader: Reader<'_>,
        ask: impl Fn(Duration) -> Ask<'a>,
    ) -> Result<Value, ForgeError> {
        let bytes = self.read_bytes(reader, ask).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ForgeError::Unavailable(format!("its answer is no JSON: {error}")))
    }

    async fn read_bytes<'a>(
        &self,
        reader: Reader<'_>,
        ask: impl Fn(Duration) -> Ask<'a>,
    ) -> Result<bytes::Bytes, ForgeError> {
        let mut last = ForgeError::Unavailable(String::new());
        for time in TIMES {
            match self.call(reader, &ask(time)).await {
                Ok(answer) => return Ok(answer.body),
                Err(Failed::NotSent(error) | Failed::Lost(error)) => {
                    last = ForgeError::Unavailable(error);
                }
                Err(failed) => return Err(failed.into()),
            }
        }
        Err(last)
    }

    /// Asks GraphQL something. An answer with errors is none.
    async fn query(
        &self,
        reader: Reader<'_>,
        query: &str,
        variables: Value,
    ) -> Result<Value, ForgeError> {
        let body = json!({"query": query, "variables": variables});
        let answer = self
            .read(reader, |time| Ask::graphql(body.clone(), time))
            .await?;
        answer::graphql(answer).map_err(ForgeError::from)
    }

    /// All of a list, page after page.
    async fn all(
        &self,
        reader: Reader<'_>,
        path: &str,
        list: Option<&str>,
    ) -> Result<Vec<Value>, ForgeError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let mark = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{mark}per_page={PAGE}&page={page}");
            let mut answer = self.get(reader, &path).await?;
            let items = match list {
                Some(list) => answer[list].take(),
                None => answer,
            };
            let Value::Array(items) = items else {
                return Err(ForgeError::Unavailable("its answer is no list".to_owned()));
            };
            let is_last = items.len() < PAGE;
            all.extend(items);
            if is_last {
                return Ok(all);
            }
        }
        Err(ForgeError::Refused("there are too many of them".to_owned()))
    }

    /// One request, with a token for this repository alone. A token that is no longer taken is replaced once.
    async fn call(&self, reader: Reader<'_>, ask: &Ask<'_>) -> Result<http::Answer, Failed> {
        let token = self.token(reader).await?;
        let answer = self.http.ask(ask, &token).await?;
        if answer.status != 401 {
            return answer::checked(answer, self.clock.now());
        }
        self.tokens.forget(reader);
        let token = self.token(reader).await?;
        let answer = self.http.ask(ask, &token).await?;
        answer::checked(answer, self.clock.now())
    }
}

/// The path of a repository.
fn repo_path(repo: &RepoRef) -> String {
    format!("/repos/{}", repo.name)
}

/// A value in a path or a query, every byte that could mean something escaped.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
