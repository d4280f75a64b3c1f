//! Hidden markers by which we recognise what we wrote on a forge. They are keyed, so that nobody else can make one.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::effect::Kind;
use crate::event::digest_of;
use crate::stream::hex;

/// The key of all markers of an installation of ours. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MarkerKey([u8; 32]);

impl MarkerKey {
    /// A key from bytes nobody can foresee.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The marker of an object, by the digest of its object key.
    #[must_use]
    pub fn object(&self, kind: Kind, object: &str) -> String {
        let word = kind.word();
        format!(
            "<!-- pullmill:1:{word}:{} -->",
            self.digest(&[word, object])
        )
    }

    /// The marker of a comment about a finding. `pull` tells one pull request from another.
    #[must_use]
    pub fn finding(&self, pull: &str, fingerprint: &str) -> String {
        let digest = self.digest(&["finding", pull, fingerprint]);
        format!("<!-- pullmill:1:finding:{digest}:{fingerprint} -->")
    }

    /// The finding that a comment is about, if its marker is ours and of this pull request.
    #[must_use]
    pub fn read_finding(&self, pull: &str, body: &str) -> Option<String> {
        let (_, rest) = body.rsplit_once("<!-- pullmill:1:finding:")?;
        let (claimed, rest) = rest.split_once(':')?;
        let (fingerprint, _) = rest.split_once(" -->")?;
        let digest = self.digest(&["finding", pull, fingerprint]);
        let is_ours = bool::from(digest.as_bytes().ct_eq(claimed.as_bytes()));
        is_ours.then(|| fingerprint.to_owned())
    }

    fn digest(&self, parts: &[&str]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(digest_of(parts).as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }
}

impl std::fmt::Debug for MarkerKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("MarkerKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_our_own_markers_of_this_pull_request_are_believed(
            key: [u8; 32], other: [u8; 32], fingerprint in "[0-9a-f]{24}-[0-9]", before in "[^<]{0,40}",
        ) {
            prop_assume!(key != other);
            let marker = MarkerKey::new(key).finding("one", &fingerprint);
            let body = format!("{before}\n{marker}");
            let read = |key: [u8; 32], pull: &str| MarkerKey::new(key).read_finding(pull, &body);
            prop_assert_eq!(read(key, "one"), Some(fingerprint.clone()));
            prop_assert_eq!(read(key, "other"), None);
            prop_assert_eq!(read(other, "one"), None);
            let forged = body.replace(&fingerprint, "ffffffffffffffffffffffff-0");
            prop_assert_eq!(MarkerKey::new(key).read_finding("one", &forged), None);
        }
    }
}
