//! Changes of the working tree and the index.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use pullmill_adapters::git::{Limits, Repository, Wanted};
use pullmill_core::change::Side;

use crate::sandbox::{Sandbox, file, summary, text};

#[test]
fn a_dirty_tree_is_compared_with_head() {
    let sandbox = Sandbox::with(&[
        ("edited", "1\n"),
        ("staged", "1\n"),
        ("both", "1\n"),
        ("gone", "only here\n"),
        ("unstaged", "left\n"),
        (".gitignore", "*.log\n/out/\n"),
    ]);
    sandbox.write("staged", "2\n");
    sandbox.write("both", "2\n");
    sandbox.git(&["add", "-A"]);
    sandbox.write("both", "1\n");
    sandbox.write("edited", "2\n");
    sandbox.write("sub/new.txt", "new\n");
    sandbox.write("x.log", "ignored\n");
    sandbox.write("out/y", "ignored\n");
    sandbox.remove("gone");
    sandbox.git(&["rm", "-q", "--cached", "unstaged"]);
    let change = sandbox.default_change();
    assert_eq!(change.label, "working tree");
    assert_eq!(change.head, None);
    assert_eq!(
        summary(&change),
        [
            "Modified edited",
            "Deleted gone",
            "Modified staged",
            "Added sub/new.txt"
        ]
    );
    assert_eq!(text(&file(&change, "edited").head), b"2\n");
    let staged = sandbox.change(&Wanted::Staged);
    assert_eq!(
        summary(&staged),
        ["Modified both", "Modified staged", "Deleted unstaged"]
    );
    assert_eq!(text(&file(&staged, "both").head), b"2\n");
}

#[test]
fn touched_files_and_converted_line_ends_are_clean() {
    let sandbox = Sandbox::with(&[("a.txt", "one\ntwo\n"), ("b.txt", "x\n")]);
    sandbox.write("b.txt", "y\n");
    sandbox.commit("second");
    sandbox.write("a.txt", "one\r\ntwo\r\n");
    sandbox.write("b.txt", "y\n");
    let change = sandbox.default_change();
    assert_eq!(change.label, "last commit");
    assert_eq!(summary(&change), ["Modified b.txt"]);
    sandbox.write("a.txt", "one\r\n2\r\n");
    assert_eq!(summary(&sandbox.default_change()), ["Modified a.txt"]);
}

#[test]
fn an_edit_within_the_same_second_is_seen() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    for text in ["two\n", "six\n", "ten\n"] {
        sandbox.write("a.txt", text);
        assert_eq!(summary(&sandbox.default_change()), ["Modified a.txt"]);
        sandbox.git(&["add", "-A"]);
        assert_eq!(summary(&sandbox.default_change()), ["Modified a.txt"]);
    }
}

#[test]
fn files_of_git_lfs_count_by_what_their_pointer_says() {
    let pointer = "version https://git-lfs.github.com/spec/v1\n\
        oid sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\nsize 5\n";
    let sandbox = Sandbox::with(&[("big.bin", pointer), ("z", "")]);
    sandbox.write("big.bin", "hello");
    assert_eq!(sandbox.default_change().label, "last commit");
    sandbox.write("big.bin", "hullo");
    let change = sandbox.default_change();
    assert_eq!(summary(&change), ["Modified big.bin"]);
    assert_eq!(file(&change, "big.bin").base, Side::Binary { size: 5 });
}

#[test]
fn a_branch_without_commits_shows_its_files_as_new() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "one\n");
    let change = sandbox.default_change();
    assert_eq!(summary(&change), ["Added a.txt"]);
    assert_eq!(change.base, None);
    assert_eq!(
        summary(&sandbox.change(&Wanted::Staged)),
        Vec::<String>::new()
    );
    sandbox.git(&["add", "--intent-to-add", "a.txt"]);
    assert_eq!(summary(&sandbox.default_change()), ["Added a.txt"]);
    assert_eq!(
        summary(&sandbox.change(&Wanted::Staged)),
        Vec::<String>::new()
    );
}

