//! Webhook signatures: HMAC-SHA256 over the raw body, compared in constant time, before anything is parsed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// A secret with fewer bytes could be guessed.
pub const MIN_SECRET: usize = 32;
/// The newest secret and the one before it, so that rotation loses nothing.
pub const MAX_SECRETS: usize = 2;

/// The secrets that are valid now, newest first. They are never shown. By default there is none, and nothing is verified.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Vec<u8>>);

/// Why secrets cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// One is too short.
    #[error("a webhook secret has at least {MIN_SECRET} bytes, this one has {0}")]
    TooShort(usize),
    /// There are too many.
    #[error(
        "there are at most {MAX_SECRETS} webhook secrets, the newest and the one before it; {0} were given"
    )]
    TooMany(usize),
}

/// Whether a body was signed with one of our secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By the newest secret.
    Newest,
    /// By the one before it: somebody has not rotated yet.
    Older,
    /// By none.
    No,
}

impl Secrets {
    /// Checks secrets. Short ones are for development only.
    pub fn new(secrets: Vec<Vec<u8>>, allows_short: bool) -> Result<Self, SecretError> {
        if secrets.len() > MAX_SECRETS {
            return Err(SecretError::TooMany(secrets.len()));
        }
        let least = if allows_short { 1 } else { MIN_SECRET };
        match secrets.iter().find(|secret| secret.len() < least) {
            Some(short) => Err(SecretError::TooShort(short.len())),
            None => Ok(Self(secrets)),
        }
    }

    /// Whether there is none, so that nothing can be verified.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a body against the header `X-Hub-Signature-256`. All secrets are tried, whichever fits.
    #[must_use]
    pub fn verify(&self, header: &[u8], body: &[u8]) -> Signed {
        let Some(claimed) = parse(header) else {
            return Signed::No;
        };
        let fits: Vec<Choice> = self
            .0
            .iter()
            .map(|secret| digest(secret, body).ct_eq(&claimed))
            .collect();
        match fits.iter().position(|fits| bool::from(*fits)) {
            Some(0) => Signed::Newest,
            Some(_) => Signed::Older,
            None => Signed::No,
        }
    }

    /// Signs a body as the forge would.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> Option<String> {
        let digest = digest(self.0.first()?, body);
        Some(format!("sha256={}", crate::stream::hex(&digest)))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} secrets", self.0.len())
    }
}

fn digest(secret: &[u8], body: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return [0; 32];
    };
    mac.update(body);
    mac.finalize().into_bytes().into()
}

fn parse(header: &[u8]) -> Option<[u8; 32]> {
    let digits = header.strip_prefix(b"sha256=")?;
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// GitHub's own example.
    const HEADER: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secrets(texts: &[&str]) -> Secrets {
        let texts = texts.iter().map(|text| text.as_bytes().to_vec());
        Secrets::new(texts.collect(), true).unwrap()
    }

    #[test]
    fn the_example_of_github_verifies_under_either_secret() {
        let known = "It's a Secret to Everybody";
        let body = b"Hello, World!";
        assert_eq!(
            secrets(&[known]).verify(HEADER.as_bytes(), body),
            Signed::Newest
        );
        assert_eq!(
            secrets(&["new", known]).verify(HEADER.as_bytes(), body),
            Signed::Older
        );
        assert_eq!(
            secrets(&["new"]).verify(HEADER.as_bytes(), body),
            Signed::No
        );
        assert_eq!(secrets(&[]).verify(HEADER.as_bytes(), body), Signed::No);
        assert_eq!(secrets(&[known]).sign(body).unwrap(), HEADER);
    }

    #[test]
    fn short_secrets_are_refused_outside_development() {
        let short = Secrets::new(vec![vec![b'x'; 31]], false);
        assert_eq!(short.unwrap_err(), SecretError::TooShort(31));
        assert!(Secrets::new(vec![vec![b'x'; 32]], false).is_ok());
        assert!(Secrets::new(vec![vec![]], true).is_err());
        assert!(Secrets::new(vec![vec![b'x'; 32]; 3], false).is_err());
    }

    proptest! {
        #[test]
        fn nothing_else_verifies(body: Vec<u8>, other: Vec<u8>, flip in 0_usize..71, bit in 0_u8..8) {
            let secrets = secrets(&["a secret of some length"]);
            let header = secrets.sign(&body).unwrap();
            prop_assert_eq!(secrets.verify(header.as_bytes(), &body), Signed::Newest);
            let mut forged = header.clone().into_bytes();
            forged[flip] ^= 1 << bit;
            prop_assert_eq!(secrets.verify(&forged, &body), Signed::No);
            prop_assert_eq!(secrets.verify(&other, &body), Signed::No);
            if other != body {
                prop_assert_eq!(secrets.verify(header.as_bytes(), &other), Signed::No);
            }
        }
    }
}
