//! Composite literals of Go.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::super::tree::{call, children, constant, expr, field, name_expr};
use super::Go;
use crate::flow::ir::{Argument, Call, Const, Expr, ExprKind, Name};

impl Go<'_> {
    /// `T{…}`.
    pub(super) fn composite(&mut self, node: Node<'_>, kind: Node<'_>, body: Node<'_>) -> ExprKind {
        match kind.kind() {
            "slice_type" | "array_type" | "implicit_length_array_type" => {
                let element = field(kind, "element");
                let items = children(body)
                    .into_iter()
                    .filter_map(|item| self.item(element, last_part(item)))
                    .collect();
                ExprKind::List(items)
            }
            "map_type" => {
                let value_type = field(kind, "value");
                let mut entries = Vec::new();
                for item in children(body) {
                    let key =
                        field(item, "key").and_then(|key| self.item(field(kind, "key"), Some(key)));
                    let value = self.item(value_type, last_part(item));
                    entries.extend(value.map(|value| (key, value)));
                }
                ExprKind::Map(entries)
            }
            _ => self.struct_literal(node, kind, body),
        }
    }

    /// An element of a literal, whose type may be left out.
    fn item(&mut self, kind: Option<Node<'_>>, node: Option<Node<'_>>) -> Option<Expr> {
        let mut node = node?;
        if node.kind() == "literal_element" {
            node = children(node).into_iter().next()?;
        }
        if node.kind() == "literal_value"
            && let Some(mut kind) = kind
        {
            if kind.kind() == "pointer_type" {
                kind = children(kind).into_iter().next()?;
            }
            let lowered = self.nest(|go| go.composite(node, kind, node))?;
            return Some(expr(node, lowered));
        }
        Some(self.expr(node))
    }

    fn struct_literal(&mut self, node: Node<'_>, kind: Node<'_>, body: Node<'_>) -> ExprKind {
        let type_name = self.type_name(kind);
        if is_collection(body) && type_name.as_ref().is_none_or(|name| !self.is_struct(name)) {
            return self.collection_literal(type_name, node, body);
        }
        let order = type_name
            .as_ref()
            .and_then(|name| self.orders.get(name))
            .cloned();
        let mut named: Vec<(Option<Name>, Expr)> = Vec::new();
        for (index, item) in children(body).into_iter().enumerate() {
            let name = match field(item, "key") {
                Some(key) => Some(self.tree.name(key)),
                None => order.as_ref().and_then(|order| order.get(index).cloned()),
            };
            if let Some(value) = self.item(None, last_part(item)) {
                named.push((name, value));
            }
        }
        let is_foreign = type_name
            .as_ref()
            .is_some_and(|name| !name.starts_with("local."));
        if is_foreign && matches!(kind.kind(), "qualified_type" | "generic_type") {
            return self.foreign_literal(node, kind, named);
        }
        let entries = named
            .into_iter()
            .map(|(name, value)| {
                let key = name.map(|name| constant(node, Const::Text(name)));
                (key, value)
            })
            .collect();
        let map = expr(node, ExprKind::Map(entries));
        match type_name {
            Some(type_name) => ExprKind::Cast(type_name, Box::new(map)),
            None => map.kind,
        }
    }

    /// A literal of a named map or list type, such as `bson.M`.
    fn collection_literal(
        &mut self,
        type_name: Option<Name>,
        node: Node<'_>,
        body: Node<'_>,
    ) -> ExprKind {
        let (mut entries, mut items) = (Vec::new(), Vec::new());
        for item in children(body) {
            let key = field(item, "key").and_then(|key| self.item(None, Some(key)));
            let value = self.item(None, last_part(item));
            match key {
                Some(key) => entries.extend(value.map(|value| (Some(key), value))),
                None => items.extend(value),
            }
        }
        let kind = if entries.is_empty() {
            ExprKind::List(items)
        } else {
            ExprKind::Map(entries)
        };
        match type_name {
            Some(type_name) => ExprKind::Cast(type_name, Box::new(expr(node, kind))),
            None => kind,
        }
    }

    /// A struct of another package is made by a call whose keywords are its fields.
    fn foreign_literal(
        &mut self,
        node: Node<'_>,
        kind: Node<'_>,
        named: Vec<(Option<Name>, Expr)>,
    ) -> ExprKind {
        let arguments: Vec<Argument> = named
            .into_iter()
            .map(|(name, value)| Argument {
                name,
                value,
                is_spread: false,
            })
            .collect();
        let full = self.type_name(kind).unwrap_or_else(|| Rc::from(""));
        if arguments.is_empty() && matches!(full.as_ref(), "strings.Builder" | "bytes.Buffer") {
            return call(node, name_expr(kind, &full), Vec::new()).kind;
        }
        let callee = match full.rsplit_once('.') {
            Some((package, name)) => {
                let package = name_expr(kind, package);
                expr(kind, ExprKind::Field(Box::new(package), Rc::from(name)))
            }
            None => name_expr(kind, &full),
        };
        ExprKind::Call(Box::new(Call {
            callee,
            arguments,
            is_new: true,
        }))
    }
}

/// Whether a literal is written as one of a map or list: its keys are no names, or its elements are literals themselves.
fn is_collection(body: Node<'_>) -> bool {
    children(body)
        .first()
        .is_some_and(|item| match field(*item, "key") {
            Some(key) => inner(key).kind() != "identifier",
            None => inner(*item).kind() == "literal_value",
        })
}

/// The expression that an element of a literal is.
fn inner(node: Node<'_>) -> Node<'_> {
    match node.kind() {
        "literal_element" => children(node).into_iter().next().unwrap_or(node),
        _ => node,
    }
}

/// The value of an element of a literal.
fn last_part(item: Node<'_>) -> Option<Node<'_>> {
    match item.kind() {
        "keyed_element" => field(item, "value"),
        "literal_element" => children(item).into_iter().next(),
        _ => Some(item),
    }
}
