//! Minds the breakers of providers. They are records, so that all workers see the same.

use std::time::Duration;

use pullmill_core::breaker::{Breaker, BreakerLaw, Permission};
use pullmill_core::plan::StepPlan;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::{Draft, Record};
use pullmill_core::task::Outcome;
use pullmill_core::time::Timestamp;
use pullmill_core::{body, keys};

use crate::attempt::Attempts;
use crate::{Engine, EngineError, Ports};

/// How long a quiet breaker is remembered.
const LIFE: Duration = Duration::from_secs(86_400);

impl Engine {
    /// Whether the provider of a step may be asked; if not, when to come again.
    pub(crate) async fn may_ask(&self, step: &StepPlan) -> Result<Option<Duration>, EngineError> {
        match &step.provider {
            Some(provider) => may_ask(&self.ports, &self.settings.breaker, provider).await,
            None => Ok(None),
        }
    }

    /// Remembers how asking went.
    pub(crate) async fn note_asked(
        &self,
        step: &StepPlan,
        outcome: &Outcome,
    ) -> Result<(), EngineError> {
        let is_fault = matches!(outcome, Outcome::Faulted { .. });
        match &step.provider {
            Some(provider) => note(&self.ports, &self.settings.breaker, provider, is_fault).await,
            None => Ok(()),
        }
    }
}

/// Whether a provider may be asked; if not, when to come again.
pub(crate) async fn may_ask(
    ports: &Ports,
    law: &BreakerLaw,
    provider: &str,
) -> Result<Option<Duration>, EngineError> {
    let mut attempts = Attempts::new(ports);
    loop {
        let now = ports.clock.now();
        let (mut breaker, record) = read(ports, provider, now).await?;
        match breaker.ask(law, now) {
            Permission::Ask => return Ok(None),
            Permission::Wait(until) => return Ok(Some(until.since(now))),
            // Being the only one is what the commit decides.
            Permission::Probe => {
                let batch = put(provider, &breaker, record.as_ref(), now)?;
                if attempts.commit(batch).await? {
                    return Ok(None);
                }
            }
        }
    }
}

/// Remembers how asking a provider went.
pub(crate) async fn note(
    ports: &Ports,
    law: &BreakerLaw,
    provider: &str,
    is_fault: bool,
) -> Result<(), EngineError> {
    let mut attempts = Attempts::new(ports);
    loop {
        let now = ports.clock.now();
        let (mut breaker, record) = read(ports, provider, now).await?;
        let is_changed = match is_fault {
            true => {
                breaker.fail(law, now);
                true
            }
            false => breaker.succeed(),
        };
        if !is_changed {
            return Ok(());
        }
        let batch = put(provider, &breaker, record.as_ref(), now)?;
        if attempts.commit(batch).await? {
            return Ok(());
        }
    }
}

async fn read(
    ports: &Ports,
    provider: &str,
    now: Timestamp,
) -> Result<(Breaker, Option<Record>), EngineError> {
    let key = keys::breaker(provider);
    let mut found = ports.store.get(std::slice::from_ref(&key), now).await?;
    let record = found.pop().flatten();
    let breaker = match &record {
        Some(record) => body::decode(&record.draft.body)?,
        None => Breaker::default(),
    };
    Ok((breaker, record))
}

fn put(
    provider: &str,
    breaker: &Breaker,
    record: Option<&Record>,
    now: Timestamp,
) -> Result<Batch, EngineError> {
    let mut draft = Draft::new(keys::breaker(provider), body::encode(breaker)?);
    draft.expires_at = Some(now + LIFE);
    let expect = record.map_or(Expect::Absent, |record| Expect::Version(record.version));
    let mut batch = Batch::at(now);
    batch.push(Write::Put { draft, expect })?;
    Ok(batch)
}
