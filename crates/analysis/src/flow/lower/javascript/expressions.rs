//! Expressions.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Script;
use super::declarations::is_function;
use crate::flow::ir::{Argument, Call, Const, Expr, ExprKind, FunctionId, Op};
use crate::flow::lower::tree::{call, children, constant, expr, field, name_expr};

impl Script<'_> {
    pub(super) fn expr_kind(&mut self, node: Node<'_>) -> ExprKind {
        match node.kind() {
            "identifier" | "shorthand_property_identifier" | "undefined" | "this" | "super" => {
                self.identifier(node).kind
            }
            "string" => self.string(node),
            "number" => self.number(node),
            "template_string" => self.template(node),
            "regex" => self.regex(node),
            "true" => ExprKind::Const(Const::Bool(true)),
            "false" => ExprKind::Const(Const::Bool(false)),
            "null" => ExprKind::Const(Const::Null),
            "object" => self.object(node),
            "array" => self.array(node),
            "arrow_function" | "function_expression" | "function" | "generator_function" => {
                ExprKind::Closure(self.closure(node))
            }
            "function_declaration" | "generator_function_declaration" => {
                ExprKind::Closure(self.closure(node))
            }
            "class" | "class_declaration" => ExprKind::Name(self.class(node, None)),
            "member_expression" => self.member(node),
            "subscript_expression" => ExprKind::Index(
                Box::new(self.expr_of(node, "object")),
                Box::new(self.expr_of(node, "index")),
            ),
            "call_expression" => self.call(node),
            "new_expression" => self.new_expression(node),
            "assignment_expression" => self.assignment(node),
            "augmented_assignment_expression" => self.augmented(node),
            "unary_expression" => self.unary(node),
            "update_expression" => self.increment(node),
            "binary_expression" => self.binary(node),
            "ternary_expression" => ExprKind::Conditional(Box::new([
                self.expr_of(node, "condition"),
                self.expr_of(node, "consequence"),
                self.expr_of(node, "alternative"),
            ])),
            "as_expression" | "satisfies_expression" | "type_assertion" => self.cast(node),
            "parenthesized_expression"
            | "await_expression"
            | "non_null_expression"
            | "expression_statement"
            | "instantiation_expression"
            | "jsx_expression"
            | "spread_element" => match children(node).first() {
                Some(inner) => self.expr_kind_nested(*inner),
                None => ExprKind::Const(Const::Other),
            },
            "sequence_expression" => self.sequence(node),
            "jsx_element" | "jsx_self_closing_element" | "jsx_fragment" => self.jsx(node),
            _ => self.parts(node),
        }
    }

    fn expr_kind_nested(&mut self, node: Node<'_>) -> ExprKind {
        self.nest(|script| script.expr_kind(node))
            .unwrap_or(ExprKind::Const(Const::Other))
    }

    pub(super) fn identifier(&self, node: Node<'_>) -> Expr {
        match self.tree.text(node) {
            "undefined" => constant(node, Const::Null),
            "NaN" | "Infinity" => constant(node, Const::Other),
            "super" => name_expr(node, "this"),
            name => name_expr(node, name),
        }
    }

    fn array(&mut self, node: Node<'_>) -> ExprKind {
        let items = children(node);
        if items.iter().any(|item| item.kind() == "spread_element") {
            // What is spread has an unknown number of elements.
            let parts = items.into_iter().map(|item| self.expr(item)).collect();
            let list = ExprKind::List(parts);
            return call(node, name_expr(node, "<spread>"), vec![expr(node, list)]).kind;
        }
        ExprKind::List(items.into_iter().map(|item| self.expr(item)).collect())
    }

    fn member(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(object), Some(property)) = (field(node, "object"), field(node, "property"))
        else {
            return self.parts(node);
        };
        let name = self.tree.name(property);
        if name.as_ref() == "default" && self.required_module(object).is_some() {
            return self.expr_kind_nested(object);
        }
        ExprKind::Field(Box::new(self.expr(object)), name)
    }

    fn sequence(&mut self, node: Node<'_>) -> ExprKind {
        // `(0, f)(x)` and `a = 1, b = 2`: the last one is the value, the others are evaluated.
        self.parts(node)
    }

    fn call(&mut self, node: Node<'_>) -> ExprKind {
        if let Some(module) = self.required_module(node) {
            return self.module_value(module);
        }
        let Some(function) = field(node, "function") else {
            return self.parts(node);
        };
        let Some(list) = field(node, "arguments") else {
            return self.parts(node);
        };
        if list.kind() == "template_string" {
            return self.tagged(node, function, list);
        }
        let nodes = children(list);
        if let ([only], true) = (nodes.as_slice(), self.is_promisify(function)) {
            return self.expr_kind_nested(*only);
        }
        let callee = if function.kind() == "super" {
            let this = name_expr(function, "this");
            expr(
                function,
                ExprKind::Field(Box::new(this), Rc::from("<super>")),
            )
        } else {
            self.expr(function)
        };
        let arguments = self.arguments(&nodes);
        self.type_callback(function, &nodes, &arguments);
        ExprKind::Call(Box::new(Call {
            callee,
            arguments,
            is_new: false,
        }))
    }

    /// `promisify(f)` is `f` for everything that matters here.
    fn is_promisify(&self, function: Node<'_>) -> bool {
        matches!(
            self.tree.text(function),
            "promisify" | "util.promisify" | "require('util').promisify" | "Object.freeze"
        )
    }

    fn new_expression(&mut self, node: Node<'_>) -> ExprKind {
        let callee = self.expr_of(node, "constructor");
        let nodes = field(node, "arguments").map(children).unwrap_or_default();
        let arguments = self.arguments(&nodes);
        ExprKind::Call(Box::new(Call {
            callee,
            arguments,
            is_new: true,
        }))
    }

    /// Arguments in order; the entries of object literals follow as named ones (`.name`), by which rules ask for options.
    fn arguments(&mut self, nodes: &[Node<'_>]) -> Vec<Argument> {
        let mut arguments: Vec<Argument> = nodes
            .iter()
            .map(|node| Argument {
                name: None,
                value: self.expr(*node),
                is_spread: node.kind() == "spread_element",
            })
            .collect();
        for node in nodes.iter().filter(|node| node.kind() == "object") {
            for (name, value) in self.options(*node) {
                arguments.push(Argument {
                    name: Some(Rc::from(name)),
                    value,
                    is_spread: false,
                });
            }
        }
        arguments
    }

    /// What is known of the parameter of `request.on('data', chunk => …)` and of message listeners.
    fn type_callback(&mut self, function: Node<'_>, nodes: &[Node<'_>], arguments: &[Argument]) {
        let (Some(event), Some(handler)) = (nodes.first(), nodes.get(1)) else {
            return;
        };
        let Some(ExprKind::Closure(id)) = arguments.get(1).map(|argument| &argument.value.kind)
        else {
            return;
        };
        if !is_function(*handler) || event.kind() != "string" {
            return;
        }
        let receiver = field(function, "object").map_or("", |object| self.tree.text(object));
        let method = field(function, "property").map_or("", |name| self.tree.text(name));
        let event = self.key_name(*event);
        let type_name = match (method, event.as_ref()) {
            ("on" | "once" | "addListener", "data")
                if matches!(receiver, "req" | "request" | "ctx.req" | "this.req") =>
            {
                "node.RequestChunk"
            }
            ("on" | "once" | "addListener", "data" | "line")
                if receiver.contains("stdin") || matches!(receiver, "rl" | "readline") =>
            {
                "node.InputChunk"
            }
            ("on", "message" | "data")
                if matches!(receiver, "ws" | "socket" | "conn" | "client") =>
            {
                "node.SocketMessage"
            }
            ("addEventListener", "message") => "MessageEvent",
            _ => return,
        };
        self.type_first_parameter(*id, type_name);
    }

    fn type_first_parameter(&mut self, id: FunctionId, type_name: &str) {
        let function = self.tree.unit.functions.get_mut(id);
        if let Some(first) = function.and_then(|function| function.parameters.first_mut()) {
            first.type_name = Some(Rc::from(type_name));
        }
    }

    fn assignment(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return self.parts(node);
        };
        let value = self.expr(right);
        if let ExprKind::Closure(id) = value.kind
            && self.tree.text(left).ends_with("onmessage")
        {
            self.type_first_parameter(id, "MessageEvent");
        }
        ExprKind::Assign(Box::new(self.place(left, false)), Box::new(value))
    }

    fn augmented(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return self.parts(node);
        };
        let text = field(node, "operator").map_or("", |op| self.tree.text(op));
        let op = operator(text.trim_end_matches('='));
        let operands = [self.expr(left), self.expr(right)];
        ExprKind::Update(Box::new(self.place(left, false)), op, Box::new(operands))
    }

    fn increment(&mut self, node: Node<'_>) -> ExprKind {
        let Some(target) = field(node, "argument") else {
            return self.parts(node);
        };
        let op = match field(node, "operator").map(|op| self.tree.text(op)) {
            Some("--") => Op::Subtract,
            _ => Op::Add,
        };
        let operands = [self.expr(target), constant(node, Const::Int(1))];
        ExprKind::Update(Box::new(self.place(target, false)), op, Box::new(operands))
    }

    fn unary(&mut self, node: Node<'_>) -> ExprKind {
        let argument = self.expr_of(node, "argument");
        match field(node, "operator").map(|op| self.tree.text(op)) {
            Some("!") => ExprKind::Not(Box::new(argument)),
            Some("-") => ExprKind::Negate(Box::new(argument)),
            Some("typeof") => call(node, name_expr(node, "typeof"), vec![argument]).kind,
            Some("+" | "~") => as_number(node, argument),
            Some("void") => ExprKind::Const(Const::Null),
            _ => ExprKind::Not(Box::new(argument)),
        }
    }

    fn binary(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return self.parts(node);
        };
        let text = field(node, "operator").map_or("", |op| self.tree.text(op));
        if let Some(kind) = self.type_check(node, left, text, right) {
            return kind;
        }
        let operands = (self.expr(left), self.expr(right));
        let op = operator(text);
        match text {
            "instanceof" => {
                let parts = vec![operands.0, operands.1];
                ExprKind::Not(Box::new(expr(node, ExprKind::Parts(parts))))
            }
            "%" | "|" | "&" | "^" | "<<" | ">>" | ">>>" | "**" => {
                let inner = ExprKind::Binary(op, Box::new(operands.0), Box::new(operands.1));
                as_number(node, expr(node, inner))
            }
            _ => ExprKind::Binary(op, Box::new(operands.0), Box::new(operands.1)),
        }
    }

    /// `typeof x === 'string'` as a predicate called `typeof.string`.
    fn type_check(
        &mut self,
        node: Node<'_>,
        left: Node<'_>,
        operator: &str,
        right: Node<'_>,
    ) -> Option<ExprKind> {
        let is_equal = matches!(operator, "==" | "===");
        if !is_equal && !matches!(operator, "!=" | "!==") {
            return None;
        }
        let (tested, wanted) = match (left.kind(), right.kind()) {
            ("unary_expression", "string") => (left, right),
            ("string", "unary_expression") => (right, left),
            _ => return None,
        };
        if field(tested, "operator").map(|op| self.tree.text(op)) != Some("typeof") {
            return None;
        }
        let argument = self.expr_of(tested, "argument");
        let name = format!("typeof.{}", self.key_name(wanted));
        let check = call(node, name_expr(node, &name), vec![argument]);
        Some(if is_equal {
            check.kind
        } else {
            ExprKind::Not(Box::new(check))
        })
    }

    fn cast(&mut self, node: Node<'_>) -> ExprKind {
        let parts = children(node);
        let (value, type_node) = match (node.kind(), parts.as_slice()) {
            ("type_assertion", [type_node, value]) => (*value, Some(*type_node)),
            (_, [value, type_node]) => (*value, Some(*type_node)),
            (_, [value, ..]) => (*value, None),
            _ => return ExprKind::Const(Const::Other),
        };
        let inner = self.expr(value);
        let type_name = type_node.and_then(|type_node| self.type_name(type_node));
        match type_name {
            Some(name) if !matches!(name.as_ref(), "number" | "boolean" | "const") => {
                ExprKind::Cast(name, Box::new(inner))
            }
            _ => inner.kind,
        }
    }
}

/// An operation whose result is a number, so that nothing of a text survives it.
fn as_number(node: Node<'_>, inner: Expr) -> ExprKind {
    let zero = constant(node, Const::Int(0));
    ExprKind::Binary(Op::Subtract, Box::new(inner), Box::new(zero))
}

fn operator(text: &str) -> Op {
    match text {
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Modulo,
        "==" | "===" => Op::Equal,
        "!=" | "!==" => Op::NotEqual,
        "<" => Op::Less,
        "<=" => Op::LessEqual,
        ">" => Op::Greater,
        ">=" => Op::GreaterEqual,
        "in" => Op::In,
        "&&" => Op::And,
        "||" | "??" => Op::Or,
        _ => Op::Other,
    }
}
