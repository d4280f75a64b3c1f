//! Ways to reach the analysis.

pub mod child;
