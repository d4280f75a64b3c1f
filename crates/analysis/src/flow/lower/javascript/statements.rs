//! Statements.

use crate::source::syntax::Node;

use super::Script;
use crate::flow::ir::{Block, Case, Const, Expr, ExprKind, Place, Stmt};
use crate::flow::lower::tree::{child_of_kind, children, constant, expr, field, fields, span};

impl Script<'_> {
    /// The statements of a block; functions declared in it come first.
    pub(super) fn statements(&mut self, node: Node<'_>) -> Block {
        let nodes = children(node);
        self.statement_list(&nodes)
    }

    fn statement_list(&mut self, nodes: &[Node<'_>]) -> Block {
        let mut block = Block::new();
        let (first, then): (Vec<Node<'_>>, Vec<Node<'_>>) =
            nodes.iter().partition(|node| is_hoisted(**node));
        for child in first.into_iter().chain(then) {
            if let Some(mut statements) = self.nest(|script| script.statement(child)) {
                block.append(&mut statements);
            }
        }
        block
    }

    /// A statement that is the body of another one.
    fn body(&mut self, node: Node<'_>, name: &str) -> Block {
        field(node, name)
            .and_then(|body| self.nest(|script| script.statement(body)))
            .unwrap_or_default()
    }

    pub(super) fn statement(&mut self, node: Node<'_>) -> Block {
        match node.kind() {
            "expression_statement" => children(node)
                .into_iter()
                .map(|child| Stmt::Expr(self.expr(child)))
                .collect(),
            "lexical_declaration" | "variable_declaration" => children(node)
                .into_iter()
                .filter_map(|child| self.declarator(child))
                .collect(),
            "statement_block" | "class_static_block" | "ERROR" | "else_clause" => {
                self.statements(node)
            }
            "return_statement" => vec![Stmt::Return(self.first(node), span(node))],
            "throw_statement" => vec![Stmt::Raise(self.first(node))],
            "break_statement" => vec![Stmt::Break],
            "continue_statement" => vec![Stmt::Continue],
            "if_statement" => vec![Stmt::If {
                condition: self.expr_of(node, "condition"),
                then: self.body(node, "consequence"),
                otherwise: self.body(node, "alternative"),
            }],
            "while_statement" | "do_statement" => vec![Stmt::While {
                condition: field(node, "condition").map(|condition| self.expr(condition)),
                body: self.body(node, "body"),
                otherwise: Block::new(),
                is_do: node.kind() == "do_statement",
            }],
            "for_statement" => self.for_statement(node),
            "for_in_statement" => self.for_in_statement(node),
            "switch_statement" => vec![self.switch_statement(node)],
            "try_statement" => vec![self.try_statement(node)],
            "labeled_statement" | "with_statement" => self.body(node, "body"),
            "function_declaration" | "generator_function_declaration" => {
                self.function_statement(node)
            }
            "class_declaration" | "abstract_class_declaration" => {
                self.class(node, None);
                Vec::new()
            }
            "export_statement" => self.export_statement(node),
            "internal_module" | "module" | "ambient_declaration" => match field(node, "body") {
                Some(body) => self.statements(body),
                None => Vec::new(),
            },
            "import_statement"
            | "interface_declaration"
            | "type_alias_declaration"
            | "enum_declaration"
            | "function_signature"
            | "import_alias"
            | "empty_statement"
            | "debugger_statement"
            | "hash_bang_line"
            | "comment" => Vec::new(),
            _ => vec![Stmt::Expr(self.expr(node))],
        }
    }

    fn declarator(&mut self, node: Node<'_>) -> Option<Stmt> {
        let name = field(node, "name")?;
        let value = match field(node, "value") {
            Some(value) if matches!(value.kind(), "class" | "class_declaration") => {
                let local = self.tree.name(name);
                self.class(value, Some(local));
                return None;
            }
            Some(value) => Some(self.expr(value)),
            None => None,
        };
        if name.kind() == "identifier" {
            return Some(Stmt::Declare {
                name: self.tree.name(name),
                type_name: field(node, "type").and_then(|type_node| self.type_name(type_node)),
                value,
                span: span(name),
            });
        }
        let place = self.place(name, true);
        Some(Stmt::Expr(expr(
            node,
            ExprKind::Assign(Box::new(place), Box::new(value?)),
        )))
    }

    fn export_statement(&mut self, node: Node<'_>) -> Block {
        if let Some(declaration) = field(node, "declaration") {
            return self.statement(declaration);
        }
        match field(node, "value") {
            Some(value) => vec![Stmt::Expr(self.expr(value))],
            None if field(node, "source").is_some() => Vec::new(),
            None => children(node)
                .into_iter()
                .filter(|child| child.kind() != "export_clause")
                .map(|child| Stmt::Expr(self.expr(child)))
                .collect(),
        }
    }

    fn for_statement(&mut self, node: Node<'_>) -> Block {
        let mut block = self.body(node, "initializer");
        let condition = field(node, "condition")
            .filter(|condition| !matches!(condition.kind(), "empty_statement" | ";"))
            .map(|condition| self.expr(condition));
        let mut body = self.body(node, "body");
        if let Some(step) = field(node, "increment") {
            body.push(Stmt::Expr(self.expr(step)));
        }
        block.push(Stmt::While {
            condition,
            body,
            otherwise: Block::new(),
            is_do: false,
        });
        block
    }

    fn for_in_statement(&mut self, node: Node<'_>) -> Block {
        let iterable = self.expr_of(node, "right");
        let declare = field(node, "kind").is_some();
        let target = match field(node, "left") {
            Some(left) => self.place(left, declare),
            None => Place::Ignore,
        };
        let keys = field(node, "operator").is_some_and(|op| op.kind() == "in");
        vec![Stmt::ForEach {
            target,
            iterable,
            body: self.body(node, "body"),
            otherwise: Block::new(),
            keys,
        }]
    }

    fn switch_statement(&mut self, node: Node<'_>) -> Stmt {
        let subject = self.expr_of(node, "value");
        let mut cases = Vec::new();
        for child in field(node, "body").map(children).unwrap_or_default() {
            let values: Vec<Expr> = field(child, "value")
                .map(|value| self.expr(value))
                .into_iter()
                .collect();
            let body = self.statement_list(&fields(child, "body"));
            cases.push(Case {
                values,
                guard: None,
                body,
            });
        }
        Stmt::Switch {
            subject,
            cases,
            falls_through: true,
        }
    }

    fn try_statement(&mut self, node: Node<'_>) -> Stmt {
        let body = self.body(node, "body");
        let mut handlers = Vec::new();
        if let Some(handler) = field(node, "handler") {
            let mut block = Block::new();
            if let Some(parameter) = field(handler, "parameter") {
                let place = self.place(parameter, true);
                let error = constant(parameter, Const::Other);
                block.push(Stmt::Expr(expr(
                    parameter,
                    ExprKind::Assign(Box::new(place), Box::new(error)),
                )));
            }
            block.append(&mut self.body(handler, "body"));
            handlers.push(block);
        }
        let finally = field(node, "finalizer")
            .map(|finalizer| self.body(finalizer, "body"))
            .unwrap_or_default();
        Stmt::Try {
            body,
            handlers,
            otherwise: Block::new(),
            finally,
        }
    }
}

/// Whether a declaration counts from the beginning of its block.
fn is_hoisted(node: Node<'_>) -> bool {
    match node.kind() {
        "function_declaration" | "generator_function_declaration" => true,
        "export_statement" => child_of_kind(node, "function_declaration").is_some(),
        _ => false,
    }
}
