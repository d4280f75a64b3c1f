//! Changes read from real git repositories: what is compared with what, what is left out, and that nothing is run.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use pullmill_adapters::git::{GitError, Limits, Repository, Wanted, hunks};
use pullmill_adapters::patch;
use pullmill_core::change::{Change, FileChange, Side, Status};
use pullmill_core::hunk::FilePatch;
use tempfile::TempDir;

/// Ten lines, so that a change of one of them leaves the files alike.
const TEN: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";

/// A repository in a folder that goes away with it.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::made_with(&["init", "-q", "-b", "main"])
    }

    fn made_with(init: &[&str]) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        world.git(init);
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(self.path())
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(["-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn commit(&self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "m"]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let world = Self::new();
        for (path, content) in files {
            world.write(path, content);
        }
        world.commit();
        world
    }

    fn repository(&self) -> Repository {
        Repository::open(self.path()).unwrap()
    }

    fn change(&self, wanted: &Wanted) -> Change {
        self.try_change(wanted).unwrap()
    }

    fn try_change(&self, wanted: &Wanted) -> Result<Change, GitError> {
        self.repository().change(wanted, &Limits::default())
    }
}

fn range(text: &str) -> Wanted {
    Wanted::Range(text.to_owned())
}

fn listed(change: &Change) -> Vec<(Status, &str)> {
    let files = change.files.iter();
    files
        .map(|file| (file.status, file.path.as_str()))
        .collect()
}

fn only(change: &Change) -> &FileChange {
    assert_eq!(change.files.len(), 1, "{:?}", listed(change));
    &change.files[0]
}

fn text(side: &Side) -> &[u8] {
    side.text().unwrap_or_else(|| panic!("{side:?}"))
}

#[test]
fn the_working_tree_is_reviewed_if_it_differs_and_the_last_commit_if_not() {
    let world = World::with(&[("a.txt", TEN), (".gitignore", "out/\n*.log\n")]);
    world.write("a.txt", "1\n");
    let second = world.commit();
    let last = world.change(&Wanted::Default);
    assert_eq!(
        (last.label.as_str(), last.head.as_deref()),
        ("last commit", Some(second.as_str()))
    );
    assert_eq!(text(&only(&last).head), b"1\n");
    world.write("new.txt", "n\n");
    world.write("out/ignored.txt", "n\n");
    world.write("x.log", "n\n");
    fs::remove_file(world.path().join("a.txt")).unwrap();
    let now = world.change(&Wanted::Default);
    assert_eq!(
        (now.label.as_str(), now.base.as_deref(), now.head.as_deref()),
        ("working tree", Some(second.as_str()), None)
    );
    assert_eq!(
        listed(&now),
        [(Status::Deleted, "a.txt"), (Status::Added, "new.txt")]
    );
}

#[test]
fn a_first_commit_is_all_new() {
    let world = World::with(&[("a.txt", TEN)]);
    let change = world.change(&Wanted::Default);
    assert_eq!(change.base, None);
    assert_eq!(
        (only(&change).status, &only(&change).base),
        (Status::Added, &Side::Absent)
    );
}

#[test]
fn a_subfolder_stands_for_its_whole_repository() {
    let world = World::with(&[("a.txt", TEN), ("sub/b.txt", TEN)]);
    world.write("a.txt", "1\n");
    let inside = Repository::open(&world.path().join("sub")).unwrap();
    let change = inside.change(&Wanted::Default, &Limits::default()).unwrap();
    assert_eq!(listed(&change), [(Status::Modified, "a.txt")]);
}

#[test]
fn what_is_staged_is_taken_from_the_index() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("a.txt", "staged\n");
    world.git(&["add", "a.txt"]);
    world.write("a.txt", "working\n");
    world.write("announced.txt", "n\n");
    world.git(&["add", "-N", "announced.txt"]);
    let staged = world.change(&Wanted::Staged);
    assert_eq!(text(&only(&staged).head), b"staged\n");
    let working = world.change(&Wanted::Default);
    assert_eq!(
        listed(&working),
        [
            (Status::Modified, "a.txt"),
            (Status::Added, "announced.txt")
        ]
    );
    assert_eq!(text(&working.files[0].head), b"working\n");
}

