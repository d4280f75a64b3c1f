//! The analyser as its callers see it: jobs go in, findings, outcomes and symbols come out.
#![expect(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;

use proptest::prelude::*;
use pullmill_analysis::analyser::Analyser;
use pullmill_analysis::language::Language;
use pullmill_analysis::pack::Pack;
use pullmill_core::change::RepoPath;
use pullmill_core::coverage::{Outcome, SkipReason};
use pullmill_core::finding::Severity;
use pullmill_core::job::{Job, Setup, SideReport};

const EVAL: &str = r#"
id: python.calls-eval
languages: [python]
agent: security
severity: high
confidence: high
category: injection
cwe: [95]
message: "`{CODE}` is run as code"
why: It may be anything.
fix: Do not.
match: { rule: { pattern: eval($CODE) } }
---
id: javascript.calls-eval
languages: [javascript, typescript, tsx]
agent: security
severity: high
confidence: high
category: injection
cwe: [95]
message: "`{CODE}` is run as code"
why: It may be anything.
fix: Do not.
match: { rule: { pattern: eval($CODE) } }
"#;

fn analyser() -> Analyser {
    let rules = [(RepoPath::from("eval.yml"), EVAL.to_owned())];
    Analyser::with_pack(Pack::only(&rules).expect("the rules are sound"))
}

fn job(path: &str, head: &[u8]) -> Job {
    Job {
        path: RepoPath::from(path),
        old_path: None,
        base: None,
        head: Some(Arc::from(head)),
        search_base: false,
    }
}

fn head(path: &str, text: &str) -> SideReport {
    analyser()
        .analyse(&job(path, text.as_bytes()))
        .head
        .expect("there is a head")
}

fn skip_reason(report: &SideReport) -> Option<SkipReason> {
    match report.outcome {
        Outcome::Skipped { reason, .. } => Some(reason),
        Outcome::Assessed { .. } => None,
    }
}

#[test]
fn finding_says_where_what_and_in_which_symbol() {
    let report = head(
        "app/views.py",
        "class View:\n    def get(self, é):\n        é = eval(\n            self.x\n        )\n",
    );
    let [finding] = report.findings.as_slice() else {
        panic!("one finding is expected: {:?}", report.findings);
    };
    assert_eq!(finding.message, "`self.x` is run as code");
    assert_eq!(finding.symbol.as_deref(), Some("View.get"));
    let place = &finding.location;
    assert_eq!(
        (place.line, place.column, place.end_line, place.end_column),
        (3, 13, 5, 10)
    );
    assert_eq!(
        finding.snippet,
        "        é = eval(\n            self.x\n        )"
    );
    assert_eq!(report.symbols.len(), 2);
    assert_eq!(
        report.outcome,
        Outcome::Assessed {
            language: "python".to_owned()
        }
    );
}

#[test]
fn fingerprint_stays_when_code_moves_or_is_reformatted() {
    let one = head("a.py", "def f(x):\n    return eval(x)\n");
    let two = head("b.py", "import os\n\n\ndef f(x):\n        return eval(x)\n");
    let three = head("a.py", "def g(x):\n    return eval(x)\n");
    assert_eq!(one.findings[0].fingerprint, two.findings[0].fingerprint);
    assert_ne!(one.findings[0].fingerprint, three.findings[0].fingerprint);
}

#[test]
fn only_our_comment_with_a_reason_sets_a_finding_aside() {
    for comment in [
        "noqa",
        "nosec",
        "NOSONAR",
        "nolint",
        "ast-grep-ignore",
        "ast-grep-ignore: python.calls-eval",
        "pullmill: ignore",
        "pullmill: ignore python.calls-eval",
        "pullmill: ignore python.calls-eval --  ",
        "pullmill: ignore python.other -- a good reason",
    ] {
        for text in [
            format!("eval(x)  # {comment}\n"),
            format!("# {comment}\neval(x)\n"),
        ] {
            let report = head("a.py", &text);
            assert_eq!(report.findings.len(), 1, "{text}");
        }
    }
    let report = head(
        "a.py",
        "eval(x)  # pullmill: ignore python.* -- x is a constant\n",
    );
    assert!(report.findings.is_empty());
    assert_eq!(report.suppressed.len(), 1);
    assert_eq!(report.suppressed[0].reason, "x is a constant");
    let report = head(
        "a.js",
        "/* pullmill: ignore javascript.calls-eval -- x is a constant */\neval(x);\n",
    );
    assert!(report.findings.is_empty());
}

