//! Changes between commits.

use std::os::unix::fs::{PermissionsExt, symlink};

use pullmill_adapters::git::{Limits, Repository, Wanted};
use pullmill_core::change::{RepoPath, Side, Status};
use pullmill_core::hunk::{FilePatch, print};

use crate::sandbox::{Sandbox, file, summary, text};

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

#[test]
fn a_range_holds_both_sides_and_their_regions() {
    let sandbox = Sandbox::with(&[("a.txt", "one\ntwo\n"), ("b.txt", "same\n")]);
    sandbox.write("a.txt", "one\n2\n");
    let head = sandbox.commit("second");
    let change = sandbox.range("HEAD~1..HEAD");
    assert_eq!(change.label, "HEAD~1..HEAD");
    assert_eq!(change.head, Some(head));
    assert_eq!(change.base, Some(sandbox.git(&["rev-parse", "HEAD~1"])));
    assert_eq!(summary(&change), ["Modified a.txt"]);
    let changed = file(&change, "a.txt");
    assert_eq!(text(&changed.base), b"one\ntwo\n");
    assert_eq!(text(&changed.head), b"one\n2\n");
    assert_eq!(changed.hunks.len(), 1);
    assert_eq!(change.notes, Vec::<String>::new());
}

#[test]
fn regions_print_as_git_prints_them() {
    let sandbox = Sandbox::with(&[("a b.txt", TEN), ("c", "x")]);
    sandbox.write(
        "a b.txt",
        TEN.replace("5\n", "five\n").replace("10\n", "10"),
    );
    sandbox.write("c", "y\n");
    sandbox.commit("second");
    let expected = sandbox.git(&["diff", "--no-color", "HEAD~1", "HEAD"]);
    let expected: Vec<&str> = expected
        .lines()
        .filter(|line| !line.starts_with("index "))
        .collect();
    let change = sandbox.range("HEAD~1..HEAD");
    let printed: Vec<u8> = change
        .files
        .iter()
        .flat_map(|f| print(&FilePatch::from(f)))
        .collect();
    let printed = String::from_utf8(printed).unwrap();
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_first_commit_counts_every_file_as_new() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n"), ("empty", "")]);
    let change = sandbox.default_change();
    assert_eq!(change.label, "last commit");
    assert_eq!(change.base, None);
    assert_eq!(summary(&change), ["Added a.txt", "Added empty"]);
    assert_eq!(file(&change, "a.txt").base, Side::Absent);
    assert_eq!(file(&change, "empty").hunks, []);
}

#[test]
fn a_shallow_clone_without_the_parent_says_so() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.write("a.txt", "two\n");
    sandbox.commit("second");
    let url = format!("file://{}", sandbox.root.display());
    let folder = sandbox.folder.path();
    let output = Sandbox::try_git_in(folder, &["clone", "-q", "--depth", "1", &url, "shallow"]);
    assert!(output.status.success());
    let shallow = Repository::open(&folder.join("shallow")).unwrap();
    let change = shallow
        .change(&Wanted::Default, &Limits::default())
        .unwrap();
    assert_eq!(summary(&change), ["Added a.txt"]);
    assert!(change.notes[0].contains("shallow"), "{:?}", change.notes);
}

#[test]
fn bare_repositories_review_ranges_only() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.write("a.txt", "two\n");
    sandbox.commit("second");
    let bare = sandbox.folder.path().join("bare.git");
    sandbox.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let bare = Repository::open(&bare).unwrap();
    let limits = Limits::default();
    let change = bare
        .change(&Wanted::Range("main~1..main".into()), &limits)
        .unwrap();
    assert_eq!(summary(&change), ["Modified a.txt"]);
    let change = bare.change(&Wanted::Default, &limits).unwrap();
    assert_eq!(change.label, "last commit");
    let problem = bare
        .change(&Wanted::Staged, &limits)
        .unwrap_err()
        .to_string();
    assert!(problem.contains("bare"), "{problem}");
}

