//! Making an App: the form that GitHub reads, and the secrets that come back.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use pullmill_fakehub::{APP, Hub};

use crate::program::{Place, ask};

#[test]
fn an_app_is_made_by_a_form_and_its_secrets_are_kept() {
    let (hub, place) = (Hub::start().unwrap(), Place::new());
    let arguments = [
        "app",
        "create",
        "--url",
        "https://mill.example/",
        "--github-api",
        &hub.api(),
    ];
    let mut command = place.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let page = ask(address, "GET", "/", &[], b"").unwrap().body;
    for wanted in [
        "https://github.com/settings/apps/new?state=",
        "https://mill.example/webhook",
        "&quot;checks&quot;:&quot;write&quot;",
    ] {
        assert!(page.contains(wanted), "{page}");
    }
    let state = page
        .split("state=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    // Only whoever saw the form can come back.
    let forged = ask(address, "GET", "/done?code=c&state=other", &[], b"").unwrap();
    assert_eq!(forged.status, 403);
    let done = ask(
        address,
        "GET",
        &format!("/done?code=a-code&state={state}"),
        &[],
        b"",
    )
    .unwrap();
    assert_eq!(done.status, 200);
    assert!(child.wait().unwrap().success());
    let said: Vec<String> = out.lines().map(Result::unwrap).collect();
    assert!(
        said.join("\n").contains(&format!("--github-app {APP}")),
        "{said:?}"
    );
    for name in ["app.private-key.pem", "webhook.secret"] {
        let path = place.path().join(name);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let again = place.run(&arguments);
    assert_eq!(again.status.code(), Some(73), "{again:?}");
}
