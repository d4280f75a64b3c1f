//! Blobs, one technology each.

pub mod folder;
#[cfg(feature = "aws")]
pub mod s3;
