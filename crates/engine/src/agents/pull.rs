//! The agent that reviews pull requests: reads the forge, has the change analysed, and says what to post. It cannot write.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::assemble::BaselineEntry;
use pullmill_core::change::RepoPath;
use pullmill_core::effect::{Content, Earned, Kind, Target, pull_name};
use pullmill_core::event::{AUTO, Asked};
use pullmill_core::id::Sha;
use pullmill_core::markdown;
use pullmill_core::marker::MarkerKey;
use pullmill_core::owners::Owners;
use pullmill_core::ports::analyzer::{Analyzer, Ground};
use pullmill_core::ports::blob::{BlobClass, BlobRef, Blobs};
use pullmill_core::ports::forge::{Compared, ForgeError, ForgeRead, Pull, PullRef};
use pullmill_core::posting::{self, Shown};
use pullmill_core::review::Review;
use pullmill_core::section;
use pullmill_core::since::Since;
use pullmill_core::stream::Told;
use pullmill_core::task::{AskedDocs, Follows, Outcome};
use serde::Deserialize;
use serde_json::json;

use super::advise::{Advisors, STATIC, tell_without, unanalysed};
use super::docs::says_otherwise;
use super::reading::read_change;
use super::views::routed;
use super::{Agent, Work};

/// Largest review that is read.
const MAX_REVIEW: u64 = 64 << 20;

/// Reviews pull requests.
pub struct PullAgent {
    forge: Arc<dyn ForgeRead>,
    analyzer: Arc<dyn Analyzer>,
    blobs: Arc<dyn Blobs>,
    markers: MarkerKey,
    advisors: Option<Advisors>,
}

impl PullAgent {
    /// An agent that reads a forge.
    pub fn new(
        forge: Arc<dyn ForgeRead>,
        analyzer: Arc<dyn Analyzer>,
        blobs: Arc<dyn Blobs>,
        markers: MarkerKey,
    ) -> Self {
        Self {
            forge,
            analyzer,
            blobs,
            markers,
            advisors: None,
        }
    }

    /// The same agent, which also asks models.
    #[must_use]
    pub fn with_models(self, advisors: Option<Advisors>) -> Self {
        Self { advisors, ..self }
    }

    async fn review(&self, work: &Work) -> Result<Outcome, Outcome> {
        let subject = work.execution.subject.as_ref();
        let pull_ref = subject.and_then(|subject| subject.pull());
        let pull_ref = pull_ref.ok_or_else(|| {
            Outcome::Hopeless("the event names no pull request of an installation".to_owned())
        })?;
        let pull = self.forge.pull(&pull_ref).await.map_err(failed)?;
        let input = Input::of(work);
        if let Some(reason) = unwanted(&pull, &input) {
            return Ok(Outcome::Done {
                result: json!({"skipped": reason, "head": pull.head}),
                told: Vec::new(),
                follows: Follows::default(),
            });
        }
        let compared = self
            .forge
            .change(&pull_ref, &pull.base, &pull.head)
            .await
            .map_err(failed)?;
        let (change, mut ground, owners) =
            read_change(&*self.forge, &pull_ref, &pull, &compared).await?;
        let agents = agents_for(&input, &ground, &pull, &compared, &owners);
        ground.declined.clone_from(&input.declined);
        let assessed = self.analyzer.review_change(change, ground.clone()).await;
        let mut assessed = assessed.map_err(unanalysed)?;
        let before = self.before(input.latest.as_ref()).await;
        if let Some(advisors) = &self.advisors {
            let advised = advisors.advise(work, &mut assessed, ground, before.as_ref());
            advised.await?;
        }
        let review = assessed.review();
        let place = Place {
            pull_ref: &pull_ref,
            pull: &pull,
            compared: &compared,
            agents,
        };
        self.post(work, &place, &review, before.as_ref(), input)
            .await
    }

    /// The last review, if it can still be read.
    async fn before(&self, latest: Option<&Latest>) -> Option<Review> {
        read_review(&*self.blobs, &latest?.review).await.ok()
    }

