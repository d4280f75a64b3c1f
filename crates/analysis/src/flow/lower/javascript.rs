//! JavaScript, TypeScript and JSX to the small language.

mod declarations;
mod expressions;
mod imports;
mod literals;
mod statements;

use std::rc::Rc;

use crate::source::syntax::Node;

use super::tree::{Lowering, children, constant, expr, field, span};
use crate::flow::ir::{ClassId, Const, Expr, ExprKind, Name, Place, Unit};

/// Lowers a script or module.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut script = Script {
        tree: Lowering::new(text),
        functions: 0,
        class: None,
        patterns: 0,
    };
    script.imports(root, 0);
    let body = script.statements(root);
    script.tree.unit.functions[0].body = body;
    script.tree.unit
}

/// A file being lowered.
struct Script<'t> {
    tree: Lowering<'t>,
    /// How many functions the current place is nested in.
    functions: u32,
    /// The class whose body is being lowered.
    class: Option<ClassId>,
    /// How many parameters are patterns, which get names of their own.
    patterns: u32,
}

impl Script<'_> {
    fn nest<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.tree.enter()?;
        let result = act(self);
        self.tree.leave();
        Some(result)
    }

    /// The expression under a field, or something unknown.
    fn expr_of(&mut self, node: Node<'_>, name: &str) -> Expr {
        match field(node, name) {
            Some(inner) => self.expr(inner),
            None => constant(node, Const::Other),
        }
    }

    /// The first child as an expression.
    fn first(&mut self, node: Node<'_>) -> Option<Expr> {
        children(node)
            .into_iter()
            .next()
            .map(|child| self.expr(child))
    }

    /// All children, of which only what they carry matters.
    fn parts(&mut self, node: Node<'_>) -> ExprKind {
        ExprKind::Parts(
            children(node)
                .into_iter()
                .map(|child| self.expr(child))
                .collect(),
        )
    }

    fn expr(&mut self, node: Node<'_>) -> Expr {
        match self.nest(|script| script.expr_kind(node)) {
            Some(kind) => expr(node, kind),
            None => constant(node, Const::Other),
        }
    }

    /// Where an assignment or a pattern puts its value.
    fn place(&mut self, node: Node<'_>, declare: bool) -> Place {
        self.nest(|script| script.place_kind(node, declare))
            .unwrap_or(Place::Ignore)
    }

    fn place_kind(&mut self, node: Node<'_>, declare: bool) -> Place {
        match node.kind() {
            "identifier"
            | "shorthand_property_identifier_pattern"
            | "shorthand_property_identifier" => Place::Name {
                name: self.tree.name(node),
                declare,
                span: span(node),
            },
            "member_expression" => match (field(node, "object"), field(node, "property")) {
                (Some(object), Some(name)) => Place::Field(
                    Box::new(self.expr(object)),
                    self.tree.name(name),
                    span(node),
                ),
                _ => Place::Ignore,
            },
            "subscript_expression" => match (field(node, "object"), field(node, "index")) {
                (Some(object), Some(index)) => Place::Index(
                    Box::new(self.expr(object)),
                    Box::new(self.expr(index)),
                    span(node),
                ),
                _ => Place::Ignore,
            },
            "object_pattern" | "object" => self.object_place(node, declare),
            "array_pattern" | "array" => self.array_place(node, declare),
            "assignment_pattern" | "object_assignment_pattern" | "assignment_expression" => {
                match field(node, "left") {
                    Some(left) => self.place(left, declare),
                    None => Place::Ignore,
                }
            }
            "rest_pattern"
            | "spread_element"
            | "parenthesized_expression"
            | "non_null_expression"
            | "as_expression"
            | "satisfies_expression" => match children(node).first() {
                Some(inner) => self.place(*inner, declare),
                None => Place::Ignore,
            },
            _ => Place::Ignore,
        }
    }

    fn object_place(&mut self, node: Node<'_>, declare: bool) -> Place {
        let mut places = Vec::new();
        for child in children(node) {
            match child.kind() {
                "pair_pattern" | "pair" => {
                    if let (Some(key), Some(value)) = (field(child, "key"), field(child, "value")) {
                        places.push((self.key_name(key), self.place(value, declare)));
                    }
                }
                "rest_pattern" | "spread_element" => {
                    places.push((Rc::from("..."), self.place(child, declare)));
                }
                _ => {
                    let named = field(child, "left").unwrap_or(child);
                    places.push((self.tree.name(named), self.place(child, declare)));
                }
            }
        }
        Place::Fields(places)
    }

    /// The places of an array pattern; holes count.
    fn array_place(&mut self, node: Node<'_>, declare: bool) -> Place {
        let mut places = Vec::new();
        let mut is_open = true;
        for part in node.children() {
            if part.kind() == "," {
                if is_open {
                    places.push(Place::Ignore);
                }
                is_open = true;
            } else if part.is_named() && !part.is_extra() {
                places.push(self.place(part, declare));
                is_open = false;
            }
        }
        Place::Sequence(places)
    }

    /// What a property is called, as written.
    fn key_name(&self, key: Node<'_>) -> Name {
        let text = self.tree.text(key);
        Rc::from(text.trim_matches(['"', '\'']))
    }
}
