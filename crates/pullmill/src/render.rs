//! Turns a review into bytes for people and machines. Whatever comes from the reviewed repository is made harmless here.

pub mod github;
pub mod json;
#[cfg(test)]
mod markdown;
pub mod rdjson;
pub mod sarif;
pub mod text;

#[cfg(test)]
mod sample;
