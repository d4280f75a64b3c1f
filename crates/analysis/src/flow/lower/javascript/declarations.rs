//! Functions, parameters and classes.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::Script;
use crate::flow::ir::{
    Annotation, Block, Class, ClassId, Expr, ExprKind, Function, FunctionId, Name, Parameter,
    Place, Receiver, Stmt,
};
use crate::flow::lower::tree::{children, expr, field, fields, name_expr, span};

/// Keys by which a destructured first parameter is known for a request.
const REQUEST_KEYS: [&str; 7] = [
    "query", "body", "params", "headers", "cookies", "method", "files",
];
/// Keys by which it is known for the event of a function service.
const EVENT_KEYS: [&str; 3] = [
    "queryStringParameters",
    "pathParameters",
    "multiValueQueryStringParameters",
];

impl Script<'_> {
    pub(super) fn function_statement(&mut self, node: Node<'_>) -> Block {
        let Some(name) = field(node, "name") else {
            self.closure(node);
            return Vec::new();
        };
        let name_text = self.tree.name(name);
        let is_closure = self.functions > 0;
        let id = self.function(node, Rc::clone(&name_text), None);
        if !is_closure {
            self.tree.unit.named.insert(name_text, id);
            return Vec::new();
        }
        let place = Place::Name {
            name: name_text,
            declare: true,
            span: span(name),
        };
        let closure = expr(name, ExprKind::Closure(id));
        vec![Stmt::Expr(expr(
            name,
            ExprKind::Assign(Box::new(place), Box::new(closure)),
        ))]
    }

    /// A function that is a value.
    pub(super) fn closure(&mut self, node: Node<'_>) -> FunctionId {
        self.function(node, Rc::from(""), None)
    }

    fn function(&mut self, node: Node<'_>, name: Name, class: Option<ClassId>) -> FunctionId {
        let is_closure = self.functions > 0;
        self.functions += 1;
        let mut body = Block::new();
        let parameters = self.parameters(node, &mut body);
        let is_static = children_kinds(node).contains(&"static");
        let receiver = if class.is_some() && !is_static {
            Receiver::Named(Rc::from("this"))
        } else {
            Receiver::None
        };
        let id = self.tree.add_function(Function {
            name,
            class,
            receiver,
            parameters,
            is_closure,
            returns: field(node, "return_type").and_then(|name| self.type_name(name)),
            span: span(node),
            ..Function::default()
        });
        match field(node, "body") {
            Some(block) if block.kind() == "statement_block" => {
                body.append(&mut self.statements(block));
            }
            Some(value) => {
                let returned = self.expr(value);
                body.push(Stmt::Return(Some(returned), span(value)));
            }
            None => {}
        }
        self.functions -= 1;
        self.tree.unit.functions[id].body = body;
        id
    }

    /// The parameters; patterns get a name of their own and are taken apart at the start of the body.
    fn parameters(&mut self, node: Node<'_>, body: &mut Block) -> Vec<Parameter> {
        if let Some(only) = field(node, "parameter") {
            return vec![Parameter {
                name: self.tree.name(only),
                span: span(only),
                ..Parameter::default()
            }];
        }
        let list = field(node, "parameters").map(children).unwrap_or_default();
        let list: Vec<Node<'_>> = list
            .into_iter()
            .filter(|parameter| self.tree.text(*parameter).split([':', ' ']).next() != Some("this"))
            .collect();
        let count = list.len();
        list.into_iter()
            .enumerate()
            .map(|(position, parameter)| self.parameter(parameter, position, count, body))
            .collect()
    }

    fn parameter(
        &mut self,
        node: Node<'_>,
        position: usize,
        count: usize,
        body: &mut Block,
    ) -> Parameter {
        let type_name = field(node, "type").and_then(|type_node| self.type_name(type_node));
        let is_number = type_name
            .as_deref()
            .is_some_and(|name| matches!(name, "number" | "boolean" | "bigint" | "Date"));
        let mut annotations = self.annotations(&fields(node, "decorator"));
        if is_number
            || annotations
                .iter()
                .any(|annotation| annotation.text.contains("Pipe"))
        {
            annotations.clear();
        }
        let default = field(node, "value")
            .or_else(|| field(node, "right"))
            .map(|value| self.expr(value));
        let mut pattern = field(node, "pattern")
            .or_else(|| field(node, "left"))
            .unwrap_or(node);
        let is_rest = pattern.kind() == "rest_pattern";
        if is_rest && let Some(inner) = children(pattern).first() {
            pattern = *inner;
        }
        let name = if pattern.kind() == "identifier" {
            self.tree.name(pattern)
        } else {
            let name = self.pattern_name(pattern, position, count);
            let place = self.place(pattern, true);
            body.push(Stmt::Expr(expr(
                pattern,
                ExprKind::Assign(Box::new(place), Box::new(name_expr(pattern, &name))),
            )));
            name
        };
        Parameter {
            name,
            type_name,
            annotations,
            default,
            is_rest,
            span: span(pattern),
        }
    }

    /// What a destructured parameter would have been called: a handler's request, an event, or nothing known.
    fn pattern_name(&mut self, pattern: Node<'_>, position: usize, count: usize) -> Name {
        self.patterns += 1;
        let keys: Vec<Name> = children(pattern)
            .into_iter()
            .map(|child| {
                field(child, "key")
                    .or_else(|| field(child, "left"))
                    .unwrap_or(child)
            })
            .map(|key| self.key_name(key))
            .collect();
        let has = |wanted: &[&str]| keys.iter().any(|key| wanted.contains(&key.as_ref()));
        if position == 0 && has(&EVENT_KEYS) {
            return Rc::from("event");
        }
        if position == 0 && has(&["request", "response", "ctx"]) {
            return Rc::from("ctx");
        }
        if position == 0 && count >= 2 && has(&REQUEST_KEYS) {
            return Rc::from("req");
        }
        Rc::from(format!("<pattern {}>", self.patterns))
    }

    fn annotations(&self, decorators: &[Node<'_>]) -> Vec<Annotation> {
        let annotate = |decorator: &Node<'_>| {
            let inner = children(*decorator).into_iter().next()?;
            let named = field(inner, "function").unwrap_or(inner);
            Some(Annotation {
                name: self.full_name(self.tree.text(named)),
                text: self.tree.name(inner),
            })
        };
        decorators.iter().filter_map(annotate).collect()
    }

    /// Lowers a class, known by its own name or by that of the variable it is kept in.
    pub(super) fn class(&mut self, node: Node<'_>, local: Option<Name>) -> Name {
        let own = field(node, "name").map(|name| self.tree.name(name));
        let name = local
            .or(own)
            .unwrap_or_else(|| Rc::from(format!("<class {}>", self.tree.unit.classes.len())));
        let bases = self.bases(node);
        let id = self.tree.unit.classes.len();
        let mut class = Class {
            name: Rc::clone(&name),
            annotations: self.annotations(&fields(node, "decorator")),
            ..Class::default()
        };
        for base in &bases {
            let known = self.tree.unit.class_names.get(base);
            let constructor = known
                .and_then(|base| self.tree.unit.classes.get(*base))
                .and_then(|base| base.methods.get("<new>"));
            if let Some(constructor) = constructor {
                class.methods.insert(Rc::from("<super>"), *constructor);
            }
        }
        class.bases = bases;
        self.tree.unit.classes.push(class);
        self.tree.unit.class_names.insert(Rc::clone(&name), id);
        let outer = self.class.replace(id);
        self.members(id, node);
        self.class = outer;
        name
    }

    fn bases(&self, node: Node<'_>) -> Vec<Name> {
        let Some(heritage) = children(node)
            .into_iter()
            .find(|child| child.kind() == "class_heritage")
        else {
            return Vec::new();
        };
        let text = self.tree.text(heritage);
        text.split([',', ' ', '\n', '\t'])
            .filter(|word| !matches!(*word, "" | "extends" | "implements"))
            .filter_map(|word| word.split('<').next())
            .map(|word| self.full_name(word))
            .collect()
    }

    fn members(&mut self, class: ClassId, node: Node<'_>) {
        let mut decorators = Vec::new();
        for member in field(node, "body").map(children).unwrap_or_default() {
            match member.kind() {
                "decorator" => decorators.push(member),
                "method_definition" => {
                    let mut own = std::mem::take(&mut decorators);
                    own.extend(fields(member, "decorator"));
                    self.method(class, member, &own);
                }
                "field_definition" | "public_field_definition" => {
                    decorators.clear();
                    self.class_field(class, member);
                }
                _ => decorators.clear(),
            }
        }
    }

    fn method(&mut self, class: ClassId, node: Node<'_>, decorators: &[Node<'_>]) {
        let Some(name) = field(node, "name").map(|name| self.key_name(name)) else {
            return;
        };
        let key: Name = if name.as_ref() == "constructor" {
            Rc::from("<new>")
        } else {
            Rc::clone(&name)
        };
        let annotations = self.annotations(decorators);
        let id = self.function(node, name, Some(class));
        self.tree.unit.functions[id].annotations = annotations;
        if key.as_ref() == "<new>" {
            let kept = self.parameter_properties(class, node);
            self.tree.unit.functions[id].body.splice(0..0, kept);
        }
        self.tree.unit.classes[class].methods.insert(key, id);
    }

    /// `constructor(private db: Pool)` declares and sets a field.
    fn parameter_properties(&mut self, class: ClassId, node: Node<'_>) -> Block {
        let mut block = Block::new();
        for parameter in field(node, "parameters").map(children).unwrap_or_default() {
            let kinds = children_kinds(parameter);
            let is_kept = kinds.contains(&"accessibility_modifier") || kinds.contains(&"readonly");
            let Some(pattern) = field(parameter, "pattern").filter(|_| is_kept) else {
                continue;
            };
            let name = self.tree.name(pattern);
            if let Some(type_name) =
                field(parameter, "type").and_then(|type_node| self.type_name(type_node))
            {
                self.tree.unit.classes[class]
                    .field_types
                    .insert(Rc::clone(&name), type_name);
            }
            let this = name_expr(pattern, "this");
            let place = Place::Field(Box::new(this), Rc::clone(&name), span(pattern));
            let value = name_expr(pattern, &name);
            block.push(Stmt::Expr(expr(
                pattern,
                ExprKind::Assign(Box::new(place), Box::new(value)),
            )));
        }
        block
    }

    fn class_field(&mut self, class: ClassId, node: Node<'_>) {
        let named = field(node, "name").or_else(|| field(node, "property"));
        let Some(name) = named.map(|name| self.key_name(name)) else {
            return;
        };
        if let Some(type_name) = field(node, "type").and_then(|type_node| self.type_name(type_node))
        {
            self.tree.unit.classes[class]
                .field_types
                .insert(Rc::clone(&name), type_name);
        }
        let Some(value) = field(node, "value") else {
            return;
        };
        if is_function(value) {
            let id = self.function(value, Rc::clone(&name), Some(class));
            self.tree.unit.classes[class].methods.insert(name, id);
            return;
        }
        let value: Expr = self.expr(value);
        self.tree.unit.classes[class].fields.push((name, value));
    }
}

/// Whether an expression is a function.
pub(super) fn is_function(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "arrow_function" | "function_expression" | "function" | "generator_function"
    )
}

fn children_kinds<'n>(node: Node<'n>) -> Vec<&'n str> {
    node.children().map(|child| child.kind()).collect()
}
