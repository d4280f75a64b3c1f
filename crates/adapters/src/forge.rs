//! Forges.

pub mod github;
pub mod local;
