//! Reads the text as a reader would.

use super::{TextStyle, render};
use crate::render::sample::sample;

#[test]
fn a_review_reads_well() {
    insta::assert_snapshot!(render(&sample(), &TextStyle::default()), @r#"
    FAIL  2 open findings of severity high or worse
          tools/report.pl was not assessed (unsupported language: Perl)

    Changes 8 files in `shop`, `docs` and 4 more folders (+45 −6): adds `login` and
    `retry`, changes `logout`, renames `getPrice` to `fetchPrice`; 1 critical, 1
    high and 1 medium findings.
    Reviewed: main..login-by-name

    Risk  ━━━━━━━━━━━─────────  52 of 100, high
          at least 40: touches workflow (.github/workflows/release.yml)
          at least 40: touches auth (shop/auth/login.py)
          +30: 1 critical finding
          +15: 1 high finding
          +7: 1 medium finding

    Components
      shop       2 files      +7    −3  code
      docs       2 files      +1    −1  documentation, images
      .github     1 file     +22        CI workflows
      tests       1 file     +12        tests
      worker      1 file      +2    −1  code
      tools       1 file      +1    −1  code

    Files
      A .github/workflows/release.yml   +22        adds a CI workflow
      M docs/guide.md                    +1    −1  updates documentation
      A docs/logo.png                              adds a binary file
      M shop/auth/login.py               +6    −3  adds `login`; changes `logout`
      M shop/settings.py                 +1        changes code outside functions
      A tests/test_login.py             +12        tests: adds `login_works`
      M tools/report.pl                  +1    −1  updates code
      R worker/fetch.go                  +2    −1  moved from `worker/http.go`; adds
                                                   `retry`; renames `getPrice` to
                                                   `fetchPrice`

    Public names (major)
      ~  function getPrice → function fetchPrice
      +  function login
      +  function retry

    Findings (3)

    critical  `name` from the request reaches the text of an SQL query
      shop/auth/login.py:31:12
      31 │     rows = db.execute(f"SELECT * FROM users WHERE name = '{name}'")
         │            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      Path 1 shop/auth/login.py:28  `request.args["name"]` comes from the request
           2 shop/auth/login.py:28  and is kept in `name`
           3 shop/auth/login.py:31  which becomes part of the query given to
                                    `db.execute`
      Why  Whoever sends the request decides what the query does: they can read or
           change every row the application can.
      Fix  Pass the value as a parameter: `db.execute("… WHERE name = ?", (name,))`.
      python.sql-injection · CWE-89 · high confidence · in `login`

    high  a live payment key is written in the code
      shop/settings.py:12:15
      12 │ PAYMENT_KEY = "sk_live_****************"
         │               ^^^^^^^^^^^^^^^^^^^^^^^^^^
      Why  Everyone who can read the repository, now or later, can use the key.
      Fix  Revoke the key, then read it from the environment or a secret store.
      secrets.provider-token · CWE-798 · high confidence

    medium  `response.Body` is never closed
      worker/fetch.go:44:2
      44 │     body, err := io.ReadAll(response.Body)
         │     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      45 │     if err != nil {
      46 │         return nil, err
      47 │     }
      The change causes this by line 39.
      Why  Every call keeps a connection open; in the end no more can be made.
      Fix  Add `defer response.Body.Close()` behind the error check.
      go.response-body-not-closed · CWE-772 · medium confidence · in `fetchPrice`

    Set aside (1)
      shop/auth/login.py:29:5
        python.debug-enabled, by comment: only the local profile reads this

    Coverage
      6 of 8 files assessed; not: 1 binary, 1 unsupported language
      ! tools/report.pl  unsupported language: Perl
      · docs/logo.png    binary: 48.2 kB
    "#);
}

#[test]
fn narrow_terminals_get_narrow_lines() {
    let style = TextStyle {
        width: 60,
        is_coloured: false,
    };
    for line in render(&sample(), &style).lines() {
        assert!(super::columns(line) <= 60, "{line}");
    }
}

#[test]
fn colours_add_escapes_and_nothing_else() {
    let coloured = render(
        &sample(),
        &TextStyle {
            width: 80,
            is_coloured: true,
        },
    );
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, escape)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = escape.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    let plain: Vec<&str> = plain.lines().map(str::trim_end).collect();
    let expected = render(&sample(), &TextStyle::default());
    assert_eq!(plain, expected.lines().collect::<Vec<_>>());
}

#[test]
fn escape_sequences_of_the_repository_stay_visible() {
    let mut review = sample();
    review.findings[0].snippet = "x = '\u{1b}]0;owned\u{7}' # \u{202e}".into();
    review.findings[0].message = "\u{1b}[2J gone".into();
    review.summary.walkthrough[0].path = "a\u{1b}[31m.py".into();
    let text = render(&review, &TextStyle::default());
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']));
    assert!(text.contains(r"\x1b]0;owned\x07' # \u{202e}"));
    assert!(text.contains(r"a\x1b[31m.py"));
}

#[test]
fn a_long_line_is_cut_around_its_mark() {
    let mut review = sample();
    let finding = &mut review.findings[0];
    finding.snippet = format!("{}DANGER{}", "a".repeat(500), "b".repeat(500));
    finding.location.column = 501;
    finding.location.end_column = 507;
    let text = render(&review, &TextStyle::default());
    let line = text.lines().find(|line| line.contains("DANGER")).unwrap();
    let marks = text.lines().find(|line| line.contains("^^^")).unwrap();
    assert!(super::columns(line) <= 80);
    let column = |text: &str, part: &str| super::columns(&text[..text.find(part).unwrap()]);
    assert_eq!(column(line, "DANGER"), column(marks, "^^^"));
    assert_eq!(marks.matches('^').count(), 6);
}

#[test]
fn a_thousand_files_stay_readable() {
    let mut review = sample();
    let row = review.summary.walkthrough[0].clone();
    review.summary.walkthrough = vec![row; 1_000];
    review.verdict.reasons = vec!["a file was not assessed".into(); 1_000];
    let text = render(&review, &TextStyle::default());
    assert!(text.lines().count() < 120);
    assert!(text.contains("and 980 more files"));
    assert!(text.contains("and 995 more reasons"));
}
