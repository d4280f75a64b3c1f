//! Methods, constructors and lambdas: parameters, receivers and what their annotations imply.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::Java;
use super::type_names::has_modifier;
use crate::flow::ir::{
    Annotation, Block, ClassId, ExprKind, Function, FunctionId, Name, Parameter, Place, Receiver,
    Stmt,
};
use crate::flow::lower::tree::{assign, child_of_kind, children, expr, field, name_expr, span};

/// Annotations that make a method answer requests in Spring.
const MAPPINGS: [&str; 6] = [
    "RequestMapping",
    "GetMapping",
    "PostMapping",
    "PutMapping",
    "DeleteMapping",
    "PatchMapping",
];

impl Java<'_> {
    /// Lowers a method or constructor; without a class it is a closure over what is around it.
    pub(super) fn method(&mut self, node: Node<'_>, class: Option<ClassId>) -> FunctionId {
        let is_closure = class.is_none() && self.locals.len() > 1;
        let is_static = has_modifier(node, "static");
        let mut parameters = match field(node, "parameters") {
            Some(list) => self.parameters(list),
            None => Vec::new(),
        };
        let mut annotations = self.annotations(node);
        if is_mapped(&annotations) {
            parameters
                .iter_mut()
                .for_each(|parameter| self.bind_to_request(parameter));
        }
        annotations.extend(self.implied(node, class, &annotations));
        let receiver = if class.is_some() && !is_static {
            Receiver::Named(Rc::from("this"))
        } else {
            Receiver::None
        };
        let name = field(node, "name").map(|name| self.tree.name(name));
        let id = self.tree.add_function(Function {
            name: name.unwrap_or_default(),
            class,
            receiver,
            parameters,
            annotations,
            is_closure,
            returns: field(node, "type").and_then(|node| self.type_of(node)),
            span: span(node),
            body: Block::new(),
        });
        let floor = self.floor;
        if !is_closure {
            self.floor = self.locals.len();
        }
        let returns = self.tree.unit.functions[id].returns.clone();
        // An answer may be that of a check on a parameter, which is looked at as it stands.
        let returns = returns.filter(|name| !name.eq_ignore_ascii_case("boolean"));
        let outer = std::mem::replace(&mut self.returns, returns);
        let body = self.body_of(node, id);
        self.returns = outer;
        self.floor = floor;
        self.tree.unit.functions[id].body = body;
        id
    }

    /// The body, behind what the parameters' types say about their values.
    fn body_of(&mut self, node: Node<'_>, id: FunctionId) -> Block {
        let known: Vec<(Name, Option<Name>)> = self.tree.unit.functions[id]
            .parameters
            .iter()
            .map(|parameter| (Rc::clone(&parameter.name), parameter.type_name.clone()))
            .collect();
        self.scoped(|java| {
            let mut body = Block::new();
            for (name, type_name) in &known {
                java.declare(name, type_name.clone());
                if type_name
                    .as_ref()
                    .is_some_and(|name| java.plain_type(name).is_some())
                {
                    let value = java.as_type(node, type_name.as_ref(), name_expr(node, name));
                    let place = Place::Name {
                        name: Rc::clone(name),
                        declare: true,
                        span: span(node),
                    };
                    body.push(assign(node, place, value));
                }
            }
            if let Some(block) = field(node, "body") {
                body.append(&mut java.statements(block));
            }
            if node.kind() == "compact_constructor_declaration" {
                body.extend(java.kept_components(node));
            }
            body
        })
    }

    /// What a compact constructor leaves out: its parameters are the record's, and are kept at its end.
    fn kept_components(&mut self, node: Node<'_>) -> Vec<Stmt> {
        let record = node.parent().and_then(|body| body.parent());
        let list = record.and_then(|record| field(record, "parameters"));
        let parameters = list.map(|list| self.parameters(list)).unwrap_or_default();
        parameters
            .into_iter()
            .map(|parameter| {
                let this = Box::new(name_expr(node, "this"));
                let place = Place::Field(this, Rc::clone(&parameter.name), parameter.span);
                let value = name_expr(node, &parameter.name);
                Stmt::Expr(expr(
                    node,
                    ExprKind::Assign(Box::new(place), Box::new(value)),
                ))
            })
            .collect()
    }

    pub(super) fn parameters(&mut self, list: Node<'_>) -> Vec<Parameter> {
        children(list)
            .into_iter()
            .filter_map(|node| self.parameter(node))
            .collect()
    }

    fn parameter(&mut self, node: Node<'_>) -> Option<Parameter> {
        match node.kind() {
            "formal_parameter" => Some(Parameter {
                name: self.tree.name(field(node, "name")?),
                type_name: field(node, "type").and_then(|node| self.type_of(node)),
                annotations: self.annotations(node),
                span: span(node),
                ..Parameter::default()
            }),
            "spread_parameter" => {
                let declarator = child_of_kind(node, "variable_declarator")?;
                Some(Parameter {
                    name: self.tree.name(field(declarator, "name")?),
                    annotations: self.annotations(node),
                    is_rest: true,
                    span: span(node),
                    ..Parameter::default()
                })
            }
            "identifier" => Some(Parameter {
                name: self.tree.name(node),
                span: span(node),
                ..Parameter::default()
            }),
            _ => None,
        }
    }

    /// A lambda.
    pub(super) fn lambda(&mut self, node: Node<'_>) -> ExprKind {
        let parameters = match field(node, "parameters") {
            Some(list) if list.kind() == "identifier" => self.parameter(list).into_iter().collect(),
            Some(list) => self.parameters(list),
            None => Vec::new(),
        };
        let names: Vec<(Name, Option<Name>)> = parameters
            .iter()
            .map(|parameter| (Rc::clone(&parameter.name), parameter.type_name.clone()))
            .collect();
        let id = self.closure_of(node, |java| {
            for (name, type_name) in names {
                java.declare(&name, type_name);
            }
            match field(node, "body") {
                Some(body) if body.kind() == "block" => java.statements(body),
                Some(body) => vec![Stmt::Return(Some(java.expr(body)), span(body))],
                None => Block::new(),
            }
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

    /// Spring fills texts and forms from the request where no annotation says otherwise.
    fn bind_to_request(&self, parameter: &mut Parameter) {
        let Some(type_name) = parameter.type_name.as_deref() else {
            return;
        };
        let is_form = ["Form", "Dto", "DTO", "Command"]
            .iter()
            .any(|end| type_name.ends_with(end))
            || self.shapes.contains_key(type_name);
        let name = match type_name {
            "String" => "RequestParam",
            _ if is_form => "ModelAttribute",
            _ => return,
        };
        if parameter.annotations.is_empty() {
            parameter.annotations.push(Annotation {
                name: Rc::from(format!("org.springframework.web.bind.annotation.{name}")),
                text: Rc::from(name),
            });
        }
    }

    /// What a Spring controller's method does with the text it returns: `spring.TextResponse` sends it, `spring.ViewResponse`
    /// takes it for the name of a view.
    fn implied(
        &self,
        node: Node<'_>,
        class: Option<ClassId>,
        own: &[Annotation],
    ) -> Option<Annotation> {
        let class = &self.tree.unit.classes[class?];
        let on_class = |name: &str| class.annotations.iter().any(|known| last(known) == name);
        let returned = field(node, "type").map_or("", |node| self.tree.text(node));
        let is_text = returned == "String"
            || returned.ends_with("<String>")
            || matches!(returned, "ResponseEntity" | "ResponseEntity<?>");
        if !is_mapped(own) || !is_text {
            return None;
        }
        let sends = on_class("RestController")
            || on_class("ResponseBody")
            || own
                .iter()
                .any(|annotation| last(annotation) == "ResponseBody")
            || returned.starts_with("ResponseEntity");
        let is_data = own.iter().chain(&class.annotations).any(|annotation| {
            annotation.text.contains("produces")
                && !annotation.text.to_ascii_lowercase().contains("html")
        });
        if is_data {
            return None;
        }
        let name = if sends {
            "spring.TextResponse"
        } else {
            "spring.ViewResponse"
        };
        let all: BTreeMap<&str, ()> = own
            .iter()
            .chain(&class.annotations)
            .map(|annotation| (annotation.text.as_ref(), ()))
            .collect();
        let text: Vec<&str> = all.into_keys().collect();
        Some(Annotation {
            name: Rc::from(name),
            text: Rc::from(text.join(" ")),
        })
    }
}

fn is_mapped(annotations: &[Annotation]) -> bool {
    annotations
        .iter()
        .any(|annotation| MAPPINGS.contains(&last(annotation)))
}

fn last(annotation: &Annotation) -> &str {
    annotation.name.rsplit('.').next().unwrap_or("")
}
