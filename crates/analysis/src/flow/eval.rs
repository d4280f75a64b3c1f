//! Expressions: what is known of their values.

use std::rc::Rc;

use super::fold;
use super::ir::{Const, Expr, ExprKind, Name, Op, Span};
use super::model::Candidates;
use super::rules::{ContainerKind, Source};
use super::run::Run;
use super::value::{
    BEHIND_PREFIX, COLLECTION, Flow, JOINED, Object, PART, QUOTED, State, Value, mark_bit,
    merge_flows,
};

impl<'a> Run<'a> {
    /// Evaluates an expression.
    pub(crate) fn eval(&mut self, expr: &'a Expr, state: &mut State) -> Value {
        if !state.is_live || !self.step() {
            return Value::default();
        }
        match &expr.kind {
            ExprKind::Const(constant) => Value::constant(constant.clone()),
            ExprKind::Name(name) => self.name(name, expr.span, state),
            ExprKind::Field(base, name) => {
                let base = self.eval(base, state);
                self.member(&base, name, expr.span, state)
            }
            ExprKind::Index(base, key) => self.index(base, key, expr.span, state),
            ExprKind::Call(call) => self.call(call, expr.span, state),
            ExprKind::Concat(parts) => self.concat(parts, state),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, expr.span, state),
            ExprKind::Not(inner) => {
                let truth = self.eval(inner, state).truth();
                Value {
                    constant: truth.map(|truth| Const::Bool(!truth)),
                    ..Value::default()
                }
            }
            ExprKind::Negate(inner) => match self.eval(inner, state).constant {
                Some(Const::Int(number)) => Value::constant(Const::Int(number.wrapping_neg())),
                _ => Value::default(),
            },
            ExprKind::Conditional(parts) => self.conditional(parts, state),
            ExprKind::List(items) => self.list(items, state),
            ExprKind::Map(entries) => self.map(entries, state),
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension, state),
            ExprKind::Closure(id) => {
                // Functions that use nobody's variables are entries of their own.
                if self.unit.functions[*id].is_closure
                    && let Some(activation) = self.activations.last_mut()
                {
                    activation.pending.insert(*id);
                }
                Value {
                    function: Some(*id),
                    ..Value::default()
                }
            }
            ExprKind::Assign(place, value) => {
                let value = self.eval(value, state);
                self.assign(place, value.clone(), state);
                value
            }
            ExprKind::Update(place, op, operands) => {
                self.update(place, *op, operands, expr.span, state)
            }
            ExprKind::Cast(name, inner) => {
                let mut value = self.eval(inner, state);
                self.cast(name, &mut value);
                value
            }
            ExprKind::Parts(parts) => self.parts(parts, state),
        }
    }

    fn name(&mut self, name: &Name, span: Span, state: &State) -> Value {
        if let Some(value) = state.lookup(name) {
            return value.clone();
        }
        if let Some(id) = self.unit.named.get(name) {
            return Value {
                function: Some(*id),
                ..Value::at(Rc::clone(name))
            };
        }
        if self.unit.class_names.contains_key(name) {
            return Value::at(Rc::clone(name));
        }
        let path = self.unit.imports.get(name).unwrap_or(name);
        let mut value = Value::at(Rc::clone(path));
        let names = Candidates {
            path: value.path.clone(),
            typed: Vec::new(),
            last: last(path),
            has_receiver: path.contains('.'),
        };
        let source = if names.has_receiver {
            self.rules.source_fields.first(&names)
        } else {
            self.rules.source_fields.named(path)
        };
        if let Some(source) = source.cloned() {
            value.flows.push(self.flow(&source, span, path));
        }
        value.type_name = self
            .rules
            .field_types
            .first(&names)
            .map(|name| Rc::from(name.as_ref()));
        value
    }

    /// A member of a value, read as a field.
    pub(crate) fn member(&mut self, base: &Value, name: &Name, span: Span, state: &State) -> Value {
        let names = self.member_names(base, name);
        let mut value = Value {
            path: names.path.clone(),
            ..Value::default()
        };
        if let Some(object) = state.object(base) {
            if let Some(known) = object.entries.get(name) {
                let mut known = known.clone();
                known.path = known.path.or(value.path);
                return known;
            }
            value = self.field_of_object(object, name, value, span);
        }
        value.type_name = value.type_name.or_else(|| {
            self.rules
                .field_types
                .first(&names)
                .map(|name| Rc::from(name.as_ref()))
        });
        if let Some(declared) = self.declared_field(base, name) {
            if is_harmless_type(declared) {
                return Value::default();
            }
            value.type_name = value.type_name.or_else(|| Some(Rc::clone(declared)));
        }
        if let Some(source) = self.rules.source_fields.first(&names).cloned() {
            let identity = self.identity(span);
            value.flows.push(self.flow(&source, span, &identity));
            return value;
        }
        let inherited = self.taken_from(base, name, span);
        merge_flows(&mut value.flows, &inherited, true);
        if let Some(sanitizer) = self.rules.sanitizer_fields.first(&names) {
            let marks = sanitizer
                .marks
                .iter()
                .fold(0, |all, mark| all | mark_bit(*mark));
            for flow in &mut value.flows {
                flow.cleared |= sanitizer.clears;
                flow.marks |= marks;
            }
        }
        if self.rules.clean.has(&names) {
            value.flows.clear();
        }
        value
    }

    /// The class of the file that a value's type is.
    pub(crate) fn class_by_type(&self, value: &Value) -> Option<usize> {
        let type_name = value.type_name.as_ref()?;
        self.unit.class_names.get(type_name).copied()
    }

    fn declared_field(&self, base: &Value, name: &Name) -> Option<&Name> {
        let class = self.unit.classes.get(self.class_by_type(base)?)?;
        class.field_types.get(name)
    }

    fn field_of_object(&self, object: &Object, name: &Name, mut value: Value, span: Span) -> Value {
        let Some(class) = object.class.and_then(|class| self.unit.classes.get(class)) else {
            let mut rest = object.rest.clone();
            if rest.flows.iter().any(|flow| flow.marks & COLLECTION != 0) {
                rest.flows = self.taken_from(&object.rest, name, span);
            }
            return value.join(&rest);
        };
        value.type_name = class.field_types.get(name).cloned();
        value.function = class.methods.get(name).copied();
        merge_flows(&mut value.flows, &object.rest.flows, true);
        value
    }

    /// The flows of something taken from a value by name or key.
    pub(crate) fn taken_from(&self, base: &Value, key: &str, span: Span) -> Vec<Flow> {
        let take = |flow: &Flow| {
            if flow.marks & COLLECTION == 0 {
                let mut flow = flow.clone();
                flow.marks |= PART;
                return flow;
            }
            let source = Source {
                label: flow.label,
                what: flow.origin().1,
                collection: false,
                fills: Vec::new(),
                except_type: Vec::new(),
            };
            let mut own = self.flow(&source, span, &format!("{}[{key}]", flow.source));
            own.cleared = flow.cleared;
            own
        };
        base.flows.iter().map(take).collect()
    }

    /// Text that is equal for expressions that read the same thing.
    pub(crate) fn identity(&self, span: Span) -> String {
        let function = self
            .activations
            .last()
            .map_or(0, |activation| activation.function);
        format!("{function}:{}", self.source_text(span))
    }

    /// The names under which a member of a value may be listed.
    pub(crate) fn member_names(&self, base: &Value, name: &Name) -> Candidates {
        Candidates {
            path: base
                .path
                .as_ref()
                .map(|path| Rc::from(format!("{path}.{name}"))),
            typed: base
                .type_name
                .as_ref()
                .map(|type_name| self.typed_names(type_name, name))
                .unwrap_or_default(),
            last: Rc::clone(name),
            has_receiver: true,
        }
    }

    /// A member's names by type: the type's own, and those of the types that a class of the file extends.
    fn typed_names(&self, type_name: &Name, member: &Name) -> Vec<Name> {
        let mut names = vec![Rc::from(format!("{type_name}.{member}"))];
        if let Some((plain, _)) = type_name.split_once('#') {
            names.push(Rc::from(format!("{plain}.{member}")));
        }
        let mut class = self.unit.class_names.get(type_name);
        for _ in 0..8 {
            let Some(found) = class.and_then(|class| self.unit.classes.get(*class)) else {
                break;
            };
            names.extend(
                found
                    .bases
                    .iter()
                    .map(|base| Rc::from(format!("{base}.{member}"))),
            );
            class = found
                .bases
                .iter()
                .find_map(|base| self.unit.class_names.get(base));
        }
        names
    }

    fn index(&mut self, base: &'a Expr, key: &'a Expr, span: Span, state: &mut State) -> Value {
        let base_value = self.eval(base, state);
        let key_value = self.eval(key, state);
        if let (Some(Const::Text(text)), Some(Const::Int(index))) =
            (&base_value.constant, &key_value.constant)
        {
            return Value {
                constant: fold::character(text, *index),
                ..Value::default()
            };
        }
        if matches!(base_value.constant, Some(Const::Text(_))) && !key_value.flows.is_empty() {
            // A character of a known text: what it is depends on the index alone.
            return Value::carrying(key_value.flows);
        }
        if let Some(Const::Text(name)) = &key_value.constant
            && base_value.object.is_none()
        {
            return self.member(&base_value, &Rc::clone(name), span, state);
        }
        let mut value = match base_value.object {
            Some(id) => self.fetch(id, key_value.constant.as_ref(), state),
            None => Value::default(),
        };
        let key_text = self.source_text(key.span);
        let own = self.taken_from(&base_value, key_text, span);
        merge_flows(&mut value.flows, &own, true);
        value
    }

    fn concat(&mut self, parts: &'a [Expr], state: &mut State) -> Value {
        let mut whole: Option<Value> = None;
        for part in parts {
            let value = self.eval(part, state);
            whole = Some(match whole {
                None => textual(value, state),
                Some(before) => joined_text(before, textual(value, state)),
            });
        }
        whole.unwrap_or_else(|| Value::constant(Const::Text(Rc::from(""))))
    }

    /// A binary operation; also used for `target op= value`.
    pub(crate) fn binary(
        &mut self,
        op: Op,
        left: &'a Expr,
        right: &'a Expr,
        _span: Span,
        state: &mut State,
    ) -> Value {
        if matches!(op, Op::And | Op::Or) {
            return self.short_circuit(op, left, right, state);
        }
        let a = self.eval(left, state);
        let b = self.eval(right, state);
        if let (Some(x), Some(y)) = (&a.constant, &b.constant)
            && let Some(constant) = fold::binary(op, x, y)
        {
            return Value::constant(constant);
        }
        match op {
            Op::Add => joined_text(textual(a, state), textual(b, state)),
            Op::Modulo => formatted(&a, &b, state),
            Op::Other => {
                let mut flows = state.flows(&a, false);
                merge_flows(&mut flows, &state.flows(&b, false), false);
                Value {
                    type_name: a.type_name,
                    ..Value::carrying(flows)
                }
            }
            Op::Subtract | Op::Multiply | Op::Divide => self.number(&a, &b, state),
            _ => Value::default(),
        }
    }

    /// A value seen as another type; `type.<cast>` is a sanitiser if the type cannot hold text.
    fn cast(&self, type_name: &Name, value: &mut Value) {
        if !value.flows.is_empty() {
            let names = super::run::candidates(&format!("{type_name}.<cast>"));
            let all = self.rules.sanitizers.find(&names);
            let clears = all.fold(0, |clears, sanitizer| clears | sanitizer.clears);
            value
                .flows
                .iter_mut()
                .for_each(|flow| flow.cleared |= clears);
        }
        value.type_name = Some(Rc::clone(type_name));
    }

    /// A number computed from others: it does no harm, but can be guessed if they can.
    fn number(&self, a: &Value, b: &Value, state: &State) -> Value {
        let random = self.rules.known_danger("random");
        if random == 0 {
            return Value::default();
        }
        let mut flows = state.flows(a, false);
        merge_flows(&mut flows, &state.flows(b, false), false);
        flows.iter_mut().for_each(|flow| flow.cleared |= !random);
        Value::carrying(flows)
    }

    fn short_circuit(
        &mut self,
        op: Op,
        left: &'a Expr,
        right: &'a Expr,
        state: &mut State,
    ) -> Value {
        let a = self.eval(left, state);
        let goes_on = op == Op::And;
        match a.truth() {
            Some(truth) if truth != goes_on => return a,
            Some(_) => return self.eval(right, state),
            None => {}
        }
        let mut inner = state.clone();
        self.refine(left, goes_on, &mut inner);
        let b = self.eval(right, &mut inner);
        *state = std::mem::take(state).join(inner);
        if op == Op::Or { a.join(&b) } else { b }
    }

    fn conditional(&mut self, parts: &'a [Expr; 3], state: &mut State) -> Value {
        let [condition, then, otherwise] = parts;
        match self.eval(condition, state).truth() {
            Some(true) => self.eval(then, state),
            Some(false) => self.eval(otherwise, state),
            None => {
                let mut other = state.clone();
                self.refine(condition, true, state);
                let a = settled(self.eval(then, state), state);
                self.refine(condition, false, &mut other);
                let b = settled(self.eval(otherwise, &mut other), &other);
                *state = std::mem::take(state).join(other);
                a.join(&b)
            }
        }
    }

    fn list(&mut self, items: &'a [Expr], state: &mut State) -> Value {
        let elements: Vec<Value> = items.iter().map(|item| self.eval(item, state)).collect();
        let id = self.new_object(state, Object::list(elements));
        Value {
            object: Some(id),
            ..Value::default()
        }
    }

    fn map(&mut self, entries: &'a [(Option<Expr>, Expr)], state: &mut State) -> Value {
        let mut object = Object::of_kind(ContainerKind::Map);
        for (key, value) in entries {
            let constant = key.as_ref().and_then(|key| self.eval(key, state).constant);
            let value = self.eval(value, state);
            match constant.as_ref().and_then(key_text) {
                Some(key) => {
                    object.entries.insert(key, value);
                }
                None => {
                    object.is_open = true;
                    let flows = state.flows(&value, true);
                    merge_flows(&mut object.rest.flows, &flows, true);
                }
            }
        }
        let id = self.new_object(state, object);
        Value {
            object: Some(id),
            ..Value::default()
        }
    }

    fn parts(&mut self, parts: &'a [Expr], state: &mut State) -> Value {
        if let [only] = parts {
            return self.eval(only, state);
        }
        let mut flows = Vec::new();
        for part in parts {
            let value = self.eval(part, state);
            merge_flows(&mut flows, &value.flows, false);
        }
        Value::carrying(flows)
    }
}

