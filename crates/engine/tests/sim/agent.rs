//! An agent that does what chance says: succeeds, fails, dawdles, waits, goes on later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pullmill_core::commit::DocsCommit;
use pullmill_core::effect::{Annotation, Check, Conclusion, Content, Earned, Kind, Level};
use pullmill_core::event::AUTO;
use pullmill_core::id::{AgentName, QueueName, Sha, StepName, WorkflowName};
use pullmill_core::plan::{Plan, Role, StepPlan};
use pullmill_core::ports::blob::{BlobClass, Blobs};
use pullmill_core::ports::forge::{ForgeError, ForgeRead as _};
use pullmill_core::retry::RetryLaw;
use pullmill_core::task::{AskedDocs, Follows, Outcome, Wait};
use pullmill_engine::agents::{Agent, Work};
use serde_json::json;

use super::forge::{self, Handle};
use super::time::Time;

pub struct ScriptedAgent {
    pub time: Arc<Time>,
    pub blobs: Arc<dyn Blobs>,
    /// From now on everything succeeds.
    pub is_calm: Arc<AtomicBool>,
    pub forge: Arc<Handle>,
}

impl ScriptedAgent {
    /// A head earns one commit, if it is still the one that was asked about.
    async fn commit(&self, work: &Work) -> Result<Follows, ForgeError> {
        let subject = work.execution.subject.as_ref();
        let Some((pull, asked)) =
            subject.and_then(|subject| Some((subject.pull()?, subject.head.clone()?)))
        else {
            return Ok(Follows::default());
        };
        let head = self.forge.pull(&pull).await?.head;
        if head.as_str() != asked {
            return Ok(Follows::default());
        }
        let commit = Sha::parse(&forge::own(head.as_str())).unwrap();
        let content = Content::Commit(DocsCommit {
            branch: "change".to_owned(),
            parent: head.clone(),
            base_tree: head.clone(),
            tree: head.clone(),
            commit,
            message: String::new(),
            at: self.time.true_now(),
            files: Vec::new(),
        });
        Ok(vec![Earned { head, content }].into())
    }

    async fn follows(&self, work: &Work) -> Result<Follows, ForgeError> {
        if work.execution.plan.workflow.as_str() == "docs-update" {
            return self.commit(work).await;
        }
        let effects = self.effects(work).await?;
        let is_own = work.execution.input["is_own"] == true;
        let head = effects.first().map(|earned| earned.head.clone());
        Ok(Follows {
            effects,
            docs: head.filter(|_| !is_own).map(|head| AskedDocs {
                by: AUTO.to_owned(),
                head,
                to: None,
            }),
            ..Follows::default()
        })
    }

    /// The last step of a review earns one effect of each kind.
    async fn effects(&self, work: &Work) -> Result<Vec<Earned>, ForgeError> {
        let subject = work.execution.subject.as_ref();
        let is_last =
            work.task.step.as_str() == "c" && work.execution.plan.workflow.as_str() == "pr-review";
        let Some(pull) = subject
            .filter(|_| is_last)
            .and_then(|subject| subject.pull())
        else {
            return Ok(Vec::new());
        };
        let head = self.forge.pull(&pull).await?.head;
        let text = format!("about {head}");
        let minute: usize = head.as_str().parse().unwrap_or(0);
        let note = Annotation {
            path: "a".into(),
            line: 1,
            end_line: 1,
            level: Level::Notice,
            title: String::new(),
            message: String::new(),
        };
        let contents = [
            Content::Summary { body: text.clone() },
            Content::Review {
                body: text.clone(),
                comments: Vec::new(),
            },
            Content::Check(Check {
                name: "Pullmill".to_owned(),
                conclusion: Conclusion::Success,
                title: text,
                summary: String::new(),
                annotations: vec![note; minute % 3 * 60],
            }),
            Content::Resolve {
                thread: format!("thread-{}-{}", pull.repo.id, pull.number),
            },
        ];
        let earned = contents.into_iter().map(|content| Earned {
            head: head.clone(),
            content,
        });
        Ok(earned.collect())
    }
}

