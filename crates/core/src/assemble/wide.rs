//! What rules find that look at a whole change, or at what stands around it.

pub(super) mod dependencies;
mod gone_tests;
mod layers;

pub use dependencies::{DOWNGRADED, LOOK_ALIKE};
pub use gone_tests::GONE_TESTS;
pub use layers::LAYERS;

use super::Analyses;
use super::place::Places;
use crate::change::FileChange;
use crate::finding::{self, Finding};
use crate::policy::Policy;

/// What was found, with the configuration applied, numbered and placed.
pub(super) fn found(files: &[&FileChange], analyses: &Analyses, policy: &Policy) -> Vec<Finding> {
    let mut found = analyses.found.clone();
    found.extend(gone_tests::find(files, analyses));
    found.extend(dependencies::find(analyses));
    found.extend(layers::find(analyses, &policy.layers));
    found.retain(|one| policy.is_rule_on(&one.rule, &one.location.path));
    finding::number(&mut found);
    let places = Places::of(files);
    for one in &mut found {
        one.severity = policy.severity(&one.rule).unwrap_or(one.severity);
        one.comment_line = Some(places.comment_line(one));
    }
    found
}