#[test]
fn ranges_mean_what_they_mean_to_git() {
    let world = World::with(&[("a.txt", TEN)]);
    let root = world.git(&["rev-parse", "HEAD"]).trim().to_owned();
    world.git(&["checkout", "-q", "-b", "topic"]);
    world.write("topic.txt", "t\n");
    let topic = world.commit();
    world.git(&["checkout", "-q", "main"]);
    world.write("main.txt", "m\n");
    let main = world.commit();
    let two = world.change(&range("main..topic"));
    assert_eq!(
        listed(&two),
        [(Status::Deleted, "main.txt"), (Status::Added, "topic.txt")]
    );
    assert_eq!(
        (two.base.as_deref(), two.head.as_deref()),
        (Some(main.as_str()), Some(topic.as_str()))
    );
    let three = world.change(&range("main...topic"));
    assert_eq!(listed(&three), [(Status::Added, "topic.txt")]);
    assert_eq!(three.base.as_deref(), Some(root.as_str()));
    let open = world.change(&range("topic.."));
    assert_eq!(open.head.as_deref(), Some(main.as_str()));
    let one = world.change(&range("topic"));
    assert_eq!(listed(&one), [(Status::Added, "topic.txt")]);
    world.git(&["checkout", "-q", "topic"]);
    world.write("loose.txt", "l\n");
    let since = world.change(&Wanted::Base("main".to_owned()));
    assert_eq!(
        listed(&since),
        [(Status::Added, "loose.txt"), (Status::Added, "topic.txt")]
    );
    assert_eq!(since.base.as_deref(), Some(root.as_str()));
}

#[test]
fn a_merge_is_compared_with_its_first_parent() {
    let world = World::with(&[("a.txt", TEN)]);
    world.git(&["checkout", "-q", "-b", "topic"]);
    world.write("topic.txt", "t\n");
    world.commit();
    world.git(&["checkout", "-q", "main"]);
    world.write("main.txt", "m\n");
    world.commit();
    world.git(&["merge", "-q", "--no-ff", "-m", "m", "topic"]);
    assert_eq!(
        listed(&world.change(&Wanted::Default)),
        [(Status::Added, "topic.txt")]
    );
}

#[test]
fn what_is_no_revision_is_refused() {
    let world = World::with(&[("a.txt", TEN)]);
    let marker = world.path().join("marker");
    let option = format!("--output={}", marker.display());
    for given in [
        option.as_str(),
        "--all",
        "-p",
        "no-such",
        "main..no-such",
        "a b",
        "main..a b",
        "^main",
        "main^@",
        "",
        "a..b..c",
        "main:a.txt",
        "main\nmain",
    ] {
        for wanted in [range(given), Wanted::Base(given.to_owned())] {
            // `..` alone and the like mean HEAD on both sides; these never do.
            let error = world.try_change(&wanted);
            assert!(
                matches!(error, Err(GitError::BadRevision { .. })),
                "{wanted:?}: {error:?}"
            );
        }
    }
    assert!(!marker.exists());
}

#[test]
fn unrelated_histories_have_no_common_base() {
    let world = World::with(&[("a.txt", TEN)]);
    world.git(&["checkout", "-q", "--orphan", "other"]);
    world.write("b.txt", TEN);
    world.commit();
    let error = world.try_change(&range("main...other"));
    assert!(
        matches!(error, Err(GitError::BadRevision { .. })),
        "{error:?}"
    );
}

#[test]
fn the_end_of_a_shallow_clone_is_not_taken_for_a_first_commit() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("a.txt", "1\n");
    world.commit();
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", world.path().display());
    let into = clone.path().join("c");
    world.git(&[
        "clone",
        "-q",
        "--depth=1",
        &url,
        &into.display().to_string(),
    ]);
    let shallow = Repository::open(&into).unwrap();
    let error = shallow.change(&Wanted::Default, &Limits::default());
    assert!(
        matches!(&error, Err(GitError::BadRevision { reason, .. }) if reason.contains("shallow")),
        "{error:?}"
    );
    fs::write(into.join("a.txt"), "2\n").unwrap();
    let working = shallow
        .change(&Wanted::Default, &Limits::default())
        .unwrap();
    assert_eq!(text(&only(&working).base), b"1\n");
}

#[test]
fn empty_bare_and_missing_repositories_are_told_apart() {
    let empty = World::new();
    assert!(matches!(
        empty.try_change(&Wanted::Default),
        Err(GitError::Nothing)
    ));
    empty.write("a.txt", "1\n");
    assert_eq!(
        listed(&empty.change(&Wanted::Default)),
        [(Status::Added, "a.txt")]
    );
    let bare = World::made_with(&["init", "-q", "--bare"]);
    assert!(matches!(
        bare.try_change(&Wanted::Staged),
        Err(GitError::Bare)
    ));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        Repository::open(folder.path()),
        Err(GitError::NoRepository { .. })
    ));
    assert!(matches!(
        Repository::open(&folder.path().join("no")),
        Err(GitError::NoRepository { .. })
    ));
}

