//! The REST API: routes, and what they read and change.

mod checks;
mod comments;
mod deliveries;
mod objects;
mod reviews;

use serde_json::{Value, json};

use crate::app::{APP, Caller, INSTALLATION, No, SLUG, give_token};
use crate::fault::Write;
use crate::graphql;
use crate::state::{Repo, State};

/// GitHub's limit.
const MAX_BODY: usize = 65_536;

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

fn collaborator(state: &State, login: &str) -> Result<Yes, No> {
    let (id, permission) = state.people.get(login).ok_or_else(missing)?;
    Ok(Yes::Json(
        200,
        json!({"permission": permission, "user": {"id": id, "login": login}}),
    ))
}

/// What the App may do.
fn installation(state: &State) -> Value {
    let contents = if state.may_commit { "write" } else { "read" };
    json!({
        "id": INSTALLATION,
        "permissions": {
            "contents": contents, "pull_requests": "write", "checks": "write", "metadata": "read",
        },
    })
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
        (Caller::App, ["app", "hook", "deliveries"]) => {
            return Ok(deliveries::attempts(state, request.query));
        }
        (Caller::App, ["app", "hook", "deliveries", id, "attempts"]) => {
            return deliveries::attempt_again(state, id);
        }
        (Caller::App, ["repos", owner, name, "installation"]) => {
            state.repo(owner, name).ok_or_else(missing)?;
            return Ok(Yes::Json(200, installation(state)));
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
        ["issues", "comments", comment] => comments::change_comment(state, id, comment, request),
        ["issues", number, "comments"] => comments::comments(state, id, number, request),
        ["pulls", "comments", comment] => reviews::change_line(state, id, comment, request),
        ["pulls", number] => comments::change_pull(state, id, number, request),
        ["pulls", number, "reviews"] => reviews::reviews(state, id, number, request),
        ["pulls", number, "reviews", review] => {
            reviews::change_review(state, id, number, review, request)
        }
        ["pulls", number, "reviews", review, "comments"] => {
            reviews::lines_of(state, id, number, review, request)
        }
        ["pulls", number, "comments"] => reviews::lines(state, id, number, request),
        ["pulls", number, "comments", comment, "replies"] => {
            reviews::answer_line(state, id, number, comment, request)
        }
        [_, "comments", comment, "reactions"] => comments::reactions(state, id, comment, request),
        ["issues", number, "labels"] => comments::labels(state, id, number, request),
        ["issues", number, "labels", label] => comments::remove_label(state, id, number, label),
        ["collaborators", login, "permission"] => collaborator(state, login),
        ["check-runs"] => checks::make_check(state, id, request),
        ["check-runs", check] => checks::change_check(state, id, check, request),
        ["commits", commit, "check-runs"] => checks::checks(state, id, commit, request),
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

fn pull<'s>(state: &'s mut State, id: u64, number: &str) -> Result<&'s mut crate::state::Pull, No> {
    let number: u64 = number.parse().map_err(|_| missing())?;
    let repo = state.repos.get_mut(&id).ok_or_else(missing)?;
    repo.pulls.get_mut(&number).ok_or_else(missing)
}
