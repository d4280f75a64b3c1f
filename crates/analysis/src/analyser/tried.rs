//! Tries suggestions before anybody sees them: the file is analysed with each of them applied.

use std::collections::BTreeMap;

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::Outcome;
use pullmill_core::finding::Suggestion;
use pullmill_core::job::SideReport;

use super::Analyser;
use super::classify::Class;
use crate::source::Source;

/// Suggestions of one file that are tried, each for the price of an analysis.
const TRIED: usize = 10;
/// In larger files nothing is suggested.
pub(super) const MAX_BYTES: usize = 128 << 10;

impl Analyser {
    /// A side with the suggestions that hold: the file still parses, the rule is silent there, and no other one speaks.
    pub(super) fn with_tried_suggestions(
        &self,
        path: &RepoPath,
        bytes: &[u8],
        class: &Class,
        mut side: SideReport,
    ) -> SideReport {
        let before = rules(&side);
        let mut left = TRIED;
        let held: Vec<bool> = side
            .findings
            .iter()
            .map(|finding| {
                let Some(suggestion) = finding.suggestion.as_ref().filter(|_| left > 0) else {
                    return false;
                };
                left -= 1;
                let Some(text) = applied(bytes, suggestion) else {
                    return false;
                };
                let after = self.side(path, text.as_bytes(), class);
                let mut wanted = before.clone();
                if let Some(count) = wanted.get_mut(finding.rule.as_str()) {
                    *count -= 1;
                }
                let is_quieter = rules(&after)
                    .iter()
                    .all(|(rule, count)| *count <= wanted.get(rule).copied().unwrap_or(0));
                after.syntax_errors <= side.syntax_errors
                    && is_quieter
                    && matches!(after.outcome, Outcome::Assessed { .. })
                    && after.outcome == side.outcome
            })
            .collect();
        for (finding, holds) in side.findings.iter_mut().zip(held) {
            finding.suggestion = finding.suggestion.take().filter(|_| holds);
        }
        side
    }
}

/// How often each rule speaks.
fn rules(side: &SideReport) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for finding in &side.findings {
        *counts.entry(finding.rule.clone()).or_insert(0) += 1;
    }
    counts
}

/// A file with a suggestion applied. What is no UTF-8 is left alone.
fn applied(bytes: &[u8], suggestion: &Suggestion) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut out = String::with_capacity(text.len() + suggestion.text.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if number == suggestion.line {
            out.push_str(&suggestion.text);
            out.push_str(&line[line.trim_end_matches(['\n', '\r']).len()..]);
        } else {
            out.push_str(line);
        }
    }
    Some(out)
}

/// How many errors the parser sees; none in what has no grammar.
pub(super) fn errors(source: &Source) -> u32 {
    let Some(tree) = source.tree() else {
        return 0;
    };
    let root = tree.root().get_inner_node();
    if !root.has_error() {
        return 0;
    }
    let mut cursor = root.walk();
    let mut open = vec![root];
    let mut count = 0;
    while let Some(node) = open.pop() {
        count += u32::from(node.is_error() || node.is_missing());
        open.extend(node.children(&mut cursor).filter(|child| child.has_error()));
    }
    count
}
