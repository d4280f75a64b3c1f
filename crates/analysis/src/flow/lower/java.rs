//! Java to the small language: how names are bound, and what the whole file becomes.

mod classes;
mod expressions;
mod methods;
mod shapes;
mod statements;
#[cfg(test)]
mod tests;
mod type_names;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use self::shapes::Shape;
use super::tree::{Lowering, children, expr, name_expr};
use crate::flow::ir::{Block, Expr, ExprKind, Name, Unit};

/// Lowers a Java file. Static fields become variables of the top level called `Class.field`.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut java = Java {
        tree: Lowering::new(text),
        shapes: BTreeMap::new(),
        classes: Vec::new(),
        locals: vec![BTreeMap::new()],
        floor: 0,
        statics: Block::new(),
        returns: None,
    };
    java.imports(root);
    java.shapes = java.collect_shapes(root);
    let mut body = java.statements(root);
    let mut top = std::mem::take(&mut java.statics);
    top.append(&mut body);
    java.tree.unit.functions[0].body = top;
    java.link_constructors();
    java.tree.unit
}

/// A lowering of Java under way.
struct Java<'t> {
    tree: Lowering<'t>,
    /// What the classes of the file declare, by simple name.
    shapes: BTreeMap<Name, Shape>,
    /// The classes around the place that is lowered, the innermost last.
    classes: Vec<Name>,
    /// Variables that are in scope, with their declared types.
    locals: Vec<BTreeMap<Name, Option<Name>>>,
    /// The first of `locals` that the method which is lowered can see.
    floor: usize,
    /// Initialisers of static fields.
    statics: Block,
    /// What the method that is lowered returns, if it cannot be text.
    returns: Option<Name>,
}

/// What a bare name means.
enum Binding {
    /// A variable or parameter, or something nobody in this file declares.
    Local,
    /// A static field under the name it has at the top level.
    Static(Name),
    /// A field of `this`.
    Field,
    /// A field of an object around this one, with its type.
    Outer(Option<Name>),
}

impl Java<'_> {
    fn nest<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.tree.enter()?;
        let result = act(self);
        self.tree.leave();
        Some(result)
    }

    /// Runs `act` with variables of its own.
    fn scoped<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        self.locals.push(BTreeMap::new());
        let result = act(self);
        self.locals.pop();
        result
    }

    /// Notes a variable of the innermost scope.
    fn declare(&mut self, name: &Name, type_name: Option<Name>) {
        if let Some(scope) = self.locals.last_mut() {
            scope.insert(Rc::clone(name), type_name);
        }
    }

    /// The declared type of a variable in scope; `None` if there is no such variable.
    fn local(&self, name: &str) -> Option<&Option<Name>> {
        let visible = self.locals.get(self.floor..).unwrap_or_default();
        visible.iter().rev().find_map(|scope| scope.get(name))
    }

    fn binding(&self, name: &str) -> Binding {
        if self.local(name).is_some() {
            return Binding::Local;
        }
        for (depth, class) in self.classes.iter().rev().enumerate() {
            let Some((owner, field)) = self.field_of(class, name) else {
                continue;
            };
            if field.is_static {
                return Binding::Static(Rc::from(format!("{owner}.{name}")));
            }
            return if depth == 0 {
                Binding::Field
            } else {
                Binding::Outer(field.type_name.clone())
            };
        }
        Binding::Local
    }

    /// A bare name.
    fn identifier(&self, node: Node<'_>, name: &str) -> ExprKind {
        match self.binding(name) {
            Binding::Local => ExprKind::Name(Rc::from(name)),
            Binding::Static(full) => ExprKind::Name(full),
            Binding::Field => ExprKind::Field(Box::new(name_expr(node, "this")), Rc::from(name)),
            Binding::Outer(None) => ExprKind::Name(Rc::from(name)),
            Binding::Outer(Some(type_name)) => {
                ExprKind::Cast(type_name, Box::new(name_expr(node, name)))
            }
        }
    }

    /// What a bare method name is called on.
    fn implicit_receiver(&self, node: Node<'_>, method: &str) -> Option<Expr> {
        for (depth, class) in self.classes.iter().rev().enumerate() {
            let Some((owner, is_static)) = self.method_of(class, method) else {
                continue;
            };
            return Some(if is_static {
                name_expr(node, &owner)
            } else if depth == 0 {
                name_expr(node, "this")
            } else {
                let outer = name_expr(node, &format!("{class}.this"));
                expr(node, ExprKind::Cast(owner, Box::new(outer)))
            });
        }
        if self.tree.unit.imports.contains_key(method) || self.tree.unit.named.contains_key(method)
        {
            return None;
        }
        // Inherited from a class of another file: its name may be known through the bases.
        let class = self.classes.last()?;
        let parent = name_expr(node, "super");
        Some(expr(
            node,
            ExprKind::Cast(Rc::clone(class), Box::new(parent)),
        ))
    }

    fn first(&mut self, node: Node<'_>) -> Option<Expr> {
        children(node)
            .into_iter()
            .next()
            .map(|child| self.expr(child))
    }

    fn all(&mut self, node: Node<'_>) -> Vec<Expr> {
        children(node)
            .into_iter()
            .map(|child| self.expr(child))
            .collect()
    }
}
