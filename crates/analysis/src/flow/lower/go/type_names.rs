//! Types of Go: full names, structs of the file.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::super::tree::{child_of_kind, children, field, fields};
use super::{Go, Own};
use crate::flow::ir::{Class, Name};

impl Go<'_> {
    /// Notes which types the file has.
    pub(super) fn declare_types(&mut self, node: Node<'_>) {
        for spec in children(node) {
            if let (Some(name), Some(kind)) = (field(spec, "name"), field(spec, "type")) {
                let own = match kind.kind() {
                    "struct_type" | "interface_type" => Own::Class,
                    _ => Own::Other(None),
                };
                self.types.insert(self.tree.name(name), own);
            }
        }
    }

    /// Lowers the types of a declaration.
    pub(super) fn define_types(&mut self, node: Node<'_>) {
        for spec in children(node) {
            let (Some(name), Some(kind)) = (field(spec, "name"), field(spec, "type")) else {
                continue;
            };
            let full = own_name(self.tree.text(name));
            match kind.kind() {
                "struct_type" => self.define_struct(full, kind),
                "interface_type" => self.add_class(Class {
                    name: full,
                    ..Class::default()
                }),
                _ => {
                    let under = self.type_name(kind);
                    self.types.insert(self.tree.name(name), Own::Other(under));
                    self.add_class(Class {
                        name: full,
                        ..Class::default()
                    });
                }
            }
        }
    }

    fn define_struct(&mut self, name: Name, node: Node<'_>) {
        let mut class = Class {
            name: Rc::clone(&name),
            ..Class::default()
        };
        let mut order = Vec::new();
        let declarations = child_of_kind(node, "field_declaration_list").map(children);
        for declaration in declarations.unwrap_or_default() {
            let Some(kind) = field(declaration, "type") else {
                continue;
            };
            let type_name = self.type_name(kind);
            let names = fields(declaration, "name");
            if names.is_empty() {
                // An embedded type hands on its members and is a field by its own name.
                let Some(type_name) = type_name else { continue };
                let short = type_name.rsplit(['.', '/']).next().unwrap_or("");
                order.push(Rc::from(short));
                class
                    .field_types
                    .insert(Rc::from(short), Rc::clone(&type_name));
                class.bases.push(type_name);
                continue;
            }
            for field_name in names {
                let field_name = self.tree.name(field_name);
                order.push(Rc::clone(&field_name));
                if let Some(type_name) = &type_name {
                    class.field_types.insert(field_name, Rc::clone(type_name));
                }
            }
        }
        self.orders.insert(name, order);
        self.add_class(class);
    }

    pub(super) fn add_class(&mut self, class: Class) {
        let id = self.tree.unit.classes.len();
        self.tree
            .unit
            .class_names
            .insert(Rc::clone(&class.name), id);
        self.tree.unit.classes.push(class);
    }

    /// A type's full name: the import path for other packages, `local.T` for types of this package; no pointers.
    pub(super) fn type_name(&mut self, node: Node<'_>) -> Option<Name> {
        self.nest(|go| go.type_name_inside(node))?
    }

    fn type_name_inside(&mut self, node: Node<'_>) -> Option<Name> {
        match node.kind() {
            "pointer_type" | "parenthesized_type" => children(node)
                .first()
                .and_then(|inner| self.type_name(*inner)),
            "generic_type" => field(node, "type").and_then(|inner| self.type_name(inner)),
            "identifier" | "type_identifier" => Some(self.bare_type(self.tree.text(node))),
            "qualified_type" => {
                let (package, name) = (field(node, "package")?, field(node, "name")?);
                let package = self.tree.text(package);
                let full = self.tree.unit.imports.get(package);
                let full = full.map_or(package, |full| full.as_ref());
                Some(Rc::from(format!("{full}.{}", self.tree.text(name))))
            }
            "slice_type" | "array_type" => {
                let element = field(node, "element").and_then(|inner| self.type_name(inner))?;
                Some(Rc::from(format!("[]{element}")))
            }
            "struct_type" => {
                let name = own_name(&format!("<{}>", node.start_byte()));
                if !self.tree.unit.class_names.contains_key(&name) {
                    self.define_struct(Rc::clone(&name), node);
                }
                Some(name)
            }
            _ => None,
        }
    }

    fn bare_type(&self, name: &str) -> Name {
        if is_builtin(name) {
            return Rc::from(name);
        }
        match self.types.get(name) {
            Some(Own::Other(Some(under))) if is_harmless(under) => Rc::clone(under),
            _ => own_name(name),
        }
    }

    /// Whether a type of the file by this full name is a struct whose fields are known.
    pub(super) fn is_struct(&self, name: &str) -> bool {
        self.orders.contains_key(name)
    }
}

/// The full name of a type of this package.
pub(super) fn own_name(name: &str) -> Name {
    Rc::from(format!("local.{name}"))
}

/// Types whose values cannot carry text.
pub(super) fn is_harmless(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "int"
            | "int8"
            | "int16"
            | "int32"
            | "int64"
            | "uint"
            | "uint8"
            | "uint16"
            | "uint32"
            | "uint64"
            | "uintptr"
            | "byte"
            | "rune"
            | "float32"
            | "float64"
            | "complex64"
            | "complex128"
    )
}

fn is_builtin(name: &str) -> bool {
    is_harmless(name) || matches!(name, "string" | "error" | "any")
}
