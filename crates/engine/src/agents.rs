//! Agents do the steps. They get values and give values; what follows from them is decided elsewhere.

pub mod advise;
pub mod cleanup;
pub mod command;
pub mod docs;
pub mod pull;
mod reading;
pub mod snippet;
mod views;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::execution::Execution;
use pullmill_core::task::{Outcome, Task};
use pullmill_core::time::Monotonic;

/// One attempt at a step.
#[derive(Clone, Debug)]
pub struct Work {
    /// The execution as it was when the attempt began.
    pub execution: Execution,
    /// The task.
    pub task: Task,
    /// Where an earlier attempt stopped.
    pub checkpoint: Option<Bytes>,
    /// When the attempt should stop and go on in a new lease, by the monotonic clock.
    pub yield_at: Monotonic,
}

/// Does a step. It may be dropped at any moment, and what it does may happen twice: it must not change the world.
#[async_trait]
pub trait Agent: Send + Sync {
    /// Makes one attempt.
    async fn run(&self, work: &Work) -> Outcome;
}
