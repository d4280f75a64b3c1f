//! Go to the small language: the file, its names and its scopes.

mod choice;
mod declaration;
mod expression;
mod format;
mod literal;
mod statement;
mod type_names;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::tree::{Lowering, children, field, fields, span};
use crate::flow::ir::{Function, Name, Place, Unit};

/// Lowers a Go file.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut go = Go {
        tree: Lowering::new(text),
        scopes: vec![Scope::default()],
        contexts: vec![Context::default()],
        types: BTreeMap::new(),
        orders: BTreeMap::new(),
        results: BTreeMap::new(),
    };
    go.file(root);
    go.tree.unit
}

/// A block: what its names are called in the lowered function.
#[derive(Default)]
struct Scope {
    names: BTreeMap<Name, Name>,
    is_function: bool,
}

/// The function being lowered.
#[derive(Clone, Default)]
struct Context {
    results: Results,
    /// Whether `break` ends a `switch` that is lowered to a chain of conditions.
    in_chain: bool,
}

/// What a function answers with.
#[derive(Clone, Default)]
struct Results {
    /// Names of the results, if they have any.
    names: Vec<Name>,
    /// Whether each result is the answer itself (rather than an error or a flag beside it).
    matters: Vec<bool>,
}

impl Results {
    /// Whether several results matter, so that they are handed over as a list.
    fn is_list(&self) -> bool {
        self.matters.iter().filter(|matters| **matters).count() > 1
    }

    /// The result that matters.
    fn primary(&self) -> usize {
        self.matters
            .iter()
            .position(|matters| *matters)
            .unwrap_or(0)
    }
}

/// What a type of the file is.
#[derive(Clone)]
enum Own {
    /// A struct or interface.
    Class,
    /// Another name of this type.
    Other(Option<Name>),
}

struct Go<'t> {
    tree: Lowering<'t>,
    scopes: Vec<Scope>,
    contexts: Vec<Context>,
    types: BTreeMap<Name, Own>,
    /// Field names of structs, in order.
    orders: BTreeMap<Name, Vec<Name>>,
    /// Results of functions and methods of the file, by bare name.
    results: BTreeMap<Name, Results>,
}

