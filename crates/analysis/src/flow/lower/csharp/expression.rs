//! Expressions.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::CSharp;
use crate::flow::ir::{Const, Expr, ExprKind, Name, Op};
use crate::flow::lower::tree::{
    arithmetic, child_of_kind, children, constant, expr, field, text_constant, unescape,
};

impl<'n> CSharp<'_, 'n> {
    /// Lowers an expression.
    pub(super) fn expr(&mut self, node: Node<'n>) -> Expr {
        let lowered = self.nest(|csharp| csharp.kind(node));
        expr(node, lowered.unwrap_or(ExprKind::Const(Const::Other)))
    }

    /// Lowers an expression whose value is kept in something of a type.
    pub(super) fn typed(&mut self, node: Node<'n>, type_name: Option<&Name>) -> Expr {
        let value = match node.kind() {
            "implicit_object_creation_expression" => {
                let made = self.nest(|csharp| csharp.creation(node, type_name));
                expr(node, made.unwrap_or(ExprKind::Const(Const::Other)))
            }
            _ => self.expr(node),
        };
        self.as_type(node, type_name, value)
    }

    fn kind(&mut self, node: Node<'n>) -> ExprKind {
        match node.kind() {
            "identifier" => self.identifier(node, self.tree.text(node)),
            "this" => ExprKind::Name(Rc::from("this")),
            "base" => ExprKind::Name(Rc::from("this")),
            "generic_name" | "predefined_type" | "qualified_name" => {
                ExprKind::Name(self.simple_name(node))
            }
            "alias_qualified_name" => match field(node, "name") {
                Some(name) => ExprKind::Name(self.tree.name(name)),
                None => ExprKind::Const(Const::Other),
            },
            "string_literal" => self.quoted(node),
            "verbatim_string_literal" => {
                let text = self.tree.text(node).trim_start_matches('@');
                ExprKind::Const(Const::Text(Rc::from(text.trim_matches('"'))))
            }
            "raw_string_literal" => {
                let text = self.tree.text(node).trim_matches('"');
                ExprKind::Const(Const::Text(Rc::from(text)))
            }
            "character_literal" => {
                let text = self.tree.text(node).trim_matches('\'');
                ExprKind::Const(Const::Text(Rc::from(unescape(text))))
            }
            "interpolated_string_expression" => self.interpolated(node),
            "integer_literal" => ExprKind::Const(integer(self.tree.text(node))),
            "boolean_literal" => ExprKind::Const(Const::Bool(self.tree.text(node) == "true")),
            "null_literal" => ExprKind::Const(Const::Null),
            "real_literal" | "typeof_expression" | "sizeof_expression" => {
                ExprKind::Const(Const::Other)
            }
            "member_access_expression" if is_full_name(self.tree.text(node)) => {
                let text = self.tree.text(node);
                let last = text.rsplit('.').next().unwrap_or(text);
                ExprKind::Name(Rc::from(last))
            }
            "member_access_expression" => match (field(node, "expression"), field(node, "name")) {
                (Some(base), Some(name)) => self.member(base, name),
                _ => ExprKind::Const(Const::Other),
            },
            "conditional_access_expression" => self.conditional_access(node),
            "member_binding_expression" => {
                let name = field(node, "name").or_else(|| children(node).first().copied());
                match (self.conditions.last().copied(), name) {
                    (Some(base), Some(name)) => self.member(base, name),
                    _ => ExprKind::Const(Const::Other),
                }
            }
            "element_access_expression" => {
                match (field(node, "expression"), field(node, "subscript")) {
                    (Some(base), Some(keys)) => self.element(base, keys),
                    _ => ExprKind::Const(Const::Other),
                }
            }
            "element_binding_expression" => match self.conditions.last().copied() {
                Some(base) => self.element(base, node),
                None => ExprKind::Const(Const::Other),
            },
            "invocation_expression" => self.invocation(node),
            "object_creation_expression" | "implicit_object_creation_expression" => {
                self.creation(node, None)
            }
            "array_creation_expression" | "implicit_array_creation_expression" => self.array(node),
            "initializer_expression" | "collection_expression" => {
                ExprKind::List(self.elements(node))
            }
            "anonymous_object_creation_expression" => self.anonymous(node),
            "tuple_expression" => ExprKind::List(self.values(node)),
            "assignment_expression" => self.assignment(node),
            "binary_expression" => self.binary(node),
            "prefix_unary_expression" | "postfix_unary_expression" => self.unary(node),
            "conditional_expression" => {
                let parts = ["condition", "consequence", "alternative"];
                let [Some(condition), Some(then), Some(otherwise)] =
                    parts.map(|name| field(node, name))
                else {
                    return ExprKind::Const(Const::Other);
                };
                ExprKind::Conditional(Box::new([
                    self.expr(condition),
                    self.expr(then),
                    self.expr(otherwise),
                ]))
            }
            "cast_expression" => self.cast(field(node, "type"), field(node, "value")),
            "as_expression" => self.cast(field(node, "right"), field(node, "left")),
            "is_pattern_expression" => self.is_pattern(node),
            "is_expression" => {
                let parts = self.elements(node);
                ExprKind::Not(Box::new(expr(node, ExprKind::Parts(parts))))
            }
            "switch_expression" => self.switch_value(node),
            "lambda_expression" | "anonymous_method_expression" => self.lambda(node, None),
            // What is handed out is declared at the start of the method.
            "declaration_expression" => match field(node, "name") {
                Some(name) => ExprKind::Name(self.tree.name(name)),
                None => ExprKind::Const(Const::Other),
            },
            "throw_expression" => ExprKind::Parts(self.elements(node)),
            "parenthesized_expression"
            | "await_expression"
            | "checked_expression"
            | "ref_expression"
            | "expression_element"
            | "collection_element" => match children(node).first() {
                Some(inner) => self.expr(*inner).kind,
                None => ExprKind::Const(Const::Other),
            },
            _ => ExprKind::Parts(self.elements(node)),
        }
    }

    fn member(&mut self, base: Node<'n>, name: Node<'n>) -> ExprKind {
        let own = self.simple_name(name);
        let owner = self.tree.text(base);
        // A static member of a class of the file.
        if base.kind() == "identifier"
            && self.local(owner).is_none()
            && let Some((class, true)) =
                self.member_of(&Rc::from(owner), &own, |shape| &shape.fields)
        {
            return ExprKind::Name(Rc::from(format!("{class}.{own}")));
        }
        let value = self.expr(base);
        match own.as_ref() {
            "Value" | "Result" => value.kind,
            _ => ExprKind::Field(Box::new(value), own),
        }
    }

    fn element(&mut self, base: Node<'n>, keys: Node<'n>) -> ExprKind {
        let mut base = Box::new(self.expr(base));
        // `Request["name"]` looks in everything the request brought; the model calls that by a word that stands here.
        if matches!(&base.kind, ExprKind::Name(name) if name.as_ref() == "Request")
            || matches!(&base.kind, ExprKind::Field(_, name) if name.as_ref() == "Request")
        {
            let at = base.span;
            let kind = ExprKind::Field(base, Rc::from("Request"));
            base = Box::new(Expr { kind, span: at });
        }
        let key = self.values(keys).into_iter().next();
        let key = key.unwrap_or_else(|| constant(keys, Const::Other));
        ExprKind::Index(base, Box::new(key))
    }

    /// `a?.b`, `a?[b]`, `a?.b()`.
    fn conditional_access(&mut self, node: Node<'n>) -> ExprKind {
        let Some(condition) = field(node, "condition") else {
            return ExprKind::Const(Const::Other);
        };
        let rest = children(node).last().copied();
        self.conditions.push(condition);
        let taken = rest.map(|rest| self.expr(rest).kind);
        self.conditions.pop();
        taken.unwrap_or(ExprKind::Const(Const::Other))
    }

    fn quoted(&self, node: Node<'_>) -> ExprKind {
        let text = self.tree.text(node).trim_end_matches("u8");
        let inner = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        ExprKind::Const(Const::Text(Rc::from(unescape(inner.unwrap_or(text)))))
    }

    fn interpolated(&mut self, node: Node<'n>) -> ExprKind {
        let mut parts = Vec::new();
        for child in children(node) {
            match child.kind() {
                "string_content" => {
                    let text = self.tree.text(child);
                    let text = text.replace("{{", "{").replace("}}", "}");
                    parts.push(text_constant(child, &unescape(&text)));
                }
                "interpolation" => {
                    let value = children(child).into_iter().find(|inner| {
                        !matches!(
                            inner.kind(),
                            "interpolation_brace"
                                | "interpolation_format_clause"
                                | "interpolation_alignment_clause"
                        )
                    });
                    parts.extend(value.map(|value| self.expr(value)));
                }
                _ => {}
            }
        }
        ExprKind::Concat(parts)
    }

    /// `new { name, X = 1 }`: values stand behind their names, or name themselves.
    fn anonymous(&mut self, node: Node<'n>) -> ExprKind {
        let values = self.elements(node);
        ExprKind::Map(values.into_iter().map(|value| (None, value)).collect())
    }

    fn assignment(&mut self, node: Node<'n>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let operator = field(node, "operator").map_or("=", |operator| self.tree.text(operator));
        if operator == "=" {
            let type_name = self.local(self.tree.text(left)).cloned().flatten();
            let value = self.typed(right, type_name.as_ref());
            return ExprKind::Assign(Box::new(self.place(left)), Box::new(value));
        }
        let op = match operator {
            "??=" => Op::Or,
            other => arithmetic(other.trim_end_matches('=')),
        };
        let operands = [self.expr(left), self.expr(right)];
        ExprKind::Update(Box::new(self.place(left)), op, Box::new(operands))
    }

    fn binary(&mut self, node: Node<'n>) -> ExprKind {
        let (Some(left), Some(right)) = (field(node, "left"), field(node, "right")) else {
            return ExprKind::Const(Const::Other);
        };
        let op = match field(node, "operator").map_or("", |operator| self.tree.text(operator)) {
            "==" => Op::Equal,
            "!=" => Op::NotEqual,
            "<" => Op::Less,
            "<=" => Op::LessEqual,
            ">" => Op::Greater,
            ">=" => Op::GreaterEqual,
            "&&" => Op::And,
            "||" | "??" => Op::Or,
            other => arithmetic(other),
        };
        ExprKind::Binary(op, Box::new(self.expr(left)), Box::new(self.expr(right)))
    }

    fn unary(&mut self, node: Node<'n>) -> ExprKind {
        let Some(operand) = children(node).first().copied() else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(operand);
        let step = ["++", "--"]
            .into_iter()
            .find(|step| child_of_kind(node, step).is_some());
        if let Some(step) = step {
            let op = if step == "++" { Op::Add } else { Op::Subtract };
            let operands = [value, constant(node, Const::Int(1))];
            return ExprKind::Update(Box::new(self.place(operand)), op, Box::new(operands));
        }
        let is_prefix = node.kind() == "prefix_unary_expression";
        if is_prefix && child_of_kind(node, "!").is_some() {
            ExprKind::Not(Box::new(value))
        } else if is_prefix && child_of_kind(node, "-").is_some() {
            ExprKind::Negate(Box::new(value))
        } else {
            value.kind
        }
    }

    fn cast(&mut self, type_node: Option<Node<'n>>, value: Option<Node<'n>>) -> ExprKind {
        let Some(value) = value else {
            return ExprKind::Const(Const::Other);
        };
        let value = self.expr(value);
        match type_node.and_then(|node| self.type_of(node)) {
            Some(type_name) => {
                let name = self.plain_type(&type_name).unwrap_or(type_name);
                ExprKind::Cast(name, Box::new(value))
            }
            None => value.kind,
        }
    }
}

/// Whether a name is written with the framework's namespaces before it.
fn is_full_name(text: &str) -> bool {
    (text.starts_with("System.") || text.starts_with("Microsoft."))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

fn integer(text: &str) -> Const {
    let digits: String = text
        .to_ascii_lowercase()
        .chars()
        .filter(|character| !matches!(character, '_' | 'l' | 'u'))
        .collect();
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(rest) => (rest, 16),
        None => (digits.as_str(), 10),
    };
    i64::from_str_radix(digits, radix).map_or(Const::Other, Const::Int)
}
