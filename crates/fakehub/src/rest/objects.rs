//! Git objects and branches over REST.

use std::time::SystemTime;

use bytes::Bytes;
use pullmill_core::time::Timestamp;
use serde_json::{Value, json};

use super::{Request, Yes, missing, no, repo};
use crate::app::{BOT, No, SLUG};
use crate::diff::differences;
use crate::git::{Files, blob_id, tree_id};
use crate::state::{Repo, State};

/// GitHub lists no more files in a comparison.
const MAX_FILES: usize = 300;

/// Answers what begins with `git`.
pub(super) fn answer(
    state: &mut State,
    id: u64,
    rest: &[&str],
    request: &Request<'_>,
) -> Result<Yes, No> {
    match (request.method, rest) {
        ("GET", ["trees", name]) => tree(repo(state, id)?, name),
        ("GET", ["blobs", blob]) => raw(repo(state, id)?, blob, request.is_raw),
        ("GET", ["commits", commit]) => commit_of(repo(state, id)?, commit),
        ("GET", ["ref", "heads", branch @ ..]) => {
            let branch = branch.join("/");
            let pulls = &repo(state, id)?.pulls;
            let pull = pulls.values().find(|pull| pull.branch == branch);
            let tip = &pull.ok_or_else(missing)?.head;
            Ok(Yes::Json(200, reference(&branch, tip)))
        }
        ("POST", ["trees"]) => make_tree(state, id, &request.body),
        ("POST", ["commits"]) => make_commit(state, id, &request.body),
        ("PATCH", ["refs", "heads", branch @ ..]) => {
            move_branch(state, id, &branch.join("/"), &request.body)
        }
        _ => Err(missing()),
    }
}

pub(super) fn compare(repo: &Repo, range: &str) -> Result<Yes, No> {
    let (base, head) = range.split_once("...").ok_or_else(missing)?;
    let merge_base = repo.objects.merge_base(base, head).ok_or_else(missing)?;
    let before = &repo.objects.commits[&merge_base].files;
    let after = &repo.objects.commits.get(head).ok_or_else(missing)?.files;
    let files = differences(before, after);
    let files: Vec<Value> = files
        .iter()
        .take(MAX_FILES)
        .map(|file| file.to_json())
        .collect();
    let status = match (merge_base == base, merge_base == head) {
        (true, true) => "identical",
        (true, false) => "ahead",
        (false, true) => "behind",
        (false, false) => "diverged",
    };
    let answer = json!({
        "merge_base_commit": {"sha": merge_base}, "status": status, "files": files,
    });
    Ok(Yes::Json(200, answer))
}

fn tree(repo: &Repo, name: &str) -> Result<Yes, No> {
    let files = repo.objects.tree(name).ok_or_else(missing)?;
    let mut entries: Vec<Value> = files
        .iter()
        .map(|(path, bytes)| {
            json!({"path": path, "mode": "100644", "type": "blob", "sha": blob_id(bytes), "size": bytes.len()})
        })
        .collect();
    let mut folders: Vec<&str> = files
        .keys()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at]))
        .collect();
    folders.sort_unstable();
    folders.dedup();
    entries.extend(folders.iter().map(|folder| {
        let sha = tree_id(files, &format!("{folder}/"));
        json!({"path": folder, "mode": "040000", "type": "tree", "sha": sha})
    }));
    Ok(Yes::Json(
        200,
        json!({"sha": tree_id(files, ""), "tree": entries, "truncated": false}),
    ))
}

fn raw(repo: &Repo, blob: &str, is_raw: bool) -> Result<Yes, No> {
    let bytes = repo.objects.blobs.get(blob).ok_or_else(missing)?;
    match is_raw {
        true => Ok(Yes::Raw(bytes.clone())),
        false => no(406, "only raw blobs are given here"),
    }
}

fn commit_of(repo: &Repo, name: &str) -> Result<Yes, No> {
    let commit = repo.objects.commits.get(name).ok_or_else(missing)?;
    let at = Timestamp::from_millis(commit.at * 1000).to_string();
    let answer = json!({
        "sha": name, "tree": {"sha": tree_id(&commit.files, "")},
        "committer": {"date": at.replace(".000Z", "Z")},
    });
    Ok(Yes::Json(200, answer))
}

fn reference(branch: &str, tip: &str) -> Value {
    json!({"ref": format!("refs/heads/{branch}"), "object": {"type": "commit", "sha": tip}})
}

fn make_tree(state: &mut State, id: u64, body: &Value) -> Result<Yes, No> {
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let base = body["base_tree"].as_str().unwrap_or_default();
    let mut files: Files = repo.objects.tree(base).ok_or_else(missing)?.clone();
    for entry in body["tree"].as_array().into_iter().flatten() {
        let (Some(path), Some(text)) = (entry["path"].as_str(), entry["content"].as_str()) else {
            return no(422, "a tree entry has no content");
        };
        files.insert(path.to_owned(), Bytes::from(text.to_owned()));
    }
    let name = tree_id(&files, "");
    repo.objects.trees.insert(name.clone(), files);
    Ok(Yes::Json(201, json!({"sha": name})))
}

fn make_commit(state: &mut State, id: u64, body: &Value) -> Result<Yes, No> {
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let files = repo.objects.tree(&text(&body["tree"])).cloned();
    let files = files.ok_or((422, "Tree SHA does not exist".to_owned()))?;
    let parent = text(&body["parents"][0]);
    if !repo.objects.commits.contains_key(&parent) {
        return no(422, "Parent SHA does not exist or is not a commit object");
    }
    let author = &body["author"];
    let at = Timestamp::parse(&text(&author["date"])).ok_or((422, "no date".to_owned()))?;
    let at = at.millis().div_euclid(1000);
    let who = format!(
        "{} <{}> {at} +0000",
        text(&author["name"]),
        text(&author["email"])
    );
    let message = text(&body["message"]);
    let name = repo
        .objects
        .commit_by(Some(&parent), files, &message, &who, at);
    Ok(Yes::Json(201, json!({"sha": name})))
}

/// Moves a branch forward, which is a push like any other.
fn move_branch(state: &mut State, id: u64, branch: &str, body: &Value) -> Result<Yes, No> {
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let wanted = body["sha"].as_str().unwrap_or_default();
    let history = repo.objects.history(wanted);
    let found = repo
        .pulls
        .iter_mut()
        .find(|(_, pull)| pull.branch == branch);
    let (number, pull) = found.ok_or_else(missing)?;
    if !history.contains(&pull.head) && body["force"] != true {
        return no(422, "Update is not a fast forward");
    }
    let is_new = pull.head != wanted;
    pull.head = wanted.to_owned();
    let (number, answer) = (*number, reference(branch, wanted));
    if is_new {
        pull.updated = SystemTime::now();
        crate::webhook::about_pull(state, id, number, "synchronize");
        if let Some(delivery) = state.deliveries.last_mut() {
            delivery.say(&format!("{SLUG}[bot]"), BOT);
        }
    }
    Ok(Yes::Json(200, answer))
}
