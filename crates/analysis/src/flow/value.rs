//! What is known of a value while a function is gone through: flows it carries, its constant, its type, its container.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::ir::{ClassId, Const, FunctionId, Name, Span};
use super::model::Mark;
use super::rules::{ContainerKind, Dangers};

/// How many flows one value carries at most; more of the same would not add findings worth reading.
const MAX_FLOWS: usize = 6;

/// How many constants a value that may be one of several remembers.
const MAX_POSSIBLE: usize = 4;

/// One step on the way of a value, the latest first.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) span: Span,
    pub(crate) what: Step,
    pub(crate) before: Option<Rc<Trace>>,
}

/// What happens at a step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Source(Arc<str>),
    Assigned(Name),
    Passed(Name),
    Filled,
}

/// An untrusted value on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    /// Equal for values read from the same source expression.
    pub(crate) source: u64,
    pub(crate) label: u32,
    pub(crate) cleared: Dangers,
    /// Marks and history, see the constants below.
    pub(crate) marks: u8,
    pub(crate) trace: Rc<Trace>,
}

impl Flow {
    /// Where it came in, and what that is in words.
    pub(crate) fn origin(&self) -> (Span, Arc<str>) {
        let mut trace = &self.trace;
        while let Some(before) = &trace.before {
            trace = before;
        }
        let what = match &trace.what {
            Step::Source(what) => Arc::clone(what),
            _ => Arc::from("untrusted input"),
        };
        (trace.span, what)
    }
}

/// The value is a part or a function of the source, not the source itself.
pub(crate) const PART: u8 = 1;
/// A path without `..`.
pub(crate) const NORMALIZED: u8 = 2;
/// The host part of a URL.
pub(crate) const HOST: u8 = 4;
/// Went through a call nobody knows.
pub(crate) const UNKNOWN_CALL: u8 = 8;
/// A collection whose elements are sources of their own.
pub(crate) const COLLECTION: u8 = 16;
/// Stands behind a constant text that fixes host or root.
pub(crate) const BEHIND_PREFIX: u8 = 32;

/// Was put together with constant text.
pub(crate) const JOINED: u8 = 64;

/// Stands behind a quote of such text.
pub(crate) const QUOTED: u8 = 128;

/// The bit of a mark.
pub(crate) fn mark_bit(mark: Mark) -> u8 {
    match mark {
        Mark::Normalized => NORMALIZED,
        Mark::Host => HOST,
    }
}

/// Where a container lives.
pub(crate) type ObjectId = u32;

/// What is known of a value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    pub(crate) flows: Vec<Flow>,
    pub(crate) constant: Option<Const>,
    /// Constants it may be, where it is not known to be one.
    pub(crate) possible: Vec<Const>,
    /// Its type's full name.
    pub(crate) type_name: Option<Rc<str>>,
    /// The dotted name it stands for, e.g. `flask.request.args`; `$name` for what came in as a parameter.
    pub(crate) path: Option<Rc<str>>,
    pub(crate) object: Option<ObjectId>,
    pub(crate) function: Option<FunctionId>,
}

impl Value {
    pub(crate) fn constant(constant: Const) -> Self {
        Self {
            constant: Some(constant),
            ..Self::default()
        }
    }

    pub(crate) fn carrying(flows: Vec<Flow>) -> Self {
        Self {
            flows,
            ..Self::default()
        }
    }

    pub(crate) fn at(path: impl Into<Rc<str>>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// What is known of a value that is either of two.
    pub(crate) fn join(mut self, other: &Self) -> Self {
        merge_flows(&mut self.flows, &other.flows, true);
        if self.constant != other.constant {
            self.may_be(self.constant.clone());
            self.may_be(other.constant.clone());
            self.constant = None;
        }
        for constant in &other.possible {
            self.may_be(Some(constant.clone()));
        }
        if self.type_name != other.type_name {
            // `None` on one side is usually a null or an empty default.
            self.type_name = self.type_name.or_else(|| other.type_name.clone());
        }
        if self.path != other.path {
            self.path = None;
        }
        if self.object != other.object {
            self.object = self.object.or(other.object);
        }
        if self.function != other.function {
            self.function = None;
        }
        self
    }

    /// Notes a constant that the value may be.
    pub(crate) fn may_be(&mut self, constant: Option<Const>) {
        if let Some(constant @ (Const::Text(_) | Const::Int(_) | Const::Bool(_))) = constant
            && self.possible.len() < MAX_POSSIBLE
            && !self.possible.contains(&constant)
        {
            self.possible.push(constant);
        }
    }

    /// Whether the constant is known to count as true or false.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self.constant.as_ref()? {
            Const::Null => Some(false),
            Const::Bool(truth) => Some(*truth),
            Const::Int(number) => Some(*number != 0),
            Const::Text(text) => Some(!text.is_empty()),
            Const::Other => None,
        }
    }
}

