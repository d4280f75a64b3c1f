//! Connections: where they lead, how they are secured, and what a database must be like for us to believe what it confirms.

use std::sync::Arc;
use std::time::Duration;

use pullmill_core::ports::Source;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The newest format this program knows: tables are made in it. In the one before, the functions may be older.
const FORMAT: i32 = 2;
const SCHEMA: &str = include_str!("schema.sql");
const FUNCTIONS: &str = include_str!("functions.sql");
/// How long a connection may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a peer may be silent before it counts as gone.
const SILENCE: Duration = Duration::from_secs(10);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("the address of the database is not usable: {0}")]
    Address(tokio_postgres::Error),
    /// No connection, or it broke.
    #[error("the database cannot be used: {}", chain(.0))]
    Failed(Source),
    /// It may lose what it has confirmed.
    #[error(
        "the database runs with {setting} = off, so it may lose what it has confirmed; set {setting} = on"
    )]
    NotDurable {
        /// The setting that is off.
        setting: String,
    },
    /// A newer program made the table.
    #[error(
        "the database was written by a newer pullmill (format {found}, this one knows {known})"
    )]
    Newer {
        /// Its format.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// Its texts are not Unicode.
    #[error("the database keeps texts as {0}; it must be made with ENCODING UTF8")]
    Encoding(String),
}

/// An error with what lies behind it: the outermost of this library says next to nothing.
fn chain(error: &Source) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

pub(super) fn failed(error: impl Into<Source>) -> OpenError {
    OpenError::Failed(error.into())
}

/// Where connections lead, and how.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl Connector {
    /// Reads an address like `postgres://user:password@host/database?sslmode=require`.
    pub(super) fn parse(address: &str) -> Result<Self, OpenError> {
        let mut config: Config = address.parse().map_err(OpenError::Address)?;
        config.connect_timeout(PATIENCE);
        config.keepalives_idle(SILENCE);
        config.tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("pullmill");
        }
        let tls = MakeRustlsConnect::new(tls(config.get_ssl_mode())?);
        Ok(Self { config, tls })
    }

    /// A connection that is set up. It is driven until its client is dropped.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        tokio::spawn(connection);
        set_up(&client).await?;
        Ok(client)
    }
}

/// Certificates are always checked, against those the system trusts or `SSL_CERT_FILE` names.
fn tls(mode: SslMode) -> Result<ClientConfig, OpenError> {
    let mut roots = RootCertStore::empty();
    if mode != SslMode::Disable {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider);
    let versions = versions.with_safe_default_protocol_versions();
    let config = versions.map_err(failed)?.with_root_certificates(roots);
    Ok(config.with_no_client_auth())
}

/// Makes a connection confirm only what is on the disk, give up rather than wait for ever, and plan each statement once.
async fn set_up(client: &Client) -> Result<(), tokio_postgres::Error> {
    let sql = "SELECT set_config('synchronous_commit', 'on', FALSE) WHERE current_setting('synchronous_commit') = 'off';
               SET statement_timeout = '15s'; SET lock_timeout = '10s'; SET plan_cache_mode = force_generic_plan";
    client.batch_execute(sql).await
}

/// Refuses a database that cannot keep promises, and makes the table where there is none.
pub(super) async fn prepare(client: &mut Client) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('fsync'), current_setting('full_page_writes'),
                      current_setting('synchronous_commit'), current_setting('server_encoding')";
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    for (place, setting) in ["fsync", "full_page_writes", "synchronous_commit"]
        .into_iter()
        .enumerate()
    {
        let value: String = row.try_get(place).map_err(failed)?;
        if value == "off" {
            let setting = setting.to_owned();
            return Err(OpenError::NotDurable { setting });
        }
    }
    let encoding: String = row.try_get(3).map_err(failed)?;
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    let made = client.transaction().await.map_err(failed)?;
    // Several that start at once agree on who makes it.
    made.batch_execute("SELECT pg_advisory_xact_lock(hashtextextended('pullmill_format', 0))")
        .await
        .map_err(failed)?;
    let sql = "SELECT to_regclass('pullmill_format') IS NOT NULL, to_regproc('pullmill_commit_group') IS NOT NULL";
    let are_made = made.query_one(sql, &[]).await.map_err(failed)?;
    if !are_made.get::<_, bool>(0) {
        made.batch_execute(SCHEMA).await.map_err(failed)?;
    }
    // A program before this one made the table, and a function to commit by which it goes on using.
    if !are_made.get::<_, bool>(1) {
        made.batch_execute(FUNCTIONS).await.map_err(failed)?;
    }
    let sql = "SELECT format FROM pullmill_format";
    let found: i32 = made.query_one(sql, &[]).await.map_err(failed)?.get(0);
    if found > FORMAT {
        return Err(OpenError::Newer {
            found,
            known: FORMAT,
        });
    }
    made.commit().await.map_err(failed)
}
