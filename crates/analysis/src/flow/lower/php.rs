//! PHP to the small language: the file, its names and its scopes.
//!
//! Variables keep their `$`, so that a variable and a function of one name are two things. Namespaces are written with dots.

mod call;
mod declaration;
mod expression;
mod statement;
mod text;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::tree::{Lowering, child_of_kind, children, field};
use crate::flow::ir::{Block, Name, Unit};

/// Lowers a PHP file.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut php = Php {
        tree: Lowering::new(text),
        classes: Vec::new(),
        parents: Vec::new(),
        methods: BTreeMap::new(),
        returns: None,
        constants: Block::new(),
    };
    php.imports(root);
    let mut body = php.statements(root);
    let mut top = std::mem::take(&mut php.constants);
    top.append(&mut body);
    php.tree.unit.functions[0].body = top;
    php.tree.unit
}

/// A lowering of PHP under way.
struct Php<'t> {
    tree: Lowering<'t>,
    /// The classes around the place that is lowered, the innermost last.
    classes: Vec<Name>,
    /// What each of them extends.
    parents: Vec<Option<Name>>,
    /// Whether a class's methods are static, by class and name.
    methods: BTreeMap<(Name, Name), bool>,
    /// What the function that is lowered returns, if it cannot be text.
    returns: Option<Name>,
    /// Constants and static properties, which are variables of the top level.
    constants: Block,
}

impl Php<'_> {
    fn nest<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.tree.enter()?;
        let result = act(self);
        self.tree.leave();
        Some(result)
    }

    /// Binds the names that `use` brings in, wherever it stands.
    fn imports(&mut self, node: Node<'_>) {
        for child in children(node) {
            match child.kind() {
                "namespace_use_declaration" => {
                    let prefix = child_of_kind(child, "namespace_name");
                    let prefix = prefix.map(|prefix| dotted(self.tree.text(prefix)));
                    let group = field(child, "body").unwrap_or(child);
                    for clause in children(group) {
                        if clause.kind() == "namespace_use_clause" {
                            self.import(clause, prefix.as_deref());
                        }
                    }
                }
                "namespace_definition" | "compound_statement" => self.imports(child),
                _ => {}
            }
        }
    }

    fn import(&mut self, clause: Node<'_>, prefix: Option<&str>) {
        let Some(name) = children(clause)
            .into_iter()
            .find(|child| matches!(child.kind(), "qualified_name" | "name"))
        else {
            return;
        };
        let own = dotted(self.tree.text(name));
        let full = match prefix {
            Some(prefix) => format!("{prefix}.{own}"),
            None => own,
        };
        let local = match field(clause, "alias") {
            Some(alias) => self.tree.text(alias),
            None => crate::flow::model::last_segment(&full),
        };
        let local = Rc::from(local);
        self.tree.unit.imports.insert(local, Rc::from(full));
    }

    /// The full name of a class or function that is written here: resolved by imports, without a leading backslash.
    fn full_name(&self, written: &str) -> Name {
        let name = dotted(written);
        let (first, rest) = match name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name.as_str(), None),
        };
        match (self.tree.unit.imports.get(first), rest) {
            _ if written.starts_with('\\') => Rc::from(name),
            (Some(full), Some(rest)) => Rc::from(format!("{full}.{rest}")),
            (Some(full), None) => Rc::clone(full),
            (None, _) => Rc::from(name),
        }
    }

    /// The class that `self`, `static`, `parent` or a name stands for.
    fn class_name(&self, node: Node<'_>) -> Name {
        let written = self.tree.text(node);
        match written {
            "self" | "static" => self.classes.last().cloned().unwrap_or_default(),
            "parent" => self.parents.last().cloned().flatten().unwrap_or_default(),
            _ => self.full_name(written),
        }
    }

    /// The full name of a type; `None` if it is none, or several.
    fn type_of(&self, node: Node<'_>) -> Option<Name> {
        match node.kind() {
            "optional_type" => children(node)
                .first()
                .and_then(|inner| self.type_of(*inner)),
            "named_type" => Some(self.full_name(self.tree.text(node))),
            "primitive_type" => Some(self.tree.name(node)),
            "union_type" => {
                let kinds: Vec<&str> = children(node)
                    .into_iter()
                    .map(|kind| self.tree.text(kind))
                    .filter(|kind| *kind != "null")
                    .collect();
                let is_number = kinds.iter().all(|kind| is_plain(kind));
                is_number.then(|| Rc::from("int"))
            }
            _ => None,
        }
    }
}

/// Whether values of a type cannot hold text.
fn is_plain(type_name: &str) -> bool {
    matches!(
        type_name,
        "int" | "float" | "bool" | "integer" | "double" | "boolean" | "false" | "true"
    )
}

/// A name with dots for backslashes.
fn dotted(name: &str) -> String {
    name.trim_start_matches('\\').replace('\\', ".")
}
