//! Hints between processes: one connection that listens, and tells others at most every ten milliseconds.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use pullmill_core::id::QueueName;
use pullmill_core::ports::clock::{self, Clock};
use pullmill_core::time::Timestamp;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client};

use super::connect::Connector;
use crate::clock::{ServerClock, SystemClock};
use crate::store::hints::Hints;

/// A commit that notifies holds a lock of the whole database, so hints are gathered for so long.
const GATHER: Duration = Duration::from_millis(10);
/// How long to leave a database alone that cannot be reached.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the clock is set.
const FOLLOW: Duration = Duration::from_secs(60);

/// What this process hears and says.
#[derive(Default)]
pub(super) struct Bell {
    /// Who waits here.
    pub(super) hints: Hints,
    outgoing: Mutex<BTreeSet<QueueName>>,
    is_rung: Notify,
}

impl Bell {
    /// Tells this process at once, and the others soon.
    pub(super) fn ring<'q>(&self, queues: impl IntoIterator<Item = &'q QueueName>) {
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        for queue in queues {
            self.hints.tell(queue);
            outgoing.insert(queue.clone());
        }
        self.is_rung.notify_one();
    }

    fn take(&self) -> Vec<String> {
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        let queues = std::mem::take(&mut *outgoing);
        queues
            .iter()
            .map(|queue| queue.as_str().to_owned())
            .collect()
    }
}

/// Keeps the listening connection.
pub(super) struct Listener {
    pub(super) connector: Connector,
    pub(super) channel: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) follows: Option<Arc<ServerClock>>,
    pub(super) bell: Arc<Bell>,
}

impl Listener {
    /// Listens for ever, over new connections where old ones break. Polling goes on meanwhile, so nothing depends on it.
    pub(super) async fn run(self) {
        loop {
            // Whatever it was that broke: the polls see it too, and say so.
            let _ = self.session().await;
            clock::sleep(&*self.clock, PAUSE).await;
        }
    }

    async fn session(&self) -> Result<(), tokio_postgres::Error> {
        let Connector { config, tls } = self.connector.clone();
        let (client, mut connection) = config.connect(tls).await?;
        let hearing = async {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(hint) = message?
                    && let Ok(queue) = QueueName::parse(hint.payload())
                {
                    self.bell.hints.tell(&queue);
                }
            }
            Ok(())
        };
        let hearing = std::pin::pin!(hearing);
        let telling = std::pin::pin!(self.tell(&client));
        match select(hearing, telling).await {
            Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
        }
    }

    async fn tell(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        client
            .batch_execute(&format!("LISTEN {}", self.channel))
            .await?;
        // Before it listened, something may have been said.
        self.bell.hints.tell_all();
        loop {
            let queues = self.bell.take();
            if !queues.is_empty() {
                let sql = "SELECT pg_notify($1, queue) FROM unnest($2::text[]) AS queue";
                client.execute(sql, &[&self.channel, &queues]).await?;
                clock::sleep(&*self.clock, GATHER).await;
            }
            let rung = std::pin::pin!(self.bell.is_rung.notified());
            let pause = std::pin::pin!(clock::sleep(&*self.clock, FOLLOW));
            if let (Either::Right(_), Some(follows)) = (select(rung, pause).await, &self.follows) {
                follow(client, follows).await?;
            }
        }
    }
}

/// Sets a clock to the database's time.
pub(super) async fn follow(
    client: &Client,
    follows: &ServerClock,
) -> Result<(), tokio_postgres::Error> {
    let asked = SystemClock.now();
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let said = client.query_one(sql, &[]).await?.try_get(0)?;
    follows.set(Timestamp::from_millis(said), asked, SystemClock.now());
    Ok(())
}
