//! Calls: sinks are checked, calls inside the file are followed, everything else does what the model says.

use std::rc::Rc;
use std::sync::Arc;

use super::eval::{fixes_target, settled, template_marks};
use super::fold;
use super::ir::{Call, Const, Expr, ExprKind, FunctionId, Name, Receiver, Span};
use super::model::{Candidates, NamePattern, Selector};
use super::rules::{ALL_DANGERS, Dangers, Source};
use super::run::{MAX_DEPTH, Run, traced};
use super::value::{
    BEHIND_PREFIX, COLLECTION, Flow, Frame, Object, PART, State, Step, UNKNOWN_CALL, Value,
    mark_bit, merge_flows,
};

/// A call with its receiver and arguments evaluated.
pub(crate) struct Evaluated<'a> {
    pub(crate) call: &'a Call,
    pub(crate) names: Candidates,
    pub(crate) receiver: Option<(Value, &'a Expr)>,
    pub(crate) callee: Value,
    pub(crate) arguments: Vec<Value>,
    pub(crate) span: Span,
}

impl<'a> Evaluated<'a> {
    /// The argument a selector names.
    pub(crate) fn select(&self, selector: &Selector) -> Option<(&Value, &'a Expr)> {
        match selector {
            Selector::Position(position) => {
                let argument = self.call.arguments.get(*position)?;
                let before = &self.call.arguments[..=*position];
                if before.iter().any(|argument| argument.is_spread) {
                    return self
                        .call
                        .arguments
                        .iter()
                        .position(|argument| argument.is_spread)
                        .map(|at| (&self.arguments[at], &self.call.arguments[at].value));
                }
                argument
                    .name
                    .is_none()
                    .then(|| (&self.arguments[*position], &argument.value))
            }
            Selector::Word(word) if word == "receiver" => {
                self.receiver.as_ref().map(|(value, expr)| (value, *expr))
            }
            Selector::Word(word) => {
                let position = self
                    .call
                    .arguments
                    .iter()
                    .position(|argument| argument.name.as_deref() == Some(word))?;
                Some((
                    &self.arguments[position],
                    &self.call.arguments[position].value,
                ))
            }
        }
    }

    /// The argument a selector names; of options that were put together before the call, the entry.
    pub(crate) fn select_in<'s>(
        &'s self,
        selector: &Selector,
        state: &'s State,
    ) -> Option<(&'s Value, &'a Expr)> {
        self.select(selector).or_else(|| {
            let Selector::Word(word) = selector else {
                return None;
            };
            let name = word.strip_prefix('.')?;
            let mut arguments = self.arguments.iter().zip(&self.call.arguments);
            arguments.find_map(|(value, argument)| {
                let entry = state.object(value)?.entries.get(name)?;
                Some((entry, &argument.value))
            })
        })
    }

    /// All arguments that selectors name.
    pub(crate) fn select_all<'s>(
        &'s self,
        selectors: &[Selector],
        state: &'s State,
    ) -> Vec<(&'s Value, &'a Expr)> {
        let every = || {
            self.arguments
                .iter()
                .zip(&self.call.arguments)
                .map(|(value, argument)| (value, &argument.value))
        };
        if selectors.is_empty() {
            return every().collect();
        }
        let mut selected = Vec::new();
        for selector in selectors {
            match selector {
                Selector::Word(word) if word == "all" => selected.extend(every()),
                Selector::Word(word) if word == "rest" => selected.extend(every().skip(1)),
                selector => selected.extend(self.select_in(selector, state)),
            }
        }
        selected
    }
}

impl<'a> Run<'a> {
    /// Evaluates a call.
    pub(crate) fn call(&mut self, call: &'a Call, span: Span, state: &mut State) -> Value {
        let evaluated = self.evaluate(call, span, state);
        if !state.is_live {
            return Value::default();
        }
        self.check_call(&evaluated, state);
        if self.rules.exits.has(&evaluated.names) {
            state.is_live = false;
            return Value::default();
        }
        if let Some(value) = self.inside(&evaluated, state) {
            return value;
        }
        if let Some(value) = self.container(&evaluated, state) {
            return value;
        }
        self.outside(&evaluated, state)
    }

