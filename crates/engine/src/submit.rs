//! Starts an execution because somebody asks for it.

use bytes::Bytes;
use pullmill_core::event::digest_of;
use pullmill_core::execution::{Cause, Execution, Status, start};
use pullmill_core::id::{ExecutionId, TenantId};
use pullmill_core::keys;
use pullmill_core::plan::Plan;
use pullmill_core::ports::analyzer::Submission;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::blob::BlobClass;
use pullmill_core::ports::store::Draft;
use pullmill_core::stream::Head;
use pullmill_core::time::Timestamp;
use serde_json::{Value, json};

use crate::attempt::Attempts;
use crate::workflow::snippet_name;
use crate::{Engine, EngineError};

/// How long a request's `Idempotency-Key` is remembered.
const KEEP: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Who asks, and under which key.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Whose records.
    pub tenant: TenantId,
    /// Who.
    pub owner: String,
    /// The request's `Idempotency-Key`: the same key gives the same execution.
    pub key: Option<String>,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// A new execution.
    New(ExecutionId),
    /// The one that an earlier request with this key started.
    Known(ExecutionId),
    /// The key was used for something else.
    Mismatched,
}

impl Engine {
    /// Starts a review of submitted code.
    pub async fn submit(
        &self,
        asker: &Asker,
        submission: &Submission,
    ) -> Result<Started, EngineError> {
        let Some(plan) = self.plans.get(&snippet_name()).cloned() else {
            return Err(EngineError::NotFound(format!(
                "workflow {}",
                snippet_name()
            )));
        };
        let bytes = serde_json::to_vec(submission).map_err(|error| {
            EngineError::NotFound(format!("way to write the submission: {error}"))
        })?;
        let blob = self
            .ports
            .blobs
            .put(&asker.tenant, BlobClass::Payload, Bytes::from(bytes));
        let blob = blob.await?;
        let digest = blob.digest.clone();
        let input =
            json!({"submission": blob, "label": submission.label, "files": submission.files.len()});
        self.ask(asker, plan, input, &digest).await
    }

    /// Starts an execution of a plan. `digest` tells one request from another under the same key.
    pub async fn ask(
        &self,
        asker: &Asker,
        plan: Plan,
        input: Value,
        digest: &str,
    ) -> Result<Started, EngineError> {
        let now = self.ports.clock.now();
        let id = ExecutionId::new(now, self.ports.clock.random());
        let cause = Cause::Request(asker.owner.clone());
        let mut execution = fresh(id.clone(), &asker.tenant, &asker.owner, cause, plan, now);
        execution.input = input;
        let known = asker.key.as_ref().map(|key| {
            keys::idempotency(
                &asker.tenant,
                &digest_of(&[&asker.owner]),
                &digest_of(&[key]),
            )
        });
        let mut attempts = Attempts::new(&self.ports);
        loop {
            let now = self.ports.clock.now();
            let mut batch = Batch::at(now);
            if let Some(key) = &known {
                let mut draft = Draft::new(key.clone(), format!("{id} {digest}").into());
                draft.expires_at = Some(now + KEEP);
                let expect = Expect::Absent;
                batch.push(Write::Put { draft, expect })?;
            }
            let decision = start(execution.clone());
            self.stage(&mut batch, decision, Expect::Absent, None)
                .await?;
            if attempts.commit(batch).await? {
                return Ok(Started::New(id));
            }
            let now = self.ports.clock.now();
            // The commit may have arrived though its reply did not.
            if self.load(&asker.tenant, &id, now).await?.is_some() {
                return Ok(Started::New(id));
            }
            let Some(key) = &known else { continue };
            if let Some(record) = self.record(key, now).await? {
                let text = String::from_utf8_lossy(&record.draft.body).into_owned();
                return Ok(match text.split_once(' ') {
                    Some((id, same)) if same == digest => match ExecutionId::parse(id) {
                        Ok(id) => Started::Known(id),
                        Err(_) => Started::Mismatched,
                    },
                    _ => Started::Mismatched,
                });
            }
        }
    }
}

/// An execution that has not begun.
pub(crate) fn fresh(
    id: ExecutionId,
    tenant: &TenantId,
    owner: &str,
    cause: Cause,
    plan: Plan,
    now: Timestamp,
) -> Execution {
    Execution {
        id,
        tenant: tenant.clone(),
        owner: owner.to_owned(),
        cause,
        subject: None,
        input: Value::Null,
        plan,
        generation: 0,
        status: Status::Queued,
        reason: None,
        detail: None,
        after_compensation: None,
        compensated: None,
        steps: std::collections::BTreeMap::new(),
        stream: Head::default(),
        created_at: now,
        started_at: None,
        finished_at: None,
        notified_at: None,
    }
}
