//! Data flow: follows untrusted values from where they come in to where they do harm.

use std::sync::Arc;

use serde_json::Value;

use crate::hit::Hit;
use crate::rule::RuleMeta;
use crate::source::Source;

/// The flow rules and the model of one language.
#[derive(Debug, Default)]
pub struct FlowRules;

impl FlowRules {
    /// Puts the models and rules of a language together.
    ///
    /// # Errors
    /// What is wrong with them, by rule.
    pub fn load(
        _models: Vec<Value>,
        _rules: Vec<(Arc<RuleMeta>, Value)>,
    ) -> Result<Self, Vec<String>> {
        Ok(Self)
    }
}

/// Every unbroken way from a source to a sink in a parsed file.
#[must_use]
pub fn analyse(_source: &Source, _rules: &FlowRules) -> Vec<Hit> {
    Vec::new()
}
