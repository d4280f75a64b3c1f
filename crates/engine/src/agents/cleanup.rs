//! The agent that looks whether a pull request is really closed: its webhook may come after that of its reopening, in the same second.

use std::sync::Arc;

use async_trait::async_trait;
use pullmill_core::event::{AUTO, Asked};
use pullmill_core::ports::forge::ForgeRead;
use pullmill_core::task::{Follows, Outcome};
use serde_json::json;

use super::pull::failed;
use super::{Agent, Work};

/// Looks whether pull requests are closed.
pub struct CleanupAgent {
    forge: Arc<dyn ForgeRead>,
}

impl CleanupAgent {
    /// An agent that reads a forge.
    pub fn new(forge: Arc<dyn ForgeRead>) -> Self {
        Self { forge }
    }
}

#[async_trait]
impl Agent for CleanupAgent {
    async fn run(&self, work: &Work) -> Outcome {
        let subject = work.execution.subject.as_ref();
        let Some(pull) = subject.and_then(|subject| subject.pull()) else {
            return Outcome::Hopeless("the event names no pull request".to_owned());
        };
        let is_open = match self.forge.pull(&pull).await {
            Ok(pull) => pull.is_open,
            Err(error) => return failed(error),
        };
        let review = is_open.then(|| Asked {
            by: AUTO.to_owned(),
            ..Asked::default()
        });
        Outcome::Done {
            result: json!({"is_open": is_open}),
            told: Vec::new(),
            follows: Follows {
                review,
                ..Follows::default()
            },
        }
    }
}
