//! Finds the tests of a file, what they assert and whether they are skipped.

use std::ops::Range;

use super::Test;
use crate::language::Language;
use crate::source::syntax::{Node, Syntax};

/// The tests of a file, in order.
pub(super) fn of(syntax: &Syntax<'_>, text: &str, language: Language) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    let (words, kinds) = marks(language);
    if !words.iter().any(|word| text.contains(word)) {
        return tests;
    }
    // Numbers of the tests around the node.
    let mut open: Vec<usize> = Vec::new();
    for node in syntax.nodes().filter(Node::is_named) {
        let at = node.start_byte();
        while open
            .last()
            .is_some_and(|index| tests[*index].range.end <= at)
        {
            open.pop();
        }
        let kind = node.kind();
        if !kinds.contains(&kind) {
            continue;
        }
        if let Some(test) = test(node, text, language) {
            open.push(tests.len());
            tests.push(test);
        } else if let Some(index) = open.last()
            && asserts(node, text, language)
        {
            tests[*index].assertions += 1;
        }
    }
    tests
}

/// Words of which every file with tests has one, and the kinds of nodes that are tests or assertions.
fn marks(language: Language) -> (&'static [&'static str], &'static [&'static str]) {
    match language {
        Language::Python => (
            &["def test"],
            &["function_definition", "assert_statement", "call"],
        ),
        Language::JavaScript | Language::TypeScript | Language::Tsx => (
            &["it(", "it.", "test(", "test.", "describe"],
            &["call_expression"],
        ),
        Language::Java => (&["Test"], &["method_declaration", "method_invocation"]),
        Language::Go => (&["func Test"], &["function_declaration", "call_expression"]),
        Language::C
        | Language::Cpp
        | Language::CSharp
        | Language::Ruby
        | Language::Php
        | Language::Bash
        | Language::Kotlin
        | Language::Scala
        | Language::Swift => (&[], &[]),
        Language::Rust => (
            &["test]", "test(", "#[rstest"],
            &["function_item", "macro_invocation"],
        ),
    }
}

fn test(node: Node<'_>, text: &str, language: Language) -> Option<Test> {
    let of = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
    let name = || node.child_by_field_name("name").map(of);
    let made = |name: &str, range: Range<usize>, is_skipped: bool| Test {
        name: name.to_owned(),
        range,
        assertions: 0,
        is_skipped,
    };
    match language {
        Language::Python => {
            let is_test = node.kind() == "function_definition" && name()?.starts_with("test");
            let whole = node
                .parent()
                .filter(|parent| parent.kind() == "decorated_definition");
            is_test.then(|| {
                let marks = whole.into_iter().flat_map(|whole| whole.children());
                let mut marks = marks.filter(|child| child.kind() == "decorator").map(of);
                let is_marked = marks.any(|mark| {
                    let called = mark
                        .split('(')
                        .next()
                        .unwrap_or(mark)
                        .trim_start_matches('@');
                    matches!(called.rsplit('.').next(), Some("skip"))
                });
                let is_skipped =
                    is_marked || starts_by(node, &["pytest.skip(", "self.skipTest("], of);
                let range = whole.unwrap_or(node).byte_range();
                made(name().unwrap_or_default(), range, is_skipped)
            })
        }
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            if node.kind() != "call_expression" {
                return None;
            }
            let called = of(node.child_by_field_name("function")?);
            let (root, rest) = called.split_once('.').unwrap_or((called, ""));
            let is_crossed = matches!(root, "xit" | "xtest" | "xdescribe");
            if !is_crossed && !matches!(root, "it" | "test" | "describe") {
                return None;
            }
            let mut arguments = node
                .child_by_field_name("arguments")?
                .children()
                .filter(Node::is_named);
            let first = arguments.next()?;
            let says = matches!(first.kind(), "string" | "template_string").then(|| of(first))?;
            arguments.next()?;
            let is_skipped = is_crossed || rest.split('.').any(|word| word == "skip");
            Some(made(
                says.trim_matches(['"', '\'', '`']),
                node.byte_range(),
                is_skipped,
            ))
        }
        Language::Java => {
            let mut around = node.children().filter(|child| child.kind() == "modifiers");
            let marks = around
                .next()
                .filter(|_| node.kind() == "method_declaration")?;
            let has = |wanted: &[&str]| {
                marks.children().any(|mark| {
                    let mark = mark.child_by_field_name("name").map(of);
                    mark.is_some_and(|mark| {
                        wanted.contains(&mark.rsplit('.').next().unwrap_or(mark))
                    })
                })
            };
            has(&["Test", "ParameterizedTest", "RepeatedTest"]).then(|| {
                made(
                    name().unwrap_or_default(),
                    node.byte_range(),
                    has(&["Disabled", "Ignore"]),
                )
            })
        }
        Language::Go => {
            let rest = name()?
                .strip_prefix("Test")
                .filter(|_| node.kind() == "function_declaration")?;
            let is_test = !rest.starts_with(char::is_lowercase)
                && of(node.child_by_field_name("parameters")?).contains("testing.T");
            is_test.then(|| {
                let is_skipped = starts_by(node, &["t.Skip(", "t.Skipf(", "t.SkipNow("], of);
                made(name().unwrap_or_default(), node.byte_range(), is_skipped)
            })
        }
        Language::C
        | Language::Cpp
        | Language::CSharp
        | Language::Ruby
        | Language::Php
        | Language::Bash
        | Language::Kotlin
        | Language::Scala
        | Language::Swift => None,
        Language::Rust => {
            if node.kind() != "function_item" {
                return None;
            }
            let before = std::iter::successors(node.previous(), Node::previous);
            let marks = before.take_while(|one| one.kind() == "attribute_item" || one.is_extra());
            let marks: Vec<&str> = marks.map(of).collect();
            let is_test = marks.iter().any(|mark| {
                let called = mark.trim_start_matches(['#', '[']);
                let called = called.split(['(', ']']).next().unwrap_or(called);
                matches!(called.rsplit("::").next(), Some("test" | "rstest"))
            });
            let is_skipped = marks.iter().any(|mark| mark.starts_with("#[ignore"));
            is_test.then(|| made(name().unwrap_or_default(), node.byte_range(), is_skipped))
        }
    }
}

