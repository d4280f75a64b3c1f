//! What stands below a pull request: comments, reactions, labels, and its description.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::{Request, Yes, body_of, missing, page, pull, repo};
use crate::app::No;
use crate::state::{Comment, Reaction, State};

pub(super) fn comments(
    state: &mut State,
    id: u64,
    number: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
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

pub(super) fn change_comment(
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

pub(super) fn reactions(
    state: &mut State,
    id: u64,
    comment: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
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

pub(super) fn labels(
    state: &mut State,
    id: u64,
    number: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
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

pub(super) fn remove_label(
    state: &mut State,
    id: u64,
    number: &str,
    label: &str,
) -> Result<Yes, No> {
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

pub(super) fn change_pull(
    state: &mut State,
    id: u64,
    number: &str,
    request: &Request<'_>,
) -> Result<Yes, No> {
    let pull = pull(state, id, number)?;
    if request.method == "PATCH" {
        pull.body = body_of(request)?;
        pull.updated = SystemTime::now();
    }
    let answer = json!({"title": pull.title, "body": pull.body});
    if request.method == "PATCH" {
        let number = number.parse().map_err(|_| missing())?;
        crate::webhook::about_pull(state, id, number, "edited");
    }
    Ok(Yes::Json(200, answer))
}
