//! Patterns: what they compare with, and what they bind.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::CSharp;
use crate::flow::ir::{Case, Const, Expr, ExprKind, Op, Place, Stmt};
use crate::flow::lower::tree::{call, children, constant, expr, field, span};

impl<'n> CSharp<'_, 'n> {
    /// `value is pattern`.
    pub(super) fn is_pattern(&mut self, node: Node<'n>) -> ExprKind {
        let (Some(value), Some(pattern)) = (field(node, "expression"), field(node, "pattern"))
        else {
            return ExprKind::Const(Const::Other);
        };
        self.matches(node, value, pattern)
    }

    fn matches(&mut self, node: Node<'n>, value: Node<'n>, pattern: Node<'n>) -> ExprKind {
        match pattern.kind() {
            "parenthesized_pattern" => match children(pattern).first() {
                Some(inner) => self.matches(node, value, *inner),
                None => ExprKind::Const(Const::Other),
            },
            "negated_pattern" => match children(pattern).first() {
                Some(inner) => {
                    let matched = self.nest(|csharp| csharp.matches(node, value, *inner));
                    let matched = matched.unwrap_or(ExprKind::Const(Const::Other));
                    ExprKind::Not(Box::new(expr(pattern, matched)))
                }
                None => ExprKind::Const(Const::Other),
            },
            "constant_pattern" | "or_pattern" => self.equals(value, pattern),
            _ => self.binds(node, value, pattern),
        }
    }

    fn equals(&mut self, value: Node<'n>, pattern: Node<'n>) -> ExprKind {
        // `x is null || more`: the grammar takes all that follows for the pattern.
        if let [inner] = children(pattern).as_slice()
            && let (Some(left), Some(right)) = (field(*inner, "left"), field(*inner, "right"))
            && inner.kind() == "binary_expression"
        {
            let op = match field(*inner, "operator").map(|op| op.kind()) {
                Some("||") => Op::Or,
                Some("&&") => Op::And,
                _ => return ExprKind::Const(Const::Other),
            };
            let first = ExprKind::Binary(
                Op::Equal,
                Box::new(self.expr(value)),
                Box::new(self.expr(left)),
            );
            return ExprKind::Binary(
                op,
                Box::new(expr(*inner, first)),
                Box::new(self.expr(right)),
            );
        }
        let values = self.pattern_values(pattern);
        let list = expr(pattern, ExprKind::List(values));
        let asked = Box::new(self.expr(value));
        match list.kind {
            ExprKind::List(mut values) if values.len() == 1 => match values.pop() {
                Some(only) => ExprKind::Binary(Op::Equal, asked, Box::new(only)),
                None => ExprKind::Const(Const::Other),
            },
            kind => ExprKind::Binary(Op::In, asked, Box::new(expr(pattern, kind))),
        }
    }

    /// A pattern that tells the type: yes or no is not known, but the name is bound to the value.
    fn binds(&mut self, node: Node<'n>, value: Node<'n>, pattern: Node<'n>) -> ExprKind {
        let mut parts = Vec::new();
        if let Some(name_node) = field(pattern, "name") {
            let name = self.tree.name(name_node);
            let type_name = field(pattern, "type").and_then(|node| self.type_of(node));
            let seen = self.expr(value);
            let seen = match &type_name {
                Some(type_name) => {
                    let known = self.plain_type(type_name);
                    let type_name = known.unwrap_or_else(|| Rc::clone(type_name));
                    expr(value, ExprKind::Cast(type_name, Box::new(seen)))
                }
                None => seen,
            };
            self.declare(&name, type_name);
            let place = Place::Name {
                name,
                declare: true,
                span: span(name_node),
            };
            let kept = ExprKind::Assign(Box::new(place), Box::new(seen));
            parts.push(expr(name_node, kept));
        }
        parts.push(self.expr(value));
        parts.push(constant(node, Const::Other));
        ExprKind::Not(Box::new(expr(node, ExprKind::Parts(parts))))
    }

    /// The values that a pattern stands for; none for `_` and the like.
    pub(super) fn pattern_values(&mut self, pattern: Node<'n>) -> Vec<Expr> {
        match pattern.kind() {
            "or_pattern" | "parenthesized_pattern" => children(pattern)
                .into_iter()
                .flat_map(|part| {
                    self.nest(|csharp| csharp.pattern_values(part))
                        .unwrap_or_default()
                })
                .collect(),
            "constant_pattern" => children(pattern)
                .into_iter()
                .map(|value| self.expr(value))
                .collect(),
            "discard" | "var_pattern" => Vec::new(),
            _ => vec![expr(pattern, ExprKind::Parts(Vec::new()))],
        }
    }

    /// What a pattern of a section binds; the values are not followed into it.
    pub(super) fn bound_by(&mut self, pattern: Node<'n>) -> Option<Stmt> {
        let name_node = field(pattern, "name")?;
        let name = self.tree.name(name_node);
        let type_name = field(pattern, "type").and_then(|node| self.type_of(node));
        self.declare(&name, type_name.clone());
        Some(Stmt::Declare {
            name,
            type_name,
            value: None,
            span: span(name_node),
        })
    }

    /// A switch whose arms give its value: a closure that is called at once.
    pub(super) fn switch_value(&mut self, node: Node<'n>) -> ExprKind {
        let parts = children(node);
        let Some((subject, arms)) = parts.split_first() else {
            return ExprKind::Const(Const::Other);
        };
        let subject = self.expr(*subject);
        let id = self.closure_of(node, |csharp| {
            let mut cases = Vec::new();
            for arm in arms
                .iter()
                .filter(|arm| arm.kind() == "switch_expression_arm")
            {
                let parts = children(*arm);
                let (Some(pattern), Some(given)) = (parts.first(), parts.last()) else {
                    continue;
                };
                let bound = csharp.bound_by(*pattern);
                let values = csharp.pattern_values(*pattern);
                let given = csharp.expr(*given);
                let mut body: Vec<Stmt> = bound.into_iter().collect();
                body.push(Stmt::Return(Some(given), span(*arm)));
                cases.push(Case {
                    values,
                    guard: None,
                    body,
                });
            }
            vec![Stmt::Switch {
                subject,
                cases,
                falls_through: false,
            }]
        });
        call(node, expr(node, ExprKind::Closure(id)), Vec::new()).kind
    }
}
