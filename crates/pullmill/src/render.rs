//! The forms of a report.

use pullmill_core::review::Review;

use crate::terminal::Terminal;

/// For people at a terminal.
pub fn text(review: &Review, _terminal: &Terminal) -> String {
    json(review)
}

/// For programs.
pub fn json(review: &Review) -> String {
    serde_json::to_string_pretty(review).unwrap_or_default()
}

/// For pull requests.
pub fn markdown(review: &Review) -> String {
    json(review)
}

/// For code scanning.
pub fn sarif(review: &Review) -> String {
    json(review)
}
