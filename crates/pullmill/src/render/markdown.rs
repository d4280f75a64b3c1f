//! Reads the page as GitHub would, and throws hostile text at it.

use crate::render::sample::sample;
use pullmill_core::markdown::neutral::{block, code, prose};
use pullmill_core::markdown::render;

/// What untrusted text managed to do to a page: mentions, references, links, images, HTML that is not ours.
pub(super) fn dangers(page: &str) -> Vec<String> {
    const OURS: [&str; 7] = [
        "<!-- -->",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<code>",
        "</code>",
    ];
    let mut text = outside_code(page);
    for ours in OURS {
        text = text.replace(ours, "\u{1}");
    }
    let mut found = Vec::new();
    for (index, _) in text.match_indices(['<', '>', '@', '[', ']', '!', '#']) {
        let before = text[..index].chars().next_back();
        let after = text[index + 1..].chars().next();
        let is_heading = text[..index].ends_with(['\n', '#']) || index == 0;
        let is_tame =
            before == Some('\\') || after == Some('\u{1}') || before == Some('&') || is_heading;
        if !is_tame {
            found.push(text[index..].chars().take(30).collect());
        }
    }
    for word in ["://", "www."] {
        if text.to_ascii_lowercase().contains(word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// The page without fenced blocks and code spans of one backtick, which are all that is written.
fn outside_code(page: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in page.lines() {
        let run: String = line.chars().take_while(|one| *one == '`').collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if run.len() >= 3 => fence = Some(run),
            None => {
                for (index, piece) in line.split('`').enumerate() {
                    out.push_str(if index % 2 == 0 { piece } else { "code" });
                }
                out.push('\n');
            }
        }
    }
    out
}

#[test]
fn a_review_reads_well() {
    let page = render(&sample());
    let top: Vec<&str> = page.lines().take(20).collect();
    insta::assert_snapshot!(top.join("\n"), @r#"
    ## ❌ Fail: 2 open findings of severity high or worse

    Changes 8 files in `shop`, `docs` and 4 more folders (+45 −6): adds `login` and `retry`, changes `logout`, renames `getPrice` to `fetchPrice`; 1 critical, 1 high and 1 medium findings.

    - tools/report.pl was not assessed (unsupported language: Perl)

    **Risk 52 of 100, high**: touches workflow (.github/workflows/release.yml) (at least 40) · touches auth (shop/auth/login.py) (at least 40) · 1 critical finding (+30) · 1 high finding (+15) · 1 medium finding (+7)

    ### 1 critical finding

    #### `name` from the request reaches the text of an SQL query

    `shop/auth/login.py:31` · `python.sql-injection` · CWE-89 · high confidence · in `login`

    ```python
        rows = db.execute(f"SELECT * FROM users WHERE name = '{name}'")
    ```

    **Why it matters.** Whoever sends the request decides what the query does: they can read or change every row the application can.
    "#);
    let bottom = page.split("### Walkthrough").nth(1).unwrap();
    insta::assert_snapshot!(bottom, @r#"


    | | File | Lines | What |
    |---|---|---|---|
    | A | `.github/workflows/release.yml` | +22 | adds a CI workflow |
    | M | `docs/guide.md` | +1 −1 | updates documentation |
    | A | `docs/logo.png` |  | adds a binary file |
    | M | `shop/auth/login.py` | +6 −3 | adds `login`; changes `logout` |
    | M | `shop/settings.py` | +1 | changes code outside functions |
    | A | `tests/test_login.py` | +12 | tests: adds `login_works` |
    | M | `tools/report.pl` | +1 −1 | updates code |
    | R | `worker/fetch.go` | +2 −1 | moved from `worker/http.go`; adds `retry`; renames `getPrice` to `fetchPrice` |

    <details><summary>Public names: 1 changed, 2 added (major)</summary>

    - `function getPrice` became `function fetchPrice`
    - added `function login`
    - added `function retry`

    </details>

    <details><summary>1 finding set aside</summary>

    - `shop/auth/login.py:29` `python.debug-enabled` by a comment: only the local profile reads this

    </details>

    <details><summary>6 of 8 files assessed; not: 1 binary, 1 unsupported language</summary>

    - `tools/report.pl`: unsupported language: Perl
    - `docs/logo.png`: binary: 48.2 kB

    </details>
    "#);
    assert_eq!(dangers(&page), Vec::<String>::new());
}

#[test]
fn mentions_references_links_and_html_are_plain_text() {
    let hostile =
        "@octo fixes #12, GH-3 <img src=x> ![a](https://e.test) www.e.test **b** | `c|d` `e";
    insta::assert_snapshot!(prose(hostile), @r#"@<!-- -->octo fixes \#<!-- -->12, GH-<!-- -->3 &lt;img src=x&gt; \!\[a\](https:<!-- -->//e.test) www<!-- -->.e.test \*\*b\*\* \| <code>c&#124;d</code> &#96;e"#);
}

#[test]
fn code_spans_cannot_be_left() {
    assert_eq!(code("a b"), "`a b`");
    assert_eq!(code(""), "` `");
    assert_eq!(code("a`|b"), "<code>a&#96;&#124;b</code>");
    assert_eq!(
        code("a\n\u{202e}b"),
        r"<code>a &#92;u&#123;202e&#125;b</code>"
    );
}

#[test]
fn blocks_cannot_be_closed_from_inside() {
    let text = block("a\n````\n@octo", &"x.py".into());
    assert_eq!(text, "`````python\na\n````\n@octo\n`````");
}

#[test]
fn the_check_for_dangers_finds_them() {
    for bad in ["@octo", "a <b>", "see #1", "![x](y)", "http://e", "WWW.e"] {
        assert!(!dangers(&format!("x {bad}")).is_empty(), "{bad}");
    }
}

#[test]
fn a_huge_review_fits_one_comment_and_says_what_is_left_out() {
    let mut review = sample();
    let finding = review.findings[0].clone();
    review.findings = vec![finding; 2_000];
    let row = review.summary.walkthrough[0].clone();
    review.summary.walkthrough = vec![row; 2_000];
    let file = review.coverage[2].clone();
    review.coverage = vec![file; 2_000];
    let page = render(&review);
    assert!(page.chars().count() < 65_000);
    assert!(page.contains("further findings are in the full report."));
    assert!(page.contains("and 1900 more files"));
    assert_eq!(
        page.matches("<details>").count(),
        page.matches("</details>").count()
    );
}
