//! What a reviewer should know: findings, where they are, and how they are recognised again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::change::RepoPath;

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Should be mended some day.
    Low,
    /// Should be mended soon.
    Medium,
    /// Should not be merged.
    High,
    /// Must not be merged.
    Critical,
}

impl Severity {
    /// All severities, worst first.
    pub const ALL: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// The word used in configuration and output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

/// How sure the rule is when it matches.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Often right.
    Low,
    /// Usually right.
    Medium,
    /// Nearly always right.
    High,
}

impl Confidence {
    /// The word used in output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The agent that produced a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    /// Looks for ways to be attacked.
    Security,
    /// Looks for ways to go wrong.
    Bugs,
    /// Looks at how the code is built.
    Architecture,
    /// Looks at what the tests still ask for.
    Tests,
    /// Looks at what documents and documentation say.
    Docs,
}

impl Agent {
    /// All agents, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Security,
        Self::Bugs,
        Self::Architecture,
        Self::Tests,
        Self::Docs,
    ];

    /// The word used in configuration and output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Bugs => "bugs",
            Self::Architecture => "architecture",
            Self::Tests => "tests",
            Self::Docs => "docs",
        }
    }
}

/// A region of a file. Lines and columns are 1-based; columns count characters; the end is inclusive of its line and exclusive of its column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file.
    pub path: RepoPath,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column behind the last character.
    pub end_column: u32,
}

/// One step on the way from a source to a sink, or another place that belongs to the finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// Where.
    pub location: Location,
    /// What happens there, e.g. "`name` comes from the request".
    pub message: String,
}

/// Something a reviewer should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, e.g. `python.sql-injection`.
    pub rule: String,
    /// The agent the rule belongs to.
    pub agent: Agent,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// The rule's category, e.g. `injection`.
    pub category: String,
    /// Weakness ids of the Common Weakness Enumeration.
    pub cwe: Vec<u32>,
    /// One line for the reader, with the names of this place filled in.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// How to mend it.
    pub fix: String,
    /// The code the finding is about.
    pub location: Location,
    /// Where the review comments: `location`'s line, or the changed line nearest to it on its path (decision 22).
    /// `None` only outside a change (`scan`).
    pub comment_line: Option<u32>,
    /// From source to sink for data-flow findings; empty otherwise.
    pub path: Vec<Step>,
    /// The function or class that encloses it, if any.
    pub symbol: Option<String>,
    /// The lines shown to the reader; secrets are masked.
    pub snippet: String,
    /// Recognises the finding again, whatever moves around it. Filled in by [`number`].
    pub fingerprint: String,
    /// A line that would mend it, if one does.
    #[serde(default)]
    pub suggestion: Option<Suggestion>,
}

/// A line in the place of another. It was tried: with it the file still parses, the rule is silent, and no other one speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Which line.
    pub line: u32,
    /// What it should say, without its end.
    pub text: String,
}

impl Finding {
    /// The order in which findings are shown: worst first, then by place.
    #[must_use]
    pub fn rank(&self) -> impl Ord + use<'_> {
        (
            std::cmp::Reverse(self.severity),
            &self.location,
            &self.rule,
            &self.fingerprint,
        )
    }
}

/// Computes the part of a fingerprint that one finding has on its own: rule, enclosing symbol and normalised code, without path and line.
#[must_use]
pub fn stem(rule: &str, symbol: Option<&str>, code: &str) -> String {
    let mut hash = Sha256::new();
    for part in [rule, symbol.unwrap_or("")] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut last_was_space = true;
    for character in code.chars() {
        if character.is_whitespace() {
            last_was_space = true;
            continue;
        }
        if last_was_space {
            hash.update(b" ");
            last_was_space = false;
        }
        hash.update(character.encode_utf8(&mut [0; 4]));
    }
    hash.finalize()
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Makes fingerprints unique: equal stems are numbered in order of path and place.
///
/// `findings` carry their stem as fingerprint and leave sorted by place.
pub fn number(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (&a.location, &a.rule, &a.fingerprint).cmp(&(&b.location, &b.rule, &b.fingerprint))
    });
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for finding in findings {
        let count = seen.entry(finding.fingerprint.clone()).or_insert(0);
        finding.fingerprint = format!("{}-{count}", finding.fingerprint);
        *count += 1;
    }
}

/// Keeps what the change caused: of each stem, as many findings as head has more than base, those on changed lines first.
///
/// Both lists carry stems as fingerprints. A function that moved between files has its stem on both sides and stays silent.
#[must_use]
pub fn introduced(
    base: &[Finding],
    head: Vec<Finding>,
    on_changed_line: impl Fn(&Finding) -> bool,
) -> Vec<Finding> {
    let mut before: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in base {
        *before.entry(&finding.fingerprint).or_insert(0) += 1;
    }
    let mut groups: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for finding in head {
        groups
            .entry(finding.fingerprint.clone())
            .or_default()
            .push(finding);
    }
    let mut new = Vec::new();
    for (stem, mut group) in groups {
        let known = before.get(stem.as_str()).copied().unwrap_or(0);
        if group.len() > known {
            group.sort_by_cached_key(|finding| {
                (!on_changed_line(finding), finding.location.clone())
            });
            group.truncate(group.len() - known);
            new.append(&mut group);
        }
    }
    new
}

/// Whether a pattern of the configuration (`python.weak-hash` or `python.*`) names a rule.
#[must_use]
pub fn is_named_by(id: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => id.starts_with(prefix) && (prefix.is_empty() || prefix.ends_with('.')),
        None => id == pattern,
    }
}
