//! Names of things. Each is checked where it enters, so that a key built from it cannot be ambiguous.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

use crate::time::Timestamp;

/// A name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{shown}` is not usable: {allowed}")]
pub struct IdError {
    what: &'static str,
    shown: String,
    allowed: &'static str,
}

const ALLOWED: &str = "1 to 128 letters, digits, `.`, `_`, `-` or `:`";

fn checked(what: &'static str, text: &str) -> Result<String, IdError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(refused(what, text, ALLOWED))
}

fn refused(what: &'static str, text: &str, allowed: &'static str) -> IdError {
    let shown = text.chars().take(40).flat_map(char::escape_default);
    IdError {
        what,
        shown: shown.collect(),
        allowed,
    }
}

/// What every id can do.
macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the name: letters, digits, `.`, `_`, `-` and `:`, at most 128.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                checked($what, text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        text!($name);
    };
}

id!(
    /// Whose records they are: the forge account of an installation, or `local`.
    TenantId,
    "tenant"
);
id!(
    /// One run of a workflow.
    ExecutionId,
    "execution id"
);
id!(
    /// One signed webhook request, as `X-GitHub-Delivery` names it.
    DeliveryId,
    "delivery id"
);
id!(
    /// A line of due records that some workers serve.
    QueueName,
    "queue"
);
id!(
    /// A workflow.
    WorkflowName,
    "workflow"
);
id!(
    /// A step of a workflow.
    StepName,
    "step"
);
id!(
    /// Who does a step.
    AgentName,
    "agent"
);

impl TenantId {
    /// The tenant of what all tenants share.
    #[must_use]
    pub fn shared() -> Self {
        Self("-".to_owned())
    }

    /// The tenant of everything that belongs to no forge account.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

impl ExecutionId {
    /// A new id, ordered by time.
    #[must_use]
    pub fn new(now: Timestamp, random: u128) -> Self {
        Self(format!("exe_{}", uuid7(now, random)))
    }
}

/// A commit, by all digits of its hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sha(String);

impl Sha {
    /// Checks the hash: 40 or 64 hexadecimal digits, in lower case.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if matches!(text.len(), 40 | 64) && text.bytes().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(refused("commit", text, "40 or 64 hexadecimal digits"))
    }

    /// All digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, as people write them.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

/// A repository as `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepoName(String);

impl RepoName {
    /// Checks the name: two parts of letters, digits, `.`, `_` and `-`, neither of them `.` or `..`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let is_plain = |part: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=100).contains(&part.len())
                && part.bytes().all(is_plain)
                && !part.bytes().all(|byte| byte == b'.')
        };
        match text.split_once('/') {
            Some((owner, name)) if is_plain(owner) && is_plain(name) => Ok(Self(text.to_owned())),
            _ => Err(refused(
                "repository",
                text,
                "`owner/name` of letters, digits, `.`, `_` and `-`",
            )),
        }
    }

    /// `owner/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account it belongs to.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(owner, _)| owner)
    }

    /// Its name there.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }
}

text!(Sha);
text!(RepoName);

/// A UUID of version 7: its text order is the order of its times.
#[must_use]
pub fn uuid7(now: Timestamp, random: u128) -> Uuid {
    let bytes = random.to_be_bytes();
    let mut tail = [0; 10];
    tail.copy_from_slice(&bytes[..10]);
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
}

/// Names a constant of ours; only for text that is plainly allowed.
macro_rules! named {
    ($type:ident) => {
        impl $type {
            /// A name written in our own code.
            #[must_use]
            pub fn constant(text: &'static str) -> Self {
                debug_assert!(Self::parse(text).is_ok(), "{text}");
                Self(text.to_owned())
            }
        }
    };
}

named!(QueueName);
named!(WorkflowName);
named!(StepName);
named!(AgentName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_blur_a_key_are_refused() {
        assert!(TenantId::parse("octo-org").is_ok());
        for text in ["", "a#b", "a/b", "ä", "a b", &"x".repeat(129)] {
            assert!(TenantId::parse(text).is_err(), "{text}");
        }
        let message = TenantId::parse("a#\u{202e}").unwrap_err().to_string();
        assert_eq!(
            message,
            "tenant `a#\\u{202e}` is not usable: 1 to 128 letters, digits, `.`, `_`, `-` or `:`"
        );
    }

    #[test]
    fn later_ids_are_greater() {
        let early = ExecutionId::new(Timestamp::from_millis(1_000), u128::MAX);
        let late = ExecutionId::new(Timestamp::from_millis(1_001), 0);
        assert!(early < late);
    }
}
