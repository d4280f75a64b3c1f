//! Texts: quoted, put together, and what stands in them.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Php;
use crate::flow::ir::{Const, Expr, ExprKind};
use crate::flow::lower::tree::{children, constant, field, name_expr, text_constant, unescape};

impl Php<'_> {
    /// A literal with variables in it.
    pub(super) fn interpolated(&mut self, node: Node<'_>) -> ExprKind {
        let parts = self.parts_of_text(node);
        let is_constant = parts
            .iter()
            .all(|part| matches!(part.kind, ExprKind::Const(Const::Text(_))));
        if !is_constant {
            return ExprKind::Concat(parts);
        }
        let mut whole = String::new();
        for part in &parts {
            if let ExprKind::Const(Const::Text(text)) = &part.kind {
                whole.push_str(text);
            }
        }
        ExprKind::Const(Const::Text(Rc::from(whole)))
    }

    /// The constant and the other parts of a literal, in order.
    pub(super) fn parts_of_text(&mut self, node: Node<'_>) -> Vec<Expr> {
        let mut parts = Vec::new();
        for child in children(node) {
            match child.kind() {
                "string_content" | "nowdoc_string" => {
                    parts.push(text_constant(child, self.tree.text(child)));
                }
                "escape_sequence" => {
                    parts.push(text_constant(child, &unescape(self.tree.text(child))));
                }
                "dynamic_variable_name" => {
                    let name = children(child).first().map(|name| self.tree.text(*name));
                    let name = format!("${}", name.unwrap_or(""));
                    parts.push(name_expr(child, &name));
                }
                _ => parts.push(self.expr(child)),
            }
        }
        parts
    }

    /// The text between a literal's quotes.
    pub(super) fn text_of(&self, node: Node<'_>) -> String {
        let text = self.tree.text(node);
        unescape(text.trim_matches(['\'', '"']))
    }

    /// A heredoc or nowdoc.
    pub(super) fn heredoc(&mut self, node: Node<'_>) -> ExprKind {
        match field(node, "value") {
            Some(body) => self.interpolated(body),
            None => ExprKind::Const(Const::Text(Rc::from(""))),
        }
    }

    /// A chain of `.` as one text, in order.
    pub(super) fn joined(&mut self, node: Node<'_>) -> ExprKind {
        let mut operands = Vec::new();
        let mut at = node;
        while let Some((left, right)) = dot(at) {
            operands.push(right);
            at = left;
        }
        operands.push(at);
        operands.reverse();
        ExprKind::Concat(operands.into_iter().map(|part| self.expr(part)).collect())
    }

    /// A regular expression without its delimiters and flags.
    pub(super) fn pattern(&mut self, node: Node<'_>) -> Expr {
        let text = self.text_of(node);
        let mut characters = text.chars();
        let close = match characters.next() {
            Some('(') => ')',
            Some('{') => '}',
            Some('[') => ']',
            Some('<') => '>',
            Some(other) => other,
            None => return constant(node, Const::Other),
        };
        let inner = characters.as_str();
        let inner = inner.rfind(close).map_or(inner, |end| &inner[..end]);
        text_constant(node, inner)
    }
}

/// The two sides of a `.`.
fn dot(node: Node<'_>) -> Option<(Node<'_>, Node<'_>)> {
    let operator = field(node, "operator")?;
    (node.kind() == "binary_expression" && operator.kind() == ".")
        .then_some((field(node, "left")?, field(node, "right")?))
}
