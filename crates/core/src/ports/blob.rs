//! Blobs: large bodies, named by their content.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Source;
use super::store::Swept;
use crate::id::TenantId;
use crate::stream::hex;
use crate::time::Timestamp;

/// What a blob is for; decides how long it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobClass {
    /// What a forge sent us.
    Delivery,
    /// What somebody submitted.
    Payload,
    /// What a step made.
    Result,
    /// Where a step stopped to go on later.
    Checkpoint,
}

impl BlobClass {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Delivery,
        Self::Payload,
        Self::Result,
        Self::Checkpoint,
    ];

    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Payload => "payload",
            Self::Result => "result",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// Names a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Whose.
    pub tenant: TenantId,
    /// What for.
    pub class: BlobClass,
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of the content.
    pub size: u64,
}

impl BlobRef {
    /// The name of some content.
    #[must_use]
    pub fn of(tenant: &TenantId, class: BlobClass, body: &[u8]) -> Self {
        Self {
            tenant: tenant.clone(),
            class,
            digest: hex(&Sha256::digest(body)),
            size: body.len() as u64,
        }
    }
}

/// Why there is no blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not there, or no longer.
    #[error("the blob is not there")]
    Missing,
    /// It is larger than the caller takes.
    #[error("the blob has {0} bytes, more than asked for")]
    TooLarge(u64),
    /// What is there is not what was put.
    #[error("the blob is damaged")]
    Damaged,
    /// Try again later.
    #[error("the blobs are not available")]
    Unavailable(#[source] Source),
}

/// Holds large bodies under the digest of their content.
///
/// Every implementation passes `testkit::blobs_contract!`.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps a body. It is durable after `Ok`, so that a commit may speak of it. A second put keeps it alive.
    async fn put(
        &self,
        tenant: &TenantId,
        class: BlobClass,
        body: Bytes,
    ) -> Result<BlobRef, BlobError>;

    /// Reads a body of at most so many bytes and checks its digest.
    async fn get(&self, blob: &BlobRef, at_most: u64) -> Result<Bytes, BlobError>;

    /// Removes blobs of a class that were last put before `before`.
    async fn sweep(
        &self,
        class: BlobClass,
        before: Timestamp,
        max: usize,
    ) -> Result<Swept, BlobError>;
}
