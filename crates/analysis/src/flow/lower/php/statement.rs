//! Statements.

use crate::source::syntax::Node;

use super::Php;
use crate::flow::ir::{Block, Case, Const, Expr, ExprKind, Place, Stmt};
use crate::flow::lower::tree::{
    call, child_of_kind, children, constant, expr, field, fields, name_expr, span,
};

impl Php<'_> {
    /// The statements in a node.
    pub(super) fn statements(&mut self, node: Node<'_>) -> Block {
        let mut block = Block::new();
        for child in children(node) {
            if let Some(mut statements) = self.nest(|php| php.statement(child)) {
                block.append(&mut statements);
            }
        }
        block
    }

    /// A statement that is the body of another one.
    fn body(&mut self, node: Node<'_>, name: &str) -> Block {
        match field(node, name) {
            Some(body) if matches!(body.kind(), "compound_statement" | "colon_block") => {
                self.statements(body)
            }
            Some(body) => self.nest(|php| php.statement(body)).unwrap_or_default(),
            None => Block::new(),
        }
    }

    fn statement(&mut self, node: Node<'_>) -> Block {
        match node.kind() {
            "expression_statement" => self.expression_statement(node),
            "echo_statement" => vec![self.called(node, "echo")],
            "exit_statement" => vec![self.called(node, "exit")],
            "unset_statement" => Block::new(),
            "return_statement" => {
                let value = children(node).first().map(|value| self.expr(*value));
                let returns = self.returns.clone();
                let value = value.map(|value| self.as_type(node, returns.as_ref(), value));
                vec![Stmt::Return(value, span(node))]
            }
            "if_statement" => vec![self.if_statement(node, &fields(node, "alternative"))],
            "while_statement" | "do_statement" => vec![Stmt::While {
                condition: field(node, "condition").map(|condition| self.expr(condition)),
                body: self.body(node, "body"),
                otherwise: Block::new(),
                is_do: node.kind() == "do_statement",
            }],
            "for_statement" => self.for_statement(node),
            "foreach_statement" => self.foreach_statement(node),
            "switch_statement" => vec![self.switch(node)],
            "try_statement" => vec![self.try_statement(node)],
            "break_statement" => vec![Stmt::Break],
            "continue_statement" => vec![Stmt::Continue],
            "compound_statement" | "ERROR" | "declare_statement" => self.statements(node),
            "namespace_definition" => self.body(node, "body"),
            "function_static_declaration" => children(node)
                .into_iter()
                .filter_map(|child| self.static_variable(child))
                .collect(),
            "const_declaration" => {
                self.constants(node, None);
                Block::new()
            }
            "function_definition" => {
                self.top_level_function(node);
                Block::new()
            }
            "class_declaration"
            | "trait_declaration"
            | "interface_declaration"
            | "enum_declaration" => {
                self.class(node);
                Block::new()
            }
            _ => Block::new(),
        }
    }

    /// An expression; one behind `<?=` is printed.
    fn expression_statement(&mut self, node: Node<'_>) -> Block {
        let before = self.tree.text.get(..node.start_byte()).unwrap_or("");
        if before.trim_end().ends_with("<?=") {
            return vec![self.called(node, "<?=")];
        }
        children(node)
            .into_iter()
            .map(|child| {
                if child.kind() == "throw_expression" {
                    let raised = children(child).first().map(|value| self.expr(*value));
                    Stmt::Raise(raised)
                } else {
                    Stmt::Expr(self.expr(child))
                }
            })
            .collect()
    }

    /// A construct of the language as a call of this name.
    fn called(&mut self, node: Node<'_>, name: &str) -> Stmt {
        let mut values = Vec::new();
        for child in children(node) {
            if child.kind() == "sequence_expression" {
                values.extend(children(child).into_iter().map(|value| self.expr(value)));
            } else {
                values.push(self.expr(child));
            }
        }
        Stmt::Expr(call(node, name_expr(node, name), values))
    }

    fn if_statement(&mut self, node: Node<'_>, rest: &[Node<'_>]) -> Stmt {
        let condition = match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        };
        let then = self.body(node, "body");
        let otherwise = match rest.split_first() {
            Some((next, rest)) if next.kind() == "else_if_clause" => self
                .nest(|php| vec![php.if_statement(*next, rest)])
                .unwrap_or_default(),
            Some((next, _)) => self.body(*next, "body"),
            None => Block::new(),
        };
        Stmt::If {
            condition,
            then,
            otherwise,
        }
    }

    fn for_statement(&mut self, node: Node<'_>) -> Block {
        let mut block: Block = fields(node, "initialize")
            .into_iter()
            .map(|first| Stmt::Expr(self.expr(first)))
            .collect();
        let condition = field(node, "condition").map(|condition| self.expr(condition));
        let mut body = self.body(node, "body");
        body.extend(
            fields(node, "update")
                .into_iter()
                .map(|update| Stmt::Expr(self.expr(update))),
        );
        block.push(Stmt::While {
            condition,
            body,
            otherwise: Block::new(),
            is_do: false,
        });
        block
    }

    fn foreach_statement(&mut self, node: Node<'_>) -> Block {
        let body_node = field(node, "body").map(|body| body.start_byte());
        let parts: Vec<Node<'_>> = children(node)
            .into_iter()
            .filter(|child| Some(child.start_byte()) != body_node)
            .collect();
        let [iterable_node, target] = parts.as_slice() else {
            return self.body(node, "body");
        };
        let iterable = self.expr(*iterable_node);
        let (key, value) = match (target.kind(), children(*target).as_slice()) {
            ("pair", [key, value]) => (Some(*key), *value),
            _ => (None, *target),
        };
        let target = self.place(value);
        let mut body = Block::new();
        if let Some(key) = key {
            // A key of what the request brought is as untrusted as the value there.
            let base = self.expr(*iterable_node);
            let any = constant(key, Const::Other);
            let taken = expr(key, ExprKind::Index(Box::new(base), Box::new(any)));
            let place = Box::new(self.place(key));
            body.push(Stmt::Expr(expr(
                key,
                ExprKind::Assign(place, Box::new(taken)),
            )));
        }
        body.append(&mut self.body(node, "body"));
        vec![Stmt::ForEach {
            target,
            iterable,
            body,
            otherwise: Block::new(),
            keys: false,
        }]
    }

    fn switch(&mut self, node: Node<'_>) -> Stmt {
        let subject = match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        };
        let groups = field(node, "body").map(children).unwrap_or_default();
        let cases = groups
            .into_iter()
            .filter(|group| matches!(group.kind(), "case_statement" | "default_statement"))
            .map(|group| {
                let value = field(group, "value");
                let values: Vec<Expr> = value.map(|value| self.expr(value)).into_iter().collect();
                let skipped = value.map(|value| value.end_byte());
                let mut body = Block::new();
                for child in children(group) {
                    if skipped.is_none_or(|end| child.start_byte() >= end) {
                        body.append(&mut self.nest(|php| php.statement(child)).unwrap_or_default());
                    }
                }
                Case {
                    values,
                    guard: None,
                    body,
                }
            })
            .collect();
        Stmt::Switch {
            subject,
            cases,
            falls_through: true,
        }
    }

    fn try_statement(&mut self, node: Node<'_>) -> Stmt {
        let body = self.body(node, "body");
        let (mut handlers, mut finally) = (Vec::new(), Block::new());
        for child in children(node) {
            match child.kind() {
                "catch_clause" => {
                    let mut handler = Block::new();
                    if let Some(name) = field(child, "name") {
                        let types = child_of_kind(child, "type_list").map(children);
                        let first = types.and_then(|types| types.first().copied());
                        handler.push(Stmt::Declare {
                            name: self.tree.name(name),
                            type_name: first.and_then(|node| self.type_of(node)),
                            value: None,
                            span: span(name),
                        });
                    }
                    handler.append(&mut self.body(child, "body"));
                    handlers.push(handler);
                }
                "finally_clause" => finally = self.body(child, "body"),
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

    fn static_variable(&mut self, node: Node<'_>) -> Option<Stmt> {
        let name = field(node, "name")?;
        Some(Stmt::Declare {
            name: self.tree.name(name),
            type_name: None,
            value: field(node, "value").map(|value| self.expr(value)),
            span: span(name),
        })
    }

    /// Where an assignment puts its value.
    pub(super) fn place(&mut self, node: Node<'_>) -> Place {
        let at = span(node);
        match node.kind() {
            "variable_name" => Place::Name {
                name: self.tree.name(node),
                declare: true,
                span: at,
            },
            "list_literal" | "array_creation_expression" => self.places(node),
            "by_ref" | "parenthesized_expression" => match children(node).first() {
                Some(inner) => self.nest(|php| php.place(*inner)).unwrap_or(Place::Ignore),
                None => Place::Ignore,
            },
            _ => match self.expr(node).kind {
                ExprKind::Field(base, name) => Place::Field(base, name, at),
                ExprKind::Index(base, key) => Place::Index(base, key, at),
                ExprKind::Name(name) => Place::Name {
                    name,
                    declare: false,
                    span: at,
                },
                _ => Place::Ignore,
            },
        }
    }

    /// `[$a, , $b]` and `['k' => $a]`; elements that are left out are looked for in the text.
    fn places(&mut self, node: Node<'_>) -> Place {
        let (mut places, mut keyed) = (Vec::new(), Vec::new());
        let mut key = None;
        let mut is_open = true;
        for child in node.children() {
            match child.kind() {
                "," if is_open => places.push(Place::Ignore),
                "," => is_open = true,
                "=>" => {
                    // What was taken for an element is the key of the next one.
                    places.pop();
                    is_open = true;
                }
                "array_element_initializer" => {
                    let parts = children(child);
                    if let [named, target] = parts.as_slice() {
                        let name = self.text_of(*named);
                        let place = self.place(*target);
                        keyed.push((name.into(), place));
                    } else if let [target] = parts.as_slice() {
                        places.push(self.place(*target));
                    }
                    is_open = false;
                }
                "string" | "integer" | "encapsed_string" if child.is_named() => {
                    key = Some(self.text_of(child));
                    places.push(Place::Ignore);
                    is_open = false;
                }
                _ if child.is_named() => {
                    let place = self.nest(|php| php.place(child)).unwrap_or(Place::Ignore);
                    match key.take() {
                        Some(key) => keyed.push((key.into(), place)),
                        None => places.push(place),
                    }
                    is_open = false;
                }
                _ => {}
            }
        }
        if keyed.is_empty() {
            Place::Sequence(places)
        } else {
            Place::Fields(keyed)
        }
    }
}
