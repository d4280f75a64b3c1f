//! A made-up but realistic review that the tests of every format render.

use std::sync::Arc;

use pullmill_core::assemble::{Analyses, Analysis, BaselineEntry, Settings, review};
use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::coverage::{Outcome, SkipReason};
use pullmill_core::finding::{Agent, Confidence, Finding, Location, Severity, Step, stem};
use pullmill_core::hunk::{Hunk, Line, LineKind};
use pullmill_core::job::{JobReport, SideReport, Symbol};
use pullmill_core::review::{Review, Suppressed, SuppressedBy};

pub(super) fn at(path: &str, line: u32, columns: (u32, u32)) -> Location {
    Location {
        path: path.into(),
        line,
        column: columns.0,
        end_line: line,
        end_column: columns.1,
    }
}

fn file(path: &str, status: Status, base: Option<&str>, head: Option<&str>) -> FileChange {
    let side = |text: Option<&str>| {
        text.map_or(Side::Absent, |text| Side::Text(Arc::from(text.as_bytes())))
    };
    FileChange {
        path: path.into(),
        old_path: None,
        status,
        old_mode: base.map(|_| 0o100_644),
        new_mode: head.map(|_| 0o100_644),
        base: side(base),
        head: side(head),
        hunks: Vec::new(),
    }
}

fn hunk(start: u32, marks: &str) -> Hunk {
    let lines = marks.chars().map(|mark| Line {
        kind: match mark {
            '+' => LineKind::Added,
            '-' => LineKind::Removed,
            _ => LineKind::Context,
        },
        bytes: b"x\n".to_vec(),
    });
    Hunk {
        old_start: start,
        new_start: start,
        lines: lines.collect(),
    }
}

fn symbol(name: &str, digest: &str) -> Symbol {
    Symbol {
        name: name.into(),
        kind: "function".into(),
        line: 1,
        end_line: 9,
        digest: digest.into(),
        is_public: true,
        signature: String::new(),
    }
}

fn report(language: &str, symbols: &[(&str, &str)], findings: Vec<Finding>) -> SideReport {
    SideReport {
        outcome: Outcome::Assessed {
            language: language.into(),
        },
        is_searched: true,
        findings,
        suppressed: Vec::new(),
        symbols: symbols
            .iter()
            .map(|(name, digest)| symbol(name, digest))
            .collect(),
        tests: Vec::new(),
        names: Vec::new(),
        imports: Vec::new(),
        dependencies: Vec::new(),
        ignores: Vec::new(),
        syntax_errors: 0,
    }
}

fn injection() -> Finding {
    let snippet = "    rows = db.execute(f\"SELECT * FROM users WHERE name = '{name}'\")";
    Finding {
        rule: "python.sql-injection".into(),
        agent: Agent::Security,
        severity: Severity::Critical,
        confidence: Confidence::High,
        category: "injection".into(),
        cwe: vec![89],
        message: "`name` from the request reaches the text of an SQL query".into(),
        why: "Whoever sends the request decides what the query does: they can read or change every row the application can.".into(),
        fix: "Pass the value as a parameter: `db.execute(\"… WHERE name = ?\", (name,))`.".into(),
        location: at("shop/auth/login.py", 31, (12, 69)),
        comment_line: None,
        suggestion: None,
        path: vec![
            Step { location: at("shop/auth/login.py", 28, (12, 38)), message: "`request.args[\"name\"]` comes from the request".into() },
            Step { location: at("shop/auth/login.py", 28, (5, 9)), message: "and is kept in `name`".into() },
            Step { location: at("shop/auth/login.py", 31, (12, 69)), message: "which becomes part of the query given to `db.execute`".into() },
        ],
        symbol: Some("login".into()),
        snippet: snippet.into(),
        fingerprint: stem("python.sql-injection", Some("login"), snippet),
    }
}

fn key() -> Finding {
    let snippet = "PAYMENT_KEY = \"sk_live_****************\"";
    Finding {
        rule: "secrets.provider-token".into(),
        severity: Severity::High,
        category: "secrets".into(),
        cwe: vec![798],
        message: "a live payment key is written in the code".into(),
        why: "Everyone who can read the repository, now or later, can use the key.".into(),
        fix: "Revoke the key, then read it from the environment or a secret store.".into(),
        location: at("shop/settings.py", 12, (15, 41)),
        path: Vec::new(),
        symbol: None,
        snippet: snippet.into(),
        fingerprint: stem("secrets.provider-token", None, snippet),
        ..injection()
    }
}

fn handle() -> Finding {
    let snippet =
        "\tbody, err := io.ReadAll(response.Body)\n\tif err != nil {\n\t\treturn nil, err\n\t}";
    Finding {
        rule: "go.response-body-not-closed".into(),
        agent: Agent::Bugs,
        severity: Severity::Medium,
        confidence: Confidence::Medium,
        category: "resource-leak".into(),
        cwe: vec![772],
        message: "`response.Body` is never closed".into(),
        why: "Every call keeps a connection open; in the end no more can be made.".into(),
        fix: "Add `defer response.Body.Close()` behind the error check.".into(),
        location: Location {
            end_line: 47,
            ..at("worker/fetch.go", 44, (2, 3))
        },
        path: Vec::new(),
        symbol: Some("fetchPrice".into()),
        snippet: snippet.into(),
        fingerprint: stem("go.response-body-not-closed", Some("fetchPrice"), snippet),
        ..injection()
    }
}

