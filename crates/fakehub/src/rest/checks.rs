//! Check runs and their notes.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Request, Yes, missing, no, page, parameter, repo};
use crate::app::No;
use crate::state::{CheckRun, State};

/// Notes that one request may carry.
const MAX_NOTES: usize = 50;

/// The notes of a request, which takes no more than fifty.
fn notes(request: &Request<'_>) -> Result<Vec<Value>, No> {
    let notes = request.body["output"]["annotations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if notes.len() > MAX_NOTES {
        return no(
            422,
            "Invalid request: no more than 50 annotations are allowed",
        );
    }
    let is_good = |note: &Value| {
        let level = note["annotation_level"].as_str().unwrap_or_default();
        note["path"].is_string()
            && note["start_line"].as_u64() >= Some(1)
            && note["end_line"].as_u64() >= note["start_line"].as_u64()
            && matches!(level, "notice" | "warning" | "failure")
            && note["message"].is_string()
    };
    match notes.iter().all(is_good) {
        true => Ok(notes),
        false => no(422, "Invalid request: an annotation is not usable"),
    }
}

fn conclusion(request: &Request<'_>) -> Result<Option<String>, No> {
    let Some(word) = request.body["conclusion"].as_str() else {
        return Ok(None);
    };
    let known = [
        "success",
        "failure",
        "neutral",
        "cancelled",
        "skipped",
        "timed_out",
        "action_required",
    ];
    match known.contains(&word) {
        true => Ok(Some(word.to_owned())),
        false => no(422, "Invalid request: conclusion is not known"),
    }
}

pub(super) fn make_check(state: &mut State, id: u64, request: &Request<'_>) -> Result<Yes, No> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let head = text(&request.body["head_sha"]);
    if !repo(state, id)?.objects.commits.contains_key(&head) {
        return no(422, "No commit found for SHA");
    }
    let run = CheckRun {
        id: state.next_id(),
        name: text(&request.body["name"]),
        head,
        conclusion: conclusion(request)?.unwrap_or_default(),
        external_id: text(&request.body["external_id"]),
        title: text(&request.body["output"]["title"]),
        annotations: notes(request)?,
        made: Instant::now(),
    };
    let answer = run.to_json();
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    repo.checks.push(run);
    Ok(Yes::Json(201, answer))
}

pub(super) fn change_check(
    state: &mut State,
    id: u64,
    check: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let wanted: u64 = check.parse().map_err(|_| missing())?;
    let (notes, conclusion) = (notes(request)?, conclusion(request)?);
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let run = repo
        .checks
        .iter_mut()
        .find(|one| one.id == wanted)
        .ok_or_else(missing)?;
    if let Some(conclusion) = conclusion {
        run.conclusion = conclusion;
    }
    if let Some(external_id) = request.body["external_id"].as_str() {
        run.external_id = external_id.to_owned();
    }
    if let Some(title) = request.body["output"]["title"].as_str() {
        run.title = title.to_owned();
    }
    // Notes are only ever added.
    run.annotations.extend(notes);
    Ok(Yes::Json(200, run.to_json()))
}

pub(super) fn checks(
    state: &mut State,
    id: u64,
    commit: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let name = parameter(request.query, "check_name");
    let repo = repo(state, id)?;
    let found = repo.checks.iter().filter(|run| {
        let is_named = name.is_none_or(|name| name == run.name);
        run.head == commit && is_named && state.shows(run.made)
    });
    let all: Vec<Value> = found.map(CheckRun::to_json).collect();
    let answer = json!({"total_count": all.len(), "check_runs": page(all, request.query)});
    Ok(Yes::Json(200, answer))
}
