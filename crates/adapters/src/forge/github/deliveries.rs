//! What GitHub tried to deliver to us, as it remembers for three days. It never tries again by itself.

use hyper::Method;
use pullmill_core::ports::forge::{Attempt, ForgeError};
use pullmill_core::time::Timestamp;
use serde_json::Value;

use super::answer::Failed;
use super::http::{Answer, Ask};
use super::{GitHub, MAX_PAGES, PAGE, TIMES};

impl GitHub {
    pub(super) async fn list_attempts(&self, since: Timestamp) -> Result<Vec<Attempt>, ForgeError> {
        let mut attempts = Vec::new();
        let mut path = format!("/app/hook/deliveries?per_page={PAGE}");
        for _ in 0..MAX_PAGES {
            let answer = self.answer_to_app(&Ask::get(&path, TIMES[1])).await?;
            let page: Vec<Value> = serde_json::from_slice(&answer.body).map_err(|error| {
                ForgeError::Unavailable(format!("its answer is no list: {error}"))
            })?;
            let before = attempts.len();
            attempts.extend(
                page.iter()
                    .filter_map(attempt)
                    .filter(|one| one.at >= since),
            );
            match next_cursor(&answer) {
                Some(cursor) if attempts.len() == before + page.len() => {
                    path = format!("/app/hook/deliveries?per_page={PAGE}&cursor={cursor}");
                }
                _ => break,
            }
        }
        Ok(attempts)
    }

    pub(super) async fn attempt_again(&self, attempt: &Attempt) -> Result<(), Failed> {
        let path = format!("/app/hook/deliveries/{}/attempts", attempt.id);
        let ask = Ask {
            method: Method::POST,
            ..Ask::get(&path, TIMES[1])
        };
        self.answer_to_app(&ask).await.map(drop)
    }
}

fn attempt(value: &Value) -> Option<Attempt> {
    Some(Attempt {
        id: value["id"].as_u64()?,
        delivery: value["guid"].as_str()?.to_owned(),
        at: Timestamp::parse(value["delivered_at"].as_str()?)?,
        is_good: matches!(value["status_code"].as_u64(), Some(200..300)),
    })
}

/// Where the next page begins, as the header `link` says it.
fn next_cursor(answer: &Answer) -> Option<String> {
    let links = answer.headers.get("link")?.to_str().ok()?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (_, cursor) = next.split_once("cursor=")?;
    let is_plain = |one: &char| one.is_ascii_alphanumeric() || "_-".contains(*one);
    let cursor: String = cursor.chars().take_while(is_plain).collect();
    (!cursor.is_empty()).then_some(cursor)
}
