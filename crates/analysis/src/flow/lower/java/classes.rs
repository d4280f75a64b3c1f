//! Classes, interfaces, enums and records: their fields, initialisers and methods.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::Java;
use super::shapes::{is_class, members};
use super::type_names::has_modifier;
use crate::flow::ir::{
    Annotation, Argument, Call, Class, ClassId, Const, Expr, ExprKind, Function, FunctionId, Name,
    Parameter, Place, Receiver, Stmt,
};
use crate::flow::lower::tree::{
    assign, call, child_of_kind, children, constant, expr, field, fields, made, name_expr, span,
};

/// Annotations of fields that a framework sets from the request.
const SET_BY_REQUEST: [&str; 7] = [
    "QueryParam",
    "PathParam",
    "FormParam",
    "HeaderParam",
    "CookieParam",
    "MatrixParam",
    "BeanParam",
];

impl Java<'_> {
    /// Lowers the declaration of a class and everything in it.
    pub(super) fn class(&mut self, node: Node<'_>) {
        let Some(name) = field(node, "name").map(|name| self.tree.name(name)) else {
            return;
        };
        let bases = self.base_names(node);
        let id = self.tree.unit.classes.len();
        self.tree.unit.classes.push(Class {
            name: Rc::clone(&name),
            bases: bases.iter().map(|base| self.full_name(base)).collect(),
            annotations: self.annotations(node),
            ..Class::default()
        });
        self.tree
            .unit
            .class_names
            .entry(Rc::clone(&name))
            .or_insert(id);
        let floor = std::mem::replace(&mut self.floor, self.locals.len());
        self.classes.push(name);
        self.record(id, node);
        for member in members(node) {
            self.nest(|java| java.member(id, node, member));
        }
        self.initializers(id, node);
        self.classes.pop();
        self.floor = floor;
    }

    fn member(&mut self, class: ClassId, owner: Node<'_>, member: Node<'_>) {
        match member.kind() {
            "field_declaration" | "constant_declaration" => self.field(class, owner, member),
            "method_declaration" if field(member, "body").is_some() => {
                let name = field(member, "name").map(|name| self.tree.name(name));
                let function = self.method(member, Some(class));
                self.add_method(class, name.unwrap_or_else(|| Rc::from("")), function);
            }
            "method_declaration" => {}
            "constructor_declaration" | "compact_constructor_declaration" => {
                let function = self.method(member, Some(class));
                self.add_method(class, Rc::from("<new>"), function);
            }
            "static_initializer" => {
                let block = child_of_kind(member, "block").map(|block| self.block(block));
                self.statics.extend(block.map(Stmt::Block));
            }
            "enum_constant" => self.enum_constant(member),
            kind if is_class(kind) => self.class(member),
            _ => {}
        }
    }

    /// Registers a method by its name and, since names may be overloaded, by name and number of parameters.
    fn add_method(&mut self, class: ClassId, name: Name, function: FunctionId) {
        let count = self.tree.unit.functions[function].parameters.len();
        let methods = &mut self.tree.unit.classes[class].methods;
        let keys = [
            name.to_string(),
            format!("{name}/{count}"),
            format!("{name}/{count}#{function}"),
        ];
        for key in keys {
            methods.entry(Rc::from(key)).or_insert(function);
        }
    }

    fn field(&mut self, class: ClassId, owner: Node<'_>, node: Node<'_>) {
        let type_name = field(node, "type").and_then(|node| self.type_of(node));
        let is_static = owner.kind() == "interface_declaration" || has_modifier(node, "static");
        let from_request = self.set_by_request(node);
        for declarator in fields(node, "declarator") {
            let Some(name_node) = field(declarator, "name") else {
                continue;
            };
            let name = self.tree.name(name_node);
            let value = match field(declarator, "value") {
                Some(value) => {
                    let value = self.expr(value);
                    Some(self.as_type(declarator, type_name.as_ref(), value))
                }
                None => from_request.as_ref().map(|annotation| {
                    let source = call(node, name_expr(node, &annotation.name), Vec::new());
                    let type_name = type_name.clone().unwrap_or_else(|| Rc::from("String"));
                    expr(node, ExprKind::Cast(type_name, Box::new(source)))
                }),
            };
            if is_static {
                let full = self.static_name(&name);
                self.statics.push(Stmt::Declare {
                    name: full,
                    type_name: type_name.clone(),
                    value,
                    span: span(name_node),
                });
                continue;
            }
            let known = &mut self.tree.unit.classes[class];
            if let Some(type_name) = &type_name {
                known
                    .field_types
                    .insert(Rc::clone(&name), Rc::clone(type_name));
            }
            known.fields.extend(value.map(|value| (name, value)));
        }
    }

    fn static_name(&self, name: &str) -> Name {
        let class = self.classes.last().map_or("", |class| class.as_ref());
        Rc::from(format!("{class}.{name}"))
    }

    fn set_by_request(&self, node: Node<'_>) -> Option<Annotation> {
        self.annotations(node).into_iter().find(|annotation| {
            let last = annotation.name.rsplit('.').next().unwrap_or("");
            SET_BY_REQUEST.contains(&last)
        })
    }

    /// An enum's constant: a value made once by the constructor.
    fn enum_constant(&mut self, node: Node<'_>) {
        let Some(name) = field(node, "name") else {
            return;
        };
        let class = self.classes.last().cloned().unwrap_or_default();
        let arguments = field(node, "arguments").map(|list| self.arguments(list));
        let made = made(name_expr(node, &class), arguments.unwrap_or_default());
        let made = expr(node, made);
        let full = self.static_name(self.tree.text(name));
        self.statics.push(Stmt::Declare {
            name: full,
            type_name: Some(class),
            value: Some(made),
            span: span(name),
        });
    }

    /// A record's constructor and accessors.
    fn record(&mut self, class: ClassId, node: Node<'_>) {
        let Some(list) = field(node, "parameters") else {
            return;
        };
        let parameters = self.parameters(list);
        let mut body = Vec::new();
        for parameter in &parameters {
            let place = Place::Field(
                Box::new(name_expr(list, "this")),
                Rc::clone(&parameter.name),
                parameter.span,
            );
            let value = name_expr(list, &parameter.name);
            let value = self.as_type(list, parameter.type_name.as_ref(), value);
            body.push(assign(list, place, value));
            if let Some(type_name) = &parameter.type_name {
                self.tree.unit.classes[class]
                    .field_types
                    .insert(Rc::clone(&parameter.name), Rc::clone(type_name));
            }
        }
        let names: Vec<Name> = parameters
            .iter()
            .map(|parameter| Rc::clone(&parameter.name))
            .collect();
        self.own_function(class, "<new>", node, parameters, body);
        let declared: Vec<&str> = members(node)
            .into_iter()
            .filter(|member| member.kind() == "method_declaration")
            .filter_map(|member| field(member, "name"))
            .map(|name| self.tree.text(name))
            .collect();
        for name in names {
            if !declared.contains(&name.as_ref()) {
                let type_name = self.tree.unit.classes[class]
                    .field_types
                    .get(&name)
                    .cloned();
                let this = name_expr(list, "this");
                let value = expr(list, ExprKind::Field(Box::new(this), Rc::clone(&name)));
                let value = self.as_type(list, type_name.as_ref(), value);
                let body = vec![Stmt::Return(Some(value), span(list))];
                self.own_function(class, &name, list, Vec::new(), body);
            }
        }
    }

    /// A method that the source does not spell out.
    fn own_function(
        &mut self,
        class: ClassId,
        name: &str,
        node: Node<'_>,
        parameters: Vec<Parameter>,
        body: Vec<Stmt>,
    ) {
        let id = self.tree.add_function(Function {
            name: Rc::from(name),
            class: Some(class),
            receiver: Receiver::Named(Rc::from("this")),
            parameters,
            body,
            span: span(node),
            ..Function::default()
        });
        self.add_method(class, Rc::from(name), id);
    }

    /// Blocks that run before the constructor.
    fn initializers(&mut self, class: ClassId, node: Node<'_>) {
        let blocks: Vec<Node<'_>> = members(node)
            .into_iter()
            .filter(|member| member.kind() == "block")
            .collect();
        if blocks.is_empty() {
            return;
        }
        let body = blocks
            .into_iter()
            .map(|block| Stmt::Block(self.block(block)))
            .collect();
        self.own_function(class, "<block>", node, Vec::new(), body);
    }

    /// `new Base() { … }`: an object whose members are closures over what is around it.
    pub(super) fn anonymous(&mut self, body: Node<'_>, type_name: Name, base: Expr) -> ExprKind {
        let mut seen: BTreeMap<Name, ()> = BTreeMap::new();
        let mut entries: Vec<(Option<Expr>, Expr)> = vec![(None, base)];
        for member in children(body) {
            match member.kind() {
                "method_declaration" if field(member, "body").is_some() => {
                    let Some(name) = field(member, "name") else {
                        continue;
                    };
                    let id = self.method(member, None);
                    let key = self.tree.name(name);
                    if seen.insert(Rc::clone(&key), ()).is_none() {
                        let key = constant(name, Const::Text(key));
                        entries.push((Some(key), expr(member, ExprKind::Closure(id))));
                    } else {
                        entries.push((None, expr(member, ExprKind::Closure(id))));
                    }
                }
                "field_declaration" => {
                    for declarator in fields(member, "declarator") {
                        let value = field(declarator, "value").map(|value| self.expr(value));
                        entries.extend(value.map(|value| (None, value)));
                    }
                }
                "block" => {
                    let id = self.closure_of(body, |java| java.block(member));
                    let run = call(member, expr(member, ExprKind::Closure(id)), Vec::new());
                    entries.push((None, run));
                }
                kind if is_class(kind) => self.class(member),
                _ => {}
            }
        }
        let object = expr(body, ExprKind::Map(entries));
        ExprKind::Cast(type_name, Box::new(object))
    }

    /// `super(…)` runs the constructor of the base class on the same object.
    pub(super) fn link_constructors(&mut self) {
        let unit = &mut self.tree.unit;
        for class in 0..unit.classes.len() {
            let parent = unit.classes[class]
                .bases
                .iter()
                .find_map(|base| unit.class_names.get(base))
                .copied();
            let Some(parent) = parent.filter(|parent| *parent != class) else {
                continue;
            };
            let inherited: Vec<(Name, FunctionId)> = unit.classes[parent]
                .methods
                .iter()
                .filter_map(|(key, id)| {
                    let rest = key.strip_prefix("<new>")?;
                    Some((Rc::from(format!("<super>{rest}")), *id))
                })
                .collect();
            unit.classes[class].methods.extend(inherited);
        }
    }

    /// `this(…)` and `super(…)` at the start of a constructor.
    pub(super) fn constructor_call(&mut self, node: Node<'_>) -> Expr {
        let key = match field(node, "constructor") {
            Some(constructor) if constructor.kind() == "super" => "<super>",
            _ => "<new>",
        };
        let arguments: Vec<Argument> = field(node, "arguments")
            .map(|list| self.arguments(list))
            .unwrap_or_default();
        let this = Box::new(name_expr(node, "this"));
        let callee = expr(node, ExprKind::Field(this, Rc::from(key)));
        expr(
            node,
            ExprKind::Call(Box::new(Call {
                callee,
                arguments,
                is_new: false,
            })),
        )
    }
}
