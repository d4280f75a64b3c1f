//! Expressions.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::{Php, is_plain};
use crate::flow::ir::{Case, Const, Expr, ExprKind, Name, Op, Stmt};
use crate::flow::lower::tree::{
    arithmetic, call, child_of_kind, children, constant, expr, field, name_expr, span,
};

impl Php<'_> {
    /// Lowers an expression.
    pub(super) fn expr(&mut self, node: Node<'_>) -> Expr {
        let lowered = self.nest(|php| php.kind(node));
        expr(node, lowered.unwrap_or(ExprKind::Const(Const::Other)))
    }

    fn kind(&mut self, node: Node<'_>) -> ExprKind {
        match node.kind() {
            "variable_name" => ExprKind::Name(self.tree.name(node)),
            "name" | "qualified_name" => ExprKind::Name(self.full_name(self.tree.text(node))),
            "relative_scope" => ExprKind::Name(self.class_name(node)),
            "string" => ExprKind::Const(Const::Text(Rc::from(self.text_of(node)))),
            "encapsed_string" => self.interpolated(node),
            "heredoc" | "nowdoc" => self.heredoc(node),
            "integer" => ExprKind::Const(integer(self.tree.text(node))),
            "boolean" => ExprKind::Const(Const::Bool(
                self.tree.text(node).eq_ignore_ascii_case("true"),
            )),
            "null" => ExprKind::Const(Const::Null),
            "float" => ExprKind::Const(Const::Other),
            "parenthesized_expression"
            | "by_ref"
            | "error_suppression_expression"
            | "clone_expression" => match children(node).first() {
                Some(inner) => self.expr(*inner).kind,
                None => ExprKind::Const(Const::Other),
            },
            "function_call_expression" => self.function_call(node),
            "member_call_expression" | "nullsafe_member_call_expression" => self.method_call(node),
            "scoped_call_expression" => self.static_call(node),
            "object_creation_expression" => self.creation(node),
            "member_access_expression" | "nullsafe_member_access_expression" => self.member(node),
            "scoped_property_access_expression" | "class_constant_access_expression" => {
                self.class_member(node)
            }
            "subscript_expression" => self.subscript(node),
            "assignment_expression" | "reference_assignment_expression" => self.assignment(node),
            "augmented_assignment_expression" => self.augmented(node),
            "update_expression" => self.update(node),
            "binary_expression" => self.binary(node),
            "unary_op_expression" => self.unary(node),
            "conditional_expression" => self.conditional(node),
            "cast_expression" => self.cast(node),
            "array_creation_expression" => self.array(node),
            "anonymous_function" | "arrow_function" => self.closure(node),
            "match_expression" => self.match_value(node),
            "print_intrinsic" => self.construct(node, "print"),
            "include_expression" => self.construct(node, "include"),
            "include_once_expression" => self.construct(node, "include_once"),
            "require_expression" => self.construct(node, "require"),
            "require_once_expression" => self.construct(node, "require_once"),
            "shell_command_expression" => {
                let parts = self.parts_of_text(node);
                let text = expr(node, ExprKind::Concat(parts));
                call(node, name_expr(node, "shell_exec"), vec![text]).kind
            }
            _ => ExprKind::Parts(
                children(node)
                    .into_iter()
                    .map(|child| self.expr(child))
                    .collect(),
            ),
        }
    }

    /// A construct of the language as a call of this name.
    fn construct(&mut self, node: Node<'_>, name: &str) -> ExprKind {
        let values = children(node)
            .into_iter()
            .map(|value| self.expr(value))
            .collect();
        call(node, name_expr(node, name), values).kind
    }

    fn member(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(object), Some(name)) = (field(node, "object"), field(node, "name")) else {
            return ExprKind::Const(Const::Other);
        };
        let base = Box::new(self.expr(object));
        if name.kind() == "name" {
            ExprKind::Field(base, self.tree.name(name))
        } else {
            ExprKind::Index(base, Box::new(self.expr(name)))
        }
    }

    /// `Class::$name` and `Class::NAME` are variables of the top level.
    fn class_member(&mut self, node: Node<'_>) -> ExprKind {
        let parts = children(node);
        let [scope, name] = parts.as_slice() else {
            return ExprKind::Const(Const::Other);
        };
        let class = self.class_name(*scope);
        let name = self.tree.text(*name);
        match name {
            "class" => ExprKind::Const(Const::Text(class)),
            _ => ExprKind::Name(Rc::from(format!("{class}.{name}"))),
        }
    }

    fn subscript(&mut self, node: Node<'_>) -> ExprKind {
        match children(node).as_slice() {
            [base, key] => {
                let key_value = self.expr(*key);
                ExprKind::Index(Box::new(self.expr(*base)), Box::new(key_value))
            }
            [base] => {
                let any = Box::new(constant(node, Const::Other));
                ExprKind::Index(Box::new(self.expr(*base)), any)
            }
            _ => ExprKind::Const(Const::Other),
        }
    }

    fn assignment(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(right);
        // `$list[] = $value`
        if left.kind() == "subscript_expression"
            && let [base] = children(left).as_slice()
        {
            let list = Box::new(self.expr(*base));
            let callee = expr(left, ExprKind::Field(list, Rc::from("append")));
            return call(node, callee, vec![value]).kind;
        }
        ExprKind::Assign(Box::new(self.place(left)), Box::new(value))
    }

    fn augmented(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let operator = field(node, "operator").map_or("", |operator| operator.kind());
        let operands = [self.expr(left), self.expr(right)];
        let place = Box::new(self.place(left));
        match operator {
            ".=" => ExprKind::Update(place, Op::Add, Box::new(operands)),
            "??=" => ExprKind::Update(place, Op::Or, Box::new(operands)),
            _ => {
                let [left, right] = operands;
                let sum = ExprKind::Binary(operation(operator), Box::new(left), Box::new(right));
                ExprKind::Assign(place, Box::new(number(node, sum)))
            }
        }
    }

    fn update(&mut self, node: Node<'_>) -> ExprKind {
        let Some(operand) = field(node, "argument") else {
            return ExprKind::Const(Const::Other);
        };
        let op = match field(node, "operator").map(|operator| operator.kind()) {
            Some("--") => Op::Subtract,
            _ => Op::Add,
        };
        let operands = [self.expr(operand), constant(node, Const::Int(1))];
        ExprKind::Update(Box::new(self.place(operand)), op, Box::new(operands))
    }

    fn binary(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let operator = field(node, "operator").map_or("", |operator| operator.kind());
        let op = match operator.to_ascii_lowercase().as_str() {
            "." => return self.joined(node),
            "==" | "===" | "!=" | "!==" | "<>" => return self.equality(operator, left, right),
            "<" => Op::Less,
            "<=" => Op::LessEqual,
            ">" => Op::Greater,
            ">=" => Op::GreaterEqual,
            "&&" | "and" => Op::And,
            "||" | "or" | "??" => Op::Or,
            "instanceof" => {
                self.expr(left);
                return ExprKind::Parts(vec![constant(node, Const::Other)]);
            }
            other => {
                let sum = ExprKind::Binary(
                    operation(other),
                    Box::new(self.expr(left)),
                    Box::new(self.expr(right)),
                );
                return number(node, sum).kind;
            }
        };
        ExprKind::Binary(op, Box::new(self.expr(left)), Box::new(self.expr(right)))
    }

    /// `=== false` asks for the opposite of what stands before it, where that answers yes or no.
    fn equality(&mut self, operator: &str, left: Node<'_>, right: Node<'_>) -> ExprKind {
        let is_equal = operator.starts_with('=');
        let (a, b) = (self.expr(left), self.expr(right));
        let answers = matches!(
            a.kind,
            ExprKind::Binary(Op::In, ..) | ExprKind::Call(_) | ExprKind::Not(_)
        );
        match (&b.kind, answers) {
            (ExprKind::Const(Const::Bool(truth)), true) => {
                if *truth == is_equal {
                    a.kind
                } else {
                    ExprKind::Not(Box::new(a))
                }
            }
            // `preg_match` answers with a number.
            (ExprKind::Const(Const::Int(count @ (0 | 1))), true)
                if matches!(a.kind, ExprKind::Call(_)) =>
            {
                if (*count == 1) == is_equal {
                    a.kind
                } else {
                    ExprKind::Not(Box::new(a))
                }
            }
            _ => {
                let op = if is_equal { Op::Equal } else { Op::NotEqual };
                ExprKind::Binary(op, Box::new(a), Box::new(b))
            }
        }
    }

    fn unary(&mut self, node: Node<'_>) -> ExprKind {
        let Some(operand) = field(node, "argument").or_else(|| children(node).last().copied())
        else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(operand);
        match field(node, "operator").map_or("", |operator| operator.kind()) {
            "!" => ExprKind::Not(Box::new(value)),
            "-" => ExprKind::Negate(Box::new(value)),
            _ => number(node, value.kind).kind,
        }
    }

    fn conditional(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(condition), Some(otherwise)) =
            (field(node, "condition"), field(node, "alternative"))
        else {
            return ExprKind::Const(Const::Other);
        };
        match field(node, "body") {
            Some(then) => ExprKind::Conditional(Box::new([
                self.expr(condition),
                self.expr(then),
                self.expr(otherwise),
            ])),
            None => {
                let first = Box::new(self.expr(condition));
                ExprKind::Binary(Op::Or, first, Box::new(self.expr(otherwise)))
            }
        }
    }

    fn cast(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(type_node), Some(value)) = (field(node, "type"), field(node, "value")) else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(value);
        match self.tree.text(type_node).to_ascii_lowercase().as_str() {
            plain if is_plain(plain) => number(node, value.kind).kind,
            "string" => ExprKind::Concat(vec![value]),
            _ => value.kind,
        }
    }

    fn array(&mut self, node: Node<'_>) -> ExprKind {
        let elements: Vec<Vec<Node<'_>>> = children(node)
            .into_iter()
            .filter(|child| child.kind() == "array_element_initializer")
            .map(children)
            .collect();
        let is_list = elements
            .iter()
            .all(|parts| matches!(parts.as_slice(), [only] if only.kind() != "variadic_unpacking"));
        if is_list {
            let values = elements.into_iter().flatten();
            return ExprKind::List(values.map(|value| self.expr(value)).collect());
        }
        let mut entries = Vec::new();
        for (position, parts) in elements.iter().enumerate() {
            match parts.as_slice() {
                [key, value] => {
                    let key = self.expr(*key);
                    entries.push((Some(key), self.expr(*value)));
                }
                [only] if only.kind() == "variadic_unpacking" => {
                    let spread = children(*only).first().map(|value| self.expr(*value));
                    entries.extend(spread.map(|spread| (None, spread)));
                }
                [only] => {
                    let position = i64::try_from(position).unwrap_or(i64::MAX);
                    let key = constant(*only, Const::Int(position));
                    entries.push((Some(key), self.expr(*only)));
                }
                _ => {}
            }
        }
        ExprKind::Map(entries)
    }

    /// A `match`: a closure that is called at once.
    fn match_value(&mut self, node: Node<'_>) -> ExprKind {
        let subject = match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        };
        let mut cases = Vec::new();
        for arm in field(node, "body").map(children).unwrap_or_default() {
            let list = child_of_kind(arm, "match_condition_list").map(children);
            let values = list.unwrap_or_default();
            let values = values.into_iter().map(|value| self.expr(value)).collect();
            let given = field(arm, "return_expression").map(|value| self.expr(value));
            cases.push(Case {
                values,
                guard: None,
                body: vec![Stmt::Return(given, span(arm))],
            });
        }
        let body = vec![Stmt::Switch {
            subject,
            cases,
            falls_through: false,
        }];
        let id = self.closure_of(node, Vec::new(), body);
        call(node, expr(node, ExprKind::Closure(id)), Vec::new()).kind
    }

    /// A value as it is kept in a variable of a type: one that cannot hold text keeps nothing of it.
    pub(super) fn as_type(&self, node: Node<'_>, type_name: Option<&Name>, value: Expr) -> Expr {
        match type_name {
            Some(name) if is_plain(name) => number(node, value.kind),
            _ => value,
        }
    }
}

/// A number: of what it was made from no text is left.
fn number(node: Node<'_>, kind: ExprKind) -> Expr {
    let inner = Box::new(expr(node, kind));
    expr(node, ExprKind::Cast(Rc::from("int"), inner))
}

/// A division of whole numbers may give a fraction here, so it is not worked out.
fn operation(operator: &str) -> Op {
    match operator.trim_end_matches('=') {
        "/" => Op::Other,
        other => arithmetic(other),
    }
}

fn integer(text: &str) -> Const {
    let digits = text.replace('_', "").to_ascii_lowercase();
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(rest) => (rest, 16),
        None => match digits.strip_prefix("0b") {
            Some(rest) => (rest, 2),
            None => (digits.as_str(), 10),
        },
    };
    i64::from_str_radix(digits, radix).map_or(Const::Other, Const::Int)
}
