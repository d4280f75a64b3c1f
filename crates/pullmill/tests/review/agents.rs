//! The agents for architecture, tests and documentation, as they speak about a change.

use serde_json::Value;

use super::{commit, git, json, repository, review, write};

/// What the agents beside security and bugs say: rule, place and message.
fn told(review: &Value) -> Vec<String> {
    let findings = review["findings"].as_array().unwrap();
    let own = findings
        .iter()
        .filter(|one| one["agent"] != "security" && one["agent"] != "bugs");
    own.map(|one| {
        let place = &one["location"];
        format!(
            "{} {}:{} {}",
            one["rule"].as_str().unwrap(),
            place["path"].as_str().unwrap(),
            place["line"],
            one["message"].as_str().unwrap()
        )
    })
    .collect()
}

/// A function of so many nested branches.
fn nested(name: &str, depth: usize) -> String {
    let branches = (1..=depth).map(|level| format!("{}if a[{level}]:\n", "    ".repeat(level)));
    let branches: String = branches.collect();
    format!(
        "def {name}(a):\n{branches}{}return a\n",
        "    ".repeat(depth + 1)
    )
}

#[test]
fn a_function_is_told_once_it_grows_too_complex_and_when_it_grows_on() {
    let folder = repository(&[("a.py", &nested("route", 5))]);
    write(folder.path(), &[("a.py", &nested("route", 6))]);
    let grown = "code.complex-function a.py:1 `route` has a cognitive complexity of 21, the limit is 15, before it was 15";
    assert_eq!(told(&json(&review(folder.path(), &[]))), [grown]);
    commit(folder.path());
    // It was there before, and what is written elsewhere does not change it.
    write(
        folder.path(),
        &[("a.py", &format!("{}\n\nx = 1\n", nested("route", 6)))],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
    write(folder.path(), &[("a.py", &nested("route", 7))]);
    let more = "code.complex-function a.py:1 `route` has a cognitive complexity of 28, the limit is 15, before it was 21";
    assert_eq!(told(&json(&review(folder.path(), &[]))), [more]);
    // It moves.
    write(
        folder.path(),
        &[("a.py", "x = 1\n"), ("b.py", &nested("route", 6))],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
}

#[test]
fn an_ignore_comment_with_a_reason_sets_a_measure_aside() {
    let folder = repository(&[("a.py", "x = 1\n")]);
    let ignored = format!(
        "# pullmill: ignore code.complex-function -- a table of cases\n{}",
        nested("route", 7)
    );
    write(folder.path(), &[("a.py", &ignored)]);
    let review = json(&review(folder.path(), &[]));
    assert_eq!(told(&review), [""; 0]);
    assert_eq!(review["suppressed"][0]["rule"], "code.complex-function");
}

#[test]
fn code_that_stands_elsewhere_already_is_told_with_its_place() {
    let lines: String = (0..12)
        .map(|line| format!("    total += item.price[{line}] * item.count\n"))
        .collect();
    let folder = repository(&[(
        "old.py",
        &format!("def old(item, total):\n{lines}    return total\n"),
    )]);
    write(
        folder.path(),
        &[(
            "new.py",
            &format!("def new(item, total):\n{lines}    return total\n"),
        )],
    );
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        ["code.duplicated new.py:1 these 14 lines stand in `old.py:1` already"]
    );
    git(folder.path(), &["add", "-A"]);
    assert_eq!(told(&json(&review(folder.path(), &["--staged"]))).len(), 1);
    commit(folder.path());
    assert_eq!(
        told(&json(&review(folder.path(), &["HEAD~1..HEAD"]))).len(),
        1
    );
    // Of a patch only the change itself is seen.
    let of = |name: &str| format!("def {name}(item, total):\n{lines}    return total\n");
    write(
        folder.path(),
        &[("copy.py", &of("copy")), ("twin.py", &of("twin"))],
    );
    git(folder.path(), &["add", "-A"]);
    let patch = git(folder.path(), &["diff", "--cached"]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.patch"), patch).unwrap();
    let seen = told(&json(&review(outside.path(), &["--patch", "x.patch"])));
    assert_eq!(
        seen,
        ["code.duplicated twin.py:1 these 14 lines stand in `copy.py:1` already"]
    );
}

#[test]
fn a_layer_uses_only_what_it_may() {
    let config = "[[layers]]\nname = 'web'\npaths = ['src/web/']\nmay_use = ['model']\n\n[[layers]]\nname = 'model'\npaths = ['src/model/']\n\n\
        [[layers]]\nname = 'storage'\npaths = ['src/storage/']\nmay_use = ['model']\n";
    let folder = repository(&[
        (".pullmill.toml", config),
        ("src/web/old.py", "from storage.tables import users\n"),
    ]);
    write(
        folder.path(),
        &[
            (
                "src/web/old.py",
                "from storage.tables import users\n\nx = 1\n",
            ),
            (
                "src/web/views.py",
                "import os\nfrom model.user import User\nfrom storage.tables import users\n",
            ),
            (
                "src/model/user.ts",
                "import { a } from '../web/a'\nimport { b } from './b'\n",
            ),
        ],
    );
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        [
            "code.layering src/model/user.ts:1 `model` may not use `web`: `../web/a`",
            "code.layering src/web/views.py:3 `web` may not use `storage`: `storage.tables`",
        ]
    );
}

#[test]
fn tests_that_say_less_are_told() {
    let tests = "def test_one():\n    assert f(1) == 2\n    assert f(2) == 3\n\n\ndef test_two():\n    first = f(5)\n    assert first == 6\n\n\n\
        def test_three():\n    assert g(9) == 0\n";
    let code = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return 0\n";
    let folder = repository(&[("test_a.py", tests), ("a.py", code)]);
    let fewer = tests.replace("    assert f(2) == 3\n", "");
    write(folder.path(), &[("test_a.py", &fewer)]);
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        ["tests.fewer-assertions test_a.py:1 `test_one` asserts 1 things where it asserted 2"]
    );
    let gone = tests.replace(
        "def test_two():\n    first = f(5)\n    assert first == 6\n\n\n",
        "",
    );
    write(folder.path(), &[("test_a.py", &gone)]);
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        ["tests.deleted test_a.py:6 `test_two` is deleted, and what was tested is still there"]
    );
    // It moved, it has another name, or what it tested is gone as well.
    let renamed = tests.replace("test_two", "test_second");
    write(folder.path(), &[("test_a.py", &renamed)]);
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
    write(
        folder.path(),
        &[
            ("test_a.py", &gone),
            ("test_b.py", "def test_two():\n    assert f(5) == 7\n"),
        ],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
    let without = tests.split("\n\ndef test_three").next().unwrap();
    write(
        folder.path(),
        &[
            ("test_a.py", without),
            ("test_b.py", ""),
            ("a.py", "def f(x):\n    return x + 1\n"),
        ],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
    write(
        folder.path(),
        &[
            (
                "test_a.py",
                &format!("import pytest\n\n\n@pytest.mark.skip\n{tests}"),
            ),
            ("a.py", code),
        ],
    );
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        ["tests.skipped test_a.py:4 the test `test_one` is skipped whatever holds"]
    );
}

