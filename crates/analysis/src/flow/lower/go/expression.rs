//! Expressions of Go.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::super::tree::{
    call, children, constant, expr, field, name_expr, span, text_constant, unescape,
};
use super::format::{Piece, pieces};
use super::type_names::{is_harmless, own_name};
use super::{Go, Own};
use crate::flow::ir::{Argument, Call, Const, Expr, ExprKind, Name, Op, Place};

impl Go<'_> {
    /// Lowers an expression.
    pub(super) fn expr(&mut self, node: Node<'_>) -> Expr {
        let lowered = self.nest(|go| go.expr_kind(node));
        expr(node, lowered.unwrap_or(ExprKind::Const(Const::Other)))
    }

    /// Lowers what is assigned to.
    pub(super) fn place(&mut self, node: Node<'_>) -> Place {
        match node.kind() {
            "identifier" if self.tree.text(node) == "_" => Place::Ignore,
            "identifier" => Place::Name {
                name: self.resolve(self.tree.text(node)),
                declare: false,
                span: span(node),
            },
            "selector_expression" => match (field(node, "operand"), field(node, "field")) {
                (Some(operand), Some(name)) => {
                    let name = self.tree.name(name);
                    Place::Field(Box::new(self.expr(operand)), name, span(node))
                }
                _ => Place::Ignore,
            },
            "index_expression" => match (field(node, "operand"), field(node, "index")) {
                (Some(operand), Some(key)) => {
                    let operand = self.expr(operand);
                    Place::Index(Box::new(operand), Box::new(self.expr(key)), span(node))
                }
                _ => Place::Ignore,
            },
            "parenthesized_expression" => children(node)
                .first()
                .map_or(Place::Ignore, |inner| self.place(*inner)),
            // What a pointer points to is taken for the pointer itself.
            "unary_expression" => {
                field(node, "operand").map_or(Place::Ignore, |inner| self.place(inner))
            }
            _ => Place::Ignore,
        }
    }

    fn expr_kind(&mut self, node: Node<'_>) -> ExprKind {
        match node.kind() {
            "identifier" => ExprKind::Name(self.resolve(self.tree.text(node))),
            "nil" => ExprKind::Const(Const::Null),
            "true" => ExprKind::Const(Const::Bool(true)),
            "false" => ExprKind::Const(Const::Bool(false)),
            "int_literal" => ExprKind::Const(integer(self.tree.text(node))),
            "float_literal" | "imaginary_literal" | "iota" => ExprKind::Const(Const::Other),
            "interpreted_string_literal" | "raw_string_literal" | "rune_literal" => {
                ExprKind::Const(Const::Text(Rc::from(self.literal(node))))
            }
            "selector_expression" => match (field(node, "operand"), field(node, "field")) {
                (Some(operand), Some(name)) => {
                    let name = self.tree.name(name);
                    ExprKind::Field(Box::new(self.expr(operand)), name)
                }
                _ => ExprKind::Const(Const::Other),
            },
            "index_expression" => match (field(node, "operand"), field(node, "index")) {
                (Some(operand), Some(key)) => {
                    let operand = self.expr(operand);
                    ExprKind::Index(Box::new(operand), Box::new(self.expr(key)))
                }
                _ => ExprKind::Const(Const::Other),
            },
            "slice_expression" => {
                let operand = field(node, "operand").map(|operand| self.expr(operand));
                ExprKind::Parts(operand.into_iter().collect())
            }
            "call_expression" => self.call(node),
            "type_conversion_expression" => self.conversion(node),
            "type_assertion_expression" => match (field(node, "operand"), field(node, "type")) {
                (Some(operand), Some(kind)) => {
                    let value = self.expr(operand);
                    match self.type_name(kind) {
                        Some(type_name) => self.seen_as(node, type_name, value).kind,
                        None => value.kind,
                    }
                }
                _ => ExprKind::Const(Const::Other),
            },
            "unary_expression" => self.unary(node),
            "binary_expression" => self.binary(node),
            "parenthesized_expression" if children(node).len() == 1 => {
                let inner = children(node).into_iter().next();
                inner.map_or(ExprKind::Const(Const::Other), |inner| self.expr(inner).kind)
            }
            "composite_literal" => match (field(node, "type"), field(node, "body")) {
                (Some(kind), Some(body)) => self.composite(node, kind, body),
                _ => ExprKind::Const(Const::Other),
            },
            "literal_value" => ExprKind::List(
                children(node)
                    .into_iter()
                    .map(|item| self.expr(item))
                    .collect(),
            ),
            "func_literal" => ExprKind::Closure(self.closure(node)),
            _ => ExprKind::Parts(
                children(node)
                    .into_iter()
                    .map(|child| self.expr(child))
                    .collect(),
            ),
        }
    }

    fn literal(&self, node: Node<'_>) -> String {
        let text = self.tree.text(node);
        let mut inner = text.chars();
        inner.next();
        inner.next_back();
        match node.kind() {
            "raw_string_literal" => inner.as_str().to_owned(),
            _ => unescape(inner.as_str()),
        }
    }

    /// A value taken for one of a type: numbers carry nothing.
    pub(super) fn seen_as(&self, node: Node<'_>, type_name: Name, value: Expr) -> Expr {
        if is_harmless(&type_name) {
            return call(node, name_expr(node, "int"), vec![value]);
        }
        if matches!(type_name.as_ref(), "string" | "any" | "error") || type_name.starts_with("[]") {
            return value;
        }
        expr(node, ExprKind::Cast(type_name, Box::new(value)))
    }

    fn conversion(&mut self, node: Node<'_>) -> ExprKind {
        let Some(operand) = field(node, "operand") else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(operand);
        let type_name = field(node, "type").and_then(|kind| self.type_name(kind));
        match type_name {
            Some(type_name) => self.seen_as(node, type_name, value).kind,
            None => value.kind,
        }
    }

    fn unary(&mut self, node: Node<'_>) -> ExprKind {
        let Some(operand) = field(node, "operand") else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(operand);
        match field(node, "operator").map(|op| self.tree.text(op)) {
            Some("!") => ExprKind::Not(Box::new(value)),
            Some("-") => ExprKind::Negate(Box::new(value)),
            Some("^") => call(node, name_expr(node, "int"), vec![value]).kind,
            _ => value.kind,
        }
    }

    fn binary(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let op = field(node, "operator").map_or(Op::Other, |op| operator(self.tree.text(op)));
        let left = self.expr(left);
        ExprKind::Binary(op, Box::new(left), Box::new(self.expr(right)))
    }

    fn call(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(function), Some(list)) = (field(node, "function"), field(node, "arguments"))
        else {
            return ExprKind::Const(Const::Other);
        };
        let nodes = children(list);
        if let Some(known) = self.builtin(node, function, &nodes) {
            return known;
        }
        if let Some(known) = self.package_call(node, function, &nodes) {
            return known;
        }
        let callee = self.expr(function);
        let arguments = self.arguments(function, &nodes);
        ExprKind::Call(Box::new(Call {
            callee,
            arguments,
            is_new: false,
        }))
    }

    fn arguments(&mut self, function: Node<'_>, nodes: &[Node<'_>]) -> Vec<Argument> {
        let name = self.tree.text(function);
        if name.ends_with('f')
            && let Some(at) = nodes.iter().take(3).position(|node| is_text(*node))
            && let Some(format) = self.formatted(nodes[at], &nodes[at + 1..])
        {
            let mut arguments: Vec<Argument> = nodes[..at]
                .iter()
                .map(|node| self.argument(*node))
                .collect();
            arguments.push(Argument {
                name: None,
                value: format,
                is_spread: false,
            });
            return arguments;
        }
        nodes.iter().map(|node| self.argument(*node)).collect()
    }

    fn argument(&mut self, node: Node<'_>) -> Argument {
        let is_spread = node.kind() == "variadic_argument";
        let inner = if is_spread {
            children(node).into_iter().next()
        } else {
            Some(node)
        };
        Argument {
            name: None,
            value: inner.map_or_else(|| constant(node, Const::Other), |inner| self.expr(inner)),
            is_spread,
        }
    }

    /// A constant format with its arguments, as the text it makes.
    fn formatted(&mut self, format: Node<'_>, values: &[Node<'_>]) -> Option<Expr> {
        let pieces = pieces(&self.literal(format))?;
        let wanted = pieces
            .iter()
            .filter(|piece| !matches!(piece, Piece::Text(_)))
            .count();
        if wanted != values.len()
            || values
                .iter()
                .any(|value| value.kind() == "variadic_argument")
        {
            return None;
        }
        let mut values = values.iter();
        let mut parts = Vec::new();
        for piece in pieces {
            if let Piece::Text(text) = &piece {
                parts.push(text_constant(format, text));
                continue;
            }
            let node = *values.next()?;
            let value = self.expr(node);
            parts.push(match piece {
                Piece::Quoted => call(node, name_expr(node, "strconv.Quote"), vec![value]),
                Piece::Number => call(node, name_expr(node, "int"), vec![value]),
                Piece::Plain | Piece::Text(_) => value,
            });
        }
        Some(expr(format, ExprKind::Concat(parts)))
    }

    /// Conversions and built-in functions.
    fn builtin(
        &mut self,
        node: Node<'_>,
        function: Node<'_>,
        arguments: &[Node<'_>],
    ) -> Option<ExprKind> {
        let name = self.tree.text(function);
        if function.kind() != "identifier" || self.is_local(name) {
            return None;
        }
        match (name, arguments) {
            ("string" | "any", [value]) => Some(self.expr(*value).kind),
            ("make" | "new", [kind, ..]) => {
                let type_name = self.type_name(*kind);
                let zero = self.zero(node, *kind, type_name.as_ref());
                Some(match (zero, type_name) {
                    (Some(zero), _) => zero.kind,
                    (None, Some(type_name)) => {
                        let empty = expr(node, ExprKind::Parts(Vec::new()));
                        ExprKind::Cast(type_name, Box::new(empty))
                    }
                    (None, None) => ExprKind::Parts(Vec::new()),
                })
            }
            ("append", [list, items @ ..]) => Some(self.joined(*list, items)),
            (_, [value]) if is_harmless(name) => {
                let value = self.expr(*value);
                Some(call(node, name_expr(node, "int"), vec![value]).kind)
            }
            (_, [value]) => match self.types.get(name).cloned()? {
                Own::Other(under) => {
                    let value = self.expr(*value);
                    let under = under.filter(|under| is_harmless(under));
                    let type_name = under.unwrap_or_else(|| own_name(name));
                    Some(self.seen_as(node, type_name, value).kind)
                }
                Own::Class => Some(self.expr(*value).kind),
            },
            _ => None,
        }
    }

    /// `append` whose result goes elsewhere than into its list.
    fn joined(&mut self, list: Node<'_>, items: &[Node<'_>]) -> ExprKind {
        let first = self.expr(list);
        let is_spread = items.iter().any(|item| item.kind() == "variadic_argument");
        let items = items.iter().map(|item| self.argument(*item).value);
        match first.kind {
            ExprKind::List(mut known) if !is_spread => {
                known.extend(items);
                ExprKind::List(known)
            }
            _ => {
                let mut parts = vec![first];
                parts.extend(items);
                ExprKind::Concat(parts)
            }
        }
    }

    /// Functions of the standard library that are operators in other languages.
    fn package_call(
        &mut self,
        node: Node<'_>,
        function: Node<'_>,
        arguments: &[Node<'_>],
    ) -> Option<ExprKind> {
        if function.kind() != "selector_expression" {
            return None;
        }
        let (operand, name) = (field(function, "operand")?, field(function, "field")?);
        let package = self.package(self.tree.text(operand))?;
        match (package.as_ref(), self.tree.text(name), arguments) {
            ("strings" | "bytes", "Contains", [text, part])
            | ("slices", "Contains", [text, part]) => {
                let text = self.expr(*text);
                let part = self.expr(*part);
                Some(ExprKind::Binary(Op::In, Box::new(part), Box::new(text)))
            }
            ("strings", "EqualFold", [left, right]) => {
                let left = self.expr(*left);
                let right = self.expr(*right);
                Some(ExprKind::Binary(Op::Equal, Box::new(left), Box::new(right)))
            }
            ("fmt", "Sprintf", [format, values @ ..]) if is_text(*format) => {
                self.formatted(*format, values).map(|format| format.kind)
            }
            ("errors", "New", _) | ("fmt", "Errorf", _) => {
                // An error is not nil; what it says is of no interest.
                Some(ExprKind::Not(Box::new(constant(node, Const::Null))))
            }
            _ => None,
        }
    }
}

fn is_text(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "interpreted_string_literal" | "raw_string_literal"
    )
}

fn integer(text: &str) -> Const {
    let text = text.replace('_', "").to_ascii_lowercase();
    let parsed = match text.get(..2) {
        Some("0x") => i64::from_str_radix(&text[2..], 16),
        Some("0b") => i64::from_str_radix(&text[2..], 2),
        Some("0o") => i64::from_str_radix(&text[2..], 8),
        _ if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(&text[1..], 8),
        _ => text.parse(),
    };
    parsed.map_or(Const::Other, Const::Int)
}

/// An operator by its sign.
pub(super) fn operator(text: &str) -> Op {
    match text {
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Modulo,
        "==" => Op::Equal,
        "!=" => Op::NotEqual,
        "<" => Op::Less,
        "<=" => Op::LessEqual,
        ">" => Op::Greater,
        ">=" => Op::GreaterEqual,
        "&&" => Op::And,
        "||" => Op::Or,
        _ => Op::Other,
    }
}