    pub(crate) fn evaluate(
        &mut self,
        call: &'a Call,
        span: Span,
        state: &mut State,
    ) -> Evaluated<'a> {
        let (mut names, callee, receiver) = match &call.callee.kind {
            ExprKind::Field(base, name) => {
                let value = self.eval(base, state);
                let names = self.member_names(&value, name);
                let count = call.arguments.len();
                let callee = self.callee_member(&value, (name, count), &names, state);
                (names, callee, Some((value, base.as_ref())))
            }
            _ => {
                let callee = self.eval(&call.callee, state);
                let path = callee.path.clone();
                let last = path.as_deref().map_or("", super::model::last_segment);
                let names = Candidates {
                    last: Rc::from(last),
                    typed: Vec::new(),
                    has_receiver: path.as_deref().is_some_and(|path| path.contains('.')),
                    path,
                };
                (names, callee, None)
            }
        };
        if call.is_new {
            names.path = names.path.map(|path| Rc::from(format!("{path}.<new>")));
            names.last = Rc::from("<new>");
        }
        let arguments = call
            .arguments
            .iter()
            .map(|argument| self.eval(&argument.value, state))
            .collect();
        Evaluated {
            call,
            names,
            receiver,
            callee,
            arguments,
            span,
        }
    }

    /// A method as a value, without what reading it as a field would do.
    fn callee_member(
        &self,
        base: &Value,
        (name, count): (&Name, usize),
        names: &Candidates,
        state: &State,
    ) -> Value {
        let mut callee = Value {
            path: names.path.clone(),
            ..Value::default()
        };
        if let Some(object) = state.object(base) {
            if let Some(known) = object.entries.get(name)
                && known.function.is_some()
            {
                return known.clone();
            }
            callee.function = object
                .class
                .or_else(|| self.class_by_type(base))
                .and_then(|class| self.method(class, name, count));
        } else if let Some(class) = base
            .path
            .as_ref()
            .and_then(|path| self.unit.class_names.get(path))
        {
            callee.function = self.method(*class, name, count);
        } else if let Some(class) = base
            .type_name
            .as_ref()
            .and_then(|type_name| self.unit.class_names.get(type_name))
        {
            callee.function = self.method(*class, name, count);
        }
        callee.function = callee.function.or_else(|| self.as_function(base, name));
        callee
    }

    /// A closure that is called by the method of the interface it stands for.
    fn as_function(&self, base: &Value, name: &str) -> Option<FunctionId> {
        let type_name = base.type_name.as_ref()?;
        let calls = [
            "apply",
            "accept",
            "test",
            "run",
            "get",
            "call",
            "applyAsInt",
            "compare",
        ];
        let is_meant = calls.contains(&name) || self.unit.class_names.contains_key(type_name);
        base.function.filter(|_| is_meant)
    }

    /// A method of a class of the file or of those it extends; the one with as many parameters, where names are overloaded.
    fn method(&self, class: usize, name: &Name, count: usize) -> Option<FunctionId> {
        self.inherited(class, &Rc::from(format!("{name}/{count}")), 0)
            .or_else(|| self.inherited(class, name, 0))
    }

    fn inherited(&self, class: usize, name: &Name, depth: u32) -> Option<FunctionId> {
        let class = self.unit.classes.get(class)?;
        if let Some(found) = class.methods.get(name) {
            return Some(*found);
        }
        if depth > 8 {
            return None;
        }
        class
            .bases
            .iter()
            .filter_map(|base| self.unit.class_names.get(base))
            .find_map(|base| self.inherited(*base, name, depth + 1))
    }

    /// Follows calls of functions, methods and classes of the file.
    fn inside(&mut self, call: &Evaluated<'a>, state: &mut State) -> Option<Value> {
        if let Some(class) = call
            .callee
            .path
            .as_ref()
            .and_then(|path| self.unit.class_names.get(path))
            .copied()
            && (call.call.is_new || call.receiver.is_none())
        {
            return Some(self.instance(class, call, state));
        }
        let id = call.callee.function?;
        self.follow(id, call, state)
    }

    fn instance(&mut self, class: usize, call: &Evaluated<'a>, state: &mut State) -> Value {
        let id = self.new_object(
            state,
            Object {
                class: Some(class),
                ..Object::default()
            },
        );
        let this = Value {
            object: Some(id),
            type_name: Some(Rc::clone(&self.unit.classes[class].name)),
            ..Value::default()
        };
        let fields = self.class_fields(class);
        if let Some(object) = state.object_mut(id) {
            object.entries.extend(fields);
        }
        if let Some(constructor) = self.method(class, &Rc::from("<new>"), call.arguments.len()) {
            self.run_inside(constructor, Some(this.clone()), call, state);
        }
        this
    }

    fn class_fields(&self, class: usize) -> Vec<(Name, Value)> {
        let entries = self.fields.get(&class).map(|fields| &fields.entries);
        entries
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                (
                    Rc::clone(name),
                    Value {
                        flows: Vec::new(),
                        ..value.clone()
                    },
                )
            })
            .collect()
    }

    fn follow(&mut self, id: FunctionId, call: &Evaluated<'a>, state: &mut State) -> Option<Value> {
        let receiver = match (&self.unit.functions[id].receiver, &call.receiver) {
            (Receiver::Named(_), Some((value, _))) => Some(value.clone()),
            _ => None,
        };
        self.run_inside(id, receiver, call, state)
    }

    fn may_follow(&self, id: FunctionId) -> bool {
        self.activations.len() <= MAX_DEPTH
            && !self
                .activations
                .iter()
                .any(|activation| activation.function == id)
    }

    /// Whether following a call can show anything: something untrusted goes in, or may come out.
    fn is_worth_following(
        &self,
        id: FunctionId,
        receiver: Option<&Value>,
        call: &Evaluated<'a>,
        state: &State,
    ) -> bool {
        let carries =
            |value: &Value| value.function.is_some() || !state.flows(value, true).is_empty();
        self.may_bring_flows(id)
            || self.has_flows.get()
                && (self.unit.functions[id].is_closure
                    || receiver.into_iter().chain(&call.arguments).any(carries))
    }

    fn run_inside(
        &mut self,
        id: FunctionId,
        receiver: Option<Value>,
        call: &Evaluated<'a>,
        state: &mut State,
    ) -> Option<Value> {
        if !self.may_follow(id) || !self.is_worth_following(id, receiver.as_ref(), call, state) {
            return None;
        }
        if let Some(activation) = self.activations.last_mut() {
            activation.done.insert(id);
        }
        let mut inner = self.inner_state(id, state);
        self.bind(id, receiver, call, &mut inner);
        let (after, value) = self.activate(id, inner);
        self.return_to(id, after, state);
        Some(value)
    }

    /// Every way out of a function of the file, called like this.
    pub(crate) fn ways_out(
        &mut self,
        id: FunctionId,
        call: &Evaluated<'a>,
        state: &State,
    ) -> Option<Vec<super::run::Exit<'a>>> {
        if !self.may_follow(id) {
            return None;
        }
        let receiver = call.receiver.as_ref().map(|(value, _)| value.clone());
        let mut inner = self.inner_state(id, state);
        self.bind(id, receiver, call, &mut inner);
        Some(self.run_body(id, &mut inner))
    }

    fn inner_state(&self, id: FunctionId, state: &State) -> State {
        let mut inner = state.clone();
        if !self.unit.functions[id].is_closure {
            inner.frames.truncate(1);
        }
        inner.frames.push(Rc::new(Frame::new()));
        inner
    }

    fn return_to(&self, id: FunctionId, after: Option<State>, state: &mut State) {
        let Some(mut after) = after else {
            state.is_live = false;
            return;
        };
        after.frames.pop();
        if !self.unit.functions[id].is_closure {
            let mine = std::mem::take(&mut state.frames);
            after
                .frames
                .extend(mine.into_iter().skip(after.frames.len()));
        }
        *state = after;
    }

    /// Binds the arguments of a call to a function's parameters.
    fn bind(
        &mut self,
        id: FunctionId,
        receiver: Option<Value>,
        call: &Evaluated<'a>,
        inner: &mut State,
    ) {
        let function = &self.unit.functions[id];
        if let (Receiver::Named(name), Some(receiver)) = (&function.receiver, receiver) {
            inner.set(name, receiver, true);
        }
        let spread = call
            .call
            .arguments
            .iter()
            .position(|argument| argument.is_spread);
        let mut positional = call
            .call
            .arguments
            .iter()
            .zip(&call.arguments)
            .filter(|(argument, _)| argument.name.is_none() && !argument.is_spread);
        for parameter in &function.parameters {
            let by_name = call
                .call
                .arguments
                .iter()
                .position(|argument| argument.name.as_ref() == Some(&parameter.name));
            let value = if parameter.is_rest {
                let rest = positional
                    .by_ref()
                    .map(|(_, value)| value.clone())
                    .collect();
                let id = self.new_object(inner, Object::list(rest));
                Value {
                    object: Some(id),
                    ..Value::default()
                }
            } else if let Some(position) = by_name {
                call.arguments[position].clone()
            } else if let Some((_, value)) = positional.next() {
                value.clone()
            } else if let Some(at) = spread {
                let spread = call.arguments[at].clone();
                self.element(&spread, inner)
            } else if let Some(default) = &parameter.default {
                self.eval(default, inner)
            } else {
                Value::default()
            };
            let mut value = value;
            value.flows = traced(
                value.flows,
                parameter.span,
                &Step::Passed(Rc::clone(&parameter.name)),
            );
            value.type_name = value.type_name.or_else(|| parameter.type_name.clone());
            inner.set(&parameter.name, value, true);
        }
    }

    /// Runs a function value that was handed to somebody else; its parameters carry what the callee has.
    fn call_back(&mut self, id: FunctionId, given: &[Flow], state: &mut State) -> Vec<Flow> {
        if !self.may_follow(id) {
            return Vec::new();
        }
        if let Some(activation) = self.activations.last_mut() {
            activation.done.insert(id);
        }
        let mut inner = self.inner_state(id, state);
        let mut frame = Frame::new();
        let function = &self.unit.functions[id];
        self.open_parameters(id, &mut frame);
        for parameter in &function.parameters {
            if let Some(value) = frame.get_mut(&parameter.name) {
                merge_flows(&mut Rc::make_mut(value).flows, given, true);
            }
        }
        if let Some(last) = inner.frames.last_mut() {
            *last = Rc::new(frame);
        }
        let (after, value) = self.activate(id, inner);
        if let Some(after) = after {
            let before = state.clone();
            self.return_to(id, Some(after), state);
            *state = std::mem::take(state).join(before);
            return state.flows(&value, true);
        }
        Vec::new()
    }

    /// A call of something outside the file.
    fn outside(&mut self, call: &Evaluated<'a>, state: &mut State) -> Value {
        let rules = self.rules;
        let type_name = rules
            .call_types
            .find(&call.names)
            .find(|entry| self.holds(&entry.when, call, state))
            .map(|entry| Rc::from(entry.type_name.as_str()))
            .or_else(|| self.constructed(call));
        let mut value = Value {
            type_name,
            ..Value::default()
        };
        let source = rules.source_calls.first(&call.names).cloned();
        if let Some(source) = source.or_else(|| self.source_by_name(call)) {
            let identity = self.identity(call.span);
            // What is taken from something that carries the label already comes from where that comes from.
            let carried = call.receiver.as_ref().and_then(|(value, _)| {
                value
                    .flows
                    .iter()
                    .find(|flow| flow.label == source.label && flow.marks & COLLECTION == 0)
            });
            let flow = match carried {
                Some(flow) if source.label != 1 => flow.clone(),
                _ => self.flow(&source, call.span, &identity),
            };
            for position in &source.fills {
                if let Some(argument) = call.call.arguments.get(*position) {
                    self.fill(&argument.value, std::slice::from_ref(&flow), state);
                }
            }
            if source.fills.is_empty() {
                value.flows.push(flow);
            }
            return value;
        }
        if let Some(constant) = folded(call, state) {
            return Value {
                constant: Some(constant),
                ..value
            };
        }
        self.raising_guards(call, state);
        self.retypes(call, state);
        self.fills(call, state);
        let taken = self.taken_by_call(call);
        value.flows = self.carried(call, &taken, state);
        if rules.clean.has(&call.names) {
            value.flows.clear();
        } else if let Some((clears, marks)) = self.sanitizer(call, state) {
            for flow in &mut value.flows {
                flow.cleared |= clears;
                flow.marks |= marks;
            }
        } else if rules.lookups.has(&call.names) {
            // Found in the receiver; nothing was made of it.
        } else if rules.whole.has(&call.names) {
            value.constant = self.whole_constant(call).filter(|_| value.flows.is_empty());
        } else if sounds_cleaning(&call.names.last) {
            value
                .flows
                .iter_mut()
                .for_each(|flow| flow.cleared = ALL_DANGERS);
        } else {
            let is_taken = |flow: &Flow| taken.iter().any(|own| own.source == flow.source);
            for flow in value.flows.iter_mut().filter(|flow| !is_taken(flow)) {
                flow.marks |= PART | UNKNOWN_CALL;
            }
            self.fill_unknown(call, state);
        }
        self.default_constant(call, &mut value);
        if call.call.is_new {
            value
                .flows
                .iter_mut()
                .for_each(|flow| flow.marks &= !UNKNOWN_CALL);
        }
        value
    }

    /// `getProperty("name", "default")` and the like may give their default.
    fn default_constant(&self, call: &Evaluated<'a>, value: &mut Value) {
        let gets = ["getProperty", "getOrDefault", "getenv", "getString", "get"];
        if let [_, default] = call.arguments.as_slice()
            && gets.contains(&call.names.last.as_ref())
            && call.receiver.is_some()
        {
            value.may_be(default.constant.clone());
        }
    }

    /// A source that is known by what its name says and what it is called on or with.
    fn source_by_name(&self, call: &Evaluated<'a>) -> Option<Arc<Source>> {
        let values = || {
            let receiver = call.receiver.iter().map(|(value, _)| value);
            receiver.chain(&call.arguments)
        };
        let is_about = |types: &[NamePattern]| {
            values().any(|value| {
                let name = value.type_name.as_deref();
                name.is_some_and(|name| types.iter().any(|known| known.matches(name)))
            })
        };
        let mut known = self.rules.source_names.iter();
        known
            .find(|(name, types, _)| name.is_match(&call.names.last) && is_about(types))
            .map(|(_, _, source)| Arc::clone(source))
    }

    fn constructed(&self, call: &Evaluated<'a>) -> Option<Name> {
        if !call.call.is_new {
            return None;
        }
        call.callee.path.clone()
    }

    fn whole_constant(&self, call: &Evaluated<'a>) -> Option<Const> {
        let only = match (&call.receiver, call.arguments.as_slice()) {
            (Some((receiver, _)), []) => receiver,
            // What is called on a value, such as `map.get("key")`, does not give its argument back.
            (Some((receiver, _)), [_])
                if receiver.type_name.is_some()
                    || receiver
                        .path
                        .as_deref()
                        .is_none_or(|path| path.starts_with('$')) =>
            {
                return None;
            }
            (_, [argument]) => argument,
            _ => return None,
        };
        only.constant.clone()
    }

    /// What a method takes out of a collection of untrusted values: a source of its own.
    fn taken_by_call(&self, call: &Evaluated<'a>) -> Vec<Flow> {
        let Some((receiver, expr)) = &call.receiver else {
            return Vec::new();
        };
        if !receiver
            .flows
            .iter()
            .any(|flow| flow.marks & COLLECTION != 0)
        {
            return Vec::new();
        }
        let first = call.call.arguments.first();
        let key = first.map_or("", |argument| self.source_text(argument.value.span));
        self.taken_from(receiver, key, expr.span)
    }

    /// What a call nobody knows would hand on: what its receiver and its arguments carry, and what callbacks return.
    fn carried(&mut self, call: &Evaluated<'a>, taken: &[Flow], state: &mut State) -> Vec<Flow> {
        let mut flows = taken.to_vec();
        if let Some((receiver, _)) = &call.receiver
            && taken.is_empty()
        {
            merge_flows(&mut flows, &state.flows(receiver, true), false);
        }
        let template = call
            .receiver
            .as_ref()
            .and_then(|(value, _)| value.constant.as_ref())
            .or_else(|| {
                call.arguments
                    .first()
                    .and_then(|value| value.constant.as_ref())
            });
        let fixed = matches!(template, Some(Const::Text(text)) if fixes_target(text.split(['{', '%']).next().unwrap_or("")));
        let template_marks = match template {
            Some(Const::Text(text)) if text.contains(['{', '%']) => template_marks(text),
            _ => 0,
        };
        let is_lookup = self.rules.lookups.has(&call.names);
        let first_value = usize::from(is_lookup);
        for value in call.arguments.iter().skip(first_value) {
            let mut own = state.flows(&settled(value.clone(), state), true);
            let mut marks = if fixed { BEHIND_PREFIX } else { 0 };
            marks |= template_marks;
            own.iter_mut().for_each(|flow| flow.marks |= marks);
            merge_flows(&mut flows, &own, false);
        }
        let callbacks: Vec<FunctionId> = call
            .arguments
            .iter()
            .filter_map(|value| value.function)
            .collect();
        if callbacks.is_empty() {
            return flows;
        }
        let name = call.names.last.as_ref();
        let given = if self.rules.clean.has(&call.names) {
            Vec::new()
        } else if hands_on_elements(name) {
            flows.clone()
        } else {
            let mut given = flows.clone();
            given
                .iter_mut()
                .for_each(|flow| flow.marks |= PART | UNKNOWN_CALL);
            given
        };
        if maps_elements(name) && callbacks.iter().all(|id| self.may_follow(*id)) {
            flows.clear();
        }
        for id in callbacks {
            let returned = self.call_back(id, &given, state);
            merge_flows(&mut flows, &returned, false);
        }
        flows
    }

    /// What all sanitisers of this name do together: dangers that are gone, and marks.
    fn sanitizer(&self, call: &Evaluated<'a>, state: &State) -> Option<(Dangers, u8)> {
        let all = self
            .rules
            .sanitizers
            .find(&call.names)
            .filter(|sanitizer| self.holds(&sanitizer.when, call, state));
        all.fold(None, |known, sanitizer| {
            let (clears, marks) = known.unwrap_or_default();
            Some((
                clears | sanitizer.clears,
                sanitizer
                    .marks
                    .iter()
                    .fold(marks, |all, mark| all | mark_bit(*mark)),
            ))
        })
    }

    /// Calls that change what their receiver counts as.
    fn retypes(&mut self, call: &Evaluated<'a>, state: &mut State) {
        let Some((_, expr)) = &call.receiver else {
            return;
        };
        let mut found = self.rules.retypes.find(&call.names);
        let Some(retype) = found.find(|retype| self.holds(&retype.when, call, state)) else {
            return;
        };
        let type_name: Name = Rc::from(retype.type_name.as_str());
        match &expr.kind {
            ExprKind::Name(name) => {
                if let Some(known) = state.lookup(name) {
                    let mut value = known.clone();
                    value.type_name = Some(type_name);
                    state.set(name, value, false);
                }
            }
            ExprKind::Field(base, name) => {
                let owner = self.look(base, state);
                if let Some(object) = owner.object.and_then(|id| state.object_mut(id)) {
                    let field = object.entries.entry(Rc::clone(name)).or_default();
                    field.type_name = Some(type_name);
                }
            }
            _ => {}
        }
    }

    fn fills(&mut self, call: &Evaluated<'a>, state: &mut State) {
        let fills: Vec<_> = self.rules.fills.find(&call.names).cloned().collect();
        for fill in fills {
            let mut flows = Vec::new();
            for (value, _) in call.select_all(fill.from.as_slice(), state) {
                merge_flows(&mut flows, &state.flows(value, true), true);
            }
            let targets: Vec<&Expr> = call
                .select_all(fill.to.as_slice(), state)
                .into_iter()
                .map(|(_, expr)| expr)
                .collect();
            for target in targets {
                self.fill(target, &flows, state);
            }
        }
    }

    /// A thing of unknown type that something is put into by a method whose name says so carries it from now on.
    fn fill_unknown(&mut self, call: &Evaluated<'a>, state: &mut State) {
        let puts = [
            "add",
            "append",
            "push",
            "put",
            "insert",
            "offer",
            "addAll",
            "extend",
            "update",
            "addElement",
            "addFirst",
            "addLast",
            "putAll",
            "setdefault",
            "enqueue",
        ];
        let Some((receiver, expr)) = &call.receiver else {
            return;
        };
        let name = call.names.last.as_ref();
        let is_setter =
            name.len() > 3 && name.starts_with("set") && name.as_bytes()[3].is_ascii_uppercase();
        if receiver
            .path
            .as_deref()
            .is_some_and(|path| !path.starts_with('$'))
            || !(puts.contains(&name) || is_setter)
        {
            return;
        }
        let mut flows = Vec::new();
        for value in &call.arguments {
            merge_flows(&mut flows, &state.flows(value, true), true);
        }
        self.fill(expr, &flows, state);
    }
}

