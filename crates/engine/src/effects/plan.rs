//! Plans effects: their ledgers and the poke of their sender go into the batch of the step that earned them.

use bytes::Bytes;
use pullmill_core::body;
use pullmill_core::effect::{Content, Earned, Guard, Kind, Ledger, State, Target, Wish};
use pullmill_core::execution::{Cause, Execution, Subject};
use pullmill_core::id::{Sha, TenantId, uuid7};
use pullmill_core::keys;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::blob::{BlobClass, BlobRef};
use pullmill_core::ports::store::{Draft, Due, IndexKey, Second};
use pullmill_core::stream::Told;
use pullmill_core::time::Timestamp;
use serde_json::json;

use super::Outgoing;
use crate::workflow::{docs_name, review_name};
use crate::{Engine, EngineError, sender_queue};

/// An effect whose content is kept.
pub(crate) struct KeptEffect {
    earned: Earned,
    blob: BlobRef,
}

/// Where an effect is planned.
struct Plan<'a> {
    /// The sender's partition.
    pk: &'a str,
    object: &'a str,
    /// Its place in the mailbox, if it has none: what is planned together is sent in its order.
    item: String,
}

impl Engine {
    /// Keeps the contents of effects, so that a commit may speak of them.
    pub(crate) async fn keep_effects(
        &self,
        tenant: &TenantId,
        effects: &[Earned],
    ) -> Result<Vec<KeptEffect>, EngineError> {
        let mut kept = Vec::with_capacity(effects.len());
        for earned in effects {
            let bytes = body::encode(&earned.content)?;
            let blob = self.ports.blobs.put(tenant, BlobClass::Result, bytes);
            kept.push(KeptEffect {
                earned: earned.clone(),
                blob: blob.await?,
            });
        }
        Ok(kept)
    }

    /// Adds to a batch what effects need. Their target is the execution's, and their kinds are those its plan allows (I14).
    pub(crate) async fn plan_effects(
        &self,
        batch: &mut Batch,
        execution: &Execution,
        effects: &[KeptEffect],
    ) -> Result<Vec<Told>, EngineError> {
        let mut told = Vec::new();
        let Some(subject) = execution.subject.as_ref().filter(|_| !effects.is_empty()) else {
            return Ok(told);
        };
        let Some(pull) = subject.pull() else {
            return Ok(told);
        };
        let now = batch.now();
        let pk = keys::installation(&execution.tenant, pull.repo.installation);
        let items = uuid7(now, self.ports.clock.random()).to_string();
        for (number, kept) in effects.iter().enumerate() {
            let kind = kept.earned.content.kind();
            if !execution.plan.effects.contains(&kind) {
                let workflow = execution.plan.workflow.to_string();
                return Err(EngineError::NotCapable(workflow, kind.word()));
            }
            let target = Target {
                tenant: execution.tenant.clone(),
                pull: pull.clone(),
                head: kept.earned.head.clone(),
                cause: cause(execution),
            };
            let wish = Wish {
                version: kept.earned.content.version(),
                content: kept.blob.clone(),
                execution: execution.id.clone(),
                guard: guard(execution, subject),
                at: now,
            };
            let object = target.object(&kept.earned.content);
            if let Content::Commit(commit) = &kept.earned.content {
                self.own(batch, &target, &commit.commit).await?;
            }
            let planned = self
                .plan_effect(
                    batch,
                    Plan {
                        pk: &pk,
                        object: &object,
                        item: format!("{items}-{number:03}"),
                    },
                    target,
                    kind,
                    wish,
                )
                .await?;
            if let Some(ledger) = planned {
                told.push(Told::new("effect.planned", about(&ledger, &object)));
            }
        }
        if !told.is_empty() {
            batch.push(Write::Poke {
                key: keys::sender(&pk),
                due: sender_due(&execution.tenant, now),
            })?;
        }
        Ok(told)
    }

    /// Writes down that a commit is our own, before any branch points at it.
    async fn own(
        &self,
        batch: &mut Batch,
        target: &Target,
        commit: &Sha,
    ) -> Result<(), EngineError> {
        let now = batch.now();
        let key = keys::own_commit(&target.tenant, target.pull.repo.id, commit);
        let record = self.record(&key, now).await?;
        let mut draft = Draft::new(key, body::encode(target)?);
        draft.expires_at = Some(now + self.settings.keep_deliveries);
        batch.push(Write::Put {
            draft,
            expect: record.map_or(Expect::Absent, |record| Expect::Version(record.version)),
        })?;
        Ok(())
    }

