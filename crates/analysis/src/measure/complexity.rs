//! Cognitive complexity: how hard it is to follow a function. The formula is SonarSource's (Cognitive Complexity, version 1.7, 2023):
//! one for every break in the flow and for every row of like logical operators, and one more for each level it is nested in.
//! Recursion and jumps to labels are not counted.

use std::ops::Range;

use crate::language::Language;
use crate::source::syntax::{Node, Syntax};

/// What a node adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// One, and one for each level around it; what is in it is a level deeper.
    Nested,
    /// One.
    Flat,
    /// Nothing, but what is in it is a level deeper.
    Level,
}

/// What a kind of node is, before its place is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It adds this wherever it stands.
    Always(Cost),
    /// An `if`: it may go on where another one began.
    If,
    /// An `else` of its own: it counts unless an `if` follows.
    Else,
    /// A function without a name: no level if it is what a name was given to.
    Closure,
    /// An operator, which may be a logical one.
    Operator,
}

/// A function that is being walked through.
struct Open {
    index: usize,
    range: Range<usize>,
    /// Where the levels around the present node end.
    levels: Vec<usize>,
}

/// The complexity of each function; what stands in a named function inside another counts there.
pub(super) fn of(syntax: &Syntax<'_>, language: Language, functions: &[Range<usize>]) -> Vec<u32> {
    let mut counts = vec![0_u32; functions.len()];
    let mut open: Vec<Open> = Vec::new();
    let mut next = 0;
    // Roles by the numbers of kinds, as they turn up.
    let mut roles: Vec<Option<Option<Role>>> = Vec::new();
    for node in syntax.nodes().filter(Node::is_named) {
        let at = node.start_byte();
        while open.last().is_some_and(|function| function.range.end <= at) {
            open.pop();
        }
        while let Some(range) = functions.get(next).filter(|range| range.start <= at) {
            open.push(Open {
                index: next,
                range: range.clone(),
                levels: Vec::new(),
            });
            next += 1;
        }
        let Some(function) = open.last_mut() else {
            continue;
        };
        let kind = usize::from(node.kind_id());
        if kind >= roles.len() {
            roles.resize(kind + 1, None);
        }
        let Some(role) = *roles[kind].get_or_insert_with(|| role(node.kind(), language)) else {
            continue;
        };
        while function.levels.last().is_some_and(|end| *end <= at) {
            function.levels.pop();
        }
        let depth = u32::try_from(function.levels.len()).unwrap_or(u32::MAX);
        let count = &mut counts[function.index];
        if role == Role::If && has_plain_else(node, language) {
            *count = count.saturating_add(1);
        }
        match cost(role, node, &function.range) {
            Some(Cost::Nested) => {
                *count = count.saturating_add(1).saturating_add(depth);
                function.levels.push(node.end_byte());
            }
            Some(Cost::Flat) => *count = count.saturating_add(1),
            Some(Cost::Level) => function.levels.push(node.end_byte()),
            None => {}
        }
    }
    counts
}