#[test]
fn every_rule_can_be_switched_off_and_has_its_severity_replaced() {
    let config = "[rules]\noff = ['code.duplicated']\n\n[rules.severity]\n'code.complex-function' = 'high'\n";
    let folder = repository(&[(".pullmill.toml", config), ("old.py", &nested("old", 9))]);
    write(folder.path(), &[("new.py", &nested("new", 9))]);
    let review = json(&review(folder.path(), &[]));
    assert_eq!(told(&review).len(), 1, "{:?}", told(&review));
    assert_eq!(review["findings"][0]["severity"], "high");
    assert_eq!(review["verdict"]["outlook"], "fail");
}

#[test]
fn dependencies_are_listed_and_what_is_odd_about_them_is_told() {
    let before = "{\n  \"dependencies\": {\n    \"lodash\": \"^4.17.0\",\n    \"left-pad\": \"1.3.0\"\n  }\n}\n";
    let after = "{\n  \"dependencies\": {\n    \"lodash\": \"^4.16.0\",\n    \"expres\": \"1.0.0\",\n    \"react\": \"18\"\n  }\n}\n";
    let folder = repository(&[("package.json", before)]);
    write(folder.path(), &[("package.json", after)]);
    let review = json(&review(folder.path(), &[]));
    let findings = review["findings"].as_array().unwrap();
    let told: Vec<(&str, &Value, &str)> = findings
        .iter()
        .map(|one| {
            (
                one["rule"].as_str().unwrap(),
                &one["location"]["line"],
                one["message"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "dependency.look-alike",
                &Value::from(4),
                "`expres` is called almost like `express`"
            ),
            (
                "dependency.downgraded",
                &Value::from(3),
                "`lodash` goes back from ^4.17.0 to ^4.16.0"
            ),
        ]
    );
    let changes = review["summary"]["dependencies"].as_array().unwrap();
    let names: Vec<&str> = changes
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["left-pad", "lodash", "expres", "react"]);
}