/// Whether a callback gets what the receiver holds, as it is.
fn hands_on_elements(name: &str) -> bool {
    let passes = [
        "forEach", "filter", "find", "some", "every", "sort", "reduce", "on", "once",
    ];
    maps_elements(name) || passes.contains(&name)
}

/// Whether the result is what a callback makes of the receiver, and nothing else.
fn maps_elements(name: &str) -> bool {
    matches!(
        name,
        "map" | "flatMap" | "then" | "mapToObj" | "mapToInt" | "thenApply"
    )
}

/// Whether a function nobody knows says by its name that it makes its argument harmless.
fn sounds_cleaning(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let cleans = [
        "sanitize",
        "sanitise",
        "escape",
        "purify",
        "whitelist",
        "allowlist",
        "quote_identifier",
        "quoteidentifier",
    ];
    cleans.iter().any(|word| name.contains(word))
        && !name.contains("unescape")
        && !name.starts_with("is")
}

/// The constant that a call of a constant text gives.
fn folded(call: &Evaluated<'_>, state: &State) -> Option<Const> {
    let arguments: Vec<Option<&Const>> = call
        .arguments
        .iter()
        .map(|value| value.constant.as_ref())
        .collect();
    if let Some((receiver, _)) = &call.receiver
        && let Some(Const::Text(text)) = &receiver.constant
    {
        if call.names.last.as_ref() == "format"
            && call.arguments.iter().all(|value| state.is_fixed(value))
        {
            return Some(Const::Other);
        }
        return fold::text_method(text, &call.names.last, &arguments);
    }
    match arguments.as_slice() {
        [Some(Const::Text(text))]
            if call.receiver.is_none()
                && matches!(call.names.last.as_ref(), "len" | "str" | "String") =>
        {
            fold::text_method(
                text,
                if call.names.last.as_ref() == "len" {
                    "len"
                } else {
                    "toString"
                },
                &[],
            )
        }
        _ => None,
    }
}
