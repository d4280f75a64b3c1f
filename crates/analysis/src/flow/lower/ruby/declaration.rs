//! Methods and classes.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::Ruby;
use super::statement::returning;
use crate::flow::ir::{Class, Function, Name, Receiver};
use crate::flow::lower::tree::{children, field, span};

impl<'n> Ruby<'_, 'n> {
    /// A method of the class around it, or of the top level.
    pub(super) fn method_declaration(&mut self, node: Node<'n>) {
        let Some(name) = field(node, "name").map(|name| self.tree.name(name)) else {
            return;
        };
        let class = self.classes.last().cloned();
        let class = class.and_then(|class| self.tree.unit.class_names.get(&class).copied());
        let floor = std::mem::replace(&mut self.floor, self.locals.len());
        let is_loop = std::mem::take(&mut self.is_loop);
        self.locals.push(BTreeSet::new());
        let parameters = self.parameters(node);
        let id = self.tree.add_function(Function {
            name: Rc::clone(&name),
            class,
            receiver: match (class, node.kind()) {
                (Some(_), "method") => Receiver::Named(Rc::from("self")),
                _ => Receiver::None,
            },
            parameters,
            span: span(node),
            ..Function::default()
        });
        let body = returning(self.body_of(node));
        self.locals.pop();
        self.floor = floor;
        self.is_loop = is_loop;
        self.tree.unit.functions[id].body = body;
        match class {
            Some(class) => {
                let key: Name = match name.as_ref() {
                    "initialize" => Rc::from("<new>"),
                    _ => name,
                };
                let methods = &mut self.tree.unit.classes[class].methods;
                methods.entry(key).or_insert(id);
            }
            None => {
                self.tree.unit.named.entry(name).or_insert(id);
            }
        }
    }

    /// A class or module and everything in it; `class << self` belongs to the class around it.
    pub(super) fn class(&mut self, node: Node<'n>) {
        let Some(body) = field(node, "body") else {
            return;
        };
        let Some(name) = field(node, "name").map(|name| self.constant_name(name)) else {
            let mut statements = self.statements(body);
            self.top.append(&mut statements);
            return;
        };
        let base = field(node, "superclass").and_then(|base| children(base).first().copied());
        let base = base.map(|base| self.constant_name(base));
        let id = self.tree.unit.classes.len();
        self.tree.unit.classes.push(Class {
            name: Rc::clone(&name),
            bases: base.into_iter().collect(),
            ..Class::default()
        });
        let known = &mut self.tree.unit.class_names;
        known.entry(Rc::clone(&name)).or_insert(id);
        self.declare_methods(body, Some(&name));
        let floor = std::mem::replace(&mut self.floor, self.locals.len());
        self.locals.push(BTreeSet::new());
        self.classes.push(name);
        let mut statements = self.statements(body);
        self.classes.pop();
        self.locals.pop();
        self.floor = floor;
        self.top.append(&mut statements);
    }
}
