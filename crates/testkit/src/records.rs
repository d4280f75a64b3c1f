//! What a store must do, as plainly as it can be said: one map, one write after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::queue::{Depth, Lease};
use pullmill_core::ports::store::{
    Draft, Due, Epoch, IndexKey, IndexQuery, Key, Page, Range, Record, Second, Slice, Swept,
    Version,
};
use pullmill_core::time::Timestamp;

/// All records.
#[derive(Clone, Debug, Default)]
pub struct Records {
    rows: BTreeMap<Key, Row>,
    /// Which tenant of a queue was served last.
    turns: BTreeMap<QueueName, TenantId>,
}

/// One record.
#[derive(Clone, Debug)]
struct Row {
    record: Record,
    held: Option<Timestamp>,
}

impl Row {
    fn is_there(&self, now: Timestamp) -> bool {
        self.record.draft.expires_at.is_none_or(|end| end > now)
    }

    fn due(&self) -> Option<&Due> {
        match &self.record.draft.second {
            Second::Due(due) => Some(due),
            _ => None,
        }
    }

    fn due_mut(&mut self) -> Option<&mut Due> {
        match &mut self.record.draft.second {
            Second::Due(due) => Some(due),
            _ => None,
        }
    }
}

impl Records {
    /// Applies a batch, or says which writes did not find what they expected.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Vec<usize>> {
        let now = batch.now();
        let writes = batch.writes().iter().enumerate();
        let failed: Vec<usize> = writes
            .filter(|(_, write)| !self.fits(write, now))
            .map(|(place, _)| place)
            .collect();
        if !failed.is_empty() {
            return Err(failed);
        }
        for write in batch.writes() {
            self.apply(write, now);
        }
        Ok(())
    }

    fn live(&self, key: &Key, now: Timestamp) -> Option<&Row> {
        self.rows.get(key).filter(|row| row.is_there(now))
    }

    fn fits(&self, write: &Write, now: Timestamp) -> bool {
        let row = self.live(write.key(), now);
        match write {
            Write::Put { expect, .. }
            | Write::Delete { expect, .. }
            | Write::Check { expect, .. } => match expect {
                Expect::Absent => row.is_none(),
                Expect::Version(version) => row.is_some_and(|row| row.record.version == *version),
                Expect::Epoch(epoch) => row.is_some_and(|row| row.record.epoch == *epoch),
            },
            Write::Poke { .. } => true,
            Write::Add { delta, within, .. } => {
                let count = row.map_or(0, |row| row.record.count);
                within.contains(&count.saturating_add(*delta))
            }
        }
    }

    fn apply(&mut self, write: &Write, now: Timestamp) {
        match write {
            Write::Put { draft, .. } => {
                let is_new = self.live(&draft.key, now).is_none();
                let row = self.row(&draft.key);
                row.record.draft = draft.clone();
                row.record.version.0 += 1;
                row.held = None;
                if is_new {
                    row.record.count = 0;
                }
            }
            Write::Delete { key, .. } => {
                self.rows.remove(key);
            }
            Write::Check { .. } => {}
            Write::Poke { key, due } => {
                let row = self.row(key);
                row.record.version.0 += 1;
                let is_held = row.held.is_some();
                match row.due_mut() {
                    Some(_) if is_held => {}
                    Some(present) => present.at = due.at,
                    None => row.record.draft.second = Second::Due(due.clone()),
                }
            }
            Write::Add {
                key,
                delta,
                expires_at,
                ..
            } => {
                let is_new = self.live(key, now).is_none();
                let row = self.row(key);
                if is_new {
                    row.record.count = 0;
                }
                row.record.count = row.record.count.saturating_add(*delta);
                row.record.version.0 += 1;
                row.record.draft.expires_at = *expires_at;
            }
        }
    }

    fn row(&mut self, key: &Key) -> &mut Row {
        self.rows.entry(key.clone()).or_insert_with(|| Row {
            record: Record {
                draft: Draft::new(key.clone(), bytes::Bytes::new()),
                version: Version(0),
                epoch: Epoch(0),
                count: 0,
            },
            held: None,
        })
    }

    /// Reads one record.
    #[must_use]
    pub fn get(&self, key: &Key, now: Timestamp) -> Option<Record> {
        self.live(key, now).map(|row| row.record.clone())
    }

    /// All records that are there.
    pub fn all(&self, now: Timestamp) -> impl Iterator<Item = &Record> {
        let there = self.rows.values().filter(move |row| row.is_there(now));
        there.map(|row| &row.record)
    }

    /// Whether somebody holds a record, or held it and did not settle it.
    #[must_use]
    pub fn is_held(&self, key: &Key) -> bool {
        self.rows.get(key).is_some_and(|row| row.held.is_some())
    }

    /// Reads part of a partition.
    #[must_use]
    pub fn list(&self, range: &Range, page: &Page, now: Timestamp) -> Slice {
        let wanted = self.rows.iter().filter(|(key, row)| {
            key.pk == range.pk && key.sk.starts_with(&range.prefix) && row.is_there(now)
        });
        let found = wanted.map(|(key, row)| (key.sk.clone(), &row.record));
        slice(found.collect(), page)
    }

    /// Looks records up in an index.
    #[must_use]
    pub fn find(&self, query: &IndexQuery, page: &Page, now: Timestamp) -> Slice {
        let place = |row: &Row| -> Option<IndexKey> {
            match (query, &row.record.draft.second) {
                (IndexQuery::First(pk), _) => {
                    row.record.draft.first.clone().filter(|key| key.pk == *pk)
                }
                (IndexQuery::Status(pk), Second::Status(key)) => {
                    Some(key.clone()).filter(|key| key.pk == *pk)
                }
                _ => None,
            }
        };
        let there = self.rows.iter().filter(|(_, row)| row.is_there(now));
        // Equal places are told apart by the record's own key.
        let found = there.filter_map(|(key, row)| {
            let sk = place(row)?.sk;
            Some((format!("{sk}\u{0}{}\u{0}{}", key.pk, key.sk), &row.record))
        });
        slice(found.collect(), page)
    }

    /// Removes what is past its deadline.
    pub fn sweep(&mut self, before: Timestamp, max: usize) -> Swept {
        let is_old = |row: &Row| row.record.draft.expires_at.is_some_and(|end| end < before);
        let old = self.rows.iter().filter(|(_, row)| is_old(row));
        let old: Vec<Key> = old.map(|(key, _)| key.clone()).collect();
        let removed = old.len().min(max);
        for key in &old[..removed] {
            self.rows.remove(key);
        }
        Swept {
            removed,
            has_more: old.len() > max,
        }
    }

    /// What is due in a queue, tenants in turn from the one after the last that was served: the oldest of each, then the second of each.
    #[must_use]
    pub fn due(&self, queue: &QueueName, now: Timestamp, max: usize) -> Vec<Key> {
        let mut tenants: BTreeMap<&TenantId, Vec<(Timestamp, &Key)>> = BTreeMap::new();
        for (key, row) in &self.rows {
            let due = row.due().filter(|_| row.is_there(now));
            let due = due.filter(|due| due.queue == *queue && due.at <= now);
            if let Some(due) = due {
                tenants.entry(&due.tenant).or_default().push((due.at, key));
            }
        }
        let served = self.turns.get(queue);
        let mut turns = Vec::new();
        for (tenant, mut own) in tenants {
            own.sort();
            let was_served = served.is_some_and(|served| tenant <= served);
            let place = |(turn, (_, key))| (turn, was_served, tenant, key);
            turns.extend(own.into_iter().enumerate().map(place));
        }
        turns.sort();
        let keys = turns
            .into_iter()
            .map(|(.., key): (usize, bool, &TenantId, &Key)| key.clone());
        keys.take(max).collect()
    }

    /// Leases what is due in a queue.
    pub fn lease_due(
        &mut self,
        queue: &QueueName,
        now: Timestamp,
        max: usize,
        term: Duration,
    ) -> Vec<Lease> {
        let due = self.due(queue, now, max);
        let leases: Vec<Lease> = due
            .iter()
            .filter_map(|key| self.lease(key, now, term))
            .collect();
        if let Some(Second::Due(due)) = leases.last().map(|lease| &lease.record.draft.second) {
            self.turns.insert(queue.clone(), due.tenant.clone());
        }
        leases
    }

    /// When the next record of a queue is due.
    #[must_use]
    pub fn next_due(&self, queue: &QueueName) -> Option<Timestamp> {
        let due = self.rows.values().filter_map(Row::due);
        due.filter(|due| due.queue == *queue)
            .map(|due| due.at)
            .min()
    }

    /// Leases a record if it is due.
    pub fn lease(&mut self, key: &Key, now: Timestamp, term: Duration) -> Option<Lease> {
        let row = self.rows.get_mut(key).filter(|row| row.is_there(now))?;
        let until = now + term;
        let due = row.due_mut().filter(|due| due.at <= now)?;
        due.at = until;
        let queue = due.queue.clone();
        row.held = Some(until);
        row.record.epoch.0 += 1;
        row.record.version.0 += 1;
        Some(Lease {
            record: row.record.clone(),
            queue,
            until,
            receipt: None,
        })
    }

    /// Moves a lease's end; says whether it is the holder's still.
    pub fn extend(&mut self, lease: &Lease, until: Timestamp) -> bool {
        let Some(row) = self.rows.get_mut(&lease.record.draft.key) else {
            return false;
        };
        if row.record.epoch != lease.record.epoch || row.held.is_none() {
            return false;
        }
        row.held = Some(until);
        if let Some(due) = row.due_mut() {
            due.at = until;
        }
        true
    }

    /// Counts a queue.
    #[must_use]
    pub fn depth(&self, queue: &QueueName, now: Timestamp) -> Depth {
        let mut depth = Depth::default();
        for row in self.rows.values() {
            let Some(due) = row.due().filter(|due| due.queue == *queue) else {
                continue;
            };
            if due.at <= now {
                depth.ready += 1;
                depth.oldest = Some(depth.oldest.map_or(due.at, |oldest| oldest.min(due.at)));
            } else if row.held.is_some() {
                depth.leased += 1;
            } else {
                depth.delayed += 1;
            }
        }
        depth
    }
}

fn slice(mut found: Vec<(String, &Record)>, page: &Page) -> Slice {
    found.sort_by(|one, other| one.0.cmp(&other.0));
    if page.is_descending {
        found.reverse();
    }
    if let Some(after) = &page.after {
        found.retain(|(place, _)| {
            if page.is_descending {
                place < after
            } else {
                place > after
            }
        });
    }
    let has_more = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found.last().map(|(place, _)| place.clone());
    Slice {
        next: next.filter(|_| has_more),
        records: found
            .into_iter()
            .map(|(_, record)| record.clone())
            .collect(),
    }
}
