//! What the reviewer asks of the analysis child about one file, and what comes back.

use serde::{Deserialize, Serialize};

use crate::change::RepoPath;
use crate::coverage::Outcome;
use crate::docs::RenamedKind;
use crate::finding::{Finding, Severity, is_named_by};
use crate::review::Suppressed;

/// Said once to a fresh child, before its first job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Rule files of the repository (`.pullmill/rules/*.yml`), read from the base: path and text.
    pub user_rules: Vec<(RepoPath, String)>,
    /// Rules that are switched off, by id or `prefix.*`.
    pub rules_off: Vec<String>,
    /// Severities that the configuration overrides, by rule id or `prefix.*`.
    pub severities: Vec<(String, Severity)>,
}

/// Both sides of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Path at head, or at base for a deleted file.
    pub path: RepoPath,
    /// Path at base, if it differs.
    pub old_path: Option<RepoPath>,
    /// The text before, if there was any.
    pub base: Option<std::sync::Arc<[u8]>>,
    /// The text now, if there is any.
    pub head: Option<std::sync::Arc<[u8]>>,
    /// Whether rules run on the base even if they find nothing at head.
    pub search_base: bool,
}

/// What the child says of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    /// Of the base side, if the job had one.
    pub base: Option<SideReport>,
    /// Of the head side, if the job had one.
    pub head: Option<SideReport>,
}

/// What the child says of one side of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideReport {
    /// Whether it was assessed.
    pub outcome: Outcome,
    /// Whether rules were run on it: a base matters only where something is found at head.
    pub is_searched: bool,
    /// Findings, with stems as fingerprints and no comment line.
    pub findings: Vec<Finding>,
    /// Findings set aside by an ignore comment with a reason, with stems as fingerprints.
    pub suppressed: Vec<Suppressed>,
    /// Functions, classes and the like, in order of appearance.
    pub symbols: Vec<Symbol>,
    /// Tests, in order of appearance.
    pub tests: Vec<TestCase>,
    /// Names it gives to people, in order of appearance.
    pub names: Vec<GivenName>,
    /// Modules it uses, each once, in order of appearance.
    pub imports: Vec<Import>,
    /// What it depends on, if it is a manifest.
    pub dependencies: Vec<Dependency>,
    /// Its ignore comments, in order of appearance.
    pub ignores: Vec<Ignore>,
    /// Places where its parser made no sense of it.
    pub syntax_errors: u32,
}

/// A comment that sets findings of a line aside, with the reason that it gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignore {
    /// The line it speaks of.
    pub line: u32,
    /// Rules and patterns of rules.
    pub rules: Vec<String>,
    /// Why.
    pub reason: String,
}

impl Ignore {
    /// Whether it speaks of a rule at a line.
    #[must_use]
    pub fn sets_aside(&self, rule: &str, line: u32) -> bool {
        let mut patterns = self.rules.iter();
        self.line == line && patterns.any(|pattern| is_named_by(rule, pattern))
    }
}

impl SideReport {
    /// The reason to leave out a finding of a rule at a line, if somebody gave one.
    #[must_use]
    pub fn reason_to_ignore(&self, rule: &str, line: u32) -> Option<&str> {
        let mut ignores = self.ignores.iter();
        let own = ignores.find(|ignore| ignore.sets_aside(rule, line));
        own.map(|ignore| ignore.reason.as_str())
    }
}

/// A named piece of code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Qualified inside the file, e.g. `Session.open`.
    pub name: String,
    /// `function`, `method`, `class`, ….
    pub kind: String,
    /// First line, 1-based.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
    /// Equal digests mean equal code, white space and its own name apart.
    pub digest: String,
    /// Whether others can name it.
    pub is_public: bool,
    /// How it is called, on one line; empty if nobody else can, or if it is no function.
    pub signature: String,
}

/// A name that a file gives to people who use the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenName {
    /// What is called so.
    pub kind: RenamedKind,
    /// As people write it, e.g. `--port`.
    pub name: String,
    /// The line, 1-based.
    pub line: u32,
    /// Equal for lines that are equal but for the name.
    pub around: String,
}

/// Something that a manifest depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Where it comes from: `npm`, `pypi`, `cargo`, `go`, `composer`.
    pub registry: String,
    /// Its name.
    pub name: String,
    /// The version as it is written; empty if none is.
    pub version: String,
    /// The line, 1-based.
    pub line: u32,
}

/// A module that a file uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// As the file calls it.
    pub module: String,
    /// The line, 1-based.
    pub line: u32,
}

/// A test of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCase {
    /// Its name, or what it says of itself.
    pub name: String,
    /// First line, 1-based.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
}
