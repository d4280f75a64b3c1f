//! One run over a lowered file: every function is gone through once as an entry, with what is known of its callers left open.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{Annotation, Expr, Function, FunctionId, Name, Receiver, Span, Unit};
use super::model::Candidates;
use super::relevance::Reach;
use super::rules::{FlowRules, Source};
use super::value::{COLLECTION, Flow, Frame, Object, ObjectId, State, Step, Trace, Value};
use crate::hit::Hit;

/// Steps that one entry function may take before it is cut short.
const ENTRY_STEPS: u32 = 60_000;
/// Steps that a whole file may take.
const FILE_STEPS: u32 = 1_500_000;
/// Functions of at most so many bytes are followed whatever is handed to them.
const SMALL_FUNCTION: u32 = 240;
/// How deep calls inside the file are followed.
pub(crate) const MAX_DEPTH: usize = 4;

/// Where a running function ends and its loops go.
#[derive(Debug, Default)]
pub(crate) struct Activation<'a> {
    pub(crate) function: FunctionId,
    pub(crate) returns: Vec<Exit<'a>>,
    pub(crate) breaks: Vec<Vec<State>>,
    pub(crate) continues: Vec<Vec<State>>,
    pub(crate) pending: BTreeSet<FunctionId>,
    pub(crate) done: BTreeSet<FunctionId>,
}

/// One way out of a function.
#[derive(Debug)]
pub(crate) struct Exit<'a> {
    pub(crate) state: State,
    pub(crate) value: Value,
    pub(crate) expr: Option<&'a Expr>,
}

/// What was found, by rule and place.
#[derive(Debug)]
struct Found {
    steps: Vec<(Span, String)>,
    names: BTreeMap<String, String>,
    code: Option<String>,
}

