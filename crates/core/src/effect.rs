//! Effects: what is changed outside, by which names it is known there, and what its ledger says of it.

mod ledger;

use serde::{Deserialize, Serialize};

use crate::change::RepoPath;
use crate::commit::DocsCommit;
use crate::event::digest_of;
use crate::id::{Sha, TenantId};
use crate::marker::MarkerKey;
use crate::ports::forge::PullRef;

pub use ledger::{Guard, Ledger, SendLaw, Sent, State, Step, Wish};

/// What kind of thing an effect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The comment that sums a pull request up.
    Summary,
    /// A review with comments at lines.
    Review,
    /// The check of a head.
    Check,
    /// A conversation that is settled.
    Resolve,
    /// An answer to a comment.
    Reply,
    /// A sign that a comment was read.
    Reaction,
    /// Labels of one family.
    Labels,
    /// A commit of documents on the pull request's branch.
    Commit,
    /// Our section of the pull request's description.
    Description,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Summary,
        Self::Review,
        Self::Check,
        Self::Resolve,
        Self::Reply,
        Self::Reaction,
        Self::Labels,
        Self::Commit,
        Self::Description,
    ];

    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Review => "review",
            Self::Check => "check",
            Self::Resolve => "resolve",
            Self::Reply => "reply",
            Self::Reaction => "reaction",
            Self::Labels => "labels",
            Self::Commit => "commit",
            Self::Description => "description",
        }
    }

    /// Whether making it twice makes one.
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        matches!(
            self,
            Self::Resolve | Self::Reaction | Self::Labels | Self::Commit | Self::Description
        )
    }

    /// Whether it speaks about one head or changes it, so that it is worthless once that has moved (I11).
    #[must_use]
    pub fn is_pinned(self) -> bool {
        matches!(self, Self::Review | Self::Commit)
    }
}

/// What an effect is to bring about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A comment on the pull request.
    Summary {
        /// Markdown.
        body: String,
    },
    /// A review with comments.
    Review {
        /// Markdown.
        body: String,
        /// At lines of the difference.
        comments: Vec<InlineComment>,
    },
    /// A check run.
    Check(Check),
    /// A conversation to be marked as settled.
    Resolve {
        /// The forge's name for it.
        thread: String,
    },
    /// An answer to a comment.
    Reply {
        /// Which.
        to: CommentRef,
        /// Markdown.
        body: String,
    },
    /// A pair of eyes at a comment.
    Reaction {
        /// Which.
        to: CommentRef,
    },
    /// Exactly these labels among those that begin alike.
    Labels {
        /// How all of them begin.
        family: String,
        /// The ones that are wanted.
        wanted: Vec<String>,
    },
    /// A commit that follows the head. Git names it by what it holds, so making it twice makes one.
    Commit(DocsCommit),
    /// What stands between our markers in the description.
    Description {
        /// Markdown.
        body: String,
    },
}

/// A comment of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentRef {
    /// Its number.
    pub id: u64,
    /// The comment that began the conversation at a line, if it is in one.
    pub thread: Option<u64>,
}

/// A comment at a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InlineComment {
    /// The file.
    pub path: RepoPath,
    /// The line at head.
    pub line: u32,
    /// Markdown, marker and all.
    pub body: String,
}

/// A check run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is called.
    pub name: String,
    /// How it ended.
    pub conclusion: Conclusion,
    /// One line.
    pub title: String,
    /// Markdown.
    pub summary: String,
    /// Notes at lines.
    pub annotations: Vec<Annotation>,
}

/// How a check ended (decision 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Pass.
    Success,
    /// Fail.
    Failure,
    /// Inconclusive: a person has to look. GitHub counts `neutral` and `skipped` as passing.
    ActionRequired,
}

impl Conclusion {
    /// GitHub's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::ActionRequired => "action_required",
        }
    }
}

/// A note of a check at lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The file.
    pub path: RepoPath,
    /// First line.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
    /// How loud.
    pub level: Level,
    /// One line.
    pub title: String,
    /// Plain text.
    pub message: String,
}

/// How loud a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Notice,
    /// Should be mended.
    Warning,
    /// Must be mended.
    Failure,
}

/// Notes that one request may carry (GitHub's limit).
pub const ANNOTATIONS_AT_ONCE: usize = 50;

impl Content {
    /// What kind of thing it changes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Summary { .. } => Kind::Summary,
            Self::Review { .. } => Kind::Review,
            Self::Check(_) => Kind::Check,
            Self::Resolve { .. } => Kind::Resolve,
            Self::Reply { .. } => Kind::Reply,
            Self::Reaction { .. } => Kind::Reaction,
            Self::Labels { .. } => Kind::Labels,
            Self::Commit(_) => Kind::Commit,
            Self::Description { .. } => Kind::Description,
        }
    }

    /// Tells one content of an object from another. What is made once has no version.
    #[must_use]
    pub fn version(&self) -> String {
        match self {
            Self::Review { .. } | Self::Resolve { .. } | Self::Reaction { .. } => "once".to_owned(),
            Self::Commit(commit) => commit.commit.to_string(),
            _ => digest_of(&[&serde_json::to_string(self).unwrap_or_default()]),
        }
    }

    /// How many requests it takes.
    #[must_use]
    pub fn parts(&self) -> usize {
        match self {
            Self::Check(check) => check.annotations.len().div_ceil(ANNOTATIONS_AT_ONCE).max(1),
            _ => 1,
        }
    }

    /// The same in a form that a forge takes if it takes anything: no comment at a line. `None` if it is that already.
    #[must_use]
    pub fn degraded(&self) -> Option<Self> {
        let Self::Review { body, comments } = self else {
            return None;
        };
        if comments.is_empty() {
            return None;
        }
        let mut body = body.clone();
        for comment in comments {
            body.push_str("\n\n");
            body.push_str(&comment.body);
        }
        Some(Self::Review {
            body: crate::markdown::clipped(body),
            comments: Vec::new(),
        })
    }
}

