//! `switch` and `select` of Go.

use crate::source::syntax::Node;

use super::super::tree::{assign, children, expr, field, fields};
use super::Go;
use super::statement::push;
use crate::flow::ir::{Block, Case, ExprKind, Op, Stmt};

impl Go<'_> {
    /// `switch` on a value.
    pub(super) fn switch(&mut self, node: Node<'_>) -> Block {
        self.scoped(|go| {
            let mut block = go.initializer(node);
            let cases: Vec<Node<'_>> = cases_of(node);
            let Some(value) = field(node, "value") else {
                let chain = go.chain(&cases);
                for statement in chain {
                    push(&mut block, statement);
                }
                return block;
            };
            let subject = go.expr(value);
            let cases = cases
                .into_iter()
                .map(|case| {
                    let values = field(case, "value").map(children).unwrap_or_default();
                    Case {
                        values: values.into_iter().map(|value| go.expr(value)).collect(),
                        guard: None,
                        body: go.case_body(case),
                    }
                })
                .collect();
            block.push(Stmt::Switch {
                subject,
                cases,
                falls_through: false,
            });
            block
        })
    }

    fn case_body(&mut self, case: Node<'_>) -> Block {
        self.body(case, |go, case| {
            go.scoped(|go| go.list(fields_without_head(case)))
        })
    }

    /// A `switch` without a subject: one condition after the other.
    fn chain(&mut self, cases: &[Node<'_>]) -> Block {
        let before = self.set_chain(true);
        let mut otherwise = Block::new();
        let mut lowered = Vec::new();
        for case in cases {
            let conditions = field(*case, "value").map(children).unwrap_or_default();
            let condition = conditions
                .into_iter()
                .map(|condition| self.expr(condition))
                .reduce(|all, one| {
                    expr(
                        *case,
                        ExprKind::Binary(Op::Or, Box::new(all), Box::new(one)),
                    )
                });
            let body = self.scoped(|go| go.list(fields_without_head(*case)));
            match condition {
                Some(condition) => lowered.push((condition, body)),
                None => otherwise = body,
            }
        }
        for (condition, then) in lowered.into_iter().rev() {
            otherwise = vec![Stmt::If {
                condition,
                then,
                otherwise,
            }];
        }
        self.set_chain(before);
        otherwise
    }

    /// `switch` on a type.
    pub(super) fn type_switch(&mut self, node: Node<'_>) -> Block {
        self.scoped(|go| {
            let mut block = go.initializer(node);
            let subject = field(node, "value").map(|value| go.expr(value));
            let alias = field(node, "alias").and_then(|alias| children(alias).into_iter().next());
            if let (Some(alias), Some(value)) = (alias, subject) {
                let place = go.new_place(alias);
                block.push(assign(node, place, value));
            }
            let cases = cases_of(node)
                .into_iter()
                .map(|case| {
                    let is_default = case.kind() == "default_case";
                    let kinds = fields(case, "type");
                    let mut body = Block::new();
                    if let (Some(alias), [kind]) = (alias, kinds.as_slice()) {
                        body.append(&mut go.narrowed(alias, *kind));
                    }
                    body.append(&mut go.case_body(case));
                    let never = expr(case, ExprKind::Parts(Vec::new()));
                    Case {
                        values: if is_default { Vec::new() } else { vec![never] },
                        guard: None,
                        body,
                    }
                })
                .collect();
            block.push(Stmt::Switch {
                subject: expr(node, ExprKind::Parts(Vec::new())),
                cases,
                falls_through: false,
            });
            block
        })
    }

    /// In a case of one type, the variable has that type.
    fn narrowed(&mut self, alias: Node<'_>, kind: Node<'_>) -> Block {
        let Some(type_name) = self.type_name(kind) else {
            return Block::new();
        };
        let value = self.expr(alias);
        let value = self.seen_as(alias, type_name, value);
        let place = self.place(alias);
        vec![assign(alias, place, value)]
    }

    /// `select`.
    pub(super) fn select(&mut self, node: Node<'_>) -> Block {
        let cases = cases_of(node)
            .into_iter()
            .map(|case| {
                let values = match case.kind() {
                    "default_case" => Vec::new(),
                    _ => vec![expr(case, ExprKind::Parts(Vec::new()))],
                };
                let body = self.scoped(|go| {
                    let first = field(case, "communication");
                    let mut body = first.map(|first| go.statement(first)).unwrap_or_default();
                    body.append(&mut go.case_body(case));
                    body
                });
                Case {
                    values,
                    guard: None,
                    body,
                }
            })
            .collect();
        vec![Stmt::Switch {
            subject: expr(node, ExprKind::Parts(Vec::new())),
            cases,
            falls_through: false,
        }]
    }
}

fn cases_of(node: Node<'_>) -> Vec<Node<'_>> {
    let is_case = |child: &Node<'_>| child.kind().ends_with("_case");
    children(node).into_iter().filter(is_case).collect()
}

/// The statements of a case.
fn fields_without_head(case: Node<'_>) -> Vec<Node<'_>> {
    children(case)
        .into_iter()
        .filter(|child| child.kind() == "statement_list")
        .collect()
}
