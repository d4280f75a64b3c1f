//! Statements.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Java;
use super::shapes::is_class;
use crate::flow::ir::{Block, Case, Const, Expr, ExprKind, Name, Place, Stmt};
use crate::flow::lower::tree::{
    child_of_kind, children, constant, expr, field, fields, name_expr, span,
};

impl Java<'_> {
    /// The statements in a node.
    pub(super) fn statements(&mut self, node: Node<'_>) -> Block {
        let mut block = Block::new();
        for child in children(node) {
            if let Some(mut statements) = self.nest(|java| java.statement(child)) {
                block.append(&mut statements);
            }
        }
        block
    }

    /// A block with variables of its own.
    pub(super) fn block(&mut self, node: Node<'_>) -> Block {
        self.scoped(|java| java.statements(node))
    }

    /// A statement that is the body of another one.
    fn body(&mut self, node: Node<'_>, name: &str) -> Block {
        let Some(body) = field(node, name) else {
            return Block::new();
        };
        if body.kind() == "block" {
            return self.block(body);
        }
        self.scoped(|java| java.nest(|java| java.statement(body)))
            .unwrap_or_default()
    }

    fn statement(&mut self, node: Node<'_>) -> Block {
        match node.kind() {
            "expression_statement" => self.expression_statement(node),
            "local_variable_declaration" => self.local_variables(node),
            "return_statement" | "yield_statement" => {
                let value = self.first(node);
                let returns = self.returns.clone();
                let value = value.map(|value| self.as_type(node, returns.as_ref(), value));
                vec![Stmt::Return(value, span(node))]
            }
            "if_statement" => {
                let condition = self.condition(node);
                // A variable bound by `instanceof` is in scope behind the statement too.
                vec![Stmt::If {
                    condition,
                    then: self.body(node, "consequence"),
                    otherwise: self.body(node, "alternative"),
                }]
            }
            "while_statement" | "do_statement" => vec![Stmt::While {
                condition: Some(self.condition(node)),
                body: self.body(node, "body"),
                otherwise: Block::new(),
                is_do: node.kind() == "do_statement",
            }],
            "for_statement" => self.scoped(|java| java.for_statement(node)),
            "enhanced_for_statement" => self.scoped(|java| java.for_each(node)),
            "switch_expression" => vec![self.switch(node, false)],
            "try_statement" | "try_with_resources_statement" => vec![self.try_statement(node)],
            "throw_statement" => vec![Stmt::Raise(self.first(node))],
            "break_statement" => vec![Stmt::Break],
            "continue_statement" => vec![Stmt::Continue],
            "block" => vec![Stmt::Block(self.block(node))],
            "synchronized_statement" => {
                let lock = child_of_kind(node, "parenthesized_expression");
                let mut block: Block = lock
                    .map(|lock| Stmt::Expr(self.expr(lock)))
                    .into_iter()
                    .collect();
                block.append(&mut self.body(node, "body"));
                block
            }
            "labeled_statement" => children(node)
                .last()
                .and_then(|inner| self.nest(|java| java.statement(*inner)))
                .unwrap_or_default(),
            "assert_statement" => self.first(node).map(Stmt::Expr).into_iter().collect(),
            "explicit_constructor_invocation" => vec![Stmt::Expr(self.constructor_call(node))],
            "method_declaration" => {
                self.top_level_method(node);
                Block::new()
            }
            kind if is_class(kind) => {
                self.class(node);
                Block::new()
            }
            "ERROR" => self.statements(node),
            _ => Block::new(),
        }
    }

    /// A method outside of any class.
    fn top_level_method(&mut self, node: Node<'_>) {
        let id = self.method(node, None);
        let name = Rc::clone(&self.tree.unit.functions[id].name);
        self.tree.unit.named.entry(name).or_insert(id);
    }

    fn expression_statement(&mut self, node: Node<'_>) -> Block {
        children(node)
            .into_iter()
            .map(|child| {
                if child.kind() == "switch_expression" {
                    self.switch(child, false)
                } else {
                    Stmt::Expr(self.expr(child))
                }
            })
            .collect()
    }

    fn local_variables(&mut self, node: Node<'_>) -> Block {
        let type_name = field(node, "type").and_then(|node| self.type_of(node));
        fields(node, "declarator")
            .into_iter()
            .filter_map(|declarator| {
                let value = field(declarator, "value");
                self.variable(declarator, type_name.clone(), value)
            })
            .collect()
    }

    /// Declares the variable that a node names.
    fn variable(
        &mut self,
        node: Node<'_>,
        type_name: Option<Name>,
        value: Option<Node<'_>>,
    ) -> Option<Stmt> {
        let name_node = field(node, "name")?;
        let name = self.tree.name(name_node);
        let type_name = match field(node, "dimensions") {
            Some(_) => type_name.map(|name| Rc::from(format!("{name}[]"))),
            None => type_name,
        };
        let value = value.map(|node| {
            let value = self.expr(node);
            self.as_type(node, type_name.as_ref(), value)
        });
        self.declare(&name, type_name.clone());
        Some(Stmt::Declare {
            name,
            type_name,
            value,
            span: span(name_node),
        })
    }

    fn condition(&mut self, node: Node<'_>) -> Expr {
        match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        }
    }

    fn for_statement(&mut self, node: Node<'_>) -> Block {
        let mut block = Block::new();
        for init in fields(node, "init") {
            if init.kind() == "local_variable_declaration" {
                block.append(&mut self.local_variables(init));
            } else {
                block.push(Stmt::Expr(self.expr(init)));
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

    fn for_each(&mut self, node: Node<'_>) -> Block {
        let (Some(name_node), Some(iterable)) = (field(node, "name"), field(node, "value")) else {
            return Block::new();
        };
        let name = self.tree.name(name_node);
        let type_name = field(node, "type").and_then(|node| self.type_of(node));
        let iterable = self.expr(iterable);
        self.declare(&name, type_name.clone());
        let value = name_expr(name_node, &name);
        let mut body = vec![Stmt::Declare {
            value: Some(self.as_type(name_node, type_name.as_ref(), value)),
            name: Rc::clone(&name),
            type_name,
            span: span(name_node),
        }];
        body.append(&mut self.body(node, "body"));
        vec![Stmt::ForEach {
            target: Place::Name {
                name,
                declare: true,
                span: span(name_node),
            },
            iterable,
            body,
            otherwise: Block::new(),
            keys: false,
        }]
    }

    fn try_statement(&mut self, node: Node<'_>) -> Stmt {
        let body = self.scoped(|java| {
            let mut body = Block::new();
            let resources = field(node, "resources").map(children).unwrap_or_default();
            for resource in resources {
                body.extend(java.resource(resource));
            }
            if let Some(block) = field(node, "body") {
                body.append(&mut java.statements(block));
            }
            body
        });
        let (mut handlers, mut finally) = (Vec::new(), Block::new());
        for child in children(node) {
            match child.kind() {
                "catch_clause" => handlers.push(self.scoped(|java| java.handler(child))),
                "finally_clause" => {
                    finally = child_of_kind(child, "block")
                        .map(|block| self.block(block))
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

    fn resource(&mut self, node: Node<'_>) -> Option<Stmt> {
        if field(node, "name").is_some() {
            let type_name = field(node, "type").and_then(|node| self.type_of(node));
            return self.variable(node, type_name, field(node, "value"));
        }
        self.first(node).map(Stmt::Expr)
    }

    fn handler(&mut self, node: Node<'_>) -> Block {
        let mut block = Block::new();
        if let Some(parameter) = child_of_kind(node, "catch_formal_parameter") {
            let types = child_of_kind(parameter, "catch_type").map(children);
            let type_name = types
                .and_then(|types| types.first().copied())
                .and_then(|node| self.type_of(node));
            block.extend(self.variable(parameter, type_name, None));
        }
        if let Some(body) = field(node, "body") {
            block.append(&mut self.statements(body));
        }
        block
    }

    /// A switch; as an expression its cases return their values.
    pub(super) fn switch(&mut self, node: Node<'_>, is_expression: bool) -> Stmt {
        let subject = self.condition(node);
        let (mut cases, mut falls_through) = (Vec::new(), false);
        self.scoped(|java| {
            for group in field(node, "body").map(children).unwrap_or_default() {
                falls_through |= group.kind() == "switch_block_statement_group";
                cases.push(java.case(group, is_expression));
            }
        });
        Stmt::Switch {
            subject,
            cases,
            falls_through,
        }
    }

    fn case(&mut self, group: Node<'_>, is_expression: bool) -> Case {
        let (mut values, mut guard, mut body) = (Vec::new(), None, Block::new());
        let mut is_default = false;
        for child in children(group) {
            if child.kind() == "switch_label" {
                is_default |= child_of_kind(child, "default").is_some();
                for part in children(child) {
                    match part.kind() {
                        "guard" => guard = self.first(part),
                        "pattern" => {
                            body.extend(self.bound_by(part));
                            values.push(expr(part, ExprKind::Parts(Vec::new())));
                        }
                        _ => values.push(self.expr(part)),
                    }
                }
            } else if group.kind() == "switch_rule"
                && is_expression
                && child.kind() == "expression_statement"
            {
                body.push(Stmt::Return(self.first(child), span(child)));
            } else {
                let statements = self.nest(|java| java.statement(child));
                body.append(&mut statements.unwrap_or_default());
            }
        }
        if is_default {
            values.clear();
        }
        Case {
            values,
            guard,
            body,
        }
    }

    /// What a pattern binds; the values are not followed into it.
    fn bound_by(&mut self, pattern: Node<'_>) -> Vec<Stmt> {
        let mut found = Vec::new();
        let mut open = vec![pattern];
        while let Some(node) = open.pop() {
            open.extend(children(node));
            if !matches!(node.kind(), "type_pattern" | "record_pattern_component") {
                continue;
            }
            let parts = children(node);
            if let [type_node, name_node] = parts.as_slice() {
                let (name, type_name) = (self.tree.name(*name_node), self.type_of(*type_node));
                self.declare(&name, type_name.clone());
                found.push(Stmt::Declare {
                    name,
                    type_name,
                    value: None,
                    span: span(*name_node),
                });
            }
        }
        found
    }
}