/// Whether a statement at the top of a function's body begins with one of these words.
fn starts_by<'t>(function: Node<'_>, words: &[&str], of: impl Fn(Node<'_>) -> &'t str) -> bool {
    let body = function.child_by_field_name("body");
    let lists = body
        .into_iter()
        .flat_map(|body| body.children().chain([body]));
    let statements = lists
        .filter(|list| matches!(list.kind(), "block" | "statement_list"))
        .flat_map(|list| list.children());
    let mut texts = statements.map(of);
    texts.any(|text| words.iter().any(|word| text.starts_with(word)))
}

fn asserts(node: Node<'_>, text: &str, language: Language) -> bool {
    let of = |node: Node<'_>| text.get(node.byte_range()).unwrap_or_default();
    let field = |name: &str| node.child_by_field_name(name).map(of).unwrap_or_default();
    match (language, node.kind()) {
        (Language::Python, "assert_statement") => true,
        (Language::Python, "call") => {
            let last = field("function").rsplit('.').next().unwrap_or_default();
            last.starts_with("assert") || matches!(last, "raises" | "fail")
        }
        (Language::JavaScript | Language::TypeScript | Language::Tsx, "call_expression") => {
            let called = field("function");
            called == "expect" || called == "assert" || called.starts_with("assert.")
        }
        (Language::Java, "method_invocation") => {
            let name = field("name");
            ["assert", "verify", "expect"]
                .iter()
                .any(|word| name.starts_with(word))
                || name == "fail"
        }
        (Language::Go, "call_expression") => {
            let called = field("function");
            let (root, last) = called.rsplit_once('.').unwrap_or(("", called));
            matches!(root, "assert" | "require")
                || (root == "t"
                    && matches!(
                        last,
                        "Error" | "Errorf" | "Fatal" | "Fatalf" | "Fail" | "FailNow"
                    ))
        }
        (Language::Rust, "macro_invocation") => {
            let name = field("macro").rsplit("::").next().unwrap_or_default();
            name.contains("assert") || name == "panic"
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn told(text: &str, language: Language) -> Vec<String> {
        let (source, _) = Source::parse(text.as_bytes(), language);
        let syntax = Syntax::of(source.tree().unwrap(), language);
        let tests = of(&syntax, source.text(), language);
        let told = tests.iter().map(|test| {
            let skipped = if test.is_skipped { " skipped" } else { "" };
            format!("{} {}{skipped}", test.name, test.assertions)
        });
        told.collect()
    }

    #[test]
    fn tests_are_found_in_every_language() {
        let python = "def test_a(self):\n  assert x\n  self.assertEqual(1, 2)\n  with pytest.raises(E): f()\n\
            @pytest.mark.skip(reason='x')\ndef test_b(): pass\n@pytest.mark.skipif(x)\ndef test_c():\n  pytest.skip('x')\n\
            def helper(): assert x\n";
        assert_eq!(
            told(python, Language::Python),
            ["test_a 3", "test_b 0 skipped", "test_c 0 skipped"]
        );
        let script = "describe('d', () => { it('adds', () => { expect(a).toBe(1); assert.equal(a, b) });\n\
            it.skip('later', () => {}); xit(`old`, f) }); other.it('x', f); it('todo');";
        assert_eq!(
            told(script, Language::TypeScript),
            ["d 0", "adds 2", "later 0 skipped", "old 0 skipped"]
        );
        let java = "class T { @Test void a() { assertEquals(1, x); verify(y).close(); }\n@Disabled @Test void b() {} void c() { fail(); } }";
        assert_eq!(told(java, Language::Java), ["a 2", "b 0 skipped"]);
        let go = "package p\nfunc TestA(t *testing.T) { if x { t.Fatal(1) }; require.Equal(t, a, b) }\n\
            func TestB(t *testing.T) {\n\tt.Skip(\"x\")\n}\nfunc Testify(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\n";
        assert_eq!(told(go, Language::Go), ["TestA 2", "TestB 0 skipped"]);
        let rust = "#[test]\nfn a() { assert_eq!(1, 2); assert!(x) }\n#[tokio::test]\n#[ignore = \"x\"]\nasync fn b() {}\nfn c() { assert!(x) }\n";
        assert_eq!(told(rust, Language::Rust), ["a 2", "b 0 skipped"]);
    }
}
