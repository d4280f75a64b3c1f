//! Repositories that try to run something, to lead us out, or to cost too much.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pullmill_adapters::git::{Limits, Repository, Wanted};
use pullmill_core::change::Side;

use crate::sandbox::{Sandbox, file, summary};

/// A script that leaves a marker when it is run.
fn trap(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let marker = sandbox.folder.path().join("marker");
    let script = sandbox.folder.path().join("trap.sh");
    fs::write(
        &script,
        format!("#!/bin/sh\necho run >> '{}'\ncat\n", marker.display()),
    )
    .unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    (script, marker)
}

fn every_change(root: &Path) {
    let repository = Repository::open(root).unwrap();
    let limits = Limits::default();
    for wanted in [
        Wanted::Default,
        Wanted::Staged,
        Wanted::Range("HEAD".into()),
        Wanted::Range("HEAD~1..HEAD".into()),
        Wanted::Base("HEAD~1".into()),
    ] {
        let change = repository.change(&wanted, &limits);
        assert!(change.is_ok(), "{wanted:?}: {change:?}");
    }
}

#[test]
fn nothing_the_repository_configures_is_run() {
    let sandbox = Sandbox::with(&[
        ("a.txt", "one\n"),
        (".gitattributes", "* filter=trap diff=trap merge=trap\n"),
    ]);
    sandbox.write("a.txt", "two\n");
    sandbox.commit("second");
    let (script, marker) = trap(&sandbox);
    let script = script.to_str().unwrap();
    for name in [
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "diff.trap.textconv",
        "diff.trap.command",
        "diff.external",
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "alias.rev-parse",
        "alias.cat-file",
        "pager.diff-tree",
        "core.gitProxy",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "core.alternateRefsCommand",
    ] {
        sandbox.git(&["config", name, script]);
    }
    sandbox.git(&[
        "config",
        "core.hooksPath",
        sandbox.folder.path().to_str().unwrap(),
    ]);
    sandbox.git(&["config", "filter.trap.required", "true"]);
    sandbox.git(&["config", "diff.orderFile", "/nowhere"]);
    for hook in [
        "post-index-change",
        "fsmonitor-watchman",
        "post-checkout",
        "reference-transaction",
        "query-watchman",
    ] {
        fs::copy(script, sandbox.folder.path().join(hook)).unwrap();
        let inner = sandbox.path(".git/hooks");
        fs::create_dir_all(&inner).unwrap();
        fs::copy(script, inner.join(hook)).unwrap();
    }
    // Same size, new time: git itself would run the filter to see whether it changed.
    sandbox.write("a.txt", "six\n");
    // Making the repository may have run the traps; from here on only the reviewer works.
    let _ = fs::remove_file(&marker);
    every_change(&sandbox.root);
    assert!(!marker.exists(), "something was run");
    Sandbox::try_git_in(&sandbox.root, &["diff"]);
    assert!(marker.exists(), "the traps do not work");
}

#[test]
fn a_partial_clone_fetches_nothing() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.write("a.txt", "two\n");
    sandbox.commit("second");
    sandbox.git(&["config", "uploadpack.allowFilter", "true"]);
    let (script, marker) = trap(&sandbox);
    let url = format!("file://{}", sandbox.root.display());
    let folder = sandbox.folder.path();
    let output = Sandbox::try_git_in(
        folder,
        &[
            "clone",
            "-q",
            "--no-checkout",
            "--filter=blob:none",
            &url,
            "partial",
        ],
    );
    assert!(output.status.success());
    let partial = folder.join("partial");
    let config = |name: &str, value: &str| Sandbox::try_git_in(&partial, &["config", name, value]);
    fs::write(
        &script,
        format!("#!/bin/sh\necho run >> '{}'\nexit 1\n", marker.display()),
    )
    .unwrap();
    config("remote.origin.uploadpack", script.to_str().unwrap());
    let repository = Repository::open(&partial).unwrap();
    let change = repository
        .change(&Wanted::Range("HEAD".into()), &Limits::default())
        .unwrap();
    assert_eq!(summary(&change), ["Modified a.txt"]);
    assert!(
        matches!(&file(&change, "a.txt").head, Side::Unavailable(why) if why.contains("partial"))
    );
    assert!(!marker.exists());
    Sandbox::try_git_in(&partial, &["show", "HEAD"]);
    assert!(marker.exists(), "the trap does not work");
}

#[test]
fn options_in_place_of_commits_write_nothing() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    let target = sandbox.folder.path().join("written");
    let option = format!("--output={}", target.display());
    for wanted in [
        Wanted::Range(option.clone()),
        Wanted::Range(format!("HEAD..{option}")),
        Wanted::Base(option.clone()),
    ] {
        let problem = sandbox.problem(&wanted);
        assert!(problem.contains("begins with a dash"), "{problem}");
    }
    assert!(!target.exists());
}

