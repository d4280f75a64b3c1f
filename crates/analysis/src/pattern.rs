//! Regular expressions of rules: compiled when they are first asked, as most never are in one run.

use std::sync::OnceLock;

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde::Deserialize;

/// States that certainly fit into what a compiled expression may take.
const SURE: usize = 100_000;
/// States of one range of characters, at most: four bytes in four ways.
const RANGE: usize = 16;

/// A regular expression that is compiled when it is first needed.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl From<String> for Pattern {
    fn from(source: String) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }
}

impl Pattern {
    /// A pattern that surely can be compiled; small ones are not compiled to know that.
    pub(crate) fn checked(source: String) -> Result<Self, String> {
        let parsed = regex_syntax::parse(&source).map_err(|error| error.to_string())?;
        let pattern = Self::from(source);
        if states(&parsed) > SURE {
            pattern.check()?;
        }
        Ok(pattern)
    }

    /// Compiles the pattern, or says why that is not possible.
    pub(crate) fn check(&self) -> Result<(), String> {
        Regex::new(&self.source)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    pub(crate) fn regex(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| Regex::new(&self.source).ok())
            .as_ref()
    }

    /// Whether a text matches; none does if the pattern is no expression.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }
}

/// More states than an expression is compiled to.
fn states(of: &Hir) -> usize {
    let all = |parts: &[Hir]| {
        let parts = parts.iter().map(states);
        parts.fold(2_usize, usize::saturating_add)
    };
    match of.kind() {
        HirKind::Empty | HirKind::Look(_) => 2,
        HirKind::Literal(text) => text.0.len().saturating_add(2),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(RANGE),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len().saturating_mul(RANGE),
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or(repeated.min).max(repeated.min);
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            let once = states(&repeated.sub).saturating_add(2);
            once.saturating_mul(times.saturating_add(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_compiled_is_refused_at_once() {
        for bad in ["(", r"(?:\w{500}){500}", r"\p{Nothing}"] {
            assert!(Pattern::checked(bad.to_owned()).is_err(), "{bad}");
        }
        let good = Pattern::checked(r"^(?i)exec(ute)?$".to_owned()).unwrap();
        assert!(good.compiled.get().is_none());
        assert!(good.is_match("EXECUTE"));
    }

    proptest! {
        #[test]
        fn what_is_taken_can_be_compiled(source in r"([a-c]|\\w|\\d|\.|\||\(a|\)|\*|\{[0-9]{1,3}\}|\[\^a\]){1,12}") {
            if let Ok(pattern) = Pattern::checked(source) {
                prop_assert!(pattern.regex().is_some());
            }
        }
    }
}
