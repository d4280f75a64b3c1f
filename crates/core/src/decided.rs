//! What people have decided about a pull request by commands: whether it is reviewed, and which findings are set aside.

use serde::{Deserialize, Serialize};

use crate::assemble::BaselineEntry;

/// Everything that was decided, as its record holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Who has stopped reviews, if they are stopped.
    pub paused_by: Option<String>,
    /// Findings that are set aside, with who and why.
    pub declined: Vec<BaselineEntry>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// No reviews from now on; says who.
    Pause(String),
    /// Reviews again.
    Resume,
    /// A finding is set aside.
    Decline(BaselineEntry),
}

/// More findings of one pull request than this are not set aside one by one.
const MAX_DECLINED: usize = 200;

impl Decided {
    /// Applies a decision; the newest reason for a finding counts.
    pub fn apply(&mut self, choice: Choice) {
        match choice {
            Choice::Pause(by) => self.paused_by = Some(by),
            Choice::Resume => self.paused_by = None,
            Choice::Decline(entry) => {
                self.declined
                    .retain(|known| known.fingerprint != entry.fingerprint);
                self.declined.push(entry);
                let excess = self.declined.len().saturating_sub(MAX_DECLINED);
                self.declined.drain(..excess);
            }
        }
    }
}
