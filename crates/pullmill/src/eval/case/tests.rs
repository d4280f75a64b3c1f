//! Cases, well formed and not.

use pullmill_core::change::Status;
use pullmill_core::hunk::LineKind;

use super::*;

const SEARCH: &str = "\
title: search builds its SQL from a request argument

expect: cwe-89 app/search.py | execute(\"a\" | sql)
expect: bug:null-safety app/new.py | user.name
-- base/app/search.py --
def search(db):
    return 1
-- head/app/search.py --
def search(db, sql):
    return db.execute(\"a\" | sql)
-- head/app/new.py --

print(user.name)
-- base/app/old.py --
pass
";

fn mistakes(text: &str) -> Vec<String> {
    let problems = parse("x.case", "python", text).unwrap_err();
    problems.iter().map(Problem::to_string).collect()
}

#[test]
fn a_case_becomes_a_change_with_labels() {
    let item = parse("eval/python/search.case", "python", SEARCH).unwrap();
    assert_eq!(item.title, "search builds its SQL from a request argument");
    let statuses: Vec<_> = (item.change.files.iter())
        .map(|file| (file.path.as_str(), file.status))
        .collect();
    assert_eq!(
        statuses,
        [
            ("app/new.py", Status::Added),
            ("app/old.py", Status::Deleted),
            ("app/search.py", Status::Modified),
        ]
    );
    let lines: Vec<u32> = (item.labels.iter())
        .flat_map(|label| label.places.iter().map(Place::first_line))
        .collect();
    assert_eq!(lines, [2, 2]);
    assert_eq!(
        item.labels[1].weakness,
        Weakness::Bug("null-safety".to_owned())
    );
}

#[test]
fn a_changed_file_has_hunks_with_line_numbers() {
    let text = "title: t\n-- base/a --\n1\n2\n3\n4\n5\n6\n-- head/a --\n1\n2\n3\n4\n5\nsix\n";
    let item = parse("x.case", "text", text).unwrap();
    let hunk = &item.change.files[0].hunks[0];
    assert_eq!((hunk.old_start, hunk.new_start), (3, 3));
    let kinds: Vec<LineKind> = hunk.lines.iter().map(|line| line.kind).collect();
    use LineKind::{Added, Context, Removed};
    assert_eq!(kinds, [Context, Context, Context, Removed, Added]);
    assert_eq!(hunk.lines[4].bytes, b"six\n");
}

#[test]
fn a_new_file_starts_at_line_0_of_base() {
    let item = parse("x.case", "text", "title: t\n-- head/a --\n1\n").unwrap();
    let hunk = &item.change.files[0].hunks[0];
    assert_eq!((hunk.old_start, hunk.new_start), (0, 1));
}

#[test]
fn a_file_that_keeps_most_of_its_lines_has_moved() {
    let text = "title: t\n-- base/a.py --\n1\n2\n3\n-- head/b.py --\n1\n2\n4\n";
    let item = parse("x.case", "python", text).unwrap();
    assert_eq!(item.change.files.len(), 1);
    assert_eq!(item.change.files[0].status, Status::Renamed);
    assert_eq!(item.change.files[0].old_path, Some(RepoPath::from("a.py")));
}

#[test]
fn a_comment_of_the_code_is_no_marker() {
    let text = "title: t\n-- head/a.sql --\n-- drop --\nselect 1;\n";
    let item = parse("x.case", "sql", text).unwrap();
    let text = item.change.files[0].head.text().unwrap();
    assert_eq!(&**text, b"-- drop --\nselect 1;\n");
}

#[test]
fn every_mistake_is_listed_with_its_line() {
    let text = "name: x\nexpect: cwe-89 a.py\nexpect: sql a.py | 1\nexpect: cwe-1 b.py | 1\nexpect: cwe-1 a.py | 1\nexpect: cwe-1 a.py | 3\n-- head/a.py --\n1\n1\n-- head/../b --\n-- head/a.py --\n";
    insta::assert_snapshot!(mistakes(text).join("\n"), @"
    x.case:1: the header holds `title:` and `expect:` lines; files start with `-- base/PATH --` or `-- head/PATH --`
    x.case:1: `title:` is missing
    x.case:2: `expect:` needs a weakness, a file and a text, such as `cwe-89 app/search.py | cursor.execute(sql)`
    x.case:3: `sql` is no weakness; allowed are `cwe-N` and `bug:CATEGORY`
    x.case:4: there is no `-- head/b.py --`
    x.case:5: `1` must stand in exactly one line of head/a.py, but is in lines 1 and 2 of it (lines 8 and 9 here)
    x.case:6: `3` must stand in exactly one line of head/a.py, but is in none
    x.case:10: `../b` is no path inside a repository, such as `app/search.py`
    x.case:11: `a.py` stands twice on this side
    ");
}

#[test]
fn a_case_needs_a_title_and_a_change() {
    insta::assert_snapshot!(mistakes("").join("\n"), @"
    x.case:1: `title:` is missing
    x.case:1: nothing changes; give files as `-- base/PATH --` and `-- head/PATH --`
    ");
    insta::assert_snapshot!(mistakes("title:\n-- base/a --\n1\n-- head/a --\n1\n").join("\n"), @"
    x.case:1: `title:` needs one line of text
    x.case:1: nothing changes; give files as `-- base/PATH --` and `-- head/PATH --`
    ");
}
