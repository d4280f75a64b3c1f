//! Statements: what is known behind them, given what is known before them.

use std::rc::Rc;

use super::ir::{Block, Case, Expr, ExprKind, FunctionId, Name, Op, Place, Span, Stmt};
use super::rules::ContainerKind;
use super::run::{Activation, Exit, Run, traced};
use super::value::{COLLECTION, Flow, Frame, Object, State, Step, Value};

impl<'a> Run<'a> {
    /// Runs a function's body in a state whose last frame holds its parameters. Gives the state behind it and what it returns.
    pub(crate) fn activate(&mut self, id: FunctionId, mut state: State) -> (Option<State>, Value) {
        let exits = self.run_body(id, &mut state);
        let mut after: Option<State> = None;
        let mut value: Option<Value> = None;
        for exit in exits {
            let returned = super::eval::settled(exit.value, &exit.state);
            let mut joined = match after {
                Some(state) => state.join(exit.state),
                None => exit.state,
            };
            value = Some(match value {
                Some(value) => self.either(value, &returned, &mut joined),
                None => returned,
            });
            after = Some(joined);
        }
        (after, value.unwrap_or_default())
    }

    /// One of two returned values; of two lists of equal length, each element is one of two.
    fn either(&mut self, one: Value, other: &Value, state: &mut State) -> Value {
        let length = |value: &Value| {
            let object = state.object(value)?;
            object.elements.as_ref().map(Vec::len)
        };
        let is_pair = one.object != other.object
            && length(&one).is_some_and(|own| length(other) == Some(own));
        let both = state
            .object(&one)
            .zip(state.object(other))
            .filter(|_| is_pair);
        let joined = both.map(|(mine, theirs)| {
            let mut joined = Object::clone(mine);
            joined.join(theirs);
            joined
        });
        let mut value = one.join(other);
        if let Some(joined) = joined {
            value.object = Some(self.new_object(state, joined));
        }
        value
    }

