//! Walks a TOML document along the table of keys, keeping places, and collects every problem on the way.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{
    Item, Key, MAX_ITEMS, MAX_NAME, MAX_PROSE, MAX_TEXT, ROOT, SEVERITIES, Shape, names,
};
use super::problem::{Lines, nearest};
use super::rule_pattern::RulePattern;
use super::{Code, MAX_BYTES, Policy, Problem, check, glob, syntax};

/// How much of a value is quoted in a problem, in characters.
const QUOTE: usize = 60;

/// Reads a configuration, or says everything that is wrong with it.
pub(super) fn policy(text: &str) -> Result<Policy, Vec<Problem>> {
    let mut reader = Reader::new(text);
    if text.len() > MAX_BYTES {
        let allowed = format!("at most {MAX_BYTES} bytes");
        let given = format!("{} bytes", text.len());
        reader.report(Code::TooLarge, "", 0, given, allowed);
        return Err(reader.problems);
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    let values = reader.table("", document.get_ref(), ROOT, 0);
    if errors.is_empty() {
        return reader.finish(values);
    }
    let broken = syntax::causes(document.get_ref(), &errors);
    Err(reader.with_causes(&broken))
}

/// Collects problems while values are read.
pub(super) struct Reader<'t> {
    text: &'t str,
    lines: Lines<'t>,
    problems: Vec<Problem>,
    /// Where the value of each key starts.
    places: BTreeMap<String, usize>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            lines: Lines::new(text),
            problems: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Notes a problem at a byte.
    pub(super) fn report(
        &mut self,
        code: Code,
        key: &str,
        at: usize,
        given: String,
        allowed: String,
    ) {
        let (line, column) = self.lines.place(at);
        self.problems.push(Problem {
            code,
            line,
            column,
            key: key.to_owned(),
            given,
            allowed,
            suggestion: None,
        });
    }

    /// Notes a problem at a key's value.
    pub(super) fn report_at(&mut self, code: Code, key: &str, given: String, allowed: String) {
        let at = self.places.get(key).copied().unwrap_or(0);
        self.report(code, key, at, given, allowed);
    }

    /// The first of some keys that the file has a value for.
    pub(super) fn given_of<'k>(&self, keys: [&'k str; 2]) -> &'k str {
        let has_value = |key: &&str| self.places.contains_key(*key);
        keys.into_iter().find(has_value).unwrap_or(keys[0])
    }

    /// Adds to the last problem what may have been meant.
    pub(super) fn suggest(&mut self, suggestion: Option<&str>) {
        if let Some(problem) = self.problems.last_mut() {
            problem.suggestion = suggestion.map(str::to_owned);
        }
    }

    fn finish(mut self, values: Map<String, Value>) -> Result<Policy, Vec<Problem>> {
        if self.problems.is_empty() {
            match serde_json::from_value::<Policy>(Value::Object(values)) {
                Ok(policy) => {
                    let policy = check::whole(&mut self, policy);
                    if self.problems.is_empty() {
                        return Ok(policy);
                    }
                }
                Err(error) => {
                    self.report(Code::WrongType, "", 0, error.to_string(), String::new());
                }
            }
        }
        Err(self.sorted())
    }

    fn sorted(mut self) -> Vec<Problem> {
        self.problems
            .sort_by_key(|problem| (problem.line, problem.column, problem.code));
        self.problems
    }

    /// What follows from a syntax error is not said: other problems of the lines it spoils, and keys that are missing.
    fn with_causes(mut self, causes: &[syntax::Cause]) -> Vec<Problem> {
        let spoilt: Vec<RangeInclusive<u32>> = causes
            .iter()
            .map(|cause| {
                self.lines.place(cause.spoilt.start).0..=self.lines.place(cause.spoilt.end).0
            })
            .collect();
        self.problems.retain(|problem| {
            let is_spoilt = spoilt.iter().any(|lines| lines.contains(&problem.line));
            !is_spoilt && problem.code != Code::MissingKey
        });
        for cause in causes {
            let given = cause.message.clone();
            self.report(Code::Syntax, "", cause.at, given, String::new());
        }
        self.sorted()
    }

    fn table(
        &mut self,
        path: &str,
        table: &DeTable<'_>,
        keys: &[Key],
        at: usize,
    ) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, value) in table {
            let full = join(path, name.get_ref());
            match keys.iter().find(|key| key.name == name.get_ref()) {
                None => self.unknown(&full, name.get_ref(), name.span(), keys),
                Some(key) => {
                    if let Some(value) = self.value(&full, value, &key.shape, name.span()) {
                        values.insert(key.name.to_owned(), value);
                    }
                }
            }
        }
        for key in keys {
            if key.is_required && !table.contains_key(key.name) {
                let allowed = key.shape.allowed();
                let full = join(path, key.name);
                self.report(Code::MissingKey, &full, at, String::new(), allowed);
            }
        }
        values
    }

    fn unknown(&mut self, full: &str, name: &str, span: Range<usize>, keys: &[Key]) {
        let given = self.quote(&span);
        self.report(Code::UnknownKey, full, span.start, given, names(keys));
        let near = nearest(name, keys.iter().map(|key| key.name)).map(str::to_owned);
        let suggestion = near.or_else(|| elsewhere(name));
        self.suggest(suggestion.as_deref());
    }

    fn value(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        shape: &Shape,
        name: Range<usize>,
    ) -> Option<Value> {
        self.places.insert(path.to_owned(), value.span().start);
        match (shape, value.get_ref()) {
            (Shape::One(item), _) => self.item(path, value, *item),
            (Shape::List { item, min }, DeValue::Array(values)) => {
                self.count(path, values.len(), *min, value);
                let items = values.iter().take(MAX_ITEMS).enumerate();
                let read = items
                    .filter_map(|(index, value)| {
                        let path = format!("{path}[{index}]");
                        self.places.insert(path.clone(), value.span().start);
                        self.item(&path, value, *item)
                    })
                    .collect();
                Some(Value::Array(read))
            }
            (Shape::SeverityByRule, DeValue::Table(table)) => Some(self.severities(path, table)),
            (Shape::Table(keys), DeValue::Table(table)) => {
                Some(Value::Object(self.table(path, table, keys, name.start)))
            }
            (Shape::Tables { keys, .. }, DeValue::Array(values)) => {
                self.count(path, values.len(), 0, value);
                Some(self.tables(path, values.iter().take(MAX_ITEMS), keys, shape))
            }
            _ => {
                let span = place_of(value, &name);
                self.wrong_type(path, value, &span, shape.allowed());
                None
            }
        }
    }

    fn tables<'v, 'i: 'v>(
        &mut self,
        path: &str,
        values: impl Iterator<Item = &'v Spanned<DeValue<'i>>>,
        keys: &[Key],
        shape: &Shape,
    ) -> Value {
        let mut read = Vec::new();
        for (index, value) in values.enumerate() {
            let path = format!("{path}[{index}]");
            let span = value.span();
            self.places.insert(path.clone(), span.start);
            match value.get_ref() {
                DeValue::Table(table) => {
                    let table = self.table(&path, table, keys, span.start);
                    read.push(Value::Object(table));
                }
                _ => self.wrong_type(&path, value, &span, shape.allowed()),
            }
        }
        Value::Array(read)
    }

    fn severities(&mut self, path: &str, table: &DeTable<'_>) -> Value {
        let mut values = Map::new();
        for (name, value) in table {
            let full = format!("{path}.\"{}\"", name.get_ref());
            if let DeValue::Table(_) = value.get_ref() {
                let given = self.quote(&name.span());
                let allowed = "the rule in quotes: `\"python.weak-hash\" = \"low\"`".to_owned();
                self.report(Code::BadRule, &full, name.span().start, given, allowed);
                continue;
            }
            if RulePattern::new(name.get_ref()).is_err() {
                let given = self.quote(&name.span());
                let allowed = Item::Rule.allowed();
                self.report(Code::BadRule, &full, name.span().start, given, allowed);
            }
            self.places.insert(full.clone(), value.span().start);
            if let Some(value) = self.item(&full, value, Item::Word(SEVERITIES)) {
                values.insert(name.get_ref().to_string(), value);
            }
        }
        Value::Object(values)
    }

    fn count(&mut self, path: &str, count: usize, min: usize, value: &Spanned<DeValue<'_>>) {
        if count < min || count > MAX_ITEMS {
            let allowed = format!("{min} to {MAX_ITEMS} values");
            let given = format!("{count} values");
            self.report(Code::WrongCount, path, value.span().start, given, allowed);
        }
    }

    fn item(&mut self, path: &str, value: &Spanned<DeValue<'_>>, item: Item) -> Option<Value> {
        match (item, value.get_ref()) {
            (Item::Whole { min, max }, DeValue::Integer(number)) => {
                let read = u64::from_str_radix(number.as_str(), number.radix()).ok();
                let good = read.filter(|number| (min..=max).contains(number));
                if good.is_none() {
                    self.refuse(Code::OutOfRange, path, value, item.allowed());
                }
                good.map(Value::from)
            }
            (Item::Whole { .. }, _) => {
                self.wrong_type(path, value, &value.span(), item.allowed());
                None
            }
            (_, DeValue::String(text)) => self.text(path, value, text, item),
            _ => {
                self.wrong_type(path, value, &value.span(), item.allowed());
                None
            }
        }
    }

    fn text(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        text: &str,
        item: Item,
    ) -> Option<Value> {
        let refused = match item {
            Item::Word(words) if !words.contains(&text) => {
                self.refuse(Code::NotAllowed, path, value, item.allowed());
                self.suggest(nearest(text, words.iter().copied()));
                return None;
            }
            Item::Glob => glob::compile(text)
                .err()
                .map(|error| (Code::BadGlob, format!(" ({error})"))),
            Item::Rule if RulePattern::new(text).is_err() => Some((Code::BadRule, String::new())),
            Item::Prose if !is_prose(text) => Some((Code::BadName, String::new())),
            Item::Text if !is_text(text) => Some((Code::BadName, String::new())),
            Item::Name if !is_name(text) => Some((Code::BadName, String::new())),
            _ => None,
        };
        if let Some((code, reason)) = refused {
            let given = self.quote(&value.span()) + &reason;
            self.report(code, path, value.span().start, given, item.allowed());
            return None;
        }
        Some(Value::from(text))
    }

    fn refuse(&mut self, code: Code, path: &str, value: &Spanned<DeValue<'_>>, allowed: String) {
        let given = self.quote(&value.span());
        self.report(code, path, value.span().start, given, allowed);
    }

    fn wrong_type(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        span: &Range<usize>,
        allowed: String,
    ) {
        let given = match value.get_ref() {
            DeValue::Table(_) => "a table".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            _ => self.quote(&value.span()),
        };
        self.report(Code::WrongType, path, span.start, given, allowed);
    }

    fn quote(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let mut quoted: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(QUOTE)
            .collect();
        if quoted.len() < text.len() {
            quoted.push('…');
        }
        quoted
    }
}

