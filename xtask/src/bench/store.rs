//! The store through its port beside plain SQL on the same table, in one run of `crates/adapters/examples/store.rs`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::program::Programs;
use super::{Figure, Limit};

/// Enqueueing and leases of ten on SQLite.
pub(super) fn sqlite(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    std::fs::create_dir_all(folder)?;
    let output = Command::new(&programs.store).arg(folder).output()?;
    ensure!(
        output.status.success(),
        "the store bench failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rates: Value = serde_json::from_slice(&output.stdout)?;
    let rate = |name: &str| rates[name].as_f64().with_context(|| format!("no {name}"));
    let (put, raw_put) = (rate("enqueue")?, rate("raw_enqueue")?);
    let (lease, raw_lease) = (rate("lease")?, rate("raw_lease")?);
    Ok(vec![
        Figure::new("SQLite, enqueued through the port", put, "/s"),
        Figure::new("SQLite, enqueued by plain SQL", raw_put, "/s"),
        Figure::new("SQLite, ratio", put / raw_put, "×").limited(Limit::AtLeast(0.6)),
        Figure::new("SQLite, leased through the port", lease, "/s"),
        Figure::new("SQLite, leased by plain SQL", raw_lease, "/s"),
        Figure::new("SQLite, ratio of leases", lease / raw_lease, "×").limited(Limit::AtLeast(0.6)),
    ])
}
