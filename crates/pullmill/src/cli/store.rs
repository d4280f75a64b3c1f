//! Which store a command is about, and how it is asked.

use std::future::Future;

use clap::Args;

use super::failure::{Failure, Status};
use crate::owner::Owner;
use crate::wire::StoreAddress;

/// Which store.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// Where records are kept: sqlite:FILE.
    #[arg(
        long,
        value_name = "STORE",
        env = "PULLMILL_STORE",
        default_value = "sqlite:pullmill.db"
    )]
    pub store: StoreAddress,
}

/// Whose records.
#[derive(Clone, Debug, Args)]
pub struct TenantArgs {
    /// Whose records: the account that a forge's repositories belong to, or `local`.
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub tenant: String,
}

impl StoreArgs {
    /// Finds who has the store. There must be one already.
    pub async fn existing(&self) -> Result<Owner, Failure> {
        if !self.store.file().exists() {
            let message = format!(
                "there is no store {}; `pullmill serve` or `pullmill submit` makes one",
                self.store
            );
            return Err(Failure::new(Status::NoInput, message));
        }
        Owner::find(&self.store, 1).await
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
