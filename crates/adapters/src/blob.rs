//! Blobs, one technology each.

pub mod folder;
