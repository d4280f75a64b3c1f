//! Measures of functions and tests, and rules that speak when there is too much or too little, or more or less than before.

mod complexity;
mod test_cases;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;

use crate::hit::Hit;
use crate::language::Language;
use crate::rule::RuleMeta;
use crate::source::syntax::Syntax;

/// A rule with what it says of itself.
pub type MeasureEntry = (Arc<RuleMeta>, MeasureRule);

/// Names that a message may use.
pub const NAMES: [&str; 4] = ["NAME", "NOW", "BEFORE", "LIMIT"];

/// A file of fewer public pieces has no habit of documenting them.
const HABIT: usize = 4;
/// Of so many in a hundred the habit is told.
const HABIT_PERCENT: usize = 80;

/// What a rule measures and when it speaks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureRule {
    /// What is measured.
    of: Measure,
    /// The most that says nothing: for `complexity` and `lines`.
    #[serde(default)]
    above: Option<u32>,
    /// What is above already speaks again when it has grown by so much.
    #[serde(default)]
    growth: Option<u32>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Measure {
    /// Cognitive complexity of a function.
    Complexity,
    /// Lines of a function that are not blank.
    Lines,
    /// Assertions of a test: fewer than before.
    Assertions,
    /// Tests that are skipped whatever holds.
    Skipped,
    /// Public pieces without documentation, where the file documents its public pieces.
    Undocumented,
}

/// A named piece of code, and what nobody has to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Qualified inside the file.
    pub name: String,
    /// Its bytes.
    pub range: Range<usize>,
    /// Whether it is a function or a method.
    pub is_function: bool,
    /// Whether others can name it.
    pub is_public: bool,
    /// Whether it says what it is for.
    pub is_documented: bool,
}

/// What was measured in one side of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    functions: Vec<Function>,
    tests: Vec<Test>,
    public: Vec<Public>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    name: String,
    range: Range<usize>,
    complexity: u32,
    lines: u32,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Its name, or what it says of itself.
    pub name: String,
    /// Its bytes.
    pub range: Range<usize>,
    /// What it asserts itself.
    pub assertions: u32,
    /// Whether it is skipped whatever holds.
    pub is_skipped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Public {
    name: String,
    range: Range<usize>,
    is_documented: bool,
}

impl MeasureRule {
    /// Says what is wrong with it.
    ///
    /// # Errors
    /// A limit is missing, or there is one where none has a meaning.
    pub fn check(&self) -> Result<(), String> {
        let is_counted = matches!(self.of, Measure::Complexity | Measure::Lines);
        match (is_counted, self.above, self.growth) {
            (true, None, _) => Err("`above` is needed".to_owned()),
            (false, None, None) | (true, Some(_), None) => Ok(()),
            (true, Some(_), Some(growth)) if growth > 0 => Ok(()),
            (true, ..) => Err("`growth` must be at least 1".to_owned()),
            (false, ..) => {
                Err("`above` and `growth` belong to `complexity` and `lines`".to_owned())
            }
        }
    }
}

impl Measured {
    /// Measures a parsed file.
    #[must_use]
    pub fn of(syntax: &Syntax<'_>, text: &str, language: Language, pieces: &[Piece]) -> Self {
        let ranges: Vec<Range<usize>> = pieces
            .iter()
            .filter(|piece| piece.is_function)
            .map(|piece| piece.range.clone())
            .collect();
        let complexity = complexity::of(syntax, language, &ranges);
        let functions = pieces.iter().filter(|piece| piece.is_function);
        let functions = functions
            .zip(complexity)
            .map(|(piece, complexity)| Function {
                name: piece.name.clone(),
                range: piece.range.clone(),
                complexity,
                lines: lines(text.get(piece.range.clone()).unwrap_or_default()),
            });
        let public = pieces.iter().filter(|piece| piece.is_public);
        Self {
            functions: functions.collect(),
            tests: test_cases::of(syntax, text, language),
            public: public
                .map(|piece| Public {
                    name: piece.name.clone(),
                    range: piece.range.clone(),
                    is_documented: piece.is_documented,
                })
                .collect(),
        }
    }

