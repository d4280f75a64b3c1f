//! Annotated sources in several languages.

use super::super::fixtures::{Memory, finding};
use super::super::score::{self, Outcome};
use super::*;

fn corpus(files: &[(&str, &str)], mapping: &Mapping) -> Corpus {
    load("suite", mapping, &Memory::with(files)).unwrap()
}

/// Whether it must be reported, first line and last line of each label.
fn extents(path: &str, text: &str) -> Vec<(bool, u32, u32)> {
    let corpus = corpus(&[(path, text)], &Mapping::new());
    let labels = corpus.items.iter().flat_map(|item| &item.labels);
    labels
        .map(|label| {
            let place = &label.places[0];
            (label.is_wanted, *place.lines.start(), *place.reach.end())
        })
        .collect()
}

#[test]
fn comments_of_any_style_label_the_next_line_of_code() {
    for (path, open, close) in [
        ("a.py", "#", ""),
        ("a.js", "//", ""),
        ("a.js", "/*", " */"),
        ("a.jsx", "{/*", " */}"),
        ("a.html", "<!--", " -->"),
        ("a.sql", "--", ""),
        ("a.c", "//", ""),
    ] {
        let text = format!(
            "x\n{open} ruleid: one, two{close}\n{open} plain words{close}\n\ny\nz\n{open}ok:one{close}\nw\n"
        );
        assert_eq!(
            extents(path, &text),
            [(false, 8, 8), (true, 5, 5)],
            "{open}"
        );
    }
}

#[test]
fn a_comment_over_several_lines_labels_the_code_behind_it() {
    let text = "/*\n ruleid: one\n*/\nx();\n";
    assert_eq!(extents("a.js", text), [(true, 4, 4)]);
}

#[test]
fn what_is_still_to_be_done_says_nothing() {
    let text = "# todoruleid: one\nx\n# todook: one\ny\n# ok: one\nz\n";
    assert_eq!(extents("a.py", text), [(false, 6, 6)]);
}

#[test]
fn a_statement_reaches_over_its_brackets_and_chains() {
    let text = "# ruleid: one\ncall(\n  \")\",\n  b,\n)\nx\n";
    assert_eq!(extents("a.py", text), [(true, 2, 5)]);
    let text = "// ok: one\na\n  .b()\n  .c();\nx\n";
    assert_eq!(extents("a.js", text), [(false, 2, 4)]);
}

#[test]
fn a_report_may_be_anywhere_in_a_block_but_silence_is_for_its_head() {
    let text = "// ruleid: one\nif (x) {\n  y();\n}\n// ok: one\nif (x) {\n  y();\n}\n";
    assert_eq!(extents("a.js", text), [(false, 6, 6), (true, 2, 4)]);
    let text = "# ruleid: one\n@route('/')\ndef f(x):\n    y\n\n    z\nw\n";
    assert_eq!(extents("a.py", text), [(true, 2, 6)]);
}

#[test]
fn a_block_ends_before_the_next_label() {
    let text = "# ruleid: one\ndef f(x):\n    y\n    # ok: one\n    z\n";
    assert_eq!(extents("a.py", text), [(false, 5, 5), (true, 2, 3)]);
}

#[test]
fn preprocessor_lines_and_attributes_are_code() {
    assert_eq!(
        extents("a.c", "// ok: x\n#include <a.h>\ny\n"),
        [(false, 2, 2)]
    );
    assert_eq!(
        extents("a.rs", "// ok: x\n#[test]\nfn y() {}\n"),
        [(false, 2, 2)]
    );
}

#[test]
fn findings_are_judged_by_line_and_others_are_kept_apart() {
    let text = "# ruleid: one\nx\n# ok: one\ny\nz\n";
    let corpus = corpus(&[("a.py", text)], &Mapping::new());
    let found = [2, 4, 5].map(|line| finding("r", &[89], "a.py", line));
    let judgements = score::judge("suite", &corpus.items[0], &found);
    let outcomes: Vec<Outcome> = judgements.iter().map(|each| each.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Unlabelled, Outcome::Alarm, Outcome::Met]
    );
}

