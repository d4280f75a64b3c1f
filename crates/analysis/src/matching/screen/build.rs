//! Makes a screen from the body of a rule.

use ast_grep_core::matcher::PatternNode;
use ast_grep_core::meta_var::MetaVariable;
use ast_grep_core::tree_sitter::{LanguageExt, TSLanguage};
use ast_grep_core::{Matcher, Pattern};

use serde_json::{Map, Value};

use super::{Relation, RuleScreen, Screen, Stop};
use crate::grammar::Grammar;
use crate::matching::literals;
use crate::pattern;

/// `matches` refers to utils that may refer to others.
const DEEPEST: usize = 8;

/// What the parts of a rule refer to.
struct Context<'v> {
    grammar: Grammar,
    language: TSLanguage,
    utils: Option<&'v Map<String, Value>>,
    constraints: Option<&'v Map<String, Value>>,
}

/// The screen of a `match` body.
pub(in crate::matching) fn of(body: &Value, grammar: Grammar) -> RuleScreen {
    let context = Context {
        grammar,
        language: grammar.get_ts_language(),
        utils: body.get("utils").and_then(Value::as_object),
        constraints: body.get("constraints").and_then(Value::as_object),
    };
    let rule = body.get("rule").and_then(Value::as_object);
    let screen = rule.map_or(Screen::Unknown, |rule| context.rule(rule, 0));
    RuleScreen::new(screen)
}

impl Context<'_> {
    fn value(&self, value: &Value, depth: usize) -> Screen {
        match value.as_object() {
            Some(rule) => self.rule(rule, depth),
            None => Screen::Unknown,
        }
    }

    fn rule(&self, rule: &Map<String, Value>, depth: usize) -> Screen {
        if depth > DEEPEST * 4 {
            return Screen::Unknown;
        }
        let mut parts = Vec::new();
        for (key, value) in rule {
            parts.push(match key.as_str() {
                "pattern" => self.pattern(value),
                "kind" => self.kind(value),
                "regex" => regex(value),
                "nthChild" => nth_child(value),
                "all" => conjunction(self.list(value, depth)),
                "any" => Screen::Any(self.list(value, depth)),
                "not" => Screen::Not(Box::new(self.value(value, depth + 1))),
                "has" => self.has(value, depth),
                "inside" => self.outwards(value, depth, Screen::Inside),
                "follows" => self.outwards(value, depth, Screen::Follows),
                "precedes" => self.outwards(value, depth, Screen::Precedes),
                "matches" => self.util(value, depth),
                "stopBy" | "field" => continue,
                _ => Screen::Unknown,
            });
        }
        conjunction(parts)
    }

    fn list(&self, value: &Value, depth: usize) -> Vec<Screen> {
        let mut parts: Vec<Screen> = value
            .as_array()
            .into_iter()
            .flatten()
            .map(|part| self.value(part, depth + 1))
            .collect();
        parts.sort_by_key(Screen::cost);
        parts
    }

    fn util(&self, name: &Value, depth: usize) -> Screen {
        let util = name.as_str().zip(self.utils);
        match util.and_then(|(name, utils)| utils.get(name)) {
            Some(util) if depth < DEEPEST => self.value(util, depth + 1),
            _ => Screen::Unknown,
        }
    }

    fn kind(&self, name: &Value) -> Screen {
        let is_plain = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let id = name
            .as_str()
            .filter(is_plain)
            .map(|name| self.language.id_for_node_kind(name, true));
        match id {
            Some(id) if id != 0 => kinds([usize::from(id)].into_iter()),
            _ => Screen::Unknown,
        }
    }

    fn relation(&self, value: &Value, depth: usize) -> Option<Relation> {
        let field = match value.get("field") {
            Some(name) => Some(self.language.field_id_for_name(name.as_str()?)?.get()),
            None => None,
        };
        let stop = match value.get("stopBy") {
            None => Stop::Neighbour,
            Some(Value::String(word)) if word == "neighbor" => Stop::Neighbour,
            Some(Value::String(word)) if word == "end" => Stop::End,
            Some(rule) => Stop::At(self.value(rule, depth + 1)),
        };
        Some(Relation {
            field,
            stop,
            other: self.value(value, depth + 1),
        })
    }

    fn outwards(
        &self,
        value: &Value,
        depth: usize,
        screen: impl FnOnce(Box<Relation>) -> Screen,
    ) -> Screen {
        let relation = self.relation(value, depth);
        relation.map_or(Screen::Unknown, |relation| screen(Box::new(relation)))
    }

    /// A search in depth is put behind a search for the words it needs.
    fn has(&self, value: &Value, depth: usize) -> Screen {
        let Some(relation) = self.relation(value, depth) else {
            return Screen::Unknown;
        };
        let mut parts = Vec::new();
        if !matches!(relation.stop, Stop::Neighbour)
            && let Some(rule) = value.as_object()
        {
            let clauses = literals::within(rule);
            parts.extend(clauses.into_iter().map(Screen::Contains));
        }
        parts.push(Screen::Has(Box::new(relation)));
        conjunction(parts)
    }

    /// Patterns bind metavariables, so they are never sure.
    fn pattern(&self, value: &Value) -> Screen {
        let Some(pattern) = self.read_pattern(value) else {
            return Screen::Unknown;
        };
        if let PatternNode::MetaVar { meta_var } = &pattern.node {
            return match meta_var {
                MetaVariable::Capture(name, _) => Screen::Variable(name.clone()),
                _ => Screen::Unknown,
            };
        }
        let mut parts = vec![Screen::Unknown];
        if let Some(set) = pattern.potential_kinds() {
            parts.push(kinds(set.iter()));
        }
        if value.is_string() {
            parts.extend(self.callee(&pattern.node));
            parts.extend(operation(&pattern.node));
            parts.extend(
                literals::of_pattern(value)
                    .into_iter()
                    .map(Screen::Contains),
            );
        }
        conjunction(parts)
    }

    fn read_pattern(&self, value: &Value) -> Option<Pattern> {
        match value {
            Value::String(text) => Pattern::try_new(text, self.grammar).ok(),
            Value::Object(keys) if !keys.contains_key("strictness") => {
                let context = keys.get("context")?.as_str()?;
                match keys.get("selector") {
                    Some(kind) => Pattern::contextual(context, kind.as_str()?, self.grammar).ok(),
                    None => Pattern::try_new(context, self.grammar).ok(),
                }
            }
            _ => None,
        }
    }

    /// What the pattern of a call says of the name that is called.
    fn callee(&self, pattern: &PatternNode) -> Option<Screen> {
        let PatternNode::Internal { kind_id, children } = pattern else {
            return None;
        };
        let field = match self.language.node_kind_for_id(*kind_id)? {
            "call" | "call_expression" => "function",
            "new_expression" => "constructor",
            "method_invocation" => "name",
            "object_creation_expression" => "type",
            _ => return None,
        };
        let arguments = children
            .iter()
            .rposition(|child| self.is_arguments(child))?;
        let callee = children.get(arguments.checked_sub(1)?)?;
        Some(Screen::Has(Box::new(Relation {
            field: Some(self.language.field_id_for_name(field)?.get()),
            stop: Stop::Neighbour,
            other: self.last_name(callee)?,
        })))
    }

    fn is_arguments(&self, node: &PatternNode) -> bool {
        let PatternNode::Internal { kind_id, .. } = node else {
            return false;
        };
        let kind = self.language.node_kind_for_id(*kind_id);
        matches!(kind, Some("argument_list" | "arguments"))
    }

    fn last_name(&self, callee: &PatternNode) -> Option<Screen> {
        let last = match callee {
            PatternNode::Internal { children, .. } => children.last()?,
            own => own,
        };
        match last {
            PatternNode::Terminal { text, is_named, .. }
                if *is_named && text.chars().all(|c| c.is_alphanumeric() || c == '_') =>
            {
                Some(Screen::Name(text.clone()))
            }
            PatternNode::MetaVar { meta_var } => self.constrained(meta_var),
            _ => None,
        }
    }

    /// The names that a constraint allows for the variable that stands for the called name.
    fn constrained(&self, variable: &MetaVariable) -> Option<Screen> {
        let MetaVariable::Capture(name, _) = variable else {
            return None;
        };
        let regex = self.constraints?.get(name)?.get("regex")?.as_str()?;
        let inner = regex.strip_prefix("^(")?.strip_suffix(")$")?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '|';
        inner.chars().all(is_plain).then(|| {
            let names = inner.split('|').map(|name| Screen::Name(name.to_owned()));
            Screen::Any(names.collect())
        })
    }
}

