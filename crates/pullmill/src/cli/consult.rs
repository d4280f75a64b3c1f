//! Which models a command asks, and the asking itself: on top of what rules have found, with a purse for this run.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pullmill_core::assemble::Assessed;
use pullmill_core::trial;
use pullmill_engine::consult::{self, Consulting, Task};
use pullmill_engine::desk::{Desk, Models, Purse};

use super::{Failure, Status};
use crate::progress::{Asking, Progress};
use crate::session::{Reviewer, redact};
use crate::wire;
use crate::wire::models::Tape;

/// Which models.
#[derive(Clone, Debug, Default, Args)]
pub struct ModelArgs {
    /// Have a model read the change too: auto, a tier (fast, balanced, deep) or one of the configured models.
    #[arg(long, value_name = "NAME", env = "PULLMILL_MODEL")]
    pub model: Option<String>,
    /// What is known of models: providers, prices, tiers, limits, budgets; laid over the defaults.
    #[arg(long, value_name = "FILE", env = "PULLMILL_MODELS")]
    pub models: Option<PathBuf>,
    /// Keep every answer of a model in this folder.
    #[arg(
        long,
        value_name = "DIR",
        requires = "model",
        conflicts_with = "replay"
    )]
    pub record: Option<PathBuf>,
    /// Take answers from this folder and ask nobody; a question that is not there is an error.
    #[arg(long, value_name = "DIR", requires = "model")]
    pub replay: Option<PathBuf>,
}

impl ModelArgs {
    /// The models to ask, if any.
    pub fn open(&self) -> Result<Option<Models>, Failure> {
        let Some(choice) = &self.model else {
            return Ok(None);
        };
        let mut catalogue = wire::models::catalogue(self.models.as_deref())?;
        let chosen = catalogue.only(choice);
        chosen.map_err(|error| Failure::new(Status::Usage, format_args!("--model: {error}")))?;
        let tape = match (&self.record, &self.replay) {
            (_, Some(folder)) => Tape::Replay(folder),
            (Some(folder), None) => Tape::Record(folder),
            (None, None) => Tape::Live,
        };
        wire::models::open(catalogue, tape).map(Some)
    }
}

/// Asks, and puts what was said among what is known.
pub fn consult(
    assessed: &mut Assessed,
    models: &Models,
    reviewer: &Reviewer,
    shows_progress: bool,
) -> Result<(), Failure> {
    let purse = Box::new(Purse::new(&models.catalogue.caps));
    let catalogue = Arc::clone(&models.catalogue);
    let desk = Desk::new(catalogue, Arc::clone(&models.model), wire::clock(), purse);
    let asking = Asking::new(shows_progress);
    let how = Consulting {
        desk: &desk,
        task: Task::Review,
        clean: &redact::text,
        listener: &asking,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(Status::Internal, error))?;
    let mut said = runtime.block_on(consult::consult(assessed, &how));
    asking.finish();
    if let Some(name) = said.unrecorded {
        let message = format!(
            "--replay: there is no recorded answer to a question about {} ({name}); the change, the rules, the questions or \
             the models are not as they were when it was recorded",
            assessed.change.label
        );
        return Err(Failure::new(Status::Data, message));
    }
    let (places, jobs): (Vec<usize>, Vec<_>) =
        trial::jobs(assessed, &said.findings).into_iter().unzip();
    let tried = reviewer.analyse(jobs, &Progress::new(false))?;
    let tried: Vec<_> = places
        .into_iter()
        .zip(tried.into_iter().map(Result::ok))
        .collect();
    trial::settle(&mut said.findings, &tried);
    said.add_to(assessed);
    Ok(())
}