/// Adds flows to a list. Where both know the same source, a danger is cleared only if both say so (`either`),
/// or, for values put together, likewise: one dangerous part is enough.
pub(crate) fn merge_flows(into: &mut Vec<Flow>, from: &[Flow], either: bool) {
    for flow in from {
        let known = into
            .iter()
            .position(|known| known.source == flow.source && known.label == flow.label);
        match known {
            Some(at) => {
                let known = &mut into[at];
                known.cleared &= flow.cleared;
                let both =
                    known.marks & flow.marks & (NORMALIZED | HOST | BEHIND_PREFIX | COLLECTION);
                let any = if either {
                    known.marks & flow.marks
                } else {
                    known.marks | flow.marks
                } & (PART | UNKNOWN_CALL);
                known.marks = both | any | (known.marks | flow.marks) & (JOINED | QUOTED);
            }
            None if into.len() < MAX_FLOWS => into.push(flow.clone()),
            None => {}
        }
    }
}

/// A container or an instance of a class of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) kind: Option<ContainerKind>,
    pub(crate) class: Option<ClassId>,
    /// Elements by position; `None` once positions are not known any more.
    pub(crate) elements: Option<Vec<Value>>,
    /// Elements by constant key, and fields by name.
    pub(crate) entries: BTreeMap<Rc<str>, Value>,
    /// Whether entries under keys that are not listed may exist.
    pub(crate) is_open: bool,
    /// What may be anywhere in it.
    pub(crate) rest: Value,
}

impl Object {
    pub(crate) fn list(elements: Vec<Value>) -> Self {
        Self {
            kind: Some(ContainerKind::List),
            elements: Some(elements),
            ..Self::default()
        }
    }

    pub(crate) fn of_kind(kind: ContainerKind) -> Self {
        match kind {
            ContainerKind::List => Self::list(Vec::new()),
            ContainerKind::Map => Self {
                kind: Some(kind),
                ..Self::default()
            },
            ContainerKind::Buffer => Self {
                kind: Some(kind),
                rest: Value::constant(Const::Text(Rc::from(""))),
                ..Self::default()
            },
        }
    }

    /// Any of its elements.
    pub(crate) fn any(&self) -> Value {
        let mut values = self.elements.iter().flatten().chain(self.entries.values());
        let Some(first) = values.next() else {
            return self.rest.clone();
        };
        let joined = values.fold(first.clone(), |all, one| all.join(one));
        if self.is_open || self.elements.is_none() && self.kind == Some(ContainerKind::List) {
            joined.join(&self.rest)
        } else {
            let mut joined = joined;
            merge_flows(&mut joined.flows, &self.rest.flows, true);
            joined
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.elements = match (self.elements.take(), &other.elements) {
            (Some(mine), Some(theirs)) if mine.len() == theirs.len() => Some(
                mine.into_iter()
                    .zip(theirs)
                    .map(|(a, b)| a.join(b))
                    .collect(),
            ),
            (mine, theirs) => {
                for value in mine.iter().flatten().chain(theirs.iter().flatten()) {
                    merge_flows(&mut self.rest.flows, &value.flows, true);
                }
                None
            }
        };
        for (key, value) in &other.entries {
            match self.entries.get_mut(key) {
                Some(mine) => *mine = std::mem::take(mine).join(value),
                None => {
                    let mut value = value.clone();
                    value.constant = None;
                    self.entries.insert(Rc::clone(key), value);
                }
            }
        }
        for (key, value) in &mut self.entries {
            if !other.entries.contains_key(key) {
                value.constant = None;
            }
        }
        self.is_open |= other.is_open;
        self.rest = std::mem::take(&mut self.rest).join(&other.rest);
    }

    /// Forgets positions: everything may be anywhere.
    pub(crate) fn blur(&mut self) {
        if let Some(elements) = self.elements.take() {
            for value in elements {
                self.rest = std::mem::take(&mut self.rest).join(&value);
            }
            self.rest.constant = None;
        }
    }
}

/// Variables of one running function.
pub(crate) type Frame = BTreeMap<Name, Rc<Value>>;

/// Everything that is known at one point of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The file's top level first, then the running function and, for closures, the functions around it.
    pub(crate) frames: Vec<Rc<Frame>>,
    pub(crate) heap: Rc<BTreeMap<ObjectId, Rc<Object>>>,
    /// Objects of the top level, until something writes to them.
    pub(crate) frozen: Rc<BTreeMap<ObjectId, Rc<Object>>>,
    /// Dangers that guards have ruled out, by source, for everything read from it.
    pub(crate) cleared: BTreeMap<u64, Dangers>,
    /// False behind a return, raise, break or continue.
    pub(crate) is_live: bool,
}

