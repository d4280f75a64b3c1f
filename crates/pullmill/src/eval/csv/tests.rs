//! Tables of expected results, well formed and not.

use super::super::fixtures::{Memory, finding, reviewer};
use super::super::score::{self, By};
use super::super::{Evaluation, evaluate, table};
use super::*;

const TABLE: &str =
    "\u{feff}# test name, category, real vulnerability, cwe, version: 1, 2020-01-01\r
T1,sqli,true,89\r
T2,sqli,false,89\r
T3,hash,true,328\r
T4,crypto,true,327\r
T5,crypto,false,327\r
";

fn mistakes(text: &str) -> Vec<String> {
    let problems = rows("expected.csv", text).unwrap_err();
    problems.iter().map(Problem::to_string).collect()
}

fn tree() -> Memory {
    Memory::with(&[
        ("src/T1.java", "1"),
        ("src/T1.xml", "1"),
        ("src/T2.java", "1"),
        ("web/T3.py", "1"),
        ("T4.java", "1"),
        ("T5.java", "1"),
        ("T50.java", "1"),
    ])
}

fn evaluation(say: impl Fn(&str) -> Vec<u32>) -> Evaluation {
    let corpus = load("suite", &rows("expected.csv", TABLE).unwrap(), &tree()).unwrap();
    let mut say = reviewer(|change| {
        let path = change.files[0].path.as_str();
        let numbers = say(&change.label);
        numbers
            .iter()
            .map(|cwe| finding("r", &[*cwe], path, 7))
            .collect()
    });
    evaluate(vec![corpus], &mut say).unwrap()
}

#[test]
fn a_test_is_reported_if_its_file_has_a_finding_of_its_weakness() {
    let evaluation = evaluation(|name| match name {
        "T1" => vec![564],
        "T2" => vec![79],
        "T3" => vec![327],
        "T4" => vec![327, 328],
        _ => vec![326],
    });
    let total = score::total(&evaluation.judgements);
    assert_eq!((total.met, total.missed, total.false_reports), (2, 1, 1));
    assert_eq!((total.negatives_reported, total.negatives), (1, 2));
    let mut text = String::new();
    table::print(&mut text, &evaluation, &[By::Language], None).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn only_programs_are_reviewed_where_there_are_some() {
    let corpus = load("suite", &rows("expected.csv", TABLE).unwrap(), &tree()).unwrap();
    assert_eq!(corpus.items[0].change.files.len(), 1);
    assert_eq!(corpus.items[0].language, "java");
    assert_eq!(corpus.items[2].language, "python");
}

#[test]
fn columns_may_be_named_in_another_order() {
    let text = "cwe,category,test name,real vulnerability,note\nCWE-89,sqli,T1,TRUE,x\n";
    let expected = Row {
        name: "T1".to_owned(),
        category: "sqli".to_owned(),
        is_real: true,
        cwe: 89,
    };
    assert_eq!(rows("expected.csv", text).unwrap(), [expected]);
}

#[test]
fn other_separators_words_and_headers_are_read() {
    let expected = [("T1", "sqli", true, 89), ("T2", "sqli", false, 89)];
    for text in [
        "test;kind;vulnerability;CWE\nT1;sqli;yes;89\nT2;sqli;no;89\n",
        "file\tcategory\tis_real\tcwe\nT1\tsqli\t1\t89\nT2\tsqli\t0\t89\n",
        "test name,note,category,real vulnerability,cwe\n\"T1\",\"a, b\",sqli,TRUE,CWE-89: SQL\nT2,,sqli,FALSE,089\n",
        "T1,sqli,true,89\n\nT2,sqli,false,89\n",
    ] {
        let rows = rows("expected.csv", text).unwrap();
        let found: Vec<_> = (rows.iter())
            .map(|row| (&*row.name, &*row.category, row.is_real, row.cwe))
            .collect();
        assert_eq!(found, expected, "{text}");
    }
    let rows = rows("expected.csv", "test,vulnerable,cwe\nT1,true,89\n").unwrap();
    assert_eq!(rows[0].category, "cwe-89");
}

#[test]
fn files_are_found_by_path_name_and_stem_and_may_have_several_weaknesses() {
    let text = "src/T1.java,sqli,true,89\nT2.java,sqli,true,89\nT3,xss,true,79\nT3,sqli,false,89\n";
    let corpus = load("suite", &rows("expected.csv", text).unwrap(), &tree()).unwrap();
    let found: Vec<_> = (corpus.items.iter())
        .map(|item| (item.source.as_str(), item.labels.len()))
        .collect();
    assert_eq!(
        found,
        [("src/T1.java", 1), ("src/T2.java", 1), ("web/T3.py", 2)]
    );
}

#[test]
fn every_mistake_is_listed_with_its_line() {
    let text = "# comment\nT1,sqli,true,89\nT2,sqli,maybe,89\nT3,sqli,true\nT4,sqli,true,sql\nT1,sqli,true,89\n";
    insta::assert_snapshot!(mistakes(text).join("\n"), @"
    expected.csv:3: `maybe` is not allowed; a test is `true`, `yes` or `1` (a real weakness), or `false`, `no` or `0`
    expected.csv:4: a row is `test name,category,true|false,cwe`, such as `Test1,sqli,true,89`
    expected.csv:5: `sql` is no weakness; allowed is a number such as `89`
    expected.csv:6: `T1` stands twice with weakness 89, first in line 2
    ");
}

#[test]
fn tests_without_a_file_are_left_out_and_named() {
    let rows = rows("expected.csv", "T1,sqli,true,89\nT9,sqli,true,89\n").unwrap();
    let corpus = load("suite", &rows, &tree()).unwrap();
    assert_eq!(corpus.items.len(), 1);
    assert_eq!(
        corpus.notes,
        ["suite: 1 tests have no file of their name and are left out: T9"]
    );
    let error = load("suite", &rows[1..], &tree()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "suite: none of the 1 tests has a file of its name"
    );
}
