//! What rules find that look at a whole change, or at what stands around it.

pub(super) mod dependencies;
mod gone_tests;
mod hidden;
mod layers;

pub use dependencies::{DOWNGRADED, LOOK_ALIKE};
pub use gone_tests::GONE_TESTS;
pub use hidden::HIDDEN;
pub use layers::LAYERS;

use super::place::Places;
use super::{Analyses, Analysis};
use crate::change::FileChange;
use crate::finding::{self, Finding};
use crate::policy::Policy;
use crate::review::{Suppressed, SuppressedBy};

/// What was found, with the configuration applied, numbered and placed; and what comments at head set aside.
pub(super) fn found(
    files: &[&FileChange],
    analyses: &Analyses,
    policy: &Policy,
) -> (Vec<Finding>, Vec<Suppressed>) {
    let mut found = analyses.found.clone();
    found.extend(gone_tests::find(files, analyses));
    found.extend(hidden::find(files, analyses));
    found.extend(dependencies::find(analyses));
    found.extend(layers::find(analyses, &policy.layers));
    found.retain(|one| policy.is_rule_on(&one.rule, &one.location.path));
    finding::number(&mut found);
    let places = Places::of(files);
    for one in &mut found {
        one.severity = policy.severity(&one.rule).unwrap_or(one.severity);
        one.comment_line = Some(places.comment_line(one));
    }
    let mut suppressed = Vec::new();
    found.retain(|one| {
        let reason = reason_to_ignore(analyses, one);
        suppressed.extend(reason.map(|reason| Suppressed {
            rule: one.rule.clone(),
            location: one.location.clone(),
            fingerprint: one.fingerprint.clone(),
            by: SuppressedBy::Comment,
            reason: reason.to_owned(),
        }));
        reason.is_none()
    });
    (found, suppressed)
}

fn reason_to_ignore<'a>(analyses: &'a Analyses, one: &Finding) -> Option<&'a str> {
    let Some(Analysis::Report(report)) = analyses.files.get(&one.location.path) else {
        return None;
    };
    let head = report.head.as_ref()?;
    head.reason_to_ignore(&one.rule, one.location.line)
}