fn role(kind: &str, language: Language) -> Option<Role> {
    const NESTED: Role = Role::Always(Cost::Nested);
    const FLAT: Role = Role::Always(Cost::Flat);
    const LEVEL: Role = Role::Always(Cost::Level);
    if matches!(kind, "binary_expression" | "boolean_operator" | "binary") {
        return Some(Role::Operator);
    }
    let role = match language {
        Language::Python => match kind {
            "if_statement"
            | "for_statement"
            | "while_statement"
            | "except_clause"
            | "conditional_expression"
            | "match_statement" => NESTED,
            "elif_clause" | "else_clause" => FLAT,
            "lambda" => LEVEL,
            _ => return None,
        },
        Language::JavaScript | Language::TypeScript | Language::Tsx => match kind {
            "if_statement" => Role::If,
            "for_statement" | "for_in_statement" | "while_statement" | "do_statement"
            | "switch_statement" | "catch_clause" | "ternary_expression" => NESTED,
            "else_clause" => Role::Else,
            "arrow_function" | "function_expression" => Role::Closure,
            _ => return None,
        },
        Language::Java => match kind {
            "if_statement" => Role::If,
            "for_statement"
            | "enhanced_for_statement"
            | "while_statement"
            | "do_statement"
            | "switch_expression"
            | "catch_clause"
            | "ternary_expression" => NESTED,
            "lambda_expression" => LEVEL,
            _ => return None,
        },
        Language::Go => match kind {
            "if_statement" => Role::If,
            "for_statement"
            | "expression_switch_statement"
            | "type_switch_statement"
            | "select_statement" => NESTED,
            "func_literal" => LEVEL,
            _ => return None,
        },
        Language::C | Language::Cpp => match kind {
            "if_statement" => Role::If,
            "for_statement"
            | "for_range_loop"
            | "while_statement"
            | "do_statement"
            | "switch_statement"
            | "catch_clause"
            | "conditional_expression" => NESTED,
            "else_clause" => Role::Else,
            "lambda_expression" => LEVEL,
            _ => return None,
        },
        Language::CSharp => match kind {
            "if_statement" => Role::If,
            "for_statement"
            | "foreach_statement"
            | "while_statement"
            | "do_statement"
            | "switch_statement"
            | "switch_expression"
            | "catch_clause"
            | "conditional_expression" => NESTED,
            "lambda_expression" | "anonymous_method_expression" => LEVEL,
            _ => return None,
        },
        Language::Ruby => match kind {
            "if" | "unless" | "case" | "while" | "until" | "for" | "rescue" | "conditional" => {
                NESTED
            }
            "elsif" | "else" | "if_modifier" | "unless_modifier" => FLAT,
            "block" | "do_block" | "lambda" => LEVEL,
            _ => return None,
        },
        Language::Php => match kind {
            "if_statement" => Role::If,
            "for_statement"
            | "foreach_statement"
            | "while_statement"
            | "do_statement"
            | "switch_statement"
            | "match_expression"
            | "catch_clause"
            | "conditional_expression" => NESTED,
            "else_if_clause" => FLAT,
            "else_clause" => Role::Else,
            "anonymous_function" | "arrow_function" => LEVEL,
            _ => return None,
        },
        Language::Bash => match kind {
            "if_statement"
            | "for_statement"
            | "c_style_for_statement"
            | "while_statement"
            | "case_statement" => NESTED,
            "elif_clause" | "else_clause" => FLAT,
            _ => return None,
        },
        Language::Kotlin => match kind {
            "if_expression" => Role::If,
            "for_statement" | "while_statement" | "do_while_statement" | "when_expression"
            | "catch_block" => NESTED,
            "lambda_literal" | "anonymous_function" => LEVEL,
            _ => return None,
        },
        Language::Scala => match kind {
            "if_expression" => Role::If,
            "for_expression"
            | "while_expression"
            | "do_while_expression"
            | "match_expression"
            | "catch_clause" => NESTED,
            "lambda_expression" => LEVEL,
            _ => return None,
        },
        Language::Swift => match kind {
            "if_statement" => Role::If,
            "for_statement"
            | "while_statement"
            | "repeat_while_statement"
            | "switch_statement"
            | "catch_block"
            | "ternary_expression" => NESTED,
            "guard_statement" | "conjunction_expression" | "disjunction_expression" => FLAT,
            "lambda_literal" => LEVEL,
            _ => return None,
        },
        Language::Rust => match kind {
            "if_expression" => Role::If,
            "match_expression" | "while_expression" | "for_expression" | "loop_expression" => {
                NESTED
            }
            "else_clause" => Role::Else,
            "closure_expression" => LEVEL,
            _ => return None,
        },
    };
    Some(role)
}

fn cost(role: Role, node: Node<'_>, function: &Range<usize>) -> Option<Cost> {
    match role {
        Role::Always(cost) => Some(cost),
        Role::If => Some(if_cost(node)),
        Role::Else => {
            let is_chained = holds(node, "if_statement") || holds(node, "if_expression");
            (!is_chained).then_some(Cost::Flat)
        }
        Role::Closure => {
            let around = node.parent().map(|parent| parent.byte_range());
            (around.as_ref() != Some(function)).then_some(Cost::Level)
        }
        Role::Operator => begins_a_row(node).then_some(Cost::Flat),
    }
}

/// `else if` goes on where its `if` began.
fn if_cost(node: Node<'_>) -> Cost {
    let is_chained = node.parent().is_some_and(|parent| {
        parent.kind() == "else_clause"
            || (parent.kind() == node.kind()
                && match parent.child_by_field_name("consequence") {
                    Some(_) => parent.child_by_field_name("alternative") == Some(node),
                    // Where the parts have no names, what an `if` holds stands in a block.
                    None => parent.child_by_field_name("condition") != Some(node),
                })
    });
    if is_chained { Cost::Flat } else { Cost::Nested }
}

