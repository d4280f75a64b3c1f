//! What a rule engine reports before it becomes a finding: a rule, a byte range and the names of the place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::rule::RuleMeta;

/// One match of one rule in one file.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The rule.
    pub rule: Arc<RuleMeta>,
    /// The bytes it is about.
    pub range: Range<usize>,
    /// Values for `{name}` in the rule's message.
    pub names: BTreeMap<String, String>,
    /// From source to sink, for data-flow rules.
    pub steps: Vec<(Range<usize>, String)>,
    /// What goes into the fingerprint instead of the matched text; secrets give a masked form.
    pub code: Option<String>,
    /// Byte ranges that must be masked wherever they would be shown.
    pub masked: Vec<Range<usize>>,
}

impl Hit {
    /// A hit with nothing but a place.
    #[must_use]
    pub fn new(rule: &Arc<RuleMeta>, range: Range<usize>) -> Self {
        Self {
            rule: Arc::clone(rule),
            range,
            names: BTreeMap::new(),
            steps: Vec::new(),
            code: None,
            masked: Vec::new(),
        }
    }
}