/// A table has no place of its own worth showing: its name has.
fn place_of(value: &Spanned<DeValue<'_>>, name: &Range<usize>) -> Range<usize> {
    match value.get_ref() {
        DeValue::Table(_) => name.clone(),
        _ => value.span(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn is_name(text: &str) -> bool {
    let is_good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(is_good)
}

/// Whether it is a text for a reader.
fn is_prose(text: &str) -> bool {
    let length = text.chars().count();
    let is_hidden = |one: char| one.is_control() && one != '\n';
    (1..=MAX_PROSE).contains(&length) && !text.trim().is_empty() && !text.chars().any(is_hidden)
}

fn is_text(text: &str) -> bool {
    let length = text.chars().count();
    (1..=MAX_TEXT).contains(&length) && !text.chars().any(char::is_control)
}

/// Where a key of this name does exist, one table down from the root.
fn elsewhere(name: &str) -> Option<String> {
    ROOT.iter().find_map(|key| {
        let below = match &key.shape {
            Shape::Table(keys) => keys,
            _ => return (key.name == name).then(|| key.name.to_owned()),
        };
        if key.name == name {
            return Some(key.name.to_owned());
        }
        let found = below.iter().find(|inner| inner.name == name)?;
        Some(format!("{}.{}", key.name, found.name))
    })
}
