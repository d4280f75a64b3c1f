//! The agent that reviews submitted code.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::id::TenantId;
use pullmill_core::ports::analyzer::{Analyzer, Ground, Submission};
use pullmill_core::ports::blob::{BlobClass, BlobError, BlobRef, Blobs};
use pullmill_core::review::Review;
use pullmill_core::stream::Told;
use pullmill_core::task::{Follows, Outcome};
use serde::Deserialize;
use serde_json::{Value, json};

use super::advise::{Advisors, STATIC, tell_without, unanalysed};
use super::{Agent, Work};

/// Most bytes of a submission.
pub const MAX_SUBMISSION: u64 = 8 << 20;
/// Findings that are told one by one; the review has them all.
const TOLD: usize = 50;

/// Reviews submitted code in the analysis.
pub struct SnippetAgent {
    analyzer: Arc<dyn Analyzer>,
    blobs: Arc<dyn Blobs>,
    advisors: Option<Advisors>,
}

#[derive(Deserialize)]
struct Input {
    submission: BlobRef,
}

impl SnippetAgent {
    /// An agent with an analysis.
    pub fn new(analyzer: Arc<dyn Analyzer>, blobs: Arc<dyn Blobs>) -> Self {
        Self {
            analyzer,
            blobs,
            advisors: None,
        }
    }

    /// The same agent, which also asks models.
    #[must_use]
    pub fn with_models(self, advisors: Option<Advisors>) -> Self {
        Self { advisors, ..self }
    }

    async fn review(&self, work: &Work) -> Result<Outcome, Outcome> {
        let submission = self.submission(work).await?;
        let assessed = self.analyzer.review(submission).await;
        let mut assessed = assessed.map_err(unanalysed)?;
        if let Some(advisors) = &self.advisors {
            let advised = advisors.advise(work, &mut assessed, Ground::default(), None);
            advised.await?;
        }
        let review = assessed.review();
        let kept = self.keep(&work.execution.tenant, &review).await?;
        let mut result = json!({
            "verdict": review.verdict, "risk": review.risk, "findings": review.findings.len(), "review": kept,
        });
        tell_without(self.advisors.as_ref(), STATIC, &mut result);
        Ok(done(&review, result))
    }

    async fn submission(&self, work: &Work) -> Result<Submission, Outcome> {
        let hopeless = |error: &dyn std::fmt::Display| {
            Outcome::Hopeless(format!("the submission cannot be read: {error}"))
        };
        let input: Input = serde_json::from_value(work.execution.input.clone())
            .map_err(|error| hopeless(&error))?;
        let bytes = self.blobs.get(&input.submission, MAX_SUBMISSION).await;
        let bytes = bytes.map_err(|error| match error {
            BlobError::Unavailable(_) => unavailable(&error),
            error => hopeless(&error),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| hopeless(&error))
    }

    async fn keep(&self, tenant: &TenantId, review: &Review) -> Result<BlobRef, Outcome> {
        let bytes = serde_json::to_vec(review)
            .map_err(|error| Outcome::Hopeless(format!("the review cannot be written: {error}")))?;
        let kept = self
            .blobs
            .put(tenant, BlobClass::Result, Bytes::from(bytes));
        kept.await.map_err(|error| unavailable(&error))
    }
}

#[async_trait]
impl Agent for SnippetAgent {
    async fn run(&self, work: &Work) -> Outcome {
        match self.review(work).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Outcome {
    Outcome::Faulted {
        error: error.to_string(),
        retry_after: None,
    }
}

fn done(review: &Review, result: Value) -> Outcome {
    let findings = review.findings.iter().take(TOLD).map(|finding| {
        let data = json!({
            "rule": finding.rule, "severity": finding.severity, "path": finding.location.path,
            "line": finding.location.line, "message": finding.message, "fingerprint": finding.fingerprint,
        });
        Told::new("finding.created", data)
    });
    Outcome::Done {
        told: findings.collect(),
        follows: Follows::default(),
        result,
    }
}