#[test]
fn what_cannot_be_assessed_says_why() {
    let deep = format!("x = {}{}\n", "(".repeat(2000), ")".repeat(2000));
    let chain = format!("x = a{};\n", "\n  .then(f)".repeat(5000));
    for (path, text, reason) in [
        ("a.py", deep.as_str(), SkipReason::ParseError),
        ("a.js", chain.as_str(), SkipReason::ParseError),
        (
            "a.java",
            "class { ) int = = ; }{{{ %% ???",
            SkipReason::ParseError,
        ),
        ("a.dart", "void main() {}", SkipReason::Unsupported),
        ("a.py", "# @generated\nx = 1\n", SkipReason::Generated),
    ] {
        assert_eq!(skip_reason(&head(path, text)), Some(reason), "{path}");
    }
}

#[test]
fn a_little_unknown_syntax_leaves_a_file_assessed() {
    let mut text = "def f(x):\n    return x + 1\n\n\n".repeat(40);
    text.push_str("x = a ?? b\neval(x)\n");
    let report = head("a.py", &text);
    assert_eq!(skip_reason(&report), None);
    assert_eq!(report.findings.len(), 1);
}

#[test]
fn findings_stay_when_a_file_is_not_assessed() {
    let report = head("a.py", "eval(x)\ndef def def ( ( ) ] class 1 = = :\n");
    assert_eq!(skip_reason(&report), Some(SkipReason::ParseError));
    assert_eq!(report.findings.len(), 1);
}

#[test]
fn equal_sides_are_equal_and_changed_ones_are_not() {
    let mut job = job("a.py", b"eval(x)\n");
    job.base = job.head.clone();
    let report = analyser().analyse(&job);
    assert_eq!(report.base, report.head);
    job.base = Some(Arc::from(&b"safe(x)\n"[..]));
    let report = analyser().analyse(&job);
    assert!(report.base.expect("base").findings.is_empty());
    assert_eq!(report.head.expect("head").findings.len(), 1);
}

#[test]
fn bytes_that_are_no_text_are_still_read() {
    let report = analyser()
        .analyse(&job("a.py", b"s = '\xff\xfe'\neval(s)\n"))
        .head
        .expect("there is a head");
    assert_eq!(report.findings[0].location.line, 2);
}

#[test]
fn settings_switch_rules_off_and_change_severities() {
    let mut setup = Setup {
        user_rules: vec![(
            RepoPath::from("r.yml"),
            EVAL.replace("calls-eval", "own-eval"),
        )],
        severities: vec![
            ("python.*".to_owned(), Severity::Info),
            ("python.own-eval".to_owned(), Severity::Critical),
        ],
        ..Setup::default()
    };
    let found = |setup: &Setup| {
        let analyser = Analyser::new(setup).expect("the setup is sound");
        let report = analyser.analyse(&job("a.py", b"eval('1')\n"));
        let findings = report.head.expect("there is a head").findings;
        findings
            .into_iter()
            .find(|finding| finding.rule == "python.own-eval")
    };
    assert_eq!(
        found(&setup).map(|finding| finding.severity),
        Some(Severity::Critical)
    );
    setup.rules_off = vec!["python.own-*".to_owned()];
    assert!(found(&setup).is_some(), "a pattern ends in `.*`");
    setup.rules_off = vec!["python.*".to_owned()];
    assert!(found(&setup).is_none());
}