#[test]
fn a_bare_repository_has_ranges() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("a.txt", "1\n");
    world.commit();
    let bare = World::made_with(&[
        "clone",
        "-q",
        "--bare",
        &world.path().display().to_string(),
        ".",
    ]);
    for wanted in [range("HEAD~1..HEAD"), Wanted::Default] {
        assert_eq!(text(&only(&bare.change(&wanted)).head), b"1\n");
    }
}

#[test]
fn a_repository_of_sha256_is_read() {
    let world = World::made_with(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    world.write("a.txt", TEN);
    world.commit();
    world.write("a.txt", "1\n");
    let change = world.change(&Wanted::Default);
    assert_eq!(
        (only(&change).status, change.base.map(|id| id.len())),
        (Status::Modified, Some(64))
    );
}

#[test]
fn moves_are_found_in_commits_and_in_working_trees() {
    let world = World::with(&[("a.txt", TEN)]);
    fs::rename(world.path().join("a.txt"), world.path().join("b.txt")).unwrap();
    world.write("b.txt", format!("{TEN}eleven\n"));
    let seen = |change: &Change| {
        let file = only(change).clone();
        (
            file.status,
            file.path.to_string(),
            file.old_path.unwrap().to_string(),
            file.hunks.len(),
        )
    };
    let expected = (Status::Renamed, "b.txt".to_owned(), "a.txt".to_owned(), 1);
    assert_eq!(seen(&world.change(&Wanted::Default)), expected);
    world.git(&["add", "-A"]);
    assert_eq!(seen(&world.change(&Wanted::Staged)), expected);
    world.commit();
    assert_eq!(seen(&world.change(&range("HEAD"))), expected);
}

#[test]
fn copies_are_found_in_commits() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("b.txt", TEN);
    world.write("a.txt", format!("{TEN}eleven\n"));
    world.commit();
    let change = world.change(&range("HEAD"));
    assert_eq!(
        listed(&change),
        [(Status::Modified, "a.txt"), (Status::Copied, "b.txt")]
    );
    assert_eq!(change.files[1].old_path.as_ref().unwrap().as_str(), "a.txt");
}

#[test]
fn a_mode_alone_can_change() {
    let world = World::with(&[("a.sh", TEN)]);
    fs::set_permissions(world.path().join("a.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let expect = |change: &Change| {
        let file = only(change);
        assert_eq!(
            (file.status, file.old_mode, file.new_mode),
            (Status::ModeChanged, Some(0o100_644), Some(0o100_755))
        );
        assert!(file.hunks.is_empty());
    };
    expect(&world.change(&Wanted::Default));
    world.commit();
    expect(&world.change(&range("HEAD")));
}

#[test]
fn binaries_links_and_submodules_are_what_they_are() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("b.bin", b"a\0b");
    symlink("a.txt", world.path().join("link")).unwrap();
    symlink("loop", world.path().join("loop")).unwrap();
    symlink("/etc/passwd", world.path().join("out")).unwrap();
    let id = "1".repeat(40);
    let check = |change: &Change| {
        let side = |path: &str| {
            change
                .files
                .iter()
                .find(|file| file.path.as_str() == path)
                .unwrap()
                .head
                .clone()
        };
        assert_eq!(side("b.bin"), Side::Binary { size: 3 });
        assert_eq!(side("link"), Side::Symlink("a.txt".into()));
        assert_eq!(side("loop"), Side::Symlink("loop".into()));
        assert_eq!(side("out"), Side::Symlink("/etc/passwd".into()));
    };
    check(&world.change(&Wanted::Default));
    world.git(&["add", "-A"]);
    world.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{id},module"),
    ]);
    let staged = world.change(&Wanted::Staged);
    check(&staged);
    let is_module = |file: &&FileChange| file.head == Side::Submodule(id.clone());
    assert_eq!(
        staged.files.iter().find(is_module).unwrap().path.as_str(),
        "module"
    );
    world.git(&["commit", "-q", "-m", "m"]);
    check(&world.change(&range("HEAD")));
}