/// What a pattern of two operands says: its operator, and whether both are the same.
fn operation(pattern: &PatternNode) -> Vec<Screen> {
    let PatternNode::Internal { children, .. } = pattern else {
        return Vec::new();
    };
    let [
        first,
        PatternNode::Terminal {
            is_named: false,
            kind_id,
            ..
        },
        last,
    ] = children.as_slice()
    else {
        return Vec::new();
    };
    let mut parts = vec![Screen::Operator(*kind_id)];
    if let (Some(first), Some(last)) = (captured(first), captured(last))
        && first == last
    {
        parts.push(Screen::Twins);
    }
    parts
}

fn captured(node: &PatternNode) -> Option<&str> {
    match node {
        PatternNode::MetaVar {
            meta_var: MetaVariable::Capture(name, _),
        } => Some(name),
        _ => None,
    }
}

fn conjunction(parts: Vec<Screen>) -> Screen {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Screen::All(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    flat.sort_by_key(Screen::cost);
    match (flat.len(), flat.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            flat.push(last);
            Screen::All(flat)
        }
        (_, None) => Screen::Unknown,
    }
}

fn kinds(ids: impl Iterator<Item = usize>) -> Screen {
    let mut set = Vec::new();
    for id in ids {
        // Errors in a file may stand for anything.
        if id == usize::from(u16::MAX) {
            return Screen::Unknown;
        }
        if set.len() <= id {
            set.resize(id + 1, false);
        }
        if let Some(flag) = set.get_mut(id) {
            *flag = true;
        }
    }
    Screen::Kinds(set)
}

fn regex(value: &Value) -> Screen {
    let text = value.as_str();
    text.map_or(Screen::Unknown, |text| {
        Screen::Regex(Box::new(pattern::Pattern::from(text.to_owned())))
    })
}

fn nth_child(value: &Value) -> Screen {
    match value.as_u64().and_then(|nth| usize::try_from(nth).ok()) {
        Some(nth) if nth > 0 => Screen::NthChild(nth),
        _ => Screen::Unknown,
    }
}
