//! Statements.

use crate::source::syntax::Node;

use super::Ruby;
use crate::flow::ir::{Block, Case, Const, Expr, ExprKind, Stmt};
use crate::flow::lower::tree::{child_of_kind, children, constant, expr, field, fields, span};

impl<'n> Ruby<'_, 'n> {
    /// The statements in a node.
    pub(super) fn statements(&mut self, node: Node<'n>) -> Block {
        let handled = children(node)
            .into_iter()
            .any(|child| matches!(child.kind(), "rescue" | "ensure"));
        if handled {
            return vec![self.handled(node)];
        }
        self.all(children(node))
    }

    fn all(&mut self, nodes: Vec<Node<'n>>) -> Block {
        let mut block = Block::new();
        for child in nodes {
            if let Some(mut statements) = self.nest(|ruby| ruby.statement(child)) {
                block.append(&mut statements);
            }
        }
        block
    }

    /// What stands under a field of a node, as statements.
    fn under(&mut self, node: Node<'n>, name: &str) -> Block {
        match field(node, name) {
            Some(body) if is_group(body.kind()) => self.statements(body),
            Some(body) => self.all(vec![body]),
            None => Block::new(),
        }
    }

    pub(super) fn statement(&mut self, node: Node<'n>) -> Block {
        match node.kind() {
            "if" | "unless" | "elsif" => vec![self.choice(node)],
            "if_modifier" | "unless_modifier" => {
                let condition = self.condition(node, node.kind() == "unless_modifier");
                let then = self.under(node, "body");
                vec![Stmt::If {
                    condition,
                    then,
                    otherwise: Block::new(),
                }]
            }
            "while" | "until" | "while_modifier" | "until_modifier" => vec![self.repeated(node)],
            "for" => self.for_each(node),
            "case" => vec![self.switch(node)],
            "begin" | "parenthesized_statements" | "body_statement" | "then" | "ERROR" => {
                self.statements(node)
            }
            "return" => vec![Stmt::Return(self.given(node), span(node))],
            "next" => match self.is_loop.last() {
                Some(true) | None => vec![Stmt::Continue],
                Some(false) => vec![Stmt::Return(self.given(node), span(node))],
            },
            "break" => match self.is_loop.last() {
                Some(true) | None => vec![Stmt::Break],
                Some(false) => vec![Stmt::Return(self.given(node), span(node))],
            },
            "class" | "module" | "singleton_class" => {
                self.class(node);
                Block::new()
            }
            "method" | "singleton_method" => {
                self.method_declaration(node);
                Block::new()
            }
            "binary" if self.ends_there(node) => self.short_way(node),
            "call" => self.call_statement(node),
            "heredoc_body" | "empty_statement" | "uninterpreted" => Block::new(),
            _ => vec![Stmt::Expr(self.expr(node))],
        }
    }

    /// The condition of a node; an `unless` asks for the opposite.
    fn condition(&mut self, node: Node<'n>, is_opposite: bool) -> Expr {
        let condition = match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        };
        if is_opposite {
            expr(node, ExprKind::Not(Box::new(condition)))
        } else {
            condition
        }
    }

    pub(super) fn choice(&mut self, node: Node<'n>) -> Stmt {
        let condition = self.condition(node, node.kind() == "unless");
        let then = self.under(node, "consequence");
        let otherwise = match field(node, "alternative") {
            Some(next) if next.kind() == "elsif" => self
                .nest(|ruby| vec![ruby.choice(next)])
                .unwrap_or_default(),
            Some(next) => self.statements(next),
            None => Block::new(),
        };
        Stmt::If {
            condition,
            then,
            otherwise,
        }
    }

    fn repeated(&mut self, node: Node<'n>) -> Stmt {
        let condition = self.condition(node, node.kind().starts_with("until"));
        Stmt::While {
            condition: Some(condition),
            body: self.looped(|ruby| ruby.under(node, "body")),
            otherwise: Block::new(),
            is_do: field(node, "body").is_some_and(|body| body.kind() == "begin"),
        }
    }

    /// Runs where `next` goes on with a loop.
    pub(super) fn looped<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        self.is_loop.push(true);
        let result = act(self);
        self.is_loop.pop();
        result
    }

    fn for_each(&mut self, node: Node<'n>) -> Block {
        let value = field(node, "value").and_then(|value| children(value).first().copied());
        let (Some(pattern), Some(value)) = (field(node, "pattern"), value) else {
            return Block::new();
        };
        let iterable = self.expr(value);
        let target = self.place(pattern);
        vec![Stmt::ForEach {
            target,
            iterable,
            body: self.looped(|ruby| ruby.under(node, "body")),
            otherwise: Block::new(),
            keys: false,
        }]
    }

    pub(super) fn switch(&mut self, node: Node<'n>) -> Stmt {
        let subject = match field(node, "value") {
            Some(value) => self.expr(value),
            // Without a value the first condition that holds is taken.
            None => constant(node, Const::Bool(true)),
        };
        let mut cases = Vec::new();
        for child in children(node) {
            match child.kind() {
                "when" => {
                    let mut values = Vec::new();
                    for pattern in fields(child, "pattern") {
                        values.extend(children(pattern).into_iter().map(|value| self.expr(value)));
                    }
                    cases.push(Case {
                        values,
                        guard: None,
                        body: self.under(child, "body"),
                    });
                }
                "else" => cases.push(Case {
                    values: Vec::new(),
                    guard: None,
                    body: self.statements(child),
                }),
                _ => {}
            }
        }
        Stmt::Switch {
            subject,
            cases,
            falls_through: false,
        }
    }

    /// Statements with `rescue` and `ensure` behind them.
    fn handled(&mut self, node: Node<'n>) -> Stmt {
        let (mut body, mut handlers) = (Vec::new(), Vec::new());
        let (mut otherwise, mut finally) = (Block::new(), Block::new());
        for child in children(node) {
            match child.kind() {
                "rescue" => handlers.push(child),
                "else" => otherwise = self.statements(child),
                "ensure" => finally = self.statements(child),
                _ => body.push(child),
            }
        }
        let body = self.all(body);
        let handlers = handlers
            .into_iter()
            .map(|handler| {
                let variable = field(handler, "variable");
                let name = variable.and_then(|variable| child_of_kind(variable, "identifier"));
                let mut block = Block::new();
                if let Some(name) = name {
                    let own = self.tree.name(name);
                    self.declare(&own);
                    block.push(Stmt::Declare {
                        name: own,
                        type_name: None,
                        value: None,
                        span: span(name),
                    });
                }
                block.append(&mut self.under(handler, "body"));
                block
            })
            .collect();
        Stmt::Try {
            body,
            handlers,
            otherwise,
            finally,
        }
    }

    /// Whether the right side of `and` or `or` leaves the method or block.
    fn ends_there(&self, node: Node<'n>) -> bool {
        let right = field(node, "right");
        let leaves = right.is_some_and(|right| {
            matches!(right.kind(), "return" | "next" | "break")
                || matches!(right.kind(), "call" | "identifier")
                    && self.tree.text(right).starts_with("raise")
        });
        let operator = field(node, "operator").map_or("", |operator| operator.kind());
        leaves && matches!(operator, "and" | "or" | "&&" | "||")
    }

    /// `something and return`, `something or raise …`.
    fn short_way(&mut self, node: Node<'n>) -> Block {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return Block::new();
        };
        let condition = self.expr(left);
        let leaving = self.all(vec![right]);
        let operator = field(node, "operator").map_or("", |operator| operator.kind());
        let (then, otherwise) = match operator {
            "and" | "&&" => (leaving, Block::new()),
            _ => (Block::new(), leaving),
        };
        vec![Stmt::If {
            condition,
            then,
            otherwise,
        }]
    }

    /// What is given back by `return`, `next` or `break`.
    fn given(&mut self, node: Node<'n>) -> Option<Expr> {
        let list = child_of_kind(node, "argument_list").map(children)?;
        match list.as_slice() {
            [only] => Some(self.expr(*only)),
            _ => Some(expr(
                node,
                ExprKind::List(list.into_iter().map(|value| self.expr(value)).collect()),
            )),
        }
    }
}

