//! Blobs, one technology each, and how they are packed.

use std::io::{self, Read};

use bytes::Bytes;
use pullmill_core::ports::blob::{BlobError, BlobRef};

pub mod folder;
#[cfg(feature = "aws")]
pub mod s3;

/// Good for what is read seldom.
const LEVEL: i32 = 3;

/// Packs a body.
fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    zstd::encode_all(body, LEVEL)
}

/// Unpacks a body of at most so many bytes, and makes sure that it is the one that is meant.
fn unpack(packed: impl Read, blob: &BlobRef, at_most: u64) -> Result<Bytes, BlobError> {
    let mut body = Vec::new();
    let reader = zstd::Decoder::new(packed).map_err(|_| BlobError::Damaged)?;
    reader
        .take(at_most.saturating_add(1))
        .read_to_end(&mut body)
        .map_err(|_| BlobError::Damaged)?;
    if body.len() as u64 > at_most {
        return Err(BlobError::TooLarge(blob.size));
    }
    if BlobRef::of(&blob.tenant, blob.class, &body) != *blob {
        return Err(BlobError::Damaged);
    }
    Ok(body.into())
}
