//! Merges near-duplicates: two rules that say the same of the same code are one finding to a reader.
//!
//! Two findings are near-duplicates if they come from different rules, are in the same file, start on the same line or
//! one lies inside the other (within ten lines), and name the same weakness: a CWE family in common, or no CWE on
//! either side and the same category. Kept is, in this order: a rule's before a model's, which must not put another text in
//! the place of what is certain; the higher severity, the higher confidence, the one with a path from source to sink, the
//! smaller rule id. What was left out is counted in the review's notes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::advice::is_from_model;
use crate::finding::{Finding, Location};

const MAX_LINES: u32 = 10;
/// More findings of one weakness on one line are not compared with each other: minified code.
const MAX_PER_LINE: usize = 32;

/// Weaknesses that reviewers do not tell apart; the first of a row stands for all of it.
const FAMILIES: [&[u32]; 17] = [
    &[22, 23, 24, 35, 36, 37, 73],
    &[78, 77, 88],
    &[79, 80, 83, 87, 116],
    &[89, 564, 943],
    &[94, 95, 96, 98, 1336],
    &[113, 93],
    &[209, 200, 497, 215],
    &[295, 297, 299, 599],
    &[327, 326, 328, 916, 759, 760],
    &[330, 331, 335, 338, 340],
    &[390, 391, 396, 397, 703, 755],
    &[400, 730, 1333],
    &[611, 776, 827],
    &[732, 276, 277],
    &[772, 404, 459, 775],
    &[798, 259, 321],
    &[862, 285, 863],
];

/// The weakness that stands for the family of `cwe`; itself if it has no family.
#[must_use]
pub fn family(cwe: u32) -> u32 {
    FAMILIES
        .iter()
        .find(|members| members.contains(&cwe))
        .and_then(|members| members.first().copied())
        .unwrap_or(cwe)
}

/// Leaves one of each group of near-duplicates and says how many went.
pub(super) fn near_duplicates(findings: &mut Vec<Finding>) -> usize {
    let before = findings.len();
    findings.sort_by(|a, b| preference(a).cmp(&preference(b)));
    let mut kept = Kept::default();
    findings.retain(|one| kept.admit(one));
    before - findings.len()
}

fn preference(one: &Finding) -> impl Ord + use<'_> {
    (
        is_from_model(&one.rule),
        Reverse(one.severity),
        Reverse(one.confidence),
        one.path.is_empty(),
        &one.rule,
        &one.location,
        &one.fingerprint,
    )
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Weakness {
    Family(u32),
    Category(String),
}

#[derive(Default)]
struct Kept {
    by_place: BTreeMap<(String, u32, Weakness), Vec<(String, Location)>>,
}

impl Kept {
    fn admit(&mut self, one: &Finding) -> bool {
        let places = places(one);
        let is_known = places.iter().any(|place| {
            self.by_place.get(place).is_some_and(|others| {
                others
                    .iter()
                    .any(|(rule, location)| *rule != one.rule && meet(location, &one.location))
            })
        });
        if is_known {
            return false;
        }
        for place in places {
            let others = self.by_place.entry(place).or_default();
            if others.len() < MAX_PER_LINE {
                others.push((one.rule.clone(), one.location.clone()));
            }
        }
        true
    }
}

fn places(one: &Finding) -> Vec<(String, u32, Weakness)> {
    let location = &one.location;
    let last = location
        .end_line
        .clamp(location.line, location.line.saturating_add(MAX_LINES));
    (location.line..=last)
        .flat_map(|line| {
            weaknesses(one)
                .into_iter()
                .map(move |weakness| (location.path.as_str().to_owned(), line, weakness))
        })
        .collect()
}

fn weaknesses(one: &Finding) -> Vec<Weakness> {
    if one.cwe.is_empty() {
        return vec![Weakness::Category(one.category.clone())];
    }
    let families: BTreeSet<u32> = one.cwe.iter().copied().map(family).collect();
    families.into_iter().map(Weakness::Family).collect()
}

fn meet(a: &Location, b: &Location) -> bool {
    a.line == b.line || contains(a, b) || contains(b, a)
}

fn contains(outer: &Location, inner: &Location) -> bool {
    (outer.line, outer.column) <= (inner.line, inner.column)
        && (outer.end_line, outer.end_column) >= (inner.end_line, inner.end_column)
        && outer.end_line - outer.line.min(outer.end_line) <= MAX_LINES
}
