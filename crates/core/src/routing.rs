//! Routing: which workflow an event starts, as far as this installation runs it.

use std::collections::BTreeSet;

use crate::event::github::Purpose;
use crate::id::WorkflowName;

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Start a workflow.
    Start {
        /// Which.
        workflow: WorkflowName,
        /// Whose place on the lane it takes: there is one at a time, and the newest event wins. `None` if it runs beside all others.
        place: Option<WorkflowName>,
    },
    /// Nothing runs it here.
    Ignore(String),
}

/// The workflow that reviews a pull request.
const REVIEW: &str = "pr-review";
/// The workflow that keeps documents true.
const DOCS: &str = "docs-update";

/// Says where an event goes. `known` are the workflows that are run here.
#[must_use]
pub fn route(purpose: Purpose, known: &BTreeSet<WorkflowName>) -> Route {
    let (name, place) = match purpose {
        Purpose::Review | Purpose::Recheck => (REVIEW, Some(REVIEW)),
        // Whatever a review of a closed pull request still wants is not wanted any more (decision 34).
        Purpose::Cleanup => ("cleanup", Some(REVIEW)),
        Purpose::Docs => (DOCS, Some(DOCS)),
        Purpose::Command => ("comment-command", None),
        Purpose::Policy | Purpose::Thread => ("policy", None),
        Purpose::Deployment => ("deploy", None),
        Purpose::Installation => ("installation", None),
    };
    let workflow = WorkflowName::constant(name);
    if known.contains(&workflow) {
        let place = place.map(WorkflowName::constant);
        Route::Start { workflow, place }
    } else {
        Route::Ignore(format!("no workflow `{name}` runs here"))
    }
}
