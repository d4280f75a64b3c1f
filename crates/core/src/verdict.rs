//! What a change is judged to be: pass, fail, or inconclusive. What was not assessed never passes.

use serde::{Deserialize, Serialize};

use crate::coverage::{FileCoverage, Outcome};
use crate::finding::Finding;
use crate::policy::Policy;

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Everything was assessed and nothing at or above the threshold is open.
    Pass,
    /// A finding at or above the threshold is open.
    Fail,
    /// Something was not assessed.
    Inconclusive,
}

impl Outlook {
    /// The word used in output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The judgement and its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The judgement.
    pub outlook: Outlook,
    /// Why, for the reader; never empty.
    pub reasons: Vec<String>,
}

/// Judges a change by decision 1: fail on an open finding that the policy blocks, else inconclusive if
/// anything that counts was left out, else pass.
///
/// `incomplete` names what else was not done, e.g. a patch whose files could not be had.
#[must_use]
pub fn decide(
    findings: &[Finding],
    coverage: &[FileCoverage],
    incomplete: &[String],
    policy: &Policy,
) -> Verdict {
    let blocking = findings
        .iter()
        .filter(|finding| policy.is_blocking(finding))
        .count();
    let mut gaps: Vec<String> = coverage.iter().filter_map(gap).collect();
    gaps.extend(incomplete.iter().cloned());
    if blocking > 0 {
        let noun = if blocking == 1 { "finding" } else { "findings" };
        let mut reasons = vec![format!("{blocking} open {noun} {}", threshold(policy))];
        reasons.append(&mut gaps);
        return Verdict {
            outlook: Outlook::Fail,
            reasons,
        };
    }
    if gaps.is_empty() {
        let reason = format!(
            "everything was assessed; no open finding {}",
            threshold(policy)
        );
        return Verdict {
            outlook: Outlook::Pass,
            reasons: vec![reason],
        };
    }
    Verdict {
        outlook: Outlook::Inconclusive,
        reasons: gaps,
    }
}

/// What a finding must be to block, in words.
fn threshold(policy: &Policy) -> String {
    if policy.paths.iter().any(|rule| rule.fail_on.is_some()) {
        return "at or above the threshold of its path".to_owned();
    }
    format!("of severity {} or worse", policy.review.fail_on.word())
}

fn gap(file: &FileCoverage) -> Option<String> {
    match &file.outcome {
        Outcome::Skipped { reason, detail } if !reason.is_neutral() => {
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!(": {detail}")
            };
            Some(format!(
                "{} was not assessed ({}{detail})",
                file.path,
                reason.words()
            ))
        }
        _ => None,
    }
}
