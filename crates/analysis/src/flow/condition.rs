//! Conditions of rules and models on the arguments of a call.

use super::call::Evaluated;
use super::ir::{Const, Expr};
use super::model::{NamePattern, When};
use super::run::Run;
use super::value::{State, Value};
use crate::pattern::Pattern;

impl<'a> Run<'a> {
    /// Whether conditions on a call's arguments hold.
    pub(crate) fn holds(&self, conditions: &[When], call: &Evaluated<'a>, state: &State) -> bool {
        conditions.iter().all(|condition| {
            let found = condition
                .arg
                .as_slice()
                .iter()
                .find_map(|selector| call.select_in(selector, state));
            self.holds_for(condition, found, state)
        })
    }

    pub(crate) fn holds_for(
        &self,
        condition: &When,
        found: Option<(&Value, &Expr)>,
        state: &State,
    ) -> bool {
        if let Some(absent) = condition.absent
            && absent != found.is_none()
        {
            return false;
        }
        let Some((value, expr)) = found else {
            let needs = condition.is.is_some()
                || condition.matches.is_some()
                || condition.text.is_some()
                || !condition.named.is_empty()
                || !condition.typed.is_empty()
                || condition.constant.is_some();
            return !needs;
        };
        let text = self.source_text(expr.span);
        let constants = constants(value, state);
        let is =
            |wanted: &serde_json::Value| constants.iter().any(|constant| equals(constant, wanted));
        let may_be = |wanted: &serde_json::Value| {
            value
                .possible
                .iter()
                .any(|constant| equals(constant, wanted))
        };
        let named = |names: &[String]| {
            value.path.as_deref().is_some_and(|path| {
                names
                    .iter()
                    .any(|name| path == name || path.ends_with(&format!(".{name}")))
            })
        };
        let matches = |pattern: &Pattern| constants.iter().any(|one| is_match(pattern, one));
        let may_match = |pattern: &Pattern| value.possible.iter().any(|one| is_match(pattern, one));
        let typed = |name: &String| {
            let known = value.type_name.as_deref();
            known.is_some_and(|known| NamePattern::new(name).matches(known))
        };
        condition
            .is
            .as_ref()
            .is_none_or(|wanted| is(wanted) || may_be(wanted))
            && !condition.is_not.iter().any(is)
            && condition
                .matches
                .as_ref()
                .is_none_or(|pattern| matches(pattern) || may_match(pattern))
            && (condition.typed.is_empty() || condition.typed.iter().any(typed))
            && !condition.not_typed.iter().any(typed)
            && !condition.not_matches.as_ref().is_some_and(matches)
            && condition
                .text
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(text))
            && !condition
                .not_text
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(text))
            && condition
                .constant
                .is_none_or(|wanted| wanted != constants.is_empty())
            && (condition.named.is_empty() || named(&condition.named))
            && (condition.not_named.is_empty() || !named(&condition.not_named))
    }
}

/// The constant of a value, or those of the list it is.
fn constants(value: &Value, state: &State) -> Vec<Const> {
    if let Some(constant) = &value.constant {
        return vec![constant.clone()];
    }
    let elements = state
        .object(value)
        .and_then(|object| object.elements.as_ref());
    elements
        .into_iter()
        .flatten()
        .filter_map(|element| element.constant.clone())
        .collect()
}

fn is_match(pattern: &Pattern, constant: &Const) -> bool {
    match constant {
        Const::Text(text) => pattern.is_match(text),
        Const::Int(number) => pattern.is_match(&number.to_string()),
        _ => false,
    }
}

fn equals(constant: &Const, wanted: &serde_json::Value) -> bool {
    match (constant, wanted) {
        (Const::Null, serde_json::Value::Null) => true,
        (Const::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Const::Int(a), serde_json::Value::Number(b)) => b.as_i64() == Some(*a),
        (Const::Text(a), serde_json::Value::String(b)) => a.as_ref() == b,
        _ => false,
    }
}
