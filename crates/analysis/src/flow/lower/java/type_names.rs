//! Imports, names of types, annotations, modifiers.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Java;
use crate::flow::ir::{Annotation, Expr, ExprKind, Name};
use crate::flow::lower::tree::{child_of_kind, children, expr, field};

/// Types whose values are numbers, dates or answers and so cannot hold text.
const PLAIN: [&str; 29] = [
    "int",
    "long",
    "short",
    "float",
    "double",
    "boolean",
    "Integer",
    "Long",
    "Short",
    "Float",
    "Double",
    "Boolean",
    "Number",
    "UUID",
    "LocalDate",
    "LocalTime",
    "LocalDateTime",
    "ZonedDateTime",
    "OffsetDateTime",
    "Instant",
    "Duration",
    "Date",
    "Timestamp",
    "BigDecimal",
    "BigInteger",
    "AtomicInteger",
    "AtomicLong",
    "OptionalInt",
    "OptionalLong",
];

impl Java<'_> {
    /// Binds the names that imports bring in.
    pub(super) fn imports(&mut self, root: Node<'_>) {
        for node in children(root) {
            if node.kind() != "import_declaration" || child_of_kind(node, "asterisk").is_some() {
                continue;
            }
            let Some(path) = children(node).into_iter().next() else {
                continue;
            };
            let full = self.compact(path);
            let local = full.rsplit('.').next().unwrap_or(&full);
            self.tree
                .unit
                .imports
                .insert(Rc::from(local), Rc::from(full.as_str()));
        }
    }

    /// A node's text without white space.
    fn compact(&self, node: Node<'_>) -> String {
        self.tree.text(node).split_whitespace().collect()
    }

    /// The full name of a type, without type arguments; `None` for `var` and `void`.
    pub(super) fn type_of(&self, node: Node<'_>) -> Option<Name> {
        match node.kind() {
            "void_type" => None,
            "array_type" => {
                let element = field(node, "element").and_then(|element| self.type_of(element))?;
                Some(Rc::from(format!("{element}[]")))
            }
            "annotated_type" => children(node).last().and_then(|inner| self.type_of(*inner)),
            "generic_type" => children(node)
                .first()
                .and_then(|inner| self.type_of(*inner)),
            _ => {
                let text = self.compact(node);
                (text != "var").then(|| self.full_name(&text))
            }
        }
    }

    /// A dotted name with its first part resolved; a class of this file goes by its simple name.
    pub(super) fn full_name(&self, dotted: &str) -> Name {
        let dotted: String = without_arguments(dotted);
        let last = dotted.rsplit('.').next().unwrap_or(&dotted);
        let first = dotted.split('.').next().unwrap_or(&dotted);
        if self.shapes.contains_key(last)
            && (first == last
                || self.shapes.contains_key(first)
                || first.starts_with(|c: char| c.is_lowercase()))
        {
            return Rc::from(last);
        }
        match self.tree.unit.imports.get(first) {
            Some(full) => Rc::from(format!("{full}{}", &dotted[first.len()..])),
            None => Rc::from(dotted),
        }
    }

    pub(super) fn annotations(&self, node: Node<'_>) -> Vec<Annotation> {
        let modifiers = child_of_kind(node, "modifiers");
        let list = modifiers.map(children).unwrap_or_default();
        list.into_iter()
            .filter_map(|annotation| {
                let name = field(annotation, "name")?;
                Some(Annotation {
                    name: self.full_name(&self.compact(name)),
                    text: self.tree.name(annotation),
                })
            })
            .collect()
    }

    /// The name under which a type that cannot hold text is known to the model.
    pub(super) fn plain_type(&self, type_name: &str) -> Option<Name> {
        let last = type_name.rsplit('.').next().unwrap_or(type_name);
        if self.shapes.get(last).is_some_and(|shape| shape.is_enum) {
            return Some(Rc::from("java.lang.Enum"));
        }
        PLAIN.contains(&last).then(|| Rc::from(last))
    }

    /// A value as it is kept in a variable of a type: one that cannot hold text keeps nothing of it.
    pub(super) fn as_type(&self, node: Node<'_>, type_name: Option<&Name>, value: Expr) -> Expr {
        match type_name.and_then(|name| self.plain_type(name)) {
            Some(plain) => expr(node, ExprKind::Cast(plain, Box::new(value))),
            None => value,
        }
    }
}

/// Whether a declaration has a modifier such as `static`.
pub(super) fn has_modifier(node: Node<'_>, modifier: &str) -> bool {
    child_of_kind(node, "modifiers")
        .is_some_and(|modifiers| child_of_kind(modifiers, modifier).is_some())
}

fn without_arguments(text: &str) -> String {
    let mut depth = 0_u32;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(character),
            _ => {}
        }
    }
    out
}