    /// Runs a function's body and gives every way out of it.
    pub(crate) fn run_body(&mut self, id: FunctionId, state: &mut State) -> Vec<Exit<'a>> {
        let function = &self.unit.functions[id];
        self.activations.push(Activation {
            function: id,
            ..Activation::default()
        });
        self.block(&function.body, state);
        self.leftover_closures(state);
        let Some(mut activation) = self.activations.pop() else {
            return Vec::new();
        };
        if state.is_live {
            activation.returns.push(Exit {
                state: state.clone(),
                value: Value::default(),
                expr: None,
            });
        }
        activation.returns
    }

    /// Closures that nobody called here may be called by anyone later.
    fn leftover_closures(&mut self, state: &State) {
        let Some(activation) = self.activations.last_mut() else {
            return;
        };
        let pending: Vec<FunctionId> = activation
            .pending
            .difference(&activation.done)
            .copied()
            .collect();
        activation.done.extend(&pending);
        for id in pending {
            let mut state = state.clone();
            state.is_live = true;
            let mut frame = Frame::new();
            self.open_parameters(id, &mut frame);
            state.frames.push(Rc::new(frame));
            self.activate(id, state);
        }
    }

    pub(crate) fn block(&mut self, block: &'a Block, state: &mut State) {
        for statement in block {
            if !state.is_live || !self.step() {
                return;
            }
            self.statement(statement, state);
        }
    }

    fn statement(&mut self, statement: &'a Stmt, state: &mut State) {
        match statement {
            Stmt::Expr(expr) => {
                self.eval(expr, state);
            }
            Stmt::Declare {
                name,
                type_name,
                value,
                span,
            } => self.declare(name, type_name.as_ref(), value.as_ref(), *span, state),
            Stmt::If {
                condition,
                then,
                otherwise,
            } => self.branch(condition, then, otherwise, state),
            Stmt::While {
                condition,
                body,
                otherwise,
                is_do,
            } => self.repeat(condition.as_ref(), body, otherwise, *is_do, state),
            Stmt::ForEach {
                target,
                iterable,
                body,
                otherwise,
                keys,
            } => {
                let iterable = self.eval(iterable, state);
                let element = if *keys {
                    Value::default()
                } else {
                    self.element(&iterable, state)
                };
                self.each(target, &element, body, otherwise, state);
            }
            Stmt::Switch {
                subject,
                cases,
                falls_through,
            } => self.switch(subject, cases, *falls_through, state),
            Stmt::Try {
                body,
                handlers,
                otherwise,
                finally,
            } => self.attempt(body, handlers, otherwise, finally, state),
            Stmt::Return(expr, _) => self.leave(expr.as_ref(), state),
            Stmt::Raise(expr) => {
                if let Some(expr) = expr {
                    self.eval(expr, state);
                }
                state.is_live = false;
            }
            Stmt::Break => self.jump(state, |activation| activation.breaks.last_mut()),
            Stmt::Continue => self.jump(state, |activation| activation.continues.last_mut()),
            Stmt::Block(block) => self.block(block, state),
        }
    }

    fn declare(
        &mut self,
        name: &Name,
        type_name: Option<&Name>,
        value: Option<&'a Expr>,
        span: Span,
        state: &mut State,
    ) {
        let mut bound = match value {
            Some(value) => self.eval(value, state),
            None => Value::default(),
        };
        if bound.type_name.is_none() {
            bound.type_name = type_name.cloned();
        }
        self.assign_name(name, bound, true, span, state);
    }

    fn leave(&mut self, expr: Option<&'a Expr>, state: &mut State) {
        let value = match expr {
            Some(expr) => self.eval(expr, state),
            None => Value::default(),
        };
        if !state.is_live {
            return;
        }
        self.check_return(&value, expr, state);
        let left = std::mem::take(state);
        if let Some(activation) = self.activations.last_mut() {
            activation.returns.push(Exit {
                state: left.clone(),
                value,
                expr,
            });
        }
        *state = left;
        state.is_live = false;
    }

    fn jump(
        &mut self,
        state: &mut State,
        target: impl for<'s> Fn(&'s mut Activation<'a>) -> Option<&'s mut Vec<State>>,
    ) {
        if let Some(states) = self.activations.last_mut().and_then(target) {
            states.push(state.clone());
        }
        state.is_live = false;
    }

    fn branch(
        &mut self,
        condition: &'a Expr,
        then: &'a Block,
        otherwise: &'a Block,
        state: &mut State,
    ) {
        let value = self.eval(condition, state);
        match value.truth() {
            Some(true) => self.block(then, state),
            Some(false) => self.block(otherwise, state),
            None => {
                let mut other = state.clone();
                self.refine(condition, true, state);
                self.block(then, state);
                self.refine(condition, false, &mut other);
                self.block(otherwise, &mut other);
                *state = std::mem::take(state).join(other);
            }
        }
    }

    fn repeat(
        &mut self,
        condition: Option<&'a Expr>,
        body: &'a Block,
        otherwise: &'a Block,
        is_do: bool,
        state: &mut State,
    ) {
        let (mut breaks, mut done) = (Vec::new(), Vec::new());
        let mut always = is_do;
        for round in 0..2 {
            let known = match condition {
                Some(condition) if !(is_do && round == 0) => self.eval(condition, state).truth(),
                Some(_) => None,
                None => Some(true),
            };
            if known == Some(false) {
                break;
            }
            always |= known == Some(true) && round == 0;
            if !always {
                done.push(state.clone());
            }
            if let Some(condition) = condition
                && !(is_do && round == 0)
            {
                self.refine(condition, true, state);
            }
            breaks.append(&mut self.round(body, state));
            done.push(state.clone());
            if !state.is_live {
                break;
            }
            // What was constant in the first round need not be in the next.
            *state = done.iter().cloned().fold(State::default(), State::join);
        }
        let mut after = done.into_iter().fold(state.clone(), State::join);
        match condition {
            Some(condition) => self.refine(condition, false, &mut after),
            None => after.is_live = false,
        }
        self.block(otherwise, &mut after);
        *state = breaks.into_iter().fold(after, State::join);
    }

    fn each(
        &mut self,
        target: &'a Place,
        element: &Value,
        body: &'a Block,
        otherwise: &'a Block,
        state: &mut State,
    ) {
        let mut breaks = Vec::new();
        let before = state.clone();
        for _ in 0..2 {
            self.assign(target, element.clone(), state);
            breaks.append(&mut self.round(body, state));
            *state = std::mem::take(state).join(before.clone());
        }
        self.block(otherwise, state);
        *state = breaks.into_iter().fold(std::mem::take(state), State::join);
    }

    /// One round of a loop; gives the states of its breaks.
    fn round(&mut self, body: &'a Block, state: &mut State) -> Vec<State> {
        if let Some(activation) = self.activations.last_mut() {
            activation.breaks.push(Vec::new());
            activation.continues.push(Vec::new());
        }
        self.block(body, state);
        let Some(activation) = self.activations.last_mut() else {
            return Vec::new();
        };
        let continues = activation.continues.pop().unwrap_or_default();
        let breaks = activation.breaks.pop().unwrap_or_default();
        *state = continues
            .into_iter()
            .fold(std::mem::take(state), State::join);
        breaks
    }

    fn switch(
        &mut self,
        subject: &'a Expr,
        cases: &'a [Case],
        falls_through: bool,
        state: &mut State,
    ) {
        let value = self.eval(subject, state);
        if let Some(activation) = self.activations.last_mut() {
            activation.breaks.push(Vec::new());
        }
        let chosen = value
            .constant
            .as_ref()
            .and_then(|constant| self.chosen_case(constant, cases, state));
        let mut after: Option<State> = None;
        let has_default = cases
            .iter()
            .any(|case| case.values.is_empty() && case.guard.is_none());
        let start = state.clone();
        let mut running: Option<State> = None;
        for (index, case) in cases.iter().enumerate() {
            let is_entered = chosen.is_none_or(|chosen| chosen == index);
            let mut entry = is_entered.then(|| start.clone());
            if let Some(entry) = &mut entry
                && !case.values.is_empty()
                && case
                    .values
                    .iter()
                    .all(|value| matches!(value.kind, ExprKind::Const(_)))
            {
                let sources: Vec<u64> = value.flows.iter().map(|flow| flow.source).collect();
                entry.clear(&sources, super::rules::ALL_DANGERS);
            }
            if let (Some(entry), Some(guard)) = (&mut entry, &case.guard) {
                self.eval(guard, entry);
                self.refine(guard, true, entry);
            }
            let mut here = match (entry, running.take()) {
                (Some(entry), Some(running)) => entry.join(running),
                (Some(state), None) | (None, Some(state)) => state,
                (None, None) => continue,
            };
            self.block(&case.body, &mut here);
            if falls_through && index + 1 < cases.len() {
                running = here.is_live.then_some(here);
            } else {
                after = Some(join_some(after, here));
            }
        }
        if chosen.is_none() && !has_default {
            after = Some(join_some(after, start));
        }
        let breaks = self
            .activations
            .last_mut()
            .and_then(|activation| activation.breaks.pop())
            .unwrap_or_default();
        let dead = State {
            is_live: false,
            ..state.clone()
        };
        *state = breaks.into_iter().fold(after.unwrap_or(dead), State::join);
    }

    /// The case that a constant subject takes, if all cases are constant.
    fn chosen_case(
        &mut self,
        constant: &super::ir::Const,
        cases: &'a [Case],
        state: &State,
    ) -> Option<usize> {
        let mut default = None;
        for (index, case) in cases.iter().enumerate() {
            if case.guard.is_some() {
                return None;
            }
            if case.values.is_empty() {
                default = Some(index);
            }
            for value in &case.values {
                let value = self.eval(value, &mut state.clone()).constant?;
                if value == *constant {
                    return Some(index);
                }
            }
        }
        Some(default.unwrap_or(usize::MAX))
    }

    fn attempt(
        &mut self,
        body: &'a Block,
        handlers: &'a [Block],
        otherwise: &'a Block,
        finally: &'a Block,
        state: &mut State,
    ) {
        let before = state.clone();
        self.block(body, state);
        let mut failed = State {
            is_live: true,
            ..state.clone()
        }
        .join(before);
        failed.is_live = true;
        if state.is_live {
            self.block(otherwise, state);
        }
        for handler in handlers {
            let mut handled = failed.clone();
            self.block(handler, &mut handled);
            *state = std::mem::take(state).join(handled);
        }
        if finally.is_empty() {
            return;
        }
        if state.is_live {
            self.block(finally, state);
        } else {
            self.block(finally, &mut failed);
        }
    }

    /// Puts a value into a place.
    pub(crate) fn assign(&mut self, place: &'a Place, value: Value, state: &mut State) {
        match place {
            Place::Name {
                name,
                declare,
                span,
            } => self.assign_name(name, value, *declare, *span, state),
            Place::Field(base, name, span) => self.assign_field(base, name, value, *span, state),
            Place::Index(base, key, span) => self.assign_element(base, key, value, *span, state),
            Place::Sequence(places) => {
                let elements = state
                    .object(&value)
                    .and_then(|object| object.elements.clone());
                for (index, place) in places.iter().enumerate() {
                    let part = match elements.as_ref().and_then(|elements| elements.get(index)) {
                        Some(element) => element.clone(),
                        None => self.element(&value, state),
                    };
                    self.assign(place, part, state);
                }
            }
            Place::Fields(fields) => {
                for (name, place) in fields {
                    let span = place_span(place);
                    let part = self.member(&value, name, span, state);
                    self.assign(place, part, state);
                }
            }
            Place::Ignore => {}
        }
    }

    fn assign_name(
        &mut self,
        name: &Name,
        mut value: Value,
        declare: bool,
        span: Span,
        state: &mut State,
    ) {
        self.check_variable(name, &value, span, state);
        value.flows = traced(value.flows, span, &Step::Assigned(Rc::clone(name)));
        if value.type_name.is_none()
            && let Some(known) = state.lookup(name)
            && !declare
        {
            value.type_name = known.type_name.clone();
        }
        state.set(name, value, declare);
    }

    fn assign_field(
        &mut self,
        base: &'a Expr,
        name: &Name,
        mut value: Value,
        span: Span,
        state: &mut State,
    ) {
        let owner = self.eval(base, state);
        self.check_assign(&owner, base, name, &value, span, state);
        self.check_variable(name, &value, span, state);
        value.flows = traced(value.flows, span, &Step::Assigned(Rc::clone(name)));
        if let Some(object) = owner.object.and_then(|id| state.object_mut(id)) {
            let class = object.class;
            object.entries.insert(Rc::clone(name), value.clone());
            self.keep_in_class(class, name, value);
        } else {
            self.fill(base, &value.flows, state);
        }
    }

    /// What is put into a field of an object of the file, its methods find there.
    fn keep_in_class(&mut self, class: Option<usize>, name: &Name, mut value: Value) {
        let Some(fields) = class.and_then(|class| self.fields.get_mut(&class)) else {
            return;
        };
        if self.quiet > 0 || value.flows.is_empty() {
            return;
        }
        value.object = None;
        let known = fields.entries.remove(name).unwrap_or_default();
        fields.entries.insert(Rc::clone(name), known.join(&value));
    }

    fn assign_element(
        &mut self,
        base: &'a Expr,
        key: &'a Expr,
        value: Value,
        span: Span,
        state: &mut State,
    ) {
        let owner = self.eval(base, state);
        let key = self.eval(key, state);
        self.check_store(&owner, &key, &value, span, state);
        if let Some(super::ir::Const::Text(name)) = &key.constant {
            let name = Rc::clone(name);
            self.check_variable(&name, &value, span, state);
        }
        match owner.object {
            Some(id) => self.store(id, key.constant.as_ref(), value, state),
            None => {
                let flows = state.flows(&value, true);
                self.fill(base, &flows, state);
            }
        }
    }

    /// An unknown thing that something was put into carries it from now on.
    pub(crate) fn fill(&mut self, place: &Expr, flows: &[Flow], state: &mut State) {
        if flows.is_empty() {
            return;
        }
        let mut root = place;
        while let ExprKind::Field(inner, _) | ExprKind::Index(inner, _) = &root.kind {
            root = inner;
        }
        let ExprKind::Name(name) = &root.kind else {
            return;
        };
        let Some(known) = state.lookup(name) else {
            return;
        };
        let mut value = known.clone();
        let flows = traced(flows.to_vec(), place.span, &Step::Filled);
        match value.object.and_then(|id| state.object_mut(id)) {
            Some(object) => super::value::merge_flows(&mut object.rest.flows, &flows, true),
            None => {
                super::value::merge_flows(&mut value.flows, &flows, true);
                state.set(name, value, false);
            }
        }
    }

    /// Any element of a value that is gone through.
    pub(crate) fn element(&mut self, value: &Value, state: &State) -> Value {
        let mut element = match state.object(value) {
            Some(object)
                if self.unit.maps_yield_keys && object.kind == Some(ContainerKind::Map) =>
            {
                Value::default()
            }
            Some(object) => object.any(),
            None => Value::default(),
        };
        element.constant = None;
        let declared = value
            .type_name
            .as_deref()
            .and_then(|name| name.strip_prefix("[]"));
        element.type_name = element.type_name.or_else(|| declared.map(Rc::from));
        let own: Vec<Flow> = value.flows.iter().cloned().map(taken).collect();
        super::value::merge_flows(&mut element.flows, &own, true);
        element
    }

    /// Evaluates a comprehension to a list of its elements.
    pub(crate) fn comprehension(
        &mut self,
        comprehension: &'a super::ir::Comprehension,
        state: &mut State,
    ) -> Value {
        let iterable = self.eval(&comprehension.iterable, state);
        let element = self.element(&iterable, state);
        let mut inner = state.clone();
        inner.frames.push(Rc::new(Frame::new()));
        self.assign(&comprehension.target, element, &mut inner);
        for condition in &comprehension.conditions {
            self.eval(condition, &mut inner);
            self.refine(condition, true, &mut inner);
        }
        let mut element = self.eval(&comprehension.element, &mut inner);
        for flow in &mut element.flows {
            flow.cleared = inner.cleared(flow);
        }
        element.constant = None;
        let mut list = Object {
            kind: Some(ContainerKind::List),
            rest: element,
            ..Object::default()
        };
        list.is_open = true;
        let id = self.new_object(state, list);
        Value {
            object: Some(id),
            ..Value::default()
        }
    }

    pub(crate) fn update(
        &mut self,
        place: &'a Place,
        op: Op,
        operands: &'a [Expr; 2],
        span: Span,
        state: &mut State,
    ) -> Value {
        let value = self.binary(op, &operands[0], &operands[1], span, state);
        self.assign(place, value.clone(), state);
        value
    }
}

/// A flow of an element taken from what carries it.
fn taken(mut flow: Flow) -> Flow {
    flow.marks &= !COLLECTION;
    flow
}

fn join_some(after: Option<State>, other: State) -> State {
    match after {
        Some(state) => state.join(other),
        None => other,
    }
}

fn place_span(place: &Place) -> Span {
    match place {
        Place::Name { span, .. } | Place::Field(_, _, span) | Place::Index(_, _, span) => *span,
        Place::Sequence(_) | Place::Fields(_) | Place::Ignore => Span::default(),
    }
}
