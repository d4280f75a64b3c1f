//! Statements of Go.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::super::tree::{assign, call, child_of_kind, children, constant, expr, field, span};
use super::Go;
use super::expression::operator;
use crate::flow::ir::{Block, Const, Expr, ExprKind, Op, Place, Stmt};

impl Go<'_> {
    /// The statements of a block, in a scope of their own.
    pub(super) fn statements(&mut self, node: Node<'_>) -> Block {
        self.scoped(|go| go.list(children(node)))
    }

    pub(super) fn list(&mut self, nodes: Vec<Node<'_>>) -> Block {
        let mut block = Block::new();
        for node in nodes {
            for statement in self.nest(|go| go.statement(node)).unwrap_or_default() {
                push(&mut block, statement);
            }
        }
        block
    }

    /// A statement.
    pub(super) fn statement(&mut self, node: Node<'_>) -> Block {
        match node.kind() {
            "statement_list" => self.list(children(node)),
            "block" => vec![Stmt::Block(self.statements(node))],
            "labeled_statement" => {
                let inner = children(node)
                    .into_iter()
                    .filter(|child| child.kind() != "label_name");
                self.list(inner.collect())
            }
            "expression_statement" | "go_statement" | "defer_statement" => children(node)
                .into_iter()
                .map(|child| Stmt::Expr(self.expr(child)))
                .collect(),
            "var_declaration" | "const_declaration" | "var_spec_list" => children(node)
                .into_iter()
                .flat_map(|child| self.statement(child))
                .collect(),
            "var_spec" | "const_spec" => self.value_spec(node),
            "short_var_declaration" => self.assignment(node, true),
            "assignment_statement" => self.assignment(node, false),
            "receive_statement" => self.receive(node),
            "send_statement" => self.send(node),
            "inc_statement" | "dec_statement" => self.step(node),
            "return_statement" => self.leave(node),
            "if_statement" => self.if_statement(node),
            "for_statement" => self.for_statement(node),
            "expression_switch_statement" => self.switch(node),
            "type_switch_statement" => self.type_switch(node),
            "select_statement" => self.select(node),
            "break_statement" => {
                let in_chain = self.contexts.last().is_some_and(|context| context.in_chain);
                if in_chain && children(node).is_empty() {
                    Block::new()
                } else {
                    vec![Stmt::Break]
                }
            }
            "continue_statement" => vec![Stmt::Continue],
            "type_declaration" => {
                self.declare_types(node);
                self.define_types(node);
                Block::new()
            }
            "ERROR" => self.list(children(node)),
            "fallthrough_statement" | "goto_statement" | "empty_statement" | "label_name" => {
                Block::new()
            }
            _ => vec![Stmt::Expr(self.expr(node))],
        }
    }

    fn assignment(&mut self, node: Node<'_>, declares: bool) -> Block {
        let left = field(node, "left").map(children).unwrap_or_default();
        let right = field(node, "right").map(children).unwrap_or_default();
        let op = field(node, "operator").map_or("=", |op| self.tree.text(op));
        if !declares
            && op != "="
            && let ([target], [value]) = (left.as_slice(), right.as_slice())
        {
            let op = operator(op.trim_end_matches('='));
            let operands = [self.expr(*target), self.expr(*value)];
            let place = self.place(*target);
            let update = ExprKind::Update(Box::new(place), op, Box::new(operands));
            return vec![Stmt::Expr(expr(node, update))];
        }
        if let ([target], [value]) = (left.as_slice(), right.as_slice()) {
            if let Some(block) = self.appended(*target, *value) {
                return block;
            }
            let value = self.expr(*value);
            let place = self.target(*target, declares);
            return vec![assign(node, place, value)];
        }
        if let [value] = right.as_slice() {
            let value = *value;
            return self.spread(node, value, |go| {
                left.iter()
                    .map(|target| go.target(*target, declares))
                    .collect()
            });
        }
        let values = right.iter().map(|value| self.expr(*value)).collect();
        let places = left
            .iter()
            .map(|target| self.target(*target, declares))
            .collect();
        vec![assign(
            node,
            Place::Sequence(places),
            expr(node, ExprKind::List(values)),
        )]
    }

    fn target(&mut self, node: Node<'_>, declares: bool) -> Place {
        if declares && node.kind() == "identifier" {
            return self.new_place(node);
        }
        self.place(node)
    }

    /// Several variables that one expression gives values to.
    pub(super) fn spread(
        &mut self,
        node: Node<'_>,
        value: Node<'_>,
        places: impl FnOnce(&mut Self) -> Vec<Place>,
    ) -> Block {
        if value.kind() == "index_expression" {
            return self.looked_up(node, value, places);
        }
        let results = self.own_results(value);
        let primary = results.as_ref().map_or(0, super::Results::primary);
        let gives_two = results.is_none() && self.gives_two(value);
        let lowered = self.expr(value);
        let mut places = places(self);
        if gives_two && places.len() > 1 {
            places.truncate(2);
            return vec![assign(node, Place::Sequence(places), lowered)];
        }
        if results.is_some_and(|results| results.is_list()) {
            return vec![assign(node, Place::Sequence(places), lowered)];
        }
        let mut block = Block::new();
        let (mut rest, mut first) = (Vec::new(), Place::Ignore);
        for (index, place) in places.into_iter().enumerate() {
            if index == primary {
                first = place;
            } else {
                rest.push(place);
            }
        }
        block.push(assign(node, first, lowered));
        for place in rest {
            if !matches!(place, Place::Ignore) {
                block.push(assign(node, place, expr(node, ExprKind::Parts(Vec::new()))));
            }
        }
        block
    }

    /// `value, ok := map[key]`: the second says whether the key is in the map.
    fn looked_up(
        &mut self,
        node: Node<'_>,
        value: Node<'_>,
        places: impl FnOnce(&mut Self) -> Vec<Place>,
    ) -> Block {
        let element = self.expr(value);
        let key = field(value, "index").map(|key| self.expr(key));
        let map = field(value, "operand").map(|map| self.expr(map));
        let mut places = places(self).into_iter();
        let mut block = Block::new();
        if let Some(place) = places.next() {
            block.push(assign(node, place, element));
        }
        if let (Some(place), Some(key), Some(map)) = (places.next(), key, map) {
            let is_in = ExprKind::Binary(Op::In, Box::new(key), Box::new(map));
            block.push(assign(node, place, expr(value, is_in)));
        }
        block
    }

    /// Functions of the standard library of whose results more than the first matters.
    fn gives_two(&self, node: Node<'_>) -> bool {
        let name = field(node, "function").and_then(|function| field(function, "field"));
        let known = ["FormFile", "BasicAuth", "SplitHostPort", "Cut"];
        name.is_some_and(|name| known.contains(&self.tree.text(name)))
    }

    fn own_results(&self, node: Node<'_>) -> Option<super::Results> {
        if node.kind() != "call_expression" {
            return None;
        }
        let function = field(node, "function")?;
        let name = match function.kind() {
            "identifier" => function,
            "selector_expression" => {
                let operand = field(function, "operand")?;
                if operand.kind() == "identifier" && self.package(self.tree.text(operand)).is_some()
                {
                    return None;
                }
                field(function, "field")?
            }
            _ => return None,
        };
        self.results.get(self.tree.text(name)).cloned()
    }

    /// `list = append(list, …)` puts into the list.
    fn appended(&mut self, target: Node<'_>, value: Node<'_>) -> Option<Block> {
        let function = field(value, "function")?;
        if value.kind() != "call_expression" || self.tree.text(function) != "append" {
            return None;
        }
        let arguments = children(field(value, "arguments")?);
        let (list, items) = arguments.split_first()?;
        if self.tree.text(*list) != self.tree.text(target) {
            return None;
        }
        let mut block = Block::new();
        for item in items {
            let (method, item) = match item.kind() {
                "variadic_argument" => ("extend", *children(*item).first()?),
                _ => ("append", *item),
            };
            let list = self.expr(*list);
            let callee = expr(function, ExprKind::Field(Box::new(list), Rc::from(method)));
            let item = self.expr(item);
            block.push(Stmt::Expr(call(value, callee, vec![item])));
        }
        Some(block)
    }

    fn receive(&mut self, node: Node<'_>) -> Block {
        let Some(right) = field(node, "right") else {
            return Block::new();
        };
        let declares = child_of_kind(node, ":=").is_some();
        let value = self.expr(right);
        let left = field(node, "left").map(children).unwrap_or_default();
        match left.first() {
            Some(target) => {
                let place = self.target(*target, declares);
                vec![assign(node, place, value)]
            }
            None => vec![Stmt::Expr(value)],
        }
    }

    fn send(&mut self, node: Node<'_>) -> Block {
        let (Some(channel), Some(value)) = (field(node, "channel"), field(node, "value")) else {
            return Block::new();
        };
        let channel = expr(
            node,
            ExprKind::Field(Box::new(self.expr(channel)), Rc::from("push")),
        );
        let value = self.expr(value);
        vec![Stmt::Expr(call(node, channel, vec![value]))]
    }

    fn step(&mut self, node: Node<'_>) -> Block {
        let Some(target) = children(node).into_iter().next() else {
            return Block::new();
        };
        let op = if node.kind() == "inc_statement" {
            Op::Add
        } else {
            Op::Subtract
        };
        let operands = [self.expr(target), constant(node, Const::Int(1))];
        let place = self.place(target);
        vec![Stmt::Expr(expr(
            node,
            ExprKind::Update(Box::new(place), op, Box::new(operands)),
        ))]
    }

    fn leave(&mut self, node: Node<'_>) -> Block {
        let results = self
            .contexts
            .last()
            .map(|context| context.results.clone())
            .unwrap_or_default();
        let values = children(node)
            .into_iter()
            .next()
            .map(children)
            .unwrap_or_default();
        if values.is_empty() {
            let name = results.names.get(results.primary());
            let value = name.map(|name| expr(node, ExprKind::Name(self.resolve(name))));
            return vec![Stmt::Return(value, span(node))];
        }
        if let [value] = values.as_slice() {
            return vec![Stmt::Return(Some(self.expr(*value)), span(node))];
        }
        if results.is_list() {
            let list = values.iter().map(|value| self.expr(*value)).collect();
            return vec![Stmt::Return(
                Some(expr(node, ExprKind::List(list))),
                span(node),
            )];
        }
        let mut block = Block::new();
        let mut returned = None;
        for (index, value) in values.iter().enumerate() {
            let lowered = self.expr(*value);
            if index == results.primary() {
                returned = Some(lowered);
            } else if matches!(lowered.kind, ExprKind::Call(_)) {
                block.push(Stmt::Expr(lowered));
            }
        }
        block.push(Stmt::Return(returned, span(node)));
        block
    }

    fn if_statement(&mut self, node: Node<'_>) -> Block {
        self.scoped(|go| {
            let mut block = go.initializer(node);
            let Some(condition) = field(node, "condition") else {
                return block;
            };
            let condition = go.expr(condition);
            let then = field(node, "consequence").map(|then| go.statements(then));
            let otherwise = field(node, "alternative").map(|other| {
                go.nest(|go| match other.kind() {
                    "if_statement" => go.if_statement(other),
                    _ => go.statements(other),
                })
                .unwrap_or_default()
            });
            push(
                &mut block,
                Stmt::If {
                    condition,
                    then: then.unwrap_or_default(),
                    otherwise: otherwise.unwrap_or_default(),
                },
            );
            block
        })
    }

    pub(super) fn initializer(&mut self, node: Node<'_>) -> Block {
        field(node, "initializer")
            .map(|first| self.statement(first))
            .unwrap_or_default()
    }

    /// A body in which `break` ends the loop or `switch` itself.
    pub(super) fn body(
        &mut self,
        node: Node<'_>,
        act: impl FnOnce(&mut Self, Node<'_>) -> Block,
    ) -> Block {
        let before = self.set_chain(false);
        let block = act(self, node);
        self.set_chain(before);
        block
    }

    pub(super) fn set_chain(&mut self, in_chain: bool) -> bool {
        let context = self.contexts.last_mut();
        context.is_some_and(|context| std::mem::replace(&mut context.in_chain, in_chain))
    }

    fn for_statement(&mut self, node: Node<'_>) -> Block {
        let body = field(node, "body");
        let head = children(node)
            .into_iter()
            .find(|child| Some(*child) != body);
        self.scoped(|go| {
            let loop_body = |go: &mut Self| {
                body.map(|body| go.body(body, Self::statements))
                    .unwrap_or_default()
            };
            match head {
                Some(head) if head.kind() == "range_clause" => go.range(head, loop_body),
                Some(head) if head.kind() == "for_clause" => {
                    let mut block = go.initializer(head);
                    let condition = field(head, "condition").map(|condition| go.expr(condition));
                    let mut body = loop_body(go);
                    if let Some(update) = field(head, "update") {
                        body.append(&mut go.statement(update));
                    }
                    block.push(repeat(condition, body));
                    block
                }
                Some(condition) => {
                    let condition = go.expr(condition);
                    let body = loop_body(go);
                    vec![repeat(Some(condition), body)]
                }
                None => vec![repeat(None, loop_body(go))],
            }
        })
    }

    fn range(&mut self, head: Node<'_>, body: impl FnOnce(&mut Self) -> Block) -> Block {
        let Some(right) = field(head, "right") else {
            return body(self);
        };
        let iterable = self.expr(right);
        let declares = child_of_kind(head, ":=").is_some();
        let left = field(head, "left").map(children).unwrap_or_default();
        let mut places: Vec<Place> = left
            .iter()
            .map(|target| self.target(*target, declares))
            .collect();
        let keys = places.len() < 2;
        let target = places.pop().unwrap_or(Place::Ignore);
        let mut inner: Block = places
            .pop()
            .filter(|place| !matches!(place, Place::Ignore))
            .map(|key| assign(head, key, expr(head, ExprKind::Parts(Vec::new()))))
            .into_iter()
            .collect();
        inner.append(&mut body(self));
        vec![Stmt::ForEach {
            target,
            iterable,
            body: inner,
            otherwise: Block::new(),
            keys,
        }]
    }
}