#[test]
fn nothing_is_read_through_a_folder_that_became_a_link() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("a.txt"), "secret\n").unwrap();
    let world = World::with(&[("sub/a.txt", TEN), ("z.txt", TEN)]);
    fs::remove_dir_all(world.path().join("sub")).unwrap();
    symlink(outside.path(), world.path().join("sub")).unwrap();
    let change = world.change(&Wanted::Default);
    assert_eq!(
        listed(&change),
        [(Status::Added, "sub"), (Status::Deleted, "sub/a.txt")]
    );
    assert!(matches!(&change.files[0].head, Side::Symlink(_)));
}

#[test]
fn pipes_are_not_waited_for() {
    let world = World::with(&[("a.txt", TEN)]);
    fs::remove_file(world.path().join("a.txt")).unwrap();
    for name in ["a.txt", "new"] {
        let made = Command::new("mkfifo").arg(world.path().join(name)).status();
        assert!(made.unwrap().success());
    }
    assert_eq!(
        listed(&world.change(&Wanted::Default)),
        [(Status::Deleted, "a.txt")]
    );
}

#[test]
fn line_ends_count_in_commits_and_not_in_a_checkout() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("a.txt", TEN.replace('\n', "\r\n"));
    world.write("b.txt", "b\n");
    assert_eq!(
        listed(&world.change(&Wanted::Default)),
        [(Status::Added, "b.txt")]
    );
    world.commit();
    let change = world.change(&range("HEAD"));
    assert_eq!(change.files[0].hunks[0].lines.len(), 20);
}

#[test]
fn a_missing_line_end_is_kept() {
    let world = World::with(&[("a.txt", "a\nb")]);
    world.write("a.txt", "a\nc");
    let change = world.change(&Wanted::Default);
    let lines = &only(&change).hunks[0].lines;
    assert_eq!(lines.last().unwrap().bytes, b"c");
    assert_eq!(
        FilePatch::from(only(&change)).apply(b"a\nb").unwrap(),
        b"a\nc"
    );
}

#[test]
fn content_and_names_need_not_be_utf_8() {
    let world = World::with(&[("a.txt", TEN)]);
    let name = std::ffi::OsStr::from_bytes(b"n\xff \n\"\t.txt");
    fs::write(world.path().join(name), b"\xff\xfe\n").unwrap();
    let seen = |change: &Change| {
        let file = only(change);
        assert_eq!(file.path.to_bytes(), name.as_bytes());
        assert_eq!(text(&file.head), b"\xff\xfe\n");
    };
    seen(&world.change(&Wanted::Default));
    let commit = world.commit();
    let change = world.change(&range("HEAD"));
    seen(&change);
    fs::remove_file(world.path().join(name)).unwrap();
    fs::write(
        world.path().join(std::ffi::OsStr::from_bytes(b"m\xff.txt")),
        "m\n",
    )
    .unwrap();
    let commit_of_m = world.commit();
    let repository = world.repository();
    let read = repository.read(&commit_of_m, &world.change(&range("HEAD")).files[0].path);
    assert_eq!(read.unwrap().unwrap(), b"m\n");
    assert_ne!(commit, commit_of_m);
}

#[test]
fn an_endless_line_is_too_large_wherever_it_stands() {
    let world = World::with(&[("a.txt", TEN)]);
    let file = fs::File::create(world.path().join("long.js")).unwrap();
    let mut out = std::io::BufWriter::new(file);
    let block = vec![b'x'; 1 << 20];
    (0..100).for_each(|_| out.write_all(&block).unwrap());
    drop(out);
    let size = 100 << 20;
    assert_eq!(
        only(&world.change(&Wanted::Default)).head,
        Side::TooLarge { size }
    );
    world.git(&["-c", "core.compression=0", "add", "-A"]);
    assert_eq!(
        only(&world.change(&Wanted::Staged)).head,
        Side::TooLarge { size }
    );
    let short = World::with(&[("a.txt", TEN)]);
    short.write("long.js", "x".repeat(200_000));
    assert!(matches!(
        only(&short.change(&Wanted::Default)).head,
        Side::TooLarge { .. }
    ));
}

