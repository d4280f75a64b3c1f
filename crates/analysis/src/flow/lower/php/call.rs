//! Calls, and the constructs of the language that act like calls.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::{Php, dotted};
use crate::flow::ir::{Argument, Const, Expr, ExprKind, Name, Op, Place};
use crate::flow::lower::tree::{
    call, called, child_of_kind, children, constant, expr, field, made, name_expr, span,
    text_constant,
};

impl Php<'_> {
    /// `name(…)`, `$variable(…)`.
    pub(super) fn function_call(&mut self, node: Node<'_>) -> ExprKind {
        let Some(function) = field(node, "function") else {
            return ExprKind::Const(Const::Other);
        };
        let arguments = self.arguments_of(node);
        if !matches!(function.kind(), "name" | "qualified_name") {
            let callee = self.expr(function);
            return called(callee, arguments);
        }
        let written = self.tree.text(function);
        // A function that a namespace does not have is the one of that name without a namespace.
        let name = match self.full_name(written) {
            name if name.as_ref() == dotted(written) && !written.contains('\\') => {
                Rc::from(name.to_ascii_lowercase())
            }
            name => name,
        };
        if self.tree.unit.named.contains_key(written) {
            return called(name_expr(function, written), arguments);
        }
        self.known_function(node, function, &name, arguments)
    }

    /// Functions of the language whose meaning the small language has words for.
    fn known_function(
        &mut self,
        node: Node<'_>,
        function: Node<'_>,
        name: &Name,
        mut arguments: Vec<Argument>,
    ) -> ExprKind {
        let list: Vec<Node<'_>> = field(node, "arguments").map(children).unwrap_or_default();
        let first = list.first().and_then(|argument| value_of(*argument));
        match (name.as_ref(), arguments.len()) {
            ("in_array" | "array_key_exists" | "key_exists", 2..) => {
                let mut values = arguments.into_iter().map(|argument| argument.value);
                let (value, all) = (values.next(), values.next());
                match (value, all) {
                    (Some(value), Some(all)) if name.as_ref() == "in_array" => {
                        ExprKind::Binary(Op::In, Box::new(value), Box::new(all))
                    }
                    (Some(value), Some(all)) => {
                        let all = call(node, name_expr(function, "array_keys"), vec![all]);
                        ExprKind::Binary(Op::In, Box::new(value), Box::new(all))
                    }
                    _ => ExprKind::Const(Const::Other),
                }
            }
            ("isset", 1..) => match first {
                Some(taken) if taken.kind() == "subscript_expression" => self.has_key(taken),
                _ => ExprKind::Parts(vec![constant(node, Const::Other)]),
            },
            ("str_contains", 2) | ("strpos" | "stripos" | "mb_strpos" | "strstr", 2..) => {
                let mut values = arguments.into_iter().map(|argument| argument.value);
                match (values.next(), values.next()) {
                    (Some(text), Some(needle)) => {
                        ExprKind::Binary(Op::In, Box::new(needle), Box::new(text))
                    }
                    _ => ExprKind::Const(Const::Other),
                }
            }
            ("preg_match" | "preg_replace" | "preg_split", 1..) => {
                if let Some(pattern) = first.filter(|first| is_literal(*first)) {
                    arguments[0].value = self.pattern(pattern);
                }
                called(name_expr(function, name), arguments)
            }
            ("file_get_contents" | "fopen", 1..)
                if first.is_some_and(|first| self.text_of(first) == "php://input") =>
            {
                called(name_expr(function, "php://input"), Vec::new())
            }
            // What was filtered while it was read.
            ("filter_input", 3..) => {
                let rest = arguments.split_off(2);
                let read = called(name_expr(function, name), arguments);
                let mut values = vec![expr(node, read)];
                values.extend(rest.into_iter().map(|argument| argument.value));
                call(node, name_expr(function, "filter_var"), values).kind
            }
            ("header", 1..) => self.header(function, arguments),
            ("compact", _) => ExprKind::Map(
                list.iter()
                    .filter_map(|argument| value_of(*argument))
                    .map(|key| {
                        let name = self.text_of(key);
                        let value = name_expr(key, &format!("${name}"));
                        (Some(text_constant(key, &name)), value)
                    })
                    .collect(),
            ),
            ("define", 2..) => {
                let value = arguments.into_iter().nth(1).map(|argument| argument.value);
                if let (Some(name), Some(value)) = (first, value) {
                    let place = Place::Name {
                        name: Rc::from(self.text_of(name)),
                        declare: false,
                        span: span(name),
                    };
                    return ExprKind::Assign(Box::new(place), Box::new(value));
                }
                ExprKind::Const(Const::Other)
            }
            _ => called(name_expr(function, name), arguments),
        }
    }

    /// `isset($a[$key])` of a table: the key is one of the table's.
    fn has_key(&mut self, node: Node<'_>) -> ExprKind {
        match children(node).as_slice() {
            [base, key] if !is_literal(*key) => {
                let all = self.expr(*base);
                let all = call(node, name_expr(*base, "array_keys"), vec![all]);
                ExprKind::Binary(Op::In, Box::new(self.expr(*key)), Box::new(all))
            }
            _ => ExprKind::Parts(vec![constant(node, Const::Other)]),
        }
    }

    /// `header('Location: ' . $where)` leads somewhere; only what stands behind the colon counts.
    fn header(&mut self, function: Node<'_>, mut arguments: Vec<Argument>) -> ExprKind {
        let leads = match &mut arguments[0].value.kind {
            ExprKind::Concat(parts) => parts.first_mut(),
            _ => None,
        };
        let Some(first) = leads else {
            return called(name_expr(function, "header"), arguments);
        };
        if let ExprKind::Const(Const::Text(text)) = &first.kind
            && text
                .get(..9)
                .is_some_and(|name| name.eq_ignore_ascii_case("location:"))
        {
            let rest = Rc::from(text[9..].trim_start());
            first.kind = ExprKind::Const(Const::Text(rest));
            return called(name_expr(function, "location.header"), arguments);
        }
        called(name_expr(function, "header"), arguments)
    }

    /// `$object->name(…)`.
    pub(super) fn method_call(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(object), Some(name)) = (field(node, "object"), field(node, "name")) else {
            return ExprKind::Const(Const::Other);
        };
        let receiver = self.expr(object);
        let arguments = self.arguments_of(node);
        if name.kind() != "name" {
            let mut parts = vec![self.expr(name), receiver];
            parts.extend(arguments.into_iter().map(|argument| argument.value));
            return call(node, name_expr(node, "call_user_func"), parts).kind;
        }
        let name = self.tree.name(name);
        called(
            expr(node, ExprKind::Field(Box::new(receiver), name)),
            arguments,
        )
    }

    /// `Class::name(…)`; on its own class or the one it extends it may be a method of the object.
    pub(super) fn static_call(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(scope), Some(name)) = (field(node, "scope"), field(node, "name")) else {
            return ExprKind::Const(Const::Other);
        };
        let arguments = self.arguments_of(node);
        let class = self.class_name(scope);
        let method = match self.tree.text(name) {
            "__construct" => Rc::from("<new>"),
            other => Rc::from(other),
        };
        let is_static = self
            .methods
            .get(&(Rc::clone(&class), Rc::clone(&method)))
            .copied();
        let is_relative = matches!(self.tree.text(scope), "self" | "static" | "parent");
        let receiver = if is_relative && is_static != Some(true) {
            let this = Box::new(name_expr(scope, "$this"));
            expr(scope, ExprKind::Cast(class, this))
        } else {
            name_expr(scope, &class)
        };
        called(
            expr(node, ExprKind::Field(Box::new(receiver), method)),
            arguments,
        )
    }

    /// `new Class(…)`.
    pub(super) fn creation(&mut self, node: Node<'_>) -> ExprKind {
        let inner = child_of_kind(node, "anonymous_class");
        let arguments = child_of_kind(inner.unwrap_or(node), "arguments")
            .map(|list| self.arguments(list))
            .unwrap_or_default();
        if let Some(class) = inner {
            let base = child_of_kind(class, "base_clause")
                .and_then(|base| children(base).first().copied())
                .map(|base| self.full_name(self.tree.text(base)));
            let own: Name = Rc::from(format!("<class {}>", class.start_byte()));
            self.class_called(class, &own);
            let made = made(name_expr(class, &own), arguments);
            return match base {
                Some(base) => ExprKind::Cast(base, Box::new(expr(class, made))),
                None => made,
            };
        }
        let class = children(node).into_iter().find(|child| {
            matches!(
                child.kind(),
                "name" | "qualified_name" | "relative_scope" | "named_type"
            )
        });
        match class {
            Some(class) => {
                let name = self.class_name(class);
                made(name_expr(class, &name), arguments)
            }
            // A class whose name is a value.
            None => {
                let mut parts: Vec<Expr> = children(node)
                    .into_iter()
                    .filter(|child| child.kind() != "arguments")
                    .map(|child| self.expr(child))
                    .collect();
                parts.extend(arguments.into_iter().map(|argument| argument.value));
                call(node, name_expr(node, "<class>.new"), parts).kind
            }
        }
    }

    fn arguments_of(&mut self, node: Node<'_>) -> Vec<Argument> {
        field(node, "arguments")
            .map(|list| self.arguments(list))
            .unwrap_or_default()
    }

    fn arguments(&mut self, list: Node<'_>) -> Vec<Argument> {
        let mut arguments = Vec::new();
        for node in children(list) {
            if node.kind() != "argument" {
                continue;
            }
            let Some(value) = value_of(node) else {
                continue;
            };
            let is_spread = value.kind() == "variadic_unpacking";
            let value = if is_spread {
                children(value).first().copied().unwrap_or(value)
            } else {
                value
            };
            arguments.push(Argument {
                name: field(node, "name").map(|name| self.tree.name(name)),
                value: self.expr(value),
                is_spread,
            });
        }
        arguments
    }
}

/// What an argument holds, behind its name.
fn value_of(argument: Node<'_>) -> Option<Node<'_>> {
    children(argument).last().copied()
}

fn is_literal(node: Node<'_>) -> bool {
    matches!(node.kind(), "string" | "integer")
        || node.kind() == "encapsed_string"
            && children(node)
                .iter()
                .all(|part| matches!(part.kind(), "string_content" | "escape_sequence"))
}
