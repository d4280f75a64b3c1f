//! Round trips and hostile input for the reader of unified diffs.

use proptest::prelude::*;

use super::parse;
use crate::change::{RepoPath, Status};
use crate::hunk::{FilePatch, Hunk, Line, LineKind, print};

fn one(text: &str) -> FilePatch {
    let mut files = parse(text.as_bytes()).unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn problem(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_git_diff_with_mail_around_it_is_read() {
    let file = one("From 1234\nSubject: x\n---\n a.txt | 2 +-\n\n\
         diff --git a/a.txt b/a.txt\nindex 1111111..2222222 100644\n--- a/a.txt\n+++ b/a.txt\n\
         @@ -1,2 +1,2 @@ fn x\n keep\n-old\n+new\n-- \n2.39.0\n");
    assert_eq!(file.path.as_str(), "a.txt");
    assert_eq!(file.status, Status::Modified);
    assert_eq!(file.old_mode, Some(0o100_644));
    assert_eq!(file.old_id.as_deref(), Some("1111111"));
    assert_eq!(file.hunks[0].lines.len(), 3);
}

#[test]
fn plain_diffs_lose_the_folder_they_do_not_share() {
    let file =
        one("--- old/src/a.c\t2020-01-01\n+++ new/src/a.c\t2020-01-02\n@@ -1 +1 @@\n-a\n+b\n");
    assert_eq!(file.path.as_str(), "src/a.c");
    assert_eq!(file.old_path, None);
    let file = one("--- src/a.c\n+++ src/a.c\n@@ -1 +1 @@\n-a\n+b\n");
    assert_eq!(file.path.as_str(), "src/a.c");
    let file = one("--- a/src/new name.c\n+++ b/src/new name.c\n@@ -0,0 +1 @@\n+b\n");
    assert_eq!(
        (file.path.as_str(), file.status),
        ("src/new name.c", Status::Added)
    );
}

#[test]
fn renames_copies_modes_and_binaries_are_read() {
    let file = one("diff --git a/x y b/z\nsimilarity index 100%\nrename from x y\nrename to z\n");
    assert_eq!(file.status, Status::Renamed);
    assert_eq!(file.old_path, Some(RepoPath::from("x y")));
    let file = one("diff --git a/s b/s\nold mode 100644\nnew mode 100755\n");
    assert_eq!(file.status, Status::ModeChanged);
    let file = one(
        "diff --git a/i.png b/i.png\nindex 1111111..2222222 100644\nGIT binary patch\n\
         literal 3\nKcmZ\n\nliteral 0\n\n",
    );
    assert!(file.binary);
    let file = one(
        "diff --git \"a/\\303\\251\" \"b/\\303\\251\"\nnew file mode 100644\nindex 0000000..e69de29\n",
    );
    assert_eq!((file.path.as_str(), file.status), ("é", Status::Added));
}

#[test]
fn missing_newlines_belong_to_the_line_above() {
    let file = one("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\r\n");
    assert_eq!(file.hunks[0].lines[0].bytes, b"a");
    assert_eq!(file.hunks[0].lines[1].bytes, b"b\r\n");
}

#[test]
fn what_does_not_add_up_is_refused_with_its_line() {
    let head = "--- a/x\n+++ b/x\n";
    assert_eq!(
        problem(&format!("{head}@@ -1 +1,9 @@\n-a\n+b\n")),
        "line 6 of the patch: the patch ends inside a region"
    );
    assert!(problem(&format!("{head}@@ -1 +1 @@\n-a\n+b\n+c\n")).contains("goes on"));
    assert!(problem(&format!("{head}@@ -1 +1 @@\n-a\n-b\n+c\n")).contains("more lines"));
    assert!(problem(&format!("{head}@@ -4294967295 +1 @@\n-a\n+c\n")).contains("expected"));
    assert!(problem("@@ -1 +1 @@\n-a\n+b\n").contains("before any file name"));
    assert!(problem("diff --cc x\n").contains("merge"));
    assert!(
        problem("--- a/../../etc/x\n+++ b/../../etc/x\n@@ -1 +1 @@\n-a\n+b\n").contains("out of")
    );
    assert!(
        problem("--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n").contains("without a name")
    );
}

#[test]
fn changes_inside_a_region_that_look_like_headers_are_content() {
    let file = one("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/y\n+++ b/y\n diff --git a/q b/q\n");
    assert_eq!(file.hunks[0].lines.len(), 3);
}

fn line_text() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..12),
        Just(b"-- a/x".to_vec()),
        Just(b"@ -1 +1 @@".to_vec()),
        Just(b"\r".to_vec()),
    ];
    content.prop_map(|mut bytes| {
        bytes.retain(|byte| *byte != b'\n');
        bytes.push(b'\n');
        bytes
    })
}

fn kind() -> impl Strategy<Value = LineKind> {
    prop_oneof![
        Just(LineKind::Context),
        Just(LineKind::Added),
        Just(LineKind::Removed),
    ]
}

