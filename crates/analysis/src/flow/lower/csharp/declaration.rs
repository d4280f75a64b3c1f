//! Classes, methods and closures.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::{CSharp, declarators, is_class};
use crate::flow::ir::{
    Block, Class, ClassId, Expr, ExprKind, Function, FunctionId, Name, Parameter, Place, Receiver,
    Stmt,
};
use crate::flow::lower::tree::{assign, child_of_kind, children, expr, field, name_expr, span};

impl<'n> CSharp<'_, 'n> {
    /// Lowers the declaration of a class and everything in it.
    pub(super) fn class(&mut self, node: Node<'n>) {
        let Some(name) = field(node, "name").map(|name| self.tree.name(name)) else {
            return;
        };
        let id = self.tree.unit.classes.len();
        self.tree.unit.classes.push(Class {
            name: Rc::clone(&name),
            bases: self.bases(node),
            annotations: self.annotations(node),
            ..Class::default()
        });
        let known = &mut self.tree.unit.class_names;
        known.entry(Rc::clone(&name)).or_insert(id);
        let floor = std::mem::replace(&mut self.floor, self.locals.len());
        self.classes.push(name);
        self.primary_constructor(id, node);
        for member in field(node, "body").map(children).unwrap_or_default() {
            self.nest(|csharp| csharp.class_member(id, member));
        }
        self.classes.pop();
        self.floor = floor;
    }

    fn class_member(&mut self, class: ClassId, member: Node<'n>) {
        match member.kind() {
            "field_declaration" => self.field_declaration(class, member),
            "property_declaration" => self.property(class, member),
            "method_declaration" if field(member, "body").is_some() => {
                let function = self.method(member, Some(class));
                let name = Rc::clone(&self.tree.unit.functions[function].name);
                self.add_method(class, &name, function);
            }
            "constructor_declaration" => {
                let function = self.method(member, Some(class));
                self.add_method(class, "<new>", function);
            }
            kind if is_class(kind) => self.class(member),
            _ => {}
        }
    }

    /// Registers a method by its name and, since names may be overloaded, by name and number of parameters.
    fn add_method(&mut self, class: ClassId, name: &str, function: FunctionId) {
        let count = self.tree.unit.functions[function].parameters.len();
        let methods = &mut self.tree.unit.classes[class].methods;
        for key in [
            name.to_owned(),
            format!("{name}/{count}"),
            format!("{name}/{count}#{function}"),
        ] {
            methods.entry(Rc::from(key)).or_insert(function);
        }
    }

    fn field_declaration(&mut self, class: ClassId, node: Node<'n>) {
        let list = child_of_kind(node, "variable_declaration");
        let type_name = list
            .and_then(|list| field(list, "type"))
            .and_then(|node| self.type_of(node));
        let is_static = self.has_modifier(node, "static") || self.has_modifier(node, "const");
        for declarator in declarators(node) {
            let Some(name) = field(declarator, "name") else {
                continue;
            };
            let value = value_of(declarator).map(|value| self.typed(value, type_name.as_ref()));
            self.keep(class, name, type_name.as_ref(), value, is_static);
        }
    }

    fn property(&mut self, class: ClassId, node: Node<'n>) {
        let Some(name) = field(node, "name") else {
            return;
        };
        let type_name = field(node, "type").and_then(|node| self.type_of(node));
        let is_static = self.has_modifier(node, "static");
        let given = field(node, "value");
        let value = given.and_then(|value| match value.kind() {
            // What is worked out anew each time is not what the property holds.
            "arrow_expression_clause" => None,
            _ => Some(self.typed(value, type_name.as_ref())),
        });
        self.keep(class, name, type_name.as_ref(), value, is_static);
    }

    /// Notes a field or property.
    fn keep(
        &mut self,
        class: ClassId,
        name: Node<'_>,
        type_name: Option<&Name>,
        value: Option<Expr>,
        is_static: bool,
    ) {
        let own = self.tree.name(name);
        if is_static {
            let owner = self.classes.last().map_or("", AsRef::as_ref);
            self.statics.push(Stmt::Declare {
                name: Rc::from(format!("{owner}.{own}")),
                type_name: type_name.cloned(),
                value,
                span: span(name),
            });
            return;
        }
        let known = &mut self.tree.unit.classes[class];
        if let Some(type_name) = type_name {
            let types = &mut known.field_types;
            types.insert(Rc::clone(&own), Rc::clone(type_name));
        }
        known.fields.extend(value.map(|value| (own, value)));
    }

    /// A record's parameters, or those behind a class's name, are kept in its members.
    fn primary_constructor(&mut self, class: ClassId, node: Node<'n>) {
        let Some(list) = child_of_kind(node, "parameter_list") else {
            return;
        };
        let parameters = self.parameters(list);
        let mut body = Block::new();
        for parameter in &parameters {
            let this = Box::new(name_expr(list, "this"));
            let place = Place::Field(this, Rc::clone(&parameter.name), parameter.span);
            let value = name_expr(list, &parameter.name);
            let value = self.as_type(list, parameter.type_name.as_ref(), value);
            body.push(assign(list, place, value));
            if let Some(type_name) = &parameter.type_name {
                let types = &mut self.tree.unit.classes[class].field_types;
                types.insert(Rc::clone(&parameter.name), Rc::clone(type_name));
            }
        }
        let id = self.tree.add_function(Function {
            name: Rc::from("<new>"),
            class: Some(class),
            receiver: Receiver::Named(Rc::from("this")),
            parameters,
            body,
            span: span(list),
            ..Function::default()
        });
        self.add_method(class, "<new>", id);
    }

    /// Lowers a method, constructor or local function; without a class it is a closure over what is around it.
    pub(super) fn method(&mut self, node: Node<'n>, class: Option<ClassId>) -> FunctionId {
        let is_closure = class.is_none() && self.locals.len() > 1;
        let mut parameters = field(node, "parameters")
            .map(|list| self.parameters(list))
            .unwrap_or_default();
        let annotations = self.annotations(node);
        if let Some(word) = self.action(node, &annotations) {
            self.bind_to_request(&mut parameters, word, true);
        }
        let returns = field(node, "returns")
            .or_else(|| field(node, "type"))
            .and_then(|node| self.type_of(node));
        let receiver = match class {
            Some(_) if !self.has_modifier(node, "static") => Receiver::Named(Rc::from("this")),
            _ => Receiver::None,
        };
        let name = field(node, "name").map(|name| self.tree.name(name));
        let id = self.tree.add_function(Function {
            name: name.unwrap_or_default(),
            class,
            receiver,
            parameters,
            annotations,
            is_closure,
            returns: returns.clone(),
            span: span(node),
            body: Block::new(),
        });
        let floor = self.floor;
        if !is_closure {
            self.floor = self.locals.len();
        }
        // An answer may be that of a check on a parameter, which is looked at as it stands.
        let returns = returns.filter(|name| name.as_ref() != "bool");
        let outer = std::mem::replace(&mut self.returns, returns);
        let body = self.body_of(node, id);
        self.returns = outer;
        self.floor = floor;
        self.tree.unit.functions[id].body = body;
        id
    }

    /// The body, behind what the parameters' types say about their values.
    fn body_of(&mut self, node: Node<'n>, id: FunctionId) -> Block {
        let known: Vec<(Name, Option<Name>)> = self.tree.unit.functions[id]
            .parameters
            .iter()
            .map(|parameter| (Rc::clone(&parameter.name), parameter.type_name.clone()))
            .collect();
        self.scoped(|csharp| {
            let mut block = Block::new();
            for (name, type_name) in known {
                csharp.declare(&name, type_name.clone());
                let is_plain = type_name
                    .as_ref()
                    .is_some_and(|name| csharp.plain_type(name).is_some());
                if is_plain {
                    let value = name_expr(node, &name);
                    let value = csharp.as_type(node, type_name.as_ref(), value);
                    let place = Place::Name {
                        name,
                        declare: true,
                        span: span(node),
                    };
                    block.push(assign(node, place, value));
                }
            }
            block.extend(csharp.handed_out(node));
            if let Some(first) = child_of_kind(node, "constructor_initializer") {
                let list = child_of_kind(first, "argument_list");
                let values = list.map(|list| csharp.values(list)).unwrap_or_default();
                block.push(Stmt::Expr(expr(first, ExprKind::Parts(values))));
            }
            if let Some(body) = field(node, "body") {
                block.append(&mut csharp.block_or_value(body));
            }
            block
        })
    }

    /// A block's statements, or the value behind `=>` given back.
    pub(super) fn block_or_value(&mut self, body: Node<'n>) -> Block {
        match body.kind() {
            "block" => self.statements(body),
            "arrow_expression_clause" => match children(body).first() {
                Some(value) => self.given_back(*value),
                None => Block::new(),
            },
            _ => self.given_back(body),
        }
    }

    fn given_back(&mut self, value: Node<'n>) -> Block {
        let returns = self.returns.clone();
        let given = self.typed(value, returns.as_ref());
        vec![Stmt::Return(Some(given), span(value))]
    }

    /// Variables that are declared where they are handed out: `Parse(text, out var number)`.
    fn handed_out(&mut self, node: Node<'n>) -> Vec<Stmt> {
        let mut found = Vec::new();
        for declared in node
            .descendants()
            .filter(|node| node.kind() == "declaration_expression")
        {
            let Some(name_node) = field(declared, "name") else {
                continue;
            };
            let name = self.tree.name(name_node);
            let type_name = field(declared, "type").and_then(|node| self.type_of(node));
            self.declare(&name, type_name.clone());
            found.push(Stmt::Declare {
                name,
                type_name,
                value: None,
                span: span(name_node),
            });
        }
        found
    }

    pub(super) fn parameters(&mut self, list: Node<'n>) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        if list.kind() == "implicit_parameter" || list.kind() == "identifier" {
            parameters.push(Parameter {
                name: self.tree.name(list),
                span: span(list),
                ..Parameter::default()
            });
        }
        for node in children(list) {
            let Some(name) = field(node, "name").filter(|_| node.kind() == "parameter") else {
                continue;
            };
            let type_name = field(node, "type").and_then(|node| self.type_of(node));
            let default = children(node).last().copied();
            let default = default.filter(|last| last.start_byte() > name.start_byte());
            parameters.push(Parameter {
                name: self.tree.name(name),
                type_name,
                annotations: self.annotations(node),
                default: default.map(|value| self.expr(value)),
                span: span(node),
                ..Parameter::default()
            });
        }
        // `params object[] rest` stands in the list without a node of its own.
        if let Some(name) = field(list, "name") {
            parameters.push(Parameter {
                name: self.tree.name(name),
                is_rest: true,
                span: span(name),
                ..Parameter::default()
            });
        }
        parameters
    }

    /// A lambda; `word` says by what it is mapped to a route.
    pub(super) fn lambda(&mut self, node: Node<'n>, word: Option<&str>) -> ExprKind {
        let mut parameters = match field(node, "parameters") {
            Some(list) => self.parameters(list),
            None => Vec::new(),
        };
        if let Some(word) = word {
            self.bind_to_request(&mut parameters, word, false);
        }
        let names: Vec<(Name, Option<Name>)> = parameters
            .iter()
            .map(|parameter| (Rc::clone(&parameter.name), parameter.type_name.clone()))
            .collect();
        let id = self.closure_of(node, |csharp| {
            for (name, type_name) in names {
                csharp.declare(&name, type_name);
            }
            let mut block = csharp.handed_out(node);
            if let Some(body) = field(node, "body").or_else(|| child_of_kind(node, "block")) {
                block.append(&mut csharp.block_or_value(body));
            }
            block
        });
        self.tree.unit.functions[id].parameters = parameters;
        ExprKind::Closure(id)
    }

    /// A closure without parameters.
    pub(super) fn closure_of(
        &mut self,
        node: Node<'_>,
        body: impl FnOnce(&mut Self) -> Block,
    ) -> FunctionId {
        let id = self.tree.add_function(Function {
            is_closure: true,
            span: span(node),
            ..Function::default()
        });
        let outer = self.returns.take();
        let body = self.scoped(body);
        self.returns = outer;
        self.tree.unit.functions[id].body = body;
        id
    }
}

/// The value behind the name of a variable.
pub(super) fn value_of(declarator: Node<'_>) -> Option<Node<'_>> {
    let parts = children(declarator);
    let (first, rest) = parts.split_first()?;
    rest.last()
        .copied()
        .filter(|value| value.start_byte() > first.start_byte())
        .filter(|value| value.kind() != "bracketed_argument_list")
}
