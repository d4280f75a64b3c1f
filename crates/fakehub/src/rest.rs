//! The REST API: routes, and what they read and change.

mod objects;

use std::time::Instant;

use serde_json::{Value, json};

use crate::app::{APP, Caller, No, SLUG, give_token};
use crate::diff::differences;
use crate::fault::Write;
use crate::graphql;
use crate::state::{CheckRun, Comment, Reaction, Repo, Review, ReviewComment, State};

/// GitHub's limits.
const MAX_BODY: usize = 65_536;
const MAX_NOTES: usize = 50;

/// A request, taken apart.
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: Vec<&'r str>,
    pub(crate) query: &'r str,
    pub(crate) body: Value,
    /// Whether raw bytes are wanted.
    pub(crate) is_raw: bool,
}

/// An answer that says yes.
pub(crate) enum Yes {
    Json(u16, Value),
    Raw(bytes::Bytes),
    /// A page, and where the next one begins.
    Linked(Value, Option<u64>),
    Nothing,
}

fn no<T>(status: u16, message: &str) -> Result<T, No> {
    Err((status, message.to_owned()))
}

fn missing() -> No {
    (404, "Not Found".to_owned())
}

/// The App, with its secrets, as it is given once.
pub(crate) fn made_app() -> Value {
    json!({
        "id": APP, "slug": SLUG, "html_url": "https://github.com/apps/pullmill-fake", "pem": crate::app::APP_KEY,
        "webhook_secret": "a secret that GitHub has made up itself",
    })
}