    async fn post(
        &self,
        work: &Work,
        place: &Place<'_>,
        review: &Review,
        before: Option<&Review>,
        input: Input,
    ) -> Result<Outcome, Outcome> {
        let Place {
            pull_ref,
            pull,
            compared,
            agents,
        } = place;
        let bytes = serde_json::to_vec(review)
            .map_err(|error| Outcome::Hopeless(format!("the review cannot be written: {error}")))?;
        let tenant = &work.execution.tenant;
        let kept = self
            .blobs
            .put(tenant, BlobClass::Result, Bytes::from(bytes));
        let kept = kept.await.map_err(|error| fault(&error))?;
        let name = pull_name(tenant, pull_ref);
        let read = |body: &str| self.markers.read_finding(&name, body);
        let mut shown = Shown::of(&pull.threads, read);
        let asked = input.asked.unwrap_or_default();
        shown.is_said_again = asked.is_full;
        shown.agents.clone_from(agents);
        shown.since = before
            .zip(input.latest)
            .and_then(|(before, latest)| Since::of(before, &latest.head, review));
        let mark = |fingerprint: &str| self.markers.finding(&name, fingerprint);
        let mut contents = posting::plan(review, &pull.head, &compared.files, &shown, mark);
        // A commit of our own gets a check and a review, but no new summary and no work on documents (decision 12).
        let is_own = input.is_own
            && work
                .execution
                .subject
                .as_ref()
                .is_some_and(|subject| subject.head.as_deref() == Some(pull.head.as_str()));
        if is_own {
            contents.retain(|content| content.kind() != Kind::Summary);
        }
        // What somebody had us say in the description is kept up to date.
        let target = Target {
            tenant: tenant.clone(),
            pull: (*pull_ref).clone(),
            head: pull.head.clone(),
            cause: AUTO.to_owned(),
        };
        let described = Content::Description {
            body: markdown::description(review, pull.head.as_str()),
        };
        let marker = self
            .markers
            .object(Kind::Description, &target.object(&described));
        if section::read(&pull.description, &marker).is_some() {
            contents.push(described);
        }
        let may_ask = self.advisors.is_some() && says_otherwise(review);
        let has_docs = !review.renamed.is_empty() || may_ask;
        let docs = (!is_own && has_docs).then(|| AskedDocs {
            by: AUTO.to_owned(),
            head: pull.head.clone(),
            to: None,
        });
        let earned = contents.into_iter().map(|content| Earned {
            head: pull.head.clone(),
            content,
        });
        let mut result = json!({
            "verdict": review.verdict, "risk": review.risk, "head": pull.head,
            "findings": review.findings.len(), "review": kept,
        });
        tell_without(self.advisors.as_ref(), STATIC, &mut result);
        Ok(Outcome::Done {
            result,
            told: vec![Told::new(
                "review.ready",
                json!({
                    "verdict": review.verdict.outlook, "risk": review.risk.score, "head": pull.head,
                    "findings": review.findings.len(), "files": review.coverage.len(),
                }),
            )],
            follows: Follows {
                effects: earned.collect(),
                docs,
                ..Follows::default()
            },
        })
    }
}

#[async_trait]
impl Agent for PullAgent {
    async fn run(&self, work: &Work) -> Outcome {
        match self.review(work).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}

/// Where a review is posted.
struct Place<'a> {
    pull_ref: &'a PullRef,
    pull: &'a Pull,
    compared: &'a Compared,
    /// Whose findings are said at lines; empty for all.
    agents: Vec<String>,
}

/// What the lane hands over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    declined: Vec<BaselineEntry>,
    asked: Option<Asked>,
    is_own: bool,
    /// What a rule of the operator says.
    agents: Vec<String>,
    latest: Option<Latest>,
}

/// What the last review gave.
#[derive(Deserialize)]
pub(super) struct Latest {
    pub(super) head: Sha,
    pub(super) review: BlobRef,
}

impl Input {
    fn of(work: &Work) -> Self {
        serde_json::from_value(work.execution.input.clone()).unwrap_or_default()
    }
}

/// Whose findings are said at lines: what a command asks for counts before a rule of the operator, and that before the
/// repository's own routes at the base.
fn agents_for(
    input: &Input,
    ground: &Ground,
    pull: &Pull,
    compared: &Compared,
    owners: &Owners,
) -> Vec<String> {
    let asked = input.asked.as_ref().map(|asked| &asked.agents);
    let said = [asked, Some(&input.agents)].into_iter().flatten();
    if let Some(agents) = said.into_iter().find(|agents| !agents.is_empty()) {
        return agents.clone();
    }
    let paths: Vec<&RepoPath> = compared.files.iter().map(|file| &file.path).collect();
    routed(ground, pull, owners, &paths)
}

fn unwanted(pull: &Pull, input: &Input) -> Option<&'static str> {
    if !pull.is_open {
        Some("it is closed")
    } else if pull.is_draft && !input.asked.as_ref().is_some_and(Asked::is_by_person) {
        Some("it is a draft")
    } else {
        None
    }
}

/// Faults of others are waited out; a forge that refuses may change its mind, as when an installation is suspended.
pub(super) fn failed(error: ForgeError) -> Outcome {
    match error {
        ForgeError::NotFound(_) => Outcome::Hopeless(error.to_string()),
        ForgeError::Limited(wait) => Outcome::Faulted {
            error: error.to_string(),
            retry_after: Some(wait),
        },
        ForgeError::Refused(_) | ForgeError::Unavailable(_) => fault(&error),
    }
}

/// Reads a review that was kept.
pub(super) async fn read_review(blobs: &dyn Blobs, kept: &BlobRef) -> Result<Review, Outcome> {
    let bytes = blobs.get(kept, MAX_REVIEW).await;
    let bytes = bytes.map_err(|error| fault(&error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Outcome::Failed(format!("the review cannot be read: {error}")))
}

pub(super) fn fault(error: &dyn std::fmt::Display) -> Outcome {
    Outcome::Faulted {
        error: error.to_string(),
        retry_after: None,
    }
}