#[test]
fn a_line_that_must_be_reported_by_one_rule_cannot_be_silent_for_another() {
    let text = "# ruleid: one\n# ok: two\nx\n";
    let plain = corpus(&[("a.py", text)], &Mapping::new());
    assert_eq!(plain.items[0].labels.len(), 1);
    assert_eq!(
        plain.notes,
        [
            "a.py:3: `ok: two` is left out: another rule must report this line",
            "suite: any finding answers 1 ids whose weakness is not known: one"
        ]
    );
    let mapping = mapping("map", "one cwe-89 # SQL\ntwo = CWE-79\n").unwrap();
    let narrowed = corpus(&[("a.py", text)], &mapping);
    assert_eq!(narrowed.items[0].labels.len(), 2);
    let found = [finding("r", &[89], "a.py", 3)];
    let judgements = score::judge("suite", &narrowed.items[0], &found);
    let outcomes: Vec<Outcome> = judgements.iter().map(|each| each.outcome).collect();
    assert_eq!(outcomes, [Outcome::Silent, Outcome::Met]);
}

#[test]
fn files_without_comments_are_left_out_and_a_folder_of_them_is_an_error() {
    let corpus = corpus(
        &[("a.py", "# ok: one\nx\n"), ("b.py", "x\n")],
        &Mapping::new(),
    );
    assert_eq!(corpus.items.len(), 1);
    let error = load("suite", &Mapping::new(), &Memory::with(&[("b.py", "x\n")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "suite: no file has a comment such as `ruleid: some-id` or `ok: some-id`"
    );
}

#[test]
fn a_comment_without_code_behind_it_is_left_out_and_named() {
    let corpus = corpus(&[("a.py", "# ok: one\nx\n# ok: two\n")], &Mapping::new());
    assert_eq!(
        corpus.notes,
        [
            "a.py:3: no line follows this comment; it is left out",
            "suite: any finding answers 1 ids whose weakness is not known: one"
        ]
    );
}

#[test]
fn a_mapping_names_lines_that_it_cannot_read() {
    let problems = mapping("map", "one cwe-89\ntwo\n").unwrap_err();
    insta::assert_snapshot!(problems[0], @"map:2: a line is a rule id and its weaknesses, such as `sql-concat cwe-89`");
}

#[test]
fn a_mapping_is_picked_out_of_rule_files() {
    let rules = "rules:
- metadata:
    cwe: 'CWE-89: x'
    references: [https://example.org/cwe-22]
  message: not CWE-78
  id: one # the first
- id: a.two
  metadata:
    cwe:
    - \"CWE-79: y\"
    - 'CWE-80: z'
- id: three
  metadata: {tags: [external/cwe/cwe-601]}
- id: four
  message: CWE-77
";
    let mut mapping = Mapping::new();
    assert!(mapping_from_rules(rules, &mut mapping));
    let expected = [
        ("one", vec![89]),
        ("a.two", vec![79, 80]),
        ("three", vec![601]),
        ("four", vec![]),
    ];
    assert_eq!(
        mapping,
        expected.map(|(id, cwe)| (id.to_owned(), cwe)).into()
    );
    assert_eq!(weaknesses_of(&mapping, "x.y.one"), [89]);
    assert_eq!(weaknesses_of(&mapping, "two"), [79, 80]);
    assert!(weaknesses_of(&mapping, "five").is_empty());
    assert!(!mapping_from_rules("a: [", &mut mapping));
}

#[test]
fn a_comment_behind_code_labels_that_code() {
    let text = "x() # ruleid: one\ny() // ok: two\nz = 'a # b'\n";
    assert_eq!(extents("a.py", text), [(false, 2, 2), (true, 1, 1)]);
}

#[test]
fn marks_are_read_in_any_case_and_behind_a_byte_order_mark() {
    let text = "\u{feff}# RULEID: one\nx\n# Ok : one\ny\n# okay: one\nz\n";
    assert_eq!(extents("a.py", text), [(false, 4, 4), (true, 2, 2)]);
}

#[test]
fn text_that_is_not_utf_8_keeps_its_bytes() {
    let bytes = std::sync::Arc::from(&b"# ruleid: one\nx = '\xff'\n"[..]);
    let change = memory::addition(&RepoPath::from("a.py"), &bytes);
    let hunk = &change.files[0].hunks[0];
    assert_eq!(
        (hunk.old_start, hunk.new_start, hunk.lines.len()),
        (0, 1, 2)
    );
    assert_eq!(hunk.lines[1].bytes, b"x = '\xff'\n");
}
