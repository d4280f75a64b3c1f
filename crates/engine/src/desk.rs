//! Asks models: chooses, pays before each call, falls back, waits and remembers. Whoever wants an answer asks here, and cannot
//! ask without paying (AI2, AI5, AI6).

pub mod ledger;
pub mod purse;
pub mod question;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use pullmill_core::breaker::BreakerLaw;
use pullmill_core::models::{Catalogue, Entry, Money, Tier};
use pullmill_core::ports::clock::{self, Clock};
use pullmill_core::ports::model::{Answer, Ask, Model, ModelError, Progress, Reservation};
use pullmill_core::time::Monotonic;

use crate::Ports;
use ledger::{Ledger, Payer};
pub use purse::Purse;
pub use question::{Part, Question};

/// Longest pause before the same question is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Tokens of the words that providers put around a question.
const AROUND: u32 = 64;

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The question's name, for this model.
    pub name: String,
    /// The model.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// What it can cost at most.
    pub worst: Money,
}

/// Why a call may not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPaid {
    /// A cap would be passed; it is named.
    Cap(String),
    /// Nobody knows whether it would be.
    Unknown(String),
}

/// Keeps the money and the answers.
#[async_trait]
pub trait Account: Send + Sync {
    /// An answer that was paid for before.
    async fn recall(&self, call: &Call) -> Option<Answer>;
    /// How long a provider is to be left alone.
    async fn wait(&self, provider: &str) -> Option<Duration>;
    /// Sets money aside, durably, for the worst that a call can cost.
    async fn reserve(&self, call: &Call) -> Result<(), NotPaid>;
    /// Puts down what became of the call that was reserved last under its name. A call that nobody knows the cost of stays
    /// charged with the worst.
    async fn settle(&self, call: &Call, outcome: Result<(&Answer, Money), &ModelError>);
    /// Keeps an answer that was of use, for whoever asks the same.
    async fn keep(&self, call: &Call, answer: &Answer);
}

/// What was spent at a desk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that were made.
    pub calls: u32,
    /// Models that answered.
    pub models: BTreeSet<String>,
    /// Tokens sent.
    pub sent: u64,
    /// Those of them that were in the provider's cache.
    pub cached: u64,
    /// Tokens answered.
    pub answered: u64,
    /// What it has cost, or may have.
    pub cost: Money,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The marks that stood around what others wrote.
    pub mark: String,
    call: Call,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// No model can be asked.
    #[error("no model can be asked: {0}")]
    NoModel(String),
    /// The money is spent.
    #[error("the budget does not allow it: {0}")]
    Budget(String),
    /// All that were asked failed.
    #[error("{0}")]
    Failed(String),
    /// The time for it is up.
    #[error("the time for it was up")]
    OutOfTime,
    /// Answers are played back, and this one is not there.
    #[error("there is no recorded answer to this question ({0})")]
    Unrecorded(String),
}

impl Unanswered {
    /// No provider can be asked.
    #[must_use]
    pub fn nobody() -> Self {
        Self::NoModel("no provider of the configured models has a key here".to_owned())
    }
}

/// Models, and what is known of them.
#[derive(Clone)]
pub struct Models {
    /// What is known.
    pub catalogue: Arc<Catalogue>,
    /// Who answers.
    pub model: Arc<dyn Model>,
}

/// Opens desks on accounts in records.
#[derive(Clone)]
pub struct Desks {
    models: Models,
    ports: Ports,
    law: BreakerLaw,
}

impl Desks {
    /// For these models and these records.
    #[must_use]
    pub fn new(models: Models, ports: Ports, law: BreakerLaw) -> Self {
        Self { models, ports, law }
    }

    /// A desk on the account of an execution.
    #[must_use]
    pub fn open(&self, payer: Payer) -> Desk {
        let Models { catalogue, model } = self.models.clone();
        let clock = Arc::clone(&self.ports.clock);
        let ledger = Ledger::new(self.ports.clone(), self.law.clone(), catalogue.caps, payer);
        Desk::new(catalogue, model, clock, Box::new(ledger))
    }
}

/// Where models are asked, on one account.
pub struct Desk {
    /// Which models there are.
    pub catalogue: Arc<Catalogue>,
    model: Arc<dyn Model>,
    clock: Arc<dyn Clock>,
    account: Box<dyn Account>,
    tally: Mutex<Tally>,
    until: Option<Monotonic>,
}