pub fn agent_name() -> AgentName {
    AgentName::constant("scripted")
}

#[async_trait]
impl Agent for ScriptedAgent {
    async fn run(&self, work: &Work) -> Outcome {
        let (kind, millis) = self
            .time
            .chance(|chance| (chance.below(100), chance.below(3000)));
        self.time.pause(Duration::from_millis(millis as u64)).await;
        let follows = match self.follows(work).await {
            Ok(follows) => follows,
            Err(error) => {
                return Outcome::Faulted {
                    error: error.to_string(),
                    retry_after: None,
                };
            }
        };
        let done = Outcome::Done {
            result: json!({"by": work.task.step}),
            told: Vec::new(),
            follows,
        };
        if self.is_calm.load(Ordering::Relaxed) {
            return done;
        }
        match kind {
            0..=9 => Outcome::Failed("it went wrong".to_owned()),
            10..=19 => Outcome::Faulted {
                error: "they are down".to_owned(),
                retry_after: (kind > 15).then(|| Duration::from_secs(20)),
            },
            20..=24 => {
                let body = work.task.continuations.to_be_bytes().to_vec();
                let tenant = &work.task.tenant;
                match self
                    .blobs
                    .put(tenant, BlobClass::Checkpoint, body.into())
                    .await
                {
                    Ok(checkpoint) => Outcome::Yielded(checkpoint),
                    Err(error) => Outcome::Failed(error.to_string()),
                }
            }
            25..=29 => Outcome::Parked {
                wait: Wait::Human,
                until: self.time.true_now() + Duration::from_secs(300),
            },
            30..=32 => Outcome::Hopeless("it cannot work".to_owned()),
            33..=37 => {
                // Longer than a lease, so that it must be prolonged.
                self.time.pause(Duration::from_secs(100)).await;
                done
            }
            38 => {
                // Longer than it may.
                self.time.pause(Duration::from_secs(1000)).await;
                done
            }
            _ => done,
        }
    }
}

fn step(name: &'static str, after: &[&'static str], role: Role) -> StepPlan {
    StepPlan {
        name: StepName::constant(name),
        agent: agent_name(),
        queue: QueueName::constant(if name == "b" { "slow" } else { "fast" }),
        after: after.iter().map(|name| StepName::constant(name)).collect(),
        role,
        provider: (name == "b").then(|| "somebody".to_owned()),
        time_limit: Duration::from_secs(300),
        retry: RetryLaw::default(),
    }
}

fn plan(name: &'static str, steps: Vec<StepPlan>) -> Plan {
    Plan {
        workflow: WorkflowName::constant(name),
        steps,
        effects: Vec::new(),
        queue_ttl: Duration::from_secs(4 * 3600),
        deadline: Duration::from_secs(6 * 3600),
    }
}

/// Every feature of a plan: together, in order, taken back, at the end.
pub fn asked_plan() -> Plan {
    plan(
        "asked",
        vec![
            step("a", &[], Role::Work),
            step("b", &[], Role::Work),
            step("c", &["a", "b"], Role::Work),
            step("undo-a", &[], Role::Undo(StepName::constant("a"))),
            step("tell", &[], Role::Finally),
        ],
    )
}

/// What pull requests start.
pub fn review_plan() -> Plan {
    let mut plan = plan(
        "pr-review",
        vec![step("a", &[], Role::Work), step("c", &["a"], Role::Work)],
    );
    plan.effects = Kind::ALL.to_vec();
    plan
}

/// What a review asks for: one commit upon its head.
pub fn docs_plan() -> Plan {
    let mut plan = plan("docs-update", vec![step("a", &[], Role::Work)]);
    plan.effects = Kind::ALL.to_vec();
    plan
}

/// What closed pull requests start: it takes the place of their review.
pub fn cleanup_plan() -> Plan {
    plan("cleanup", Vec::new())
}
