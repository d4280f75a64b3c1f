//! What every lowering makes of texts that no compiler would take.

use crate::flow::ir::{ExprKind, Stmt, Unit};
use crate::flow::lower;
use crate::language::Language;
use crate::source::Source;
use crate::source::syntax::Syntax;

fn lowered(language: Language, text: &str) -> Unit {
    let (source, _) = Source::parse(text.as_bytes(), language);
    let tree = source.tree().expect("the text can be parsed");
    let syntax = Syntax::of(tree, language);
    lower::unit(language, text, syntax.root()).expect("the language is lowered")
}

#[test]
fn broken_texts_are_lowered_all_the_same() {
    let chain = |start: &str, link: &str, end: &str| format!("{start}{}{end}", link.repeat(3_000));
    let texts = [
        (Language::Php, chain("<?php $a = $b", " . $b", ";")),
        (Language::Php, chain("<?php $a", "->b()", ";")),
        (
            Language::Php,
            "<?php class A extends A { function __construct(private $a = ) { parent::__construct(; } } foreach (as) switch ( { case".to_owned(),
        ),
        (
            Language::Php,
            "<?php [, [$a, 'k' => $b], ] = $c; match(1) { default }; new class { function f( }; isset(); header(); compact(1);".to_owned(),
        ),
        (Language::Ruby, chain("a = b", " + b", "")),
        (Language::Ruby, chain("a", ".b", "")),
        (
            Language::Ruby,
            "class A < A\n def initialize(a, (b, c), *d, e: 1, &f) = super\n a, (b, *c) = each { |(x, y), z| next x }\n case when 1 then\n".to_owned(),
        ),
        (
            Language::Ruby,
            "x = <<A + <<B\n#{y}\nA\nz\nB\nraise or return 1, 2\nend end rescue => e\n".to_owned(),
        ),
        (Language::CSharp, chain("class A { void F() { var a = b", " + b", "; } }")),
        (Language::CSharp, chain("class A { void F() { a", "?.b", "; } }")),
        (
            Language::CSharp,
            "class A : A { A() : base(1) {} static int x = ; void F(out var { x is not (null or > 1) and var (a, b); new() { [1] = , { 2 } }; switch (x) { case : ; default".to_owned(),
        ),
        (
            Language::CSharp,
            "record R(string A); class { } var x = y switch { A { B: 1 } b when c => d, _ => };".to_owned(),
        ),
    ];
    for (language, text) in &texts {
        assert!(!lowered(*language, text).functions.is_empty());
    }
}

#[test]
fn php_names_are_full_and_variables_keep_their_sign() {
    let unit = lowered(
        Language::Php,
        "<?php\nnamespace App;\nuse Lib\\{Tool, Box as Chest};\nclass A { const N = 1; function f() { return new Chest(self::N, $x); } }",
    );
    assert_eq!(unit.imports["Chest"].as_ref(), "Lib.Box");
    assert_eq!(unit.imports["Tool"].as_ref(), "Lib.Tool");
    assert!(
        matches!(&unit.functions[0].body[0], Stmt::Declare { name, .. } if name.as_ref() == "A.N")
    );
    let returned = match &unit.functions[1].body[0] {
        Stmt::Return(Some(value), _) => &value.kind,
        other => panic!("{other:?}"),
    };
    let ExprKind::Call(call) = returned else {
        panic!("{returned:?}")
    };
    assert!(call.is_new);
    assert!(matches!(&call.callee.kind, ExprKind::Name(name) if name.as_ref() == "Lib.Box"));
    assert!(matches!(&call.arguments[1].value.kind, ExprKind::Name(name) if name.as_ref() == "$x"));
}

#[test]
fn what_ruby_says_last_is_given_back() {
    let unit = lowered(
        Language::Ruby,
        "def f(a)\n  if a\n    1\n  else\n    begin\n      2\n    rescue\n      3\n    end\n  end\nend\n",
    );
    let Stmt::If {
        then, otherwise, ..
    } = &unit.functions[1].body[0]
    else {
        panic!("{:?}", unit.functions[1].body)
    };
    assert!(matches!(then.as_slice(), [Stmt::Return(Some(_), _)]));
    let [Stmt::Try { body, handlers, .. }] = otherwise.as_slice() else {
        panic!("{otherwise:?}")
    };
    assert!(matches!(body.as_slice(), [Stmt::Return(Some(_), _)]));
    assert!(matches!(handlers[0].as_slice(), [Stmt::Return(Some(_), _)]));
}

#[test]
fn actions_of_csharp_are_told_by_what_they_return_or_are_marked_with() {
    let unit = lowered(
        Language::CSharp,
        "class A : Controller { public IActionResult F(string a, int b, IStore c, Form d) => null; string G(string a) => a; [HttpGet] public string H(string a) => a; }",
    );
    let marks = |function: usize| -> Vec<String> {
        let parameters = unit.functions[function].parameters.iter();
        parameters
            .map(|parameter| {
                let names = parameter
                    .annotations
                    .iter()
                    .map(|mark| mark.name.to_string());
                names.collect::<Vec<_>>().join(" ")
            })
            .collect()
    };
    assert_eq!(
        marks(1),
        ["text.IActionResult", "", "", "model.IActionResult"]
    );
    assert_eq!(marks(2), [""]);
    assert_eq!(marks(3), ["text.HttpGet"]);
}