impl Desk {
    /// A desk that has spent nothing yet.
    pub fn new(
        catalogue: Arc<Catalogue>,
        model: Arc<dyn Model>,
        clock: Arc<dyn Clock>,
        account: Box<dyn Account>,
    ) -> Self {
        Self {
            catalogue,
            model,
            clock,
            account,
            tally: Mutex::default(),
            until: None,
        }
    }

    /// The same desk, where nobody waits longer than until then: whoever reviews has to go on without an answer.
    #[must_use]
    pub fn until(self, until: Monotonic) -> Self {
        Self {
            until: Some(until),
            ..self
        }
    }

    /// What was spent.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The first model that would be asked for a tier.
    #[must_use]
    pub fn first(&self, tier: Tier) -> Option<(&str, &Entry)> {
        let own = self.candidates(tier, false).into_iter().next();
        own.or_else(|| self.candidates(tier, true).into_iter().next())
    }

    /// Tokens of a text, for a model.
    #[must_use]
    pub fn count(&self, model: &str, text: &str) -> u32 {
        self.model.count(model, text)
    }

    /// Tokens of everything in a question but what others wrote.
    #[must_use]
    pub fn overhead(&self, model: &str, question: &Question) -> u32 {
        let schema = question
            .schema
            .as_ref()
            .map(|schema| schema.json.to_string());
        let ours: String = question.parts.iter().filter_map(Part::ours).collect();
        let texts = [
            question.system.as_str(),
            &ours,
            schema.as_deref().unwrap_or(""),
        ];
        let marks = 48 * u32::try_from(question.parts.len()).unwrap_or(u32::MAX);
        let tokens: u32 = texts.iter().map(|text| self.count(model, text)).sum();
        tokens.saturating_add(marks).saturating_add(AROUND)
    }

    /// The models that can be asked for a tier: its own and those above; or those below, which are cheaper.
    fn candidates(&self, tier: Tier, is_cheaper: bool) -> Vec<(&str, &Entry)> {
        let own = self.catalogue.order(tier);
        let names = match is_cheaper {
            false => own,
            true => {
                let mut all = self.catalogue.order(Tier::Fast);
                all.retain(|name| !own.contains(name));
                all
            }
        };
        let known = names.into_iter().filter(|name| self.model.has(name));
        known
            .filter_map(|name| Some((name, self.catalogue.models.get(name)?)))
            .collect()
    }

    /// Asks until somebody answers, as far as the money and the time go.
    ///
    /// # Errors
    /// Says why nobody did.
    pub async fn ask(
        &self,
        question: &Question,
        progress: &mut dyn Progress,
    ) -> Result<Answered, Unanswered> {
        let Some(until) = self.until else {
            return self.ask_in_turn(question, progress).await;
        };
        if self.clock.monotonic() >= until {
            return Err(Unanswered::OutOfTime);
        }
        // A call that is given up stays charged: nobody knows what it costs.
        let asking = self.ask_in_turn(question, progress).boxed();
        match select(asking, self.clock.sleep_until(until)).await {
            Either::Left((answered, _)) => answered,
            Either::Right(_) => Err(Unanswered::OutOfTime),
        }
    }

    async fn ask_in_turn(
        &self,
        question: &Question,
        progress: &mut dyn Progress,
    ) -> Result<Answered, Unanswered> {
        let mark = question::mark(self.clock.random());
        let content = question.content(&mark);
        let mut failures: Vec<String> = Vec::new();
        let mut budget = None;
        let mut is_asked = false;
        for is_cheaper in [false, true] {
            // A cheaper model is asked for want of money, or where no other has a key.
            if is_cheaper && is_asked && budget.is_none() {
                break;
            }
            for (name, entry) in self.candidates(question.tier, is_cheaper) {
                is_asked = true;
                let sent = (question, content.as_str());
                match self.try_candidate(name, entry, sent, progress).await {
                    Ok((call, answer)) => return Ok(Answered { answer, mark, call }),
                    Err(Tried::Budget(cap)) => budget = budget.or(Some(cap)),
                    Err(Tried::Unrecorded(name)) => return Err(Unanswered::Unrecorded(name)),
                    Err(Tried::Failed(why)) => failures.push(format!("{name}: {why}")),
                }
            }
        }
        Err(match budget {
            _ if !is_asked => Unanswered::nobody(),
            Some(cap) => Unanswered::Budget(cap),
            None => Unanswered::Failed(failures.join("; ")),
        })
    }