/// Attempts to deliver, newest first, page by page.
fn attempts(state: &State, query: &str) -> Yes {
    let number = |name: &str, or: u64| {
        parameter(query, name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(or)
    };
    let (size, before) = (
        number("per_page", 30).clamp(1, 100),
        number("cursor", u64::MAX),
    );
    let mut older = state.attempts.iter().rev().filter(|one| one.id < before);
    let page: Vec<Value> = older
        .by_ref()
        .take(usize::try_from(size).unwrap_or(100))
        .filter_map(|one| {
            let delivery = state.deliveries.get(one.delivery)?;
            Some(json!({
                "id": one.id, "guid": delivery.id, "event": delivery.event, "action": delivery.action,
                "delivered_at": crate::state::rfc3339(one.at), "status_code": one.status,
                "status": if (200..300).contains(&one.status) { "OK" } else { "failed" },
            }))
        })
        .collect();
    let last = page.last().and_then(|one| one["id"].as_u64());
    let next = older.next().and(last);
    Yes::Linked(json!(page), next)
}

fn attempt_again(state: &mut State, id: &str) -> Result<Yes, No> {
    let wanted: u64 = id.parse().map_err(|_| missing())?;
    let attempt = state
        .attempts
        .iter()
        .find(|one| one.id == wanted)
        .ok_or_else(missing)?;
    state.again.push(attempt.delivery);
    Ok(Yes::Json(202, json!({})))
}

fn lines(state: &mut State, id: u64, number: &str, request: &Request<'_>) -> Result<Yes, No> {
    let pull = pull(state, id, number)?;
    let all = pull
        .review_comments
        .iter()
        .map(ReviewComment::to_json)
        .collect();
    Ok(Yes::Json(200, json!(page(all, request.query))))
}

fn answer_line(
    state: &mut State,
    id: u64,
    number: &str,
    comment: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let body = body_of(request)?;
    let root: u64 = comment.parse().map_err(|_| missing())?;
    let new = state.next_id();
    let pull = pull(state, id, number)?;
    let first = pull.review_comments.iter().find(|one| one.id == root);
    let first = first.filter(|one| one.answers.is_none()).cloned();
    let answer = ReviewComment {
        id: new,
        body,
        answers: Some(root),
        is_ours: true,
        ..first.ok_or_else(missing)?
    };
    let value = answer.to_json();
    pull.review_comments.push(answer);
    Ok(Yes::Json(201, value))
}

fn reactions(state: &mut State, id: u64, comment: &str, request: &Request<'_>) -> Result<Yes, No> {
    let wanted: u64 = comment.parse().map_err(|_| missing())?;
    let new = state.next_id();
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let mut pulls = repo.pulls.values_mut();
    let pull = pulls.find(|pull| {
        pull.comments.iter().any(|one| one.id == wanted)
            || pull.review_comments.iter().any(|one| one.id == wanted)
    });
    let pull = pull.ok_or_else(missing)?;
    let to_json =
        |one: &Reaction| json!({"id": one.id, "content": one.content, "user": crate::state::bot()});
    if request.method == "GET" {
        let all = pull
            .reactions
            .iter()
            .filter(|one| one.comment == wanted)
            .map(to_json)
            .collect();
        return Ok(Yes::Json(200, json!(page(all, request.query))));
    }
    let content = request.body["content"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let known = pull
        .reactions
        .iter()
        .find(|one| one.comment == wanted && one.content == content);
    if let Some(known) = known {
        return Ok(Yes::Json(200, to_json(known)));
    }
    let reaction = Reaction {
        id: new,
        comment: wanted,
        content,
    };
    let value = to_json(&reaction);
    pull.reactions.push(reaction);
    Ok(Yes::Json(201, value))
}

fn labels(state: &mut State, id: u64, number: &str, request: &Request<'_>) -> Result<Yes, No> {
    let pull = pull(state, id, number)?;
    if request.method == "POST" {
        for name in request.body["labels"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !pull.labels.iter().any(|known| known == name) {
                pull.labels.push(name.to_owned());
            }
        }
    }
    let all = pull
        .labels
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    Ok(Yes::Json(200, json!(page(all, request.query))))
}

fn remove_label(state: &mut State, id: u64, number: &str, label: &str) -> Result<Yes, No> {
    let pull = pull(state, id, number)?;
    let name = label.replace("%3A", ":").replace("%20", " ");
    let place = pull
        .labels
        .iter()
        .position(|known| *known == name)
        .ok_or_else(missing)?;
    pull.labels.remove(place);
    let all: Vec<Value> = pull
        .labels
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    Ok(Yes::Json(200, json!(all)))
}

fn collaborator(state: &State, login: &str) -> Result<Yes, No> {
    let (id, permission) = state.people.get(login).ok_or_else(missing)?;
    Ok(Yes::Json(
        200,
        json!({"permission": permission, "user": {"id": id, "login": login}}),
    ))
}

/// Which write a request is, if it is one.
pub(crate) fn write_of(request: &Request<'_>) -> Option<Write> {
    if request.method == "GET" {
        return None;
    }
    match request.path.as_slice() {
        ["graphql"] => graphql::is_mutation(&request.body).then_some(Write::Thread),
        ["repos", _, _, "issues", ..] => Some(Write::Comment),
        ["repos", _, _, "pulls", ..] => Some(Write::Review),
        ["repos", _, _, "check-runs", ..] => Some(Write::Check),
        ["repos", _, _, "git", ..] => Some(Write::Commit),
        _ => None,
    }
}

/// Answers a request.
pub(crate) fn answer(state: &mut State, caller: &Caller, request: &Request<'_>) -> Result<Yes, No> {
    let token = match (caller, request.path.as_slice()) {
        (Caller::App, ["app"]) => {
            return Ok(Yes::Json(
                200,
                json!({"id": APP, "slug": SLUG, "name": SLUG}),
            ));
        }
        (Caller::App, ["app", "installations", id, "access_tokens"])
            if request.method == "POST" =>
        {
            let token = give_token(state, id, &request.body)?;
            return Ok(Yes::Json(201, token));
        }
        (Caller::App, ["app", "hook", "deliveries"]) => return Ok(attempts(state, request.query)),
        (Caller::App, ["app", "hook", "deliveries", id, "attempts"]) => {
            return attempt_again(state, id);
        }
        (Caller::App, _) => return no(401, "Bad credentials"),
        (Caller::Installation(token), _) => token.clone(),
    };
    if state.is_suspended {
        return no(403, "This installation has been suspended");
    }
    if request.path == ["graphql"] {
        return graphql::answer(state, &request.body).map(|answer| Yes::Json(200, answer));
    }
    let ["repos", owner, name, rest @ ..] = request.path.as_slice() else {
        return Err(missing());
    };
    let id = state
        .repo(owner, name)
        .map(|repo| repo.id)
        .ok_or_else(missing)?;
    let is_write = request.method != "GET";
    let permission = match rest {
        ["compare" | "git", ..] => "contents",
        ["check-runs", ..] | ["commits", _, "check-runs"] => "checks",
        ["collaborators", ..] => "metadata",
        _ => "pull_requests",
    };
    token.check(id, permission, is_write)?;
    match rest {
        ["compare", range] => objects::compare(repo(state, id)?, range),
        ["git", rest @ ..] => objects::answer(state, id, rest, request),
        ["issues", "comments", comment] => change_comment(state, id, comment, request),
        ["issues", number, "comments"] => comments(state, id, number, request),
        ["pulls", "comments", comment] => change_line(state, id, comment, request),
        ["pulls", number] => change_pull(state, id, number, request),
        ["pulls", number, "reviews"] => reviews(state, id, number, request),
        ["pulls", number, "reviews", review] => change_review(state, id, number, review, request),
        ["pulls", number, "reviews", review, "comments"] => {
            lines_of(state, id, number, review, request)
        }
        ["pulls", number, "comments"] => lines(state, id, number, request),
        ["pulls", number, "comments", comment, "replies"] => {
            answer_line(state, id, number, comment, request)
        }
        [_, "comments", comment, "reactions"] => reactions(state, id, comment, request),
        ["issues", number, "labels"] => labels(state, id, number, request),
        ["issues", number, "labels", label] => remove_label(state, id, number, label),
        ["collaborators", login, "permission"] => collaborator(state, login),
        ["check-runs"] => make_check(state, id, request),
        ["check-runs", check] => change_check(state, id, check, request),
        ["commits", commit, "check-runs"] => checks(state, id, commit, request),
        _ => Err(missing()),
    }
}

fn repo(state: &State, id: u64) -> Result<&Repo, No> {
    state.repos.get(&id).ok_or_else(missing)
}

/// A parameter of a query.
fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// One page of a list.
fn page(items: Vec<Value>, query: &str) -> Vec<Value> {
    let number = |name: &str, or: usize| {
        parameter(query, name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(or)
    };
    let size = number("per_page", 30).clamp(1, 100);
    let skipped = (number("page", 1).max(1) - 1) * size;
    items.into_iter().skip(skipped).take(size).collect()
}

fn body_of(request: &Request<'_>) -> Result<String, No> {
    let body = request.body["body"].as_str().unwrap_or_default();
    if body.is_empty() || body.chars().count() > MAX_BODY {
        return no(
            422,
            "Validation Failed: body is too long (maximum is 65536 characters) or missing",
        );
    }
    Ok(body.to_owned())
}

fn comments(state: &mut State, id: u64, number: &str, request: &Request<'_>) -> Result<Yes, No> {
    let number: u64 = number.parse().map_err(|_| missing())?;
    if request.method == "GET" {
        let pull = repo(state, id)?.pulls.get(&number).ok_or_else(missing)?;
        let shown = pull
            .comments
            .iter()
            .filter(|comment| state.shows(comment.made));
        let all = shown.map(Comment::to_json).collect();
        return Ok(Yes::Json(200, json!(page(all, request.query))));
    }
    let body = body_of(request)?;
    let comment = Comment {
        id: state.next_id(),
        body,
        is_ours: true,
        edits: 0,
        made: Instant::now(),
    };
    let answer = comment.to_json();
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let pull = repo.pulls.get_mut(&number).ok_or_else(missing)?;
    pull.comments.push(comment);
    crate::webhook::about_comment(state, id, number, &answer, "created");
    Ok(Yes::Json(201, answer))
}

fn change_pull(state: &mut State, id: u64, number: &str, request: &Request<'_>) -> Result<Yes, No> {
    let pull = pull(state, id, number)?;
    if request.method == "PATCH" {
        pull.body = body_of(request)?;
        pull.updated = std::time::SystemTime::now();
    }
    let answer = json!({"title": pull.title, "body": pull.body});
    if request.method == "PATCH" {
        let number = number.parse().map_err(|_| missing())?;
        crate::webhook::about_pull(state, id, number, "edited");
    }
    Ok(Yes::Json(200, answer))
}

fn change_comment(
    state: &mut State,
    id: u64,
    comment: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let wanted: u64 = comment.parse().map_err(|_| missing())?;
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    for (number, pull) in &mut repo.pulls {
        let Some(place) = pull.comments.iter().position(|one| one.id == wanted) else {
            continue;
        };
        if request.method == "DELETE" {
            pull.comments.remove(place);
            return Ok(Yes::Nothing);
        }
        let comment = &mut pull.comments[place];
        comment.body = body_of(request)?;
        comment.edits += 1;
        let (answer, number) = (comment.to_json(), *number);
        crate::webhook::about_comment(state, id, number, &answer, "edited");
        return Ok(Yes::Json(200, answer));
    }
    Err(missing())
}

fn reviews(state: &mut State, id: u64, number: &str, request: &Request<'_>) -> Result<Yes, No> {
    let number: u64 = number.parse().map_err(|_| missing())?;
    if request.method == "GET" {
        let pull = repo(state, id)?.pulls.get(&number).ok_or_else(missing)?;
        let shown = pull
            .reviews
            .iter()
            .filter(|review| state.shows(review.made));
        let all = shown.map(Review::to_json).collect();
        return Ok(Yes::Json(200, json!(page(all, request.query))));
    }
    let body = body_of(request)?;
    let commit = request.body["commit_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if request.body["event"] != "COMMENT" {
        return no(422, "only comments are taken here");
    }
    let objects = &repo(state, id)?.objects;
    let pull = repo(state, id)?.pulls.get(&number).ok_or_else(missing)?;
    let merge_base = objects.merge_base(&pull.base, &commit);
    let after = objects.commits.get(&commit);
    let (Some(merge_base), Some(after)) = (merge_base, after) else {
        return no(422, "No commit found for SHA");
    };
    let files = differences(&objects.commits[&merge_base].files, &after.files);
    let wanted = request.body["comments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for comment in &wanted {
        let path = comment["path"].as_str().unwrap_or_default();
        let file = files.iter().find(|file| file.path == path);
        let line = comment["line"].as_u64().unwrap_or(0);
        if !file.is_some_and(|file| file.shows(line)) || comment["side"] != "RIGHT" {
            return no(
                422,
                "Unprocessable Entity: pull_request_review_thread.line must be part of the diff",
            );
        }
    }
    let review = Review {
        id: state.next_id(),
        body,
        commit,
        made: Instant::now(),
    };
    let mut lines = Vec::new();
    for comment in &wanted {
        lines.push(ReviewComment {
            id: state.next_id(),
            review: review.id,
            path: comment["path"].as_str().unwrap_or_default().to_owned(),
            line: comment["line"].as_u64().unwrap_or(0),
            body: comment["body"].as_str().unwrap_or_default().to_owned(),
            is_resolved: false,
            answers: None,
            is_ours: true,
        });
    }
    let answer = review.to_json();
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    let pull = repo.pulls.get_mut(&number).ok_or_else(missing)?;
    pull.reviews.push(review);
    pull.review_comments.extend(lines);
    Ok(Yes::Json(200, answer))
}

fn change_review(
    state: &mut State,
    id: u64,
    number: &str,
    review: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let body = body_of(request)?;
    let wanted: u64 = review.parse().map_err(|_| missing())?;
    let pull = pull(state, id, number)?;
    let review = pull.reviews.iter_mut().find(|one| one.id == wanted);
    let review = review.ok_or_else(missing)?;
    review.body = body;
    Ok(Yes::Json(200, review.to_json()))
}

fn lines_of(
    state: &mut State,
    id: u64,
    number: &str,
    review: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let wanted: u64 = review.parse().map_err(|_| missing())?;
    let pull = pull(state, id, number)?;
    let lines = pull
        .review_comments
        .iter()
        .filter(|one| one.review == wanted);
    let all = lines.map(ReviewComment::to_json).collect();
    Ok(Yes::Json(200, json!(page(all, request.query))))
}

fn change_line(
    state: &mut State,
    id: u64,
    comment: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let wanted: u64 = comment.parse().map_err(|_| missing())?;
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    for pull in repo.pulls.values_mut() {
        let Some(place) = pull.review_comments.iter().position(|one| one.id == wanted) else {
            continue;
        };
        if request.method == "DELETE" {
            pull.review_comments.remove(place);
            return Ok(Yes::Nothing);
        }
        pull.review_comments[place].body = body_of(request)?;
        return Ok(Yes::Json(200, pull.review_comments[place].to_json()));
    }
    Err(missing())
}

fn pull<'s>(state: &'s mut State, id: u64, number: &str) -> Result<&'s mut crate::state::Pull, No> {
    let number: u64 = number.parse().map_err(|_| missing())?;
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    repo.pulls.get_mut(&number).ok_or_else(missing)
}

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

fn make_check(state: &mut State, id: u64, request: &Request<'_>) -> Result<Yes, No> {
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

fn change_check(state: &mut State, id: u64, check: &str, request: &Request<'_>) -> Result<Yes, No> {
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

fn checks(state: &mut State, id: u64, commit: &str, request: &Request<'_>) -> Result<Yes, No> {
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
