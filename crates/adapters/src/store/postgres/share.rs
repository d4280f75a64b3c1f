//! Some connections that all callers share: what is asked of one goes out at once, behind what is under way there.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::{Client, Error, Statement};

use super::connect::Connector;

/// Connections of one process, the one that listens aside.
const CONNECTIONS: usize = 16;

/// The connections; each is made when it is needed, and anew when it has broken.
pub(super) struct Connections {
    connector: Connector,
    places: Vec<Arc<Place>>,
}

#[derive(Default)]
struct Place {
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Callers that wait for something here.
    callers: AtomicUsize,
}

/// A connection and the statements it knows.
pub(super) struct Connection {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

/// A caller's use of a connection.
pub(super) struct Turn {
    connection: Arc<Connection>,
    _guest: Guest,
}

struct Guest(Arc<Place>);

impl Connections {
    pub(super) fn new(connector: Connector) -> Self {
        let places = (0..CONNECTIONS).map(|_| Arc::default());
        Self {
            connector,
            places: places.collect(),
        }
    }

    /// The connection that has the fewest callers.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        let callers = |place: &&Arc<Place>| place.callers.load(Ordering::Relaxed);
        // There is always one: the list is never empty.
        let place = self.places.iter().min_by_key(callers).cloned();
        let place = place.unwrap_or_default();
        let guest = Guest::new(Arc::clone(&place));
        let mut shared = place.connection.lock().await;
        let live = shared.as_ref().filter(|shared| !shared.client.is_closed());
        let connection = match live {
            Some(live) => Arc::clone(live),
            None => Arc::new(Connection {
                client: self.connector.connect().await?,
                statements: Mutex::default(),
            }),
        };
        *shared = Some(Arc::clone(&connection));
        Ok(Turn {
            connection,
            _guest: guest,
        })
    }
}

impl Connection {
    /// A statement, prepared once.
    pub(super) async fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        let known = self.statements().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Turn {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Guest {
    fn new(place: Arc<Place>) -> Self {
        place.callers.fetch_add(1, Ordering::Relaxed);
        Self(place)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.callers.fetch_sub(1, Ordering::Relaxed);
    }
}