    /// Asks one model, unless it was paid for an answer before or the question does not fit its window.
    async fn try_candidate(
        &self,
        name: &str,
        entry: &Entry,
        (question, content): (&Question, &str),
        progress: &mut dyn Progress,
    ) -> Result<(Call, Answer), Tried> {
        let max_output = entry.output(&self.catalogue.limits);
        let schema = question
            .schema
            .as_ref()
            .map(|schema| schema.json.to_string());
        let texts = [
            question.system.as_str(),
            content,
            schema.as_deref().unwrap_or(""),
        ];
        let counts = texts.iter().map(|text| self.count(name, text));
        let input = counts.fold(AROUND, u32::saturating_add);
        if input.saturating_add(max_output) > entry.window {
            return Err(Tried::Failed(
                "the question does not fit its window".to_owned(),
            ));
        }
        let call = Call {
            name: question.name(name, max_output),
            model: name.to_owned(),
            provider: entry.provider.clone(),
            worst: entry.usd.worst(input, max_output),
        };
        if let Some(answer) = self.account.recall(&call).await {
            self.count_in(name, None);
            return Ok((call, answer));
        }
        let ask = Ask {
            model: name.to_owned(),
            system: question.system.clone(),
            content: content.to_owned(),
            schema: question.schema.clone(),
            max_output,
            name: call.name.clone(),
        };
        let answer = self.try_model(&call, &ask, entry, progress).await?;
        Ok((call, answer))
    }

    /// Keeps an answer that was of use, for whoever asks the same in the next days.
    pub async fn keep(&self, answered: &Answered) {
        self.account.keep(&answered.call, &answered.answer).await;
    }

    /// Asks one model, again if it asks to wait or has a fault that passes.
    async fn try_model(
        &self,
        call: &Call,
        ask: &Ask,
        entry: &Entry,
        progress: &mut dyn Progress,
    ) -> Result<Answer, Tried> {
        let mut tries = 0;
        loop {
            if let Some(wait) = self.account.wait(&call.provider).await {
                let seconds = wait.as_secs();
                return Err(Tried::Failed(format!(
                    "its provider is left alone for {seconds} s"
                )));
            }
            self.account
                .reserve(call)
                .await
                .map_err(|refused| match refused {
                    NotPaid::Cap(cap) => Tried::Budget(cap),
                    NotPaid::Unknown(why) => {
                        Tried::Failed(format!("the money cannot be set aside: {why}"))
                    }
                })?;
            let paid = Reservation { worst: call.worst };
            let answered = self.model.ask(ask, &paid, progress).await;
            let error = match answered {
                Ok(answer) => {
                    let cost = entry.usd.of(&answer.usage);
                    self.count_in(&call.model, Some((&answer, cost)));
                    self.account.settle(call, Ok((&answer, cost))).await;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.account.settle(call, Err(&error)).await;
            if !error.is_free() {
                let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
                tally.calls += 1;
                tally.cost.0 += call.worst.0;
            }
            if let ModelError::Unrecorded(name) = error {
                return Err(Tried::Unrecorded(name));
            }
            tries += 1;
            if !error.may_pass() || tries > self.catalogue.limits.retries {
                return Err(Tried::Failed(error.to_string()));
            }
            clock::sleep(&*self.clock, self.pause(&error, tries)).await;
        }
    }

    /// How long to wait before the next try: as asked, else a second that doubles, more or less.
    fn pause(&self, error: &ModelError, tries: u32) -> Duration {
        if let ModelError::Limited(Some(wait)) = error {
            return (*wait).min(MAX_PAUSE);
        }
        let random = u32::try_from(self.clock.random() % 1_000).unwrap_or(0);
        let pause = Duration::from_secs(1) * 2_u32.saturating_pow(tries - 1);
        pause
            .mul_f64(0.5 + f64::from(random) / 1_000.0)
            .min(MAX_PAUSE)
    }

    fn count_in(&self, model: &str, paid: Option<(&Answer, Money)>) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.models.insert(model.to_owned());
        if let Some((answer, cost)) = paid {
            tally.calls += 1;
            tally.sent += answer.usage.sent();
            tally.cached += answer.usage.cache_read;
            tally.answered += answer.usage.output;
            tally.cost.0 += cost.0;
        }
    }
}

/// Why a model gave no answer.
enum Tried {
    Budget(String),
    Failed(String),
    Unrecorded(String),
}
