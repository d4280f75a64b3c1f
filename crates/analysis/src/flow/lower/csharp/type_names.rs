//! Types and attributes.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::CSharp;
use crate::flow::ir::{Annotation, Expr, ExprKind, Name};
use crate::flow::lower::tree::{children, expr, field};

/// Types whose values are numbers, dates or answers and so cannot hold text.
const PLAIN: [&str; 28] = [
    "int",
    "uint",
    "long",
    "ulong",
    "short",
    "ushort",
    "byte",
    "sbyte",
    "float",
    "double",
    "decimal",
    "bool",
    "char",
    "Int16",
    "Int32",
    "Int64",
    "Single",
    "Double",
    "Decimal",
    "Boolean",
    "Guid",
    "DateTime",
    "DateTimeOffset",
    "DateOnly",
    "TimeOnly",
    "TimeSpan",
    "BigInteger",
    "Enum",
];

impl CSharp<'_, '_> {
    /// The name of a type, without type arguments and `?`; `None` for `var` and `void`.
    pub(super) fn type_of(&self, node: Node<'_>) -> Option<Name> {
        match node.kind() {
            "implicit_type" | "tuple_type" => None,
            "nullable_type" | "ref_type" | "scoped_type" => {
                let inner = field(node, "type").or_else(|| children(node).first().copied());
                inner.and_then(|inner| self.type_of(inner))
            }
            "array_type" => {
                let element = field(node, "type").and_then(|element| self.type_of(element))?;
                Some(Rc::from(format!("{element}[]")))
            }
            "generic_name" => {
                let own = children(node).first().copied()?;
                // What a task gives is what it is waited for.
                if matches!(self.tree.text(own), "Task" | "ValueTask" | "ActionResult") {
                    let list = children(node).get(1).copied()?;
                    return children(list)
                        .first()
                        .and_then(|inner| self.type_of(*inner));
                }
                self.type_of(own)
            }
            "alias_qualified_name" => field(node, "name").and_then(|name| self.type_of(name)),
            _ => {
                let text: String = self.tree.text(node).split_whitespace().collect();
                let text = text.split('<').next().unwrap_or("");
                let full = self.tree.unit.imports.get(text).cloned();
                (!text.is_empty() && text != "void" && text != "var")
                    .then(|| full.unwrap_or_else(|| Rc::from(text)))
            }
        }
    }

    /// The name under which a type that cannot hold text is known to the model.
    pub(super) fn plain_type(&self, type_name: &str) -> Option<Name> {
        let last = type_name.rsplit('.').next().unwrap_or(type_name);
        if self.shapes.get(last).is_some_and(|shape| shape.is_enum) {
            return Some(Rc::from("Enum"));
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

    pub(super) fn annotations(&self, node: Node<'_>) -> Vec<Annotation> {
        node.children()
            .filter(|child| child.kind() == "attribute_list")
            .flat_map(children)
            .filter_map(|attribute| {
                Some(Annotation {
                    name: self.tree.name(field(attribute, "name")?),
                    text: self.tree.name(attribute),
                })
            })
            .collect()
    }
}
