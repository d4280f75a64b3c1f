//! Functions, closures and classes.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::{Php, is_plain};
use crate::flow::ir::{
    Annotation, Block, Class, ClassId, Expr, ExprKind, Function, FunctionId, Name, Parameter,
    Place, Receiver, Stmt,
};
use crate::flow::lower::tree::{assign, child_of_kind, children, field, name_expr, span};

impl Php<'_> {
    /// A function outside of any class.
    pub(super) fn top_level_function(&mut self, node: Node<'_>) {
        let id = self.function(node, None);
        let name = Rc::clone(&self.tree.unit.functions[id].name);
        self.tree.unit.named.entry(name).or_insert(id);
    }

    fn function(&mut self, node: Node<'_>, class: Option<ClassId>) -> FunctionId {
        let is_static = child_of_kind(node, "static_modifier").is_some();
        let parameters = self.parameters(node);
        let name = field(node, "name").map(|name| self.tree.name(name));
        let returns = field(node, "return_type").and_then(|node| self.type_of(node));
        let id = self.tree.add_function(Function {
            name: name.unwrap_or_default(),
            class,
            receiver: match class {
                Some(_) if !is_static => Receiver::Named(Rc::from("$this")),
                _ => Receiver::None,
            },
            annotations: self.annotations(node),
            parameters,
            returns: returns.clone(),
            span: span(node),
            ..Function::default()
        });
        let returns = returns.filter(|name| name.as_ref() != "bool");
        let outer = std::mem::replace(&mut self.returns, returns);
        let body = self.body_of(node, id);
        self.returns = outer;
        self.tree.unit.functions[id].body = body;
        id
    }

    /// The body, behind what the parameters' types say about their values and what promoted parameters are kept in.
    fn body_of(&mut self, node: Node<'_>, id: FunctionId) -> Block {
        let mut block = Block::new();
        let parameters = &self.tree.unit.functions[id].parameters;
        let plain: Vec<(Name, Name)> = parameters
            .iter()
            .filter_map(|parameter| {
                let type_name = parameter.type_name.clone()?;
                is_plain(&type_name).then(|| (Rc::clone(&parameter.name), type_name))
            })
            .collect();
        for (name, type_name) in plain {
            let value = self.as_type(node, Some(&type_name), name_expr(node, &name));
            let place = Place::Name {
                name,
                declare: true,
                span: span(node),
            };
            block.push(assign(node, place, value));
        }
        let list = field(node, "parameters").map(children).unwrap_or_default();
        for promoted in list {
            if promoted.kind() == "property_promotion_parameter"
                && let Some(name) = field(promoted, "name")
            {
                let this = Box::new(name_expr(promoted, "$this"));
                let own = Rc::from(self.tree.text(name).trim_start_matches('$'));
                let place = Place::Field(this, own, span(name));
                block.push(assign(
                    promoted,
                    place,
                    name_expr(name, self.tree.text(name)),
                ));
            }
        }
        if let Some(body) = field(node, "body") {
            block.append(&mut self.statements(body));
        }
        block
    }

    fn parameters(&mut self, node: Node<'_>) -> Vec<Parameter> {
        let list = field(node, "parameters").map(children).unwrap_or_default();
        list.into_iter()
            .filter_map(|node| {
                Some(Parameter {
                    name: self.tree.name(field(node, "name")?),
                    type_name: field(node, "type").and_then(|node| self.type_of(node)),
                    annotations: self.annotations(node),
                    default: field(node, "default_value").map(|value| self.expr(value)),
                    is_rest: node.kind() == "variadic_parameter",
                    span: span(node),
                })
            })
            .collect()
    }

    fn annotations(&self, node: Node<'_>) -> Vec<Annotation> {
        let list = field(node, "attributes").map(children).unwrap_or_default();
        list.into_iter()
            .flat_map(children)
            .filter_map(|attribute| {
                let name = children(attribute).first().copied()?;
                Some(Annotation {
                    name: self.full_name(self.tree.text(name)),
                    text: self.tree.name(attribute),
                })
            })
            .collect()
    }

    /// `function (…) use (…) { … }` and `fn (…) => …`.
    pub(super) fn closure(&mut self, node: Node<'_>) -> ExprKind {
        let parameters = self.parameters(node);
        let outer = self.returns.take();
        let body = match field(node, "body") {
            Some(body) if body.kind() == "compound_statement" => self.statements(body),
            Some(body) => vec![Stmt::Return(Some(self.expr(body)), span(body))],
            None => Block::new(),
        };
        self.returns = outer;
        ExprKind::Closure(self.closure_of(node, parameters, body))
    }

    pub(super) fn closure_of(
        &mut self,
        node: Node<'_>,
        parameters: Vec<Parameter>,
        body: Block,
    ) -> FunctionId {
        self.tree.add_function(Function {
            is_closure: true,
            parameters,
            body,
            span: span(node),
            ..Function::default()
        })
    }

    /// Lowers a named class, trait, interface or enum and everything in it.
    pub(super) fn class(&mut self, node: Node<'_>) {
        if let Some(name) = field(node, "name").map(|name| self.tree.name(name)) {
            self.class_called(node, &name);
        }
    }

    /// Lowers a class under a name.
    pub(super) fn class_called(&mut self, node: Node<'_>, name: &Name) {
        let mut bases = Vec::new();
        for kind in ["base_clause", "class_interface_clause"] {
            let list = child_of_kind(node, kind).map(children).unwrap_or_default();
            bases.extend(
                list.into_iter()
                    .map(|base| self.full_name(self.tree.text(base))),
            );
        }
        let parent = child_of_kind(node, "base_clause").and_then(|_| bases.first().cloned());
        let members = field(node, "body").map(children).unwrap_or_default();
        for member in members
            .iter()
            .filter(|member| member.kind() == "use_declaration")
        {
            let traits = children(*member).into_iter();
            bases.extend(traits.map(|name| self.full_name(self.tree.text(name))));
        }
        let id = self.tree.unit.classes.len();
        self.tree.unit.classes.push(Class {
            name: Rc::clone(name),
            bases,
            annotations: self.annotations(node),
            ..Class::default()
        });
        let known = &mut self.tree.unit.class_names;
        known.entry(Rc::clone(name)).or_insert(id);
        for method in members
            .iter()
            .filter(|member| member.kind() == "method_declaration")
        {
            if let Some(own) = field(*method, "name") {
                let is_static = child_of_kind(*method, "static_modifier").is_some();
                let key = (Rc::clone(name), self.tree.name(own));
                self.methods.insert(key, is_static);
            }
        }
        self.classes.push(Rc::clone(name));
        self.parents.push(parent);
        for member in members {
            self.nest(|php| php.member_declaration(id, member));
        }
        self.parents.pop();
        self.classes.pop();
    }

    fn member_declaration(&mut self, class: ClassId, node: Node<'_>) {
        match node.kind() {
            "method_declaration" if field(node, "body").is_some() => {
                let function = self.function(node, Some(class));
                let name = match self.tree.unit.functions[function].name.as_ref() {
                    "__construct" => Rc::from("<new>"),
                    name => Rc::from(name),
                };
                self.promoted_types(class, node);
                let methods = &mut self.tree.unit.classes[class].methods;
                methods.entry(name).or_insert(function);
            }
            "property_declaration" => self.property(class, node),
            "const_declaration" => self.constants(node, Some(class)),
            _ => {}
        }
    }

    fn promoted_types(&mut self, class: ClassId, method: Node<'_>) {
        let list = field(method, "parameters")
            .map(children)
            .unwrap_or_default();
        for promoted in list {
            let type_name = field(promoted, "type").and_then(|node| self.type_of(node));
            if promoted.kind() == "property_promotion_parameter"
                && let (Some(name), Some(type_name)) = (field(promoted, "name"), type_name)
            {
                let own = Rc::from(self.tree.text(name).trim_start_matches('$'));
                let types = &mut self.tree.unit.classes[class].field_types;
                types.insert(own, type_name);
            }
        }
    }

    fn property(&mut self, class: ClassId, node: Node<'_>) {
        let type_name = field(node, "type").and_then(|node| self.type_of(node));
        let is_static = child_of_kind(node, "static_modifier").is_some();
        for element in children(node) {
            let Some(name) = field(element, "name") else {
                continue;
            };
            let own = self.tree.text(name).trim_start_matches('$');
            let value = field(element, "default_value").map(|value| self.expr(value));
            if is_static {
                let full = format!("{}.${own}", self.classes.last().map_or("", AsRef::as_ref));
                self.declare_at_top(element, &full, value);
                continue;
            }
            let known = &mut self.tree.unit.classes[class];
            let own: Name = Rc::from(own);
            if let Some(type_name) = &type_name {
                known
                    .field_types
                    .insert(Rc::clone(&own), Rc::clone(type_name));
            }
            known.fields.extend(value.map(|value| (own, value)));
        }
    }

    /// Constants of a class, or of the file.
    pub(super) fn constants(&mut self, node: Node<'_>, class: Option<ClassId>) {
        for element in children(node) {
            if element.kind() != "const_element" {
                continue;
            }
            if let [name, value] = children(element).as_slice() {
                let own = self.tree.text(*name);
                let full = match class {
                    Some(class) => format!("{}.{own}", self.tree.unit.classes[class].name),
                    None => own.to_owned(),
                };
                let value = self.expr(*value);
                self.declare_at_top(element, &full, Some(value));
            }
        }
    }

    fn declare_at_top(&mut self, node: Node<'_>, name: &str, value: Option<Expr>) {
        self.constants.push(Stmt::Declare {
            name: Rc::from(name),
            type_name: None,
            value,
            span: span(node),
        });
    }
}
