//! Statements of Go.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::tree::{
    call, child_of_kind, children, constant, expr, field, fields, span,
};
use super::expression::operator;
use super::Go;
use crate::flow::ir::{Block, Case, Const, Expr, ExprKind, Op, Place, Stmt};

impl Go<'_> {
    /// The statements of a block, in a scope of their own.
    pub(super) fn statements(&mut self, node: Node<'_>) -> Block {
        self.scoped(|go| go.list(children(node)))
    }

    fn list(&mut self, nodes: Vec<Node<'_>>) -> Block {
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
                let inner = children(node).into_iter().filter(|child| child.kind() != "label_name");
                self.list(inner.collect())
            }
            "expression_statement" | "go_statement" | "defer_statement" => children(node)
                .into_iter()
                .map(|child| Stmt::Expr(self.expr(child)))
                .collect(),
            "var_declaration" | "const_declaration" | "var_spec_list" => {
                children(node).into_iter().flat_map(|child| self.statement(child)).collect()
            }
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
                if in_chain && children(node).is_empty() { Block::new() } else { vec![Stmt::Break] }
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
                left.iter().map(|target| go.target(*target, declares)).collect()
            });
        }
        let values = right.iter().map(|value| self.expr(*value)).collect();
        let places = left.iter().map(|target| self.target(*target, declares)).collect();
        vec![assign(node, Place::Sequence(places), expr(node, ExprKind::List(values)))]
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
        let lowered = self.expr(value);
        let places = places(self);
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

    fn own_results(&self, node: Node<'_>) -> Option<super::Results> {
        if node.kind() != "call_expression" {
            return None;
        }
        let function = field(node, "function")?;
        let name = match function.kind() {
            "identifier" => function,
            "selector_expression" => {
                let operand = field(function, "operand")?;
                if operand.kind() == "identifier" && self.package(self.tree.text(operand)).is_some() {
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
        let channel = expr(node, ExprKind::Field(Box::new(self.expr(channel)), Rc::from("push")));
        let value = self.expr(value);
        vec![Stmt::Expr(call(node, channel, vec![value]))]
    }

    fn step(&mut self, node: Node<'_>) -> Block {
        let Some(target) = children(node).into_iter().next() else {
            return Block::new();
        };
        let op = if node.kind() == "inc_statement" { Op::Add } else { Op::Subtract };
        let operands = [self.expr(target), constant(node, Const::Int(1))];
        let place = self.place(target);
        vec![Stmt::Expr(expr(node, ExprKind::Update(Box::new(place), op, Box::new(operands))))]
    }

    fn leave(&mut self, node: Node<'_>) -> Block {
        let results = self.contexts.last().map(|context| context.results.clone()).unwrap_or_default();
        let values = children(node).into_iter().next().map(children).unwrap_or_default();
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
            return vec![Stmt::Return(Some(expr(node, ExprKind::List(list))), span(node))];
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

    fn initializer(&mut self, node: Node<'_>) -> Block {
        field(node, "initializer").map(|first| self.statement(first)).unwrap_or_default()
    }

    /// A body in which `break` ends the loop or `switch` itself.
    fn body(&mut self, node: Node<'_>, act: impl FnOnce(&mut Self, Node<'_>) -> Block) -> Block {
        let before = self.set_chain(false);
        let block = act(self, node);
        self.set_chain(before);
        block
    }

    fn set_chain(&mut self, in_chain: bool) -> bool {
        let context = self.contexts.last_mut();
        context.is_some_and(|context| std::mem::replace(&mut context.in_chain, in_chain))
    }

    fn for_statement(&mut self, node: Node<'_>) -> Block {
        let body = field(node, "body");
        let head = children(node).into_iter().find(|child| Some(child.id()) != body.map(|body| body.id()));
        self.scoped(|go| {
            let loop_body =
                |go: &mut Self| body.map(|body| go.body(body, Self::statements)).unwrap_or_default();
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
        let mut places: Vec<Place> =
            left.iter().map(|target| self.target(*target, declares)).collect();
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

    fn switch(&mut self, node: Node<'_>) -> Block {
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
        self.body(case, |go, case| go.scoped(|go| go.list(fields_without_head(case))))
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
                    expr(*case, ExprKind::Binary(Op::Or, Box::new(all), Box::new(one)))
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

    fn type_switch(&mut self, node: Node<'_>) -> Block {
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

    fn select(&mut self, node: Node<'_>) -> Block {
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
    children(case).into_iter().filter(|child| child.kind() == "statement_list").collect()
}

fn repeat(condition: Option<Expr>, body: Block) -> Stmt {
    Stmt::While {
        condition,
        body,
        otherwise: Block::new(),
        is_do: false,
    }
}

fn assign(node: Node<'_>, place: Place, value: Expr) -> Stmt {
    Stmt::Expr(expr(node, ExprKind::Assign(Box::new(place), Box::new(value))))
}

/// Adds a statement. What is assigned right before it is looked at moves into the condition (`ok := f(x)`, `if !ok`),
/// where it can be told what follows from it.
fn push(block: &mut Block, mut statement: Stmt) {
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