/// Whether a type's values cannot carry text.
fn is_harmless_type(name: &str) -> bool {
    let numbers = [
        "bool", "boolean", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16",
        "uint32", "uint64", "float32", "float64", "long", "short", "float", "double",
    ];
    numbers.contains(&name)
}

/// A constant as a key of a map.
pub(crate) fn key_text(constant: &Const) -> Option<Name> {
    match constant {
        Const::Text(text) => Some(Rc::clone(text)),
        Const::Int(number) => Some(Rc::from(number.to_string())),
        Const::Bool(truth) => Some(Rc::from(truth.to_string())),
        Const::Null | Const::Other => None,
    }
}

/// A value whose flows carry what is cleared in this state.
pub(crate) fn settled(mut value: Value, state: &State) -> Value {
    for flow in &mut value.flows {
        flow.cleared = state.cleared(flow);
    }
    value
}

/// A value as text: with everything that lies in it, if it is a text builder or a list.
fn textual(mut value: Value, state: &State) -> Value {
    if value.object.is_some() {
        value.flows = state.flows(&value, true);
    }
    value.object = None;
    value.path = None;
    value
}

/// Two texts behind one another.
pub(crate) fn joined_text(mut before: Value, mut after: Value) -> Value {
    let (first, second) = (is_text(&before), is_text(&after));
    let join = |value: &mut Value, other: bool| {
        let marks = if other { JOINED } else { 0 };
        value.flows.iter_mut().for_each(|flow| flow.marks |= marks);
    };
    join(&mut before, second);
    join(&mut after, first);
    let constant = match (&before.constant, &after.constant) {
        (Some(a), Some(b)) => fold::binary(Op::Add, a, b),
        _ => None,
    };
    let fixes = matches!(&before.constant, Some(Const::Text(text)) if fixes_target(text));
    let quotes = matches!(&before.constant, Some(Const::Text(text)) if opens_quote(text));
    for flow in &mut after.flows {
        if quotes {
            flow.marks |= QUOTED;
        }
        if fixes
            || !before.flows.is_empty()
                && before
                    .flows
                    .iter()
                    .all(|flow| flow.marks & BEHIND_PREFIX != 0)
        {
            flow.marks |= BEHIND_PREFIX;
        }
    }
    let mut flows = before.flows;
    merge_flows(&mut flows, &after.flows, false);
    Value {
        flows,
        constant,
        ..Value::default()
    }
}