#[test]
fn mistakes_in_rules_are_all_named_with_file_and_rule() {
    let wrong = [
        EVAL.replace("fix: Do not.", "fixes: Do not."),
        EVAL.replace("rule: {", "rule: { colour: red,"),
        EVAL.replace("pattern: eval($CODE)", "kind: no_such_kind"),
        EVAL.replace("pattern: eval($CODE)", "regex: '.*'"),
        EVAL.replace("id: python.calls-eval", "id: CallsEval"),
        EVAL.replace("severity: high", "severity: huge"),
        "a: [".to_owned(),
    ];
    let mut said = String::new();
    for text in wrong {
        let rules = [(RepoPath::from("rules/own.yml"), text)];
        let problems = Pack::only(&rules).err().unwrap_or_default();
        said.push_str(&problems.join("\n"));
        said.push_str("\n\n");
    }
    insta::assert_snapshot!(said);
    let both = [
        (RepoPath::from("a.yml"), EVAL.to_owned()),
        (RepoPath::from("b.yml"), EVAL.to_owned()),
    ];
    let problems = Pack::only(&both).err().unwrap_or_default();
    assert_eq!(problems[0], "b.yml: python.calls-eval: this id is taken");
}

#[test]
fn secret_shows_in_no_finding_of_its_line() {
    let secret = ["ghp_", "x7Kp2mQ9vR4tY6wZ1aB3cD5eF8gH0jL2nM4p"].concat();
    let report = head("app/client.py", &format!("token = eval(\"{secret}\")\n"));
    let shown = format!("{:?}", report.findings);
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.rule == "python.calls-eval")
    );
    assert!(report.findings.len() > 1, "{shown}");
    assert!(!shown.contains(&secret), "{shown}");
}

#[test]
fn unreadable_document_is_not_assessed() {
    let rule = [(
        RepoPath::from("rule.yml"),
        EVAL.split("match:")
            .next()
            .unwrap_or_default()
            .replace("languages: [python]", "")
            + "document: { format: yaml, where: [{ path: a, equals: 1 }] }\n",
    )];
    let analyser = Analyser::with_pack(Pack::only(&rule).expect("the rule is sound"));
    let side = |text: &str| {
        analyser
            .analyse(&job("a.yml", text.as_bytes()))
            .head
            .expect("there is a head")
    };
    assert_eq!(side("a: 1\n").findings.len(), 1);
    assert_eq!(
        skip_reason(&side("a: [1\nb: }")),
        Some(SkipReason::ParseError)
    );
}

#[test]
fn one_analyser_may_serve_many_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&analyser());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_the_analyser_panic_or_waver(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let analyser = Analyser::new(&Setup::default()).expect("the built-in rules are sound");
        for language in Language::ALL {
            let path = format!("a.{}", language.extension());
            let job = job(&path, &bytes);
            prop_assert_eq!(analyser.analyse(&job), analyser.analyse(&job));
        }
    }

    #[test]
    fn no_code_like_text_makes_the_analyser_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "def ", "class ", "func ", "fn ", "eval(x)", "(", ")", "{", "}", "[", "]", "\n", "    ", ":", "=", "\"", "'", "`",
                "é", "=>", "if ", "return ", "// pullmill: ignore a.b -- cde", "# pullmill: ignore", "/*", "*/", ".", ",", "import os",
                "request.args", "x", "lambda", "try", "except", "for ", "in ", "${", "\\", "\r\n", "@", "0",
            ]),
            0..60,
        )
    ) {
        let analyser = analyser();
        for language in Language::ALL {
            let path = format!("a.{}", language.extension());
            let _ = analyser.analyse(&job(&path, words.concat().as_bytes()));
        }
    }

    #[test]
    fn fingerprints_stay_under_unrelated_edits_above(
        above in proptest::collection::vec(
            proptest::sample::select(vec!["", "import os", "x = 1", "# é words", "def g():\n    return 2", "y = {\n    1: 2,\n}"]),
            0..12,
        ),
        ending in proptest::sample::select(vec!["\n", "\r\n"]),
    ) {
        let code = "class A:\n    def f(self, x):\n        return eval(x, {})\n\n\ndef h(x):\n    eval(x)\n    return eval( x )\n";
        let prints = |text: &str| -> Vec<String> {
            let report = head("a.py", text);
            report.findings.into_iter().map(|finding| finding.fingerprint).collect()
        };
        let before = prints(code);
        let edited = format!("{}\n{code}", above.join("\n")).replace('\n', ending);
        prop_assert_eq!(before.len(), 2);
        prop_assert_eq!(before, prints(&edited));
    }
}
