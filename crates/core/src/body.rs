//! Bodies of records: JSON that says its version, so that an older program leaves alone what a newer one wrote.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A newer program wrote it.
    #[error("it was written by a newer version (format {0})")]
    Newer(u64),
    /// It is no such body.
    #[error("it is damaged: {0}")]
    Broken(String),
}

/// The version that this program writes.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u64,
    body: T,
}

#[derive(Deserialize)]
struct Head {
    v: u64,
}

/// Writes a body.
pub fn encode<T: Serialize>(value: &T) -> Result<Bytes, BodyError> {
    let body = Versioned {
        v: VERSION,
        body: value,
    };
    match serde_json::to_vec(&body) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(BodyError::Broken(error.to_string())),
    }
}

/// Reads a body.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    match serde_json::from_slice::<Versioned<T>>(bytes) {
        Ok(versioned) if versioned.v <= VERSION => Ok(versioned.body),
        result => {
            let newer = serde_json::from_slice::<Head>(bytes).ok();
            match (newer, result) {
                (Some(head), _) if head.v > VERSION => Err(BodyError::Newer(head.v)),
                (_, Err(error)) => Err(BodyError::Broken(error.to_string())),
                (_, Ok(versioned)) => Err(BodyError::Newer(versioned.v)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Example {
        name: String,
        number: u64,
    }

    #[test]
    fn a_body_says_its_version() {
        let example = Example {
            name: "a".to_owned(),
            number: u64::MAX,
        };
        let bytes = encode(&example).unwrap();
        assert_eq!(
            &bytes[..],
            br#"{"v":1,"body":{"name":"a","number":18446744073709551615}}"#
        );
        assert_eq!(decode::<Example>(&bytes), Ok(example));
        assert_eq!(
            decode::<Example>(br#"{"v":2,"body":{"label":"a"}}"#),
            Err(BodyError::Newer(2))
        );
        assert!(matches!(
            decode::<Example>(b"{}"),
            Err(BodyError::Broken(_))
        ));
    }
}
