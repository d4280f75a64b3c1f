//! What a language's libraries do with values: sources, sanitisers, guards, types; and what flow rules look for.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::language::Language;
use crate::pattern::Pattern;

/// One value or a list of values.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Names an argument of a call: its position, its keyword, `receiver`, or `all`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Selector {
    /// By position, from 0.
    Position(usize),
    /// By keyword; `receiver` is what the method is called on, `all` every argument, `rest` all but the first.
    Word(String),
}

/// The model file of a language: `rules/<language>/model.yml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelFile {
    /// Languages it describes.
    pub languages: Vec<Language>,
    /// Where values that must not be trusted come from.
    pub sources: Vec<SourceEntry>,
    /// What type a call or field has.
    pub types: Vec<TypeEntry>,
    /// Calls whose result is what went in, unchanged in meaning (`strip`, `lower`, `toString`).
    pub whole: Vec<String>,
    /// Calls whose result is something kept in their receiver; the arguments only say what (`map.get`).
    pub lookups: Vec<String>,
    /// Calls whose result carries nothing of what went in (`len`, `int`, lookups in a database).
    pub clean: Vec<String>,
    /// Calls that put arguments into their receiver or another argument.
    pub fills: Vec<FillEntry>,
    /// Calls after which their receiver counts as another type.
    pub retypes: Vec<RetypeEntry>,
    /// Calls whose result is harmless for some dangers.
    pub sanitizers: Vec<SanitizerEntry>,
    /// Calls that tell whether a value is harmless.
    pub guards: Vec<GuardEntry>,
    /// Calls that never return.
    pub exits: Vec<String>,
    /// Calls that make containers.
    pub containers: Containers,
}

/// Calls that make containers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Containers {
    /// Lists, sets, queues.
    pub list: Vec<String>,
    /// Maps.
    pub map: Vec<String>,
    /// Text builders.
    pub buffer: Vec<String>,
}

/// Where values that must not be trusted come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceEntry {
    /// What kind of source; rules name the labels they accept. Default `remote`.
    pub label: Option<String>,
    /// In words, e.g. `a request parameter`.
    pub what: String,
    /// Calls whose result it is.
    pub call: Vec<String>,
    /// Calls of functions nobody knows whose name matches, on or with something of a type in `about`.
    #[serde(with = "pattern")]
    pub named: Option<Pattern>,
    /// For `named`: full names of types.
    pub about: Vec<String>,
    /// Fields whose value it is.
    pub field: Vec<String>,
    /// Parameters of these types.
    pub parameter_type: Vec<String>,
    /// Parameters with these annotations.
    pub parameter_annotation: Vec<String>,
    /// All parameters of functions with these annotations.
    pub function_annotation: Vec<String>,
    /// All parameters of functions that nothing in the file calls.
    pub parameters: bool,
    /// For `function_annotation`: parameters with these types do not count.
    pub except_type: Vec<String>,
    /// Arguments (by position) that the call fills with the source, e.g. a buffer that is read into.
    pub fills: Vec<usize>,
    /// The value is a collection: each element taken from it is a source of its own.
    pub collection: bool,
}

/// What type a call or field has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypeEntry {
    /// Calls whose result has the type.
    pub call: Vec<String>,
    /// Fields that have the type.
    pub field: Vec<String>,
    /// The type's full name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Conditions on the call.
    pub when: Vec<When>,
}

/// A call after which its receiver counts as another type, e.g. `Parser#hardened`; what is known of the type before the `#`
/// holds for it too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetypeEntry {
    /// The calls.
    pub call: Vec<String>,
    /// The receiver's type from then on.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Conditions.
    pub when: Vec<When>,
}

/// A call that puts arguments somewhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FillEntry {
    /// The calls.
    pub call: Vec<String>,
    /// What goes in.
    pub from: OneOrMany<Selector>,
    /// Where it goes.
    pub to: OneOrMany<Selector>,
}

/// A call whose result is harmless for some dangers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SanitizerEntry {
    /// The calls.
    pub call: Vec<String>,
    /// Dangers that are gone; `all` for every one.
    pub clears: Vec<String>,
    /// `normalized` (a path without `..`), or `host` (the host part of a URL).
    pub marks: Vec<Mark>,
    /// Reading these fields does the same.
    pub field: Vec<String>,
    /// Only if these hold.
    pub when: Vec<When>,
}

/// Something known of a value besides which dangers are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// A path without `..` and links.
    Normalized,
    /// The host part of a URL.
    Host,
}

/// A call that tells whether a value is harmless.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardEntry {
    /// The calls.
    pub call: Vec<String>,
    /// The value that is looked at; default `receiver` for methods written `*.name`, else 0.
    pub target: Option<Selector>,
    /// The answer that means harmless; default true.
    pub holds: Option<bool>,
    /// Dangers that are gone then; empty for every one.
    pub clears: Vec<String>,
    /// The value must carry this mark.
    pub needs: Option<Mark>,
    /// The argument that holds a regular expression, which must be strict.
    pub pattern: Option<Selector>,
    /// Whether the call matches the whole text by itself, so that the expression needs no anchors.
    pub whole_match: bool,
    /// The call raises instead of answering.
    pub raises: bool,
    /// Only if these hold.
    pub when: Vec<When>,
}

