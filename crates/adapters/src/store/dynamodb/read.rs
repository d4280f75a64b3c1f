//! Reading: consistent by key and partition, by two indexes that lag.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures_util::future::try_join_all;
use pullmill_core::ports::Source;
use pullmill_core::ports::store::{IndexQuery, Key, Page, Range, Record, Slice};
use pullmill_core::time::Timestamp;

use super::item::{self, Item, SHARDS, text};
use crate::aws::Said;

/// Most keys of one request.
const KEYS: usize = 100;
/// Behind every text that begins with a prefix.
const END: char = char::MAX;

/// Reads.
pub(super) struct Reader<'s> {
    pub(super) client: &'s Client,
    pub(super) table: &'s str,
}

impl Reader<'_> {
    /// The records under some keys that are there.
    pub(super) async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Record>, Source> {
        let wanted: Vec<&Key> = BTreeSet::from_iter(keys).into_iter().collect();
        let parts = wanted.chunks(KEYS).map(|part| self.get_part(part));
        let items = try_join_all(parts).await?;
        let items = items.iter().flatten();
        let lives = items.filter(|found| !item::is_past(found, now));
        lives.map(item::record).collect()
    }

    async fn get_part(&self, keys: &[&Key]) -> Result<Vec<Item>, Source> {
        let keys = keys.iter().map(|key| item::key(key)).collect();
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()?;
        let mut left = Some(HashMap::from([(self.table.to_owned(), wanted)]));
        let mut items = Vec::new();
        // An answer has 16 MB at most; what it left out is asked for again.
        while let Some(wanted) = left.filter(|left| !left.is_empty()) {
            let request = self.client.batch_get_item().set_request_items(Some(wanted));
            let answer = request.send().await.map_err(Said::of)?;
            let found = answer.responses.into_iter().flatten();
            items.extend(found.flat_map(|(_, items)| items));
            left = answer.unprocessed_keys;
        }
        Ok(items)
    }

    /// Part of a partition. The cursor is the last second half.
    pub(super) async fn list(
        &self,
        range: &Range,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, Source> {
        let prefix = range.prefix.as_str();
        let after = page.after.as_deref();
        let (from, to) = match (after, page.is_descending) {
            (None, _) => (prefix.to_owned(), format!("{prefix}{END}")),
            (Some(after), false) => (after.max(prefix).to_owned(), format!("{prefix}{END}")),
            (Some(after), true) => {
                let end = format!("{prefix}{END}");
                (prefix.to_owned(), end.min(after.to_owned()))
            }
        };
        if from > to {
            return Ok(Slice::default());
        }
        let mut values = HashMap::from([
            (":pk".to_owned(), text(&range.pk)),
            (":to".to_owned(), text(to)),
        ]);
        // No second half is empty, and none may be asked for.
        let condition = if from.is_empty() {
            "PK = :pk AND SK <= :to"
        } else {
            values.insert(":from".to_owned(), text(from));
            "PK = :pk AND SK BETWEEN :from AND :to"
        };
        let asked = Asked {
            index: None,
            condition,
            values,
            is_descending: page.is_descending,
        };
        let mut records: Vec<Record> = Vec::new();
        let mut start = None;
        loop {
            let (items, next) = self.query(&asked, page.limit + 1, start).await?;
            for found in items {
                let is_seen = item::text_of(&found, "SK") == after;
                if !is_seen && !item::is_past(&found, now) {
                    records.push(item::record(&found)?);
                }
            }
            start = next;
            if start.is_none() || records.len() > page.limit {
                break;
            }
        }
        let has_more = records.len() > page.limit;
        records.truncate(page.limit);
        let next = records.last().map(|record| record.draft.key.sk.clone());
        Ok(Slice {
            next: next.filter(|_| has_more),
            records,
        })
    }

    /// Looks records up in an index, which has their keys alone. The cursor is the place of the last one.
    pub(super) async fn find(
        &self,
        query: &IndexQuery,
        page: &Page,
        now: Timestamp,
    ) -> Result<Slice, Source> {
        let partitions: Vec<String> = match query {
            IndexQuery::First(pk) => vec![pk.clone()],
            IndexQuery::Status(pk) => (0..SHARDS).map(|shard| format!("{pk}#{shard}")).collect(),
        };
        let (index, sort) = match query {
            IndexQuery::First(_) => ("GSI1", "GSI1SK"),
            IndexQuery::Status(_) => ("GSI2", "GSI2SK"),
        };
        let after = page.after.as_deref().and_then(Place::parse);
        let parts = partitions
            .iter()
            .map(|pk| self.places(index, sort, pk, page, after.as_ref()));
        let mut places: Vec<Place> = try_join_all(parts).await?.into_iter().flatten().collect();
        places.sort();
        if page.is_descending {
            places.reverse();
        }
        // Some of them may be gone meanwhile: records are what counts.
        let has_more = places.len() > page.limit;
        places.truncate(page.limit);
        let keys: Vec<Key> = places.iter().map(|place| place.key()).collect();
        let mut found = self.get(&keys, now).await?;
        let records = keys.iter().filter_map(|key| {
            let place = found.iter().position(|record| record.draft.key == *key)?;
            Some(found.swap_remove(place)).filter(|record| is_listed(record, query))
        });
        let records = records.collect();
        let next = places.last().map(Place::cursor);
        Ok(Slice {
            next: next.filter(|_| has_more),
            records,
        })
    }

    /// Places behind a cursor in one partition of an index, one more than wanted; those that are equal are read to their end.
    async fn places(
        &self,
        index: &'static str,
        sort: &'static str,
        pk: &str,
        page: &Page,
        after: Option<&Place>,
    ) -> Result<Vec<Place>, Source> {
        let mut values = HashMap::from([(":pk".to_owned(), text(pk))]);
        let compare = if page.is_descending { "<=" } else { ">=" };
        let mut condition = format!("{index}PK = :pk");
        if let Some(after) = after {
            condition = format!("{condition} AND {sort} {compare} :after");
            values.insert(":after".to_owned(), text(&after.sort));
        }
        let asked = Asked {
            index: Some(index),
            condition: &condition,
            values,
            is_descending: page.is_descending,
        };
        let is_behind = |place: &Place| match (after, page.is_descending) {
            (None, _) => true,
            (Some(after), false) => place > after,
            (Some(after), true) => place < after,
        };
        let mut places: Vec<Place> = Vec::new();
        let mut start = None;
        loop {
            let (items, next) = self.query(&asked, page.limit + 1, start).await?;
            for found in items {
                let Some(at) = item::text_of(&found, sort) else {
                    continue;
                };
                let key = item::key_of(&found)?;
                let place = Place {
                    sort: at.to_owned(),
                    pk: key.pk,
                    sk: key.sk,
                };
                places.extend(Some(place).filter(is_behind));
            }
            start = next;
            let last = places.last().map(|place| &place.sort);
            let is_enough = places
                .get(page.limit)
                .is_some_and(|place| Some(&place.sort) != last);
            if start.is_none() || is_enough {
                return Ok(places);
            }
        }
    }

    /// One page of a query.
    pub(super) async fn query(
        &self,
        asked: &Asked<'_>,
        limit: usize,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), Source> {
        let request = self
            .client
            .query()
            .table_name(self.table)
            .set_index_name(asked.index.map(str::to_owned))
            .consistent_read(asked.index.is_none())
            .key_condition_expression(asked.condition)
            .set_expression_attribute_values(Some(asked.values.clone()))
            .scan_index_forward(!asked.is_descending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = request.send().await.map_err(Said::of)?;
        let next = answer.last_evaluated_key.filter(|next| !next.is_empty());
        Ok((answer.items.unwrap_or_default(), next))
    }
}

/// A query.
pub(super) struct Asked<'q> {
    pub(super) index: Option<&'static str>,
    pub(super) condition: &'q str,
    pub(super) values: HashMap<String, AttributeValue>,
    pub(super) is_descending: bool,
}

/// A place in an index; equal ones are told apart by the record's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    sort: String,
    pk: String,
    sk: String,
}

impl Place {
    fn key(&self) -> Key {
        Key::new(&self.pk, &self.sk)
    }

    fn cursor(&self) -> String {
        serde_json::json!([self.sort, self.pk, self.sk]).to_string()
    }

    fn parse(cursor: &str) -> Option<Self> {
        let [sort, pk, sk] = serde_json::from_str(cursor).ok()?;
        Some(Self { sort, pk, sk })
    }
}

/// Whether a record still is where an index saw it.
fn is_listed(record: &Record, query: &IndexQuery) -> bool {
    use pullmill_core::ports::store::Second;
    match (query, &record.draft.first, &record.draft.second) {
        (IndexQuery::First(pk), Some(first), _) => first.pk == *pk,
        (IndexQuery::Status(pk), _, Second::Status(status)) => status.pk == *pk,
        _ => false,
    }
}
