//! Records as rows, and batches as the columns that the committing statement takes.

use pullmill_core::id::{QueueName, TenantId};
use pullmill_core::ports::Source;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::{Draft, Due, Epoch, IndexKey, Key, Record, Second, Version};
use pullmill_core::time::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::pack;
use crate::store::sql::number;

/// The columns of [`record`], in its order.
pub(super) const COLUMNS: &str = "pk, sk, version, epoch, count, queue, tenant, due, first_pk, \
     first_sk, second_pk, second_sk, expires_at, body";
/// How many those are.
pub(super) const WIDTH: usize = 14;

/// Makes a row a record.
pub(super) fn record(row: &Row) -> Result<Record, Source> {
    let index = |pk: usize| -> Result<Option<IndexKey>, Source> {
        let (pk, sk): (Option<String>, Option<String>) = (row.try_get(pk)?, row.try_get(pk + 1)?);
        Ok(pk.zip(sk).map(|(pk, sk)| IndexKey { pk, sk }))
    };
    let second = match (row.try_get::<_, Option<&str>>(5)?, index(10)?) {
        (Some(queue), _) => Second::Due(Due {
            queue: QueueName::parse(queue)?,
            tenant: TenantId::parse(row.try_get(6)?)?,
            at: Timestamp::from_millis(row.try_get(7)?),
        }),
        (None, Some(status)) => Second::Status(status),
        (None, None) => Second::None,
    };
    let expires_at: Option<i64> = row.try_get(12)?;
    Ok(Record {
        draft: Draft {
            key: Key::new(row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?),
            body: pack::unpack(row.try_get(13)?)?,
            first: index(8)?,
            second,
            expires_at: expires_at.map(Timestamp::from_millis),
        },
        version: Version(u64::try_from(row.try_get::<_, i64>(2)?)?),
        epoch: Epoch(u64::try_from(row.try_get::<_, i64>(3)?)?),
        count: row.try_get(4)?,
    })
}

/// Batches as columns, in the order of keys: so that no two transactions wait for each other's rows.
#[derive(Default)]
pub(super) struct Columns<'b> {
    names: Vec<i64>,
    nows: Vec<i64>,
    places: Vec<i32>,
    kinds: Vec<&'static str>,
    expects: Vec<Option<&'static str>>,
    wanteds: Vec<Option<i64>>,
    pks: Vec<&'b str>,
    sks: Vec<&'b str>,
    queues: Vec<Option<&'b str>>,
    tenants: Vec<Option<&'b str>>,
    dues: Vec<Option<i64>>,
    first_pks: Vec<Option<&'b str>>,
    first_sks: Vec<Option<&'b str>>,
    second_pks: Vec<Option<&'b str>>,
    second_sks: Vec<Option<&'b str>>,
    expiries: Vec<Option<i64>>,
    bodies: Vec<Option<Vec<u8>>>,
    deltas: Vec<Option<i64>>,
    leasts: Vec<Option<i64>>,
    mosts: Vec<Option<i64>>,
}

impl<'b> Columns<'b> {
    /// The columns of batches that touch no record twice, for a table whose number is `table`.
    pub(super) fn of(batches: impl Iterator<Item = &'b Batch>, table: u32) -> Self {
        let dated = batches.flat_map(|batch| {
            let now = batch.now().millis();
            batch.writes().iter().map(move |write| (now, write))
        });
        let mut writes: Vec<(usize, (i64, &Write))> = dated.enumerate().collect();
        writes.sort_by_key(|(_, (_, write))| write.key());
        let mut columns = Self::default();
        for (place, (now, write)) in writes {
            columns.nows.push(now);
            columns.add(place, write);
            if relies_on_absence(write) {
                columns.names.push(name(write.key(), table));
            }
        }
        columns.names.sort_unstable();
        columns.names.dedup();
        columns
    }

    fn add(&mut self, place: usize, write: &'b Write) {
        let key = write.key();
        self.places.push(i32::try_from(place).unwrap_or(i32::MAX));
        self.pks.push(&key.pk);
        self.sks.push(&key.sk);
        let (kind, expect, draft, due, add) = match write {
            Write::Put { draft, expect } => {
                let due = match &draft.second {
                    Second::Due(due) => Some(due),
                    _ => None,
                };
                ("put", Some(*expect), Some(draft), due, None)
            }
            Write::Delete { expect, .. } => ("delete", Some(*expect), None, None, None),
            Write::Check { expect, .. } => ("check", Some(*expect), None, None, None),
            Write::Poke { due, .. } => ("poke", None, None, Some(due), None),
            Write::Add {
                delta,
                within,
                expires_at,
                ..
            } => ("add", None, None, None, Some((*delta, within, *expires_at))),
        };
        self.kinds.push(kind);
        let (expect, wanted) = match expect {
            None => (None, None),
            Some(Expect::Absent) => (Some("absent"), None),
            Some(Expect::Version(version)) => (Some("version"), Some(number(version.0))),
            Some(Expect::Epoch(epoch)) => (Some("epoch"), Some(number(epoch.0))),
        };
        self.expects.push(expect);
        self.wanteds.push(wanted);
        self.queues.push(due.map(|due| due.queue.as_str()));
        self.tenants.push(due.map(|due| due.tenant.as_str()));
        self.dues.push(due.map(|due| due.at.millis()));
        let first = draft.and_then(|draft| draft.first.as_ref());
        self.first_pks.push(first.map(|index| index.pk.as_str()));
        self.first_sks.push(first.map(|index| index.sk.as_str()));
        let second = draft.and_then(|draft| match &draft.second {
            Second::Status(status) => Some(status),
            _ => None,
        });
        self.second_pks.push(second.map(|index| index.pk.as_str()));
        self.second_sks.push(second.map(|index| index.sk.as_str()));
        let expires_at = draft.and_then(|draft| draft.expires_at);
        let expires_at = expires_at.or(add.and_then(|(_, _, expires_at)| expires_at));
        self.expiries.push(expires_at.map(Timestamp::millis));
        let body = draft.map_or(&b""[..], |draft| &draft.body);
        let has_body = matches!(kind, "put" | "poke" | "add");
        self.bodies.push(has_body.then(|| pack::pack(body)));
        self.deltas.push(add.map(|(delta, ..)| delta));
        self.leasts.push(add.map(|(_, within, _)| *within.start()));
        self.mosts.push(add.map(|(_, within, _)| *within.end()));
    }

    /// The parameters of `pullmill_commit_group`, in its order.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 20] {
        [
            &self.names,
            &self.nows,
            &self.places,
            &self.kinds,
            &self.expects,
            &self.wanteds,
            &self.pks,
            &self.sks,
            &self.queues,
            &self.tenants,
            &self.dues,
            &self.first_pks,
            &self.first_sks,
            &self.second_pks,
            &self.second_sks,
            &self.expiries,
            &self.bodies,
            &self.deltas,
            &self.leasts,
            &self.mosts,
        ]
    }
}

/// Whether a write makes or removes a record, or holds only as long as there is none.
fn relies_on_absence(write: &Write) -> bool {
    match write {
        Write::Put { expect, .. } | Write::Check { expect, .. } => *expect == Expect::Absent,
        Write::Delete { .. } | Write::Poke { .. } | Write::Add { .. } => true,
    }
}

/// What stands for a key where a record cannot be locked because it is not there. Two keys that share one only wait for each other.
fn name(key: &Key, table: u32) -> i64 {
    let digest = Sha256::new()
        .chain_update(table.to_be_bytes())
        .chain_update(&key.pk)
        .chain_update([0])
        .chain_update(&key.sk)
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}