impl Go<'_> {
    fn file(&mut self, root: Node<'_>) {
        for child in children(root) {
            if child.kind() == "import_declaration" {
                self.imports(child);
            }
        }
        for child in children(root) {
            match child.kind() {
                "type_declaration" => self.declare_types(child),
                "function_declaration" | "method_declaration" => self.declare_results(child),
                _ => {}
            }
        }
        for child in children(root) {
            if child.kind() == "type_declaration" {
                self.define_types(child);
            }
        }
        let mut body = Vec::new();
        for kind in ["const_declaration", "var_declaration"] {
            for child in children(root)
                .into_iter()
                .filter(|child| child.kind() == kind)
            {
                body.append(&mut self.statement(child));
            }
        }
        for child in children(root) {
            match child.kind() {
                "function_declaration" => self.function_declaration(child),
                "method_declaration" => self.method_declaration(child),
                "import_declaration" | "package_clause" | "type_declaration"
                | "const_declaration" | "var_declaration" => {}
                _ => body.append(&mut self.statement(child)),
            }
        }
        self.tree.unit.functions[0].body = body;
    }

    fn imports(&mut self, node: Node<'_>) {
        for child in children(node) {
            if child.kind() != "import_spec" {
                self.imports(child);
                continue;
            }
            let Some(path) = field(child, "path") else {
                continue;
            };
            let full = self.tree.text(path).trim_matches(['"', '`']);
            let local = match field(child, "name") {
                Some(name) if name.kind() == "package_identifier" => self.tree.text(name),
                Some(_) => continue,
                None => local_name(full),
            };
            self.tree
                .unit
                .imports
                .insert(Rc::from(local), Rc::from(full));
        }
    }

    /// Runs in a new block.
    fn scoped<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(Scope::default());
        let result = act(self);
        self.scopes.pop();
        result
    }

    /// Goes one level deeper, if there is room.
    fn nest<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.tree.enter()?;
        let result = act(self);
        self.tree.leave();
        Some(result)
    }

    /// What a name of the source is called here.
    fn resolve(&self, name: &str) -> Name {
        let known = self
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.names.get(name));
        known.map_or_else(|| Rc::from(name), Rc::clone)
    }

    /// Whether a name is a variable of a function.
    fn is_local(&self, name: &str) -> bool {
        self.scopes
            .iter()
            .any(|scope| scope.names.contains_key(name))
    }

    /// The package a name stands for.
    fn package(&self, name: &str) -> Option<Name> {
        if self.is_local(name) {
            return None;
        }
        self.tree.unit.imports.get(name).cloned()
    }

    /// Binds a name in the innermost block. A name that an outer block of the function has already gets another one.
    fn bind(&mut self, name: &str) -> Name {
        if let Some(known) = self.scopes.last().and_then(|scope| scope.names.get(name)) {
            return Rc::clone(known);
        }
        let mut bound = name.to_owned();
        for scope in self.scopes.iter().rev() {
            if let Some(outer) = scope.names.get(name) {
                bound = format!("{outer}\u{2032}");
                break;
            }
            if scope.is_function {
                break;
            }
        }
        let bound: Name = Rc::from(bound);
        if self.scopes.len() > 1
            && let Some(scope) = self.scopes.last_mut()
        {
            scope.names.insert(Rc::from(name), Rc::clone(&bound));
        }
        bound
    }

    /// A variable that is declared here.
    fn new_place(&mut self, node: Node<'_>) -> Place {
        let text = self.tree.text(node);
        if text == "_" {
            return Place::Ignore;
        }
        Place::Name {
            name: self.bind(text),
            declare: true,
            span: span(node),
        }
    }

    fn declare_results(&mut self, node: Node<'_>) {
        let results = self.results_of(node);
        if let Some(name) = field(node, "name") {
            self.results.insert(self.tree.name(name), results);
        }
    }

    fn results_of(&self, node: Node<'_>) -> Results {
        let Some(result) = field(node, "result") else {
            return Results::default();
        };
        if result.kind() != "parameter_list" {
            return Results {
                names: Vec::new(),
                matters: vec![true],
            };
        }
        let (mut names, mut kinds) = (Vec::new(), Vec::new());
        for parameter in children(result) {
            let kind = field(parameter, "type").map_or("", |kind| self.tree.text(kind));
            let own: Vec<Name> = fields(parameter, "name")
                .into_iter()
                .map(|name| self.tree.name(name))
                .collect();
            kinds.extend(std::iter::repeat_n(kind, own.len().max(1)));
            names.extend(own);
        }
        let matters = kinds
            .iter()
            .map(|kind| !matches!(*kind, "error" | "bool"))
            .collect();
        Results { names, matters }
    }

    fn empty_function(&self, node: Node<'_>) -> Function {
        Function {
            span: span(node),
            ..Function::default()
        }
    }
}

/// What a package is called where it is imported: the last part of its path, version numbers left out.
fn local_name(path: &str) -> &str {
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|digit| digit.is_ascii_digit())
        })
    };
    let last = path
        .rsplit('/')
        .find(|part| !is_version(part))
        .unwrap_or(path);
    let last = match last.rsplit_once(".v") {
        Some((name, version)) if version.chars().all(|digit| digit.is_ascii_digit()) => name,
        _ => last,
    };
    let last = last.strip_prefix("go-").unwrap_or(last);
    let last = last.strip_suffix("-go").unwrap_or(last);
    last.strip_suffix(".go").unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::local_name;

    #[test]
    fn packages_are_called_by_the_last_part_that_is_no_version() {
        assert_eq!(local_name("net/http"), "http");
        assert_eq!(local_name("github.com/go-chi/chi/v5"), "chi");
        assert_eq!(local_name("gopkg.in/yaml.v3"), "yaml");
        assert_eq!(local_name("v2"), "v2");
    }
}
