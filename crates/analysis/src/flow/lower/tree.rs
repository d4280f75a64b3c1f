//! What every lowering needs of a syntax tree: fields, children, spans, names, and the unit that grows.

use std::rc::Rc;

use crate::source::syntax::Node;

use crate::flow::ir::{
    Argument, Call, Const, Expr, ExprKind, Function, FunctionId, Name, Op, Place, Span, Stmt, Unit,
};

/// How deep expressions and statements may be nested before the rest is left out.
const MAX_NESTING: u32 = 400;

/// A lowering under way.
pub(super) struct Lowering<'t> {
    pub(super) text: &'t str,
    pub(super) unit: Unit,
    nesting: u32,
}

impl<'t> Lowering<'t> {
    /// Starts with an empty top level.
    pub(super) fn new(text: &'t str) -> Self {
        let mut unit = Unit::default();
        unit.functions.push(Function::default());
        Self {
            text,
            unit,
            nesting: 0,
        }
    }

    /// The node's text.
    pub(super) fn text(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    /// The node's text as a name.
    pub(super) fn name(&self, node: Node<'_>) -> Name {
        Rc::from(self.text(node))
    }

    /// Adds a function; its body is set once it is lowered, so that its number is known inside.
    pub(super) fn add_function(&mut self, function: Function) -> FunctionId {
        self.unit.functions.push(function);
        self.unit.functions.len() - 1
    }

    /// Goes one level deeper; gives `None` where the nesting is too deep to follow. Pair with [`Self::leave`].
    pub(super) fn enter(&mut self) -> Option<()> {
        if self.nesting >= MAX_NESTING {
            return None;
        }
        self.nesting += 1;
        Some(())
    }

    /// Comes back up one level.
    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }
}

/// The node's bytes.
pub(super) fn span(node: Node<'_>) -> Span {
    Span {
        start: u32::try_from(node.start_byte()).unwrap_or(u32::MAX),
        end: u32::try_from(node.end_byte()).unwrap_or(u32::MAX),
    }
}

/// The named children, comments left out.
pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children()
        .filter(|child| child.is_named() && !child.is_extra())
        .collect()
}

/// The children under a field name.
pub(super) fn fields<'n>(node: Node<'n>, name: &str) -> Vec<Node<'n>> {
    node.children_by_field_name(name)
        .filter(|child| child.is_named() && !child.is_extra())
        .collect()
}

/// The child under a field name.
pub(super) fn field<'n>(node: Node<'n>, name: &str) -> Option<Node<'n>> {
    node.child_by_field_name(name)
}

/// The first child of a kind.
pub(super) fn child_of_kind<'n>(node: Node<'n>, kind: &str) -> Option<Node<'n>> {
    node.children().find(|child| child.kind() == kind)
}

/// An expression at a node.
pub(super) fn expr(node: Node<'_>, kind: ExprKind) -> Expr {
    Expr {
        kind,
        span: span(node),
    }
}

/// A constant at a node.
pub(super) fn constant(node: Node<'_>, constant: Const) -> Expr {
    expr(node, ExprKind::Const(constant))
}

/// A text constant at a node.
pub(super) fn text_constant(node: Node<'_>, text: &str) -> Expr {
    constant(node, Const::Text(Rc::from(text)))
}

/// A name at a node.
pub(super) fn name_expr(node: Node<'_>, name: &str) -> Expr {
    expr(node, ExprKind::Name(Rc::from(name)))
}

/// A call at a node, with positional arguments.
pub(super) fn call(node: Node<'_>, callee: Expr, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments
        .into_iter()
        .map(|value| Argument {
            name: None,
            value,
            is_spread: false,
        })
        .collect();
    expr(
        node,
        ExprKind::Call(Box::new(Call {
            callee,
            arguments,
            is_new: false,
        })),
    )
}

/// A call with arguments as they stand.
pub(super) fn called(callee: Expr, arguments: Vec<Argument>) -> ExprKind {
    ExprKind::Call(Box::new(Call {
        callee,
        arguments,
        is_new: false,
    }))
}

/// A call that makes an object; the callee names its class.
pub(super) fn made(callee: Expr, arguments: Vec<Argument>) -> ExprKind {
    ExprKind::Call(Box::new(Call {
        callee,
        arguments,
        is_new: true,
    }))
}

/// An assignment as a statement.
pub(super) fn assign(node: Node<'_>, place: Place, value: Expr) -> Stmt {
    let kept = ExprKind::Assign(Box::new(place), Box::new(value));
    Stmt::Expr(expr(node, kept))
}

/// What an operator on numbers, and perhaps on text, does.
pub(super) fn arithmetic(operator: &str) -> Op {
    match operator {
        "+" => Op::Add,
        "-" => Op::Subtract,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Modulo,
        _ => Op::Other,
    }
}

/// What a quoted literal stands for, with the escapes that all languages share undone.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some(quote @ ('\\' | '\'' | '"' | '`' | '/')) => out.push(quote),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}