/// A condition on an argument.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The argument, by any of these selectors.
    pub arg: OneOrMany<Selector>,
    /// Its constant value must be this.
    #[serde(default)]
    pub is: Option<serde_json::Value>,
    /// Its constant value must be none of these.
    #[serde(default)]
    pub is_not: Vec<serde_json::Value>,
    /// Its constant text or the digits of its constant integer must match.
    #[serde(default, with = "pattern")]
    pub matches: Option<Pattern>,
    /// They must not match (holds if it is not constant).
    #[serde(default, with = "pattern")]
    pub not_matches: Option<Pattern>,
    /// Its source text must match.
    #[serde(default, with = "pattern")]
    pub text: Option<Pattern>,
    /// Its source text must not match (holds if it is absent).
    #[serde(default, with = "pattern")]
    pub not_text: Option<Pattern>,
    /// It must be left out (true) or given (false).
    #[serde(default)]
    pub absent: Option<bool>,
    /// It must be constant (true) or not (false).
    #[serde(default)]
    pub constant: Option<bool>,
    /// Its type must be one of these.
    #[serde(default)]
    pub typed: Vec<String>,
    /// Its type must be none of these.
    #[serde(default)]
    pub not_typed: Vec<String>,
    /// Its full name, e.g. `yaml.SafeLoader`, must be one of these.
    #[serde(default)]
    pub named: Vec<String>,
    /// Its full name must be none of these.
    #[serde(default)]
    pub not_named: Vec<String>,
}

/// The body of a flow rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlowBody {
    /// What sanitisers must clear, e.g. `sql`. Rules of one danger share their sanitisers.
    pub danger: String,
    /// Labels of sources that count; default `remote`.
    pub from: Vec<String>,
    /// Where values do harm.
    pub sinks: Vec<SinkEntry>,
    /// The rule whose sinks count here, too.
    pub sinks_of: String,
    /// Only what is put together with constant text counts.
    pub joined: bool,
    /// Only what stands behind a single quote of such text counts.
    pub quoted: bool,
    /// Calls that are wrong by themselves, given their constant arguments.
    pub uses: Vec<UseEntry>,
    /// Sources of this rule alone (give them a label of their own).
    pub sources: Vec<SourceEntry>,
    /// Sanitisers of this rule's danger.
    pub sanitizers: Vec<SanitizerEntry>,
    /// Guards of this rule's danger.
    pub guards: Vec<GuardEntry>,
}

/// Where values do harm.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinkEntry {
    /// Calls.
    pub call: Vec<String>,
    /// Arguments that matter; default all.
    pub args: Vec<Selector>,
    /// For calls on an unknown receiver: its source text must match.
    #[serde(with = "pattern")]
    pub receiver: Option<Pattern>,
    /// The argument is an argument vector: a list does harm only if its program is untrusted or a shell.
    pub argv: bool,
    /// Only the beginning matters: text put behind a constant beginning that fixes host or root does no harm.
    pub prefix: bool,
    /// Assignments to these fields.
    pub assign: Vec<String>,
    /// Assignments to elements of these, by key; key and value both count.
    pub store: Vec<String>,
    /// Assignments to variables, fields, keywords or functions whose name matches.
    #[serde(with = "pattern")]
    pub variable: Option<Pattern>,
    /// What functions with these annotations return.
    pub returned_by: Vec<String>,
    /// Values that went through calls nobody knows do not count.
    pub direct: bool,
    /// Only what the value is itself counts, not what lies in it as a container.
    pub shallow: bool,
    /// Conditions.
    pub when: Vec<When>,
}

/// A call that is wrong by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UseEntry {
    /// The calls.
    pub call: Vec<String>,
    /// For calls on an unknown receiver: its source text must match.
    #[serde(with = "pattern")]
    pub receiver: Option<Pattern>,
    /// Assignments to these fields, of a value for which `when` holds (`arg: 0`).
    pub assign: Vec<String>,
    /// Conditions, all of which must hold.
    pub when: Vec<When>,
}

mod pattern {
    use serde::{Deserialize, Deserializer, de::Error};

    use crate::pattern::Pattern;

    /// What is no expression, or too large a one, is an error at once.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Pattern>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        let pattern = text.map(Pattern::checked).transpose();
        pattern.map_err(D::Error::custom)
    }
}

/// A pattern for full names: `a.b.c`, or `*.c` for any receiver.
#[derive(Clone, Debug)]
pub(crate) struct NamePattern {
    text: String,
    any_receiver: bool,
}

