//! Rules as data: what every rule says of itself, and the three kinds of body it may have.

use serde::{Deserialize, Serialize};

use pullmill_core::finding::{Agent, Confidence, Severity};

use crate::language::Language;

/// What every rule says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleMeta {
    /// Unique, `<language or format>.<name>` in kebab case, e.g. `python.sql-injection`.
    pub id: String,
    /// Security or bugs.
    pub agent: Agent,
    /// How bad a match is.
    pub severity: Severity,
    /// How sure a match is.
    pub confidence: Confidence,
    /// Kebab case, e.g. `injection`, `crypto`, `error-handling`.
    pub category: String,
    /// Weakness ids; security rules have at least one.
    #[serde(default)]
    pub cwe: Vec<u32>,
    /// OWASP Top 10 (2021) id, e.g. `A03`.
    #[serde(default)]
    pub owasp: Option<String>,
    /// One line; `{name}` is filled in from the match.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// How to mend it.
    pub fix: String,
}

/// A rule as it stands in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// What it says of itself.
    #[serde(flatten)]
    pub meta: RuleMeta,
    /// Languages it applies to; empty for document rules.
    #[serde(default)]
    pub languages: Vec<Language>,
    /// Exactly one of `match`, `flow`, `document`.
    #[serde(flatten)]
    pub body: Body,
    /// Code that the rule must and must not report; not kept in the compiled packs.
    #[serde(default)]
    pub examples: Examples,
}

/// The kind of a rule and what it looks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// A local shape, in ast-grep's rule syntax (`rule`, `constraints`, `utils`).
    Match(serde_json::Value),
    /// Sinks of a danger; see `flow`.
    Flow(serde_json::Value),
    /// Paths and predicates over a structured document; see `document`.
    Document(serde_json::Value),
}

/// Code that a rule must and must not report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Examples {
    /// Each must give at least one finding of the rule.
    #[serde(default)]
    pub bad: Vec<String>,
    /// Each must give none.
    #[serde(default)]
    pub good: Vec<String>,
}