/// One run over a file.
pub(crate) struct Run<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) rules: &'a FlowRules,
    pub(crate) text: &'a str,
    pub(crate) activations: Vec<Activation<'a>>,
    found: BTreeMap<(usize, Span), Found>,
    pub(crate) fields: BTreeMap<usize, Object>,
    steps_left: u32,
    file_steps_left: u32,
    next_object: ObjectId,
    /// Positive while expressions are looked at a second time; nothing is reported then.
    pub(crate) quiet: u32,
    /// Whether anything untrusted has come up since the entry began; until then no condition clears anything.
    pub(crate) has_flows: Cell<bool>,
    reach: Vec<Reach>,
    globals_carry: bool,
    /// Whether some function was not gone through to its end.
    pub(crate) is_cut_short: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        unit: &'a Unit,
        rules: &'a FlowRules,
        text: &'a str,
        reach: Vec<Reach>,
    ) -> Self {
        Self {
            unit,
            rules,
            text,
            activations: Vec::new(),
            found: BTreeMap::new(),
            fields: BTreeMap::new(),
            steps_left: ENTRY_STEPS,
            file_steps_left: FILE_STEPS,
            next_object: 0,
            quiet: 0,
            has_flows: Cell::new(false),
            reach,
            globals_carry: false,
            is_cut_short: false,
        }
    }

    /// Goes through the file, as far as it is worth it.
    pub(crate) fn whole(mut self) -> (Vec<Hit>, bool) {
        if self.unit.functions.is_empty() {
            return (Vec::new(), false);
        }
        let globals = self.top_level();
        self.globals_carry = self.has_flows.get();
        let mut globals = globals;
        globals.freeze();
        for class in 0..self.unit.classes.len() {
            let methods = &self.unit.classes[class].methods;
            if methods.values().any(|id| self.reach[*id].matters()) {
                self.class(class, &globals);
            }
        }
        for id in 1..self.unit.functions.len() {
            let function = &self.unit.functions[id];
            if self.reach[id].is_worth() && function.class.is_none() && !function.is_closure {
                self.entry(id, &globals, None);
            }
        }
        let is_cut_short = self.is_cut_short;
        (self.hits(), is_cut_short)
    }

    fn top_level(&mut self) -> State {
        self.start_entry();
        let state = State {
            frames: vec![Rc::new(Frame::new())],
            is_live: true,
            ..State::default()
        };
        let (state, _) = self.activate(0, state);
        let mut state = state.unwrap_or_default();
        state.is_live = true;
        if state.frames.is_empty() {
            state.frames.push(Rc::new(Frame::new()));
        }
        state
    }

    fn class(&mut self, class: usize, globals: &State) {
        let methods: BTreeSet<FunctionId> =
            self.unit.classes[class].methods.values().copied().collect();
        let constructor = self.unit.classes[class].methods.get("<new>").copied();
        self.fields.insert(
            class,
            Object {
                class: Some(class),
                is_open: true,
                ..Object::default()
            },
        );
        self.initial_fields(class, globals);
        let all: Vec<FunctionId> = constructor
            .into_iter()
            .chain(
                methods
                    .iter()
                    .copied()
                    .filter(|id| Some(*id) != constructor),
            )
            .collect();
        // First what may bring something untrusted in; only if it ends up in a field do the other methods matter.
        let (bringing, other): (Vec<FunctionId>, Vec<FunctionId>) =
            all.iter().copied().partition(|id| {
                Some(*id) == constructor || self.reach[*id].source != 0 || self.reach[*id].wrong
            });
        for id in bringing {
            self.entry(id, globals, Some(class));
        }
        let tainted = self.tainted_fields(class);
        if tainted.is_empty() {
            return;
        }
        for id in other {
            self.entry(id, globals, Some(class));
        }
        for id in all {
            self.entry(id, globals, Some(class));
        }
    }

    fn initial_fields(&mut self, class: usize, globals: &State) {
        self.start_entry();
        let mut state = globals.clone();
        state.frames.push(Rc::new(Frame::new()));
        self.activations.push(Activation::default());
        for (name, value) in &self.unit.classes[class].fields {
            let mut value = self.eval(value, &mut state);
            value.object = None;
            if let Some(fields) = self.fields.get_mut(&class) {
                fields.entries.insert(Rc::clone(name), value);
            }
        }
        self.activations.pop();
    }

    fn tainted_fields(&self, class: usize) -> BTreeSet<Name> {
        let entries = self.fields.get(&class).map(|fields| &fields.entries);
        entries
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.flows.is_empty())
            .map(|(name, _)| Rc::clone(name))
            .collect()
    }

    fn entry(&mut self, id: FunctionId, globals: &State, class: Option<usize>) {
        self.start_entry();
        let function = &self.unit.functions[id];
        let mut state = globals.clone();
        let mut frame = Frame::new();
        let mut object = None;
        if let (Receiver::Named(name), Some(class)) = (&function.receiver, class) {
            let fields = self.fields.get(&class).cloned().unwrap_or_default();
            if !self.tainted_fields(class).is_empty() {
                self.has_flows.set(true);
            }
            let id = self.new_object(&mut state, fields);
            object = Some(id);
            let type_name = Some(Rc::clone(&self.unit.classes[class].name));
            frame.insert(
                Rc::clone(name),
                Rc::new(Value {
                    object: Some(id),
                    type_name,
                    ..Value::at(format!("${name}"))
                }),
            );
        }
        self.open_parameters(id, &mut frame);
        state.frames.push(Rc::new(frame));
        let (state, value) = self.activate(id, state);
        let (Some(state), Some(class), Some(object)) = (state, class, object) else {
            return;
        };
        drop(value);
        if let Some(after) = state.object_at(object)
            && let Some(fields) = self.fields.get_mut(&class)
        {
            let mut after = Object::clone(after);
            for value in after.entries.values_mut() {
                // Containers live in one run's heap only; what lies in them is kept as the field's own flows.
                value.flows = state.flows(value, true);
                value.object = None;
            }
            fields.join(&after);
            fields.is_open = true;
        }
    }

    /// Binds parameters of which nothing is known but their names, types and annotations.
    pub(crate) fn open_parameters(&mut self, id: FunctionId, frame: &mut Frame) {
        let function = &self.unit.functions[id];
        let is_open = self.reach.get(id).is_some_and(|reach| reach.is_open);
        for parameter in &function.parameters {
            let source = self.parameter_source(function, parameter).or_else(|| {
                let any = self.rules.source_parameters.clone();
                any.filter(|source| {
                    let excepted = |name: &Name| source.excepts(name);
                    is_open
                        && parameter.annotations.is_empty()
                        && !parameter.type_name.as_ref().is_some_and(excepted)
                        && !matches!(parameter.name.as_ref(), "self" | "cls")
                })
            });
            let mut value = Value::at(format!("${}", parameter.name));
            value.type_name = parameter.type_name.clone();
            if let Some(source) = source {
                value.flows.push(self.flow(
                    &source,
                    parameter.span,
                    &format!("{}:{}", function.span.start, parameter.name),
                ));
            }
            frame.insert(Rc::clone(&parameter.name), Rc::new(value));
        }
    }

    fn parameter_source(
        &self,
        function: &Function,
        parameter: &super::ir::Parameter,
    ) -> Option<Arc<Source>> {
        let by_annotation = |annotation: &Annotation| {
            self.rules
                .source_parameter_annotations
                .first(&annotation_names(annotation))
                .cloned()
        };
        if let Some(found) = parameter.annotations.iter().find_map(by_annotation) {
            return Some(found);
        }
        let type_name = parameter.type_name.as_ref().map(|name| candidates(name));
        if let Some(found) = type_name
            .as_ref()
            .and_then(|names| self.rules.source_parameter_types.first(names))
        {
            return Some(Arc::clone(found));
        }
        let converted = |annotation: &Annotation| is_converted(&annotation.text, &parameter.name);
        let found = function.annotations.iter().find_map(|annotation| {
            let source = self
                .rules
                .source_function_annotations
                .first(&annotation_names(annotation))
                .cloned()?;
            (!converted(annotation)).then_some(source)
        })?;
        let excepted = |name: &Name| found.excepts(name);
        (!parameter.type_name.as_ref().is_some_and(excepted)).then_some(found)
    }

    fn start_entry(&mut self) {
        self.has_flows.set(self.globals_carry);
        self.steps_left = ENTRY_STEPS.min(self.file_steps_left);
    }

    /// Whether a source can be reached from a function, or it is so small that following it costs nothing.
    pub(crate) fn may_bring_flows(&self, id: FunctionId) -> bool {
        let span = self.unit.functions[id].span;
        self.reach.get(id).is_none_or(|reach| reach.source != 0)
            || span.end - span.start < SMALL_FUNCTION
    }

    /// Takes one step; false once the budget is used up.
    pub(crate) fn step(&mut self) -> bool {
        if self.steps_left == 0 {
            self.is_cut_short = true;
            return false;
        }
        self.steps_left -= 1;
        self.file_steps_left = self.file_steps_left.saturating_sub(1);
        true
    }

    pub(crate) fn new_object(&mut self, state: &mut State, object: Object) -> ObjectId {
        self.next_object += 1;
        Rc::make_mut(&mut state.heap).insert(self.next_object, Rc::new(object));
        self.next_object
    }

    /// A fresh flow from a source.
    pub(crate) fn flow(&self, source: &Source, span: Span, identity: &str) -> Flow {
        let mut hash = DefaultHasher::new();
        identity.hash(&mut hash);
        self.has_flows.set(true);
        Flow {
            source: hash.finish(),
            label: source.label,
            cleared: 0,
            marks: if source.collection { COLLECTION } else { 0 },
            trace: Rc::new(Trace {
                span,
                what: Step::Source(Arc::clone(&source.what)),
                before: None,
            }),
        }
    }

    pub(crate) fn source_text(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Reports a rule at a place, once. `sink` is what it is called in messages, `name` what it is recognised by.
    pub(crate) fn report(
        &mut self,
        rule: usize,
        span: Span,
        flows: &[Flow],
        sink: &str,
        name: &str,
    ) {
        if self.quiet > 0 || self.found.contains_key(&(rule, span)) {
            return;
        }
        let mut steps = Vec::new();
        let mut names = BTreeMap::new();
        if let Some(flow) = flows.first() {
            steps = way(flow);
            steps.push((span, format!("reaches `{sink}`")));
            names.insert("source".to_owned(), flow.origin().1.to_string());
        }
        names.insert("sink".to_owned(), sink.to_owned());
        let code = self.recognised_by(name, flows);
        self.found
            .insert((rule, span), Found { steps, names, code });
    }

    /// What a finding is recognised by: the sink's name and where its values come from, not the variables between them.
    fn recognised_by(&self, name: &str, flows: &[Flow]) -> Option<String> {
        let origins: BTreeSet<&str> = flows
            .iter()
            .map(|flow| self.source_text(flow.origin().0))
            .collect();
        let origins: Vec<&str> = origins.into_iter().collect();
        (!origins.is_empty()).then(|| format!("{name} <- {}", origins.join(", ")))
    }

    fn hits(self) -> Vec<Hit> {
        let rules = &self.rules.rules;
        let to_hit = |((rule, span), found): ((usize, Span), Found)| {
            let mut hit = Hit::new(&rules[rule].meta, span.range());
            hit.names = found.names;
            hit.code = found.code;
            hit.steps = found
                .steps
                .into_iter()
                .map(|(span, what)| (span.range(), what))
                .collect();
            hit
        };
        self.found.into_iter().map(to_hit).collect()
    }
}

