//! Names of rules in the configuration: one rule, or all rules that begin alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::is_named_by;

/// A rule's id, or the beginning of ids followed by `.*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RulePattern(String);

/// The text names no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rule id such as `python.weak-hash`, or all rules that begin alike such as `python.*`")]
pub struct BadRulePattern;

impl RulePattern {
    /// Takes an id or a beginning followed by `.*`. Not `*`: all rules cannot be meant at once.
    ///
    /// # Errors
    /// If the text has another form.
    pub fn new(text: &str) -> Result<Self, BadRulePattern> {
        let segments: Vec<&str> = text.split('.').collect();
        let Some((last, first)) = segments.split_last() else {
            return Err(BadRulePattern);
        };
        let is_good = text.len() <= 128
            && !first.is_empty()
            && first.iter().all(|segment| is_segment(segment))
            && (*last == "*" || is_segment(last));
        if is_good {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadRulePattern)
        }
    }

    /// Whether a rule of this id is meant.
    #[must_use]
    pub fn matches(&self, rule: &str) -> bool {
        is_named_by(rule, &self.0)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RulePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<RulePattern> for String {
    fn from(pattern: RulePattern) -> Self {
        pattern.0
    }
}

impl TryFrom<String> for RulePattern {
    type Error = BadRulePattern;

    fn try_from(text: String) -> Result<Self, BadRulePattern> {
        Self::new(&text)
    }
}

fn is_segment(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_good)
}