#[test]
fn of_very_many_files_only_so_many_are_read_and_the_rest_is_named() {
    let world = World::with(&[("a.txt", TEN)]);
    fs::create_dir(world.path().join("many")).unwrap();
    (0..6_000).for_each(|number| {
        fs::write(world.path().join(format!("many/{number}.txt")), "x\n").unwrap()
    });
    let change = world.change(&Wanted::Default);
    assert_eq!(change.files.len(), 6_000);
    let unread = change
        .files
        .iter()
        .filter(|file| matches!(file.head, Side::Unavailable(_)))
        .count();
    assert_eq!(unread, 1_000);
    assert_eq!(
        change.notes,
        ["6000 files changed; the content of 5000 is read"]
    );
}

#[test]
fn a_file_in_conflict_is_named_once_and_read_as_it_stands() {
    let world = World::with(&[("a.txt", "base\n"), ("gone.txt", TEN)]);
    world.git(&["checkout", "-q", "-b", "topic"]);
    world.write("a.txt", "theirs\n");
    world.write("gone.txt", format!("{TEN}theirs\n"));
    world.commit();
    world.git(&["checkout", "-q", "main"]);
    world.write("a.txt", "ours\n");
    fs::remove_file(world.path().join("gone.txt")).unwrap();
    world.commit();
    let merged = world.command(&["merge", "-q", "topic"]).output().unwrap();
    assert!(!merged.status.success());
    let working = world.change(&Wanted::Default);
    assert!(text(&working.files[0].head).starts_with(b"<<<<<<<"));
    assert_eq!(
        working.notes,
        ["a.txt is in conflict", "gone.txt is in conflict"]
    );
    let staged = world.change(&Wanted::Staged);
    assert!(staged.files.is_empty(), "{:?}", listed(&staged));
}

#[test]
fn other_repositories_inside_are_left_alone() {
    let world = World::with(&[("a.txt", TEN)]);
    let inner = world.path().join("inner");
    world.git(&["init", "-q", &inner.display().to_string()]);
    fs::write(inner.join("x.txt"), "x\n").unwrap();
    world.write("b.txt", "b\n");
    assert_eq!(
        listed(&world.change(&Wanted::Default)),
        [(Status::Added, "b.txt")]
    );
}

#[test]
fn a_damaged_object_is_unavailable_and_spoils_no_other() {
    let world = World::with(&[("a.txt", "aaa\n"), ("b.txt", "bbb\n")]);
    let id = world.git(&["rev-parse", "HEAD:a.txt"]);
    world.write("a.txt", "1\n");
    world.write("b.txt", "2\n");
    world.commit();
    let object = world
        .path()
        .join(".git/objects")
        .join(&id[..2])
        .join(id[2..].trim());
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&object, "no object").unwrap();
    // Renames are not looked for among these, so git reads neither.
    let change = world.change(&range("HEAD"));
    assert!(
        matches!(&change.files[0].base, Side::Unavailable(_)),
        "{:?}",
        change.files[0].base
    );
    assert_eq!(text(&change.files[0].head), b"1\n");
    assert_eq!(text(&change.files[1].base), b"bbb\n");
}

