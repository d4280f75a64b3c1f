//! The result of a review: what changed, what was found, what was not looked at, and the judgement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::{RepoPath, Status};
use crate::coverage::FileCoverage;
use crate::docs::{Renamed, RenamedKind};
use crate::finding::{Agent, Finding, Location};
use crate::risk::Risk;
use crate::verdict::Verdict;

/// Version of the JSON form; grows when a field changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole review. Its JSON form is described by `schema/review.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was reviewed.
    pub subject: Subject,
    /// What changed, for people.
    pub summary: Summary,
    /// The judgement.
    pub verdict: Verdict,
    /// The score.
    pub risk: Risk,
    /// Open findings, worst first.
    pub findings: Vec<Finding>,
    /// Findings that a person set aside, with the reason.
    pub suppressed: Vec<Suppressed>,
    /// What certainly has another name now.
    #[serde(default)]
    pub renamed: Vec<Renamed>,
    /// How each agent fared.
    pub agents: Vec<AgentEvidence>,
    /// How each file fared.
    pub coverage: Vec<FileCoverage>,
    /// What the reader should know about the review itself, e.g. findings beyond the cap.
    pub notes: Vec<String>,
    /// What a model says of it, if one was asked.
    #[serde(default)]
    pub model: Option<Consulted>,
}

impl Review {
    /// Whether everything that counts was looked at, and all that was found is listed.
    #[must_use]
    pub fn is_all_listed(&self) -> bool {
        let counted: u32 = self.agents.iter().map(|agent| agent.findings).sum();
        let is_complete = self.agents.iter().all(|agent| agent.is_complete);
        is_complete && counted as usize <= self.findings.len()
    }
}

/// What was reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `change` or `scan`.
    pub kind: SubjectKind,
    /// How it was named or chosen.
    pub label: String,
    /// Commit the change starts from.
    pub base: Option<String>,
    /// Commit the change ends at.
    pub head: Option<String>,
}

/// What kind of thing was reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A change with two sides.
    Change,
    /// A tree as it is.
    Scan,
}

/// What changed, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// One or two sentences.
    pub headline: String,
    /// Lines written.
    pub added_lines: u32,
    /// Lines taken away.
    pub removed_lines: u32,
    /// The parts of the repository that are touched.
    pub components: Vec<Component>,
    /// One row per file.
    pub walkthrough: Vec<WalkthroughRow>,
    /// What it does to what others can name.
    #[serde(default)]
    pub api: Api,
    /// What it does to what the program depends on.
    #[serde(default)]
    pub dependencies: Vec<DependencyChange>,
    /// Which other files of the repository use what changed, those with most first.
    #[serde(default)]
    pub callers: Vec<Callers>,
    /// What it does to what people call the program by.
    #[serde(default)]
    pub names: Vec<NameChange>,
}

/// A flag, a variable, a route or a key of a configuration that a file gives in another way, not any more, or newly. Keys are
/// not told when they are new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameChange {
    /// What it is.
    pub kind: RenamedKind,
    /// What it was called; `None` if it is new.
    pub before: Option<String>,
    /// What it is called; `None` if this file does not give it any more.
    pub after: Option<String>,
    /// The file at head.
    pub path: RepoPath,
}

impl NameChange {
    /// What it is called, or was.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.after.as_deref().or(self.before.as_deref());
        name.unwrap_or_default()
    }
}

/// A function that changed, and the other files that name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callers {
    /// The file it stands, or stood, in.
    pub path: RepoPath,
    /// Qualified inside the file.
    pub name: String,
    /// What became of it.
    pub change: CalleeChange,
    /// How many other files name it.
    pub files: u32,
    /// The first of them.
    pub examples: Vec<RepoPath>,
}

/// What became of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalleeChange {
    /// It is gone.
    Removed,
    /// It is called in another way.
    Signature,
    /// It does something else.
    Body,
}

impl Callers {
    /// What became of it and who uses it, apart from its name.
    #[must_use]
    pub fn words(&self) -> (&'static str, String) {
        let what = match self.change {
            CalleeChange::Removed => "is gone",
            CalleeChange::Signature => "is called in another way",
            CalleeChange::Body => "does something else",
        };
        let files = match self.files {
            1 => "1 other file names it".to_owned(),
            count => format!("{count} other files name it"),
        };
        (what, files)
    }
}

/// A dependency that is new, gone or of another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyChange {
    /// The manifest.
    pub path: RepoPath,
    /// Its name.
    pub name: String,
    /// The version as it was written; `None` if it is new.
    pub before: Option<String>,
    /// The version as it is written; `None` if it is gone.
    pub after: Option<String>,
}

impl DependencyChange {
    /// What happened and to what, apart, so that each can be made harmless in its own way.
    #[must_use]
    pub fn words(&self) -> (&'static str, String) {
        let named = |version: &str| match version {
            "" => self.name.clone(),
            version => format!("{} {version}", self.name),
        };
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => ("changes", format!("{} → {after}", named(before))),
            (Some(before), None) => ("removes", named(before)),
            (None, after) => ("adds", named(after.as_deref().unwrap_or_default())),
        }
    }
}

/// What a change does to what others can name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// What Semantic Versioning asks for, if this is published.
    pub bump: Bump,
    /// New.
    pub added: Vec<ApiItem>,
    /// With another signature or another name.
    pub changed: Vec<ApiChange>,
    /// Gone.
    pub removed: Vec<ApiItem>,
}

/// Which number of a version grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bump {
    /// Something changed or gone may break others.
    Major,
    /// Something is new.
    Minor,
    /// Nothing that others can name.
    #[default]
    Patch,
}

impl Bump {
    /// The word used in output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
        }
    }
}

