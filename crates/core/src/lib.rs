//! What is true about a change and what should follow from it. No runtime, no input or output, no clock.

pub mod assemble;
pub mod baseline;
pub mod body;
pub mod breaker;
pub mod change;
pub mod coverage;
pub mod event;
pub mod execution;
pub mod finding;
pub mod hunk;
pub mod id;
pub mod job;
pub mod keys;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod retry;
pub mod review;
pub mod risk;
pub mod routing;
pub mod signature;
pub mod stream;
pub mod strict;
pub mod task;
pub mod time;
pub mod verdict;
