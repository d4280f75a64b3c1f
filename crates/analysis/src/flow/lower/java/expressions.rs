//! Expressions.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::{Binding, Java};
use crate::flow::ir::{Argument, Const, Expr, ExprKind, Name, Op, Parameter, Place, Stmt};
use crate::flow::lower::tree::{
    arithmetic, call, called, child_of_kind, children, constant, expr, field, made, name_expr,
    span, text_constant, unescape,
};

/// How many elements an array of a constant size is followed with.
const MAX_ARRAY: i64 = 64;

impl Java<'_> {
    /// Lowers an expression.
    pub(super) fn expr(&mut self, node: Node<'_>) -> Expr {
        let lowered = self.nest(|java| java.kind(node));
        expr(node, lowered.unwrap_or(ExprKind::Const(Const::Other)))
    }

    fn kind(&mut self, node: Node<'_>) -> ExprKind {
        match node.kind() {
            "identifier" => self.identifier(node, self.tree.text(node)),
            "this" => ExprKind::Name(Rc::from("this")),
            "super" => self.parent(node),
            "field_access" => self.field_access(node),
            "method_invocation" => self.invocation(node),
            "object_creation_expression" => self.creation(node),
            "array_access" => match (field(node, "array"), field(node, "index")) {
                (Some(array), Some(index)) => {
                    ExprKind::Index(Box::new(self.expr(array)), Box::new(self.expr(index)))
                }
                _ => ExprKind::Const(Const::Other),
            },
            "array_creation_expression" => self.array(node),
            "array_initializer" | "element_value_array_initializer" => {
                ExprKind::List(self.all(node))
            }
            "assignment_expression" => self.assignment(node),
            "update_expression" => self.update(node),
            "binary_expression" => self.binary(node),
            "unary_expression" => self.unary(node),
            "ternary_expression" => self.ternary(node),
            "cast_expression" => self.cast(node),
            "instanceof_expression" => self.instance_of(node),
            "lambda_expression" => self.lambda(node),
            "method_reference" => self.method_reference(node),
            "switch_expression" => self.switch_value(node),
            "parenthesized_expression" => children(node)
                .first()
                .and_then(|inner| self.nest(|java| java.kind(*inner)))
                .unwrap_or(ExprKind::Const(Const::Other)),
            "string_literal" => self.string(node),
            _ => self
                .literal(node)
                .map_or_else(|| ExprKind::Parts(self.all(node)), ExprKind::Const),
        }
    }

    fn literal(&self, node: Node<'_>) -> Option<Const> {
        let text = self.tree.text(node);
        Some(match node.kind() {
            "true" => Const::Bool(true),
            "false" => Const::Bool(false),
            "null_literal" => Const::Null,
            "character_literal" => Const::Text(Rc::from(unescape(text.trim_matches('\'')))),
            "decimal_integer_literal" => number(text, 10),
            "hex_integer_literal" => number(text.get(2..)?, 16),
            "octal_integer_literal" => number(text, 8),
            "binary_integer_literal" => number(text.get(2..)?, 2),
            "decimal_floating_point_literal" | "hex_floating_point_literal" | "class_literal" => {
                Const::Other
            }
            _ => return None,
        })
    }

    /// Literals, text blocks and templates.
    fn string(&mut self, node: Node<'_>) -> ExprKind {
        let text = self.tree.text(node);
        if child_of_kind(node, "string_interpolation").is_some() {
            return ExprKind::Concat(self.all(node));
        }
        if let Some(block) = text.strip_prefix("\"\"\"") {
            let lines = block.trim_end_matches("\"\"\"").lines().skip(1);
            let joined = lines.map(str::trim).collect::<Vec<_>>().join("\n");
            return ExprKind::Const(Const::Text(Rc::from(unescape(&joined))));
        }
        let inner = text.strip_prefix('"').unwrap_or(text);
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        ExprKind::Const(Const::Text(Rc::from(unescape(inner))))
    }

    /// `super` as a value: nothing but its type.
    fn parent(&mut self, node: Node<'_>) -> ExprKind {
        let class = self.classes.last().and_then(|class| self.shapes.get(class));
        let base = class.and_then(|shape| shape.bases.first());
        let base = base.map(|base| self.full_name(base));
        ExprKind::Cast(
            base.unwrap_or_else(|| Rc::from("Object")),
            Box::new(name_expr(node, "super")),
        )
    }

    fn field_access(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(object), Some(name)) = (field(node, "object"), field(node, "field")) else {
            return ExprKind::Const(Const::Other);
        };
        let owner = self.tree.text(object);
        let class: Name = match object.kind() {
            "this" => self.classes.last().cloned().unwrap_or_default(),
            _ => self.full_name(owner),
        };
        if name.kind() == "this" {
            if self.classes.last() == Some(&class) {
                return ExprKind::Name(Rc::from("this"));
            }
            let outer = name_expr(node, &format!("{class}.this"));
            return ExprKind::Cast(class, Box::new(outer));
        }
        let name = self.tree.name(name);
        if (object.kind() == "this" || self.local(owner).is_none())
            && let Some((class, field)) = self.field_of(&class, &name)
            && field.is_static
        {
            return ExprKind::Name(Rc::from(format!("{class}.{name}")));
        }
        ExprKind::Field(Box::new(self.expr(object)), name)
    }

    fn invocation(&mut self, node: Node<'_>) -> ExprKind {
        let Some(name_node) = field(node, "name") else {
            return ExprKind::Const(Const::Other);
        };
        let name = self.tree.name(name_node);
        let Some(object) = field(node, "object") else {
            let receiver = self.implicit_receiver(name_node, &name);
            let arguments = self.arguments_of(node);
            let callee = match receiver {
                Some(receiver) => expr(name_node, ExprKind::Field(Box::new(receiver), name)),
                None => name_expr(name_node, &name),
            };
            return called(callee, arguments);
        };
        if let Some(kind) = self.text_call(node, object, &name) {
            return kind;
        }
        let receiver = self.expr(object);
        let arguments = self.arguments_of(node);
        let callee = expr(node, ExprKind::Field(Box::new(receiver), name));
        called(callee, arguments)
    }

    /// Calls that only put text together, and those that give a constant of an enum.
    fn text_call(&mut self, node: Node<'_>, object: Node<'_>, name: &str) -> Option<ExprKind> {
        let arguments = field(node, "arguments").map(children)?;
        let owner = self.tree.text(object);
        match (owner, name, arguments.as_slice()) {
            ("String", "valueOf" | "copyValueOf", [only]) => Some(ExprKind::Concat(vec![
                text_constant(object, ""),
                self.expr(*only),
            ])),
            // Empty, or a constant with a slash in front; so it does not decide where a redirect goes.
            (_, "getContextPath", []) => Some(ExprKind::Const(Const::Text(Rc::from("")))),
            (_, "valueOf", [_, ..]) if self.is_enum(owner) => {
                let arguments = self.arguments_of(node);
                Some(called(
                    name_expr(object, "java.lang.Enum.valueOf"),
                    arguments,
                ))
            }
            (_, "concat", [only]) if !owner.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Some(ExprKind::Concat(vec![self.expr(object), self.expr(*only)]))
            }
            _ => None,
        }
    }

    fn is_enum(&self, name: &str) -> bool {
        self.shapes
            .get(&self.full_name(name))
            .is_some_and(|shape| shape.is_enum)
    }

    fn arguments_of(&mut self, node: Node<'_>) -> Vec<Argument> {
        field(node, "arguments")
            .map(|list| self.arguments(list))
            .unwrap_or_default()
    }

    pub(super) fn arguments(&mut self, list: Node<'_>) -> Vec<Argument> {
        self.all(list)
            .into_iter()
            .map(|value| Argument {
                name: None,
                value,
                is_spread: false,
            })
            .collect()
    }

    fn creation(&mut self, node: Node<'_>) -> ExprKind {
        let Some(type_node) = field(node, "type") else {
            return ExprKind::Parts(self.all(node));
        };
        let type_name = self.type_of(type_node).unwrap_or_default();
        let arguments = self.arguments_of(node);
        let made = made(name_expr(type_node, &type_name), arguments);
        match child_of_kind(node, "class_body") {
            Some(body) => {
                let base = expr(node, made);
                self.anonymous(body, type_name, base)
            }
            None => made,
        }
    }

    fn array(&mut self, node: Node<'_>) -> ExprKind {
        if let Some(value) = field(node, "value") {
            return self.kind(value);
        }
        let sizes = child_of_kind(node, "dimensions_expr").and_then(|size| self.first(size));
        match sizes.map(|size| size.kind) {
            Some(ExprKind::Const(Const::Int(count))) if (0..=MAX_ARRAY).contains(&count) => {
                ExprKind::List((0..count).map(|_| constant(node, Const::Null)).collect())
            }
            _ => ExprKind::List(Vec::new()),
        }
    }

    fn assignment(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let operator = field(node, "operator").map_or("=", |operator| self.tree.text(operator));
        if operator != "=" {
            let op = arithmetic(operator.trim_end_matches('='));
            let operands = [self.expr(left), self.expr(right)];
            return ExprKind::Update(Box::new(self.place(left)), op, Box::new(operands));
        }
        let value = self.expr(right);
        let type_name = self.local(self.tree.text(left)).cloned().flatten();
        let value = self.as_type(right, type_name.as_ref(), value);
        ExprKind::Assign(Box::new(self.place(left)), Box::new(value))
    }

    fn place(&mut self, node: Node<'_>) -> Place {
        let at = span(node);
        let plain = |name: Name| Place::Name {
            name,
            declare: false,
            span: at,
        };
        match node.kind() {
            "identifier" => {
                let name = self.tree.name(node);
                match self.binding(&name) {
                    Binding::Static(full) => plain(full),
                    Binding::Field => Place::Field(Box::new(name_expr(node, "this")), name, at),
                    Binding::Local | Binding::Outer(_) => plain(name),
                }
            }
            "field_access" => match self.field_access(node) {
                ExprKind::Field(base, name) => Place::Field(base, name, at),
                ExprKind::Name(name) => plain(name),
                _ => Place::Ignore,
            },
            "array_access" => match self.kind(node) {
                ExprKind::Index(base, key) => Place::Index(base, key, at),
                _ => Place::Ignore,
            },
            "parenthesized_expression" => children(node)
                .first()
                .and_then(|inner| self.nest(|java| java.place(*inner)))
                .unwrap_or(Place::Ignore),
            _ => Place::Ignore,
        }
    }

    fn update(&mut self, node: Node<'_>) -> ExprKind {
        let Some(operand) = children(node).into_iter().next() else {
            return ExprKind::Const(Const::Other);
        };
        let op = if child_of_kind(node, "++").is_some() {
            Op::Add
        } else {
            Op::Subtract
        };
        let operands = [self.expr(operand), constant(node, Const::Int(1))];
        ExprKind::Update(Box::new(self.place(operand)), op, Box::new(operands))
    }

    fn binary(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let op = field(node, "operator").map_or("", |op| self.tree.text(op));
        if op == "+"
            && let Some(kind) = self.text_sum(node)
        {
            return kind;
        }
        let op = match op {
            "==" => Op::Equal,
            "!=" => Op::NotEqual,
            "<" => Op::Less,
            "<=" => Op::LessEqual,
            ">" => Op::Greater,
            ">=" => Op::GreaterEqual,
            "&&" => Op::And,
            "||" => Op::Or,
            other => arithmetic(other),
        };
        ExprKind::Binary(op, Box::new(self.expr(left)), Box::new(self.expr(right)))
    }

    /// A chain of `+` that begins with text, as one concatenation.
    fn text_sum(&mut self, node: Node<'_>) -> Option<ExprKind> {
        let mut operands = Vec::new();
        let mut at = node;
        while at.kind() == "binary_expression" && child_of_kind(at, "+").is_some() {
            operands.push(field(at, "right")?);
            at = field(at, "left")?;
        }
        operands.push(at);
        operands.reverse();
        let is_text = |node: &Node<'_>| node.kind() == "string_literal";
        if !operands.iter().take(2).any(is_text) && operands.len() < 40 {
            return None;
        }
        let mut parts: Vec<Expr> = operands.into_iter().map(|part| self.expr(part)).collect();
        let redirected = match &parts[0].kind {
            ExprKind::Const(Const::Text(text)) => text.strip_prefix("redirect:").map(str::to_owned),
            _ => None,
        };
        if let Some(rest) = redirected {
            // Spring takes a returned text with this beginning for a place to go to.
            let first = at;
            parts[0] = text_constant(first, &rest);
            let target = expr(node, ExprKind::Concat(parts));
            return Some(call(node, name_expr(first, "spring.redirect"), vec![target]).kind);
        }
        Some(ExprKind::Concat(parts))
    }

    fn unary(&mut self, node: Node<'_>) -> ExprKind {
        let Some(operand) = field(node, "operand") else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(operand);
        match field(node, "operator").map_or("", |op| op.kind()) {
            "!" => ExprKind::Not(Box::new(value)),
            "-" => ExprKind::Negate(Box::new(value)),
            "+" => ExprKind::Parts(vec![value]),
            _ => ExprKind::Binary(
                Op::Other,
                Box::new(value),
                Box::new(constant(node, Const::Other)),
            ),
        }
    }

    fn ternary(&mut self, node: Node<'_>) -> ExprKind {
        let parts = ["condition", "consequence", "alternative"].map(|name| field(node, name));
        let [Some(condition), Some(then), Some(otherwise)] = parts else {
            return ExprKind::Parts(self.all(node));
        };
        ExprKind::Conditional(Box::new([
            self.expr(condition),
            self.expr(then),
            self.expr(otherwise),
        ]))
    }

    fn cast(&mut self, node: Node<'_>) -> ExprKind {
        let Some(value) = field(node, "value") else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(value);
        match field(node, "type").and_then(|node| self.type_of(node)) {
            Some(type_name) => {
                let name = self.plain_type(&type_name).unwrap_or(type_name);
                ExprKind::Cast(name, Box::new(value))
            }
            None => ExprKind::Parts(vec![value]),
        }
    }

    /// Answers yes or no, and may bind a variable.
    fn instance_of(&mut self, node: Node<'_>) -> ExprKind {
        let Some(left) = field(node, "left") else {
            return ExprKind::Const(Const::Other);
        };
        let mut parts = Vec::new();
        let mut bind = |java: &mut Self, name_node: Node<'_>, type_node: Node<'_>| {
            let (name, type_name) = (java.tree.name(name_node), java.type_of(type_node));
            let value = java.expr(left);
            let value = match &type_name {
                Some(type_name) => {
                    expr(left, ExprKind::Cast(Rc::clone(type_name), Box::new(value)))
                }
                None => value,
            };
            let value = java.as_type(left, type_name.as_ref(), value);
            java.declare(&name, type_name);
            let place = Place::Name {
                name,
                declare: true,
                span: span(name_node),
            };
            parts.push(expr(
                name_node,
                ExprKind::Assign(Box::new(place), Box::new(value)),
            ));
        };
        if let (Some(name), Some(right)) = (field(node, "name"), field(node, "right")) {
            bind(self, name, right);
        }
        let mut open: Vec<Node<'_>> = field(node, "pattern").into_iter().collect();
        while let Some(pattern) = open.pop() {
            let inner = children(pattern);
            if let ("record_pattern_component", [type_node, name]) =
                (pattern.kind(), inner.as_slice())
            {
                bind(self, *name, *type_node);
            } else {
                open.extend(inner);
            }
        }
        parts.push(self.expr(left));
        parts.push(constant(node, Const::Other));
        ExprKind::Not(Box::new(expr(node, ExprKind::Parts(parts))))
    }

    /// `Type::method` as a closure that calls it.
    fn method_reference(&mut self, node: Node<'_>) -> ExprKind {
        let parts = children(node);
        let Some(owner) = parts.first().copied() else {
            return ExprKind::Const(Const::Other);
        };
        let given: Name = Rc::from("<given>");
        let value = || name_expr(node, "<given>");
        let made = match parts.get(1..).and_then(<[_]>::last) {
            Some(name) if name.kind() == "identifier" => {
                let receiver = self.expr(owner);
                let callee = ExprKind::Field(Box::new(receiver), self.tree.name(*name));
                call(node, expr(node, callee), vec![value()])
            }
            _ => {
                let type_name = self.type_of(owner).unwrap_or_default();
                let mut made = call(node, name_expr(owner, &type_name), vec![value()]);
                if let ExprKind::Call(call) = &mut made.kind {
                    call.is_new = true;
                }
                made
            }
        };
        let at = span(node);
        let id = self.closure_of(node, |_| vec![Stmt::Return(Some(made), at)]);
        self.tree.unit.functions[id].parameters = vec![Parameter {
            name: given,
            span: at,
            ..Parameter::default()
        }];
        ExprKind::Closure(id)
    }

    /// A switch whose cases give its value: a closure that is called at once.
    fn switch_value(&mut self, node: Node<'_>) -> ExprKind {
        let id = self.closure_of(node, |java| vec![java.switch(node, true)]);
        call(node, expr(node, ExprKind::Closure(id)), Vec::new()).kind
    }
}

fn number(text: &str, radix: u32) -> Const {
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, '_' | 'l' | 'L'))
        .collect();
    i64::from_str_radix(&digits, radix).map_or(Const::Other, Const::Int)
}