#[test]
fn renames_copies_and_modes_are_told_apart() {
    let sandbox = Sandbox::with(&[
        ("old.txt", TEN),
        ("source.txt", &TEN.repeat(2)),
        ("run", "#!\n"),
    ]);
    sandbox.git(&["mv", "old.txt", "new.txt"]);
    sandbox.write("new.txt", TEN.replace("5\n", "five\n"));
    sandbox.write("source.txt", format!("{}more\n", TEN.repeat(2)));
    sandbox.write("copy.txt", TEN.repeat(2));
    std::fs::set_permissions(sandbox.path("run"), PermissionsExt::from_mode(0o755)).unwrap();
    let expected = [
        "Copied source.txt -> copy.txt",
        "Renamed old.txt -> new.txt",
        "ModeChanged run",
        "Modified source.txt",
    ];
    assert_eq!(summary(&sandbox.default_change()), expected);
    sandbox.git(&["add", "-A"]);
    assert_eq!(summary(&sandbox.change(&Wanted::Staged)), expected);
    sandbox.commit("second");
    let change = sandbox.range("HEAD");
    assert_eq!(summary(&change), expected);
    assert_eq!(file(&change, "new.txt").hunks.len(), 1);
    assert_eq!(file(&change, "copy.txt").hunks, []);
    assert_eq!(file(&change, "run").old_mode, Some(0o100_644));
    assert_eq!(file(&change, "run").new_mode, Some(0o100_755));
}

#[test]
fn odd_contents_are_what_they_are() {
    let sandbox = Sandbox::with(&[("a.txt", "x\n"), ("link", "plain\n")]);
    sandbox.write("binary", b"a\0b");
    sandbox.write("latin1.txt", b"caf\xe9\r\n");
    sandbox.write("large.txt", vec![b'\n'; (2 << 20) + 1]);
    sandbox.write("line.txt", vec![b'x'; (1 << 20) + 1]);
    sandbox.write("no-newline", "end");
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 77\n",
        "a".repeat(64)
    );
    sandbox.write("lfs.bin", &pointer);
    sandbox.write("not-lfs.py", format!("{pointer}import os\n"));
    sandbox.remove("link");
    symlink("/etc/passwd", sandbox.path("link")).unwrap();
    sandbox.write_raw(b"caf\xe9/\xff.txt", "name\n");
    let working = sandbox.default_change();
    sandbox.commit("second");
    let id = "1".repeat(40);
    sandbox.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{id},sub"),
    ]);
    sandbox.git(&["commit", "-q", "-m", "third"]);
    let committed = sandbox.range("HEAD~2..HEAD");
    for change in [&working, &committed] {
        let head = |path| &file(change, path).head;
        assert_eq!(head("binary"), &Side::Binary { size: 3 });
        assert_eq!(text(head("latin1.txt")), b"caf\xe9\r\n");
        assert_eq!(
            head("large.txt"),
            &Side::TooLarge {
                size: (2 << 20) + 1
            }
        );
        assert_eq!(
            head("line.txt"),
            &Side::TooLarge {
                size: (1 << 20) + 1
            }
        );
        assert_eq!(file(change, "no-newline").hunks[0].lines[0].bytes, b"end");
        assert_eq!(head("lfs.bin"), &Side::Binary { size: 77 });
        assert!(head("not-lfs.py").text().is_some());
        assert_eq!(head("link"), &Side::Symlink("/etc/passwd".into()));
        assert_eq!(file(change, "link").status, Status::Modified);
        assert_eq!(text(head("caf\\xe9/\\xff.txt")), b"name\n");
    }
    assert_eq!(file(&committed, "sub").head, Side::Submodule(id));
}

#[test]
fn merge_bases_and_open_ends_are_found() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.git(&["checkout", "-q", "-b", "topic"]);
    sandbox.write("topic.txt", "t\n");
    sandbox.commit("topic");
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.write("main.txt", "m\n");
    sandbox.commit("main");
    assert_eq!(summary(&sandbox.range("main...topic")), ["Added topic.txt"]);
    assert_eq!(
        summary(&sandbox.range("main..topic")),
        ["Deleted main.txt", "Added topic.txt"]
    );
    sandbox.git(&["checkout", "-q", "topic"]);
    sandbox.write("dirty.txt", "d\n");
    assert_eq!(summary(&sandbox.range("main...")), ["Added topic.txt"]);
    let change = sandbox.change(&Wanted::Base("main".into()));
    assert_eq!(summary(&change), ["Added topic.txt"]);
    assert_eq!(change.label, "main...HEAD");
    sandbox.git(&["merge", "-q", "main"]);
    let change = sandbox.range("HEAD");
    assert_eq!(summary(&change), ["Added main.txt"]);
    assert!(change.notes[0].contains("first parent"));
    sandbox.git(&["checkout", "-q", "--orphan", "other"]);
    sandbox.commit("unrelated");
    let problem = sandbox.problem(&Wanted::Base("main".into()));
    assert!(problem.contains("no common ancestor"), "{problem}");
}

