//! The small language every source language is lowered to: what data flow needs, and nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// A name.
pub type Name = Rc<str>;

/// Bytes of the source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

impl Span {
    /// The span as a range of indexes.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A function of the unit; the top level of the file is function 0.
pub type FunctionId = usize;

/// A class of the unit.
pub type ClassId = usize;

/// A lowered file.
#[derive(Debug, Default)]
pub struct Unit {
    /// All functions, methods and closures; the first is the top level.
    pub functions: Vec<Function>,
    /// All classes.
    pub classes: Vec<Class>,
    /// What a name that is not bound in the file stands for: local name → full dotted name.
    pub imports: BTreeMap<Name, Name>,
    /// Functions that can be called by their bare name from anywhere in the file.
    pub named: BTreeMap<Name, FunctionId>,
    /// Whether going through a map gives its keys (Python) rather than its values.
    pub maps_yield_keys: bool,
    /// Classes by name.
    pub class_names: BTreeMap<Name, ClassId>,
}

/// A function, method, closure, or the top level.
#[derive(Debug, Default)]
pub struct Function {
    /// Its own name; empty for closures and the top level.
    pub name: Name,
    /// The class it is a method of.
    pub class: Option<ClassId>,
    /// Whether the first parameter is the receiver by convention (Python's `self`), or there is an implicit one (`this`).
    pub receiver: Receiver,
    /// Parameters in order, without the receiver.
    pub parameters: Vec<Parameter>,
    /// What it does.
    pub body: Block,
    /// Full names of decorators and annotations, e.g. `app.route` or `org.springframework.web.bind.annotation.GetMapping`.
    pub annotations: Vec<Annotation>,
    /// Whether it is nested in a function and may use that function's variables.
    pub is_closure: bool,
    /// The declared type of what it returns, as a full name.
    pub returns: Option<Name>,
    /// All of it.
    pub span: Span,
}

/// A decorator or annotation on a function, class or parameter.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// Full name if it resolves through imports, else the name as written.
    pub name: Name,
    /// Its source text, to be searched for arguments.
    pub text: Name,
}

/// How a method gets at its object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Receiver {
    /// It does not.
    #[default]
    None,
    /// By this name: `self`, `this`, or a Go receiver.
    Named(Name),
}

/// A parameter.
#[derive(Debug, Default)]
pub struct Parameter {
    /// Its name; patterns are lowered to assignments at the start of the body.
    pub name: Name,
    /// Its declared type, as a full name where it resolves, without generics.
    pub type_name: Option<Name>,
    /// Annotations such as `@RequestParam`.
    pub annotations: Vec<Annotation>,
    /// Its default.
    pub default: Option<Expr>,
    /// Whether it takes all further arguments.
    pub is_rest: bool,
    /// Where it stands.
    pub span: Span,
}

/// A class.
#[derive(Debug, Default)]
pub struct Class {
    /// Its name.
    pub name: Name,
    /// Full names of what it extends or implements.
    pub bases: Vec<Name>,
    /// Its methods by name; a constructor is called `<new>`.
    pub methods: BTreeMap<Name, FunctionId>,
    /// Declared types of fields.
    pub field_types: BTreeMap<Name, Name>,
    /// Field initialisers, run before the constructor; targets are fields of the receiver.
    pub fields: Vec<(Name, Expr)>,
    /// Decorators and annotations.
    pub annotations: Vec<Annotation>,
}

/// Statements in order.
pub type Block = Vec<Stmt>;

/// A statement.
#[derive(Debug)]
pub enum Stmt {
    /// Evaluates for its effects.
    Expr(Expr),
    /// Declares a variable in the function that runs; `None` leaves it unset.
    Declare {
        /// The variable.
        name: Name,
        /// Its declared type as a full name.
        type_name: Option<Name>,
        /// Its first value.
        value: Option<Expr>,
        /// Where.
        span: Span,
    },
    /// One of two ways.
    If {
        /// The condition.
        condition: Expr,
        /// If it holds.
        then: Block,
        /// If it does not.
        otherwise: Block,
    },
    /// Repeats while the condition holds; also lowered from C-like `for` (init before, step at the end of the body).
    While {
        /// `None` loops for ever.
        condition: Option<Expr>,
        /// What is repeated.
        body: Block,
        /// Python's `else`; runs when the loop ends without `break`.
        otherwise: Block,
        /// Whether the body runs before the condition is looked at.
        is_do: bool,
    },
    /// Runs once per element.
    ForEach {
        /// Where each element goes (destructured as an assignment would be).
        target: Place,
        /// What is gone through.
        iterable: Expr,
        /// What is repeated.
        body: Block,
        /// Python's `else`.
        otherwise: Block,
        /// Whether keys rather than values are bound (JavaScript's `in`; Go's one-variable `range`).
        keys: bool,
    },
    /// One of several ways, by value.
    Switch {
        /// The value.
        subject: Expr,
        /// Cases in order.
        cases: Vec<Case>,
        /// Whether a case runs on into the next one unless it breaks.
        falls_through: bool,
    },
    /// Runs the body; an exception goes to the handlers; `finally` always runs.
    Try {
        /// What may fail.
        body: Block,
        /// What runs instead.
        handlers: Vec<Block>,
        /// Python's `else`.
        otherwise: Block,
        /// What runs in any case.
        finally: Block,
    },
    /// Ends the function.
    Return(Option<Expr>, Span),
    /// Ends the function by an exception.
    Raise(Option<Expr>),
    /// Ends the innermost loop or switch.
    Break,
    /// Goes on with the next round of the innermost loop.
    Continue,
    /// A nested block without meaning of its own.
    Block(Block),
}

