//! Functions, methods and variables of Go.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::super::tree::{call, children, constant, expr, field, fields, name_expr, span};
use super::type_names::own_name;
use super::{Context, Go, Results, Scope};
use crate::flow::ir::{
    Block, Class, Const, Expr, ExprKind, FunctionId, Name, Parameter, Place, Receiver, Stmt,
};

impl Go<'_> {
    /// A function of the package.
    pub(super) fn function_declaration(&mut self, node: Node<'_>) {
        let Some(name) = field(node, "name").map(|name| self.tree.name(name)) else {
            return;
        };
        let id = self.function(node, Rc::clone(&name), Receiver::None, false);
        self.tree.unit.named.insert(name, id);
    }

    /// A method of a type.
    pub(super) fn method_declaration(&mut self, node: Node<'_>) {
        let (Some(name), Some(list)) = (field(node, "name"), field(node, "receiver")) else {
            return;
        };
        let name = self.tree.name(name);
        let declared = children(list).into_iter().next();
        let receiver = declared
            .and_then(|declared| field(declared, "name"))
            .map_or_else(|| Rc::from("_"), |name| self.tree.name(name));
        let kind = declared
            .and_then(|declared| field(declared, "type"))
            .and_then(|kind| self.own_type(kind));
        let Some(kind) = kind else { return };
        if !self.tree.unit.class_names.contains_key(&kind) {
            self.add_class(Class {
                name: Rc::clone(&kind),
                ..Class::default()
            });
        }
        let id = self.function(node, Rc::clone(&name), Receiver::Named(receiver), false);
        if let Some(class) = self.tree.unit.class_names.get(&kind).copied() {
            self.tree.unit.functions[id].class = Some(class);
            self.tree.unit.classes[class].methods.insert(name, id);
        }
    }

    fn own_type(&mut self, node: Node<'_>) -> Option<Name> {
        match node.kind() {
            "pointer_type" | "parenthesized_type" => children(node)
                .first()
                .and_then(|inner| self.own_type(*inner)),
            "generic_type" => field(node, "type").and_then(|inner| self.own_type(inner)),
            "type_identifier" => Some(own_name(self.tree.text(node))),
            _ => None,
        }
    }

    /// A function literal.
    pub(super) fn closure(&mut self, node: Node<'_>) -> FunctionId {
        self.function(node, Rc::from(""), Receiver::None, true)
    }

    fn function(
        &mut self,
        node: Node<'_>,
        name: Name,
        receiver: Receiver,
        is_closure: bool,
    ) -> FunctionId {
        let function = self.empty_function(node);
        let id = self.tree.add_function(function);
        let results = self.results_of(node);
        self.scopes.push(Scope {
            is_function: true,
            ..Scope::default()
        });
        self.contexts.push(Context {
            results: results.clone(),
            in_chain: false,
        });
        if let Receiver::Named(name) = &receiver {
            self.bind(name);
        }
        let parameters = self.parameters(node);
        let mut body = self.named_results(node, &results);
        if let Some(block) = field(node, "body") {
            body.append(&mut self.statements(block));
        }
        self.contexts.pop();
        self.scopes.pop();
        let function = &mut self.tree.unit.functions[id];
        function.name = name;
        function.receiver = receiver;
        function.is_closure = is_closure;
        function.parameters = parameters;
        function.body = body;
        id
    }

    fn parameters(&mut self, node: Node<'_>) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for declared in field(node, "parameters").map(children).unwrap_or_default() {
            let type_name = field(declared, "type").and_then(|kind| self.type_name(kind));
            let is_rest = declared.kind() == "variadic_parameter_declaration";
            let names = fields(declared, "name");
            if names.is_empty() {
                parameters.push(Parameter {
                    name: Rc::from("_"),
                    type_name: type_name.clone(),
                    is_rest,
                    span: span(declared),
                    ..Parameter::default()
                });
            }
            for name in names {
                parameters.push(Parameter {
                    name: self.bind(self.tree.text(name)),
                    type_name: type_name.clone(),
                    is_rest,
                    span: span(name),
                    ..Parameter::default()
                });
            }
        }
        parameters
    }

    fn named_results(&mut self, node: Node<'_>, results: &Results) -> Block {
        let list = field(node, "result").filter(|list| list.kind() == "parameter_list");
        if results.names.is_empty() {
            return Block::new();
        }
        let mut block = Block::new();
        for declared in list.map(children).unwrap_or_default() {
            for name in fields(declared, "name") {
                block.push(self.variable(name, field(declared, "type"), None));
            }
        }
        block
    }

    /// `var a, b T = …` and `const a = …`.
    pub(super) fn value_spec(&mut self, node: Node<'_>) -> Block {
        let names = fields(node, "name");
        let kind = field(node, "type");
        let values = field(node, "value").map(children).unwrap_or_default();
        if values.len() == 1 && names.len() > 1 {
            let places = |go: &mut Self| {
                names
                    .iter()
                    .map(|name| go.new_place(*name))
                    .collect::<Vec<Place>>()
            };
            return self.spread(node, values[0], places);
        }
        let values: Vec<Option<Expr>> = (0..names.len())
            .map(|at| values.get(at).map(|value| self.expr(*value)))
            .collect();
        names
            .into_iter()
            .zip(values)
            .map(|(name, value)| self.variable(name, kind, value))
            .collect()
    }

    fn variable(&mut self, name: Node<'_>, kind: Option<Node<'_>>, value: Option<Expr>) -> Stmt {
        let type_name = kind.and_then(|kind| self.type_name(kind));
        let value = value.or_else(|| self.zero(name, kind?, type_name.as_ref()));
        Stmt::Declare {
            name: self.bind(self.tree.text(name)),
            type_name,
            value,
            span: span(name),
        }
    }

    /// What a variable of a type holds before anything is put there.
    pub(super) fn zero(
        &mut self,
        at: Node<'_>,
        kind: Node<'_>,
        type_name: Option<&Name>,
    ) -> Option<Expr> {
        match (kind.kind(), type_name.map(AsRef::as_ref)) {
            ("slice_type" | "channel_type", _) => Some(expr(at, ExprKind::List(Vec::new()))),
            ("map_type", _) => Some(expr(at, ExprKind::Map(Vec::new()))),
            (_, Some("strings.Builder" | "bytes.Buffer")) => {
                let name = type_name.map_or("", |name| name.as_ref());
                Some(call(at, name_expr(at, name), Vec::new()))
            }
            ("pointer_type", _) => None,
            (_, Some("string")) => Some(constant(at, Const::Text(Rc::from("")))),
            (_, Some("int" | "int64")) => Some(constant(at, Const::Int(0))),
            (_, Some("bool")) => Some(constant(at, Const::Bool(false))),
            (_, Some(name)) if self.is_struct(name) => {
                let map = expr(at, ExprKind::Map(Vec::new()));
                Some(expr(at, ExprKind::Cast(Rc::from(name), Box::new(map))))
            }
            _ => None,
        }
    }
}