/// Whether a value is constant text, or holds some.
fn is_text(value: &Value) -> bool {
    matches!(&value.constant, Some(Const::Text(text)) if !text.is_empty())
        || value.flows.iter().any(|flow| flow.marks & JOINED != 0)
}

/// `template % values` and numbers.
fn formatted(template: &Value, values: &Value, state: &State) -> Value {
    if matches!(template.constant, Some(Const::Text(_))) && state.is_fixed(values) {
        return Value::constant(Const::Other);
    }
    let mut flows = state.flows(template, false);
    let mut inner = state.flows(values, true);
    if let Some(Const::Text(text)) = &template.constant {
        let marks = template_marks(text);
        inner.iter_mut().for_each(|flow| flow.marks |= marks);
        let head = text.split('%').next().unwrap_or("");
        if fixes_target(head) {
            inner
                .iter_mut()
                .for_each(|flow| flow.marks |= BEHIND_PREFIX);
        }
        if text.contains('%')
            && !text.replace("%%", "").split('%').skip(1).any(|rest| {
                rest.trim_start_matches([
                    '-', '0', '.', '1', '2', '3', '4', '5', '6', '7', '8', '9',
                ])
                .starts_with(['s', 'r', 'a', '(', 'c'])
            })
        {
            inner.clear();
        }
    }
    merge_flows(&mut flows, &inner, false);
    Value::carrying(flows)
}

/// Whether a text ends where one of SQL's begins, whose sign for anything is `%`; `"` is for names.
fn opens_quote(text: &str) -> bool {
    text.trim_end_matches('%').ends_with('\'')
}

/// The marks of what is put into a template.
pub(crate) fn template_marks(template: &str) -> u8 {
    let mut places = template.match_indices(['%', '{']);
    let is_quoted = places.any(|(at, _)| opens_quote(&template[..at]));
    JOINED | if is_quoted { QUOTED } else { 0 }
}

/// Whether a text, put before another, fixes the host of a URL or the root of a path on this server.
pub(crate) fn fixes_target(text: &str) -> bool {
    let after_scheme = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match after_scheme {
        Some(rest) => rest.find('/').is_some_and(|at| at > 0),
        None => {
            text.starts_with('/')
                && !text.starts_with("//")
                && !text.starts_with("/\\")
                && text.len() > 1
        }
    }
}

fn last(path: &str) -> Name {
    Rc::from(super::model::last_segment(path))
}
