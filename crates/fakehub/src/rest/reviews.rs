//! Reviews, and comments at lines.

use std::time::Instant;

use serde_json::json;

use super::{Request, Yes, body_of, missing, no, page, pull, repo};
use crate::app::No;
use crate::diff::differences;
use crate::state::{Review, ReviewComment, State};

pub(super) fn reviews(
    state: &mut State,
    id: u64,
    number: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
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

pub(super) fn change_review(
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

pub(super) fn lines(
    state: &mut State,
    id: u64,
    number: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let pull = pull(state, id, number)?;
    let all = pull
        .review_comments
        .iter()
        .map(ReviewComment::to_json)
        .collect();
    Ok(Yes::Json(200, json!(page(all, request.query))))
}

pub(super) fn lines_of(
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

pub(super) fn answer_line(
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

pub(super) fn change_line(
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