impl State {
    /// What is known if either of two ways was taken.
    pub(crate) fn join(self, other: Self) -> Self {
        if !self.is_live {
            return other;
        }
        if !other.is_live {
            return self;
        }
        let (mut joined, mut other) = (self, other);
        if joined.cleared != other.cleared {
            let common = common(&joined.cleared, &other.cleared);
            joined.settle(&common);
            other.settle(&common);
        }
        for (mine, theirs) in joined.frames.iter_mut().zip(other.frames) {
            if !Rc::ptr_eq(mine, &theirs) {
                join_frames(Rc::make_mut(mine), &theirs);
            }
        }
        if !Rc::ptr_eq(&joined.heap, &other.heap) {
            join_heaps(Rc::make_mut(&mut joined.heap), &other.heap, &joined.frozen);
        }
        joined
    }

    pub(crate) fn lookup(&self, name: &str) -> Option<&Value> {
        self.frames
            .iter()
            .rev()
            .find_map(|frame| frame.get(name))
            .map(Rc::as_ref)
    }

    /// Sets a variable in the running function, or in the nearest one that has it.
    pub(crate) fn set(&mut self, name: &Name, value: Value, declare: bool) {
        let index = if declare {
            None
        } else {
            self.frames
                .iter()
                .rposition(|frame| frame.contains_key(name))
        };
        let last = self.frames.len().saturating_sub(1);
        if let Some(frame) = self.frames.get_mut(index.unwrap_or(last)) {
            Rc::make_mut(frame).insert(Rc::clone(name), Rc::new(value));
        }
    }

    pub(crate) fn object(&self, value: &Value) -> Option<&Rc<Object>> {
        self.object_at(value.object?)
    }

    /// Whether a value, or everything that is in it, is constant.
    pub(crate) fn is_fixed(&self, value: &Value) -> bool {
        value.constant.is_some()
            || self.object(value).is_some_and(|object| {
                let elements = object.elements.as_ref();
                let holds_all = elements.is_some() || !object.entries.is_empty();
                let mut inner = elements
                    .into_iter()
                    .flatten()
                    .chain(object.entries.values());
                holds_all && !object.is_open && inner.all(|one| one.constant.is_some())
            })
    }

    pub(crate) fn object_at(&self, id: ObjectId) -> Option<&Rc<Object>> {
        self.heap.get(&id).or_else(|| self.frozen.get(&id))
    }

    /// Sets the objects known so far apart, so that states that differ later need not be compared by them.
    pub(crate) fn freeze(&mut self) {
        self.frozen = std::mem::take(&mut self.heap);
    }

    pub(crate) fn object_mut(&mut self, id: ObjectId) -> Option<&mut Object> {
        if !self.heap.contains_key(&id) {
            let known = Rc::clone(self.frozen.get(&id)?);
            Rc::make_mut(&mut self.heap).insert(id, known);
        }
        Rc::make_mut(&mut self.heap).get_mut(&id).map(Rc::make_mut)
    }

    /// All flows of a value and, if `deep`, of what lies in it.
    pub(crate) fn flows(&self, value: &Value, deep: bool) -> Vec<Flow> {
        let mut flows = value.flows.clone();
        if deep {
            self.collect(value, 3, &mut flows);
        }
        flows
    }

    fn collect(&self, value: &Value, depth: u32, flows: &mut Vec<Flow>) {
        let Some(object) = self.object(value) else {
            return;
        };
        merge_flows(flows, &object.rest.flows, true);
        for inner in object
            .elements
            .iter()
            .flatten()
            .chain(object.entries.values())
        {
            merge_flows(flows, &inner.flows, true);
            if depth > 0 {
                self.collect(inner, depth - 1, flows);
            }
        }
    }

