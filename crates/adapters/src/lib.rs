//! Every technology the reviewer talks to, one file each.

pub mod analyzer;
#[cfg(feature = "aws")]
pub mod aws;
pub mod blob;
pub mod clock;
pub mod forge;
pub mod git;
mod http;
pub mod model;
pub mod patch;
pub mod store;