/// One way of a switch.
#[derive(Debug)]
pub struct Case {
    /// The values it stands for; empty for the default.
    pub values: Vec<Expr>,
    /// A further condition.
    pub guard: Option<Expr>,
    /// What it does.
    pub body: Block,
}

/// Somewhere a value can be put.
#[derive(Debug)]
pub enum Place {
    /// A variable. `declare` binds it in the running function, otherwise the nearest function that has it.
    Name {
        /// The variable.
        name: Name,
        /// Whether this binds it anew.
        declare: bool,
        /// Where.
        span: Span,
    },
    /// A field.
    Field(Box<Expr>, Name, Span),
    /// An element.
    Index(Box<Expr>, Box<Expr>, Span),
    /// Elements of a sequence, by position.
    Sequence(Vec<Place>),
    /// Fields of an object, by name.
    Fields(Vec<(Name, Place)>),
    /// Nowhere.
    Ignore,
}

/// An expression with its place in the text.
#[derive(Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug)]
pub enum ExprKind {
    /// A literal.
    Const(Const),
    /// A variable, a function, a class or an imported name.
    Name(Name),
    /// A field or member.
    Field(Box<Expr>, Name),
    /// An element.
    Index(Box<Expr>, Box<Expr>),
    /// A call.
    Call(Box<Call>),
    /// Text put together: f-strings, templates, `+` on what is known to be text.
    Concat(Vec<Expr>),
    /// Two operands.
    Binary(Op, Box<Expr>, Box<Expr>),
    /// `not`, `!`.
    Not(Box<Expr>),
    /// `-`.
    Negate(Box<Expr>),
    /// Condition, value if it holds, value if it does not.
    Conditional(Box<[Expr; 3]>),
    /// A list, tuple, set or array.
    List(Vec<Expr>),
    /// A map or object literal; `None` as key spreads the value into it.
    Map(Vec<(Option<Expr>, Expr)>),
    /// A list comprehension or similar: the element, evaluated with the target bound, kept if the conditions hold.
    Comprehension(Box<Comprehension>),
    /// A function value.
    Closure(FunctionId),
    /// An assignment that is an expression; its value is the value assigned.
    Assign(Box<Place>, Box<Expr>),
    /// An assignment `target op= value`.
    Update(Box<Place>, Op, Box<[Expr; 2]>),
    /// A value seen as another type, e.g. `(String) x`, `x as T`; full type name.
    Cast(Name, Box<Expr>),
    /// A value whose parts matter and whose meaning does not (await, spread, yield, parentheses of unknown use).
    Parts(Vec<Expr>),
}

/// A comprehension with one target (nested ones are nested expressions).
#[derive(Debug)]
pub struct Comprehension {
    /// Where each element of `iterable` goes.
    pub target: Place,
    /// What is gone through.
    pub iterable: Expr,
    /// What must hold.
    pub conditions: Vec<Expr>,
    /// What is collected.
    pub element: Expr,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What is called. For a method, a [`ExprKind::Field`] on its receiver.
    pub callee: Expr,
    /// Arguments in order.
    pub arguments: Vec<Argument>,
    /// Whether an object is made (`new`); the callee names its class.
    pub is_new: bool,
}

/// An argument.
#[derive(Debug)]
pub struct Argument {
    /// Its keyword, if it has one.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
    /// Whether it is spread (`*args`, `...args`).
    pub is_spread: bool,
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Const {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text, or a character.
    Text(Rc<str>),
    /// A literal whose value is of no interest (floats, bytes, regular expressions).
    Other,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `+` on numbers or text.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`, rounding towards zero if both are whole.
    Divide,
    /// `%` on numbers, or text formatting in Python.
    Modulo,
    /// `==`, `===`.
    Equal,
    /// `!=`, `!==`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `in`.
    In,
    /// `not in`.
    NotIn,
    /// `and`, `&&`.
    And,
    /// `or`, `||`, `??`.
    Or,
    /// Any other; the result carries what the operands carry.
    Other,
}
