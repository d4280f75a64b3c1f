//! The repository configuration `.pullmill.toml`: what it may say, and what it then means. Reads no file itself.

mod check;
mod floor;
mod glob;
mod key;
mod print;
mod problem;
mod read;
mod reference;
mod rule_pattern;
mod schema;
mod syntax;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use glob::{BadGlob, Globs};
pub use problem::{Code, Problem};
pub use rule_pattern::{BadRulePattern, RulePattern};

use crate::change::RepoPath;
use crate::event::comment::AGENTS;
use crate::finding::{Finding, Severity};
use crate::job::Setup;
use crate::models::Tier;

/// Where the configuration stands in a repository.
pub const FILE_NAME: &str = ".pullmill.toml";
/// Where a repository keeps its own rules.
pub const RULES_FOLDER: &str = ".pullmill/rules";

/// The commented file that says what holds without a file.
pub const DEFAULT_TEXT: &str = include_str!("policy/default.toml");

/// The largest configuration file that is read, in bytes.
pub const MAX_BYTES: usize = 128 * 1024;

/// The languages and formats that `review.languages` chooses from.
pub const LANGUAGES: &[&str] = &[
    "python",
    "javascript",
    "typescript",
    "tsx",
    "java",
    "go",
    "rust",
    "c",
    "cpp",
    "csharp",
    "ruby",
    "php",
    "bash",
    "kotlin",
    "scala",
    "swift",
    "yaml",
    "json",
    "hcl",
    "dockerfile",
    "sql",
];

/// What a repository asks of its reviews.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Files left out of the review.
    pub ignore: Globs,
    /// What is reviewed, and when a review fails.
    pub review: ReviewPolicy,
    /// How much is read.
    pub limits: Limits,
    /// What the risk score means and what raises it.
    pub risk: RiskPolicy,
    /// Which rules run and how bad their findings are.
    pub rules: RulesPolicy,
    /// What holds for some paths only; later entries win.
    pub paths: Vec<PathRule>,
    /// Parts of the code base and which parts each may use.
    pub layers: Vec<Layer>,
    /// What becomes of documents that a change makes untrue. Counts as it stands on the default branch.
    pub docs: DocsPolicy,
    /// Which agents speak at lines of which pull requests.
    pub routes: Vec<AgentRoute>,
    /// Reviewers of the repository's own, which ask models.
    pub agents: Vec<OwnAgent>,
}

/// A reviewer of a repository's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnAgent {
    /// Unique.
    pub name: String,
    /// What it looks at.
    pub paths: Globs,
    /// What it looks for.
    pub instructions: String,
    /// How able a model it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
}

/// What is reviewed, and when a review fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewPolicy {
    /// The least severity of an open finding that fails the review.
    pub fail_on: Severity,
    /// How many findings are shown; all of them count.
    pub max_findings: u32,
    /// Languages and formats that are read.
    pub languages: Vec<String>,
    /// Files made by a tool.
    pub generated: Globs,
    /// Somebody else's code kept in the repository.
    pub vendored: Globs,
}

/// How much is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Larger files are not read.
    pub max_file_bytes: u64,
    /// Files with a longer line are not read.
    pub max_line_bytes: u64,
    /// Changes with more files are read only so far.
    pub max_files: u32,
}

/// What the risk score means and what raises it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskPolicy {
    /// Changes below this score may be approved by a gate.
    pub approve_below: u32,
    /// Changes below this score may be deployed by a gate.
    pub deploy_below: u32,
    /// Least scores for changes that touch certain paths.
    #[serde(rename = "floor")]
    pub floors: Vec<FloorRule>,
}

/// The least score of a change that touches certain paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloorRule {
    /// Names the floor in the review.
    pub name: String,
    /// The paths.
    pub paths: Globs,
    /// The score.
    pub score: u32,
}

/// Which rules run and how bad their findings are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RulesPolicy {
    /// Rules that do not run.
    pub off: Vec<RulePattern>,
    /// Severities that replace those of the rules.
    pub severity: BTreeMap<RulePattern, Severity>,
}

/// Which agents speak at lines of the pull requests that it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRoute {
    /// Labels, of which the pull request has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Owners, of whom one owns a file that it changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// Paths, at which it changes a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Globs>,
    /// The agents.
    pub agents: Vec<String>,
}

/// What becomes of documents that a change makes untrue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocsPolicy {
    /// Who mends them.
    pub mode: DocsMode,
    /// Which may be mended.
    pub paths: Globs,
}

/// Who mends documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocsMode {
    /// Nobody.
    Off,
    /// Whoever takes what is suggested.
    #[default]
    Suggest,
    /// We do, by a commit on the pull request's branch.
    Commit,
}

/// What holds for some paths only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    /// The paths.
    pub globs: Globs,
    /// Replaces `review.fail_on` there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
    /// Rules whose findings do not count there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules_off: Vec<RulePattern>,
}

/// A part of the code base and which parts it may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Unique.
    pub name: String,
    /// The files that belong to it.
    pub paths: Globs,
    /// Names of the layers that its files may use, besides its own.
    #[serde(default)]
    pub may_use: Vec<String>,
}

