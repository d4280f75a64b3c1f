//! The analyzer: reviews a change where nothing of value can be hurt.

use async_trait::async_trait;

use crate::change::Change;
use crate::review::Review;

/// Why there is no review.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// The analysis cannot be started now.
    #[error("the analysis is not available: {0}")]
    Unavailable(String),
    /// The analysis is broken, whatever the change.
    #[error("the analysis does not work: {0}")]
    Broken(String),
}

/// Reviews a change with the built-in rules.
///
/// What could not be assessed is part of the review, never an error. A caller who drops the future ends the work.
#[async_trait]
pub trait Analyzer: Send + Sync {
    /// Reviews a change.
    async fn review(&self, change: Change) -> Result<Review, AnalyzerError>;
}