    /// Notes that a danger is gone for everything read from the given sources.
    pub(crate) fn clear(&mut self, sources: &[u64], dangers: Dangers) {
        for source in sources {
            *self.cleared.entry(*source).or_insert(0) |= dangers;
        }
    }

    /// The dangers that are gone for a flow here.
    pub(crate) fn cleared(&self, flow: &Flow) -> Dangers {
        flow.cleared | self.cleared.get(&flow.source).copied().unwrap_or(0)
    }

    /// Writes into the values what is cleared here and not in `common`, which becomes the new map.
    fn settle(&mut self, common: &BTreeMap<u64, Dangers>) {
        let own = std::mem::replace(&mut self.cleared, common.clone());
        let extra: BTreeMap<u64, Dangers> = own
            .into_iter()
            .filter(|(source, dangers)| common.get(source).copied().unwrap_or(0) != *dangers)
            .collect();
        if extra.is_empty() {
            return;
        }
        for frame in &mut self.frames {
            if frame.values().any(|value| touches(value, &extra)) {
                Rc::make_mut(frame)
                    .values_mut()
                    .filter(|value| touches(value, &extra))
                    .for_each(|value| clear_value(Rc::make_mut(value), &extra));
            }
        }
        let is_concerned = |object: &Object| {
            let mut inner = object
                .elements
                .iter()
                .flatten()
                .chain(object.entries.values())
                .chain([&object.rest]);
            inner.any(|value| touches(value, &extra))
        };
        if !self.heap.values().any(|object| is_concerned(object)) {
            return;
        }
        for object in Rc::make_mut(&mut self.heap).values_mut() {
            let concerned = {
                let mut inner = object
                    .elements
                    .iter()
                    .flatten()
                    .chain(object.entries.values())
                    .chain([&object.rest]);
                inner.any(|value| touches(value, &extra))
            };
            if concerned {
                let object = Rc::make_mut(object);
                let inner = object
                    .elements
                    .iter_mut()
                    .flatten()
                    .chain(object.entries.values_mut())
                    .chain([&mut object.rest]);
                inner.for_each(|value| clear_value(value, &extra));
            }
        }
    }
}

/// What both maps have cleared.
pub(crate) fn common(
    a: &BTreeMap<u64, Dangers>,
    b: &BTreeMap<u64, Dangers>,
) -> BTreeMap<u64, Dangers> {
    let both = a
        .iter()
        .filter_map(|(source, dangers)| Some((*source, dangers & b.get(source)?)));
    both.filter(|(_, dangers)| *dangers != 0).collect()
}

fn touches(value: &Value, sources: &BTreeMap<u64, Dangers>) -> bool {
    value
        .flows
        .iter()
        .any(|flow| sources.contains_key(&flow.source))
}

fn clear_value(value: &mut Value, sources: &BTreeMap<u64, Dangers>) {
    for flow in &mut value.flows {
        flow.cleared |= sources.get(&flow.source).copied().unwrap_or(0);
    }
}

type Heap = BTreeMap<ObjectId, Rc<Object>>;

fn join_heaps(mine: &mut Heap, theirs: &Heap, frozen: &Heap) {
    for (id, object) in mine.iter_mut().filter(|(id, _)| !theirs.contains_key(id)) {
        if let Some(before) = frozen.get(id) {
            Rc::make_mut(object).join(before);
        }
    }
    for (id, object) in theirs {
        match mine.get_mut(id) {
            Some(known) if Rc::ptr_eq(known, object) => {}
            Some(known) => Rc::make_mut(known).join(object),
            None => {
                let mut object = Rc::clone(object);
                if let Some(before) = frozen.get(id) {
                    Rc::make_mut(&mut object).join(before);
                }
                mine.insert(*id, object);
            }
        }
    }
}

fn join_frames(mine: &mut Frame, theirs: &Frame) {
    for (name, value) in theirs {
        match mine.get_mut(name) {
            Some(known) if Rc::ptr_eq(known, value) => {}
            Some(known) => *known = Rc::new(Value::clone(known).join(value)),
            None => {
                mine.insert(Rc::clone(name), Rc::clone(value));
            }
        }
    }
}