/// Whether a node only holds statements.
pub(super) fn is_group(kind: &str) -> bool {
    matches!(
        kind,
        "then"
            | "do"
            | "else"
            | "ensure"
            | "body_statement"
            | "block_body"
            | "begin"
            | "parenthesized_statements"
    )
}

/// Statements whose last value is given back, as a method's and a block's are.
pub(super) fn returning(mut block: Block) -> Block {
    let Some(last) = block.pop() else {
        return block;
    };
    block.push(match last {
        Stmt::Expr(value) => {
            let at = value.span;
            Stmt::Return(Some(value), at)
        }
        Stmt::If {
            condition,
            then,
            otherwise,
        } => Stmt::If {
            condition,
            then: returning(then),
            otherwise: returning(otherwise),
        },
        Stmt::Switch {
            subject,
            cases,
            falls_through,
        } => Stmt::Switch {
            subject,
            cases: cases
                .into_iter()
                .map(|case| Case {
                    body: returning(case.body),
                    ..case
                })
                .collect(),
            falls_through,
        },
        Stmt::Try {
            body,
            handlers,
            otherwise,
            finally,
        } => Stmt::Try {
            body: if otherwise.is_empty() {
                returning(body)
            } else {
                body
            },
            handlers: handlers.into_iter().map(returning).collect(),
            otherwise: returning(otherwise),
            finally,
        },
        other => other,
    });
    block
}