#[test]
fn settings_in_the_environment_and_replaced_objects_do_not_count() {
    let sandbox = Sandbox::with(&[("a.txt", "one\n")]);
    sandbox.write("a.txt", "two\n");
    sandbox.commit("second");
    sandbox.write("evil", "evil\n");
    let evil = sandbox.git(&["hash-object", "-w", "evil"]);
    sandbox.remove("evil");
    let blob = sandbox.git(&["rev-parse", "HEAD:a.txt"]);
    sandbox.git(&["replace", &blob, &evil]);
    let change = sandbox.range("HEAD");
    assert_eq!(
        file(&change, "a.txt").head.text().map(|text| text.to_vec()),
        Some(b"two\n".to_vec())
    );
}

fn object_path(sandbox: &Sandbox, name: &str) -> PathBuf {
    let id = sandbox.git(&["rev-parse", name]);
    sandbox.path(&format!(".git/objects/{}/{}", &id[..2], &id[2..]))
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_and_missing_blobs_cost_their_file_only() {
    let sandbox = Sandbox::with(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n"), ("d", "4\n")]);
    for name in ["a", "b", "c", "d"] {
        sandbox.write(name, format!("new {name}\n").repeat(50));
    }
    sandbox.commit("second");
    // Swapped for another object: readable, but not what its id says.
    let swapped = fs::read(object_path(&sandbox, "HEAD~1:d")).unwrap();
    overwrite(&object_path(&sandbox, "HEAD:a"), &swapped);
    overwrite(&object_path(&sandbox, "HEAD:b"), b"garbage");
    fs::remove_file(object_path(&sandbox, "HEAD:c")).unwrap();
    let change = sandbox.range("HEAD");
    for name in ["a", "b", "c"] {
        let head = &file(&change, name).head;
        assert!(matches!(head, Side::Unavailable(_)), "{name}: {head:?}");
    }
    assert!(file(&change, "d").head.text().is_some());
}

#[test]
fn cut_short_blobs_cost_their_file_only() {
    let sandbox = Sandbox::with(&[("a", "1\n"), ("b", "2\n")]);
    let noise: String = (0..40_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_string())
        .collect();
    sandbox.write(
        "a",
        noise.as_bytes().chunks(60).collect::<Vec<_>>().join(&b'\n'),
    );
    sandbox.write("b", "new\n");
    sandbox.commit("second");
    let path = object_path(&sandbox, "HEAD:a");
    let whole = fs::read(&path).unwrap();
    overwrite(&path, &whole[..whole.len() / 2]);
    let change = sandbox.range("HEAD");
    assert!(matches!(file(&change, "a").head, Side::Unavailable(_)));
    assert!(file(&change, "b").head.text().is_some());
}

#[test]
fn damaged_trees_commits_and_indexes_end_in_words() {
    let sandbox = Sandbox::with(&[("sub/a", "1\n")]);
    sandbox.write("sub/a", "2\n");
    sandbox.commit("second");
    let index = fs::read(sandbox.path(".git/index")).unwrap();
    fs::write(sandbox.path(".git/index"), b"DIRC nonsense").unwrap();
    let problem = sandbox.problem(&Wanted::Staged);
    assert!(problem.contains("ls-files"), "{problem}");
    fs::write(sandbox.path(".git/index"), index).unwrap();
    fs::remove_file(object_path(&sandbox, "HEAD:sub")).unwrap();
    let problem = sandbox.problem(&Wanted::Range("HEAD".into()));
    assert!(problem.contains("diff-tree"), "{problem}");
    fs::remove_file(object_path(&sandbox, "HEAD^{tree}")).unwrap();
    let problem = sandbox.problem(&Wanted::Range("HEAD".into()));
    assert!(problem.contains("diff-tree"), "{problem}");
    overwrite(&object_path(&sandbox, "HEAD"), b"garbage");
    let problem = sandbox.problem(&Wanted::Range("HEAD".into()));
    assert!(problem.contains("`HEAD`"), "{problem}");
    fs::write(sandbox.path(".git/HEAD"), b"nonsense").unwrap();
    let problem = Repository::open(&sandbox.root).unwrap_err().to_string();
    assert!(problem.contains("not inside a git repository"), "{problem}");
}

#[test]
fn a_line_of_a_hundred_megabytes_is_too_large() {
    let sandbox = Sandbox::with(&[("a.js", "1\n"), ("b.js", "1\n"), ("c.js", "1\n")]);
    let huge = fs::File::create(sandbox.path("b.js")).unwrap();
    huge.set_len(100 << 20).unwrap();
    sandbox.write("a.js", "2\n");
    sandbox.write("c.js", "2\n");
    let start = Instant::now();
    let working = sandbox.default_change();
    sandbox.git(&[
        "-c",
        "core.compression=1",
        "commit",
        "-q",
        "-a",
        "-m",
        "huge",
    ]);
    let middle = start.elapsed();
    let start = Instant::now();
    let committed = sandbox.range("HEAD");
    for change in [&working, &committed] {
        assert_eq!(
            summary(change),
            ["Modified a.js", "Modified b.js", "Modified c.js"]
        );
        assert_eq!(
            file(change, "b.js").head,
            Side::TooLarge { size: 100 << 20 }
        );
        assert!(file(change, "c.js").head.text().is_some());
    }
    let took = (middle, start.elapsed());
    assert!(took.1 < Duration::from_secs(5), "{took:?}");
}

#[test]
fn fifty_thousand_changed_files_are_bounded() {
    let sandbox = Sandbox::with(&[("first", "1\n")]);
    let mut import = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(&sandbox.root)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = String::from(
        "commit refs/heads/many\ncommitter t <t@example.org> 1 +0000\ndata 1\nx\nfrom refs/heads/main\n",
    );
    for number in 0..50_000 {
        let text = format!("file {number}\n");
        stream += &format!(
            "M 644 inline d{}/{number}\ndata {}\n{text}\n",
            number % 100,
            text.len()
        );
    }
    import
        .stdin
        .take()
        .unwrap()
        .write_all(stream.as_bytes())
        .unwrap();
    assert!(import.wait().unwrap().success());
    let start = Instant::now();
    let change = sandbox.range("main..many");
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(change.files.len(), 50_000);
    let read = change
        .files
        .iter()
        .filter(|file| file.head.text().is_some())
        .count();
    assert_eq!(read, Limits::default().max_files as usize);
    assert!(change.notes[0].contains("50000 files changed; only the first 5000"));
    // The same against the working tree: everything of HEAD is gone.
    sandbox.git(&["symbolic-ref", "HEAD", "refs/heads/many"]);
    let change = sandbox.change(&Wanted::Staged);
    assert_eq!(change.files.len(), 50_000);
}

#[test]
fn paths_that_lead_out_are_not_read() {
    let sandbox = Sandbox::with(&[("a", "1\n")]);
    let secret = sandbox.folder.path().join("secret");
    fs::write(&secret, "secret\n").unwrap();
    let blob = sandbox.git(&["rev-parse", "HEAD:a"]);
    // Git refuses such trees itself; they can be made by hand.
    let tree_of = |entry: &str| {
        let mut child = Command::new("git")
            .args(["mktree", "-z"])
            .current_dir(&sandbox.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(entry.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let inner = tree_of(&format!("100644 blob {blob}\tsecret\0"));
    let tree = tree_of(&format!("040000 tree {inner}\t..\0"));
    let commit = sandbox.git(&["commit-tree", "-p", "HEAD", "-m", "evil", &tree]);
    let change = sandbox.range(&commit);
    assert_eq!(summary(&change), ["Renamed a -> ../secret"]);
    sandbox.git(&["update-ref", "HEAD", &commit]);
    let change = sandbox.default_change();
    assert!(!format!("{change:?}").contains("secret\\n"));
}

#[test]
fn hostile_ignore_files_are_bounded() {
    let sandbox = Sandbox::with(&[("a", "1\n")]);
    let patterns: String = (0..14_000)
        .map(|n| format!("**/*{n}*[a-z]*?{n}*\n"))
        .collect();
    sandbox.write(".gitignore", &patterns[..250_000]);
    sandbox.write("new", "1\n");
    let start = Instant::now();
    let change = sandbox.default_change();
    assert!(change.files.len() >= 2);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    sandbox.write(".gitignore", patterns.repeat(2));
    let change = sandbox.default_change();
    assert!(
        change
            .notes
            .iter()
            .any(|note| note.contains("larger than 256 KiB")),
        "{:?}",
        change.notes
    );
    sandbox.remove(".gitignore");
    symlink("/dev/zero", sandbox.path(".gitignore")).unwrap();
    let change = sandbox.default_change();
    assert!(
        change
            .notes
            .iter()
            .any(|note| note.contains("no regular file")),
        "{:?}",
        change.notes
    );
}

#[test]
fn a_git_that_hangs_is_ended() {
    let sandbox = Sandbox::with(&[("a", "1\n")]);
    sandbox.remove(".git/index");
    let made = Command::new("mkfifo")
        .arg(sandbox.path(".git/index"))
        .status();
    assert!(made.unwrap().success());
    let limits = Limits {
        git_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let result = sandbox.open().change(&Wanted::Staged, &limits);
    let problem = result.unwrap_err().to_string();
    assert!(
        problem.contains("`git ls-files` gave no answer"),
        "{problem}"
    );
}
