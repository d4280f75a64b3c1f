//! The review as JSON, in the form of `schema/review.schema.json`.

use pullmill_core::review::Review;

use pullmill_core::escape;

/// The review as pretty JSON with a line end behind it.
///
/// # Errors
/// If the value cannot be written as JSON, which its types rule out.
pub fn render(review: &Review) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(review)?;
    Ok(escape::json(&text) + "\n")
}

#[cfg(test)]
mod tests;