#[test]
fn links_are_never_followed() {
    let sandbox = Sandbox::with(&[("dir/a.txt", "one\n"), ("b.txt", "b\n")]);
    let outside = sandbox.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a.txt"), "secret\n").unwrap();
    sandbox.remove("dir/a.txt");
    fs::remove_dir(sandbox.path("dir")).unwrap();
    symlink(&outside, sandbox.path("dir")).unwrap();
    symlink("loop", sandbox.path("loop")).unwrap();
    symlink("..", sandbox.path("up")).unwrap();
    let change = sandbox.default_change();
    assert_eq!(
        summary(&change),
        ["Added dir", "Deleted dir/a.txt", "Added loop", "Added up"]
    );
    assert_eq!(file(&change, "loop").head, Side::Symlink("loop".into()));
    assert!(!format!("{change:?}").contains("secret"));
}

#[test]
fn pipes_are_not_opened() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n"), ("b.txt", "b\n")]);
    sandbox.remove("a.txt");
    for name in ["a.txt", "pipe", "sub/.gitignore"] {
        fs::create_dir_all(sandbox.path("sub")).unwrap();
        let made = Command::new("mkfifo").arg(sandbox.path(name)).status();
        assert!(made.unwrap().success());
    }
    sandbox.write("sub/x", "hidden\n");
    let change = sandbox.default_change();
    assert_eq!(summary(&change), ["Modified a.txt"]);
    assert!(matches!(file(&change, "a.txt").head, Side::Unavailable(_)));
    assert!(
        change.notes[0].contains(".gitignore is no regular file"),
        "{:?}",
        change.notes
    );
}

#[test]
fn nested_repositories_and_submodules_are_not_entered() {
    let inner = Sandbox::with(&[("inside.txt", "i\n")]);
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.git(&[
        "submodule",
        "add",
        "-q",
        inner.root.to_str().unwrap(),
        "module",
    ]);
    sandbox.commit("second");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&inner.root)
        .arg(sandbox.path("nested"))
        .status();
    assert!(copied.unwrap().success());
    sandbox.write("module/inside.txt", "changed\n");
    sandbox.write("new.txt", "n\n");
    let change = sandbox.default_change();
    assert_eq!(summary(&change), ["Added new.txt"]);
    assert_eq!(
        change.notes,
        ["nested is a repository of its own and was not entered"]
    );
    let change = sandbox.range("HEAD");
    assert_eq!(summary(&change), ["Added .gitmodules", "Added module"]);
    assert!(matches!(file(&change, "module").head, Side::Submodule(_)));
}

#[test]
fn unresolved_merges_are_said() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.git(&["checkout", "-q", "-b", "topic"]);
    sandbox.write("a.txt", "topic\n");
    sandbox.commit("topic");
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.write("a.txt", "main\n");
    sandbox.commit("main");
    Sandbox::try_git_in(&sandbox.root, &["merge", "topic"]);
    let change = sandbox.default_change();
    assert_eq!(summary(&change), ["Modified a.txt"]);
    assert_eq!(change.notes, ["the merge of a.txt is unresolved"]);
    assert!(text(&file(&change, "a.txt").head).starts_with(b"<<<<<<<"));
    let staged = sandbox.change(&Wanted::Staged);
    assert!(matches!(file(&staged, "a.txt").head, Side::Unavailable(_)));
}

#[test]
fn sparse_checkouts_and_lost_modes_are_not_changes() {
    let sandbox = Sandbox::with(&[("in/a.txt", "one\n"), ("out/b.txt", "two\n")]);
    sandbox.git(&["sparse-checkout", "set", "in"]);
    assert!(!sandbox.path("out/b.txt").exists());
    assert_eq!(sandbox.default_change().label, "last commit");
    sandbox.git(&["config", "core.fileMode", "false"]);
    fs::set_permissions(sandbox.path("in/a.txt"), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(sandbox.default_change().label, "last commit");
}

#[test]
fn a_linked_working_tree_and_a_folder_inside_work_too() {
    let sandbox = Sandbox::with(&[("sub/a.txt", "one\n")]);
    sandbox.git(&["worktree", "add", "-q", "../linked"]);
    let linked = sandbox.folder.path().join("linked");
    fs::write(linked.join("sub/a.txt"), "two\n").unwrap();
    let repository = Repository::open(&linked.join("sub")).unwrap();
    let change = repository
        .change(&Wanted::Default, &Limits::default())
        .unwrap();
    assert_eq!(summary(&change), ["Modified sub/a.txt"]);
    assert_eq!(sandbox.default_change().label, "last commit");
}
