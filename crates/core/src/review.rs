//! The result of a review: what changed, what was found, what was not looked at, and the judgement.

use serde::{Deserialize, Serialize};

use crate::change::{RepoPath, Status};
use crate::coverage::FileCoverage;
use crate::docs::Renamed;
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
