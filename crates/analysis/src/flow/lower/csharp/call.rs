//! Calls, and objects that are made.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::CSharp;
use super::request::MAPPERS;
use crate::flow::ir::{Argument, Const, Expr, ExprKind, Name, Place, Stmt};
use crate::flow::lower::tree::{
    call, called, child_of_kind, children, constant, expr, field, made, name_expr, span,
};

/// How many elements an array of a constant size is followed with.
const MAX_ARRAY: i64 = 64;

impl<'n> CSharp<'_, 'n> {
    pub(super) fn invocation(&mut self, node: Node<'n>) -> ExprKind {
        let Some(function) = field(node, "function") else {
            return ExprKind::Const(Const::Other);
        };
        let (object, name) = match function.kind() {
            "member_access_expression" => (field(function, "expression"), field(function, "name")),
            "member_binding_expression" => (
                self.conditions.last().copied(),
                field(function, "name").or_else(|| children(function).first().copied()),
            ),
            _ => (None, Some(function)),
        };
        let Some(name) = name.map(|name| self.simple_name(name)) else {
            return ExprKind::Const(Const::Other);
        };
        let word = MAPPERS.into_iter().find(|mapper| *mapper == name.as_ref());
        let arguments = self.arguments_of(node, word);
        let Some(object) = object else {
            let callee = match function.kind() {
                "identifier" | "generic_name" => self.own_callee(function, &name),
                _ => self.expr(function),
            };
            return called(callee, arguments);
        };
        let receiver = self.expr(object);
        match (name.as_ref(), arguments.is_empty()) {
            ("ToString" | "AsSpan" | "ConfigureAwait" | "GetAwaiter", true) => receiver.kind,
            ("ConfigureAwait", false) => receiver.kind,
            _ => {
                let name = Rc::from(known_as(&name));
                let callee = expr(node, ExprKind::Field(Box::new(receiver), name));
                called(callee, arguments)
            }
        }
    }

    /// A name without its type arguments.
    pub(super) fn simple_name(&self, node: Node<'_>) -> Name {
        let text = self.tree.text(node);
        Rc::from(text.split('<').next().unwrap_or(text).trim())
    }

    fn arguments_of(&mut self, node: Node<'n>, word: Option<&str>) -> Vec<Argument> {
        match field(node, "arguments").or_else(|| child_of_kind(node, "argument_list")) {
            Some(list) => self.arguments(list, word),
            None => Vec::new(),
        }
    }

    fn arguments(&mut self, list: Node<'n>, word: Option<&str>) -> Vec<Argument> {
        let mut arguments = Vec::new();
        for node in children(list) {
            if node.kind() != "argument" {
                continue;
            }
            let Some(value) = children(node).last().copied() else {
                continue;
            };
            let lowered = match (value.kind(), word) {
                ("lambda_expression", Some(word)) => {
                    let closure = self.lambda(value, Some(word));
                    expr(value, closure)
                }
                _ => self.expr(value),
            };
            arguments.push(Argument {
                name: field(node, "name").map(|name| self.tree.name(name)),
                value: lowered,
                is_spread: false,
            });
        }
        arguments
    }

    pub(super) fn values(&mut self, list: Node<'n>) -> Vec<Expr> {
        let arguments = self.arguments(list, None);
        arguments
            .into_iter()
            .map(|argument| argument.value)
            .collect()
    }

    /// `new Type(…) { … }`; `expected` is the type where it is left out.
    pub(super) fn creation(&mut self, node: Node<'n>, expected: Option<&Name>) -> ExprKind {
        let type_name = field(node, "type")
            .and_then(|node| self.type_of(node))
            .or_else(|| expected.cloned())
            .unwrap_or_default();
        let arguments = self.arguments_of(node, None);
        let made = made(name_expr(node, &type_name), arguments);
        let Some(initializer) = field(node, "initializer") else {
            return made;
        };
        self.initialized(node, expr(node, made), initializer)
    }

    /// An object with what is put into it at once: a function that makes it, fills it and gives it back.
    fn initialized(&mut self, node: Node<'n>, made: Expr, initializer: Node<'n>) -> ExprKind {
        let own: Name = Rc::from(format!("<new {}>", node.start_byte()));
        let id = self.closure_of(node, |csharp| {
            let mut block = vec![Stmt::Declare {
                name: Rc::clone(&own),
                type_name: None,
                value: Some(made),
                span: span(node),
            }];
            for entry in children(initializer) {
                block.push(Stmt::Expr(csharp.entry(entry, &own)));
            }
            block.push(Stmt::Return(Some(name_expr(node, &own)), span(node)));
            block
        });
        call(node, expr(node, ExprKind::Closure(id)), Vec::new()).kind
    }

    fn entry(&mut self, entry: Node<'n>, own: &Name) -> Expr {
        let object = || Box::new(name_expr(entry, own));
        let at = span(entry);
        let parts = children(entry);
        match (
            entry.kind(),
            field(entry, "left"),
            field(entry, "right"),
            parts.as_slice(),
        ) {
            ("assignment_expression", Some(left), Some(right), _) => {
                let value = Box::new(self.expr(right));
                let place = if left.kind() == "element_binding_expression" {
                    let key = self.values(left).into_iter().next();
                    let key = key.unwrap_or_else(|| constant(left, Const::Other));
                    Place::Index(object(), Box::new(key), span(left))
                } else {
                    Place::Field(object(), self.tree.name(left), at)
                };
                expr(entry, ExprKind::Assign(Box::new(place), value))
            }
            ("initializer_expression", _, _, [key, value]) => {
                let key = Box::new(self.expr(*key));
                let place = Place::Index(object(), key, at);
                let value = Box::new(self.expr(*value));
                expr(entry, ExprKind::Assign(Box::new(place), value))
            }
            _ => {
                let value = self.expr(entry);
                let callee = expr(entry, ExprKind::Field(object(), Rc::from("add")));
                call(entry, callee, vec![value])
            }
        }
    }

    pub(super) fn array(&mut self, node: Node<'n>) -> ExprKind {
        if let Some(initializer) = child_of_kind(node, "initializer_expression") {
            return ExprKind::List(self.elements(initializer));
        }
        let size = node
            .descendants()
            .find(|inner| inner.kind() == "integer_literal")
            .map(|inner| self.expr(inner).kind);
        match size {
            Some(ExprKind::Const(Const::Int(count))) if (0..=MAX_ARRAY).contains(&count) => {
                ExprKind::List((0..count).map(|_| constant(node, Const::Null)).collect())
            }
            _ => ExprKind::List(Vec::new()),
        }
    }

    pub(super) fn elements(&mut self, node: Node<'n>) -> Vec<Expr> {
        children(node)
            .into_iter()
            .map(|value| self.expr(value))
            .collect()
    }
}

/// The name under which a method that puts something into a container, or asks it, is known in all languages.
fn known_as(name: &str) -> &str {
    match name {
        "Add" | "Enqueue" | "Push" | "AddLast" => "add",
        "AddRange" => "addAll",
        "Append" | "AppendLine" | "AppendFormat" => "append",
        "Contains" => "contains",
        "ContainsKey" => "containsKey",
        "Clear" => "clear",
        other => other,
    }
}
