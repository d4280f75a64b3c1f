//! What a delivery means: one envelope at the door, whatever the forge calls it.

pub mod comment;
pub mod github;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::body::{self, BodyError};
use crate::id::{DeliveryId, TenantId};
use crate::ports::blob::BlobRef;
use crate::stream::hex;
use crate::time::Timestamp;

/// A delivery, normalised; a mailbox item of a lane.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The event's name, e.g. `pull_request`.
    pub event_type: String,
    /// What happened, if the event says.
    pub action: Option<String>,
    /// What it is about.
    pub about: About,
    /// When it came.
    pub received_at: Timestamp,
    /// The key of its meaning, if it has one.
    pub semantic: Option<String>,
    /// The operator who replays it, if it is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_by: Option<String>,
    /// What was asked for within Pullmill, if it does not come from a forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What became of it.
    pub disposition: Option<Disposition>,
}

/// What is asked for within Pullmill: a review, or a look at documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The command, e.g. `command-17`, or [`AUTO`].
    pub by: String,
    /// Whether to say again what was said before.
    #[serde(default)]
    pub is_full: bool,
    /// Whose findings are said; empty for all.
    #[serde(default)]
    pub agents: Vec<String>,
}

/// Who asks for a review that nobody gave a command for.
pub const AUTO: &str = "auto";

impl Asked {
    /// Whether a person has asked.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.by != AUTO
    }
}

/// What an event is about, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The installation it comes through.
    pub installation: Option<u64>,
    /// The repository's number.
    pub repo_id: Option<u64>,
    /// `owner/name`.
    pub repo: Option<String>,
    /// The pull request.
    pub pr_number: Option<u64>,
    /// The comment.
    pub comment_id: Option<u64>,
    /// The pull request's head.
    pub head: Option<String>,
    /// The branch it is to be merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether it is a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_draft: Option<bool>,
    /// When the pull request was last changed.
    pub updated_at: Option<Timestamp>,
    /// Who did it.
    pub sender_id: Option<u64>,
    /// What they are called, for rules and for asking what they may do; only their number counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The line of the comment that begins like a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The comment that began the conversation at a line which the comment is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<u64>,
    /// The file whose line the comment stands at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line at head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// What was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// As it came.
    Inline(Box<RawValue>),
    /// Large ones are blobs.
    Blob(BlobRef),
}

/// A payload with more bytes is a blob.
pub const MAX_INLINE: usize = 64 << 10;

/// What became of an acknowledged delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Disposition {
    /// An execution acts on it.
    Effected(String),
    /// Nothing acts on it, for this reason.
    Ignored(String),
    /// A newer delivery says all that it says.
    Superseded(String),
    /// It could not be acted on.
    Failed(String),
}

/// The marker of a delivery: that it was taken, and what was sent. Written once, so that a lane never moves large bodies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Marker {
    /// SHA-256 of the body, in hexadecimal digits.
    pub body_hash: String,
    /// When it was taken.
    pub at: Timestamp,
    /// Where its envelope lies: partition and name. `None` if it was disposed of at the door.
    pub envelope: Option<(String, String)>,
    /// What became of it at the door.
    pub disposition: Option<Disposition>,
    /// What was sent, if something may follow from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

impl Marker {
    /// Its body with what was sent in it: JSON that was checked is put in as it is, not read and written once more.
    pub fn encode(mut self, payload: Option<&str>) -> Result<Bytes, BodyError> {
        let Some(payload) = payload else {
            return body::encode(&self);
        };
        self.payload = None;
        let bytes = body::encode(&self)?;
        // The payload is the last field of the last object.
        let open = bytes.strip_suffix(b"}}").unwrap_or(&bytes);
        let mut spliced = Vec::with_capacity(open.len() + payload.len() + 32);
        spliced.extend_from_slice(open);
        spliced.extend_from_slice(b",\"payload\":{\"inline\":");
        spliced.extend_from_slice(payload.as_bytes());
        spliced.extend_from_slice(b"}}}");
        Ok(spliced.into())
    }
}

/// SHA-256 of a body, in hexadecimal digits.
#[must_use]
pub fn body_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// A digest of parts in order. Lengths go before them, so that no two lists of parts look alike.
#[must_use]
pub fn digest_of(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_payload_that_is_put_in_comes_out() {
        let marker = Marker {
            body_hash: "abc".to_owned(),
            at: Timestamp::from_millis(1),
            envelope: None,
            disposition: None,
            payload: None,
        };
        let sent = r#"{"a":[1,{"b":"}}"}]}"#;
        let bytes = marker.encode(Some(sent)).unwrap();
        let read: Marker = body::decode(&bytes).unwrap();
        let Some(Payload::Inline(inline)) = read.payload else {
            panic!("it is not there");
        };
        assert_eq!(inline.get(), sent);
        assert_eq!(read.body_hash, "abc");
    }

    proptest! {
        #[test]
        fn i4_different_parts_never_share_a_digest(
            a in prop::collection::vec("[a-c#|:0]{0,3}", 0..5),
            b in prop::collection::vec("[a-c#|:0]{0,3}", 0..5),
        ) {
            let digest = |parts: &[String]| {
                digest_of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
            };
            prop_assert_eq!(digest(&a) == digest(&b), a == b);
        }
    }
}
