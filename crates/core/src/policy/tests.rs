//! What a configuration file may say, and what is said of one that is wrong.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::Value;

use super::key::{Key, ROOT, Shape};
use super::*;
use crate::change::{FileChange, Side, Status};

fn problems(text: &str) -> String {
    match Policy::parse(text) {
        Ok(_) => "no problem".to_owned(),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        }
    }
}

fn parse(text: &str) -> Policy {
    Policy::parse(text).expect("a good configuration")
}

fn globs(patterns: &[&str]) -> Globs {
    Globs::new(patterns.iter().map(|&text| text.to_owned()).collect()).expect("good patterns")
}

fn codes(text: &str) -> Vec<&'static str> {
    let problems = Policy::parse(text).err().unwrap_or_default();
    problems.iter().map(|problem| problem.code.text()).collect()
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(parse(""), Policy::default());
    assert_eq!(parse("\u{feff}# nothing\r\n"), Policy::default());
}

#[test]
fn the_commented_default_file_means_the_defaults_and_is_what_is_printed_for_them() {
    assert_eq!(parse(DEFAULT_TEXT), Policy::default());
    assert_eq!(
        DEFAULT_TEXT,
        Policy::default().to_toml(),
        "run `cargo xtask docs`"
    );
}

#[test]
fn every_problem_is_listed_at_once_with_its_place_and_what_is_allowed() {
    let text = r#"
ignore = ["docs/", 7, "[a"]
colour = true
max_findings = 3
[review]
fail_onn = "high"
fail_on = "hihg"
max_findings = 100000
languages = ["python", "cobol"]
[limits]
max_files = "many"
[[risk.floor]]
name = "bill ing"
score = -1
[rules]
off = ["*", "python.weak-hash", "secrets.*", "Python.X"]
[rules.severity]
"python.*" = "lo"
nodot = "low"
[paths]
globs = ["a"]
"#;
    assert_snapshot!(problems(text), @r#"
    2:20: `ignore[1]`: another type is needed: 7; allowed: a path pattern such as `docs/` or `*.snap` [config.wrong-type]
    2:23: `ignore[2]`: the text is no path pattern: "[a" (unclosed character class; missing ']'); allowed: a path pattern such as `docs/` or `*.snap` [config.bad-glob]
    3:1: `colour`: there is no such key: colour; allowed: ignore, review, limits, risk, rules, paths, layers, docs, routes, agents [config.unknown-key]
    4:1: `max_findings`: there is no such key: max_findings; allowed: ignore, review, limits, risk, rules, paths, layers, docs, routes, agents; did you mean `review.max_findings`? [config.unknown-key]
    6:1: `review.fail_onn`: there is no such key: fail_onn; allowed: fail_on, max_findings, languages, generated, vendored; did you mean `fail_on`? [config.unknown-key]
    7:11: `review.fail_on`: the word is none of those allowed: "hihg"; allowed: critical, high, medium, low, info; did you mean `high`? [config.not-allowed]
    8:16: `review.max_findings`: the number is outside its bounds: 100000; allowed: a whole number from 1 to 1_000 [config.out-of-range]
    9:24: `review.languages[1]`: the word is none of those allowed: "cobol"; allowed: python, javascript, typescript, tsx, java, go, rust, c, cpp, csharp, ruby, php, bash, kotlin, scala, swift, yaml, json, hcl, dockerfile, sql [config.not-allowed]
    11:13: `limits.max_files`: another type is needed: "many"; allowed: a whole number from 100 to 100_000 [config.wrong-type]
    12:1: `risk.floor[0].paths`: a key that must be there is not; allowed: a list of path patterns such as `docs/` or `*.snap` [config.missing-key]
    13:8: `risk.floor[0].name`: the name has the wrong form: "bill ing"; allowed: a name of letters, digits, `-` and `_`, at most 64 of them [config.bad-name]
    14:9: `risk.floor[0].score`: the number is outside its bounds: -1; allowed: a whole number from 1 to 100 [config.out-of-range]
    16:8: `rules.off[0]`: the text names no rule: "*"; allowed: a rule id such as `python.weak-hash`, or all rules that begin alike such as `python.*` [config.bad-rule]
    16:46: `rules.off[3]`: the text names no rule: "Python.X"; allowed: a rule id such as `python.weak-hash`, or all rules that begin alike such as `python.*` [config.bad-rule]
    18:14: `rules.severity."python.*"`: the word is none of those allowed: "lo"; allowed: critical, high, medium, low, info; did you mean `low`? [config.not-allowed]
    19:1: `rules.severity."nodot"`: the text names no rule: nodot; allowed: a rule id such as `python.weak-hash`, or all rules that begin alike such as `python.*` [config.bad-rule]
    20:2: `paths`: another type is needed: a table; allowed: tables in double brackets, each with globs, fail_on, rules_off [config.wrong-type]
    "#);
}

#[test]
fn syntax_errors_come_with_the_other_problems_and_are_not_said_twice() {
    assert_snapshot!(problems("[review]\nfail_on = \nmax_findings = 0\nx 1\n[review]\nfail_on = 1\n"), @r#"
    2:11: the file is not TOML here: string values must be quoted, expected literal string [config.syntax]
    3:16: `review.max_findings`: the number is outside its bounds: 0; allowed: a whole number from 1 to 1_000 [config.out-of-range]
    4:3: the file is not TOML here: key with no value, expected `=` [config.syntax]
    "#);
    assert_snapshot!(problems("typo = 1\nignore = [\"a\"\n[review]\nfail_on = \"high\"\n"), @r#"
    1:1: `typo`: there is no such key: typo; allowed: ignore, review, limits, risk, rules, paths, layers, docs, routes, agents [config.unknown-key]
    2:10: the file is not TOML here: unclosed array, expected `]` [config.syntax]
    "#);
}

#[test]
fn a_file_that_would_leave_nothing_to_review_is_refused() {
    for all in ["**", "*", "/**", "**/*", "*.*", "*.{py,js,ts,java,go}"] {
        assert_eq!(
            codes(&format!("ignore = [\"{all}\"]")),
            ["config.too-broad"],
            "{all}"
        );
        let vendored = format!("[review]\nvendored = [\"docs/\", \"{all}\"]");
        assert_eq!(codes(&vendored), ["config.too-broad"], "{all}");
    }
    assert_eq!(
        codes("ignore = ['*.py', '*.js', '*.ts', '*.java', '*.go']"),
        ["config.too-broad"]
    );
    assert_eq!(codes("[rules]\noff = ['*']"), ["config.bad-rule"]);
    assert_eq!(codes("[review]\nlanguages = []"), ["config.wrong-count"]);
    assert_eq!(codes("[risk]\ndeploy_below = 101"), ["config.out-of-range"]);
    assert!(codes("ignore = ['*.py', 'src/']").is_empty());
}

#[test]
fn what_must_hold_between_values_is_checked() {
    let text = r#"
[risk]
approve_below = 50
[[risk.floor]]
name = "billing"
paths = ["billing/"]
score = 50
[[risk.floor]]
name = "billing"
paths = ["pay/"]
score = 60
[[paths]]
globs = ["tests/"]
[[layers]]
name = "storage"
paths = ["storage/"]
may_use = ["modle"]
[[layers]]
name = "model"
paths = ["model/"]
"#;
    assert_snapshot!(problems(text), @r#"
    3:17: `risk.approve_below`: two values cannot both hold: approve_below = 50, deploy_below = 40; allowed: approve_below at most deploy_below [config.conflict]
    9:8: `risk.floor[1].name`: the name is used twice: billing; allowed: a name that no other entry has [config.duplicate]
    12:1: `paths[0]`: a key that must be there is not; allowed: at least one of fail_on, rules_off [config.missing-key]
    17:12: `layers[0].may_use[0]`: the name stands for nothing: modle; allowed: storage, model; did you mean `model`? [config.unknown-name]
    "#);
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_too_large_are_refused() {
    let problem = &Policy::parse_bytes(b"ignore = []\n# \xff").unwrap_err()[0];
    assert_eq!(
        (problem.code, problem.line, problem.column),
        (Code::NotUtf8, 2, 3)
    );
    assert_eq!(codes(&"#".repeat(MAX_BYTES + 1)), ["config.too-large"]);
}

#[test]
fn deep_nesting_ends_in_a_problem() {
    let arrays = format!("ignore = {}{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(codes(&arrays).contains(&"config.syntax"));
    assert!(codes(&format!("{}x = 1", "a.".repeat(50_000))).contains(&"config.syntax"));
    let tables = format!("ignore = {}", "{a=".repeat(40_000));
    assert!(codes(&tables).contains(&"config.syntax"));
}

#[test]
fn what_is_shown_reads_back_to_the_same_policy() {
    let policy = parse(
        r#"
ignore = ["docs/", 'a"b\\c', "ü*"]
[review]
fail_on = "low"
languages = ["go"]
[[risk.floor]]
name = "auth"
paths = ["src/login/"]
score = 80
[rules]
off = ["python.*"]
[rules.severity]
"go.*" = "info"
"go.ignored-error" = "high"
[[paths]]
globs = ["tests/"]
rules_off = ["secrets.*"]
[[layers]]
name = "core"
paths = ["core/"]
"#,
    );
    assert_eq!(parse(&policy.to_toml()), policy);
}

fn changed(path: &str) -> FileChange {
    FileChange {
        path: path.into(),
        old_path: None,
        status: Status::Modified,
        old_mode: None,
        new_mode: None,
        base: Side::Absent,
        head: Side::Absent,
        hunks: Vec::new(),
    }
}

#[test]
fn floors_of_the_file_join_the_built_in_ones_and_replace_their_namesakes() {
    let policy = parse(
        "[[risk.floor]]\nname='auth'\npaths=['x/']\nscore=70\n[[risk.floor]]\nname='billing'\npaths=['pay/']\nscore=50\n",
    );
    let files = ["pay/a.py", "auth/b.py", "x/c.py", "sub/go.mod"].map(changed);
    let met: Vec<(String, u32, String)> = policy
        .floors(&files.each_ref())
        .into_iter()
        .map(|floor| (floor.name, floor.score, floor.path.to_string()))
        .collect();
    let expected = [
        ("dependencies", 40, "sub/go.mod"),
        ("auth", 70, "x/c.py"),
        ("billing", 50, "pay/a.py"),
    ];
    let expected = expected.map(|(name, score, path)| (name.to_owned(), score, path.to_owned()));
    assert_eq!(met, expected);
}

#[test]
fn path_rules_hold_for_their_paths_and_the_last_threshold_wins() {
    let policy = parse(
        "[rules]\noff=['go.*']\n[[paths]]\nglobs=['tests/']\nfail_on='critical'\nrules_off=['secrets.*']\n\
         [[paths]]\nglobs=['tests/e2e/']\nfail_on='low'\n",
    );
    let path = |text: &str| RepoPath::from(text);
    assert_eq!(policy.fail_on(&path("src/a.py")), Severity::High);
    assert_eq!(policy.fail_on(&path("tests/a.py")), Severity::Critical);
    assert_eq!(policy.fail_on(&path("tests/e2e/a.py")), Severity::Low);
    assert!(policy.is_rule_on("secrets.token", &path("src/a.py")));
    assert!(!policy.is_rule_on("secrets.token", &path("tests/e2e/a.py")));
    assert!(!policy.is_rule_on("go.ignored-error", &path("src/a.go")));
}

#[test]
fn the_longest_pattern_gives_a_rule_its_severity() {
    let policy =
        parse("[rules.severity]\n\"python.*\" = \"low\"\n\"python.weak-hash\" = \"critical\"\n");
    assert_eq!(
        policy.severity("python.weak-hash"),
        Some(Severity::Critical)
    );
    assert_eq!(policy.severity("python.other"), Some(Severity::Low));
    assert_eq!(policy.severity("pythonic.other"), None);
}

#[test]
fn languages_left_out_are_not_read_and_plain_text_always_is() {
    let policy = parse("[review]\nlanguages = [\"go\"]");
    assert!(policy.reads("go") && policy.reads("text"));
    assert!(!policy.reads("python"));
}

#[test]
fn path_patterns_match_like_those_of_gitignore() {
    let cases = [
        ("docs", "docs/a.md", true),
        ("docs", "x/docs/y/a.md", true),
        ("docs", "x/docs", true),
        ("docs", "mydocs/a.md", false),
        ("docs/", "docs", false),
        ("docs/", "x/docs/a.md", true),
        ("/docs", "x/docs/a.md", false),
        ("/docs", "docs/a.md", true),
        ("src/docs", "a/src/docs/b", false),
        ("src/docs", "src/docs/b", true),
        ("*.snap", "a/b/c.snap", true),
        ("*.snap", "a.snap/b", true),
        ("src/*.py", "src/a/b.py", false),
        ("src/**/t.py", "src/t.py", true),
        ("src/**/t.py", "src/a/b/t.py", true),
        ("**/fix/*.json", "a/fix/b.json", true),
        ("src/**", "src/a/b", true),
        ("*.{js,ts}", "a/b.ts", true),
        ("a?c", "a/c", false),
        ("\\!x", "!x", true),
        ("A.py", "a.py", false),
    ];
    for (pattern, path, expected) in cases {
        let matches = globs(&[pattern]).matches(&RepoPath::from(path));
        assert_eq!(matches, expected, "{pattern} on {path}");
    }
}

#[test]
fn patterns_that_cannot_be_meant_are_refused() {
    for bad in [
        "",
        " ",
        "/",
        "!a",
        "../x",
        "a/./b",
        "[a",
        "{a",
        &"x".repeat(257),
    ] {
        assert!(Globs::new(vec![bad.to_owned()]).is_err(), "{bad}");
    }
}

#[test]
fn the_built_in_lists_are_all_good_patterns() {
    let floors = key::FLOORS.iter().flat_map(|(_, paths)| paths.iter());
    for pattern in key::GENERATED.iter().chain(key::VENDORED).chain(floors) {
        assert!(glob::compile(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn the_table_of_keys_and_the_types_name_the_same_keys() {
    let defaults = serde_json::to_value(Policy::default()).expect("a value");
    compare(ROOT, &defaults, "");
}

fn compare(keys: &[Key], value: &Value, path: &str) {
    let mut expected: Vec<&str> = keys.iter().map(|key| key.name).collect();
    expected.sort_unstable();
    let object = value.as_object().expect("a table");
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, expected, "{path}");
    let is_table = |key: &Key| {
        matches!(
            key.shape,
            Shape::Table(_) | Shape::Tables { .. } | Shape::SeverityByRule
        )
    };
    assert!(
        keys.is_sorted_by_key(is_table),
        "single values come before tables: {path}"
    );
    for key in keys {
        if let Shape::Table(keys) = &key.shape {
            compare(keys, &value[key.name], key.name);
        }
    }
}

#[test]
fn the_examples_in_the_table_of_keys_are_good() {
    let examples = |keys: &'static [Key]| {
        keys.iter().filter_map(|key| match &key.shape {
            Shape::Tables { example, .. } => Some(*example),
            _ => None,
        })
    };
    let nested = ROOT.iter().filter_map(|key| match &key.shape {
        Shape::Table(keys) => Some(*keys),
        _ => None,
    });
    for example in examples(ROOT).chain(nested.flat_map(examples)) {
        assert_eq!(problems(example), "no problem", "{example}");
    }
}

#[test]
fn the_schema_has_every_key_with_its_default_and_bounds() {
    let schema = Policy::schema();
    let review = &schema["properties"]["review"];
    assert_eq!(review["additionalProperties"], Value::Bool(false));
    assert_eq!(review["properties"]["fail_on"]["default"], "high");
    assert_eq!(review["properties"]["max_findings"]["maximum"], 1000);
    let floor = &schema["properties"]["risk"]["properties"]["floor"]["items"];
    assert_eq!(
        floor["required"],
        serde_json::json!(["name", "paths", "score"])
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Policy::parse_bytes(&bytes);
    }

    #[test]
    fn texts_that_look_like_configurations_never_panic(text in r#"((ignore|review|\[\[?paths\]?\]|\[limits\]|max_files|globs|rules|severity|"[a-z.*]{0,6}"|é) ?[=.]? ?(\[|\]|\{|\}|"\**[!/]*"|-?[0-9_]{1,22}|0x[0-9a-f]+|inf|true|1979-05-27)?[\n, ]){0,30}"#) {
        match Policy::parse(&text) {
            Ok(policy) => prop_assert_eq!(Policy::parse(&policy.to_toml()), Ok(policy)),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(problem.line >= 1 && problem.column >= 1);
                    prop_assert!(problem.line as usize <= text.lines().count().max(1) + 1);
                }
            }
        }
    }

    #[test]
    fn any_pattern_is_taken_or_refused_and_matches_without_panic(pattern in any::<String>(), path in any::<String>()) {
        if let Ok(globs) = Globs::new(vec![pattern]) {
            let _ = globs.matches(&RepoPath::from(path.as_str()));
        }
    }
}

/// They are made ready when they are first asked, and then a bad one would match nothing.
#[test]
fn patterns_that_hold_without_a_configuration_are_good() {
    let policy = Policy::default();
    let floors = policy.risk.floors.iter().map(|floor| &floor.paths);
    let own = [
        &policy.review.generated,
        &policy.review.vendored,
        &policy.docs.paths,
    ];
    for globs in floors.chain(own) {
        assert!(!globs.patterns().is_empty());
        assert!(Globs::new(globs.patterns().to_vec()).is_ok(), "{globs:?}");
    }
}

#[test]
fn routes_name_agents_that_there_are() {
    let routes = |agents: &str| format!("[[routes]]\npaths = [\"a/\"]\nagents = [{agents}]\n");
    assert_eq!(
        codes(&routes("\"security\", \"securty\"")),
        ["config.unknown-name"]
    );
    let own = "[[agents]]\nname = \"money\"\npaths = [\"a/\"]\ninstructions = \"Whole cents.\"\n";
    assert_eq!(codes(&routes("\"money\"")), ["config.unknown-name"]);
    assert_eq!(
        codes(&(own.to_owned() + &routes("\"money\", \"docs\""))),
        [""; 0]
    );
}
