//! What the lowering makes of Java that the rules' examples cannot show.

use crate::flow::ir::{ExprKind, Stmt, Unit};
use crate::flow::lower;
use crate::language::Language;
use crate::source::Source;
use crate::source::syntax::Syntax;

fn lowered(text: &str) -> Unit {
    let (source, _) = Source::parse(text.as_bytes(), Language::Java);
    let tree = source.tree().expect("the text can be parsed");
    let syntax = Syntax::of(tree, Language::Java);
    lower::unit(Language::Java, text, syntax.root()).expect("Java is lowered")
}

#[test]
fn overloads_are_told_apart_by_their_number_of_parameters() {
    let unit = lowered("class A { void f(int a) {} void f(int a, int b) {} void f(long a) {} }");
    let methods = &unit.classes[0].methods;
    assert_eq!(methods["f"], methods["f/1"]);
    assert_ne!(methods["f/1"], methods["f/2"]);
    let all: std::collections::BTreeSet<_> = methods.values().collect();
    assert_eq!(all.len(), 3);
}

#[test]
fn a_method_without_a_body_is_not_followed() {
    let unit =
        lowered("interface A { String f(String s); default String g() { return f(\"\"); } }");
    let methods = &unit.classes[0].methods;
    assert!(!methods.contains_key("f"));
    assert!(methods.contains_key("g"));
}

#[test]
fn a_static_field_is_a_variable_of_the_top_level() {
    let unit = lowered("class A { static final String B = \"b\"; String f() { return B; } }");
    assert!(
        matches!(&unit.functions[0].body[0], Stmt::Declare { name, .. } if name.as_ref() == "A.B")
    );
    let returned = match &unit.functions[1].body[0] {
        Stmt::Return(Some(value), _) => &value.kind,
        other => panic!("{other:?}"),
    };
    assert!(matches!(returned, ExprKind::Name(name) if name.as_ref() == "A.B"));
}

#[test]
fn broken_and_endless_texts_are_lowered_all_the_same() {
    let texts = [
        format!(
            "class A {{ void f(String p) {{ String s = \"\"{}; }} }}",
            " + p".repeat(5_000)
        ),
        format!("class A {{ void f() {{ x{}; }} }}", ".a()".repeat(3_000)),
        format!("class A {{ void f() {{ {} x(); }} }}", "a: ".repeat(3_000)),
        format!("class A {{ int x = {}1; }}", "- ".repeat(3_000)),
        "class A extends B {} class B extends A { B() { super(1); } { f(); } }".to_owned(),
        "class { void ( { switch (x) { case -> ; default".to_owned(),
        "record R(int a, String... b) { R { a = 1; } } enum E { A(1) { int f() { return 1; } }; }"
            .to_owned(),
    ];
    for text in &texts {
        assert!(!lowered(text).functions.is_empty());
    }
}