/// Whether an `if` has an `else` that is no node of its own and no further `if`.
fn has_plain_else(node: Node<'_>, language: Language) -> bool {
    match language {
        Language::Java | Language::Go | Language::CSharp | Language::Scala => node
            .child_by_field_name("alternative")
            .is_some_and(|other| other.kind() != node.kind()),
        Language::Kotlin | Language::Swift => {
            let mut rest = node.children().skip_while(|child| child.kind() != "else");
            rest.nth(1).is_some_and(|other| other.kind() != node.kind())
        }
        _ => false,
    }
}

fn holds(node: Node<'_>, kind: &str) -> bool {
    node.children().any(|child| child.kind() == kind)
}

fn operator<'s>(node: Node<'s>) -> Option<&'s str> {
    Some(node.child_by_field_name("operator")?.kind())
}

/// Whether a logical operator is the first of its row.
fn begins_a_row(node: Node<'_>) -> bool {
    let Some(own) = operator(node).filter(|one| matches!(*one, "&&" | "||" | "??" | "and" | "or"))
    else {
        return false;
    };
    let around = node.parent().filter(|parent| parent.kind() == node.kind());
    around.and_then(operator) != Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn of_first(text: &str, language: Language, kind: &str) -> u32 {
        let (source, _) = Source::parse(text.as_bytes(), language);
        let syntax = Syntax::of(source.tree().unwrap(), language);
        let function = syntax.nodes().find(|node| node.kind() == kind).unwrap();
        of(&syntax, language, &[function.byte_range()])[0]
    }

    /// The white paper's first example, `sumOfPrimes`, is 7; `getWords` is 1.
    #[test]
    fn the_published_examples_have_their_published_numbers() {
        let primes = "class A { int sumOfPrimes(int max) { int total = 0; OUT: for (int i = 1; i <= max; ++i) { \
            for (int j = 2; j < i; ++j) { if (i % j == 0) { continue OUT; } } total += i; } return total; } }";
        // Its jump to a label, which is not counted here, is the seventh.
        assert_eq!(of_first(primes, Language::Java, "method_declaration"), 6);
        let words = "class A { String getWords(int number) { switch (number) { case 1: return \"one\"; \
            case 2: return \"a couple\"; default: return \"lots\"; } } }";
        assert_eq!(of_first(words, Language::Java, "method_declaration"), 1);
    }

    #[test]
    fn the_same_code_counts_the_same_in_every_language() {
        // if 1, && 1, for in it 2, if in that 3, else if 1, else 1.
        let cases = [
            (
                Language::Python,
                "function_definition",
                "def f(a, b):\n  if a and b and a:\n    for x in a:\n      if x:\n        y()\n      elif b:\n        z()\n      else:\n        w()\n",
            ),
            (
                Language::JavaScript,
                "function_declaration",
                "function f(a, b) { if (a && b && a) { for (const x of a) { if (x) { y() } else if (b) { z() } else { w() } } } }",
            ),
            (
                Language::Java,
                "method_declaration",
                "class A { void f() { if (a && b && a) { for (int x : a) { if (x) { y(); } else if (b) { z(); } else { w(); } } } } }",
            ),
            (
                Language::Go,
                "function_declaration",
                "package p\nfunc f() { if a && b && a { for range a { if x { y() } else if b { z() } else { w() } } } }",
            ),
            (
                Language::Rust,
                "function_item",
                "fn f() { if a && b && a { for x in a { if x { y() } else if b { z() } else { w() } } } }",
            ),
        ];
        for (language, kind, text) in cases {
            assert_eq!(of_first(text, language, kind), 9, "{language:?}");
        }
    }

    #[test]
    fn closures_are_a_level_and_their_own_function_is_none() {
        let text = "const f = () => { if (a) {} list.map(x => { if (x) {} }) }";
        assert_eq!(
            of_first(text, Language::JavaScript, "variable_declarator"),
            3
        );
        let mixed = "def f():\n  return a and b or c and d\n";
        assert_eq!(of_first(mixed, Language::Python, "function_definition"), 3);
    }
}
