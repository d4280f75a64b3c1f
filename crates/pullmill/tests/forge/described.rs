//! What we send is what GitHub's own description of its API asks for: paths, parameters, bodies.

use std::collections::BTreeSet;

use pullmill_fakehub::{Asked, Fault, Trouble, Write};
use serde_json::{Value, json};

use crate::program::Place;
use crate::scene::{LEAKY, Scene, TIGHT};

/// Everything that we ever ask, once.
fn asked() -> Vec<Asked> {
    let more = ["--github-stale", "0", "--github-reconcile", "1"];
    let scene = Scene::of(Place::new(), &more);
    let opened = scene.open(&[("shop/users.py", LEAKY)]);
    let posted = scene.reviewed(opened);
    // An extra summary, as a sender that came late would leave it.
    let body = posted.comments[0].body.clone();
    scene.hub.post_as_app(opened, &body);
    for label in ["risk: high", "mine"] {
        scene.hub.label(opened, label);
    }
    scene.hub.comment(opened, "/pullmill labels");
    scene.hub.comment(opened, "/pullmill describe");
    scene.hub.comment(opened, "/pullmill help");
    let line = posted.lines[0].id;
    scene
        .hub
        .answer_by(opened, line, "somebody", 1, "/pullmill explain-risk");
    scene.tell();
    scene.wait(opened, "labels", |posted| {
        posted.labels == ["mine", "risk: low"]
    });
    scene.wait(opened, "an answer", |posted| posted.lines.len() == 3);
    scene.wait(opened, "a description", |posted| !posted.body.is_empty());
    scene.hub.push(opened, &[("shop/users.py", TIGHT)]);
    // Nobody takes this webhook, so it is asked for again.
    let secrets = crate::program::secrets();
    scene
        .hub
        .send_webhooks_to("http://127.0.0.1:1/webhook", secrets);
    let last = scene.hub.deliveries().len() - 1;
    assert_eq!(scene.hub.deliver(last), 0);
    scene.aim();
    scene.reviewed(opened);
    let names: Vec<String> = (0..310)
        .map(|number| format!("part{number}/file.py"))
        .collect();
    let texts: Vec<String> = (0..310)
        .map(|number| format!("n = {number}\n{LEAKY}"))
        .collect();
    let mut changed: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let large = "x = 1\n".repeat(100_000);
    changed.push(("large.py", &large));
    // A review that is refused is sent in a simpler form.
    scene.hub.fail(Fault {
        write: Write::Review,
        trouble: Trouble::Error(422),
        times: 1,
    });
    let opened = scene.open(&changed);
    scene.reviewed(opened);
    let fault = Fault {
        write: Write::Commit,
        trouble: Trouble::Error(500),
        times: 1,
    };
    crate::docs::live(&scene, &fault);
    scene.hub.asked()
}

