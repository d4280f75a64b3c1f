//! Blocks: loops over elements, and functions that are handed to a call.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Ruby;
use super::statement::returning;
use crate::flow::ir::{
    Annotation, Block, Comprehension, Const, Expr, ExprKind, Function, Name, Parameter, Place, Stmt,
};
use crate::flow::lower::tree::{children, constant, expr, field, span};

impl<'n> Ruby<'_, 'n> {
    /// `list.each do |element| … end` as a loop.
    pub(super) fn each(&mut self, node: Node<'n>) -> Option<Block> {
        let block = field(node, "block")?;
        let receiver = field(node, "receiver")?;
        let method = field(node, "method").map_or("", |method| self.tree.text(method));
        if !matches!(
            method,
            "each" | "each_pair" | "each_with_index" | "each_value" | "each_key" | "find_each"
        ) {
            return None;
        }
        let iterable = self.expr(receiver);
        let parameters = field(block, "parameters").map(children).unwrap_or_default();
        let (mut body, target) = match parameters.as_slice() {
            [] => (Block::new(), Place::Ignore),
            [only] => (Block::new(), self.place(*only)),
            [element, _] if method == "each_with_index" => (Block::new(), self.place(*element)),
            [key, value, ..] => {
                // A key of what the request brought is as untrusted as the value there.
                let base = self.expr(receiver);
                let any = Box::new(constant(*key, Const::Other));
                let taken = expr(*key, ExprKind::Index(Box::new(base), any));
                let place = Box::new(self.place(*key));
                let kept = ExprKind::Assign(place, Box::new(taken));
                (vec![Stmt::Expr(expr(*key, kept))], self.place(*value))
            }
        };
        body.append(&mut self.looped(|ruby| ruby.body_of(block)));
        Some(vec![Stmt::ForEach {
            target,
            iterable,
            body,
            otherwise: Block::new(),
            keys: method == "each_key",
        }])
    }

    /// `list.map { |element| … }` whose block is one expression.
    pub(super) fn mapped(&mut self, node: Node<'n>) -> Option<ExprKind> {
        let block = field(node, "block")?;
        let receiver = field(node, "receiver")?;
        let method = field(node, "method").map_or("", |method| self.tree.text(method));
        let parameters = field(block, "parameters").map(children).unwrap_or_default();
        let body = field(block, "body").map(children).unwrap_or_default();
        let ([parameter], [element]) = (parameters.as_slice(), body.as_slice()) else {
            return None;
        };
        if !matches!(method, "map" | "collect" | "flat_map" | "filter_map") {
            return None;
        }
        let iterable = self.expr(receiver);
        self.locals.push(std::collections::BTreeSet::new());
        let target = self.place(*parameter);
        let element = self.expr(*element);
        self.locals.pop();
        Some(ExprKind::Comprehension(Box::new(Comprehension {
            target,
            iterable,
            conditions: Vec::new(),
            element,
        })))
    }

    /// A block or lambda as a function value; what the annotation says holds for its parameters and its result.
    pub(super) fn block_value(&mut self, block: Node<'n>, annotation: Option<&str>) -> Expr {
        self.locals.push(std::collections::BTreeSet::new());
        self.is_loop.push(false);
        let parameters = self.parameters(block);
        let mut body = self.patterns(block);
        body.append(&mut self.body_of(block));
        self.is_loop.pop();
        self.locals.pop();
        let annotations = annotation.map(|name| Annotation {
            name: Rc::from(name),
            text: Rc::from(name),
        });
        let id = self.tree.add_function(Function {
            is_closure: true,
            parameters,
            annotations: annotations.into_iter().collect(),
            body: returning(body),
            span: span(block),
            ..Function::default()
        });
        expr(block, ExprKind::Closure(id))
    }

    /// The statements of a block, whatever they stand in.
    pub(super) fn body_of(&mut self, block: Node<'n>) -> Block {
        match field(block, "body") {
            Some(body) if matches!(body.kind(), "block" | "do_block") => self.body_of(body),
            Some(body) if super::statement::is_group(body.kind()) => self.statements(body),
            Some(body) => self.nest(|ruby| ruby.statement(body)).unwrap_or_default(),
            None => Block::new(),
        }
    }

    pub(super) fn parameters(&mut self, node: Node<'n>) -> Vec<Parameter> {
        let list = field(node, "parameters").map(children).unwrap_or_default();
        let mut parameters = Vec::new();
        for parameter in list {
            let name = field(parameter, "name");
            let name = match parameter.kind() {
                "identifier" => self.tree.name(parameter),
                "destructured_parameter" => pattern_name(parameter),
                _ => match name {
                    Some(name) => self.tree.name(name),
                    None => continue,
                },
            };
            let default = field(parameter, "value").map(|value| self.expr(value));
            self.declare(&name);
            parameters.push(Parameter {
                name,
                default,
                is_rest: parameter.kind() == "splat_parameter",
                span: span(parameter),
                ..Parameter::default()
            });
        }
        parameters
    }

    /// What parameters such as `(key, value)` bind.
    fn patterns(&mut self, node: Node<'n>) -> Block {
        let list = field(node, "parameters").map(children).unwrap_or_default();
        list.into_iter()
            .filter(|parameter| parameter.kind() == "destructured_parameter")
            .map(|parameter| {
                let value = expr(parameter, ExprKind::Name(pattern_name(parameter)));
                let places = children(parameter)
                    .into_iter()
                    .map(|part| self.place(part))
                    .collect();
                let place = Box::new(Place::Sequence(places));
                Stmt::Expr(expr(parameter, ExprKind::Assign(place, Box::new(value))))
            })
            .collect()
    }
}

/// What a parameter that is a pattern is called.
fn pattern_name(node: Node<'_>) -> Name {
    Rc::from(format!("<{}>", node.start_byte()))
}
