//! What the classes of a file declare, known before any body is lowered.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::Java;
use super::type_names::has_modifier;
use crate::flow::ir::Name;
use crate::flow::lower::tree::{child_of_kind, children, field, fields};

/// How far chains of classes that extend one another are followed.
const MAX_BASES: usize = 8;

/// A declared field.
#[derive(Clone)]
pub(super) struct FieldShape {
    pub(super) type_name: Option<Name>,
    pub(super) is_static: bool,
}

/// What a class declares.
#[derive(Default)]
pub(super) struct Shape {
    /// Names of what it extends and implements, as written.
    pub(super) bases: Vec<String>,
    pub(super) fields: BTreeMap<Name, FieldShape>,
    /// Whether each method is static.
    pub(super) methods: BTreeMap<Name, bool>,
    pub(super) is_enum: bool,
}

/// Whether a node declares a class or something like it.
pub(super) fn is_class(kind: &str) -> bool {
    matches!(
        kind,
        "class_declaration"
            | "interface_declaration"
            | "enum_declaration"
            | "record_declaration"
            | "annotation_type_declaration"
    )
}

/// The members of a class, those behind an enum's constants included.
pub(super) fn members(class: Node<'_>) -> Vec<Node<'_>> {
    let mut list = Vec::new();
    for child in field(class, "body").map(children).unwrap_or_default() {
        if child.kind() == "enum_body_declarations" {
            list.extend(children(child));
        } else {
            list.push(child);
        }
    }
    list
}

impl Java<'_> {
    /// Finds every named class of the file.
    pub(super) fn collect_shapes(&self, root: Node<'_>) -> BTreeMap<Name, Shape> {
        let mut shapes: BTreeMap<Name, Shape> = BTreeMap::new();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            open.extend(children(node).into_iter().rev());
            if is_class(node.kind())
                && let Some(name) = field(node, "name")
            {
                shapes
                    .entry(self.tree.name(name))
                    .or_insert_with(|| self.shape(node));
            }
        }
        let names: Vec<Name> = shapes.keys().cloned().collect();
        for shape in shapes.values_mut() {
            for field in shape.fields.values_mut() {
                field.type_name = field
                    .type_name
                    .take()
                    .map(|type_name| simplified(type_name, &names));
            }
        }
        shapes
    }

    fn shape(&self, node: Node<'_>) -> Shape {
        let is_interface = node.kind() == "interface_declaration";
        let mut shape = Shape {
            bases: self.base_names(node),
            is_enum: node.kind() == "enum_declaration",
            ..Shape::default()
        };
        for parameter in field(node, "parameters").map(children).unwrap_or_default() {
            if let Some(name) = field(parameter, "name") {
                let type_name = field(parameter, "type").and_then(|node| self.type_of(node));
                let own = FieldShape {
                    type_name,
                    is_static: false,
                };
                shape.fields.insert(self.tree.name(name), own);
                shape.methods.insert(self.tree.name(name), false);
            }
        }
        for member in members(node) {
            self.add_member(&mut shape, member, is_interface);
        }
        shape
    }

    fn add_member(&self, shape: &mut Shape, member: Node<'_>, is_interface: bool) {
        match member.kind() {
            "field_declaration" | "constant_declaration" => {
                let type_name = field(member, "type").and_then(|node| self.type_of(node));
                let is_static = is_interface || has_modifier(member, "static");
                for declarator in fields(member, "declarator") {
                    if let Some(name) = field(declarator, "name") {
                        let own = FieldShape {
                            type_name: type_name.clone(),
                            is_static,
                        };
                        shape.fields.insert(self.tree.name(name), own);
                    }
                }
            }
            "enum_constant" => {
                if let Some(name) = field(member, "name") {
                    let own = FieldShape {
                        type_name: None,
                        is_static: true,
                    };
                    shape.fields.insert(self.tree.name(name), own);
                }
            }
            "method_declaration" => {
                if let Some(name) = field(member, "name") {
                    let is_static = has_modifier(member, "static");
                    shape
                        .methods
                        .entry(self.tree.name(name))
                        .and_modify(|known| *known &= is_static)
                        .or_insert(is_static);
                }
            }
            _ => {}
        }
    }

    /// Names of what a class extends and implements, as written.
    pub(super) fn base_names(&self, node: Node<'_>) -> Vec<String> {
        let mut names = Vec::new();
        let lists = [field(node, "superclass"), field(node, "interfaces")];
        let extends = child_of_kind(node, "extends_interfaces");
        for list in lists.into_iter().chain([extends]).flatten() {
            for child in children(list) {
                if child.kind() == "type_list" {
                    names.extend(
                        children(child)
                            .into_iter()
                            .map(|name| self.tree.text(name).to_owned()),
                    );
                } else {
                    names.push(self.tree.text(child).to_owned());
                }
            }
        }
        names
    }

    /// A field of a class or of those it extends, with the class that declares it.
    pub(super) fn field_of(&self, class: &Name, name: &str) -> Option<(Name, &FieldShape)> {
        self.lineage(class)
            .into_iter()
            .find_map(|(class, shape)| Some((class, shape.fields.get(name)?)))
    }

    /// Whether a method is static, with the class that declares it.
    pub(super) fn method_of(&self, class: &Name, name: &str) -> Option<(Name, bool)> {
        self.lineage(class)
            .into_iter()
            .find_map(|(class, shape)| Some((class, *shape.methods.get(name)?)))
    }

    /// A class of the file and those of the file that it extends.
    fn lineage(&self, class: &Name) -> Vec<(Name, &Shape)> {
        let mut found: Vec<(Name, &Shape)> = Vec::new();
        let mut open = vec![Rc::clone(class)];
        while let Some(name) = open.pop() {
            if found.len() >= MAX_BASES || found.iter().any(|(known, _)| *known == name) {
                continue;
            }
            if let Some(shape) = self.shapes.get(&name) {
                open.extend(shape.bases.iter().rev().map(|base| self.full_name(base)));
                found.push((name, shape));
            }
        }
        found
    }
}

/// A type that was named before all classes were known.
fn simplified(type_name: Name, classes: &[Name]) -> Name {
    let last = type_name.rsplit('.').next().unwrap_or(&type_name);
    match classes.iter().find(|class| class.as_ref() == last) {
        Some(class) => Rc::clone(class),
        None => type_name,
    }
}
