//! Changes read from patches, with and without their repository.

use pullmill_adapters::git::Limits;
use pullmill_adapters::patch;
use pullmill_core::change::{Change, Side};

use crate::sandbox::{Sandbox, file, summary, text};

fn alone(bytes: &[u8]) -> Change {
    patch::read(bytes, None, &Limits::default()).unwrap()
}

fn problem(bytes: &[u8]) -> String {
    let result = patch::read(bytes, None, &Limits::default());
    result.unwrap_err().to_string()
}

fn edited() -> Sandbox {
    let lines: String = (0..40).map(|line| format!("line {line}\n")).collect();
    let sandbox = Sandbox::with(&[
        ("a.txt", &lines),
        ("gone.txt", "bye\n"),
        ("moved.txt", "stay\n"),
    ]);
    sandbox.write("a.txt", lines.replace("line 20\n", "line twenty\n"));
    sandbox.remove("gone.txt");
    sandbox.git(&["mv", "moved.txt", "there.txt"]);
    sandbox.write("new.txt", "hello\nworld");
    sandbox
}

#[test]
fn a_patch_alone_gives_whole_new_and_deleted_files_only() {
    let sandbox = edited();
    sandbox.commit("second");
    let bytes = sandbox.git(&["diff", "-M", "HEAD~1", "HEAD"]) + "\n";
    let change = alone(bytes.as_bytes());
    assert_eq!(
        summary(&change),
        [
            "Modified a.txt",
            "Deleted gone.txt",
            "Added new.txt",
            "Renamed moved.txt -> there.txt"
        ]
    );
    assert!(matches!(file(&change, "a.txt").head, Side::Unavailable(_)));
    assert_eq!(file(&change, "a.txt").hunks.len(), 1);
    assert_eq!(text(&file(&change, "new.txt").head), b"hello\nworld");
    assert_eq!(text(&file(&change, "gone.txt").base), b"bye\n");
    assert!(change.notes[0].contains("of 2 files only the changed regions"));
}

#[test]
fn a_patch_with_its_repository_is_the_range_it_was_made_of() {
    let sandbox = edited();
    sandbox.commit("second");
    let expected = sandbox.range("HEAD").files;
    let repository = sandbox.open();
    let limits = Limits::default();
    for flags in [
        &["--full-index"][..],
        &["--abbrev=7"],
        &["-U0"],
        &["--no-prefix"],
    ] {
        let arguments = [&["diff", "-M", "HEAD~1", "HEAD"], flags].concat();
        let bytes = sandbox.git(&arguments) + "\n";
        let change = patch::read(bytes.as_bytes(), Some(&repository), &limits).unwrap();
        assert_eq!(summary(&change).len(), expected.len());
        for (one, other) in change.files.iter().zip(&expected) {
            assert_eq!(
                (&one.base, &one.head),
                (&other.base, &other.head),
                "{flags:?}"
            );
            assert_eq!(one.hunks, other.hunks, "{flags:?}");
        }
    }
}

#[test]
fn a_patch_without_ids_fits_what_lies_in_the_working_tree() {
    let sandbox = edited();
    let all = sandbox.git(&["diff", "HEAD", "--", "a.txt"]) + "\n";
    let plain: Vec<&str> = all
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("index ") && !line.starts_with("diff "))
        .collect();
    let plain = plain.concat();
    let limits = Limits::default();
    let read = || patch::read(plain.as_bytes(), Some(&sandbox.open()), &limits).unwrap();
    let change = read();
    assert!(
        text(&file(&change, "a.txt").head)
            .windows(6)
            .any(|part| part == b"twenty")
    );
    sandbox.git(&["checkout", "-q", "--", "a.txt"]);
    assert_eq!(read(), change);
    sandbox.write("a.txt", "something else\n");
    sandbox.commit("else");
    assert!(matches!(file(&read(), "a.txt").head, Side::Unavailable(_)));
}

#[test]
fn links_binaries_and_submodules_in_patches_keep_their_kind() {
    let change = alone(
        b"diff --git a/l b/l\nnew file mode 120000\nindex 0000000..1111111\n--- /dev/null\n+++ b/l\n\
          @@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n\
          diff --git a/s b/s\nindex 1111111..2222222 160000\n--- a/s\n+++ b/s\n\
          @@ -1 +1 @@\n-Subproject commit 1111\n+Subproject commit 2222\n\
          diff --git a/i.png b/i.png\nindex 1111111..2222222 100644\nBinary files a/i.png and b/i.png differ\n",
    );
    assert_eq!(file(&change, "l").head, Side::Symlink("/etc/passwd".into()));
    assert_eq!(file(&change, "s").base, Side::Submodule("1111".into()));
    assert_eq!(file(&change, "s").head, Side::Submodule("2222".into()));
    assert_eq!(file(&change, "i.png").head, Side::Binary { size: 0 });
}

#[test]
fn what_is_no_patch_is_refused() {
    assert!(problem(b" \n").contains("holds no diff"));
    assert!(problem(b"hello\n").contains("holds no diff"));
    let twice = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".repeat(2);
    assert!(problem(twice.as_bytes()).contains("changes `x` more than once"));
    assert!(problem(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n").contains("line 5"));
    let limits = Limits {
        max_patch_bytes: 3,
        ..Limits::default()
    };
    let error = patch::read(b"1234", None, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the patch has 4 bytes; at most 3 are read"
    );
}