    /// Its tests.
    #[must_use]
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// What the rules say of it. What was there before counts only where the rule is about a difference: everything else is
    /// told apart by who says it on both sides.
    #[must_use]
    pub fn hits(&self, rules: &[MeasureEntry], before: Option<&Self>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (meta, rule) in rules {
            match rule.of {
                Measure::Complexity => {
                    self.counted(meta, rule, before, &mut hits, |f| f.complexity)
                }
                Measure::Lines => self.counted(meta, rule, before, &mut hits, |f| f.lines),
                Measure::Assertions => self.weakened(meta, before, &mut hits),
                Measure::Skipped => {
                    let skipped = self.tests.iter().filter(|test| test.is_skipped);
                    hits.extend(skipped.map(|test| hit(meta, &test.name, &test.range)));
                }
                Measure::Undocumented => self.undocumented(meta, &mut hits, before),
            }
        }
        hits
    }

    fn counted(
        &self,
        meta: &Arc<RuleMeta>,
        rule: &MeasureRule,
        before: Option<&Self>,
        hits: &mut Vec<Hit>,
        count: impl Fn(&Function) -> u32,
    ) {
        let limit = rule.above.unwrap_or(u32::MAX);
        for function in self.functions.iter().filter(|one| count(one) > limit) {
            let now = count(function);
            let same = |other: &&Function| other.name == function.name;
            let was = before
                .and_then(|before| before.functions.iter().find(same))
                .map(&count);
            let mut hit = hit(meta, &function.name, &function.range);
            hit.names.insert("NOW".to_owned(), now.to_string());
            hit.names.insert("LIMIT".to_owned(), limit.to_string());
            if let Some(was) = was.filter(|was| *was != now) {
                hit.names
                    .insert("BEFORE".to_owned(), format!(", before it was {was}"));
            }
            let has_grown = was
                .zip(rule.growth)
                .is_some_and(|(was, growth)| was > limit && now >= was.saturating_add(growth));
            if has_grown {
                hit.code = Some("grown".to_owned());
            }
            hits.push(hit);
        }
    }

    fn weakened(&self, meta: &Arc<RuleMeta>, before: Option<&Self>, hits: &mut Vec<Hit>) {
        let Some(before) = before else { return };
        for test in &self.tests {
            let mut same = before.tests.iter().filter(|other| other.name == test.name);
            // Of equal names nobody can tell which is which.
            let (Some(old), None) = (same.next(), same.next()) else {
                continue;
            };
            if test.assertions < old.assertions {
                let mut hit = hit(meta, &test.name, &test.range);
                hit.names
                    .insert("NOW".to_owned(), test.assertions.to_string());
                hit.names
                    .insert("BEFORE".to_owned(), old.assertions.to_string());
                hits.push(hit);
            }
        }
    }

    fn undocumented(&self, meta: &Arc<RuleMeta>, hits: &mut Vec<Hit>, before: Option<&Self>) {
        let old = &before.unwrap_or(self).public;
        let documented = old.iter().filter(|one| one.is_documented).count();
        if old.len() < HABIT || documented * 100 < old.len() * HABIT_PERCENT {
            return;
        }
        let bare = self.public.iter().filter(|one| !one.is_documented);
        hits.extend(bare.map(|one| hit(meta, &one.name, &one.range)));
    }
}

fn hit(meta: &Arc<RuleMeta>, name: &str, range: &Range<usize>) -> Hit {
    Hit {
        names: BTreeMap::from([("NAME".to_owned(), name.to_owned())]),
        // What is measured changes with every edit; the name is what it is recognised by.
        code: Some(String::new()),
        ..Hit::new(meta, range.clone())
    }
}

fn lines(text: &str) -> u32 {
    let count = text.lines().filter(|line| !line.trim().is_empty()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
