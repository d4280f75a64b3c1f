//! Routing: which workflow an event starts, as far as this installation runs it.

use std::collections::BTreeSet;

use crate::event::github::Purpose;
use crate::id::WorkflowName;

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Start a workflow; the newest event wins if `is_latest_only`.
    Start {
        /// Which.
        workflow: WorkflowName,
        /// Whether a newer one takes the place of the running one.
        is_latest_only: bool,
    },
    /// Nothing runs it here.
    Ignore(String),
}

/// Says where an event goes. `known` are the workflows that are run here.
#[must_use]
pub fn route(purpose: Purpose, known: &BTreeSet<WorkflowName>) -> Route {
    let (name, is_latest_only) = match purpose {
        Purpose::Review | Purpose::Recheck => ("pr-review", true),
        Purpose::Cleanup => ("cleanup", false),
        Purpose::Command => ("comment-command", false),
        Purpose::Policy | Purpose::Thread => ("policy", false),
        Purpose::Deployment => ("deploy", false),
        Purpose::Installation => ("installation", false),
    };
    let workflow = WorkflowName::constant(name);
    if known.contains(&workflow) {
        Route::Start {
            workflow,
            is_latest_only,
        }
    } else {
        Route::Ignore(format!("no workflow `{name}` runs here"))
    }
}
