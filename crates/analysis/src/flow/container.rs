//! Lists, maps and text builders whose contents are followed element by element.

use std::rc::Rc;

use super::call::Evaluated;
use super::eval::{joined_text, key_text, settled};
use super::ir::Const;
use super::rules::ContainerKind;
use super::run::Run;
use super::value::{Object, ObjectId, State, Value, merge_flows};

impl<'a> Run<'a> {
    /// Calls that make a container, and methods of known containers.
    pub(crate) fn container(&mut self, call: &Evaluated<'a>, state: &mut State) -> Option<Value> {
        if let Some(kind) = self.rules.containers.first(&call.names).copied() {
            return Some(self.make(kind, call, state));
        }
        let (receiver, _) = call.receiver.as_ref()?;
        let id = receiver.object?;
        let object = state.object_at(id)?;
        match object.kind? {
            ContainerKind::List => self.list_method(id, call, state),
            ContainerKind::Map => self.map_method(id, call, state),
            ContainerKind::Buffer => self.buffer_method(id, call, state),
        }
    }

    fn make(&mut self, kind: ContainerKind, call: &Evaluated<'a>, state: &mut State) -> Value {
        let mut object = match call.arguments.first().and_then(|value| state.object(value)) {
            Some(known) if known.kind == Some(kind) => Object::clone(known),
            _ => Object::of_kind(kind),
        };
        for (value, argument) in call.arguments.iter().zip(&call.call.arguments) {
            if let (ContainerKind::Map, Some(name)) = (kind, &argument.name) {
                object.entries.insert(Rc::clone(name), value.clone());
                continue;
            }
            let is_several = call.arguments.len() > 1;
            match (kind, &mut object.elements) {
                (ContainerKind::List, Some(elements)) if is_several => elements.push(value.clone()),
                _ if state
                    .object(value)
                    .is_some_and(|inner| inner.kind == Some(kind)) => {}
                _ => {
                    let flows = state.flows(value, true);
                    merge_flows(&mut object.rest.flows, &flows, true);
                    if kind == ContainerKind::Buffer {
                        object.rest.constant = match &value.constant {
                            Some(Const::Int(_)) => Some(Const::Text(Rc::from(""))),
                            constant => constant.clone(),
                        };
                    }
                    if kind == ContainerKind::List && value.constant.is_none() {
                        object.elements = None;
                    }
                    object.is_open |= kind == ContainerKind::Map;
                }
            }
        }
        let type_name = call.callee.path.clone();
        let id = self.new_object(state, object);
        Value {
            object: Some(id),
            type_name,
            ..Value::default()
        }
    }

    fn list_method(
        &mut self,
        id: ObjectId,
        call: &Evaluated<'a>,
        state: &mut State,
    ) -> Option<Value> {
        let mut arguments: Vec<Value> = call
            .arguments
            .iter()
            .map(|value| settled(value.clone(), state))
            .collect();
        let object = state.object_mut(id)?;
        let first_index = match arguments.first().and_then(|value| value.constant.as_ref()) {
            Some(Const::Int(index)) => usize::try_from(*index).ok(),
            _ => None,
        };
        match (call.names.last.as_ref(), arguments.len()) {
            ("add" | "append" | "push" | "addLast" | "addElement" | "offer" | "add_last", 1) => {
                let value = arguments.pop()?;
                match &mut object.elements {
                    Some(elements) => elements.push(value),
                    None => object.rest = std::mem::take(&mut object.rest).join(&value),
                }
                Some(Value::default())
            }
            ("add" | "insert" | "set" | "add_at", 2) => {
                let value = arguments.pop()?;
                let is_set = call.names.last.as_ref() == "set";
                match (&mut object.elements, first_index) {
                    (Some(elements), Some(index)) if is_set && index < elements.len() => {
                        elements[index] = value
                    }
                    (Some(elements), Some(index)) if !is_set && index <= elements.len() => {
                        elements.insert(index, value)
                    }
                    _ => {
                        object.blur();
                        object.rest = std::mem::take(&mut object.rest).join(&value);
                    }
                }
                Some(Value::default())
            }
            ("unshift" | "addFirst", 1) => {
                let value = arguments.pop()?;
                match &mut object.elements {
                    Some(elements) => elements.insert(0, value),
                    None => object.rest = std::mem::take(&mut object.rest).join(&value),
                }
                Some(Value::default())
            }
            ("get" | "elementAt" | "at", 1) => Some(match (&object.elements, first_index) {
                (Some(elements), Some(index)) => elements.get(index).cloned().unwrap_or_default(),
                _ => object.any(),
            }),
            ("remove" | "pop" | "remove_at" | "removeFirst" | "shift" | "removeLast", count) => {
                Some(removed(
                    object,
                    call.names.last.as_ref(),
                    count,
                    first_index,
                ))
            }
            ("clear", 0) => {
                *object = Object::of_kind(ContainerKind::List);
                Some(Value::default())
            }
            (
                "size" | "length" | "isEmpty" | "contains" | "includes" | "indexOf" | "index"
                | "count",
                _,
            ) => Some(Value::default()),
            ("addAll" | "extend" | "concat" | "update", _) => {
                let taken: Vec<_> = arguments
                    .iter()
                    .map(|value| state.flows(value, true))
                    .collect();
                let object = state.object_mut(id)?;
                object.blur();
                taken
                    .iter()
                    .for_each(|flows| merge_flows(&mut object.rest.flows, flows, true));
                Some(Value {
                    object: Some(id),
                    ..Value::default()
                })
            }
            _ => None,
        }
    }

