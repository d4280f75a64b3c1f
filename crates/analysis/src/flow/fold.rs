//! Constant folding: what operators and text methods make of constants.

use std::rc::Rc;

use super::ir::{Const, Op};

/// The result of an operator on two constants, if it can be told.
pub(crate) fn binary(op: Op, left: &Const, right: &Const) -> Option<Const> {
    match (left, right) {
        (Const::Int(a), Const::Int(b)) => integers(op, *a, *b),
        (Const::Text(a), Const::Text(b)) => texts(op, a, b),
        (Const::Text(a), Const::Int(b)) if op == Op::Add => Some(text(format!("{a}{b}"))),
        (Const::Int(a), Const::Text(b)) if op == Op::Add => Some(text(format!("{a}{b}"))),
        (Const::Other, _) | (_, Const::Other) => None,
        _ => match op {
            Op::Equal => Some(Const::Bool(left == right)),
            Op::NotEqual => Some(Const::Bool(left != right)),
            _ => None,
        },
    }
}

fn integers(op: Op, a: i64, b: i64) -> Option<Const> {
    Some(match op {
        Op::Add => Const::Int(a.checked_add(b)?),
        Op::Subtract => Const::Int(a.checked_sub(b)?),
        Op::Multiply => Const::Int(a.checked_mul(b)?),
        Op::Divide => Const::Int(a.checked_div(b)?),
        Op::Modulo => Const::Int(a.checked_rem(b)?),
        Op::Equal => Const::Bool(a == b),
        Op::NotEqual => Const::Bool(a != b),
        Op::Less => Const::Bool(a < b),
        Op::LessEqual => Const::Bool(a <= b),
        Op::Greater => Const::Bool(a > b),
        Op::GreaterEqual => Const::Bool(a >= b),
        _ => return None,
    })
}

fn texts(op: Op, a: &str, b: &str) -> Option<Const> {
    Some(match op {
        Op::Add => text(format!("{a}{b}")),
        Op::Equal => Const::Bool(a == b),
        Op::NotEqual => Const::Bool(a != b),
        Op::In => Const::Bool(b.contains(a)),
        Op::NotIn => Const::Bool(!b.contains(a)),
        _ => return None,
    })
}

/// The result of a method of a constant text, by the names the languages use.
pub(crate) fn text_method(
    receiver: &str,
    method: &str,
    arguments: &[Option<&Const>],
) -> Option<Const> {
    let first_text = match arguments.first() {
        Some(Some(Const::Text(argument))) => Some(argument.as_ref()),
        _ => None,
    };
    let number = |index: usize| match arguments.get(index) {
        Some(Some(Const::Int(number))) => usize::try_from(*number).ok(),
        _ => None,
    };
    Some(match method {
        "charAt" | "at" => text(receiver.chars().nth(number(0)?)?.to_string()),
        "length" | "len" | "__len__" => Const::Int(i64::try_from(receiver.chars().count()).ok()?),
        "upper" | "toUpperCase" => text(receiver.to_uppercase()),
        "lower" | "toLowerCase" => text(receiver.to_lowercase()),
        "strip" | "trim" if arguments.is_empty() => text(receiver.trim().to_owned()),
        "toString" | "String" | "intern" => text(receiver.to_owned()),
        "startswith" | "startsWith" => Const::Bool(receiver.starts_with(first_text?)),
        "endswith" | "endsWith" => Const::Bool(receiver.ends_with(first_text?)),
        "contains" | "includes" => Const::Bool(receiver.contains(first_text?)),
        "equals" => Const::Bool(receiver == first_text?),
        "equalsIgnoreCase" => Const::Bool(receiver.eq_ignore_ascii_case(first_text?)),
        "isEmpty" => Const::Bool(receiver.is_empty()),
        "concat" => text(format!("{receiver}{}", first_text?)),
        "substring" | "slice" => {
            let start = number(0)?;
            let end = if arguments.len() > 1 {
                number(1)?
            } else {
                receiver.chars().count()
            };
            text(
                receiver
                    .chars()
                    .skip(start)
                    .take(end.checked_sub(start)?)
                    .collect(),
            )
        }
        _ => return None,
    })
}

/// The element of a constant text at an index, which may count from the end.
pub(crate) fn character(of: &str, index: i64) -> Option<Const> {
    let count = i64::try_from(of.chars().count()).ok()?;
    let index = if index < 0 { index + count } else { index };
    of.chars()
        .nth(usize::try_from(index).ok()?)
        .map(|found| text(found.to_string()))
}

fn text(content: String) -> Const {
    Const::Text(Rc::from(content))
}
