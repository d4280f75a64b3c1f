//! Turns a review into bytes for people and machines. Whatever comes from the reviewed repository is made harmless here.

mod coverage;
mod escape;
pub mod json;
pub mod markdown;
pub mod sarif;
pub mod text;

#[cfg(test)]
mod sample;