#[test]
fn code_whose_own_tests_stand_still_is_told() {
    let code =
        "def total(items):\n    return sum(items)\n\n\ndef first(items):\n    return items[0]\n";
    let tests = "from price import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n";
    let folder = repository(&[("price.py", code), ("tests/test_price.py", tests)]);
    let changed = code.replace("sum(items)", "sum(items) + 1");
    write(folder.path(), &[("price.py", &changed)]);
    let still = "tests.unchanged price.py:1 `total` changed, and `tests/test_price.py`, which tests it, did not";
    assert_eq!(told(&json(&review(folder.path(), &[]))), [still]);
    // What no test names, what is a comment, and what a test follows.
    let other = code.replace("items[0]", "items[-1]");
    let comment = code.replace("    return sum", "    # All of them.\n    return sum");
    for text in [other, comment] {
        write(folder.path(), &[("price.py", &text)]);
        assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0], "{text}");
    }
    let follows = tests.replace("== 3", "== 4");
    for test in ["tests/test_price.py", "tests/test_other.py"] {
        git(folder.path(), &["checkout", "-q", "."]);
        write(folder.path(), &[("price.py", &changed), (test, &follows)]);
        assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0], "{test}");
    }
}

#[test]
fn a_comment_with_a_reason_sets_aside_what_is_found_across_files() {
    let code = "def total(items):\n    return sum(items)\n";
    let tests = "from price import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n";
    let folder = repository(&[("price.py", code), ("test_price.py", tests)]);
    let head = |comment: &str| {
        format!(
            "{comment}\n{}",
            code.replace("sum(items)", "sum(items) + 1")
        )
    };
    let reason = "# pullmill: ignore tests.* -- the rates are read from a file now";
    write(folder.path(), &[("price.py", &head(reason))]);
    let quiet = json(&review(folder.path(), &[]));
    assert_eq!(told(&quiet), [""; 0]);
    let set_aside = &quiet["suppressed"][0];
    assert_eq!(set_aside["rule"], "tests.unchanged");
    assert_eq!(set_aside["by"], "comment");
    assert_eq!(set_aside["reason"], "the rates are read from a file now");
    // Without a reason it ignores nothing.
    write(
        folder.path(),
        &[("price.py", &head("# pullmill: ignore tests.*"))],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))).len(), 1);
}

#[test]
fn a_lock_file_must_have_what_its_manifest_asks_for() {
    let manifest =
        |more: &str| format!("{{\n  \"dependencies\": {{\n    \"react\": \"18\"{more}\n  }}\n}}\n");
    let lock = "{\"packages\": {\"node_modules/react\": {}}}\n";
    let folder = repository(&[
        ("web/package.json", &manifest("")),
        ("package-lock.json", lock),
        ("docs/package.json", &manifest("")),
    ]);
    let rules = |review: &Value| -> Vec<String> {
        let findings = review["findings"].as_array().unwrap();
        let told = findings.iter().map(|one| {
            let (rule, line) = (&one["rule"], &one["location"]["line"]);
            format!(
                "{} {line} {}",
                rule.as_str().unwrap(),
                one["message"].as_str().unwrap()
            )
        });
        told.collect()
    };
    let new = manifest(",\n    \"left-pad\": \"1.3.0\"");
    write(folder.path(), &[("web/package.json", &new)]);
    assert_eq!(
        rules(&json(&review(folder.path(), &[]))),
        ["dependency.lock-drift 4 `left-pad` is not in `package-lock.json`"]
    );
    let full = "{\"packages\": {\"node_modules/react\": {}, \"node_modules/left-pad\": {}}}\n";
    write(folder.path(), &[("package-lock.json", full)]);
    assert_eq!(rules(&json(&review(folder.path(), &[]))), [""; 0]);
    // What is taken from a folder has no place there.
    let own = manifest(",\n    \"own\": \"file:../own\"");
    write(folder.path(), &[("web/package.json", &own)]);
    assert_eq!(rules(&json(&review(folder.path(), &[]))), [""; 0]);
}

