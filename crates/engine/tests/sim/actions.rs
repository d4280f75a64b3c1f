//! What the world does to the engine, as a list that comes from the seed and can be shortened.

use std::time::Duration;

use pullmill_core::id::DeliveryId;
use pullmill_testkit::chance::Chance;
use serde_json::json;

use super::forge::{self, Pushed};

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Action {
    /// When, since the start.
    pub at: Duration,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// A delivery comes.
    Deliver(Sent),
    /// Somebody asks for an execution of the other workflow.
    Ask { tenant: usize, key: Option<u64> },
    /// Somebody cancels the n-th execution there is.
    Cancel(usize),
    /// Somebody begins the n-th execution anew.
    Retry(usize),
    /// Somebody wakes what the n-th execution waits for.
    Signal(usize),
    /// Somebody puts the n-th dead letter back.
    PutBack(usize),
    /// Somebody replays the n-th delivery that was acknowledged.
    Replay(usize),
    /// A worker dies at its next call.
    Kill(usize),
    /// A record that nobody can read is due.
    Poison(u64),
}

/// A delivery as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub id: DeliveryId,
    pub event: &'static str,
    pub body: String,
    /// When its pull request was last changed, if it wants a review or is closed.
    pub review_of: Option<(usize, u64, u64)>,
}

pub const TENANTS: usize = 2;

pub fn tenant_name(tenant: usize) -> String {
    format!("owner-{tenant}")
}

/// The actions of a seed, in the order of their times.
pub fn of_seed(seed: u64) -> Vec<Action> {
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut actions = Vec::new();
    let mut sent: Vec<Sent> = Vec::new();
    let count = 5 + chance.below(25);
    let mut at = Duration::ZERO;
    for number in 0..count as u64 {
        // Half of all comes in bursts: that is where things meet.
        at = if chance.happens(500) {
            at + Duration::from_millis(chance.below(150) as u64)
        } else {
            Duration::from_millis(chance.below(600_000) as u64)
        };
        let kind = match chance.below(20) {
            0..=7 => deliver(&mut chance, number, &mut sent),
            8..=11 => Kind::Ask {
                tenant: chance.below(TENANTS),
                key: chance.happens(300).then(|| chance.below(3) as u64),
            },
            12 | 13 => Kind::Cancel(chance.below(10)),
            14 => Kind::Retry(chance.below(10)),
            15 => Kind::Signal(chance.below(10)),
            16 => Kind::PutBack(chance.below(4)),
            17 => Kind::Replay(chance.below(10)),
            18 => Kind::Kill(chance.below(4)),
            _ => Kind::Poison(number),
        };
        actions.push(Action { at, kind });
    }
    actions.sort_by_key(|action| action.at);
    actions
}

/// A new delivery, one that was sent before, one with its id and another body, or one with another id that says the same.
fn deliver(chance: &mut Chance, number: u64, sent: &mut Vec<Sent>) -> Kind {
    let known = (!sent.is_empty()).then(|| sent[chance.below(sent.len())].clone());
    let delivery = match (chance.below(10), known) {
        (0, Some(known)) => known,
        (1, Some(known)) => Sent {
            body: known.body.replace("\"sender\"", "\"other\""),
            review_of: None,
            ..known
        },
        (2, Some(known)) => Sent {
            id: DeliveryId::parse(&format!("again-{number}")).unwrap(),
            ..known
        },
        (3, _) => Sent {
            id: DeliveryId::parse(&format!("d-{number}")).unwrap(),
            event: "ping",
            body: json!({"zen": "calm"}).to_string(),
            review_of: None,
        },
        _ => pull_request(chance, number),
    };
    sent.push(delivery.clone());
    Kind::Deliver(delivery)
}

fn pull_request(chance: &mut Chance, number: u64) -> Sent {
    let tenant = chance.below(TENANTS);
    let pull = 1 + u64::from(chance.happens(200));
    // Each has its own time, so that there is one newest.
    let minute = chance.below(40) as u64 * 40 + number;
    let action = ["opened", "synchronize", "reopened", "labeled", "closed"][chance.below(5)];
    let head = forge::sha(minute);
    let body = body(action, tenant, pull, &head, (minute, 0));
    let is_review = matches!(action, "opened" | "synchronize" | "reopened" | "closed");
    Sent {
        id: DeliveryId::parse(&format!("d-{number}")).unwrap(),
        event: "pull_request",
        body,
        review_of: is_review.then_some((tenant, pull, minute)),
    }
}

/// What the forge says of a push.
pub fn push(pushed: Pushed) -> Sent {
    let Pushed {
        repo,
        pull,
        minute,
        is_own,
    } = pushed;
    let tenant = usize::try_from(repo - 1).unwrap();
    let head = forge::sha(minute);
    let (head, second) = match is_own {
        true => (forge::own(&head), 30),
        false => (head, 0),
    };
    Sent {
        id: DeliveryId::parse(&format!("push-{repo}-{pull}-{minute}-{second}")).unwrap(),
        event: "pull_request",
        body: body("synchronize", tenant, pull, &head, (minute, second)),
        review_of: Some((tenant, pull, minute)),
    }
}

fn body(
    action: &str,
    tenant: usize,
    pull: u64,
    head: &str,
    (minute, second): (u64, u64),
) -> String {
    let updated = format!(
        "2026-05-{:02}T{:02}:{:02}:{second:02}Z",
        minute / 1440 + 1,
        minute / 60 % 24,
        minute % 60
    );
    let body = json!({
        "action": action,
        "pull_request": {"number": pull, "updated_at": updated, "head": {"sha": head}},
        "repository": {"id": tenant + 1, "full_name": "o/r", "owner": {"login": tenant_name(tenant)}},
        "installation": {"id": tenant + 10}, "sender": {"id": 1},
    });
    body.to_string()
}
