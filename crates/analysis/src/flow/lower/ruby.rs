//! Ruby to the small language: the file, its names and its scopes.
//!
//! Constants of modules are written with dots. Instance variables keep their `@` and are fields of `self`.

mod block;
mod call;
mod declaration;
mod expression;
mod statement;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::source::syntax::Node;

use super::tree::{Lowering, children, expr, field, name_expr};
use crate::flow::ir::{Block, Call, Expr, ExprKind, Name, Unit};

/// Lowers a Ruby file.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut ruby = Ruby {
        tree: Lowering::new(text),
        heredocs: text::heredocs(root),
        locals: vec![BTreeSet::new()],
        floor: 0,
        classes: Vec::new(),
        methods: BTreeSet::new(),
        is_loop: Vec::new(),
        top: Block::new(),
    };
    ruby.declare_methods(root, None);
    let mut body = ruby.statements(root);
    let mut top = std::mem::take(&mut ruby.top);
    top.append(&mut body);
    ruby.tree.unit.functions[0].body = top;
    ruby.tree.unit
}

/// A lowering of Ruby under way.
struct Ruby<'t, 'n> {
    tree: Lowering<'t>,
    /// What stands behind each heredoc's beginning, by where that is.
    heredocs: BTreeMap<usize, Node<'n>>,
    /// Variables that are in scope.
    locals: Vec<BTreeSet<Name>>,
    /// The first of `locals` that the method which is lowered can see.
    floor: usize,
    /// The classes around the place that is lowered, the innermost last.
    classes: Vec<Name>,
    /// Methods by class; those of the top level have none.
    methods: BTreeSet<(Option<Name>, Name)>,
    /// Whether `next` goes on with a loop, rather than ending a block, the innermost last.
    is_loop: Vec<bool>,
    /// What the bodies of classes do, once, when the file is read.
    top: Block,
}

impl<'n> Ruby<'_, 'n> {
    fn nest<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.tree.enter()?;
        let result = act(self);
        self.tree.leave();
        Some(result)
    }

    fn declare(&mut self, name: &Name) {
        if let Some(scope) = self.locals.last_mut() {
            scope.insert(Rc::clone(name));
        }
    }

    fn is_local(&self, name: &str) -> bool {
        let visible = self.locals.get(self.floor..).unwrap_or_default();
        visible.iter().any(|scope| scope.contains(name))
    }

    /// Notes the methods that a class, or the top level, declares.
    fn declare_methods(&mut self, node: Node<'n>, class: Option<&Name>) {
        for child in children(node) {
            match child.kind() {
                "method" => {
                    if let Some(name) = field(child, "name") {
                        let name = self.tree.name(name);
                        self.methods.insert((class.cloned(), name));
                    }
                }
                // `private def …`
                "call" | "argument_list" | "body_statement" => {
                    self.declare_methods(child, class);
                }
                _ => {}
            }
        }
    }

    /// A bare name: a variable, a method of the own class or of the file, or something nobody here knows.
    fn identifier(&self, node: Node<'_>, name: &str) -> ExprKind {
        if self.is_local(name) {
            return ExprKind::Name(Rc::from(name));
        }
        if !self.is_method(name) {
            return ExprKind::Name(Rc::from(name));
        }
        ExprKind::Call(Box::new(Call {
            callee: self.own_callee(node, name),
            arguments: Vec::new(),
            is_new: false,
        }))
    }

    fn is_method(&self, name: &str) -> bool {
        let name: Name = Rc::from(name);
        let class = self.classes.last().cloned();
        self.methods.contains(&(class, Rc::clone(&name))) || self.methods.contains(&(None, name))
    }

    /// What a call without a receiver is a call of.
    fn own_callee(&self, node: Node<'_>, name: &str) -> Expr {
        let key: Name = Rc::from(name);
        match self.classes.last() {
            Some(class)
                if self
                    .methods
                    .contains(&(Some(Rc::clone(class)), Rc::clone(&key))) =>
            {
                let own = Box::new(name_expr(node, "self"));
                expr(node, ExprKind::Field(own, key))
            }
            _ => name_expr(node, name),
        }
    }

    /// The name of a class or module, with dots.
    fn constant_name(&self, node: Node<'_>) -> Name {
        let text = self.tree.text(node).trim_start_matches("::");
        let name: String = text.split_whitespace().collect();
        Rc::from(name.replace("::", "."))
    }
}
