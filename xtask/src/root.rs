//! Where the repository is.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The root of the repository that this program was built in.
pub(crate) fn folder() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = own.parent().context("the folder of xtask has no parent")?;
    Ok(Path::new(root).to_path_buf())
}