fn repeat(condition: Option<Expr>, body: Block) -> Stmt {
    Stmt::While {
        condition,
        body,
        otherwise: Block::new(),
        is_do: false,
    }
}

/// Adds a statement. What is assigned right before it is looked at moves into the condition (`ok := f(x)`, `if !ok`),
/// where it can be told what follows from it.
pub(super) fn push(block: &mut Block, mut statement: Stmt) {
    let condition = match &mut statement {
        Stmt::If { condition, .. } => Some(condition),
        Stmt::Return(Some(value), _) => Some(value),
        _ => None,
    };
    if let Some(condition) = condition
        && let Some(Stmt::Expr(Expr {
            kind: ExprKind::Assign(place, _),
            ..
        })) = block.last()
        && let Place::Name { name, .. } = place.as_ref()
        && let Some(leaf) = leftmost(condition)
        && matches!(&leaf.kind, ExprKind::Name(found) if found == name)
        && let Some(Stmt::Expr(assignment)) = block.pop()
    {
        *leaf = assignment;
    }
    block.push(statement);
}

/// What a condition looks at first.
fn leftmost(condition: &mut Expr) -> Option<&mut Expr> {
    if matches!(condition.kind, ExprKind::Name(_)) {
        return Some(condition);
    }
    match &mut condition.kind {
        ExprKind::Not(inner) => leftmost(inner),
        ExprKind::Binary(_, left, _) => leftmost(left),
        ExprKind::Parts(parts) if parts.len() == 1 => leftmost(parts.first_mut()?),
        _ => None,
    }
}