#[test]
fn what_names_no_commit_is_refused_by_name() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    for given in [
        "nope",
        "main..nope",
        "HEAD:a.txt",
        "HEAD~9",
        "",
        "a\nb",
        "--output=x",
        "..-x",
    ] {
        let problem = sandbox.problem(&Wanted::Range(given.to_owned()));
        assert!(problem.contains("give a commit"), "{given}: {problem}");
    }
    let empty = Sandbox::new();
    let problem = empty.problem(&Wanted::Default);
    assert!(problem.contains("nothing to review"), "{problem}");
}

#[test]
fn folders_that_are_no_repository_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let problem = Repository::open(folder.path()).unwrap_err().to_string();
    assert!(problem.contains("not inside a git repository"), "{problem}");
    let problem = Repository::open(&folder.path().join("gone"))
        .unwrap_err()
        .to_string();
    assert!(problem.contains("is not a folder"), "{problem}");
}

#[test]
fn repositories_with_sha256_names_work() {
    let sandbox = Sandbox::new();
    std::fs::remove_dir_all(sandbox.path(".git")).unwrap();
    sandbox.git(&["init", "-q", "--object-format=sha256"]);
    sandbox.write("a.txt", "one\n");
    sandbox.commit("first");
    assert_eq!(summary(&sandbox.default_change()), ["Added a.txt"]);
    sandbox.write("a.txt", "two\n");
    assert_eq!(summary(&sandbox.default_change()), ["Modified a.txt"]);
}

#[test]
fn single_files_are_read_at_a_commit() {
    let sandbox = Sandbox::with(&[
        (".pullmill.toml", "base"),
        (".pullmill/rules/a.yml", "a"),
        (".pullmill/rules/deep/b.yml", "b"),
    ]);
    let base = sandbox.git(&["rev-parse", "HEAD"]);
    sandbox.write(".pullmill.toml", "head");
    sandbox.write(".pullmill/rules/c.yml", "c");
    symlink("/etc/passwd", sandbox.path(".pullmill/rules/link.yml")).unwrap();
    symlink("/etc", sandbox.path("etc")).unwrap();
    let head = sandbox.commit("second");
    sandbox.write(".pullmill.toml", "working");
    let repository = sandbox.open();
    assert_eq!(repository.head().unwrap(), Some(head.clone()));
    let read = |at: &str, path: &str| repository.read(at, &RepoPath::from(path));
    assert_eq!(
        read(&base, ".pullmill.toml").unwrap(),
        Some(b"base".to_vec())
    );
    assert_eq!(
        read(&head, ".pullmill.toml").unwrap(),
        Some(b"head".to_vec())
    );
    assert_eq!(read(&base, "nope/x").unwrap(), None);
    assert_eq!(read(&head, "etc/passwd").unwrap(), None);
    for path in ["../x", "/etc/passwd", "", "a//b", "a\nb", ".pullmill"] {
        assert!(read(&base, path).is_err(), "{path:?}");
    }
    assert!(read("--batch", "x").is_err());
    let list = |at: &str| {
        let paths = repository.list(at, ".pullmill/rules/").unwrap();
        paths
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(list(&base), ".pullmill/rules/a.yml");
    assert_eq!(list(&head), ".pullmill/rules/a.yml .pullmill/rules/c.yml");
    assert_eq!(repository.list(&base, "nope").unwrap(), []);
}

#[test]
fn only_so_many_files_are_read_and_the_rest_is_named() {
    let sandbox = Sandbox::with(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n")]);
    let limits = Limits {
        max_files: 2,
        ..Limits::default()
    };
    let change = sandbox.open().change(&Wanted::Default, &limits).unwrap();
    assert_eq!(change.files.len(), 3);
    assert!(matches!(file(&change, "c").head, Side::Unavailable(_)));
    assert!(change.notes[0].contains("3 files changed; only the first 2"));
    let limits = Limits {
        max_total_bytes: 3,
        max_listed: 2,
        ..Limits::default()
    };
    let change = sandbox.open().change(&Wanted::Default, &limits).unwrap();
    assert!(matches!(file(&change, "a").head, Side::Text(_)));
    assert!(matches!(file(&change, "b").head, Side::Unavailable(_)));
    assert!(change.notes[0].contains("1 more files"));
    let limits = Limits {
        max_hunk_lines: 1,
        ..Limits::default()
    };
    let change = sandbox.open().change(&Wanted::Default, &limits).unwrap();
    assert!(matches!(file(&change, "a").head, Side::Text(_)));
    assert!(matches!(file(&change, "b").head, Side::TooLarge { .. }));
}
