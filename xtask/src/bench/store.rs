//! Stores through their port beside plain SQL on the same tables, in one run of `crates/adapters/examples/store`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use pullmill_testkit::postgres::Server;
use serde_json::Value;

use super::program::Programs;
use super::{Figure, Limit};

/// Enqueueing and leases of ten on SQLite and on Postgres.
pub(super) fn stores(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.display().to_string();
    let mut figures = store(programs, "SQLite", &["sqlite", &folder])?;
    let server = Server::start().context("Postgres cannot be started")?;
    let schema = |name: &str| -> Result<String> {
        let address = server.address();
        pullmill_testkit::postgres::query(&address, &format!("CREATE SCHEMA {name}"))?;
        Ok(format!("{address}&options=-csearch_path%3D{name}"))
    };
    let arguments = ["postgres", &schema("port")?, &schema("raw")?];
    figures.extend(store(programs, "Postgres", &arguments)?);
    Ok(figures)
}

fn store(programs: &Programs, name: &str, arguments: &[&str]) -> Result<Vec<Figure>> {
    let output = Command::new(&programs.store).args(arguments).output()?;
    ensure!(
        output.status.success(),
        "the store bench failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rates: Value = serde_json::from_slice(&output.stdout)?;
    let rate = |name: &str| rates[name].as_f64().with_context(|| format!("no {name}"));
    let (put, raw_put) = (rate("enqueue")?, rate("raw_enqueue")?);
    let (lease, raw_lease) = (rate("lease")?, rate("raw_lease")?);
    let figure = |what: &str, value, unit| Figure::new(format!("{name}, {what}"), value, unit);
    Ok(vec![
        figure("enqueued through the port", put, "/s"),
        figure("enqueued by plain SQL", raw_put, "/s"),
        figure("ratio", put / raw_put, "×").limited(Limit::AtLeast(0.6)),
        figure("leased through the port", lease, "/s"),
        figure("leased by plain SQL", raw_lease, "/s"),
        figure("ratio of leases", lease / raw_lease, "×").limited(Limit::AtLeast(0.6)),
    ])
}
