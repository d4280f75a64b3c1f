//! What a rule says of itself that no file of rules holds, because it looks at more than one file.

use crate::assemble::{DOWNGRADED, GONE_TESTS, HIDDEN, LAYERS, LOOK_ALIKE};
use crate::docs::finding as docs;
use crate::duplicates::DUPLICATED;
use crate::finding::{Agent, Confidence, Finding, Location, Severity};
use crate::lockfiles::DRIFTED;
use crate::untested::UNFOLLOWED;

/// A rule's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleText {
    /// Unique among all rules.
    pub id: &'static str,
    /// Whose it is.
    pub agent: Agent,
    /// How bad a finding is.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// Its category.
    pub category: &'static str,
    /// One line for the list of rules; a finding says more.
    pub message: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to mend it.
    pub fix: &'static str,
}

/// All rules that look at a whole change.
pub const ALL: [RuleText; 11] = [
    DOWNGRADED,
    LOOK_ALIKE,
    DRIFTED,
    DUPLICATED,
    LAYERS,
    GONE_TESTS,
    HIDDEN,
    UNFOLLOWED,
    docs::RENAMED,
    docs::GONE,
    docs::UNMENTIONED,
];

impl RuleText {
    /// A finding of this rule that has neither names nor a fingerprint yet.
    #[must_use]
    pub fn finding(&self, location: Location) -> Finding {
        Finding {
            rule: self.id.to_owned(),
            agent: self.agent,
            severity: self.severity,
            confidence: self.confidence,
            category: self.category.to_owned(),
            cwe: Vec::new(),
            message: self.message.to_owned(),
            why: self.why.to_owned(),
            fix: self.fix.to_owned(),
            location,
            comment_line: None,
            path: Vec::new(),
            symbol: None,
            snippet: String::new(),
            fingerprint: String::new(),
            suggestion: None,
        }
    }
}