impl Default for ReviewPolicy {
    fn default() -> Self {
        Self {
            fail_on: Severity::High,
            max_findings: 100,
            languages: LANGUAGES.iter().map(|&word| word.to_owned()).collect(),
            generated: Globs::of(key::GENERATED),
            vendored: Globs::of(key::VENDORED),
        }
    }
}

impl Default for DocsPolicy {
    fn default() -> Self {
        Self {
            mode: DocsMode::default(),
            paths: Globs::of(key::DOCUMENTS),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 2_097_152,
            max_line_bytes: 100_000,
            max_files: 5_000,
        }
    }
}

impl Default for RiskPolicy {
    fn default() -> Self {
        let floors = key::FLOORS.iter().map(|(name, paths)| FloorRule {
            name: (*name).to_owned(),
            paths: Globs::of(paths),
            score: 40,
        });
        Self {
            approve_below: 30,
            deploy_below: 40,
            floors: floors.collect(),
        }
    }
}

impl Policy {
    /// Reads a configuration, or says everything that is wrong with it, in order of place.
    ///
    /// # Errors
    /// Every problem at once; never an empty list.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        read::policy(text)
    }

    /// Like [`Policy::parse`], for bytes that may not be UTF-8.
    ///
    /// # Errors
    /// Every problem at once; never an empty list.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => Err(vec![problem::not_utf8(bytes, error.valid_up_to())]),
        }
    }

    /// The effective configuration as a commented file that [`Policy::parse`] reads back to the same value.
    #[must_use]
    pub fn to_toml(&self) -> String {
        print::policy(self)
    }

    /// The JSON Schema (draft 7) of the file, for editors.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schema::root()
    }

    /// The text of `docs/configuration.md`.
    #[must_use]
    pub fn reference() -> String {
        reference::page()
    }

    /// What the analysis child must know.
    #[must_use]
    pub fn setup(&self, user_rules: Vec<(RepoPath, String)>) -> Setup {
        let severities = self.rules.severity.iter();
        Setup {
            user_rules,
            rules_off: self.rules.off.iter().map(ToString::to_string).collect(),
            severities: severities
                .map(|(pattern, severity)| (pattern.to_string(), *severity))
                .collect(),
        }
    }

    /// Whether files of a language are read; text that has no language always is.
    #[must_use]
    pub fn reads(&self, language: &str) -> bool {
        !LANGUAGES.contains(&language) || self.review.languages.iter().any(|word| word == language)
    }

    /// The least severity that fails the review, for a finding in this file.
    #[must_use]
    pub fn fail_on(&self, path: &RepoPath) -> Severity {
        self.rules_for(path)
            .filter_map(|rule| rule.fail_on)
            .last()
            .unwrap_or(self.review.fail_on)
    }

    /// Whether a rule's findings count in this file.
    #[must_use]
    pub fn is_rule_on(&self, rule: &str, path: &RepoPath) -> bool {
        let off = |patterns: &[RulePattern]| patterns.iter().any(|pattern| pattern.matches(rule));
        !off(&self.rules.off) && !self.rules_for(path).any(|entry| off(&entry.rules_off))
    }

    /// Whether this finding, if open, fails the review.
    #[must_use]
    pub fn is_blocking(&self, finding: &Finding) -> bool {
        finding.severity >= self.fail_on(&finding.location.path)
    }

    /// The severity that the configuration gives a rule; the longest pattern that matches wins.
    #[must_use]
    pub fn severity(&self, rule: &str) -> Option<Severity> {
        self.rules
            .severity
            .iter()
            .filter(|(pattern, _)| pattern.matches(rule))
            .max_by_key(|(pattern, _)| pattern.as_str().len())
            .map(|(_, severity)| *severity)
    }

    /// The names of all agents: the built-in ones and then the repository's own.
    pub fn agent_names(&self) -> impl Iterator<Item = &str> {
        let own = self.agents.iter().map(|agent| agent.name.as_str());
        AGENTS.into_iter().chain(own)
    }

    /// The agents that are asked about some paths of a pull request, and whose findings are said at its lines: those of all routes
    /// that are for it; empty for all agents.
    #[must_use]
    pub fn agents_for(
        &self,
        labels: &[String],
        owners: &BTreeSet<&str>,
        paths: &[&RepoPath],
    ) -> Vec<String> {
        let is_for = |route: &&AgentRoute| {
            let has_label = |wanted: &String| labels.iter().any(|label| same(label, wanted));
            let has_owner = |wanted: &String| owners.contains(wanted.to_lowercase().as_str());
            let has_path = |globs: &Globs| paths.iter().any(|path| globs.matches(path));
            (route.labels.is_empty() || route.labels.iter().any(has_label))
                && (route.owners.is_empty() || route.owners.iter().any(has_owner))
                && route.paths.as_ref().is_none_or(has_path)
        };
        let routes = self.routes.iter().filter(is_for);
        let agents: BTreeSet<&String> = routes.flat_map(|route| &route.agents).collect();
        agents.into_iter().cloned().collect()
    }

    fn rules_for<'a>(&'a self, path: &'a RepoPath) -> impl Iterator<Item = &'a PathRule> {
        self.paths.iter().filter(|rule| rule.globs.matches(path))
    }
}

/// Labels are the same in small and capital letters.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
