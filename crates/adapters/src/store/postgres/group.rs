//! Commits in groups: batches that come while others are under way go to the database together, as one transaction.

use std::collections::{BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use pullmill_core::ports::batch::{Batch, Write};
use pullmill_core::ports::store::{Key, StoreError};
use tokio::sync::oneshot;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::rows::Columns;
use super::share::Connections;

/// What `pullmill_commit_group` says if a write did not find what it expected.
const CONFLICT: &str = "PM001";
/// Transactions under way at a time.
const GROUPS: usize = 6;
/// Most writes of one transaction, but for a batch that has more by itself.
const WRITES: usize = 128;

/// Commits batches.
pub(super) struct Groups(Arc<Shared>);

struct Shared {
    connections: Arc<Connections>,
    /// The table's number, which tells several in one database apart.
    table: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    running: usize,
}

/// A batch and who waits for it.
struct Waiting {
    batch: Batch,
    caller: oneshot::Sender<Result<(), StoreError>>,
}

impl Waiting {
    fn answer(self, result: Result<(), StoreError>) {
        // The caller may have gone.
        let _ = self.caller.send(result);
    }
}

/// What became of a transaction that did not end well.
enum Fate {
    /// Nothing was written: these writes did not find what they expected, or somebody else was in the way.
    Conflict(Vec<usize>),
    /// Nothing was written: the database would not.
    Refused,
    /// Nothing was sent.
    Unsent,
    /// Perhaps all was written, perhaps nothing.
    Unknown,
}

impl Groups {
    pub(super) fn new(connections: Arc<Connections>, table: u32) -> Self {
        Self(Arc::new(Shared {
            connections,
            table,
            state: Mutex::default(),
        }))
    }

    /// Commits a batch: at once if there is room, with others that wait if there is none. It goes on if the caller does not.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (caller, answer) = oneshot::channel();
        if self.0.enters(Waiting { batch, caller }) {
            tokio::spawn(Arc::clone(&self.0).run_all());
        }
        let gone = || StoreError::Unknown("the commit ended without an answer".into());
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Shared {
    /// Puts a batch behind those that wait; says whether there is room for one more transaction.
    fn enters(&self, waiting: Waiting) -> bool {
        let mut state = self.state();
        state.waiting.push_back(waiting);
        let has_room = state.running < GROUPS;
        state.running += usize::from(has_room);
        has_room
    }

    /// Runs groups until nothing waits. If one panics, its callers are told that nobody knows, and the others go on.
    async fn run_all(self: Arc<Self>) {
        while let Some(group) = self.next() {
            let _ = AssertUnwindSafe(self.run(group)).catch_unwind().await;
        }
    }

    /// The next group; none gives the place free.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        let group = take(&mut state.waiting);
        if group.is_empty() {
            state.running -= 1;
            return None;
        }
        Some(group)
    }

    /// Commits a group and answers all its callers. Batches that are in the way of others are taken out of it.
    async fn run(&self, mut group: Vec<Waiting>) {
        while !group.is_empty() {
            let Err((fate, error)) = self.transaction(&group).await else {
                group.into_iter().for_each(|waiting| waiting.answer(Ok(())));
                return;
            };
            group = match fate {
                Fate::Conflict(places) => without_failed(group, &places),
                Fate::Refused if group.len() > 1 => {
                    // One of them is not to the database's taste; nobody else suffers from that.
                    let alone = group.into_iter().map(|one| Box::pin(self.run(vec![one])));
                    join_all(alone).await;
                    return;
                }
                fate => {
                    let error = Arc::new(error);
                    for waiting in group {
                        let error = Arc::clone(&error);
                        waiting.answer(Err(match fate {
                            Fate::Unknown => StoreError::Unknown(error.into()),
                            _ => StoreError::Unavailable(error.into()),
                        }));
                    }
                    return;
                }
            };
        }
    }

    async fn transaction(&self, group: &[Waiting]) -> Result<(), (Fate, Error)> {
        let columns = Columns::of(group.iter().map(|waiting| &waiting.batch), self.table);
        let unsent = |error| (Fate::Unsent, error);
        let turn = self.connections.turn().await.map_err(unsent)?;
        let sql = "SELECT pullmill_commit_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
        let statement = turn.prepare(sql).await.map_err(unsent)?;
        let done = turn.query_one(&statement, &columns.parameters()).await;
        done.map(drop).map_err(|error| (fate(&error), error))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the first that waits, and behind it those that touch no record of one before them. The others stay, in their order.
fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let mut group = Vec::new();
    let mut stay = VecDeque::new();
    let mut keys: BTreeSet<Key> = BTreeSet::new();
    while keys.len() < WRITES
        && let Some(next) = waiting.pop_front()
    {
        let own = || next.batch.writes().iter().map(Write::key);
        let fits = keys.len() + next.batch.writes().len() <= WRITES;
        if group.is_empty() || fits && !own().any(|key| keys.contains(key)) {
            keys.extend(own().cloned());
            group.push(next);
        } else {
            stay.push_back(next);
        }
    }
    stay.append(waiting);
    *waiting = stay;
    group
}

/// Answers those whose writes failed, by their places in the whole group, and gives the others. Without a place all have failed.
fn without_failed(group: Vec<Waiting>, places: &[usize]) -> Vec<Waiting> {
    let mut first = 0;
    let mut others = Vec::new();
    for waiting in group {
        let end = first + waiting.batch.writes().len();
        let own = places.iter().filter(|place| (first..end).contains(place));
        let own: Vec<usize> = own.map(|place| place - first).collect();
        first = end;
        if own.is_empty() && !places.is_empty() {
            others.push(waiting);
        } else {
            waiting.answer(Err(StoreError::Conflict(own)));
        }
    }
    others
}

/// What an error means. Only one of the statement itself, on a connection that lives on, says that nothing was written.
fn fate(error: &Error) -> Fate {
    let Some(said) = error.as_db_error() else {
        return Fate::Unknown;
    };
    let code = said.code();
    if code.code() == CONFLICT {
        return Fate::Conflict(places(said));
    }
    if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE {
        return Fate::Conflict(Vec::new());
    }
    match said.parsed_severity() {
        Some(Severity::Error) => Fate::Refused,
        _ => Fate::Unknown,
    }
}

/// Which writes failed.
fn places(said: &DbError) -> Vec<usize> {
    let named = said.detail().unwrap_or_default().split(',');
    let mut places: Vec<usize> = named.filter_map(|place| place.parse().ok()).collect();
    places.sort_unstable();
    places
}
