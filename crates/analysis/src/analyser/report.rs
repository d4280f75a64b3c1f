//! Turns the hits of one side into findings: place, snippet, symbol, words and the stem of the fingerprint.

use std::ops::Range;

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::Outcome;
use pullmill_core::finding::{Finding, Location, Step, Suggestion, stem};
use pullmill_core::job::{SideReport, TestCase};
use pullmill_core::review::{Suppressed, SuppressedBy};

use super::Settings;
use super::ignore::ignores;
use super::mask::Mask;
use super::message::{fill, fill_known};
use super::symbols::Symbols;
use super::tried::{self, MAX_BYTES};
use crate::hit::Hit;
use crate::measure::Test;
use crate::source::Source;
use crate::{dependencies, imports, names};

/// Longest snippet, in lines.
const SNIPPET_LINES: u32 = 6;
/// Longer lines are cut in snippets.
const SNIPPET_COLUMNS: usize = 240;
/// Longest line that is suggested, in bytes.
const SUGGESTED: usize = 500;

/// One side of a file, ready to be reported on.
pub(super) struct Side<'a> {
    pub(super) path: &'a RepoPath,
    pub(super) source: &'a Source,
    pub(super) settings: &'a Settings,
    pub(super) symbols: &'a Symbols,
    pub(super) tests: &'a [Test],
}

impl<'a> Side<'a> {
    /// Everything the reviewer is told of this side.
    pub(super) fn report(&self, hits: Vec<Hit>, outcome: Outcome, is_searched: bool) -> SideReport {
        let mask = Mask::of(&hits, self.source.text());
        let mut report = SideReport {
            outcome,
            is_searched,
            findings: Vec::new(),
            suppressed: Vec::new(),
            symbols: self.symbols.listed(self.source),
            tests: self.tests.iter().map(|test| self.case(test)).collect(),
            names: names::of(self.source, self.path),
            imports: imports::of(self.source),
            dependencies: dependencies::of(self.source, self.path),
            ignores: ignores(self.source),
            syntax_errors: tried::errors(self.source),
        };
        for hit in distinct(hits) {
            let finding = self.finding(&hit, &mask);
            let reason = report.reason_to_ignore(&finding.rule, finding.location.line);
            match reason.map(str::to_owned) {
                Some(reason) => report.suppressed.push(Suppressed {
                    rule: finding.rule,
                    location: finding.location,
                    fingerprint: finding.fingerprint,
                    by: SuppressedBy::Comment,
                    reason,
                }),
                None => report.findings.push(finding),
            }
        }
        report
    }

    fn case(&self, test: &Test) -> TestCase {
        TestCase {
            name: test.name.clone(),
            line: self.source.position(test.range.start).0,
            end_line: self.source.position(test.range.end.saturating_sub(1)).0,
        }
    }

    fn finding(&self, hit: &Hit, mask: &Mask) -> Finding {
        let rule = &hit.rule;
        let symbol = self.symbols.around(hit.range.start);
        let code = hit
            .code
            .as_deref()
            .unwrap_or_else(|| self.start(&hit.range));
        let location = self.location(&hit.range);
        Finding {
            rule: rule.id.clone(),
            agent: rule.agent,
            severity: self.settings.severity(&rule.id, rule.severity),
            confidence: rule.confidence,
            category: rule.category.clone(),
            cwe: rule.cwe.clone(),
            message: mask.words(&fill(&rule.message, &hit.names)),
            why: rule.why.clone(),
            fix: mask.words(&fill_known(&rule.fix, &hit.names)),
            comment_line: None,
            path: hit
                .steps
                .iter()
                .map(|(range, message)| Step {
                    location: self.location(range),
                    message: mask.words(message),
                })
                .collect(),
            symbol: symbol.map(str::to_owned),
            snippet: self.snippet(&location, mask),
            fingerprint: stem(&rule.id, symbol, code),
            suggestion: self.suggestion(hit, mask),
            location,
        }
    }

    /// The line that a rewrite of the match gives, if it changes one line and no secret stands there. Nobody has tried it yet.
    fn suggestion(&self, hit: &Hit, mask: &Mask) -> Option<Suggestion> {
        let text = self.source.text();
        if text.len() > MAX_BYTES {
            return None;
        }
        let matched = text.get(hit.range.clone())?;
        let rewrites = hit.rule.suggest.iter();
        let (at, rewritten) = rewrites.filter_map(|one| one.apply(matched)).next()?;
        let line = self.source.lines().line(hit.range.start + at);
        let place = self.source.lines().range(line);
        if mask.slice(text, place.clone()) != text.get(place.clone())? {
            return None;
        }
        let before = text.get(..hit.range.start)?;
        let after = text.get(hit.range.end..)?;
        let whole = format!("{before}{rewritten}{after}");
        // Only this line may differ, so the text begins and ends as before.
        let grown = whole
            .len()
            .checked_add(place.end)?
            .checked_sub(text.len())?;
        let is_one_line = whole.get(..place.start)? == text.get(..place.start)?
            && whole.get(grown..)? == text.get(place.end..)?;
        let said = whole
            .get(place.start..grown)?
            .trim_end_matches(['\n', '\r']);
        let is_shown = is_one_line && !said.contains('\n') && said.len() <= SUGGESTED;
        is_shown.then(|| Suggestion {
            line,
            text: said.to_owned(),
        })
    }

    /// The first lines of a place: a long match keeps its fingerprint when something far inside it changes.
    fn start(&self, range: &Range<usize>) -> &str {
        let last = self.source.lines().line(range.start) + SNIPPET_LINES - 1;
        let end = self
            .source
            .lines()
            .range(last)
            .end
            .clamp(range.start, range.end);
        self.source.text().get(range.start..end).unwrap_or_default()
    }

    fn location(&self, range: &Range<usize>) -> Location {
        let (line, column) = self.source.position(range.start);
        let (end_line, end_column) = self.source.position(range.end.max(range.start));
        Location {
            path: self.path.clone(),
            line,
            column,
            end_line,
            end_column,
        }
    }

    fn snippet(&self, location: &Location, mask: &Mask) -> String {
        let last = location
            .end_line
            .min(location.line.saturating_add(SNIPPET_LINES - 1));
        let lines: Vec<String> = (location.line..=last)
            .map(|line| {
                let shown = mask.slice(self.source.text(), self.source.lines().range(line));
                shown.trim_end().chars().take(SNIPPET_COLUMNS).collect()
            })
            .collect();
        lines.join("\n")
    }
}

/// Hits in order of the text, each place once per rule; of nested matches on one line the outermost stays.
fn distinct(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by(|a, b| {
        (&a.rule.id, a.range.start, b.range.end).cmp(&(&b.rule.id, b.range.start, a.range.end))
    });
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        let is_known = kept.last().is_some_and(|last| {
            last.rule.id == hit.rule.id
                && last.range.start == hit.range.start
                && last.range.end >= hit.range.end
        });
        if !is_known {
            kept.push(hit);
        }
    }
    kept.sort_by(|a, b| {
        (a.range.start, a.range.end, &a.rule.id).cmp(&(b.range.start, b.range.end, &b.rule.id))
    });
    kept
}
