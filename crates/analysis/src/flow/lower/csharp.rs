//! C# to the small language: the file, its classes and how names are bound.
//!
//! `using` brings in whole namespaces, so types go by their own names. Static members are variables of the top level called
//! `Class.member`.

mod call;
mod declaration;
mod expression;
mod pattern;
mod request;
mod statement;
mod type_names;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::tree::{Lowering, child_of_kind, children, expr, field, name_expr};
use crate::flow::ir::{Block, Expr, ExprKind, Name, Unit};

/// Lowers a C# file.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut csharp = CSharp {
        tree: Lowering::new(text),
        shapes: BTreeMap::new(),
        classes: Vec::new(),
        locals: vec![BTreeMap::new()],
        floor: 0,
        statics: Block::new(),
        returns: None,
        conditions: Vec::new(),
    };
    csharp.collect_shapes(root);
    let mut body = csharp.statements(root);
    let mut top = std::mem::take(&mut csharp.statics);
    top.append(&mut body);
    csharp.tree.unit.functions[0].body = top;
    csharp.tree.unit
}

/// What a class declares, known before any body is lowered: whether each member is static.
#[derive(Default)]
struct Shape {
    fields: BTreeMap<Name, bool>,
    methods: BTreeMap<Name, bool>,
    bases: Vec<Name>,
    is_enum: bool,
}

/// A lowering of C# under way.
struct CSharp<'t, 'n> {
    tree: Lowering<'t>,
    /// The classes of the file by their names.
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
    /// What stands before each `?.` around the place that is lowered.
    conditions: Vec<Node<'n>>,
}

impl<'n> CSharp<'_, 'n> {
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

    /// A bare name: a variable, a member of a class around it, or something nobody here declares.
    fn identifier(&self, node: Node<'_>, name: &str) -> ExprKind {
        if self.local(name).is_some() {
            return ExprKind::Name(Rc::from(name));
        }
        for class in self.classes.iter().rev() {
            let Some((owner, is_static)) = self.member_of(class, name, |shape| &shape.fields)
            else {
                continue;
            };
            return if is_static {
                ExprKind::Name(Rc::from(format!("{owner}.{name}")))
            } else {
                ExprKind::Field(Box::new(name_expr(node, "this")), Rc::from(name))
            };
        }
        let full = self.tree.unit.imports.get(name);
        ExprKind::Name(full.map_or_else(|| Rc::from(name), Rc::clone))
    }

    /// What a method that is called by its bare name is called on.
    fn own_callee(&self, node: Node<'_>, name: &str) -> Expr {
        if self.local(name).is_some() || self.tree.unit.named.contains_key(name) {
            return name_expr(node, name);
        }
        for class in self.classes.iter().rev() {
            let Some((owner, is_static)) = self.member_of(class, name, |shape| &shape.methods)
            else {
                continue;
            };
            let receiver = if is_static {
                name_expr(node, &owner)
            } else {
                name_expr(node, "this")
            };
            return expr(node, ExprKind::Field(Box::new(receiver), Rc::from(name)));
        }
        name_expr(node, name)
    }

    /// The class that declares a member, among a class and those of the file that it extends, and whether it is static.
    fn member_of(
        &self,
        class: &Name,
        name: &str,
        members: impl Fn(&Shape) -> &BTreeMap<Name, bool>,
    ) -> Option<(Name, bool)> {
        let mut class = Rc::clone(class);
        for _ in 0..8 {
            let shape = self.shapes.get(&class)?;
            if let Some(is_static) = members(shape).get(name) {
                return Some((class, *is_static));
            }
            let base = shape
                .bases
                .iter()
                .find(|base| self.shapes.contains_key(*base));
            class = Rc::clone(base?);
        }
        None
    }

    fn collect_shapes(&mut self, root: Node<'n>) {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            open.extend(children(node));
            if node.kind() == "using_directive"
                && let (Some(name), Some(full)) =
                    (field(node, "name"), child_of_kind(node, "qualified_name"))
            {
                let (name, full) = (self.tree.name(name), self.tree.name(full));
                self.tree.unit.imports.insert(name, full);
            }
            if !is_class(node.kind()) {
                continue;
            }
            if let Some(name) = field(node, "name") {
                let shape = self.shape(node);
                self.shapes.entry(self.tree.name(name)).or_insert(shape);
            }
        }
    }

    fn shape(&self, node: Node<'_>) -> Shape {
        let mut shape = Shape {
            bases: self.bases(node),
            is_enum: node.kind() == "enum_declaration",
            ..Shape::default()
        };
        let list = child_of_kind(node, "parameter_list").map(children);
        for parameter in list.unwrap_or_default() {
            if let Some(name) = field(parameter, "name") {
                shape.fields.insert(self.tree.name(name), false);
            }
        }
        for member in field(node, "body").map(children).unwrap_or_default() {
            let is_static =
                self.has_modifier(member, "static") || self.has_modifier(member, "const");
            match member.kind() {
                "field_declaration" | "event_field_declaration" => {
                    for declarator in declarators(member) {
                        if let Some(name) = field(declarator, "name") {
                            shape.fields.insert(self.tree.name(name), is_static);
                        }
                    }
                }
                "property_declaration" => {
                    if let Some(name) = field(member, "name") {
                        shape.fields.insert(self.tree.name(name), is_static);
                    }
                }
                "enum_member_declaration" => {
                    if let Some(name) = field(member, "name") {
                        shape.fields.insert(self.tree.name(name), true);
                    }
                }
                "method_declaration" => {
                    if let Some(name) = field(member, "name") {
                        let known = shape.methods.entry(self.tree.name(name));
                        known
                            .and_modify(|known| *known &= is_static)
                            .or_insert(is_static);
                    }
                }
                _ => {}
            }
        }
        shape
    }

    /// Names of what a class extends and implements.
    fn bases(&self, node: Node<'_>) -> Vec<Name> {
        let list = child_of_kind(node, "base_list").map(children);
        list.unwrap_or_default()
            .into_iter()
            .filter_map(|base| match base.kind() {
                "primary_constructor_base_type" => {
                    self.type_of(field(base, "type").unwrap_or(base))
                }
                _ => self.type_of(base),
            })
            .collect()
    }

    fn has_modifier(&self, node: Node<'_>, modifier: &str) -> bool {
        node.children()
            .any(|child| child.kind() == "modifier" && self.tree.text(child) == modifier)
    }
}

/// Whether a node declares a class or something like it.
fn is_class(kind: &str) -> bool {
    matches!(
        kind,
        "class_declaration"
            | "struct_declaration"
            | "record_declaration"
            | "interface_declaration"
            | "enum_declaration"
    )
}

/// The names and values in a declaration of fields or variables.
fn declarators(node: Node<'_>) -> Vec<Node<'_>> {
    let list = match node.kind() {
        "variable_declaration" => Some(node),
        _ => child_of_kind(node, "variable_declaration"),
    };
    let list = list.map(children).unwrap_or_default();
    list.into_iter()
        .filter(|child| child.kind() == "variable_declarator")
        .collect()
}