#[test]
fn a_patch_is_completed_from_a_repository() {
    let world = World::with(&[("a.txt", TEN)]);
    world.write("a.txt", TEN.replace("five", "5"));
    world.write("b.txt", "b\n");
    symlink("a.txt", world.path().join("link")).unwrap();
    world.git(&["add", "-A"]);
    let written = world.git(&["diff", "--cached"]);
    let alone = patch::read(written.as_bytes(), None, &Limits::default()).unwrap();
    assert_eq!(
        listed(&alone),
        [
            (Status::Modified, "a.txt"),
            (Status::Added, "b.txt"),
            (Status::Added, "link")
        ]
    );
    assert!(matches!(alone.files[0].head, Side::Unavailable(_)));
    assert_eq!(text(&alone.files[1].head), b"b\n");
    assert_eq!(alone.files[2].head, Side::Symlink("a.txt".into()));
    let whole = patch::read(
        written.as_bytes(),
        Some(&world.repository()),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(text(&whole.files[0].base), TEN.as_bytes());
    assert_eq!(
        text(&whole.files[0].head),
        TEN.replace("five", "5").as_bytes()
    );
    assert!(patch::read(b"", None, &Limits::default()).is_err());
}

#[test]
fn a_patch_that_does_not_fit_is_unavailable() {
    let world = World::with(&[("a.txt", "other\n")]);
    let text = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+1\n";
    let change = patch::read(
        text.as_bytes(),
        Some(&world.repository()),
        &Limits::default(),
    )
    .unwrap();
    assert!(matches!(only(&change).head, Side::Unavailable(_)));
}

/// A repository that would leave a marker whenever git ran something for it.
fn trapped() -> World {
    let world = World::with(&[("a.txt", TEN), ("b.txt", TEN)]);
    let trap = world.path().join(".git/trap");
    fs::write(
        &trap,
        format!("#!/bin/sh\ntouch '{}'\ncat\n", marker(&world).display()),
    )
    .unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    world.write(".gitattributes", "*.txt filter=trap diff=trap merge=trap\n");
    let program = trap.display().to_string();
    for key in [
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "diff.external",
        "diff.trap.command",
        "diff.trap.textconv",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.editor",
        "core.askPass",
        "core.gitProxy",
        "credential.helper",
        "pager.diff-tree",
        "pager.rev-parse",
        "pager.ls-files",
        "pager.cat-file",
        "gpg.program",
    ] {
        world.git(&["config", key, &program]);
    }
    for command in ["diff-tree", "rev-parse", "ls-files", "cat-file"] {
        world.git(&[
            "config",
            &format!("alias.{command}"),
            &format!("!{program}"),
        ]);
    }
    world.git(&["config", "filter.trap.required", "true"]);
    for hook in [
        "post-index-change",
        "fsmonitor-watchman",
        "reference-transaction",
        "post-checkout",
        "pre-commit",
    ] {
        fs::create_dir_all(world.path().join(".git/hooks")).unwrap();
        fs::copy(&trap, world.path().join(".git/hooks").join(hook)).unwrap();
    }
    let _ = fs::remove_file(marker(&world));
    world.write("a.txt", format!("{TEN}eleven\n"));
    world
}

fn marker(world: &World) -> std::path::PathBuf {
    world.path().join(".git/marker")
}

#[test]
fn nothing_that_a_repository_asks_for_is_run() {
    let world = trapped();
    let repository = world.repository();
    for wanted in [
        Wanted::Default,
        Wanted::Staged,
        Wanted::Base("main".into()),
        range("HEAD"),
        range("HEAD...HEAD"),
    ] {
        let change = repository.change(&wanted, &Limits::default()).unwrap();
        if wanted == Wanted::Default {
            assert_eq!(
                text(&change.files[1].head),
                format!("{TEN}eleven\n").as_bytes()
            );
        }
    }
    let text = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+1\n";
    patch::read(text.as_bytes(), Some(&repository), &Limits::default()).unwrap();
    repository.list("HEAD", ".").unwrap();
    assert!(!marker(&world).exists());
}

#[test]
fn plain_git_would_run_it() {
    for arguments in [["diff"], ["status"]] {
        let world = trapped();
        let _ = world.command(&arguments).output().unwrap();
        assert!(marker(&world).exists(), "git {arguments:?}");
    }
}

#[test]
fn a_missing_object_is_fetched_from_nowhere() {
    let world = World::with(&[("a.txt", "aaa\n")]);
    let id = world.git(&["rev-parse", "HEAD:a.txt"]);
    world.write("a.txt", "1\n");
    world.commit();
    fs::remove_file(
        world
            .path()
            .join(".git/objects")
            .join(&id[..2])
            .join(id[2..].trim()),
    )
    .unwrap();
    let trap = format!("ext::sh -c touch% '{}'", marker(&world).display());
    for (key, value) in [
        ("remote.origin.url", trap.as_str()),
        ("remote.origin.promisor", "true"),
        ("extensions.partialClone", "origin"),
        ("protocol.ext.allow", "always"),
        ("core.repositoryFormatVersion", "1"),
    ] {
        world.git(&["config", key, value]);
    }
    let change = world.change(&range("HEAD"));
    assert!(matches!(&only(&change).base, Side::Unavailable(_)));
    assert!(!marker(&world).exists());
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("a\n"),
        Just("b\n"),
        Just("c\r\n"),
        Just("\n"),
        Just("d"),
        Just("\r")
    ];
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn hunks_turn_the_base_into_the_head_and_back(before in lines(), after in lines()) {
        let patch = FilePatch {
            path: "a".into(),
            old_path: None,
            status: Status::Modified,
            old_mode: None,
            new_mode: None,
            old_id: None,
            new_id: None,
            binary: false,
            hunks: hunks(&before, &after),
        };
        prop_assert_eq!(patch.apply(&before), Ok(after.clone()));
        prop_assert_eq!(patch.unapply(&after), Ok(before.clone()));
        prop_assert_eq!(patch.hunks.is_empty(), before == after);
    }
}
