//! Predicates over nodes: what a rule asks of a document.

use std::ops::ControlFlow;

use serde::Deserialize;

use super::node::{Node, Value};
use super::path::{Budget, Path, Place};
use crate::pattern::Pattern;

/// One condition. With a path it holds if any node on the path passes every test given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// Relative to the tested node; left out: the node itself.
    #[serde(default)]
    pub path: Path,
    /// Whether there is a node at all.
    pub exists: Option<bool>,
    /// The scalar is this.
    pub equals: Option<Literal>,
    /// The scalar is one of these.
    pub one_of: Option<Vec<Literal>>,
    /// The scalar is, the list holds or the map has a key that is one of these.
    pub contains: Option<OneOrMany>,
    /// The node is the value of a name that matches.
    pub key: Option<Pattern>,
    /// The scalar matches.
    pub matches: Option<Pattern>,
    /// The node is a scalar that does not match.
    pub not_matches: Option<Pattern>,
    /// The node passes these, whose paths start at it.
    #[serde(default)]
    pub r#where: Vec<Predicate>,
    /// At least one holds.
    #[serde(default)]
    pub any: Vec<Predicate>,
    /// All hold.
    #[serde(default)]
    pub all: Vec<Predicate>,
    /// None holds.
    #[serde(default)]
    pub not: Vec<Predicate>,
}

/// A scalar as it is written in a rule.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
}

/// One literal or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(Literal),
    /// Several.
    Many(Vec<Literal>),
}

impl Literal {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Bool(value) => text == if *value { "true" } else { "false" },
            Self::Int(value) => text.parse() == Ok(*value),
            Self::Float(value) => text.parse() == Ok(*value),
            Self::Text(value) => text == value,
        }
    }
}

impl OneOrMany {
    fn any_is(&self, text: &str) -> bool {
        match self {
            Self::One(literal) => literal.is(text),
            Self::Many(literals) => literals.iter().any(|literal| literal.is(text)),
        }
    }

    fn is_in(&self, node: &Node) -> bool {
        match &node.value {
            Value::Scalar(text) => self.any_is(text),
            Value::Null => false,
            Value::Seq(items) => items
                .iter()
                .any(|item| item.text().is_some_and(|text| self.any_is(text))),
            Value::Map(entries) => entries.iter().any(|entry| self.any_is(&entry.key)),
        }
    }
}

impl Predicate {
    /// Says whether it holds at a node.
    pub(crate) fn holds(&self, place: Place<'_>, budget: &Budget) -> bool {
        let mut found = false;
        let _ = self.path.walk(place, budget, &mut |place| {
            found = self.accepts(place, budget);
            if found {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if self.exists == Some(false) {
            !found
        } else {
            found
        }
    }

    fn accepts(&self, place: Place<'_>, budget: &Budget) -> bool {
        let text = place.node.text();
        self.equals
            .as_ref()
            .is_none_or(|literal| text.is_some_and(|text| literal.is(text)))
            && self.one_of.as_ref().is_none_or(|literals| {
                text.is_some_and(|text| literals.iter().any(|literal| literal.is(text)))
            })
            && self
                .contains
                .as_ref()
                .is_none_or(|names| names.is_in(place.node))
            && self
                .matches
                .as_ref()
                .is_none_or(|pattern| text.is_some_and(|text| pattern.is_match(text)))
            && self
                .not_matches
                .as_ref()
                .is_none_or(|pattern| text.is_some_and(|text| !pattern.is_match(text)))
            && self.key.as_ref().is_none_or(|pattern| {
                place
                    .entry
                    .is_some_and(|entry| pattern.is_match(&entry.key))
            })
            && self
                .all
                .iter()
                .chain(&self.r#where)
                .all(|one| one.holds(place, budget))
            && (self.any.is_empty() || self.any.iter().any(|one| one.holds(place, budget)))
            && !self.not.iter().any(|one| one.holds(place, budget))
    }

    /// The patterns that must match at a path, however deep they stand in `any` and `all`.
    pub(crate) fn patterns_at<'p>(&'p self, path: &Path, found: &mut Vec<&'p Pattern>) {
        if self.path == *path {
            found.extend(&self.matches);
        }
        if self.path == Path::default() {
            for inner in self.any.iter().chain(&self.all).chain(&self.r#where) {
                inner.patterns_at(path, found);
            }
        }
    }

    /// Reports every problem of this predicate and of those inside it.
    pub(crate) fn check(&self, problems: &mut Vec<String>) {
        for pattern in [&self.matches, &self.not_matches, &self.key]
            .into_iter()
            .flatten()
        {
            problems.extend(pattern.check().err());
        }
        if self.has_no_test() {
            problems.push("a predicate tests nothing".to_owned());
        }
        for inner in [&self.r#where, &self.any, &self.all, &self.not]
            .into_iter()
            .flatten()
        {
            inner.check(problems);
        }
    }

    fn has_no_test(&self) -> bool {
        self.exists.is_none()
            && self.equals.is_none()
            && self.one_of.is_none()
            && self.contains.is_none()
            && self.matches.is_none()
            && self.key.is_none()
            && self.not_matches.is_none()
            && [&self.r#where, &self.any, &self.all, &self.not]
                .into_iter()
                .all(Vec::is_empty)
    }
}
