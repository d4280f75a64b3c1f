//! Expressions.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Ruby;
use super::statement::returning;
use crate::flow::ir::{Block, Const, Expr, ExprKind, Function, Op, Place};
use crate::flow::lower::tree::{
    arithmetic, call, children, constant, expr, field, name_expr, span,
};

impl<'n> Ruby<'_, 'n> {
    /// Lowers an expression.
    pub(super) fn expr(&mut self, node: Node<'n>) -> Expr {
        let lowered = self.nest(|ruby| ruby.kind(node));
        expr(node, lowered.unwrap_or(ExprKind::Const(Const::Other)))
    }

    fn kind(&mut self, node: Node<'n>) -> ExprKind {
        match node.kind() {
            "identifier" => self.identifier(node, self.tree.text(node)),
            "constant" | "scope_resolution" => ExprKind::Name(self.constant_name(node)),
            "self" => ExprKind::Name(Rc::from("self")),
            "instance_variable" if !self.classes.is_empty() => {
                let own = Box::new(name_expr(node, "self"));
                ExprKind::Field(own, self.tree.name(node))
            }
            "instance_variable" | "class_variable" | "global_variable" => {
                ExprKind::Name(self.tree.name(node))
            }
            "string" | "chained_string" | "string_content" | "bare_string" => {
                self.interpolated(node)
            }
            "heredoc_beginning" => self.heredoc(node),
            "simple_symbol" | "hash_key_symbol" | "bare_symbol" => self.symbol(node),
            "delimited_symbol" => self.interpolated(node),
            "regex" => self.pattern(node),
            "subshell" => {
                let text = self.interpolated(node);
                call(node, name_expr(node, "`"), vec![expr(node, text)]).kind
            }
            "integer" => ExprKind::Const(integer(self.tree.text(node))),
            "true" | "false" => ExprKind::Const(Const::Bool(node.kind() == "true")),
            "nil" => ExprKind::Const(Const::Null),
            "float" | "rational" | "complex" | "character" => ExprKind::Const(Const::Other),
            "call" => self.call_value(node),
            "element_reference" => self.element(node),
            "assignment" => self.assignment(node),
            "operator_assignment" => self.update(node),
            "binary" => self.binary(node),
            "unary" => self.unary(node),
            "conditional" => {
                let parts = ["condition", "consequence", "alternative"];
                let [Some(condition), Some(then), Some(otherwise)] =
                    parts.map(|name| field(node, name))
                else {
                    return ExprKind::Const(Const::Other);
                };
                ExprKind::Conditional(Box::new([
                    self.expr(condition),
                    self.expr(then),
                    self.expr(otherwise),
                ]))
            }
            "array" | "string_array" | "symbol_array" => ExprKind::List(
                children(node)
                    .into_iter()
                    .map(|value| self.expr(value))
                    .collect(),
            ),
            "hash" => self.hash(node),
            "lambda" => self.block_value(node, None).kind,
            "rescue_modifier" => match (field(node, "body"), field(node, "handler")) {
                (Some(body), Some(handler)) => {
                    let body = Box::new(self.expr(body));
                    ExprKind::Binary(Op::Or, body, Box::new(self.expr(handler)))
                }
                _ => ExprKind::Const(Const::Other),
            },
            "parenthesized_statements" => match children(node).as_slice() {
                [only] => self.expr(*only).kind,
                _ => self.statements_value(node),
            },
            "if" | "unless" | "case" | "begin" | "if_modifier" | "unless_modifier" | "while"
            | "until" | "return" => self.statements_value(node),
            _ => ExprKind::Parts(
                children(node)
                    .into_iter()
                    .map(|child| self.expr(child))
                    .collect(),
            ),
        }
    }

    /// Statements whose last value is asked for: a closure that is called at once.
    fn statements_value(&mut self, node: Node<'n>) -> ExprKind {
        let body: Block = self.statement(node);
        let id = self.tree.add_function(Function {
            is_closure: true,
            body: returning(body),
            span: span(node),
            ..Function::default()
        });
        call(node, expr(node, ExprKind::Closure(id)), Vec::new()).kind
    }

    fn element(&mut self, node: Node<'n>) -> ExprKind {
        let parts = children(node);
        let (Some(base), key) = (parts.first(), parts.get(1)) else {
            return ExprKind::Const(Const::Other);
        };
        let base = Box::new(self.expr(*base));
        let key = match key {
            Some(key) => self.expr(*key),
            None => constant(node, Const::Other),
        };
        ExprKind::Index(base, Box::new(key))
    }

    fn assignment(&mut self, node: Node<'n>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(right);
        let place = Box::new(self.place(left));
        ExprKind::Assign(place, Box::new(value))
    }

    fn update(&mut self, node: Node<'n>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let operator = field(node, "operator").map_or("", |operator| operator.kind());
        let operands = [self.expr(left), self.expr(right)];
        let op = match operator {
            "||=" => Op::Or,
            "&&=" => Op::And,
            other => arithmetic(other.trim_end_matches('=')),
        };
        ExprKind::Update(Box::new(self.place(left)), op, Box::new(operands))
    }

    /// Where an assignment puts its value.
    pub(super) fn place(&mut self, node: Node<'n>) -> Place {
        let at = span(node);
        match node.kind() {
            "identifier" => {
                let name = self.tree.name(node);
                let declare = !self.is_local(&name);
                self.declare(&name);
                Place::Name {
                    name,
                    declare,
                    span: at,
                }
            }
            "constant" | "class_variable" | "global_variable" => Place::Name {
                name: self.tree.name(node),
                declare: false,
                span: at,
            },
            "left_assignment_list" | "destructured_left_assignment" | "destructured_parameter" => {
                Place::Sequence(
                    children(node)
                        .into_iter()
                        .map(|part| self.nest(|ruby| ruby.place(part)).unwrap_or(Place::Ignore))
                        .collect(),
                )
            }
            "rest_assignment" | "splat_parameter" => match children(node).first() {
                Some(inner) => self.place(*inner),
                None => Place::Ignore,
            },
            "call" => {
                let (Some(receiver), Some(method)) =
                    (field(node, "receiver"), field(node, "method"))
                else {
                    return Place::Ignore;
                };
                let base = Box::new(self.expr(receiver));
                Place::Field(base, self.tree.name(method), at)
            }
            "instance_variable" | "element_reference" => match self.expr(node).kind {
                ExprKind::Field(base, name) => Place::Field(base, name, at),
                ExprKind::Index(base, key) => Place::Index(base, key, at),
                ExprKind::Name(name) => Place::Name {
                    name,
                    declare: false,
                    span: at,
                },
                _ => Place::Ignore,
            },
            _ => Place::Ignore,
        }
    }

    fn binary(&mut self, node: Node<'n>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let operator = field(node, "operator").map_or("", |operator| operator.kind());
        let (a, b) = (self.expr(left), self.expr(right));
        let op = match operator {
            "<<" => {
                let callee = expr(node, ExprKind::Field(Box::new(a), Rc::from("append")));
                return call(node, callee, vec![b]).kind;
            }
            "=~" => {
                let callee = expr(node, ExprKind::Field(Box::new(a), Rc::from("match?")));
                return call(node, callee, vec![b]).kind;
            }
            "!~" => {
                let callee = expr(node, ExprKind::Field(Box::new(a), Rc::from("match?")));
                let matched = call(node, callee, vec![b]);
                return ExprKind::Not(Box::new(matched));
            }
            "==" | "===" => Op::Equal,
            "!=" => Op::NotEqual,
            "<" => Op::Less,
            "<=" => Op::LessEqual,
            ">" => Op::Greater,
            ">=" => Op::GreaterEqual,
            "&&" | "and" => Op::And,
            "||" | "or" => Op::Or,
            other => arithmetic(other),
        };
        ExprKind::Binary(op, Box::new(a), Box::new(b))
    }

    fn unary(&mut self, node: Node<'n>) -> ExprKind {
        let Some(operand) = field(node, "operand") else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(operand);
        match field(node, "operator").map_or("", |operator| operator.kind()) {
            "!" | "not" => ExprKind::Not(Box::new(value)),
            "-" => ExprKind::Negate(Box::new(value)),
            _ => ExprKind::Parts(vec![constant(node, Const::Other)]),
        }
    }

    fn hash(&mut self, node: Node<'n>) -> ExprKind {
        let mut entries = Vec::new();
        for child in children(node) {
            match (child.kind(), field(child, "key"), field(child, "value")) {
                ("pair", Some(key), Some(value)) => {
                    let key = self.expr(key);
                    entries.push((Some(key), self.expr(value)));
                }
                // `{name:}` takes the variable of that name.
                ("pair", Some(key), None) => {
                    let name = self.tree.text(key).trim_end_matches(':');
                    let value = expr(key, self.identifier(key, name));
                    entries.push((Some(expr(key, self.symbol(key))), value));
                }
                _ => {
                    let spread = children(child).first().map(|value| self.expr(*value));
                    entries.extend(spread.map(|spread| (None, spread)));
                }
            }
        }
        ExprKind::Map(entries)
    }
}

fn integer(text: &str) -> Const {
    let digits = text.replace('_', "");
    digits.parse().map_or(Const::Other, Const::Int)
}