fn hunks(kinds: BoxedStrategy<LineKind>) -> impl Strategy<Value = Vec<Hunk>> {
    let lines = proptest::collection::vec((kinds, line_text()), 1..8);
    let hunk = (lines, 1_u32..50, any::<bool>(), any::<bool>());
    proptest::collection::vec(hunk, 1..4).prop_map(|parts| {
        let (mut old, mut new) = (0, 0);
        let last = parts.len() - 1;
        let mut hunks = Vec::new();
        for (index, (lines, gap, cut, both)) in parts.into_iter().enumerate() {
            let lines = lines
                .into_iter()
                .map(|(kind, bytes)| Line { kind, bytes })
                .collect();
            let mut hunk = Hunk {
                old_start: old + gap,
                new_start: new + gap,
                lines,
            };
            if index == last && cut {
                cut_newline(&mut hunk, both);
            }
            old = hunk.old_start + hunk.old_len();
            new = hunk.new_start + hunk.new_len();
            hunks.push(hunk);
        }
        hunks
    })
}

fn cut_newline(hunk: &mut Hunk, both: bool) {
    for side in [LineKind::Removed, LineKind::Added] {
        let last = hunk
            .lines
            .iter()
            .rposition(|line| line.kind == side || line.kind == LineKind::Context);
        if let Some(index) = last
            && (hunk.lines[index].kind == side || index == hunk.lines.len() - 1)
            && (both || side == LineKind::Added)
            && hunk.lines[index].bytes.ends_with(b"\n")
        {
            hunk.lines[index].bytes.pop();
        }
    }
}

fn path() -> impl Strategy<Value = RepoPath> {
    let raw = prop_oneof![
        "[a-z]{1,5}(/[a-z .]{1,6}x)?",
        Just("a b/c\td\"e".to_owned()),
        Just("\\xc3\\xa9".to_owned()),
    ]
    .prop_map(String::into_bytes);
    let odd = proptest::collection::vec(1_u8..=255, 1..8);
    prop_oneof![raw, odd]
        .prop_map(|bytes| RepoPath::from_bytes(&bytes))
        .prop_filter("inside the repository", |path| {
            let text = path.as_str();
            !text.starts_with('/') && !text.split('/').any(|part| part == "..")
        })
}

fn ids() -> impl Strategy<Value = Option<(String, String)>> {
    proptest::option::of(("[0-9a-f]{7,40}", "[0-9a-f]{7,40}"))
}

/// Files as `parse` gives them back.
fn file() -> impl Strategy<Value = FilePatch> {
    let any_status = prop_oneof![
        Just(Status::Added),
        Just(Status::Modified),
        Just(Status::Deleted),
        Just(Status::Renamed),
        Just(Status::Copied),
        Just(Status::ModeChanged),
    ];
    (any_status, path(), path(), ids(), any::<bool>())
        .prop_flat_map(|(status, path, other, ids, binary)| {
            let kinds = match status {
                Status::Added => Just(LineKind::Added).boxed(),
                Status::Deleted => Just(LineKind::Removed).boxed(),
                _ => kind().boxed(),
            };
            (Just((status, path, other, ids, binary)), hunks(kinds))
        })
        .prop_map(|((status, path, other, ids, binary), hunks)| {
            let moved = matches!(status, Status::Renamed | Status::Copied);
            let old_path = (moved && path != other).then_some(other);
            let status = if moved && old_path.is_none() {
                Status::Modified
            } else {
                status
            };
            let same = ids.is_some().then_some(0o100_644);
            let (old_mode, new_mode) = match status {
                Status::Added => (None, Some(0o100_755)),
                Status::Deleted => (Some(0o120_000), None),
                Status::ModeChanged => (Some(0o100_644), Some(0o100_755)),
                _ => (same, same),
            };
            let (old_id, new_id) = ids.unzip();
            let binary = binary && status != Status::ModeChanged;
            let hunks = if binary || status == Status::ModeChanged {
                Vec::new()
            } else {
                hunks
            };
            FilePatch {
                path,
                old_path,
                status,
                old_mode,
                new_mode,
                old_id,
                new_id,
                binary,
                hunks,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn printed_files_read_back(files in proptest::collection::vec(file(), 1..4)) {
        let text: Vec<u8> = files.iter().flat_map(print).collect();
        let read = parse(&text);
        prop_assert_eq!(read, Ok(files), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        parts in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            prop_oneof![
                Just("diff --git a/x b/x\n"), Just("diff --git \"a/x"), Just("--- a/x\n"), Just("+++ b/x\n"),
                Just("@@ -1,2 +1,2 @@\n"), Just("@@ -0,0 +1 @@\n"), Just("@@ -1 +0,0 @@\n"), Just("-a\n"), Just("+b\n"), Just(" c\n"),
                Just("\n"), Just("\\ No newline\n"), Just("rename from \n"), Just("index a..b 9\n"),
                Just("--- /dev/null\n"), Just("+++ /dev/null\n"), Just("new file mode 1\n"), Just("GIT binary patch\n"),
            ].prop_map(|text| text.as_bytes().to_vec()),
        ], 0..24)
    ) {
        if let Ok(files) = parse(&parts.concat()) {
            for file in files {
                let _ = file.apply(b"a\nb\n");
                let _ = file.unapply(b"a\nb\n");
                let _ = print(&file);
            }
        }
    }
}
