//! What follows from a step besides its result: effects, what somebody has decided, a review that was asked for. All of it is in the step's own commit.

use pullmill_core::body;
use pullmill_core::decided::{Choice, Decided};
use pullmill_core::event::github::{DOCS, OURS};
use pullmill_core::event::{About, Asked, Envelope};
use pullmill_core::execution::Execution;
use pullmill_core::id::{DeliveryId, TenantId, uuid7};
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::{Draft, Version};
use pullmill_core::stream::Told;
use pullmill_core::task::{AskedDocs, Follows};
use pullmill_core::time::Timestamp;

use crate::effects::KeptEffect;
use crate::ingress::lane_due;
use crate::{Engine, EngineError};

/// What follows, with large things kept.
#[derive(Default)]
pub(crate) struct Kept {
    effects: Vec<KeptEffect>,
    choices: Vec<Choice>,
    review: Option<Asked>,
    docs: Option<AskedDocs>,
}

impl Engine {
    /// Keeps what is large, so that a commit may speak of it.
    pub(crate) async fn keep(
        &self,
        tenant: &TenantId,
        follows: Follows,
    ) -> Result<Kept, EngineError> {
        Ok(Kept {
            effects: self.keep_effects(tenant, &follows.effects).await?,
            choices: follows.choices,
            review: follows.review,
            docs: follows.docs,
        })
    }

    /// Adds what follows to a batch; gives what to tell of it.
    pub(crate) async fn follow(
        &self,
        batch: &mut Batch,
        execution: &Execution,
        kept: &Kept,
    ) -> Result<Vec<Told>, EngineError> {
        self.choose(batch, execution, &kept.choices).await?;
        if let Some(asked) = &kept.review {
            let about = About::default();
            self.tell_lane(batch, execution, OURS, asked.clone(), about)?;
        }
        if let Some(docs) = &kept.docs {
            let asked = Asked {
                by: docs.by.clone(),
                ..Asked::default()
            };
            let about = About {
                head: Some(docs.head.to_string()),
                comment_id: docs.to.map(|to| to.id),
                thread: docs.to.and_then(|to| to.thread),
                ..About::default()
            };
            self.tell_lane(batch, execution, DOCS, asked, about)?;
        }
        self.plan_effects(batch, execution, &kept.effects).await
    }

    /// What people have decided on a lane, and the version of its record.
    pub(crate) async fn decided(
        &self,
        lane: &str,
        now: Timestamp,
    ) -> Result<(Decided, Option<Version>), EngineError> {
        match self.record(&keys::decided(lane), now).await? {
            Some(record) => Ok((body::decode(&record.draft.body)?, Some(record.version))),
            None => Ok((Decided::default(), None)),
        }
    }

    async fn choose(
        &self,
        batch: &mut Batch,
        execution: &Execution,
        choices: &[Choice],
    ) -> Result<(), EngineError> {
        let Some(subject) = execution.subject.as_ref().filter(|_| !choices.is_empty()) else {
            return Ok(());
        };
        let (mut decided, version) = self.decided(&subject.lane, batch.now()).await?;
        for choice in choices {
            decided.apply(choice.clone());
        }
        batch.push(Write::Put {
            draft: Draft::new(keys::decided(&subject.lane), body::encode(&decided)?),
            expect: version.map_or(Expect::Absent, Expect::Version),
        })?;
        Ok(())
    }

    /// Puts an event of our own into the lane's mailbox: the lane decides what becomes of it, as of any other.
    fn tell_lane(
        &self,
        batch: &mut Batch,
        execution: &Execution,
        event: &str,
        asked: Asked,
        about: About,
    ) -> Result<(), EngineError> {
        let Some(subject) = &execution.subject else {
            return Ok(());
        };
        let now = batch.now();
        let Ok(delivery_id) = DeliveryId::parse(&asked.by) else {
            return Ok(());
        };
        let envelope = Envelope {
            delivery_id,
            tenant: execution.tenant.clone(),
            event_type: event.to_owned(),
            action: None,
            about: About {
                installation: Some(subject.installation),
                repo_id: Some(subject.repo_id),
                repo: Some(subject.repo.clone()),
                pr_number: Some(subject.number),
                ..about
            },
            received_at: now,
            semantic: None,
            replayed_by: None,
            asked: Some(asked),
            disposition: None,
        };
        let id = uuid7(now, self.ports.clock.random()).to_string();
        batch.push(Write::Put {
            draft: Draft::new(keys::mailbox(&subject.lane, &id), body::encode(&envelope)?),
            expect: Expect::Absent,
        })?;
        batch.push(Write::Poke {
            key: keys::lane(&subject.lane),
            due: lane_due(&execution.tenant, now),
        })?;
        Ok(())
    }
}
