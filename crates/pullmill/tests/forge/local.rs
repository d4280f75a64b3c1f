//! A git repository as a forge: its branches are pull requests, and nothing leaves the machine.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::{PATIENCE, Place, Server};
use crate::scene::{LEAKY, TIGHT};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_AUTHOR_EMAIL", "a@localhost"),
        ("GIT_COMMITTER_NAME", "a"),
        ("GIT_COMMITTER_EMAIL", "a@localhost"),
    ] {
        command.env(name, value);
    }
    let output = command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn commit(folder: &Path, path: &str, text: &str) {
    std::fs::write(folder.join(path), text).unwrap();
    git(folder, &["add", "."]);
    git(folder, &["commit", "-q", "-m", "a change"]);
}

/// Waits until the command says something.
fn says(place: &Place, arguments: &[&str], wanted: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = place.printed(arguments);
        if said.contains(wanted) {
            return said;
        }
        assert!(
            Instant::now() < deadline,
            "{arguments:?} never says {wanted}: {said}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn serve(place: &Place) -> Server {
    place.serve(&["--forge", "local:repository"])
}

#[test]
fn branches_are_reviewed_as_pull_requests() {
    let place = Place::new();
    let folder = place.path().join("repository");
    std::fs::create_dir(&folder).unwrap();
    git(&folder, &["init", "-q", "-b", "main"]);
    commit(&folder, "README.md", "# Shop\n");
    let server = serve(&place);
    says(&place, &["pulls", "list"], "no pull request");
    git(&folder, &["checkout", "-q", "-b", "feature/users"]);
    commit(&folder, "users.py", LEAKY);
    let refs = git(&folder, &["for-each-ref"]);
    let listed = says(&place, &["pulls", "list"], "failure: Fail");
    assert!(
        listed.contains("feature/users") && listed.contains("open"),
        "{listed}"
    );
    let shown = place.printed(&["pulls", "show", "feature/users"]);
    assert!(
        shown.contains(">>> at users.py:10\n") && shown.contains("SQL"),
        "{shown}"
    );
    assert_eq!(git(&folder, &["for-each-ref"]), refs);
    assert_eq!(git(&folder, &["status", "--porcelain"]), "");
    // It moves while nobody looks, and the server is killed.
    server.kill();
    commit(&folder, "users.py", TIGHT);
    let server = serve(&place);
    says(&place, &["pulls", "list"], "success: Pass");
    let shown = says(
        &place,
        &["pulls", "show", "1"],
        ">>> at users.py:10, settled",
    );
    assert_eq!(shown.matches(">>> summary").count(), 1, "{shown}");
    assert_eq!(shown.matches(">>> at ").count(), 1, "{shown}");
    // Merged.
    git(&folder, &["checkout", "-q", "main"]);
    git(&folder, &["merge", "-q", "feature/users"]);
    says(&place, &["pulls", "list"], "closed");
    drop(server);
}

#[test]
fn what_is_no_repository_is_refused_with_a_reason() {
    let place = Place::new();
    let output = place
        .serving(&["--forge", "local:nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(66), "{output:?}");
    let output = place.serving(&["--forge", "gitlab:x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("local:DIR"));
}