/// What a step has earned: some content, for a head of its execution's own pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earned {
    /// The head it speaks about.
    pub head: Sha,
    /// What.
    pub content: Content,
}

/// Where an effect is to be. Fixed by the execution, never by what it read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Whose.
    pub tenant: TenantId,
    /// On which pull request.
    pub pull: PullRef,
    /// For which head.
    pub head: Sha,
    /// What asked for it: `auto`, or a command.
    pub cause: String,
}

impl Target {
    /// The digest of the object key of some content here (decision 6).
    #[must_use]
    pub fn object(&self, content: &Content) -> String {
        let repo = self.pull.repo.id.to_string();
        let number = self.pull.number.to_string();
        let kind = content.kind().word();
        let tenant = self.tenant.as_str();
        let head = self.head.as_str();
        match content {
            Content::Summary { .. } | Content::Description { .. } => {
                digest_of(&[tenant, &repo, &number, kind])
            }
            Content::Review { .. } => digest_of(&[tenant, &repo, &number, kind, head, &self.cause]),
            Content::Check(check) => digest_of(&[tenant, &repo, kind, head, &check.name]),
            Content::Resolve { thread } => digest_of(&[tenant, &repo, &number, kind, thread]),
            Content::Reply { to, .. } | Content::Reaction { to } => {
                digest_of(&[tenant, &repo, &number, kind, &to.id.to_string()])
            }
            Content::Labels { family, .. } => digest_of(&[tenant, &repo, &number, kind, family]),
            Content::Commit(commit) => {
                digest_of(&[tenant, &repo, &number, kind, commit.parent.as_str()])
            }
        }
    }
}

/// Tells a pull request from all others, for markers.
#[must_use]
pub fn pull_name(tenant: &TenantId, pull: &PullRef) -> String {
    let repo = pull.repo.id.to_string();
    digest_of(&[tenant.as_str(), &repo, &pull.number.to_string()])
}

/// An effect as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Where.
    pub target: Target,
    /// The digest of its object key.
    pub object: String,
    /// What to hide in it, if it has a text.
    pub marker: String,
    /// Its content's version.
    pub version: String,
    /// What.
    pub content: Content,
    /// How often it was tried in vain; later tries get more time.
    pub tries: u32,
}

impl Effect {
    /// An effect with its names.
    #[must_use]
    pub fn new(target: Target, content: Content, key: &MarkerKey) -> Self {
        let object = target.object(&content);
        Self {
            marker: key.object(content.kind(), &object),
            version: content.version(),
            object,
            target,
            content,
            tries: 0,
        }
    }
}

/// An object as a forge has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The forge's name for it.
    pub id: String,
    /// How many requests' worth of the wanted content it has.
    pub parts: usize,
    /// Whether it has all of the wanted content.
    pub is_current: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::RepoName;
    use crate::ports::forge::RepoRef;

    pub(super) fn target(repo: u64, number: u64, head: char) -> Target {
        Target {
            tenant: TenantId::local(),
            pull: PullRef {
                repo: RepoRef {
                    installation: 1,
                    id: repo,
                    name: RepoName::parse("owner/name").unwrap(),
                },
                number,
            },
            head: Sha::parse(&head.to_string().repeat(40)).unwrap(),
            cause: "auto".to_owned(),
        }
    }

    fn check(conclusion: Conclusion) -> Content {
        Content::Check(Check {
            name: "Pullmill".to_owned(),
            conclusion,
            title: String::new(),
            summary: String::new(),
            annotations: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn i14_object_keys_depend_on_the_target_and_never_on_what_was_read(one: String, other: String) {
            let here = target(1, 2, 'a');
            let summary = |body: &str| Content::Summary { body: body.to_owned() };
            let review = |body: &str| Content::Review { body: body.to_owned(), comments: Vec::new() };
            prop_assert_eq!(here.object(&summary(&one)), here.object(&summary(&other)));
            prop_assert_eq!(here.object(&review(&one)), here.object(&review(&other)));
            prop_assert_eq!(summary(&one).version() == summary(&other).version(), one == other);
            prop_assert_ne!(here.object(&summary(&one)), target(12, 2, 'a').object(&summary(&one)));
            prop_assert_ne!(here.object(&summary(&one)), target(1, 22, 'a').object(&summary(&one)));
        }
    }

    #[test]
    fn a_summary_outlives_heads_and_a_review_and_a_check_do_not() {
        let summary = Content::Summary {
            body: String::new(),
        };
        let review = Content::Review {
            body: String::new(),
            comments: Vec::new(),
        };
        let (before, after) = (target(1, 2, 'a'), target(1, 2, 'b'));
        assert_eq!(before.object(&summary), after.object(&summary));
        assert_ne!(before.object(&review), after.object(&review));
        let passed = check(Conclusion::Success);
        assert_ne!(before.object(&passed), after.object(&passed));
        let failed = check(Conclusion::Failure);
        assert_eq!(before.object(&passed), before.object(&failed));
        assert_ne!(passed.version(), failed.version());
    }
}