impl NamePattern {
    pub(crate) fn new(text: &str) -> Self {
        match text.strip_prefix("*.") {
            Some(rest) => Self {
                text: rest.to_owned(),
                any_receiver: true,
            },
            None => Self {
                text: text.to_owned(),
                any_receiver: false,
            },
        }
    }

    fn last(&self) -> &str {
        last_segment(&self.text)
    }

    /// Whether a candidate name is meant.
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        if self.any_receiver {
            return candidate.len() > self.text.len()
                && candidate.ends_with(&self.text)
                && candidate.as_bytes()[candidate.len() - self.text.len() - 1] == b'.';
        }
        if candidate == self.text {
            return true;
        }
        // A type known by its bare name only (wildcard import, same package): `Statement.execute` means `java.sql.Statement.execute`.
        candidate.starts_with(|first: char| first.is_ascii_uppercase())
            && self.text.len() > candidate.len()
            && self.text.ends_with(candidate)
            && matches!(
                self.text.as_bytes()[self.text.len() - candidate.len() - 1],
                b'.' | b'/'
            )
    }

    /// Whether the pattern is for any receiver.
    pub(crate) fn is_any_receiver(&self) -> bool {
        self.any_receiver
    }
}

/// The part behind the last dot.
pub(crate) fn last_segment(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Patterns by last segment, each with what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct NameIndex<T> {
    by_last: BTreeMap<String, Vec<(NamePattern, T)>>,
}

impl<T> Default for NameIndex<T> {
    fn default() -> Self {
        Self {
            by_last: BTreeMap::new(),
        }
    }
}

impl<T: Clone> NameIndex<T> {
    /// Adds patterns for one meaning.
    pub(crate) fn add(&mut self, names: &[String], meaning: &T) {
        for name in names {
            let pattern = NamePattern::new(name);
            self.by_last
                .entry(pattern.last().to_owned())
                .or_default()
                .push((pattern, meaning.clone()));
        }
    }

    /// Everything that any of the candidates means; candidates share their last segment.
    pub(crate) fn find<'a>(&'a self, names: &'a Candidates) -> impl Iterator<Item = &'a T> + 'a {
        self.by_last
            .get(names.last.as_ref())
            .into_iter()
            .flatten()
            .filter_map(|(pattern, meaning)| names.meet(pattern).then_some(meaning))
    }

    /// The first meaning, if any.
    pub(crate) fn first<'a>(&'a self, names: &'a Candidates) -> Option<&'a T> {
        self.find(names).next()
    }

    /// What a name that stands alone means: it must be listed as it is.
    pub(crate) fn named(&self, name: &str) -> Option<&T> {
        self.by_last
            .get(last_segment(name))?
            .iter()
            .find_map(|(pattern, meaning)| (pattern.text == name).then_some(meaning))
    }

    /// Whether any of the candidates is listed.
    pub(crate) fn has(&self, names: &Candidates) -> bool {
        self.find(names).next().is_some()
    }

    /// Of each pattern, its last segment and the one before, as they are written, and what it stands for.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (Vec<String>, &T)> {
        let patterns = self.by_last.values().flatten();
        patterns.map(|(pattern, meaning)| (written_segments(&pattern.text), meaning))
    }

    /// Forgets what does not meet a condition.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        for patterns in self.by_last.values_mut() {
            patterns.retain(|(_, meaning)| is_kept(meaning));
        }
    }

    /// Everything that is listed.
    pub(crate) fn meanings(&self) -> impl Iterator<Item = &T> {
        self.by_last.values().flatten().map(|(_, meaning)| meaning)
    }
}

/// The last two segments of a name, the last one first; constructors are written by their class name.
fn written_segments(name: &str) -> Vec<String> {
    let name = name.trim_end_matches(".<new>").trim_end_matches(".*");
    let mut segments = name
        .rsplit(['.', '/'])
        .map(|segment| segment.trim_start_matches('$').to_owned());
    segments
        .by_ref()
        .filter(|segment| !segment.is_empty() && segment != "*")
        .take(2)
        .collect()
}

/// The names under which something may be known: through imports, and through the type of its receiver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// The resolved path, e.g. `flask.request.args.get` or `$cursor.execute`.
    pub(crate) path: Option<std::rc::Rc<str>>,
    /// `type.member` for the receiver's type and those it extends, as far as they are known.
    pub(crate) typed: Vec<std::rc::Rc<str>>,
    /// The last segment.
    pub(crate) last: std::rc::Rc<str>,
    /// Whether there is a receiver.
    pub(crate) has_receiver: bool,
}

impl Candidates {
    fn meet(&self, pattern: &NamePattern) -> bool {
        if self.typed.iter().any(|typed| pattern.matches(typed)) {
            return true;
        }
        if let Some(path) = &self.path
            && pattern.matches(path)
        {
            return true;
        }
        pattern.is_any_receiver() && self.has_receiver && pattern.text == *self.last
    }
}