fn old(mut finding: Finding, line: u32) -> Finding {
    finding.rule = "python.weak-hash".into();
    finding.severity = Severity::Medium;
    finding.cwe = vec![328];
    finding.path.clear();
    finding.location = at("shop/auth/login.py", line, (5, 20));
    finding.fingerprint = stem(&finding.rule, Some("etag"), "hashlib.md5(body)");
    finding
}

pub(super) fn sample() -> Review {
    let mut login = file("shop/auth/login.py", Status::Modified, Some("a"), Some("b"));
    login.hunks = vec![hunk(25, "   ++++-++   "), hunk(60, "   --   ")];
    let mut settings = file("shop/settings.py", Status::Modified, Some("a"), Some("b"));
    settings.hunks = vec![hunk(9, "   +   ")];
    let mut fetch = file("worker/fetch.go", Status::Renamed, Some("a"), Some("b"));
    fetch.old_path = Some("worker/http.go".into());
    fetch.hunks = vec![hunk(35, "   ++-   ")];
    let mut flow = file(
        ".github/workflows/release.yml",
        Status::Added,
        None,
        Some("b"),
    );
    flow.hunks = vec![hunk(1, "++++++++++++++++++++++")];
    let mut guide = file("docs/guide.md", Status::Modified, Some("a"), Some("b"));
    guide.hunks = vec![hunk(3, " +- ")];
    let mut logo = file("docs/logo.png", Status::Added, None, None);
    logo.head = Side::Binary { size: 48_213 };
    let mut script = file("tools/report.pl", Status::Modified, Some("a"), Some("b"));
    script.hunks = vec![hunk(1, "+-")];
    let mut test = file("tests/test_login.py", Status::Added, None, Some("b"));
    test.hunks = vec![hunk(1, "++++++++++++")];
    let change = Change {
        label: "main..login-by-name".into(),
        base: Some("5f1c9a7e0d3b4c2a8e6f7d9b0a1c2e3f4a5b6c7d".into()),
        head: Some("9b2d4e6f8a0c1e3d5f7a9b1c3d5e7f9a0b2c4d6e".into()),
        files: vec![login, settings, fetch, flow, guide, logo, script, test],
        notes: Vec::new(),
    };
    let mut files = std::collections::BTreeMap::new();
    let mut add = |path: &str, base: Option<SideReport>, head: Option<SideReport>| {
        files.insert(
            RepoPath::from(path),
            Analysis::Report(Box::new(JobReport { base, head })),
        );
    };
    let mut head = report(
        "python",
        &[("login", "3"), ("logout", "2"), ("etag", "4")],
        vec![injection(), old(injection(), 64)],
    );
    head.suppressed.push(Suppressed {
        rule: "python.debug-enabled".into(),
        location: at("shop/auth/login.py", 29, (5, 22)),
        fingerprint: stem("python.debug-enabled", None, "debug=True"),
        by: SuppressedBy::Comment,
        reason: "only the local profile reads this".into(),
    });
    add(
        "shop/auth/login.py",
        Some(report(
            "python",
            &[("logout", "1"), ("etag", "4")],
            vec![old(injection(), 60)],
        )),
        Some(head),
    );
    add(
        "shop/settings.py",
        Some(report("python", &[], vec![])),
        Some(report("python", &[], vec![key()])),
    );
    add(
        "worker/fetch.go",
        Some(report("go", &[("getPrice", "7")], vec![])),
        Some(report(
            "go",
            &[("fetchPrice", "7"), ("retry", "8")],
            vec![handle()],
        )),
    );
    add(
        ".github/workflows/release.yml",
        None,
        Some(report("yaml", &[], vec![])),
    );
    add(
        "docs/guide.md",
        Some(report("text", &[], vec![])),
        Some(report("text", &[], vec![])),
    );
    add(
        "tests/test_login.py",
        None,
        Some(report("python", &[("login_works", "9")], vec![])),
    );
    files.insert(
        "tools/report.pl".into(),
        Analysis::Skipped {
            reason: SkipReason::Unsupported,
            detail: "Perl".into(),
        },
    );
    let settings = Settings {
        baseline: vec![BaselineEntry {
            fingerprint: format!("{}-0", key().fingerprint),
            rule: "secrets.other".into(),
            path: "shop/other.py".into(),
            reason: "of another file, so it does not count here".into(),
        }],
        ..Settings::default()
    };
    review(
        &change,
        &Analyses {
            files,
            incomplete: Vec::new(),
            ..Analyses::default()
        },
        &settings,
    )
}