#[test]
fn what_we_send_is_what_github_describes() {
    let Some(path) = std::env::var_os("PULLMILL_GITHUB_OPENAPI") else {
        eprintln!("skipped: PULLMILL_GITHUB_OPENAPI names no file; `cargo xtask test` fetches it");
        return;
    };
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut seen = BTreeSet::new();
    for one in asked() {
        // GraphQL is described elsewhere.
        if one.path == "/graphql" {
            continue;
        }
        let (path, query) = one.path.split_once('?').unwrap_or((&one.path, ""));
        let method = one.method.to_ascii_lowercase();
        let (template, operation) = operation(&document, path, &method)
            .unwrap_or_else(|| panic!("GitHub knows no {method} {path}"));
        seen.insert(format!("{method} {template}"));
        for (name, _) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let parameters = operation["parameters"].as_array().unwrap().iter();
            let known = parameters.map(|parameter| resolve(&document, parameter)["name"].clone());
            assert!(
                known.into_iter().any(|known| known == name),
                "{method} {template} has no {name}"
            );
        }
        if !one.body.is_null() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert!(!schema.is_null(), "{method} {template} takes no body");
            has_known_keys(&document, schema, &one.body, &template);
            let root = json!({"allOf": [schema], "components": document["components"]});
            let validator = jsonschema::validator_for(&root).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&one.body)
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{method} {template}: {errors:#?}");
        }
    }
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            "delete /repos/{owner}/{repo}/issues/comments/{comment_id}",
            "delete /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}",
            "get /app",
            "get /app/hook/deliveries",
            "get /repos/{owner}/{repo}/collaborators/{username}/permission",
            "get /repos/{owner}/{repo}/commits/{ref}/check-runs",
            "get /repos/{owner}/{repo}/compare/{basehead}",
            "get /repos/{owner}/{repo}/git/blobs/{file_sha}",
            "get /repos/{owner}/{repo}/git/commits/{commit_sha}",
            "get /repos/{owner}/{repo}/git/ref/{ref}",
            "get /repos/{owner}/{repo}/git/trees/{tree_sha}",
            "get /repos/{owner}/{repo}/installation",
            "get /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
            "get /repos/{owner}/{repo}/issues/{issue_number}/comments",
            "get /repos/{owner}/{repo}/issues/{issue_number}/labels",
            "get /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions",
            "get /repos/{owner}/{repo}/pulls/{pull_number}",
            "get /repos/{owner}/{repo}/pulls/{pull_number}/comments",
            "get /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
            "patch /repos/{owner}/{repo}/check-runs/{check_run_id}",
            "patch /repos/{owner}/{repo}/git/refs/{ref}",
            "patch /repos/{owner}/{repo}/issues/comments/{comment_id}",
            "patch /repos/{owner}/{repo}/pulls/{pull_number}",
            "post /app/hook/deliveries/{delivery_id}/attempts",
            "post /app/installations/{installation_id}/access_tokens",
            "post /repos/{owner}/{repo}/check-runs",
            "post /repos/{owner}/{repo}/git/commits",
            "post /repos/{owner}/{repo}/git/trees",
            "post /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
            "post /repos/{owner}/{repo}/issues/{issue_number}/comments",
            "post /repos/{owner}/{repo}/issues/{issue_number}/labels",
            "post /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions",
            "post /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies",
            "post /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
        ]
    );
}

/// The operation that a path means: the one whose parts fit, literally where it can.
fn operation<'d>(document: &'d Value, path: &str, method: &str) -> Option<(String, &'d Value)> {
    let parts: Vec<&str> = path.split('/').collect();
    let paths = document["paths"].as_object()?;
    let fits = paths.iter().filter(|(template, _)| {
        let wanted: Vec<&str> = template.split('/').collect();
        // The name of a reference may have slashes.
        let is_reference = template.contains("/git/ref") && template.ends_with("{ref}");
        let is_long = wanted.len() == parts.len() || (is_reference && wanted.len() < parts.len());
        is_long
            && wanted
                .iter()
                .zip(&parts)
                .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    });
    let best = fits.min_by_key(|(template, _)| template.matches('{').count())?;
    let operation = best.1.get(method)?;
    Some((best.0.clone(), operation))
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Every field we send is one that GitHub names, at every depth.
fn has_known_keys(document: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = resolve(document, schema);
    match value {
        Value::Object(fields) => {
            let mut known = Vec::new();
            collect(document, schema, &mut known);
            if known.is_empty() {
                return;
            }
            for (name, value) in fields {
                let of = known.iter().find(|(one, _)| one == name);
                let (_, schema) = of.unwrap_or_else(|| panic!("{place} has no field {name}"));
                has_known_keys(document, schema, value, &format!("{place} {name}"));
            }
        }
        Value::Array(items) => {
            for item in items {
                has_known_keys(document, &schema["items"], item, place);
            }
        }
        _ => {}
    }
}

fn collect<'d>(document: &'d Value, schema: &'d Value, known: &mut Vec<(String, &'d Value)>) {
    let schema = resolve(document, schema);
    if let Some(fields) = schema["properties"].as_object() {
        known.extend(fields.iter().map(|(name, schema)| (name.clone(), schema)));
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        for part in schema[kind].as_array().into_iter().flatten() {
            collect(document, part, known);
        }
    }
}
