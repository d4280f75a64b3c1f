//! The servers that tests need: installed where that can be done, started on free loopback ports, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use pullmill_testkit::postgres::{self, Server};

/// What runs while tests do.
pub(crate) struct Servers {
    postgres: Server,
}

impl Servers {
    /// Starts them all. One that cannot be had is an error that says how to get it.
    pub(crate) fn start() -> Result<Self> {
        if postgres::programs().is_none() {
            install("postgresql")?;
        }
        let postgres = Server::start().context("Postgres cannot be started")?;
        Ok(Self { postgres })
    }

    /// Variables that tell tests where they are.
    pub(crate) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        self.postgres.variables().to_vec()
    }
}

/// Runs a command while the servers are up, with what their tests need to know.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let servers = Servers::start()?;
    let mut command = Command::new(program);
    command.args(arguments).envs(servers.variables());
    let status = command
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}

/// One of Debian's packages. Postgres makes no cluster of its own then.
fn install(package: &str) -> Result<()> {
    let can = Command::new("id").arg("-u").output();
    let is_root = can.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    ensure!(is_root, "run as root: apt-get install {package} openssl");
    println!("    installs Debian's package {package}");
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    if !settings.exists() {
        std::fs::create_dir_all("/etc/postgresql-common")?;
        std::fs::write(settings, "create_main_cluster = false\n")?;
    }
    let options = ["-y", "-qq", "--no-install-recommends"];
    apt(&["update", "-qq"])?;
    apt(&[&["install"], &options[..], &["-o", "Dpkg::Options::=--force-confold", package, "openssl"]].concat())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(arguments)
        .status()
        .context("apt-get cannot be run")?;
    ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}
