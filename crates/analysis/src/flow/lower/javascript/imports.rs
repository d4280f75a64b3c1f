//! What names stand for: ES imports, `require`, and dotted names written in types.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Script;
use crate::flow::ir::{ExprKind, Name};
use crate::flow::lower::tree::{child_of_kind, children, field};

/// How deep imports are looked for.
const IMPORT_DEPTH: u32 = 6;

impl Script<'_> {
    /// Imports count for the whole file.
    pub(super) fn imports(&mut self, node: Node<'_>, depth: u32) {
        for child in children(node) {
            match child.kind() {
                "import_statement" => self.import_statement(child),
                "lexical_declaration" | "variable_declaration" => self.required(child),
                "if_statement" | "try_statement" | "statement_block" | "export_statement"
                    if depth < IMPORT_DEPTH =>
                {
                    self.imports(child, depth + 1);
                }
                _ => {}
            }
        }
    }

    fn import_statement(&mut self, node: Node<'_>) {
        if let Some(clause) = child_of_kind(node, "import_require_clause") {
            let source = field(clause, "source").map(|source| self.module(source));
            let local = child_of_kind(clause, "identifier").map(|local| self.tree.name(local));
            if let (Some(source), Some(local)) = (source, local) {
                self.tree.unit.imports.insert(local, source);
            }
            return;
        }
        let Some(source) = field(node, "source").map(|source| self.module(source)) else {
            return;
        };
        let Some(clause) = child_of_kind(node, "import_clause") else {
            return;
        };
        for part in children(clause) {
            match part.kind() {
                "identifier" => self.bind_import(part, Rc::clone(&source)),
                "namespace_import" => {
                    if let Some(local) = children(part).first() {
                        self.bind_import(*local, Rc::clone(&source));
                    }
                }
                "named_imports" => {
                    for specifier in children(part) {
                        self.import_specifier(specifier, &source);
                    }
                }
                _ => {}
            }
        }
    }

    fn import_specifier(&mut self, node: Node<'_>, source: &str) {
        let Some(name) = field(node, "name") else {
            return;
        };
        let local = field(node, "alias").unwrap_or(name);
        let full = match self.key_name(name).as_ref() {
            "default" => Rc::from(source),
            name => Rc::from(format!("{source}.{name}")),
        };
        self.bind_import(local, full);
    }

    fn bind_import(&mut self, local: Node<'_>, full: Name) {
        let local = self.tree.name(local);
        self.tree.unit.imports.insert(local, full);
    }

    /// `const a = require('m')` and `const { a } = require('m')`, so that types and bases resolve.
    fn required(&mut self, node: Node<'_>) {
        for declarator in children(node) {
            let (Some(name), Some(value)) = (field(declarator, "name"), field(declarator, "value"))
            else {
                continue;
            };
            let Some(module) = self.required_module(value) else {
                continue;
            };
            if name.kind() == "identifier" {
                self.bind_import(name, module);
            } else if name.kind() == "object_pattern" {
                for part in children(name) {
                    let (key, local) = match (field(part, "key"), field(part, "value")) {
                        (Some(key), Some(local)) => (key, local),
                        _ => (part, part),
                    };
                    let full = Rc::from(format!("{module}.{}", self.key_name(key)));
                    self.bind_import(local, full);
                }
            }
        }
    }

    /// The module that a `require` call loads.
    pub(super) fn required_module(&self, node: Node<'_>) -> Option<Name> {
        if node.kind() != "call_expression" {
            return None;
        }
        let function = field(node, "function")?;
        if !matches!(self.tree.text(function), "require" | "import") {
            return None;
        }
        let arguments = children(field(node, "arguments")?);
        let source = arguments.first().filter(|first| first.kind() == "string")?;
        Some(self.module(*source))
    }

    /// A module as a value. Its name cannot be hidden by a variable.
    pub(super) fn module_value(&mut self, module: Name) -> ExprKind {
        let key: Name = Rc::from(format!("module {module}"));
        self.tree.unit.imports.insert(Rc::clone(&key), module);
        ExprKind::Name(key)
    }

    /// The name of a module: `node:fs/promises` is `fs.promises`.
    fn module(&self, source: Node<'_>) -> Name {
        let text = self.tree.text(source).trim_matches(['"', '\'', '`']);
        let text = text.strip_prefix("node:").unwrap_or(text);
        if text.starts_with(['.', '@', '/']) {
            return Rc::from(text);
        }
        Rc::from(text.trim_end_matches(".js").replace('/', "."))
    }

    /// A dotted name with its first part resolved through imports.
    pub(super) fn full_name(&self, dotted: &str) -> Name {
        let (first, rest) = dotted.split_at(dotted.find('.').unwrap_or(dotted.len()));
        match self.tree.unit.imports.get(first) {
            Some(full) => Rc::from(format!("{full}{rest}")),
            None => Rc::from(dotted),
        }
    }

    /// The full name of a type annotation's type, without generics; `None` for types that say nothing.
    pub(super) fn type_name(&self, node: Node<'_>) -> Option<Name> {
        let text = self.tree.text(node).trim_start_matches([':', ' ']).trim();
        let named = text
            .strip_prefix("Promise<")
            .or_else(|| text.strip_prefix("Readonly<"))
            .unwrap_or(text);
        let alternative = named
            .split('|')
            .map(str::trim)
            .find(|part| !matches!(*part, "" | "null" | "undefined"))?;
        let plain = alternative.split(['<', '[', '>', '&']).next()?.trim();
        let is_name = !plain.is_empty()
            && plain
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$'));
        let says_nothing = matches!(
            plain,
            "string" | "any" | "unknown" | "object" | "void" | "never" | "Array" | "Record"
        );
        (is_name && !says_nothing).then(|| self.full_name(plain))
    }
}