#[test]
fn who_uses_what_changed_is_told() {
    let price =
        "def total_price(items):\n    return sum(items)\n\n\ndef old_price(items):\n    return 0\n";
    let folder = repository(&[
        ("shop/price.py", price),
        (
            "shop/cart.py",
            "from price import total_price\n\nprint(total_price([]))\n",
        ),
        (
            "shop/order.py",
            "import price\n\nprint(price.total_price([]), price.old_price([]))\n",
        ),
        ("tests/test_price.py", "from price import total_price\n"),
    ]);
    let head = "def total_price(items, tax):\n    return sum(items) + tax\n";
    write(folder.path(), &[("shop/price.py", head)]);
    let output = review(folder.path(), &[]);
    let callers = json(&output)["summary"]["callers"].clone();
    assert_eq!(
        callers,
        serde_json::json!([
            {"path": "shop/price.py", "name": "total_price", "change": "signature", "files": 2, "examples": ["shop/cart.py", "shop/order.py"]},
            {"path": "shop/price.py", "name": "old_price", "change": "removed", "files": 1, "examples": ["shop/order.py"]},
        ])
    );
    let shown = super::text(
        &super::command(folder.path(), &["--format", "text"])
            .output()
            .unwrap()
            .stdout,
    );
    assert!(
        shown.contains("total_price is called in another way: 2 other files name it"),
        "{shown}"
    );
}

#[test]
fn what_people_call_the_program_by_is_told() {
    let base = "import argparse, os\np = argparse.ArgumentParser()\np.add_argument(\"--port\")\nurl = os.environ[\"SHOP_URL\"]\n";
    let folder = repository(&[
        ("shop/cli.py", base),
        ("app.toml", "max_size = 3\nname = \"x\"\n"),
    ]);
    let head = "import argparse, os\np = argparse.ArgumentParser()\np.add_argument(\"--listen\")\np.add_argument(\"--quiet\", action=\"store_true\")\n";
    let files = [
        ("shop/cli.py", head),
        ("app.toml", "name = \"x\"\nother = 2\n"),
    ];
    write(folder.path(), &files);
    let names = json(&review(folder.path(), &[]))["summary"]["names"].clone();
    assert_eq!(
        names,
        serde_json::json!([
            {"kind": "flag", "before": "--port", "after": "--listen", "path": "shop/cli.py"},
            {"kind": "key", "before": "max_size", "after": null, "path": "app.toml"},
            {"kind": "variable", "before": "SHOP_URL", "after": null, "path": "shop/cli.py"},
            {"kind": "flag", "before": null, "after": "--quiet", "path": "shop/cli.py"},
        ])
    );
    let shown = super::command(folder.path(), &["--format", "text"]).output();
    let shown = super::text(&shown.unwrap().stdout);
    let at = shown.find("Flags, variables, routes and keys").unwrap();
    let lines: Vec<&str> = shown[at..].lines().skip(1).take(4).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "−  key max_size in app.toml",
            "−  variable SHOP_URL in shop/cli.py",
            "~  flag --port → --listen in shop/cli.py",
            "+  flag --quiet in shop/cli.py",
        ]
    );
}

/// Nothing that these agents show may print a secret: not a default, not a copy, not the line of a document.
#[test]
fn secrets_are_not_shown() {
    let key = "hunter2hunter2";
    let lines: String = (0..12)
        .map(|line| format!("    total += item.price[{line}] * item.count\n"))
        .collect();
    let of = |name: &str, key: &str| {
        format!(
            "def {name}(item, total, password='{key}'):\n    api_key = '{key}'\n{lines}    return total\n"
        )
    };
    let folder = repository(&[
        ("shop/old.py", &of("load_order", key)),
        (
            "README.md",
            &format!("`load_order` with DB_PASSWORD={key}\n"),
        ),
    ]);
    let head = of("read_order", key);
    write(
        folder.path(),
        &[("shop/old.py", &head), ("shop/new.py", &of("new", key))],
    );
    for format in ["json", "text", "markdown", "github", "rdjson", "sarif"] {
        let output = super::command(folder.path(), &["--format", format])
            .output()
            .unwrap();
        let shown = super::text(&output.stdout);
        assert!(shown.contains("docs.renamed"), "{format}: {shown}");
        assert!(!shown.contains(key), "{format}: {shown}");
    }
}
