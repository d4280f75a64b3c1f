//! A batch as one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem, Update};
use pullmill_core::ports::batch::{Expect, Write};
use pullmill_core::ports::store::{Draft, Due, Key, Second};
use pullmill_core::time::Timestamp;

use super::item::{self, number, text};

/// A record that is there, and not past its deadline.
pub(super) const LIVES: &str =
    "attribute_exists(PK) AND (attribute_not_exists(expires_ms) OR expires_ms > :now)";
/// The opposite.
const GONE: &str = "(attribute_not_exists(PK) OR expires_ms <= :now)";

/// One write of a transaction, as it is put together.
#[derive(Default)]
struct Expression {
    sets: Vec<String>,
    removes: Vec<&'static str>,
    condition: Option<String>,
    values: HashMap<String, AttributeValue>,
    names_ttl: bool,
}

impl Expression {
    fn set(&mut self, attribute: &str, name: &str, value: AttributeValue) {
        self.sets.push(format!("{attribute} = {name}"));
        self.value(name, value);
    }

    fn value(&mut self, name: &str, value: AttributeValue) {
        self.values.insert(name.to_owned(), value);
    }

    /// Every write of a record raises its version.
    fn grow(&mut self) {
        self.sets
            .push("rec_version = if_not_exists(rec_version, :zero) + :one".to_owned());
        self.sets
            .push("rec_epoch = if_not_exists(rec_epoch, :zero)".to_owned());
        self.value(":zero", number(0));
        self.value(":one", number(1));
    }

    fn deadline(&mut self, expires_at: Option<Timestamp>) {
        self.names_ttl = true;
        match expires_at {
            Some(at) => {
                self.set("expires_ms", ":expires", number(at.millis()));
                // The table may remove it a second later, never earlier.
                self.set("#ttl", ":ttl", number(at.millis().div_euclid(1000) + 1));
            }
            None => self.removes.extend(["expires_ms", "#ttl"]),
        }
    }

    fn expect(&mut self, expect: Expect, now: Timestamp) {
        let condition = match expect {
            Expect::Absent => GONE.to_owned(),
            Expect::Version(version) => {
                self.value(":wanted", number(version.0));
                format!("rec_version = :wanted AND {LIVES}")
            }
            Expect::Epoch(epoch) => {
                self.value(":wanted", number(epoch.0));
                format!("rec_epoch = :wanted AND {LIVES}")
            }
        };
        self.value(":now", number(now.millis()));
        self.condition = Some(condition);
    }

    fn update(self, table: &str, key: &Key) -> Result<TransactWriteItem, BuildError> {
        let mut expression = format!("SET {}", self.sets.join(", "));
        if !self.removes.is_empty() {
            expression = format!("{expression} REMOVE {}", self.removes.join(", "));
        }
        let names = self
            .names_ttl
            .then(|| HashMap::from([("#ttl".to_owned(), "ttl".to_owned())]));
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(item::key(key)))
            .update_expression(expression)
            .set_condition_expression(self.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(self.values))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// A write. `lives` says of a counter whether it was there when last seen.
pub(super) fn item(
    table: &str,
    write: &Write,
    now: Timestamp,
    lives: bool,
) -> Result<TransactWriteItem, BuildError> {
    match write {
        Write::Put { draft, expect } => put(draft, *expect, now).update(table, &draft.key),
        Write::Delete { key, expect } => {
            let mut expected = Expression::default();
            expected.expect(*expect, now);
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(item::key(key)))
                .set_condition_expression(expected.condition)
                .set_expression_attribute_values(Some(expected.values))
                .build()?;
            Ok(TransactWriteItem::builder().delete(delete).build())
        }
        Write::Check { key, expect } => {
            let mut expected = Expression::default();
            expected.expect(*expect, now);
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(item::key(key)))
                .set_condition_expression(expected.condition)
                .set_expression_attribute_values(Some(expected.values))
                .build()?;
            Ok(TransactWriteItem::builder().condition_check(check).build())
        }
        Write::Poke { key, due } => poke(key, due).update(table, key),
        Write::Add {
            key,
            delta,
            within,
            expires_at,
        } => {
            let mut add = Expression::default();
            add.grow();
            add.deadline(*expires_at);
            add.value(":delta", number(delta));
            add.value(":now", number(now.millis()));
            if lives {
                add.sets.push("rec_count = rec_count + :delta".to_owned());
                add.value(":least", number(within.start().saturating_sub(*delta)));
                add.value(":most", number(within.end().saturating_sub(*delta)));
                let bounds = "rec_count BETWEEN :least AND :most";
                add.condition = Some(format!("{LIVES} AND {bounds}"));
            } else {
                add.sets.push("rec_count = :delta".to_owned());
                add.set("rec_body", ":body", item::body(b""));
                add.condition = Some(GONE.to_owned());
            }
            add.update(table, key)
        }
    }
}

fn put(draft: &Draft, expect: Expect, now: Timestamp) -> Expression {
    let mut put = Expression::default();
    put.grow();
    put.set("rec_body", ":body", item::body(&draft.body));
    put.sets.push(match expect {
        Expect::Absent => "rec_count = :zero".to_owned(),
        _ => "rec_count = if_not_exists(rec_count, :zero)".to_owned(),
    });
    put.deadline(draft.expires_at);
    put.removes.push("held_until");
    match &draft.first {
        Some(first) => {
            put.set("GSI1PK", ":first_pk", text(&first.pk));
            put.set("GSI1SK", ":first_sk", text(&first.sk));
        }
        None => put.removes.extend(["GSI1PK", "GSI1SK"]),
    }
    match item::second(&draft.key, &draft.second) {
        Some(second) => {
            put.set("GSI2PK", ":second_pk", text(second.pk));
            put.set("GSI2SK", ":second_sk", text(second.sk));
        }
        None => put.removes.extend(["GSI2PK", "GSI2SK"]),
    }
    match &draft.second {
        Second::Due(due) => {
            put.set("due_queue", ":queue", text(due.queue.as_str()));
            put.set("due_tenant", ":tenant", text(due.tenant.as_str()));
        }
        _ => put.removes.extend(["due_queue", "due_tenant"]),
    }
    put.expect(expect, now);
    put
}

/// Where somebody holds it, it stays due at the end of the lease.
fn poke(key: &Key, due: &Due) -> Expression {
    let mut poke = Expression::default();
    poke.grow();
    let place = item::second(key, &Second::Due(due.clone()));
    let (pk, sk) = place.map(|place| (place.pk, place.sk)).unwrap_or_default();
    let keep = |poke: &mut Expression, attribute: &str, kept: &str, name: &str, value| {
        poke.sets
            .push(format!("{attribute} = if_not_exists({kept}, {name})"));
        poke.value(name, value);
    };
    keep(&mut poke, "GSI2PK", "GSI2PK", ":pk", text(pk));
    keep(&mut poke, "GSI2SK", "held_until", ":sk", text(sk));
    let queue = text(due.queue.as_str());
    keep(&mut poke, "due_queue", "due_queue", ":queue", queue);
    let tenant = text(due.tenant.as_str());
    keep(&mut poke, "due_tenant", "due_tenant", ":tenant", tenant);
    keep(&mut poke, "rec_body", "rec_body", ":body", item::body(b""));
    keep(&mut poke, "rec_count", "rec_count", ":none", number(0));
    poke
}
