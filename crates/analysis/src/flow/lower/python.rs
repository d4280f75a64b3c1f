//! Python to the small language.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::tree::{
    Lowering, call, child_of_kind, children, constant, expr, field, fields, name_expr, span,
    text_constant, unescape,
};
use crate::flow::ir::{
    Annotation, Argument, Block, Call, Case, Class, ClassId, Comprehension, Const, Expr, ExprKind,
    Function, FunctionId, Name, Op, Parameter, Place, Receiver, Stmt, Unit,
};

/// Lowers a Python module.
pub(super) fn lower(text: &str, root: Node<'_>) -> Unit {
    let mut python = Python {
        tree: Lowering::new(text),
        scopes: vec![Scope::default()],
    };
    python.tree.unit.maps_yield_keys = true;
    python.imports(root);
    let body = python.statements(root);
    python.tree.unit.functions[0].body = body;
    python.tree.unit
}

#[derive(Default)]
struct Scope {
    /// Names that belong to a function further out.
    outer: BTreeSet<Name>,
    class: Option<ClassId>,
    is_function: bool,
}

struct Python<'t> {
    tree: Lowering<'t>,
    scopes: Vec<Scope>,
}

impl Python<'_> {
    /// Imports count for the whole file, wherever they stand.
    fn imports(&mut self, node: Node<'_>) {
        match node.kind() {
            "import_statement" => {
                for name in fields(node, "name") {
                    self.import_module(name);
                }
            }
            "import_from_statement" => self.import_from(node),
            _ => {
                for child in children(node) {
                    if !matches!(child.kind(), "expression_statement" | "string" | "call") {
                        self.imports(child);
                    }
                }
            }
        }
    }

    fn import_module(&mut self, node: Node<'_>) {
        if node.kind() == "aliased_import" {
            if let (Some(name), Some(alias)) = (field(node, "name"), field(node, "alias")) {
                self.bind_import(self.tree.name(alias), self.tree.text(name));
            }
            return;
        }
        let module = self.tree.text(node);
        let first = module.split('.').next().unwrap_or(module);
        self.bind_import(Rc::from(first), first);
    }

    fn import_from(&mut self, node: Node<'_>) {
        let module = field(node, "module_name")
            .map_or("", |module| self.tree.text(module))
            .to_owned();
        for name in fields(node, "name") {
            let (imported, local) = match (field(name, "name"), field(name, "alias")) {
                (Some(imported), Some(alias)) if name.kind() == "aliased_import" => {
                    (imported, alias)
                }
                _ => (name, name),
            };
            let full = format!("{module}.{}", self.tree.text(imported));
            self.bind_import(self.tree.name(local), &full);
        }
    }

    fn bind_import(&mut self, local: Name, full: &str) {
        self.tree.unit.imports.insert(local, Rc::from(full));
    }

    fn statements(&mut self, node: Node<'_>) -> Block {
        let mut block = Block::new();
        for child in children(node) {
            if let Some(mut statements) = self.nest(|python| python.statement(child)) {
                block.append(&mut statements);
            }
        }
        block
    }

    fn nest<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> Option<T> {
        // The counter lives in the tree, which `act` needs as a part of `self`.
        self.tree.enter()?;
        let result = act(self);
        self.tree.leave();
        Some(result)
    }

    fn body(&mut self, node: Node<'_>, name: &str) -> Block {
        field(node, name)
            .map(|body| self.statements(body))
            .unwrap_or_default()
    }

    fn statement(&mut self, node: Node<'_>) -> Block {
        match node.kind() {
            "expression_statement" => children(node)
                .into_iter()
                .map(|child| self.expression_statement(child))
                .collect(),
            "return_statement" => vec![Stmt::Return(self.first(node), span(node))],
            "if_statement" => vec![self.if_statement(node)],
            "while_statement" => {
                let condition = field(node, "condition").map(|condition| self.expr(condition));
                vec![Stmt::While {
                    condition,
                    body: self.body(node, "body"),
                    otherwise: self.else_of(node),
                    is_do: false,
                }]
            }
            "for_statement" => self.for_statement(node),
            "try_statement" => vec![self.try_statement(node)],
            "with_statement" => self.with_statement(node),
            "raise_statement" => vec![Stmt::Raise(self.first(node))],
            "break_statement" => vec![Stmt::Break],
            "continue_statement" => vec![Stmt::Continue],
            "function_definition" => self.function_statement(node, &[]),
            "class_definition" => self.class_statement(node, &[]),
            "decorated_definition" => self.decorated(node),
            "match_statement" => vec![self.match_statement(node)],
            "global_statement" | "nonlocal_statement" => {
                let names: Vec<Name> = children(node)
                    .into_iter()
                    .map(|name| self.tree.name(name))
                    .collect();
                if let Some(scope) = self.scopes.last_mut() {
                    scope.outer.extend(names);
                }
                Vec::new()
            }
            "assert_statement" => self.assert_statement(node),
            "delete_statement" | "print_statement" | "exec_statement" => children(node)
                .into_iter()
                .map(|child| Stmt::Expr(self.expr(child)))
                .collect(),
            "block" | "ERROR" => self.statements(node),
            _ => Vec::new(),
        }
    }

    fn assert_statement(&mut self, node: Node<'_>) -> Block {
        children(node)
            .into_iter()
            .take(1)
            .map(|condition| Stmt::Expr(self.expr(condition)))
            .collect()
    }

    fn expression_statement(&mut self, node: Node<'_>) -> Stmt {
        Stmt::Expr(self.expr(node))
    }

    fn first(&mut self, node: Node<'_>) -> Option<Expr> {
        children(node)
            .into_iter()
            .next()
            .map(|child| self.expr(child))
    }

    fn if_statement(&mut self, node: Node<'_>) -> Stmt {
        let condition = self.condition(node);
        let then = self.body(node, "consequence");
        let mut otherwise = Block::new();
        let mut alternatives = fields(node, "alternative");
        while let Some(alternative) = alternatives.pop() {
            if alternative.kind() == "elif_clause" {
                let condition = self.condition(alternative);
                let then = self.body(alternative, "consequence");
                otherwise = vec![Stmt::If {
                    condition,
                    then,
                    otherwise,
                }];
            } else {
                otherwise = self.body(alternative, "body");
            }
        }
        Stmt::If {
            condition,
            then,
            otherwise,
        }
    }

    fn condition(&mut self, node: Node<'_>) -> Expr {
        match field(node, "condition") {
            Some(condition) => self.expr(condition),
            None => constant(node, Const::Other),
        }
    }

    fn else_of(&mut self, node: Node<'_>) -> Block {
        field(node, "alternative")
            .map(|alternative| self.body(alternative, "body"))
            .unwrap_or_default()
    }

    fn for_statement(&mut self, node: Node<'_>) -> Block {
        let (Some(target), Some(iterable)) = (field(node, "left"), field(node, "right")) else {
            return Vec::new();
        };
        let iterable = self.expr(iterable);
        let target = self.place(target);
        let body = self.body(node, "body");
        vec![Stmt::ForEach {
            target,
            iterable,
            body,
            otherwise: self.else_of(node),
            keys: false,
        }]
    }

    fn try_statement(&mut self, node: Node<'_>) -> Stmt {
        let body = self.body(node, "body");
        let (mut handlers, mut otherwise, mut finally) = (Vec::new(), Block::new(), Block::new());
        for child in children(node) {
            match child.kind() {
                "except_clause" | "except_group_clause" => {
                    let block = child_of_kind(child, "block");
                    handlers.push(
                        block
                            .map(|block| self.statements(block))
                            .unwrap_or_default(),
                    );
                }
                "else_clause" => otherwise = self.body(child, "body"),
                "finally_clause" => {
                    finally = child_of_kind(child, "block")
                        .map(|block| self.statements(block))
                        .unwrap_or_default();
                }
                _ => {}
            }
        }
        Stmt::Try {
            body,
            handlers,
            otherwise,
            finally,
        }
    }

    fn with_statement(&mut self, node: Node<'_>) -> Block {
        let mut block = Block::new();
        if let Some(clause) = child_of_kind(node, "with_clause") {
            for item in children(clause) {
                let Some(value) = field(item, "value") else {
                    continue;
                };
                block.push(self.with_item(value));
            }
        }
        block.append(&mut self.body(node, "body"));
        block
    }

    fn with_item(&mut self, value: Node<'_>) -> Stmt {
        if value.kind() == "as_pattern" {
            let parts = children(value);
            if let [source, target] = parts.as_slice() {
                let source = self.expr(*source);
                let target = children(*target)
                    .first()
                    .map_or(Place::Ignore, |target| self.place(*target));
                return Stmt::Expr(expr(
                    value,
                    ExprKind::Assign(Box::new(target), Box::new(source)),
                ));
            }
        }
        Stmt::Expr(self.expr(value))
    }

    fn match_statement(&mut self, node: Node<'_>) -> Stmt {
        let subject = match field(node, "subject") {
            Some(subject) => self.expr(subject),
            None => constant(node, Const::Other),
        };
        let mut cases = Vec::new();
        for clause in field(node, "body").map(children).unwrap_or_default() {
            let guard = field(clause, "guard").and_then(|guard| self.first(guard));
            let patterns: Vec<Node<'_>> = children(clause)
                .into_iter()
                .filter(|child| child.kind() == "case_pattern")
                .collect();
            let values = patterns
                .iter()
                .flat_map(|pattern| self.pattern_values(*pattern))
                .collect();
            let body = self.body(clause, "consequence");
            cases.push(Case {
                values,
                guard,
                body,
            });
        }
        Stmt::Switch {
            subject,
            cases,
            falls_through: false,
        }
    }

    /// The literals a pattern stands for; a wildcard or a capture stands for anything.
    fn pattern_values(&mut self, pattern: Node<'_>) -> Vec<Expr> {
        let mut values = Vec::new();
        for part in children(pattern) {
            match part.kind() {
                "union_pattern" => values.extend(self.pattern_values(part)),
                "string" | "integer" | "true" | "false" | "none" | "concatenated_string" => {
                    values.push(self.expr(part))
                }
                "dotted_name" | "_" if !self.tree.text(part).contains('.') => {}
                _ => values.push(constant(part, Const::Other)),
            }
        }
        values
    }

    fn decorated(&mut self, node: Node<'_>) -> Block {
        let decorators: Vec<Node<'_>> = children(node)
            .into_iter()
            .filter(|child| child.kind() == "decorator")
            .collect();
        match field(node, "definition") {
            Some(definition) if definition.kind() == "class_definition" => {
                self.class_statement(definition, &decorators)
            }
            Some(definition) => self.function_statement(definition, &decorators),
            None => Vec::new(),
        }
    }

    fn annotations(&self, decorators: &[Node<'_>]) -> Vec<Annotation> {
        let annotate = |decorator: &Node<'_>| {
            let inner = children(*decorator).into_iter().next()?;
            let named = if inner.kind() == "call" {
                field(inner, "function")?
            } else {
                inner
            };
            Some(Annotation {
                name: self.full_name(self.tree.text(named)),
                text: self.tree.name(inner),
            })
        };
        decorators.iter().filter_map(annotate).collect()
    }

    /// A dotted name with its first part resolved through imports.
    fn full_name(&self, dotted: &str) -> Name {
        let (first, rest) = dotted.split_at(dotted.find('.').unwrap_or(dotted.len()));
        match self.tree.unit.imports.get(first) {
            Some(full) => Rc::from(format!("{full}{rest}")),
            None => Rc::from(dotted),
        }
    }

    fn function_statement(&mut self, node: Node<'_>, decorators: &[Node<'_>]) -> Block {
        let Some(name) = field(node, "name") else {
            return Vec::new();
        };
        let name_text = self.tree.name(name);
        let class = self.scopes.last().and_then(|scope| scope.class);
        let is_closure = self.scopes.iter().any(|scope| scope.is_function);
        let annotations = self.annotations(decorators);
        let id = self.function(node, Rc::clone(&name_text), class, is_closure, annotations);
        match class {
            Some(class) if !is_closure || self.tree.unit.functions[id].class.is_some() => {
                let key = if name_text.as_ref() == "__init__" {
                    Rc::from("<new>")
                } else {
                    name_text
                };
                self.tree.unit.classes[class].methods.insert(key, id);
                Vec::new()
            }
            _ if is_closure => {
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
            _ => {
                self.tree.unit.named.insert(name_text, id);
                Vec::new()
            }
        }
    }

    fn function(
        &mut self,
        node: Node<'_>,
        name: Name,
        class: Option<ClassId>,
        is_closure: bool,
        annotations: Vec<Annotation>,
    ) -> FunctionId {
        let is_static = annotations
            .iter()
            .any(|annotation| annotation.name.as_ref() == "staticmethod");
        let mut parameters = field(node, "parameters")
            .map(|list| self.parameters(list))
            .unwrap_or_default();
        let receiver = if class.is_some() && !is_static && !parameters.is_empty() {
            Receiver::Named(parameters.remove(0).name)
        } else {
            Receiver::None
        };
        let returns = field(node, "return_type").map(|name| self.type_name(name));
        let function = Function {
            name,
            class,
            receiver,
            parameters,
            annotations,
            is_closure,
            returns,
            span: span(node),
            body: Block::new(),
        };
        let id = self.tree.add_function(function);
        self.scopes.push(Scope {
            is_function: true,
            ..Scope::default()
        });
        let body = match field(node, "body") {
            Some(body) if body.kind() == "block" => self.statements(body),
            Some(body) => {
                let value = self.expr(body);
                vec![Stmt::Return(Some(value), span(body))]
            }
            None => Block::new(),
        };
        self.scopes.pop();
        self.tree.unit.functions[id].body = body;
        id
    }

    fn parameters(&mut self, list: Node<'_>) -> Vec<Parameter> {
        children(list)
            .into_iter()
            .filter_map(|node| self.parameter(node))
            .collect()
    }

    fn parameter(&mut self, node: Node<'_>) -> Option<Parameter> {
        let named = |name: Node<'_>, is_rest: bool| Parameter {
            name: self.tree.name(name),
            is_rest,
            span: span(node),
            ..Parameter::default()
        };
        let mut parameter = match node.kind() {
            "identifier" => named(node, false),
            "default_parameter" | "typed_default_parameter" => named(field(node, "name")?, false),
            "typed_parameter" => {
                let inner = children(node).into_iter().next()?;
                let is_rest = inner.kind() != "identifier";
                named(
                    if is_rest {
                        children(inner).into_iter().next()?
                    } else {
                        inner
                    },
                    is_rest,
                )
            }
            "list_splat_pattern" | "dictionary_splat_pattern" => {
                named(children(node).into_iter().next()?, true)
            }
            _ => return None,
        };
        parameter.type_name = field(node, "type").map(|name| self.type_name(name));
        parameter.default = field(node, "value").map(|value| self.expr(value));
        if let Some(default) = &parameter.default
            && let ExprKind::Call(call) = &default.kind
            && let ExprKind::Name(name) = &call.callee.kind
        {
            // FastAPI writes annotations as defaults: `q: str = Query(...)`.
            let full = self.full_name(name);
            parameter.annotations.push(Annotation {
                name: full,
                text: Rc::clone(name),
            });
            parameter.default = None;
        }
        Some(parameter)
    }

    fn type_name(&self, node: Node<'_>) -> Name {
        let text = self.tree.text(node).trim_matches(['"', '\'']);
        let inner = text
            .strip_prefix("Optional[")
            .or_else(|| text.strip_prefix("typing.Optional["))
            .map_or(text, |rest| rest.trim_end_matches(']'));
        let inner = inner.split(['[', '|']).next().unwrap_or(inner).trim();
        self.full_name(inner)
    }

    fn class_statement(&mut self, node: Node<'_>, decorators: &[Node<'_>]) -> Block {
        let Some(name) = field(node, "name").map(|name| self.tree.name(name)) else {
            return Vec::new();
        };
        let bases = field(node, "superclasses")
            .map(children)
            .unwrap_or_default();
        let bases = bases
            .into_iter()
            .map(|base| self.full_name(self.tree.text(base)))
            .collect();
        let annotations = self.annotations(decorators);
        let id = self.tree.unit.classes.len();
        self.tree.unit.classes.push(Class {
            name: Rc::clone(&name),
            bases,
            annotations,
            ..Class::default()
        });
        self.tree.unit.class_names.insert(name, id);
        self.scopes.push(Scope {
            class: Some(id),
            ..Scope::default()
        });
        let body = self.body(node, "body");
        self.scopes.pop();
        for statement in body {
            self.class_field(id, statement);
        }
        Vec::new()
    }

    fn class_field(&mut self, class: ClassId, statement: Stmt) {
        if let Stmt::Expr(Expr {
            kind: ExprKind::Assign(place, value),
            ..
        }) = statement
            && let Place::Name { name, .. } = *place
        {
            self.tree.unit.classes[class].fields.push((name, *value));
        }
    }

    fn place(&mut self, node: Node<'_>) -> Place {
        match node.kind() {
            "identifier" => {
                let name = self.tree.name(node);
                let declare = self
                    .scopes
                    .last()
                    .is_none_or(|scope| !scope.outer.contains(&name));
                Place::Name {
                    name,
                    declare,
                    span: span(node),
                }
            }
            "attribute" => match (field(node, "object"), field(node, "attribute")) {
                (Some(object), Some(name)) => Place::Field(
                    Box::new(self.expr(object)),
                    self.tree.name(name),
                    span(node),
                ),
                _ => Place::Ignore,
            },
            "subscript" => match (field(node, "value"), field(node, "subscript")) {
                (Some(value), Some(key)) => Place::Index(
                    Box::new(self.expr(value)),
                    Box::new(self.expr(key)),
                    span(node),
                ),
                _ => Place::Ignore,
            },
            "pattern_list" | "tuple_pattern" | "list_pattern" | "tuple" | "list"
            | "expression_list" => Place::Sequence(
                children(node)
                    .into_iter()
                    .map(|child| self.place(child))
                    .collect(),
            ),
            "parenthesized_expression" | "list_splat_pattern" | "as_pattern_target" => {
                children(node)
                    .into_iter()
                    .next()
                    .map_or(Place::Ignore, |inner| self.place(inner))
            }
            _ => Place::Ignore,
        }
    }

    fn expr(&mut self, node: Node<'_>) -> Expr {
        let lowered = self.nest(|python| python.expr_kind(node));
        expr(node, lowered.unwrap_or(ExprKind::Const(Const::Other)))
    }

    fn expr_kind(&mut self, node: Node<'_>) -> ExprKind {
        match node.kind() {
            "identifier" => ExprKind::Name(self.tree.name(node)),
            "attribute" => match (field(node, "object"), field(node, "attribute")) {
                (Some(object), Some(name)) => {
                    ExprKind::Field(Box::new(self.expr(object)), self.tree.name(name))
                }
                _ => ExprKind::Const(Const::Other),
            },
            "call" => self.call(node),
            "string" => self.string(node),
            "concatenated_string" => ExprKind::Concat(
                children(node)
                    .into_iter()
                    .map(|part| self.expr(part))
                    .collect(),
            ),
            "integer" => ExprKind::Const(
                self.tree
                    .text(node)
                    .replace('_', "")
                    .parse()
                    .map_or(Const::Other, Const::Int),
            ),
            "true" => ExprKind::Const(Const::Bool(true)),
            "false" => ExprKind::Const(Const::Bool(false)),
            "none" => ExprKind::Const(Const::Null),
            "float" | "ellipsis" => ExprKind::Const(Const::Other),
            "binary_operator" => self.binary(node),
            "boolean_operator" => self.boolean(node),
            "comparison_operator" => self.comparison(node),
            "not_operator" => ExprKind::Not(Box::new(self.argument_of(node))),
            "unary_operator" => ExprKind::Negate(Box::new(self.argument_of(node))),
            "conditional_expression" => self.conditional(node),
            "parenthesized_expression" | "await" | "expression_list"
                if children(node).len() == 1 =>
            {
                children(node)
                    .first()
                    .map_or(ExprKind::Const(Const::Other), |inner| {
                        self.expr_kind(*inner)
                    })
            }
            "tuple" | "list" | "set" | "expression_list" => ExprKind::List(
                children(node)
                    .into_iter()
                    .map(|item| self.expr(item))
                    .collect(),
            ),
            "dictionary" => self.dictionary(node),
            "list_comprehension"
            | "set_comprehension"
            | "generator_expression"
            | "dictionary_comprehension" => self.comprehension(node),
            "subscript" => match (field(node, "value"), field(node, "subscript")) {
                (Some(value), Some(key)) if key.kind() == "slice" => {
                    ExprKind::Parts(vec![self.expr(value)])
                }
                (Some(value), Some(key)) => {
                    ExprKind::Index(Box::new(self.expr(value)), Box::new(self.expr(key)))
                }
                _ => ExprKind::Const(Const::Other),
            },
            "lambda" => {
                let id = self.function(node, Rc::from(""), None, true, Vec::new());
                ExprKind::Closure(id)
            }
            "assignment" => self.assignment(node),
            "augmented_assignment" => self.augmented(node),
            "named_expression" => match (field(node, "name"), field(node, "value")) {
                (Some(name), Some(value)) => {
                    let value = self.expr(value);
                    ExprKind::Assign(Box::new(self.place(name)), Box::new(value))
                }
                _ => ExprKind::Const(Const::Other),
            },
            _ => ExprKind::Parts(
                children(node)
                    .into_iter()
                    .map(|child| self.expr(child))
                    .collect(),
            ),
        }
    }

    fn argument_of(&mut self, node: Node<'_>) -> Expr {
        match field(node, "argument") {
            Some(argument) => self.expr(argument),
            None => constant(node, Const::Other),
        }
    }

    fn assignment(&mut self, node: Node<'_>) -> ExprKind {
        let Some(left) = field(node, "left") else {
            return ExprKind::Const(Const::Other);
        };
        let Some(right) = field(node, "right") else {
            return ExprKind::Const(Const::Other);
        };
        let mut value = self.expr(right);
        if let Some(type_node) = field(node, "type") {
            let type_name = self.type_name(type_node);
            if !matches!(
                type_name.as_ref(),
                "str" | "int" | "bool" | "list" | "dict" | "Any"
            ) {
                value = expr(right, ExprKind::Cast(type_name, Box::new(value)));
            }
        }
        ExprKind::Assign(Box::new(self.place(left)), Box::new(value))
    }

    fn augmented(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let op = field(node, "operator").map_or(Op::Other, |op| {
            operator(self.tree.text(op).trim_end_matches('='))
        });
        let operands = [self.expr(left), self.expr(right)];
        let mut place = self.place(left);
        if let Place::Name { declare, .. } = &mut place {
            *declare = false;
        }
        ExprKind::Update(Box::new(place), op, Box::new(operands))
    }

    fn binary(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let op = field(node, "operator").map_or(Op::Other, |op| operator(self.tree.text(op)));
        ExprKind::Binary(op, Box::new(self.expr(left)), Box::new(self.expr(right)))
    }

    fn boolean(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let op = if field(node, "operator").is_some_and(|op| op.kind() == "and") {
            Op::And
        } else {
            Op::Or
        };
        ExprKind::Binary(op, Box::new(self.expr(left)), Box::new(self.expr(right)))
    }

    fn comparison(&mut self, node: Node<'_>) -> ExprKind {
        let operands = children(node);
        let operators = fields_of_any(node, "operators");
        let [left, right] = operands.as_slice() else {
            // A chained comparison answers yes or no; what it compares is evaluated and forgotten.
            let parts = operands
                .into_iter()
                .map(|operand| self.expr(operand))
                .collect();
            return ExprKind::Not(Box::new(expr(node, ExprKind::Parts(parts))));
        };
        let op = match operators.first().map(|op| self.tree.text(*op)) {
            Some("==" | "is") => Op::Equal,
            Some("!=" | "<>" | "is not") => Op::NotEqual,
            Some("<") => Op::Less,
            Some("<=") => Op::LessEqual,
            Some(">") => Op::Greater,
            Some(">=") => Op::GreaterEqual,
            Some("in") => Op::In,
            Some("not in") => Op::NotIn,
            _ => Op::NotEqual,
        };
        ExprKind::Binary(op, Box::new(self.expr(*left)), Box::new(self.expr(*right)))
    }

    fn conditional(&mut self, node: Node<'_>) -> ExprKind {
        match children(node).as_slice() {
            [then, condition, otherwise] => {
                let condition = self.expr(*condition);
                ExprKind::Conditional(Box::new([
                    condition,
                    self.expr(*then),
                    self.expr(*otherwise),
                ]))
            }
            _ => ExprKind::Const(Const::Other),
        }
    }

    fn dictionary(&mut self, node: Node<'_>) -> ExprKind {
        let mut entries = Vec::new();
        for child in children(node) {
            match (child.kind(), field(child, "key"), field(child, "value")) {
                ("pair", Some(key), Some(value)) => {
                    entries.push((Some(self.expr(key)), self.expr(value)))
                }
                _ => entries.extend(self.first(child).map(|value| (None, value))),
            }
        }
        ExprKind::Map(entries)
    }

    fn comprehension(&mut self, node: Node<'_>) -> ExprKind {
        let Some(body) = field(node, "body") else {
            return ExprKind::Const(Const::Other);
        };
        let mut element = if body.kind() == "pair" {
            expr(
                body,
                ExprKind::Parts(
                    children(body)
                        .into_iter()
                        .map(|part| self.expr(part))
                        .collect(),
                ),
            )
        } else {
            self.expr(body)
        };
        let clauses = children(node);
        let mut conditions = Vec::new();
        for clause in clauses.into_iter().rev() {
            match clause.kind() {
                "if_clause" => conditions.extend(self.first(clause)),
                "for_in_clause" => {
                    let (Some(left), Some(right)) = (field(clause, "left"), field(clause, "right"))
                    else {
                        continue;
                    };
                    let comprehension = Comprehension {
                        target: self.place(left),
                        iterable: self.expr(right),
                        conditions: std::mem::take(&mut conditions),
                        element,
                    };
                    element = expr(node, ExprKind::Comprehension(Box::new(comprehension)));
                }
                _ => {}
            }
        }
        element.kind
    }

    fn call(&mut self, node: Node<'_>) -> ExprKind {
        let (Some(function), Some(list)) = (field(node, "function"), field(node, "arguments"))
        else {
            return ExprKind::Const(Const::Other);
        };
        let callee = self.expr(function);
        let arguments = if list.kind() == "generator_expression" {
            vec![Argument {
                name: None,
                value: self.expr(list),
                is_spread: false,
            }]
        } else {
            children(list)
                .into_iter()
                .map(|argument| self.argument(argument))
                .collect()
        };
        ExprKind::Call(Box::new(Call {
            callee,
            arguments,
            is_new: false,
        }))
    }

    fn argument(&mut self, node: Node<'_>) -> Argument {
        match node.kind() {
            "keyword_argument" => {
                let name = field(node, "name").map(|name| self.tree.name(name));
                let value = match field(node, "value") {
                    Some(value) => self.expr(value),
                    None => constant(node, Const::Other),
                };
                Argument {
                    name,
                    value,
                    is_spread: false,
                }
            }
            "list_splat" | "dictionary_splat" => {
                let value = self
                    .first(node)
                    .unwrap_or_else(|| constant(node, Const::Other));
                Argument {
                    name: None,
                    value,
                    is_spread: true,
                }
            }
            _ => Argument {
                name: None,
                value: self.expr(node),
                is_spread: false,
            },
        }
    }

    fn string(&mut self, node: Node<'_>) -> ExprKind {
        let start = child_of_kind(node, "string_start")
            .map_or("", |start| self.tree.text(start))
            .to_ascii_lowercase();
        if start.starts_with('b') || start.starts_with("rb") {
            let content: String = children(node)
                .into_iter()
                .filter(|part| part.kind() == "string_content")
                .map(|part| self.tree.text(part))
                .collect();
            return ExprKind::Const(Const::Text(Rc::from(content)));
        }
        let is_raw = start.contains('r');
        let mut parts = Vec::new();
        for part in children(node) {
            match part.kind() {
                "string_content" => {
                    let text = self.tree.text(part);
                    let text = if is_raw {
                        text.to_owned()
                    } else {
                        unescape(text)
                    };
                    parts.push(text_constant(part, &text));
                }
                "interpolation" => {
                    let value = match field(part, "expression") {
                        Some(value) => self.expr(value),
                        None => constant(part, Const::Other),
                    };
                    parts.push(self.interpolated(part, value));
                }
                _ => {}
            }
        }
        match parts.len() {
            0 => ExprKind::Const(Const::Text(Rc::from(""))),
            1 if matches!(parts[0].kind, ExprKind::Const(_)) => parts.remove(0).kind,
            _ => ExprKind::Concat(parts),
        }
    }

    /// A formatted value; a numeric format such as `{n:d}` admits nothing but a number.
    fn interpolated(&mut self, part: Node<'_>, value: Expr) -> Expr {
        let numeric = field(part, "format_specifier").is_some_and(|format| {
            self.tree
                .text(format)
                .ends_with(['d', 'f', 'x', 'X', 'e', 'o', 'b'])
        });
        if numeric {
            call(part, name_expr(part, "int"), vec![value])
        } else {
            value
        }
    }
}

fn fields_of_any<'n>(node: Node<'n>, name: &str) -> Vec<Node<'n>> {
    node.children_by_field_name(name).collect()
}

fn operator(text: &str) -> Op {
    match text {
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "//" => Op::Divide,
        "%" => Op::Modulo,
        _ => Op::Other,
    }
}
