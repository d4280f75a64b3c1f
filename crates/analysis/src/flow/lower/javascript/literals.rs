//! Text, templates, regular expressions, objects and JSX.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Script;
use crate::flow::ir::{Const, Expr, ExprKind, Place};
use crate::flow::lower::tree::{
    child_of_kind, children, constant, expr, field, name_expr, span, text_constant, unescape,
};

impl Script<'_> {
    pub(super) fn string(&self, node: Node<'_>) -> ExprKind {
        let text = self.tree.text(node);
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
        ExprKind::Const(Const::Text(Rc::from(unescape(inner))))
    }

    pub(super) fn number(&self, node: Node<'_>) -> ExprKind {
        let text = self.tree.text(node).replace('_', "");
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => i64::from_str_radix(digits, 16),
            None => text.trim_end_matches('n').parse(),
        };
        ExprKind::Const(number.map_or(Const::Other, Const::Int))
    }

    /// A regular expression as the text of its pattern, so that checks against it can be judged.
    pub(super) fn regex(&self, node: Node<'_>) -> ExprKind {
        let pattern = field(node, "pattern").map_or("", |pattern| self.tree.text(pattern));
        let is_multiline =
            field(node, "flags").is_some_and(|flags| self.tree.text(flags).contains('m'));
        if is_multiline {
            // `^` and `$` match at every line break then: the pattern says nothing of the whole.
            return ExprKind::Const(Const::Text(Rc::from(format!("(?m){pattern}"))));
        }
        ExprKind::Const(Const::Text(Rc::from(pattern)))
    }

    /// The constant pieces and the values of a template, in order.
    pub(super) fn template_parts(&mut self, node: Node<'_>) -> Vec<Expr> {
        let mut parts = Vec::new();
        let mut fixed_from = node.start_byte() + 1;
        for child in children(node) {
            if child.kind() != "template_substitution" {
                continue;
            }
            self.fixed_text(node, fixed_from, child.start_byte(), &mut parts);
            fixed_from = child.end_byte();
            parts.extend(self.first(child));
        }
        self.fixed_text(
            node,
            fixed_from,
            node.end_byte().saturating_sub(1),
            &mut parts,
        );
        parts
    }

    fn fixed_text(&self, node: Node<'_>, from: usize, to: usize, parts: &mut Vec<Expr>) {
        if let Some(text) = self.tree.text.get(from..to)
            && !text.is_empty()
        {
            parts.push(text_constant(node, &unescape(text)));
        }
    }

    pub(super) fn template(&mut self, node: Node<'_>) -> ExprKind {
        let mut parts = self.template_parts(node);
        match parts.len() {
            0 => ExprKind::Const(Const::Text(Rc::from(""))),
            1 if matches!(parts[0].kind, ExprKind::Const(_)) => parts.remove(0).kind,
            _ => {
                // A template is text even if it holds nothing but one value.
                if parts.len() == 1 {
                    parts.insert(0, text_constant(node, ""));
                }
                ExprKind::Concat(parts)
            }
        }
    }

    pub(super) fn object(&mut self, node: Node<'_>) -> ExprKind {
        let mut entries = Vec::new();
        for child in children(node) {
            match child.kind() {
                "pair" => {
                    let key = field(child, "key").map(|key| self.property_key(key));
                    entries.push((key, self.expr_of(child, "value")));
                }
                "shorthand_property_identifier" => {
                    let name = self.tree.text(child);
                    entries.push((Some(text_constant(child, name)), self.identifier(child)));
                }
                "method_definition" => {
                    let key = field(child, "name").map(|key| self.property_key(key));
                    let id = self.closure(child);
                    entries.push((key, expr(child, ExprKind::Closure(id))));
                }
                _ => entries.extend(self.first(child).map(|value| (None, value))),
            }
        }
        ExprKind::Map(entries)
    }

    fn property_key(&mut self, key: Node<'_>) -> Expr {
        match key.kind() {
            "string" | "number" => self.expr(key),
            "computed_property_name" => self
                .first(key)
                .unwrap_or_else(|| constant(key, Const::Other)),
            _ => text_constant(key, self.tree.text(key)),
        }
    }

    /// JSX: what is shown is escaped; properties that take HTML or addresses are assignments to fields.
    pub(super) fn jsx(&mut self, node: Node<'_>) -> ExprKind {
        let mut parts = Vec::new();
        self.jsx_parts(node, &mut parts);
        ExprKind::Not(Box::new(expr(node, ExprKind::List(parts))))
    }

    fn jsx_parts(&mut self, node: Node<'_>, parts: &mut Vec<Expr>) {
        for child in children(node) {
            match child.kind() {
                "jsx_opening_element" => self.jsx_parts(child, parts),
                "jsx_attribute" => parts.extend(self.jsx_attribute(child)),
                "jsx_expression" | "jsx_element" | "jsx_self_closing_element" | "jsx_fragment" => {
                    parts.push(self.expr(child));
                }
                _ => {}
            }
        }
    }

    fn jsx_attribute(&mut self, node: Node<'_>) -> Option<Expr> {
        let parts = children(node);
        let (name, value) = (parts.first()?, parts.get(1)?);
        let lowered = self.expr(*value);
        let name = self.tree.name(*name);
        if !matches!(name.as_ref(), "dangerouslySetInnerHTML" | "srcDoc" | "href") {
            return Some(lowered);
        }
        let place = Place::Field(Box::new(name_expr(node, "<jsx>")), name, span(node));
        Some(expr(
            node,
            ExprKind::Assign(Box::new(place), Box::new(lowered)),
        ))
    }

    /// `tag` followed by a template: the fixed text comes first, every value is an argument of its own.
    pub(super) fn tagged(
        &mut self,
        node: Node<'_>,
        function: Node<'_>,
        template: Node<'_>,
    ) -> ExprKind {
        if self.tree.text(function) == "String.raw" {
            return self.template(template);
        }
        let callee = self.expr(function);
        let fixed: String = children(template)
            .into_iter()
            .filter(|child| child.kind() == "string_fragment")
            .map(|child| self.tree.text(child))
            .collect();
        let mut arguments = vec![text_constant(template, &fixed)];
        for child in children(template) {
            if child.kind() == "template_substitution" {
                arguments.extend(self.first(child));
            }
        }
        super::super::tree::call(node, callee, arguments).kind
    }

    /// The object literal's entries that are short enough to be looked at as options of a call.
    pub(super) fn options(&mut self, node: Node<'_>) -> Vec<(String, Expr)> {
        let mut options = Vec::new();
        for child in children(node) {
            let (name, value) = match (field(child, "key"), field(child, "value")) {
                (Some(key), Some(value)) => (self.key_name(key), value),
                _ if child.kind() == "shorthand_property_identifier" => {
                    (self.tree.name(child), child)
                }
                _ => continue,
            };
            let is_plain = matches!(
                value.kind(),
                "identifier"
                    | "shorthand_property_identifier"
                    | "member_expression"
                    | "subscript_expression"
                    | "string"
                    | "template_string"
                    | "true"
                    | "false"
                    | "null"
                    | "number"
                    | "binary_expression"
                    | "call_expression"
                    | "array"
            );
            let is_short = value.end_byte() - value.start_byte() < 160;
            if is_plain && is_short && child_of_kind(value, "statement_block").is_none() {
                let value = if value.kind() == "shorthand_property_identifier" {
                    expr(value, self.identifier(value).kind)
                } else {
                    self.expr(value)
                };
                options.push((format!(".{name}"), value));
            }
        }
        options
    }
}
