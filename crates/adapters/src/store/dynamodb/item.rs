//! Records as items. Their attributes have names that DynamoDB does not reserve; `ttl` is the table's deadline in seconds.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::Source;
use pullmill_core::ports::store::{Draft, Due, Epoch, IndexKey, Key, Record, Second, Version};
use pullmill_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::store::pack;

/// An item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Partitions of the second index per queue or status, so that none is hot.
pub(super) const SHARDS: u8 = 8;

/// Text.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number.
pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A body as it is stored.
pub(super) fn body(body: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(pack::pack(body)))
}

/// The key of an item.
pub(super) fn key(key: &Key) -> Item {
    HashMap::from([
        ("PK".to_owned(), text(&key.pk)),
        ("SK".to_owned(), text(&key.sk)),
    ])
}

/// Where a record is in the second index.
pub(super) fn second(key: &Key, second: &Second) -> Option<IndexKey> {
    match second {
        Second::None => None,
        Second::Due(due) => Some(IndexKey {
            pk: due_partition(&due.queue, shard(key)),
            sk: due.at.digits(),
        }),
        Second::Status(place) => Some(IndexKey {
            pk: format!("{}#{}", place.pk, shard(key)),
            sk: place.sk.clone(),
        }),
    }
}

/// A partition of what is due in a queue.
pub(super) fn due_partition(queue: &QueueName, shard: u8) -> String {
    format!("DUE#{queue}#{shard}")
}

fn shard(key: &Key) -> u8 {
    Sha256::digest(&key.pk)[0] % SHARDS
}

/// Why an item is no record.
#[derive(Debug, thiserror::Error)]
#[error("an item has no usable {0}")]
struct Broken(&'static str);

/// Reads a text.
pub(super) fn text_of<'i>(item: &'i Item, name: &'static str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn number_of<T: std::str::FromStr>(item: &Item, name: &'static str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The key of an item.
pub(super) fn key_of(item: &Item) -> Result<Key, Source> {
    let half = |name| text_of(item, name).ok_or(Broken(name));
    Ok(Key::new(half("PK")?, half("SK")?))
}

/// When a due item is due.
pub(super) fn due_of(item: &Item) -> Option<Timestamp> {
    let millis = text_of(item, "GSI2SK")?.parse().ok()?;
    Some(Timestamp::from_millis(millis))
}

/// Whether an item is past its deadline.
pub(super) fn is_past(item: &Item, now: Timestamp) -> bool {
    number_of::<i64>(item, "expires_ms").is_some_and(|at| at <= now.millis())
}

/// Makes an item a record.
pub(super) fn record(item: &Item) -> Result<Record, Source> {
    let place = |pk, sk| text_of(item, pk).zip(text_of(item, sk));
    let second = match (text_of(item, "due_queue"), place("GSI2PK", "GSI2SK")) {
        (Some(queue), _) => Second::Due(Due {
            queue: QueueName::parse(queue)?,
            tenant: TenantId::parse(text_of(item, "due_tenant").ok_or(Broken("due_tenant"))?)?,
            at: due_of(item).ok_or(Broken("GSI2SK"))?,
        }),
        (None, Some((pk, sk))) => {
            let (pk, _) = pk.rsplit_once('#').ok_or(Broken("GSI2PK"))?;
            Second::Status(IndexKey {
                pk: pk.to_owned(),
                sk: sk.to_owned(),
            })
        }
        (None, None) => Second::None,
    };
    let stored = item.get("rec_body").and_then(|body| body.as_b().ok());
    let body = pack::unpack(stored.ok_or(Broken("rec_body"))?.as_ref())?;
    let first = place("GSI1PK", "GSI1SK").map(|(pk, sk)| IndexKey {
        pk: pk.to_owned(),
        sk: sk.to_owned(),
    });
    Ok(Record {
        draft: Draft {
            key: key_of(item)?,
            body,
            first,
            second,
            expires_at: number_of(item, "expires_ms").map(Timestamp::from_millis),
        },
        version: Version(number_of(item, "rec_version").ok_or(Broken("rec_version"))?),
        epoch: Epoch(number_of(item, "rec_epoch").ok_or(Broken("rec_epoch"))?),
        count: number_of(item, "rec_count").ok_or(Broken("rec_count"))?,
    })
}