    fn map_method(
        &mut self,
        id: ObjectId,
        call: &Evaluated<'a>,
        state: &mut State,
    ) -> Option<Value> {
        let count = call.arguments.len();
        let name = call.names.last.as_ref();
        let puts = matches!(
            name,
            "put" | "set" | "setdefault" | "putIfAbsent" | "setProperty" | "add_section"
        );
        let gets = matches!(name, "get" | "getOrDefault" | "getProperty" | "pop");
        if puts && count >= 2 {
            let key = self.joined_key(&call.arguments[..count - 1]);
            let value = settled(call.arguments[count - 1].clone(), state);
            self.store_under(id, key, value, state);
            return Some(Value {
                object: (name == "set").then_some(id),
                ..Value::default()
            });
        }
        if gets && count >= 1 {
            let has_default = name == "getOrDefault"
                || count == 2
                    && matches!(name, "get" | "pop" | "getProperty")
                    && !self.is_section_map(id, call, state);
            let keys = if has_default {
                &call.arguments[..count - 1]
            } else {
                &call.arguments[..]
            };
            let key = self.joined_key(keys);
            let object = state.object_at(id)?;
            let found = read(object, key.as_deref());
            return Some(if has_default {
                found.join(&call.arguments[count - 1])
            } else {
                found
            });
        }
        match name {
            "keys" | "keySet" | "size" | "containsKey" | "has" | "has_key" | "isEmpty"
            | "add_section" => Some(Value::default()),
            "values" | "items" | "entries" | "entrySet" => {
                let any = state.object_at(id)?.any();
                Some(Value {
                    constant: None,
                    ..any
                })
            }
            _ => None,
        }
    }

    /// Whether a map takes keys of two parts (section and option), as written by a call with three arguments.
    fn is_section_map(&self, id: ObjectId, call: &Evaluated<'a>, state: &State) -> bool {
        let key = self.joined_key(&call.arguments);
        let object = state.object_at(id);
        match (key, object) {
            (Some(key), Some(object)) => {
                object.entries.contains_key(&key)
                    || object.entries.keys().any(|known| known.contains('\u{1f}'))
            }
            _ => false,
        }
    }

