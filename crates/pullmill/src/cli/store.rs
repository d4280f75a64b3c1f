//! Which store a command is about, and how it is asked.

use std::future::Future;

use clap::Args;

use super::failure::{Failure, Status};
use crate::owner::Owner;
use crate::wire::address::{BlobAddress, Place, StoreAddress};

/// Which store.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// Where records are kept: sqlite:FILE, or, shared by many processes, postgres://USER@HOST/DATABASE or dynamodb:TABLE.
    #[arg(
        long,
        value_name = "STORE",
        env = "PULLMILL_STORE",
        hide_env_values = true,
        default_value = "sqlite:pullmill.db"
    )]
    pub store: StoreAddress,
    /// Where large bodies are kept: folder:DIR or s3:BUCKET/PREFIX. Left out for a file: beside it.
    #[arg(long, value_name = "BLOBS", env = "PULLMILL_BLOBS")]
    pub blobs: Option<BlobAddress>,
}

/// Whose records.
#[derive(Clone, Debug, Args)]
pub struct TenantArgs {
    /// Whose records: the account that a forge's repositories belong to, or `local`.
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub tenant: String,
}

impl StoreArgs {
    /// Where everything is.
    pub fn place(&self) -> Result<Place, Failure> {
        Place::new(self.store.clone(), self.blobs.clone())
            .map_err(|message| Failure::new(Status::Usage, message))
    }

    /// Finds who has the store. There must be one already.
    pub async fn existing(&self) -> Result<Owner, Failure> {
        let place = self.place()?;
        if place.file().is_some_and(|file| !file.exists()) {
            let message = format!(
                "there is no store {place}; `pullmill serve` or `pullmill submit` makes one"
            );
            return Err(Failure::new(Status::NoInput, message));
        }
        Owner::find(&place, 1).await
    }
}

/// Runs what has to wait for others.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(Status::Internal, error))?;
    runtime.block_on(work)
}
