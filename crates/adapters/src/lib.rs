//! Every technology the reviewer talks to, one file each.

pub mod analyzer;
pub mod git;
pub mod patch;
