//! Postgres: one statement per record for both, over as many connections.

use std::sync::Arc;
use std::time::Instant;

use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::store::pack;
use pullmill_adapters::store::postgres::PostgresStore;
use pullmill_core::ports::clock::Clock as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::{Failure, LEASES, Rates, TOGETHER, body, key, rate, through_the_port};

const RECORDS: usize = 40_000;
/// As many as the store has.
const CONNECTIONS: usize = 16;

/// The port on one set of tables, and plain SQL on another.
pub(super) async fn measure(ours: &str, other: &str) -> Result<(Rates, Rates), Failure> {
    let open = |address| PostgresStore::open(address, Arc::new(SystemClock), None);
    let ours = open(ours).await?;
    let ours = through_the_port(&ours, RECORDS).await?;
    drop(open(other).await?);
    Ok((ours, raw(other).await?))
}

async fn raw(address: &str) -> Result<Rates, Failure> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(address).await?);
    }
    let packed = pack::pack(&body());
    let begun = Instant::now();
    let writers = (0..TOGETHER).map(|writer| {
        let (client, packed) = (&clients[writer % CONNECTIONS], &packed);
        async move {
            let sql = "INSERT INTO pullmill_record (pk, sk, version, queue, tenant, due, body)
                       VALUES ($1, $2, 1, 'work', 'local', $3, $4)";
            let insert = client.prepare(sql).await?;
            for number in (writer..RECORDS).step_by(TOGETHER) {
                let (key, now) = (key(number), SystemClock.now().millis());
                client
                    .execute(&insert, &[&key.pk, &key.sk, &now, packed])
                    .await?;
            }
            Ok::<(), Failure>(())
        }
    });
    futures_util::future::try_join_all(writers).await?;
    let enqueue = rate(RECORDS, begun);
    let sql = "UPDATE pullmill_record SET due = $1, held = $1, epoch = epoch + 1, version = version + 1
               WHERE (pk, sk) IN (
                 SELECT pk, sk FROM pullmill_record WHERE queue = 'work' AND tenant = 'local' AND due <= $2
                 ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED)
               RETURNING pk, sk, body";
    let begun = Instant::now();
    let mut leased = 0;
    let update = clients[0].prepare(sql).await?;
    while leased < RECORDS {
        let now = SystemClock.now().millis();
        let most = i64::try_from(LEASES)?;
        let values: [&(dyn ToSql + Sync); 3] = [&(now + 60_000), &now, &most];
        leased += clients[0].query(&update, &values).await?.len();
    }
    let lease = rate(RECORDS, begun);
    Ok(Rates { enqueue, lease })
}

async fn connect(address: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
