//! The one table and its indexes, and how a connection has to be set.

use std::path::Path;

use pullmill_core::time::Timestamp;
use rusqlite::{Connection, Error};

use super::OpenError;

/// `PUMI`, so that `file` and we can tell our stores from other databases.
const APPLICATION: i64 = 0x5055_4d49;
/// The format this program writes.
const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    pk TEXT NOT NULL,
    sk TEXT NOT NULL,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL DEFAULT 0,
    queue TEXT,
    tenant TEXT,
    due INTEGER,
    held INTEGER,
    first_pk TEXT,
    first_sk TEXT,
    second_pk TEXT,
    second_sk TEXT,
    expires_at INTEGER,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX record_key ON record (pk, sk);
CREATE INDEX record_due ON record (queue, tenant, due) WHERE queue IS NOT NULL;
CREATE INDEX record_held ON record (held) WHERE held IS NOT NULL;
CREATE INDEX record_first ON record (first_pk, first_sk) WHERE first_pk IS NOT NULL;
CREATE INDEX record_second ON record (second_pk, second_sk) WHERE second_pk IS NOT NULL;
CREATE INDEX record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL;
";

/// Ends all leases: whoever had them is gone, as the file is ours alone now.
pub(super) fn end_leases(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE record SET due = ?1 WHERE held IS NOT NULL AND due > ?1";
    connection.execute(sql, [now.millis()]).map(drop)
}

/// Sets the writing connection up and makes the table if the file is new.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign {
            path: path.to_owned(),
        },
        _ => OpenError::Failed {
            path: path.to_owned(),
            source: error.into(),
        },
    };
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, format) = (
        number("application_id").map_err(failed)?,
        number("user_version").map_err(failed)?,
    );
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(failed)?;
    if application != APPLICATION && (application != 0 || tables != 0) {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    if format > FORMAT {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    set_up_writer(connection).map_err(failed)?;
    if tables == 0 {
        let sql = format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION};
             PRAGMA user_version = {FORMAT}; COMMIT;"
        );
        connection.execute_batch(&sql).map_err(failed)?;
        sync_folder(path).map_err(|error| OpenError::Failed {
            path: path.to_owned(),
            source: error.into(),
        })?;
    }
    Ok(())
}

/// Makes the file's name durable. SQLite does so for its log, not for the file itself.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    // Checkpoints are made by another thread, off the way to an acknowledgement. `FULL` is a law, not a setting:
    // with `NORMAL`, acknowledged commits are lost with the power.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;",
    )
}

/// Sets a reading connection up.
pub(super) fn set_up_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")
}

/// Whether the file looks right at a quick look: pages and rows, not the indexes.
pub(super) fn is_sound(connection: &Connection) -> rusqlite::Result<bool> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(verdict == "ok")
}

/// What SQLite finds wrong with the file; reads all of it.
pub(super) fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut problems = lines.collect::<rusqlite::Result<Vec<String>>>()?;
    problems.retain(|line| line != "ok");
    Ok(problems)
}
