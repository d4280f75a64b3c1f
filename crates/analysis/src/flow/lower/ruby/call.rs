//! Calls.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Ruby;
use crate::flow::ir::{Argument, Block, Const, ExprKind, Name, Op, Stmt};
use crate::flow::lower::tree::{call, called, children, constant, expr, field, made, name_expr};

impl<'n> Ruby<'_, 'n> {
    /// A call whose value is of no interest.
    pub(super) fn call_statement(&mut self, node: Node<'n>) -> Block {
        let method = field(node, "method").map_or("", |method| self.tree.text(method));
        if method == "raise" && field(node, "receiver").is_none() {
            let arguments = self.arguments_of(node);
            let first = arguments.into_iter().next().map(|argument| argument.value);
            return vec![Stmt::Raise(first)];
        }
        if let Some(block) = self.each(node) {
            return block;
        }
        if matches!(
            method,
            "private" | "public" | "protected" | "module_function" | "memoize"
        ) {
            // `private def …`
            let list = field(node, "arguments").map(children).unwrap_or_default();
            let mut block = Block::new();
            for argument in list {
                block.append(&mut self.statement(argument));
            }
            return block;
        }
        vec![Stmt::Expr(self.expr(node))]
    }

    /// A call as a value.
    pub(super) fn call_value(&mut self, node: Node<'n>) -> ExprKind {
        let Some(method) = field(node, "method") else {
            // `function.(…)`
            let callee = field(node, "receiver").map(|receiver| self.expr(receiver));
            let arguments = self.arguments_of(node);
            return match callee {
                Some(callee) => called(callee, arguments),
                None => ExprKind::Const(Const::Other),
            };
        };
        if let Some(kind) = self.mapped(node) {
            return kind;
        }
        let name = self.tree.text(method);
        match field(node, "receiver") {
            Some(receiver) => self.method_call(node, receiver, name),
            None => self.own_call(node, method, name),
        }
    }

    fn own_call(&mut self, node: Node<'n>, method: Node<'n>, name: &str) -> ExprKind {
        if method.kind() == "super" {
            let arguments = self.arguments_of(node);
            let values = arguments.into_iter().map(|argument| argument.value);
            return ExprKind::Parts(values.collect());
        }
        if matches!(name, "lambda" | "proc")
            && let Some(block) = field(node, "block")
        {
            return self.block_value(block, None).kind;
        }
        let mut arguments = self.arguments_of(node);
        let is_route = matches!(name, "get" | "post" | "put" | "patch" | "delete")
            && field(node, "arguments")
                .map(children)
                .is_some_and(|list| list.first().is_some_and(|first| first.kind() == "string"));
        let annotation = is_route.then(|| format!("sinatra.{name}"));
        self.add_block(node, annotation.as_deref(), &mut arguments);
        let callee = self.own_callee(method, name);
        called(callee, arguments)
    }

    fn method_call(&mut self, node: Node<'n>, receiver: Node<'n>, name: &str) -> ExprKind {
        if let Some(kind) = self.known_method(node, receiver, name) {
            return kind;
        }
        let base = Box::new(self.expr(receiver));
        let mut arguments = self.arguments_of(node);
        let has_block = self.add_block(node, None, &mut arguments);
        let name: Name = Rc::from(if has_block { passing(name) } else { name });
        let callee = expr(node, ExprKind::Field(base, name));
        called(callee, arguments)
    }

    /// Methods whose meaning the small language has words for.
    fn known_method(&mut self, node: Node<'n>, receiver: Node<'n>, name: &str) -> Option<ExprKind> {
        let list = field(node, "arguments").map(children).unwrap_or_default();
        Some(match (name, list.as_slice()) {
            ("new", _) if matches!(receiver.kind(), "constant" | "scope_resolution") => {
                let class = self.constant_name(receiver);
                let mut arguments = self.arguments_of(node);
                self.add_block(node, None, &mut arguments);
                made(name_expr(receiver, &class), arguments)
            }
            ("include?" | "member?", [value]) => {
                let (value, all) = (self.expr(*value), self.expr(receiver));
                ExprKind::Binary(Op::In, Box::new(value), Box::new(all))
            }
            ("key?" | "has_key?", [value]) => {
                let value = self.expr(*value);
                let all = Box::new(self.expr(receiver));
                let keys = expr(node, ExprKind::Field(all, Rc::from("keys")));
                let keys = call(node, keys, Vec::new());
                ExprKind::Binary(Op::In, Box::new(value), Box::new(keys))
            }
            ("fetch" | "dig", [key]) => {
                let base = Box::new(self.expr(receiver));
                ExprKind::Index(base, Box::new(self.expr(*key)))
            }
            ("fetch", [key, default]) => {
                let base = Box::new(self.expr(receiver));
                let taken = expr(node, ExprKind::Index(base, Box::new(self.expr(*key))));
                let default = Box::new(self.expr(*default));
                ExprKind::Binary(Op::Or, Box::new(taken), default)
            }
            ("freeze" | "dup" | "itself" | "to_s" | "to_str" | "presence" | "clone", []) => {
                self.expr(receiver).kind
            }
            ("nil?" | "blank?" | "present?" | "empty?" | "any?" | "is_a?", _) => {
                let value = self.expr(receiver);
                let answer = constant(node, Const::Other);
                let both = expr(node, ExprKind::Parts(vec![value, answer]));
                ExprKind::Not(Box::new(both))
            }
            ("call", _)
                if receiver.kind() == "identifier" && self.is_local(self.tree.text(receiver)) =>
            {
                let callee = self.expr(receiver);
                let arguments = self.arguments_of(node);
                called(callee, arguments)
            }
            _ => return None,
        })
    }

    /// Adds a call's block, or the function it gets by `&`, to its arguments.
    fn add_block(
        &mut self,
        node: Node<'n>,
        annotation: Option<&str>,
        arguments: &mut Vec<Argument>,
    ) -> bool {
        let Some(block) = field(node, "block") else {
            return false;
        };
        let value = self.block_value(block, annotation);
        arguments.push(Argument {
            name: None,
            value,
            is_spread: false,
        });
        true
    }

    pub(super) fn arguments_of(&mut self, node: Node<'n>) -> Vec<Argument> {
        let list = field(node, "arguments").map(children).unwrap_or_default();
        let mut arguments = Vec::new();
        for node in list {
            let (name, value, is_spread) = match node.kind() {
                "pair" => {
                    let (Some(key), Some(value)) = (field(node, "key"), field(node, "value"))
                    else {
                        continue;
                    };
                    let key = self.tree.text(key).trim_matches([':', '"', '\'']);
                    (Some(Rc::from(key)), value, false)
                }
                "splat_argument" => match children(node).first() {
                    Some(value) => (None, *value, true),
                    None => continue,
                },
                "block_argument" | "hash_splat_argument" => continue,
                _ => (None, node, false),
            };
            arguments.push(Argument {
                name,
                value: self.expr(value),
                is_spread,
            });
        }
        arguments
    }
}

/// The name under which what a method does with its block is known.
fn passing(name: &str) -> &str {
    match name {
        "collect" | "flat_map" | "filter_map" => "map",
        "select" | "reject" | "detect" | "find" | "find_all" | "sort_by" | "tap" | "then"
        | "group_by" | "min_by" | "max_by" | "partition" => "filter",
        "each" | "each_with_object" | "each_slice" | "each_char" | "each_line" => "forEach",
        other => other,
    }
}
