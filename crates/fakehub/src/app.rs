//! The one App that is installed: checks the tokens it signs and those it was given.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::state::{State, Token};

/// The App's number.
pub const APP: u64 = 4242;
/// The App's name.
pub const SLUG: &str = "pullmill-fake";
/// Its installation.
pub const INSTALLATION: u64 = 777;
/// The App's private key, which opens nothing but this fake.
pub const APP_KEY: &str = include_str!("app.pem");
/// The App's account.
pub(crate) const BOT: u64 = 9_000;

/// Whom a request comes from.
pub(crate) enum Caller {
    /// The App itself.
    App,
    /// An installation, with a token.
    Installation(Token),
}

/// An answer that says no: status and message.
pub(crate) type No = (u16, String);

fn no(status: u16, message: &str) -> No {
    (status, message.to_owned())
}

/// Says who sent a request.
pub(crate) fn caller(state: &State, authorization: Option<&str>) -> Result<Caller, No> {
    let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| no(401, "Requires authentication"))?;
    if token.contains('.') {
        return check_jwt(token).map(|()| Caller::App);
    }
    let known = state.tokens.iter().find(|known| known.value == token);
    match known {
        Some(known) if known.ends > SystemTime::now() => Ok(Caller::Installation(known.clone())),
        _ => Err(no(401, "Bad credentials")),
    }
}

fn check_jwt(token: &str) -> Result<(), No> {
    let bad = || no(401, "A JSON web token could not be decoded");
    let (text, signature) = token.rsplit_once('.').ok_or_else(bad)?;
    let (_, claims) = text.split_once('.').ok_or_else(bad)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad())?;
    let key = PrivateKeyDer::from_pem_slice(APP_KEY.as_bytes()).map_err(|_| bad())?;
    let PrivateKeyDer::Pkcs1(key) = &key else {
        return Err(bad());
    };
    let pair = RsaKeyPair::from_der(key.secret_pkcs1_der()).map_err(|_| bad())?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public
        .verify(text.as_bytes(), &signature)
        .map_err(|_| bad())?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| bad())?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| bad())?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let (issued, ends) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    let (issued, ends) = issued.zip(ends).ok_or_else(bad)?;
    if issued > now || ends <= now || ends > now + 600 {
        return Err(no(
            401,
            "'Expiration time' claim ('exp') is too far in the future, or is over",
        ));
    }
    if claims["iss"] != APP.to_string().as_str() {
        return Err(no(401, "Integration not found"));
    }
    Ok(())
}

/// Gives a token, narrowed as asked.
pub(crate) fn give_token(state: &mut State, installation: &str, body: &Value) -> Result<Value, No> {
    if installation != INSTALLATION.to_string() {
        return Err(no(404, "Not Found"));
    }
    if state.is_suspended {
        return Err(no(403, "This installation has been suspended"));
    }
    let ids = body["repository_ids"].as_array();
    let repositories: Vec<u64> = match ids {
        Some(ids) => ids.iter().filter_map(Value::as_u64).collect(),
        None => state.repos.keys().copied().collect(),
    };
    if repositories.iter().any(|id| !state.repos.contains_key(id)) {
        return Err(no(
            422,
            "There is at least one repository that does not exist or is not accessible",
        ));
    }
    if body["permissions"]["contents"] == "write" && !state.may_commit {
        return Err(no(
            422,
            "The permissions requested are not granted to this installation.",
        ));
    }
    let number = state.next_id();
    let token = Token {
        value: format!("ghs_fake{number:08}"),
        repositories,
        permissions: body["permissions"].clone(),
        ends: SystemTime::now() + state.token_life,
    };
    let ends = crate::state::rfc3339(token.ends);
    let answer = json!({
        "token": token.value, "expires_at": ends, "permissions": token.permissions,
    });
    state.tokens.push(token);
    Ok(answer)
}

/// How long tokens live on GitHub.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(3600);

impl Token {
    /// Whether it may do something to a repository.
    pub(crate) fn check(&self, repo: u64, permission: &str, is_write: bool) -> Result<(), No> {
        if !self.repositories.contains(&repo) {
            return Err(no(404, "Not Found"));
        }
        // Every token may read what a repository is called and who may do what.
        let has = match permission {
            "metadata" => "read",
            permission => self.permissions[permission].as_str().unwrap_or_default(),
        };
        match (has, is_write) {
            ("write", _) | ("read", false) => Ok(()),
            _ => Err(no(403, "Resource not accessible by integration")),
        }
    }
}
