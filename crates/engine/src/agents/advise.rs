//! Has models look at a pull request on top of the analysis, on the account of its execution.

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_core::advice::carry;
use pullmill_core::assemble::Assessed;
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::docs::Edit;
use pullmill_core::models::WithoutModel;
use pullmill_core::ports::analyzer::{Analyzer, AnalyzerError, Ground};
use pullmill_core::ports::forge::PullRef;
use pullmill_core::review::Review;
use pullmill_core::task::Outcome;
use pullmill_core::trial;
use serde_json::{Value, json};

use super::Work;
use super::pull::fault;
use crate::consult::documents;
use crate::consult::text::{self, Wanted, Words};
use crate::consult::{Consultation, Consulting, Task, Unheard, consult};
use crate::desk::ledger::Payer;
use crate::desk::{Desk, Desks};

/// Models, and the analysis that what they say is held against.
#[derive(Clone)]
pub struct Advisors {
    desks: Desks,
    analyzer: Arc<dyn Analyzer>,
}

impl Advisors {
    /// Models on accounts in records.
    pub fn new(desks: Desks, analyzer: Arc<dyn Analyzer>) -> Self {
        Self { desks, analyzer }
    }

    /// Adds what models say to what is known. What they said of code that still stands is not taken back by their silence.
    pub(super) async fn advise(
        &self,
        work: &Work,
        assessed: &mut Assessed,
        ground: Ground,
        before: Option<&Review>,
    ) -> Result<(), Outcome> {
        let mut said = self.consult(work, assessed, ground, Task::Review).await?;
        if let Some(before) = before {
            let clean = |path: &RepoPath, text: &str| self.analyzer.redact(path, text);
            let still = carry(before, &assessed.change, &said.findings, &clean);
            said.findings.extend(still);
        }
        said.add_to(assessed);
        Ok(())
    }

    /// Asks about a change, and tries what is suggested.
    pub(super) async fn consult(
        &self,
        work: &Work,
        assessed: &Assessed,
        ground: Ground,
        task: Task,
    ) -> Result<Consultation, Outcome> {
        let desk = self.desk(work);
        let clean = |path: &RepoPath, text: &str| self.analyzer.redact(path, text);
        let how = Consulting {
            desk: &desk,
            task,
            clean: &clean,
            listener: &Unheard,
        };
        let mut said = consult(assessed, &how).await;
        let (places, jobs): (Vec<usize>, Vec<_>) =
            trial::jobs(assessed, &said.findings).into_iter().unzip();
        let tried = match jobs.is_empty() {
            true => Vec::new(),
            false => self
                .analyzer
                .analyse(jobs, ground)
                .await
                .map_err(unanalysed)?,
        };
        let tried: Vec<_> = places.into_iter().zip(tried).collect();
        trial::settle(&mut said.findings, &tried);
        Ok(said)
    }

    /// Asks for words about a change.
    pub(super) async fn words(
        &self,
        work: &Work,
        change: Change,
        ground: Ground,
        wanted: &Wanted<'_>,
    ) -> Result<Result<Words, String>, Outcome> {
        let assessed = self.assess(change, ground).await?;
        let clean = |path: &RepoPath, text: &str| self.analyzer.redact(path, text);
        Ok(text::ask(&assessed, &self.desk(work), &clean, wanted).await)
    }

    /// Lines of documents that the change has made untrue.
    pub(super) async fn documents(
        &self,
        work: &Work,
        review: &Review,
        texts: &BTreeMap<RepoPath, String>,
    ) -> Result<Vec<Edit>, String> {
        let clean = |path: &RepoPath, text: &str| self.analyzer.redact(path, text);
        documents::edits(review, texts, &self.desk(work), &clean).await
    }

    /// What rules say of a change.
    pub(super) async fn assess(&self, change: Change, ground: Ground) -> Result<Assessed, Outcome> {
        let assessed = self.analyzer.review_change(change, ground).await;
        assessed.map_err(unanalysed)
    }

    fn desk(&self, work: &Work) -> Desk {
        let execution = &work.execution;
        let subject = execution.subject.as_ref();
        let pull: Option<PullRef> = subject.and_then(|subject| subject.pull());
        let payer = Payer {
            tenant: execution.tenant.clone(),
            execution: execution.id.clone(),
            pull,
        };
        self.desks.open(payer).until(work.yield_at)
    }
}

/// What becomes of reviews and of work on documents where no model can be asked.
pub(super) const STATIC: WithoutModel = WithoutModel::StaticFallback;

/// Says in a step's result what became of it, if no model can be asked here (AI9).
pub(super) fn tell_without(advisors: Option<&Advisors>, without: WithoutModel, result: &mut Value) {
    if advisors.is_none() {
        result["without_model"] = json!(without);
    }
}

/// The analysis is broken, or cannot be had now.
pub(super) fn unanalysed(error: AnalyzerError) -> Outcome {
    match error {
        AnalyzerError::Unavailable(_) => fault(&error),
        AnalyzerError::Broken(_) => Outcome::Failed(error.to_string()),
    }
}