/// The steps of a flow, from its source on.
fn way(flow: &Flow) -> Vec<(Span, String)> {
    let mut steps = Vec::new();
    let mut trace = Some(&flow.trace);
    while let Some(step) = trace {
        steps.push((step.span, words(&step.what)));
        trace = step.before.as_ref();
    }
    steps.reverse();
    steps.dedup_by(|later, earlier| later.0 == earlier.0);
    steps
}

/// Whether a route such as `/users/<int:id>` admits nothing but a number or an id for the parameter.
fn is_converted(annotation: &str, parameter: &str) -> bool {
    ["int", "float", "uuid"]
        .iter()
        .any(|kind| annotation.contains(&format!("{kind}:{parameter}")))
}

/// Adds a step to every flow.
pub(crate) fn traced(mut flows: Vec<Flow>, span: Span, what: &Step) -> Vec<Flow> {
    for flow in &mut flows {
        if flow.trace.span != span {
            flow.trace = Rc::new(Trace {
                span,
                what: what.clone(),
                before: Some(Rc::clone(&flow.trace)),
            });
        }
    }
    flows
}

fn words(step: &Step) -> String {
    match step {
        Step::Source(what) => what.to_string(),
        Step::Assigned(name) => format!("kept in `{name}`"),
        Step::Passed(name) => format!("passed on as `{name}`"),
        Step::Filled => "put in here".to_owned(),
    }
}

/// The names under which an annotation may be listed: `app.route` also as `*.route`.
pub(crate) fn annotation_names(annotation: &Annotation) -> Candidates {
    candidates(&annotation.name)
}

/// A single full name as candidates.
pub(crate) fn candidates(name: &str) -> Candidates {
    Candidates {
        path: Some(Rc::from(name)),
        typed: Vec::new(),
        last: Rc::from(super::model::last_segment(name)),
        has_receiver: name.contains('.'),
    }
}
