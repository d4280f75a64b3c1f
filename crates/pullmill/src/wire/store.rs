//! Opens stores and blobs: which technology keeps them, and what is told if it does not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "aws")]
use pullmill_adapters::aws;
use pullmill_adapters::blob::folder::FolderBlobs;
#[cfg(feature = "aws")]
use pullmill_adapters::blob::s3::S3Blobs;
#[cfg(feature = "postgres")]
use pullmill_adapters::clock::ServerClock;
#[cfg(feature = "aws")]
use pullmill_adapters::store::dynamodb::DynamoStore;
#[cfg(feature = "postgres")]
use pullmill_adapters::store::postgres::{self, PostgresStore};
use pullmill_adapters::store::sqlite::{self, OpenError, SqliteStore};
use pullmill_core::ports::blob::Blobs;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::Queue;
use pullmill_core::ports::store::Store;
use pullmill_engine::Ports;

use super::address::{BlobAddress, Place, StoreAddress};
use super::clock;
use crate::cli::{Failure, Status};

pub(super) async fn ports(place: &Place) -> Result<Ports, Failure> {
    let blobs = blobs(&place.blobs).await?;
    match &place.records {
        StoreAddress::Sqlite(path) => {
            let store = SqliteStore::open(path, clock()).map_err(|error| failure(&error))?;
            Ok(on(Arc::new(store), blobs, clock()))
        }
        #[cfg(feature = "postgres")]
        StoreAddress::Postgres(address) => {
            let (store, clock) = open_postgres(address).await?;
            Ok(on(store, blobs, clock))
        }
        #[cfg(feature = "aws")]
        StoreAddress::DynamoDb(table) => Ok(on(open_dynamodb(table).await?, blobs, clock())),
        #[cfg(not(feature = "postgres"))]
        StoreAddress::Postgres(_) => Err(not_built("Postgres", "postgres")),
        #[cfg(not(feature = "aws"))]
        StoreAddress::DynamoDb(_) => Err(not_built("DynamoDB", "aws")),
    }
}

/// A store that is also its queue.
fn on<S: Store + Queue + 'static>(
    store: Arc<S>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
) -> Ports {
    Ports {
        store: store.clone(),
        queue: store,
        blobs,
        clock,
    }
}

async fn blobs(address: &BlobAddress) -> Result<Arc<dyn Blobs>, Failure> {
    match address {
        BlobAddress::Folder(path) => Ok(Arc::new(FolderBlobs::new(path.clone()))),
        #[cfg(feature = "aws")]
        BlobAddress::S3 { bucket, prefix } => {
            let configuration = aws::configuration().await;
            let blobs = S3Blobs::new(&configuration, bucket, prefix);
            blobs.check().await.map_err(|error| {
                let message = format!("the bucket {bucket} cannot be used: {error}");
                Failure::new(Status::Unavailable, message)
            })?;
            Ok(Arc::new(blobs))
        }
        #[cfg(not(feature = "aws"))]
        BlobAddress::S3 { .. } => Err(not_built("S3", "aws")),
    }
}

/// What to tell somebody whose program lacks a back end.
#[cfg(not(all(feature = "postgres", feature = "aws")))]
fn not_built(what: &str, feature: &str) -> Failure {
    Failure::new(
        Status::Config,
        format_args!(
            "this pullmill was built without {what}; build it with `--features {feature}`"
        ),
    )
}

#[cfg(feature = "aws")]
async fn open_dynamodb(table: &str) -> Result<Arc<DynamoStore>, Failure> {
    let configuration = aws::configuration().await;
    let opened = DynamoStore::open(&configuration, table, clock()).await;
    opened.map(Arc::new).map_err(|error| {
        Failure::new(
            Status::Unavailable,
            format_args!("the table {table} cannot be used: {error}"),
        )
    })
}

/// A database, and the clock that all who use it share.
#[cfg(feature = "postgres")]
async fn open_postgres(address: &str) -> Result<(Arc<PostgresStore>, Arc<ServerClock>), Failure> {
    let clock = Arc::new(ServerClock::default());
    let opened = PostgresStore::open(address, clock.clone(), Some(Arc::clone(&clock))).await;
    let store = opened.map_err(|error| {
        let status = match error {
            postgres::OpenError::Address(_) => Status::Usage,
            postgres::OpenError::Failed(_) => Status::Unavailable,
            postgres::OpenError::NotDurable { .. } | postgres::OpenError::Encoding(_) => {
                Status::Config
            }
            postgres::OpenError::Newer { .. } => Status::Data,
        };
        Failure::new(status, error)
    })?;
    Ok((Arc::new(store), clock))
}

/// Copies the records of a file as they are at one moment, whoever works on it.
pub fn copy_records(from: &Path, to: &Path) -> Result<(), Failure> {
    sqlite::copy(from, to).map_err(|error| {
        Failure::new(
            Status::Io,
            format_args!("the records cannot be copied: {error}"),
        )
    })
}

/// Reads all of a file that nobody else has; says what is wrong with it, and how long a durable write takes.
pub async fn examine(path: &Path) -> Result<(Vec<String>, Duration), Failure> {
    let unusable =
        |error| Failure::new(Status::Io, format_args!("the file cannot be used: {error}"));
    let store = SqliteStore::open(path, clock()).map_err(|error| failure(&error))?;
    let problems = store.examine().await.map_err(unusable)?;
    let begun = Instant::now();
    store.check().await.map_err(unusable)?;
    Ok((problems, begun.elapsed()))
}

/// Looks at a store that many share: says what it is, and how long a durable write takes.
pub async fn look_at(place: &Place) -> Result<(String, Duration), Failure> {
    let ports = ports(place).await?;
    let failed = |error| Failure::new(Status::Unavailable, error);
    // The first write also makes connections.
    ports.store.check().await.map_err(failed)?;
    let begun = Instant::now();
    ports.store.check().await.map_err(failed)?;
    let took = begun.elapsed();
    let ahead = ports.clock.now().millis() - clock().now().millis();
    let clock = match ahead.abs() {
        0..1000 => String::new(),
        _ => format!(", whose clock is {ahead} ms ahead of this machine's"),
    };
    Ok((format!("{place} works{clock}"), took))
}

/// What to tell somebody whose store cannot be opened.
fn failure(error: &OpenError) -> Failure {
    let status = match error {
        OpenError::InUse { .. } => Status::Unavailable,
        OpenError::Newer { .. } | OpenError::Foreign { .. } => Status::Data,
        OpenError::Failed { .. } => Status::Io,
    };
    Failure::new(status, error)
}