    fn buffer_method(
        &mut self,
        id: ObjectId,
        call: &Evaluated<'a>,
        state: &mut State,
    ) -> Option<Value> {
        match call.names.last.as_ref() {
            "append" | "insert" | "write" | "Write" | "WriteString" | "WriteByte" | "WriteRune"
            | "replace" | "prepend" | "print" | "println" | "format" => {
                let taken: Vec<Value> = call
                    .arguments
                    .iter()
                    .map(|value| Value {
                        flows: state.flows(&settled(value.clone(), state), true),
                        constant: value.constant.clone(),
                        ..Value::default()
                    })
                    .collect();
                let is_append =
                    taken.len() == 1 && !matches!(call.names.last.as_ref(), "prepend" | "println");
                let object = state.object_mut(id)?;
                for value in taken {
                    if is_append {
                        object.rest = joined_text(std::mem::take(&mut object.rest), value);
                    } else {
                        object.rest.constant = None;
                        merge_flows(&mut object.rest.flows, &value.flows, false);
                    }
                }
                call.receiver.as_ref().map(|(value, _)| value.clone())
            }
            "toString" | "getvalue" | "String" | "Bytes" | "substring" | "reverse" | "build"
            | "strip" | "trim" => {
                let is_reverse = call.names.last.as_ref() == "reverse";
                let object = state.object_mut(id)?;
                if is_reverse {
                    object.rest.constant = None;
                }
                let is_whole = call.arguments.is_empty() && object.rest.flows.is_empty();
                Some(Value {
                    object: is_reverse.then_some(id),
                    constant: object.rest.constant.clone().filter(|_| is_whole),
                    ..Value::carrying(object.rest.flows.clone())
                })
            }
            "length" | "size" => Some(Value::default()),
            "setLength" | "truncate" | "delete" | "Reset" => {
                let clears = call
                    .arguments
                    .iter()
                    .all(|value| matches!(value.constant, Some(Const::Int(0))));
                if clears && let Some(object) = state.object_mut(id) {
                    *object = Object::of_kind(ContainerKind::Buffer);
                } else if let Some(object) = state.object_mut(id) {
                    object.rest.constant = None;
                }
                Some(Value::default())
            }
            "charAt" | "indexOf" | "equals" | "isEmpty" => None,
            _ => {
                state.object_mut(id)?.rest.constant = None;
                None
            }
        }
    }

    fn joined_key(&self, keys: &[Value]) -> Option<Rc<str>> {
        let parts: Option<Vec<Rc<str>>> = keys
            .iter()
            .map(|value| value.constant.as_ref().and_then(key_text))
            .collect();
        parts.map(|parts| Rc::from(parts.join("\u{1f}")))
    }

    /// Reads an element by key or index.
    pub(crate) fn fetch(&mut self, id: ObjectId, key: Option<&Const>, state: &State) -> Value {
        let Some(object) = state.object_at(id) else {
            return Value::default();
        };
        match (&object.elements, key) {
            (Some(elements), Some(Const::Int(index))) => {
                let count = i64::try_from(elements.len()).unwrap_or(0);
                let index = if *index < 0 { index + count } else { *index };
                usize::try_from(index)
                    .ok()
                    .and_then(|index| elements.get(index))
                    .cloned()
                    .unwrap_or_default()
            }
            (_, key) => read(object, key.and_then(key_text).as_deref()),
        }
    }

    /// Writes an element by key or index.
    pub(crate) fn store(
        &mut self,
        id: ObjectId,
        key: Option<&Const>,
        value: Value,
        state: &mut State,
    ) {
        let value = settled(value, state);
        let Some(object) = state.object_mut(id) else {
            return;
        };
        if let (Some(elements), Some(Const::Int(index))) = (&mut object.elements, key)
            && let Some(slot) = usize::try_from(*index)
                .ok()
                .and_then(|index| elements.get_mut(index))
        {
            *slot = value;
            return;
        }
        let is_list = object.kind == Some(ContainerKind::List);
        let key = if is_list {
            None
        } else {
            key.and_then(key_text)
        };
        self.store_under(id, key, value, state);
    }

    fn store_under(&mut self, id: ObjectId, key: Option<Rc<str>>, value: Value, state: &mut State) {
        let Some(object) = state.object_mut(id) else {
            return;
        };
        match key {
            Some(key) => {
                object.entries.insert(key, value);
            }
            None => {
                object.is_open = true;
                if object.kind == Some(ContainerKind::List) {
                    object.blur();
                }
                let constant_gone = Value {
                    constant: None,
                    ..value
                };
                object.rest = std::mem::take(&mut object.rest).join(&constant_gone);
            }
        }
    }
}

/// The value under a key; any value if the key is not known.
fn read(object: &Object, key: Option<&str>) -> Value {
    match key {
        Some(key) => match object.entries.get(key) {
            Some(value) => {
                let mut value = value.clone();
                merge_flows(&mut value.flows, &object.rest.flows, true);
                value
            }
            None => object.rest.clone(),
        },
        None => Value {
            constant: None,
            ..object.any()
        },
    }
}

fn removed(object: &mut Object, name: &str, count: usize, index: Option<usize>) -> Value {
    let Some(elements) = &mut object.elements else {
        return object.any();
    };
    let at = match (name, count) {
        ("removeFirst" | "shift", 0) => Some(0),
        ("pop" | "removeLast", 0) => elements.len().checked_sub(1),
        ("remove", 0) => Some(0),
        _ => index,
    };
    match at {
        Some(at) if at < elements.len() => elements.remove(at),
        _ => {
            object.blur();
            object.any()
        }
    }
}
