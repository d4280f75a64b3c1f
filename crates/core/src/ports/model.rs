//! The model: answers questions for money. It has no tools and sees no secret, and what it says is believed by nobody.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::models::Money;

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The model, as the catalogue calls it.
    pub model: String,
    /// What it is to do: the same for many questions, so that providers can keep it.
    pub system: String,
    /// What it is to do it with.
    pub content: String,
    /// What the answer must look like.
    pub schema: Option<Schema>,
    /// Most tokens of the answer.
    pub max_output: u32,
    /// Names the question: equal questions have equal names, whatever the marks around what others wrote.
    pub name: String,
}

/// What an answer must look like, as JSON Schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// What it is called.
    pub name: &'static str,
    /// The schema: inlined, every property required, no others allowed.
    pub json: serde_json::Value,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was said.
    pub text: String,
    /// Why it ends.
    pub stop: Stop,
    /// What was used up.
    pub usage: Usage,
    /// The provider's name for the request.
    pub request: Option<String>,
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It is whole.
    Done,
    /// It was to be longer.
    Length,
    /// The model or its provider would not answer.
    Refused,
}

/// Tokens used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Sent, and not from or for the provider's cache.
    pub input: u64,
    /// Sent, and read from the provider's cache.
    pub cache_read: u64,
    /// Sent, and put into the provider's cache.
    pub cache_write: u64,
    /// Answered.
    pub output: u64,
}

impl Usage {
    /// All that was sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

/// Proof that money is set aside for a call. Whoever makes one has taken it from all budgets that count.
#[derive(Debug)]
pub struct Reservation {
    /// How much, at most.
    pub worst: Money,
}

/// Hears how far an answer has come.
pub trait Progress: Send {
    /// So many bytes more have come.
    fn received(&mut self, bytes: usize);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Unheard;

impl Progress for Unheard {
    fn received(&mut self, _: usize) {}
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It cannot be reached, or has a fault. It may have cost something.
    #[error("it is not available: {0}")]
    Unavailable(String),
    /// Too much was asked of it lately.
    #[error("it asks to wait")]
    Limited(Option<Duration>),
    /// It does not take the question: a wrong key, a wrong name, a question that is too long.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("no whole answer came: {0}")]
    Late(String),
    /// The answer has no end in sight.
    #[error("the answer has more than {0} bytes")]
    TooLarge(u32),
    /// What came is no answer of such a provider.
    #[error("what it answers cannot be read: {0}")]
    Unreadable(String),
    /// Answers are played back, and there is none to this question.
    #[error("there is no recorded answer to this question ({0})")]
    Unrecorded(String),
}

impl ModelError {
    /// Whether the same question may be answered later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Limited(_))
    }

    /// Whether it has certainly cost nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        matches!(
            self,
            Self::Limited(_) | Self::Refused(_) | Self::Unrecorded(_)
        )
    }
}

/// Models of one or more providers.
#[async_trait]
pub trait Model: Send + Sync {
    /// Asks once. Never tries again, so that whoever pays knows how often.
    async fn ask(
        &self,
        ask: &Ask,
        paid: &Reservation,
        progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError>;

    /// How many tokens a text counts for a model; never fewer than its provider counts.
    fn count(&self, model: &str, text: &str) -> u32;

    /// Whether a model can be asked: it is known, and its key is there.
    fn has(&self, model: &str) -> bool;
}
