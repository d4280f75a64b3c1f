//! Statements.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::declaration::value_of;
use super::{CSharp, declarators, is_class};
use crate::flow::ir::{Block, Case, Const, Expr, ExprKind, Name, Place, Stmt};
use crate::flow::lower::tree::{
    child_of_kind, children, constant, expr, field, fields, name_expr, span,
};

impl<'n> CSharp<'_, 'n> {
    /// The statements in a node.
    pub(super) fn statements(&mut self, node: Node<'n>) -> Block {
        let mut block = Block::new();
        for child in children(node) {
            if let Some(mut statements) = self.nest(|csharp| csharp.statement(child)) {
                block.append(&mut statements);
            }
        }
        block
    }

    /// A statement that is the body of another one.
    fn body(&mut self, node: Node<'n>, name: &str) -> Block {
        let Some(body) = field(node, name) else {
            return Block::new();
        };
        self.scoped(|csharp| match body.kind() {
            "block" => csharp.statements(body),
            _ => csharp
                .nest(|csharp| csharp.statement(body))
                .unwrap_or_default(),
        })
    }

    fn statement(&mut self, node: Node<'n>) -> Block {
        match node.kind() {
            "expression_statement" => children(node)
                .into_iter()
                .map(|child| Stmt::Expr(self.expr(child)))
                .collect(),
            "local_declaration_statement" => self.variables(node),
            "return_statement" => {
                let returns = self.returns.clone();
                let value = children(node).first().copied();
                let value = value.map(|value| self.typed(value, returns.as_ref()));
                vec![Stmt::Return(value, span(node))]
            }
            "yield_statement" => children(node)
                .first()
                .map(|value| Stmt::Return(Some(self.expr(*value)), span(node)))
                .into_iter()
                .collect(),
            "if_statement" => vec![Stmt::If {
                condition: self.condition(node),
                then: self.body(node, "consequence"),
                otherwise: self.body(node, "alternative"),
            }],
            "while_statement" | "do_statement" => vec![Stmt::While {
                condition: Some(self.condition(node)),
                body: self.body(node, "body"),
                otherwise: Block::new(),
                is_do: node.kind() == "do_statement",
            }],
            "for_statement" => self.scoped(|csharp| csharp.for_statement(node)),
            "foreach_statement" => self.scoped(|csharp| csharp.foreach(node)),
            "switch_statement" => vec![self.switch(node)],
            "try_statement" => vec![self.try_statement(node)],
            "throw_statement" => {
                let value = children(node).first().copied();
                vec![Stmt::Raise(value.map(|value| self.expr(value)))]
            }
            "break_statement" => vec![Stmt::Break],
            "continue_statement" => vec![Stmt::Continue],
            "block" => vec![Stmt::Block(self.scoped(|csharp| csharp.statements(node)))],
            "using_statement" => self.scoped(|csharp| {
                let mut block = csharp.variables(node);
                for child in children(node) {
                    if !matches!(child.kind(), "variable_declaration" | "block")
                        && field(node, "body") != Some(child)
                    {
                        block.push(Stmt::Expr(csharp.expr(child)));
                    }
                }
                block.append(&mut csharp.body(node, "body"));
                block
            }),
            "lock_statement"
            | "checked_statement"
            | "unsafe_statement"
            | "fixed_statement"
            | "labeled_statement"
            | "global_statement"
            | "ERROR"
            | "namespace_declaration"
            | "file_scoped_namespace_declaration"
            | "declaration_list"
            | "preproc_region"
            | "preproc_if"
            | "preproc_else" => self.statements(node),
            "local_function_statement" => {
                let id = self.method(node, None);
                let name = Rc::clone(&self.tree.unit.functions[id].name);
                self.tree.unit.named.entry(name).or_insert(id);
                Block::new()
            }
            "method_declaration" => {
                let id = self.method(node, None);
                let name = Rc::clone(&self.tree.unit.functions[id].name);
                self.tree.unit.named.entry(name).or_insert(id);
                Block::new()
            }
            kind if is_class(kind) => {
                self.class(node);
                Block::new()
            }
            _ => Block::new(),
        }
    }

    /// Declared variables.
    fn variables(&mut self, node: Node<'n>) -> Block {
        let list = match node.kind() {
            "variable_declaration" => Some(node),
            _ => child_of_kind(node, "variable_declaration"),
        };
        let type_name = list
            .and_then(|list| field(list, "type"))
            .and_then(|node| self.type_of(node));
        let mut block = Block::new();
        for declarator in declarators(node) {
            let value = value_of(declarator);
            if let Some(tuple) = child_of_kind(declarator, "tuple_pattern") {
                let place = Box::new(self.place(tuple));
                if let Some(value) = value {
                    let value = Box::new(self.expr(value));
                    block.push(Stmt::Expr(expr(declarator, ExprKind::Assign(place, value))));
                }
                continue;
            }
            let Some(name_node) = field(declarator, "name") else {
                continue;
            };
            let name = self.tree.name(name_node);
            let value = value.map(|value| self.typed(value, type_name.as_ref()));
            self.declare(&name, type_name.clone());
            block.push(Stmt::Declare {
                name,
                type_name: type_name.clone(),
                value,
                span: span(name_node),
            });
        }
        block
    }

    fn condition(&mut self, node: Node<'n>) -> Expr {
        match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        }
    }

    fn for_statement(&mut self, node: Node<'n>) -> Block {
        let mut block = Block::new();
        for first in fields(node, "initializer") {
            if first.kind() == "variable_declaration" {
                block.append(&mut self.variables(first));
            } else {
                block.push(Stmt::Expr(self.expr(first)));
            }
        }
        let condition = field(node, "condition").map(|condition| self.expr(condition));
        let mut body = self.body(node, "body");
        for update in fields(node, "update") {
            body.push(Stmt::Expr(self.expr(update)));
        }
        block.push(Stmt::While {
            condition,
            body,
            otherwise: Block::new(),
            is_do: false,
        });
        block
    }

    fn foreach(&mut self, node: Node<'n>) -> Block {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return Block::new();
        };
        let iterable = self.expr(right);
        let type_name = field(node, "type").and_then(|node| self.type_of(node));
        let mut body = Block::new();
        let target = if left.kind() == "identifier" {
            let name = self.tree.name(left);
            self.declare(&name, type_name.clone());
            let value = name_expr(left, &name);
            body.push(Stmt::Declare {
                name: Rc::clone(&name),
                value: Some(self.as_type(left, type_name.as_ref(), value)),
                type_name,
                span: span(left),
            });
            Place::Name {
                name,
                declare: true,
                span: span(left),
            }
        } else {
            self.place(left)
        };
        body.append(&mut self.body(node, "body"));
        vec![Stmt::ForEach {
            target,
            iterable,
            body,
            otherwise: Block::new(),
            keys: false,
        }]
    }

    fn try_statement(&mut self, node: Node<'n>) -> Stmt {
        let body = self.body(node, "body");
        let (mut handlers, mut finally) = (Vec::new(), Block::new());
        for child in children(node) {
            match child.kind() {
                "catch_clause" => handlers.push(self.scoped(|csharp| csharp.handler(child))),
                "finally_clause" => {
                    let block = child_of_kind(child, "block");
                    finally = block
                        .map(|block| self.scoped(|csharp| csharp.statements(block)))
                        .unwrap_or_default();
                }
                _ => {}
            }
        }
        Stmt::Try {
            body,
            handlers,
            otherwise: Block::new(),
            finally,
        }
    }

    fn handler(&mut self, node: Node<'n>) -> Block {
        let mut block = Block::new();
        if let Some(caught) = child_of_kind(node, "catch_declaration")
            && let Some(name_node) = field(caught, "name")
        {
            let name = self.tree.name(name_node);
            let type_name = field(caught, "type").and_then(|node| self.type_of(node));
            self.declare(&name, type_name.clone());
            block.push(Stmt::Declare {
                name,
                type_name,
                value: None,
                span: span(name_node),
            });
        }
        block.append(&mut self.body(node, "body"));
        block
    }

    fn switch(&mut self, node: Node<'n>) -> Stmt {
        let subject = match field(node, "value") {
            Some(value) => self.expr(value),
            None => constant(node, Const::Other),
        };
        let sections = field(node, "body").map(children).unwrap_or_default();
        let cases = sections
            .into_iter()
            .map(|section| self.scoped(|csharp| csharp.section(section)))
            .collect();
        Stmt::Switch {
            subject,
            cases,
            falls_through: true,
        }
    }

    fn section(&mut self, section: Node<'n>) -> Case {
        let (mut values, mut guard, mut body) = (Vec::new(), None, Block::new());
        for child in children(section) {
            match child.kind() {
                "when_clause" => {
                    guard = children(child).first().map(|value| self.expr(*value));
                }
                kind if kind.ends_with("_pattern") => {
                    body.extend(self.bound_by(child));
                    values.extend(self.pattern_values(child));
                }
                _ => {
                    let statements = self.nest(|csharp| csharp.statement(child));
                    body.append(&mut statements.unwrap_or_default());
                }
            }
        }
        Case {
            values,
            guard,
            body,
        }
    }

    /// Where an assignment puts its value.
    pub(super) fn place(&mut self, node: Node<'n>) -> Place {
        let at = span(node);
        match node.kind() {
            "identifier" if self.tree.text(node) == "_" => Place::Ignore,
            "tuple_pattern" => {
                let mut places = Vec::new();
                for part in children(node) {
                    let name: Name = self.tree.name(part);
                    self.declare(&name, None);
                    places.push(Place::Name {
                        name,
                        declare: true,
                        span: span(part),
                    });
                }
                Place::Sequence(places)
            }
            "tuple_expression" => Place::Sequence(
                children(node)
                    .into_iter()
                    .filter_map(|part| children(part).last().copied())
                    .map(|part| {
                        self.nest(|csharp| csharp.place(part))
                            .unwrap_or(Place::Ignore)
                    })
                    .collect(),
            ),
            _ => match self.expr(node).kind {
                ExprKind::Name(name) => Place::Name {
                    name,
                    declare: false,
                    span: at,
                },
                ExprKind::Field(base, name) => Place::Field(base, name, at),
                ExprKind::Index(base, key) => Place::Index(base, key, at),
                _ => Place::Ignore,
            },
        }
    }
}
