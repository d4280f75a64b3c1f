//! Who we are: a token signed by the App's key buys tokens of installations, each for one repository and one purpose.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;
use pullmill_core::ports::forge::{ForgeError, RepoRef};
use pullmill_core::time::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::answer::{self, Failed};
use super::http::{Answer, Ask};
use super::{GitHub, Reader, TIMES, repo_path};

/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(300);
/// GitHub takes tokens of an App for ten minutes at most, and clocks differ.
const BACK: Duration = Duration::from_secs(60);
const AHEAD: Duration = Duration::from_secs(540);

/// The private key of an App. It is never shown.
pub struct AppKey(RsaKeyPair);

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no key.
    #[error(
        "it is no private key as GitHub gives it: a PEM file that begins with -----BEGIN RSA PRIVATE KEY-----"
    )]
    Unreadable,
    /// It cannot sign.
    #[error("the key cannot be used: {0}")]
    Unusable(String),
}

impl AppKey {
    /// Reads a key in PEM form, as GitHub gives it (PKCS#1) or as others write it (PKCS#8).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::Unreadable)?;
        let pair = match &key {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            _ => return Err(KeyError::Unreadable),
        };
        match pair {
            Ok(pair) => Ok(Self(pair)),
            Err(error) => Err(KeyError::Unusable(error.to_string())),
        }
    }

    /// A JSON web token that says who we are (RFC 7519, RS256).
    fn sign(&self, app: u64, now: Timestamp) -> Result<String, Failed> {
        let seconds = |at: Timestamp| at.millis() / 1000;
        let head = json!({"alg": "RS256", "typ": "JWT"}).to_string();
        let claims = json!({
            "iat": seconds(now - BACK), "exp": seconds(now + AHEAD), "iss": app.to_string(),
        });
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(head),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        );
        signed.map_err(|_| Failed::Refused("the App's key cannot sign".to_owned()))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("AppKey")
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Agents read.
    Read,
    /// The sender writes reviews, comments and checks.
    Write,
    /// The sender writes commits.
    Commit,
}

impl Scope {
    fn permissions(self) -> Value {
        match self {
            Self::Read => json!({"contents": "read", "pull_requests": "read"}),
            Self::Write => json!({"checks": "write", "pull_requests": "write"}),
            Self::Commit => json!({"contents": "write"}),
        }
    }
}

impl Reader<'_> {
    fn key(self) -> (u64, u64, Scope) {
        (self.repo.installation, self.repo.id, self.scope)
    }
}

struct Token {
    value: String,
    good_until: Timestamp,
}

/// Tokens that are still good, in memory alone.
#[derive(Default)]
pub(super) struct Tokens {
    known: Mutex<BTreeMap<(u64, u64, Scope), Token>>,
    slug: Mutex<Option<String>>,
}

impl Tokens {
    pub(super) fn forget(&self, reader: Reader<'_>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&reader.key());
    }

    fn get(&self, reader: Reader<'_>, now: Timestamp) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, token| now < token.good_until);
        let token = known.get(&reader.key())?;
        Some(token.value.clone())
    }

    fn put(&self, reader: Reader<'_>, token: Token) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(reader.key(), token);
    }
}

impl GitHub {
    /// A token for a repository and a purpose: a known one, or a new one.
    pub(super) async fn token(&self, reader: Reader<'_>) -> Result<String, Failed> {
        let now = self.clock.now();
        if let Some(token) = self.tokens.get(reader, now) {
            return Ok(token);
        }
        let Reader { repo, scope } = reader;
        let path = format!("/app/installations/{}/access_tokens", repo.installation);
        let ask = Ask {
            method: Method::POST,
            body: Some(json!({
                "repository_ids": [repo.id], "permissions": scope.permissions(),
            })),
            ..Ask::get(&path, TIMES[1])
        };
        // A token that nobody heard of does no harm, so this is as good as a read.
        let answer = match self.as_app(&ask).await {
            Err(Failed::Lost(error)) => return Err(Failed::NotSent(error)),
            answer => answer?,
        };
        let unusable = || Failed::NotSent("its answer has no token".to_owned());
        let value = answer["token"].as_str().ok_or_else(unusable)?.to_owned();
        let end = answer["expires_at"].as_str().and_then(Timestamp::parse);
        let token = Token {
            good_until: end.ok_or_else(unusable)? - MARGIN,
            value: value.clone(),
        };
        self.tokens.put(reader, token);
        Ok(value)
    }

    /// The App's name: its account is `NAME[bot]`.
    pub(super) async fn slug(&self) -> Result<String, ForgeError> {
        let known = |slug: &Mutex<Option<String>>| {
            slug.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        if let Some(slug) = known(&self.tokens.slug) {
            return Ok(slug);
        }
        let app = self.as_app(&Ask::get("/app", TIMES[1])).await?;
        let slug = app["slug"].as_str().unwrap_or_default().to_owned();
        if slug.is_empty() || app["id"].as_u64() != Some(self.app.id) {
            return Err(ForgeError::Refused(format!(
                "the key is not that of App {}",
                self.app.id
            )));
        }
        let mut place = self
            .tokens
            .slug
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(slug.clone());
        Ok(slug)
    }

    /// What we may do to a repository, as its owner has agreed.
    pub(super) async fn installation(&self, repo: &RepoRef) -> Result<Value, ForgeError> {
        let path = format!("{}/installation", repo_path(repo));
        Ok(self.as_app(&Ask::get(&path, TIMES[1])).await?)
    }

    async fn as_app(&self, ask: &Ask<'_>) -> Result<Value, Failed> {
        let answer = self.answer_to_app(ask).await?;
        serde_json::from_slice(&answer.body)
            .map_err(|error| Failed::Lost(format!("its answer is no JSON: {error}")))
    }

    pub(super) async fn answer_to_app(&self, ask: &Ask<'_>) -> Result<Answer, Failed> {
        let token = self.app.key.sign(self.app.id, self.clock.now())?;
        let answer = self.http.ask(ask, &token).await?;
        answer::checked(answer, self.clock.now())
    }
}
