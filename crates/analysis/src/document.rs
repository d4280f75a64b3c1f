//! Document rules: paths and predicates over YAML, JSON, HCL and Dockerfiles.

use std::sync::Arc;

use pullmill_core::change::RepoPath;
use serde_json::Value;

use crate::hit::Hit;
use crate::rule::RuleMeta;
use crate::source::Source;

/// All document rules.
#[derive(Debug, Default)]
pub struct DocumentRules;

impl DocumentRules {
    /// Reads the bodies of document rules.
    ///
    /// # Errors
    /// What is wrong with them, by rule.
    pub fn load(_rules: Vec<(Arc<RuleMeta>, Value)>) -> Result<Self, Vec<String>> {
        Ok(Self)
    }
}

/// Every node of a document that a rule reports.
#[must_use]
pub fn analyse(_source: &Source, _path: &RepoPath, _rules: &DocumentRules) -> Vec<Hit> {
    Vec::new()
}