/// A public piece of code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiItem {
    /// The file.
    pub path: RepoPath,
    /// Qualified inside the file.
    pub name: String,
    /// How it is called, on one line.
    pub signature: String,
}

/// A public piece of code that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiChange {
    /// The file.
    pub path: RepoPath,
    /// What it is called now, qualified inside the file.
    pub name: String,
    /// How it was called.
    pub before: String,
    /// How it is called.
    pub after: String,
}

/// A part of the repository that a change touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Folder name, or `(root)`.
    pub name: String,
    /// Files touched in it.
    pub files: u32,
    /// Lines written in it.
    pub added_lines: u32,
    /// Lines taken away in it.
    pub removed_lines: u32,
    /// Kinds of file touched in it, such as `code` and `migrations`, those with most files first.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// What happened to one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkthroughRow {
    /// The file.
    pub path: RepoPath,
    /// Where it was before, if it moved.
    pub old_path: Option<RepoPath>,
    /// What happened.
    pub status: Status,
    /// Lines written.
    pub added_lines: u32,
    /// Lines taken away.
    pub removed_lines: u32,
    /// In words, e.g. "adds `login`; changes `logout`".
    pub what: String,
}

/// A finding that a person set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The rule.
    pub rule: String,
    /// Where.
    pub location: Location,
    /// Its fingerprint.
    pub fingerprint: String,
    /// `comment` or `baseline`.
    pub by: SuppressedBy,
    /// The reason given.
    pub reason: String,
}

/// What set a finding aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressedBy {
    /// An ignore comment in the code.
    Comment,
    /// The baseline file.
    Baseline,
}

/// What an agent assessed, and whether completely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEvidence {
    /// Which agent.
    pub agent: Agent,
    /// Whether it looked at everything that counts.
    pub is_complete: bool,
    /// Files it looked at.
    pub files: u32,
    /// Open findings it has.
    pub findings: u32,
}

/// What a model says of a change, and what that has cost. Its findings are among the others; their rules begin with `model.`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consulted {
    /// What the change does and why it matters, a paragraph per question.
    pub overview: Vec<String>,
    /// What happens in each file.
    pub files: BTreeMap<RepoPath, String>,
    /// The models that answered, as the configuration calls them.
    pub models: Vec<String>,
    /// Questions that were paid for.
    pub calls: u32,
    /// Tokens that were sent.
    pub tokens_in: u64,
    /// Those of them that the provider had in its cache.
    pub tokens_cached: u64,
    /// Tokens that were answered.
    pub tokens_out: u64,
    /// What it has cost, in millionths of a US dollar.
    pub cost_micro_usd: i64,
    /// Claims that did not stand up to the code and were dropped.
    pub dropped: u32,
    /// Lines that the change wrote and no model has read.
    pub unread: Vec<Unread>,
}

/// Lines of a file that no model has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The file.
    pub path: RepoPath,
    /// The lines at head; empty if the file has no lines that could be read.
    pub lines: Vec<LineRange>,
    /// Why.
    pub reason: UnreadReason,
}

/// Lines in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineRange {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// Why no model has read something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadReason {
    /// Made by a tool.
    Generated,
    /// Somebody else's code.
    Vendored,
    /// No text.
    Binary,
    /// The configuration leaves it out.
    Ignored,
    /// Larger than the limits.
    TooLarge,
    /// The content could not be had.
    Unavailable,
    /// One line is longer than a question may be.
    LineTooLong,
    /// More questions would be needed than may be asked.
    NoRoom,
    /// The money is spent.
    Budget,
    /// There was no usable answer.
    NoAnswer,
    /// The answer says nothing of it.
    Unconfirmed,
}

impl UnreadReason {
    /// Whether it was never meant to be read (decision 1).
    #[must_use]
    pub fn is_neutral(self) -> bool {
        matches!(
            self,
            Self::Generated | Self::Vendored | Self::Binary | Self::Ignored
        )
    }

    /// The words shown to people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Vendored => "vendored",
            Self::Binary => "binary",
            Self::Ignored => "ignored by configuration",
            Self::TooLarge => "too large",
            Self::Unavailable => "content unavailable",
            Self::LineTooLong => "a line too long for the model",
            Self::NoRoom => "more calls needed than allowed",
            Self::Budget => "out of budget",
            Self::NoAnswer => "no usable answer",
            Self::Unconfirmed => "the answer says nothing of it",
        }
    }
}

impl Unread {
    /// E.g. `12–14, 20`; empty for a file without lines.
    #[must_use]
    pub fn line_words(&self) -> String {
        let ranges = self
            .lines
            .iter()
            .map(|range| match range.first == range.last {
                true => range.first.to_string(),
                false => format!("{}–{}", range.first, range.last),
            });
        let ranges: Vec<String> = ranges.collect();
        ranges.join(", ")
    }

    /// How many lines.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.lines
            .iter()
            .map(|range| range.last - range.first + 1)
            .sum()
    }
}

impl Consulted {
    /// E.g. "2 calls of sonnet, 12,345 tokens sent (2,000 cached), 1,200 answered, 0.0550 USD".
    #[must_use]
    pub fn cost_words(&self) -> String {
        let calls = match self.calls {
            1 => "1 call".to_owned(),
            calls => format!("{calls} calls"),
        };
        let models = match self.models.is_empty() {
            true => String::new(),
            false => format!(" of {}", self.models.join(", ")),
        };
        let cached = match self.tokens_cached {
            0 => String::new(),
            cached => format!(" ({cached} cached)"),
        };
        format!(
            "{calls}{models}, {} tokens sent{cached}, {} answered, {}",
            self.tokens_in,
            self.tokens_out,
            crate::models::Money(self.cost_micro_usd)
        )
    }
}
