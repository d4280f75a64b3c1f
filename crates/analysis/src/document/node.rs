//! One tree for every structured format: scalars, sequences and maps that remember where they stand.

use std::ops::Range;
use std::sync::Arc;

/// Deepest nesting that is read.
pub(crate) const MAX_DEPTH: usize = 128;
/// Most nodes that one document may have, merged and copied ones included.
pub(crate) const MAX_NODES: usize = 400_000;

/// A value and the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; a repeated YAML alias keeps the place of its anchor.
    pub range: Range<usize>,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, a number, a truth value, or an expression kept as it is written.
    Scalar(String),
    /// Nothing: `null`, `~` or no value at all.
    Null,
    /// A list.
    Seq(Vec<Arc<Node>>),
    /// Named values in order; a name may stand more than once.
    Map(Vec<Entry>),
}

/// One named value of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name.
    pub key: String,
    /// Where the name stands.
    pub key_range: Range<usize>,
    /// The value.
    pub node: Arc<Node>,
}

impl Node {
    /// A text node.
    pub(crate) fn scalar(text: impl Into<String>, range: Range<usize>) -> Self {
        Self {
            value: Value::Scalar(text.into()),
            range,
        }
    }

    /// A list node.
    pub(crate) fn seq(items: Vec<Arc<Self>>, range: Range<usize>) -> Self {
        Self {
            value: Value::Seq(items),
            range,
        }
    }

    /// A map node.
    pub(crate) fn map(entries: Vec<Entry>, range: Range<usize>) -> Self {
        Self {
            value: Value::Map(entries),
            range,
        }
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The first value of that name, if this is a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Arc<Self>] {
        match &self.value {
            Value::Seq(items) => items,
            _ => &[],
        }
    }

    /// The value of that name, to be changed; a shared value is copied first.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => entries
                .iter_mut()
                .find(|entry| entry.key == key)
                .map(|entry| Arc::make_mut(&mut entry.node)),
            _ => None,
        }
    }
}

impl Entry {
    /// An entry whose name has no place of its own.
    pub(crate) fn derived(key: &str, node: Node) -> Self {
        Self {
            key: key.to_owned(),
            key_range: node.range.clone(),
            node: Arc::new(node),
        }
    }
}
