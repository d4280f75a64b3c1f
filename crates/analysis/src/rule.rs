//! Rules as data: what every rule says of itself, and the four kinds of body it may have.

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use pullmill_core::finding::{Agent, Confidence, Severity};

use crate::language::Language;
use crate::measure::MeasureRule;

/// What every rule says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleMeta {
    /// Unique, `<language or format>.<name>` in kebab case, e.g. `python.sql-injection`.
    pub id: String,
    /// Whose rule it is.
    pub agent: Agent,
    /// How bad a match is.
    pub severity: Severity,
    /// How sure a match is.
    pub confidence: Confidence,
    /// Kebab case, e.g. `injection`, `crypto`, `error-handling`.
    pub category: String,
    /// Weakness ids; security rules have at least one.
    #[serde(default)]
    pub cwe: Vec<u32>,
    /// OWASP Top 10 (2021) id, e.g. `A03`.
    #[serde(default)]
    pub owasp: Option<String>,
    /// One line; `{name}` is filled in from the match.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// How to mend it.
    pub fix: String,
    /// Ways to rewrite the matched text that may mend it, tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggest: Vec<Rewrite>,
}

/// A way to rewrite a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// A regular expression that matches once.
    pub find: String,
    /// What stands there instead; `${1}` is the first group.
    pub put: String,
}

impl Rewrite {
    /// The text rewritten, and where it begins to differ. `None` if it is not found, or more than once.
    pub(crate) fn apply(&self, text: &str) -> Option<(usize, String)> {
        let find = Regex::new(&self.find).ok()?;
        let mut found = find.captures_iter(text);
        let (once, None) = (found.next()?, found.next()) else {
            return None;
        };
        let whole = once.get(0)?;
        let mut put = String::new();
        once.expand(&self.put, &mut put);
        let (before, after) = (&text[..whole.start()], &text[whole.end()..]);
        Some((whole.start(), format!("{before}{put}{after}")))
    }
}

/// A rule as it stands in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rule {
    /// What it says of itself.
    pub meta: RuleMeta,
    /// Languages it applies to; empty for document rules.
    pub languages: Vec<Language>,
    /// Exactly one of `match`, `flow`, `document`, `measure`.
    pub body: Body,
    /// Code that the rule must and must not report; not kept in the compiled packs.
    pub examples: Examples,
}

/// The kind of a rule and what it looks for.
#[derive(Clone, Debug)]
pub enum Body {
    /// A local shape, in ast-grep's rule syntax (`rule`, `constraints`, `utils`).
    Match(Value),
    /// Sinks of a danger; see `flow`.
    Flow(Value),
    /// Paths and predicates over a structured document; see `document`.
    Document(Value),
    /// A measure of functions or tests; see `measure`.
    Measure(MeasureRule),
}

/// Code that a rule must and must not report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Each must give at least one finding of the rule.
    #[serde(default)]
    pub bad: Vec<String>,
    /// Each must give none.
    #[serde(default)]
    pub good: Vec<String>,
}

/// The keys of a rule. Serde's `flatten` would let unknown keys pass, so they are listed once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    #[serde(default)]
    languages: Vec<Language>,
    agent: Agent,
    severity: Severity,
    confidence: Confidence,
    category: String,
    #[serde(default)]
    cwe: Vec<u32>,
    #[serde(default)]
    owasp: Option<String>,
    message: String,
    why: String,
    fix: String,
    #[serde(default)]
    suggest: Vec<Rewrite>,
    #[serde(default, rename = "match")]
    shape: Option<Value>,
    #[serde(default)]
    flow: Option<Value>,
    #[serde(default)]
    document: Option<Value>,
    #[serde(default)]
    measure: Option<MeasureRule>,
    #[serde(default)]
    examples: Examples,
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let bodies = [
            written.shape.map(Body::Match),
            written.flow.map(Body::Flow),
            written.document.map(Body::Document),
            written.measure.map(Body::Measure),
        ];
        let mut bodies = bodies.into_iter().flatten();
        let (Some(body), None) = (bodies.next(), bodies.next()) else {
            return Err("exactly one of match, flow, document, measure is needed".to_owned());
        };
        let rule = Self {
            meta: RuleMeta {
                id: written.id,
                agent: written.agent,
                severity: written.severity,
                confidence: written.confidence,
                category: written.category,
                cwe: written.cwe,
                owasp: written.owasp,
                message: written.message.trim().to_owned(),
                why: written.why.trim().to_owned(),
                fix: written.fix.trim().to_owned(),
                suggest: written.suggest,
            },
            languages: written.languages,
            body,
            examples: written.examples,
        };
        rule.check()?;
        Ok(rule)
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        check_id(&self.meta.id)?;
        if !is_kebab(&self.meta.category) {
            return Err("`category` must be kebab case, e.g. `injection`".to_owned());
        }
        if self.meta.message.is_empty() || self.meta.message.contains('\n') {
            return Err("`message` must be one line".to_owned());
        }
        for rewrite in &self.meta.suggest {
            Regex::new(&rewrite.find)
                .map_err(|error| format!("`suggest` has a bad expression: {error}"))?;
        }
        if self.meta.agent == Agent::Security && self.meta.cwe.is_empty() {
            return Err("a security rule needs at least one `cwe`".to_owned());
        }
        match (&self.body, self.languages.is_empty()) {
            (Body::Document(_), false) => {
                Err("a document rule has a `format`, no `languages`".to_owned())
            }
            (Body::Match(_) | Body::Flow(_) | Body::Measure(_), true) => {
                Err("`languages` is needed".to_owned())
            }
            (Body::Measure(rule), false) => rule.check(),
            _ => Ok(()),
        }
    }
}

fn check_id(id: &str) -> Result<(), String> {
    match id.split_once('.') {
        Some((prefix, name)) if is_kebab(prefix) && is_kebab(name) => Ok(()),
        _ => Err(
            "`id` must be `<language or format>.<name>` in kebab case, e.g. `python.weak-hash`"
                .to_owned(),
        ),
    }
}

fn is_kebab(text: &str) -> bool {
    !text.is_empty()
        && text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
        })
}
