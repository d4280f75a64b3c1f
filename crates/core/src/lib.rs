//! What is true about a change and what should follow from it. No runtime, no input or output, no clock.

pub mod assemble;
pub mod baseline;
pub mod change;
pub mod coverage;
pub mod finding;
pub mod hunk;
pub mod job;
pub mod policy;
pub mod review;
pub mod risk;
pub mod verdict;