    /// The ledger of an object as it is wanted now; `None` if it is so already.
    async fn plan_effect(
        &self,
        batch: &mut Batch,
        plan: Plan<'_>,
        target: Target,
        kind: Kind,
        wish: Wish,
    ) -> Result<Option<Ledger>, EngineError> {
        let Plan {
            pk,
            object,
            item: id,
        } = plan;
        let now = batch.now();
        let record = self.record(&keys::effect(pk, object), now).await?;
        let mut ledger = match &record {
            None => Ledger::new(target, kind, wish),
            Some(record) => {
                let mut ledger: Ledger = body::decode(&record.draft.body)?;
                if !ledger.want(target, wish) {
                    // The decision is held to what it has read.
                    batch.push(Write::Check {
                        key: record.draft.key.clone(),
                        expect: Expect::Version(record.version),
                    })?;
                    return Ok(None);
                }
                ledger
            }
        };
        if ledger.item.is_none() {
            let item = Outgoing {
                object: object.to_owned(),
                not_before: ledger.not_before,
            };
            batch.push(Write::Put {
                draft: Draft::new(keys::outgoing(pk, &id), body::encode(&item)?),
                expect: Expect::Absent,
            })?;
            ledger.item = Some(id);
        }
        let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
        batch.push(Write::Put {
            draft: self.ledger_draft(pk, object, &ledger, now)?,
            expect,
        })?;
        Ok(Some(ledger))
    }

    /// The record of a ledger: listed by its execution, and by its state if somebody should know.
    pub(crate) fn ledger_draft(
        &self,
        pk: &str,
        object: &str,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Draft, EngineError> {
        let mut draft = Draft::new(keys::effect(pk, object), body::encode(ledger)?);
        let tenant = &ledger.target.tenant;
        draft.first = Some(IndexKey {
            pk: keys::effects_of(tenant, &ledger.wish.execution),
            sk: format!("{}#{object}", ledger.kind.word()),
        });
        if matches!(ledger.state, State::Unknown | State::Dead) {
            draft.second = Second::Status(IndexKey {
                pk: keys::effects_by_state(tenant, ledger.state.word()),
                sk: format!("{}#{object}", now.digits()),
            });
        }
        draft.expires_at = ledger
            .item
            .is_none()
            .then(|| now + self.settings.keep_executions);
        Ok(draft)
    }
}

/// What has a place on the lane is wanted for as long as it has it; what else was asked for stays wanted.
fn guard(execution: &Execution, subject: &Subject) -> Option<Guard> {
    let workflow = &execution.plan.workflow;
    let has_place = *workflow == review_name() || *workflow == docs_name();
    has_place.then(|| Guard {
        lane: subject.lane.clone(),
        workflow: workflow.clone(),
    })
}

/// When a sender looks at its mailbox.
pub(crate) fn sender_due(tenant: &TenantId, at: Timestamp) -> Due {
    Due {
        queue: sender_queue(),
        tenant: tenant.clone(),
        at,
    }
}

/// The sender's own record has no body: all it knows is in its neighbours.
pub(crate) fn sender_draft(pk: &str) -> Draft {
    Draft::new(keys::sender(pk), Bytes::new())
}

/// What to tell of an effect.
pub(crate) fn about(ledger: &Ledger, object: &str) -> serde_json::Value {
    json!({
        "kind": ledger.kind, "effect": ledger.effect_key(object), "head": ledger.target.head,
        "repo": ledger.target.pull.repo.name, "pr": ledger.target.pull.number,
    })
}

/// What asked for the effects: deliveries and replays of them want the same review once, a command wants its own.
fn cause(execution: &Execution) -> String {
    if execution.plan.workflow == docs_name() {
        return "docs".to_owned();
    }
    match &execution.cause {
        Cause::Delivery(_) | Cause::Replay(_) => "auto".to_owned(),
        Cause::Request(by) => by.clone(),
    }
}
