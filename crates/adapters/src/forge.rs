//! Forges.

pub mod github;
