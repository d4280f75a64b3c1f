//! The servers that tests need: installed where that can be done, started on free loopback ports, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use pullmill_testkit::{moto, postgres};

use crate::root;

/// AWS's emulator.
const MOTO: &str = "moto[server]==5.2.5";

/// What runs while tests do.
pub(crate) struct Servers {
    postgres: postgres::Server,
    moto: moto::Server,
}

impl Servers {
    /// Starts them all. One that cannot be had is an error that says how to get it.
    pub(crate) fn start() -> Result<Self> {
        if postgres::programs().is_none() {
            install(&["postgresql", "openssl"])?;
        }
        let postgres = postgres::Server::start().context("Postgres cannot be started")?;
        let moto = moto::Server::start(&emulator()?).context("moto cannot be started")?;
        Ok(Self { postgres, moto })
    }

    /// Variables that tell tests where they are.
    pub(crate) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let mut variables = self.postgres.variables().to_vec();
        variables.extend(self.moto.variables());
        variables
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

/// A Python that has moto, fetched into the folder of tools if it is not there.
fn emulator() -> Result<PathBuf> {
    let folder = super::tools::folder(&root::folder()?).join("moto");
    let python = folder.join("bin/python3");
    if folder.join("bin/moto_server").is_file() {
        return Ok(python);
    }
    println!("    fetches {MOTO}");
    let made = || run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if made().is_err() {
        // Debian keeps the module in a package of its own.
        install(&["python3-venv"])?;
        made()?;
    }
    run_quietly(Command::new(folder.join("bin/pip")).args(["install", "-q", MOTO]))?;
    Ok(python)
}

fn run_quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command.output();
    let output = output.with_context(|| format!("{name} cannot be run"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {said}");
    Ok(())
}

/// Packages of Debian. Postgres makes no cluster of its own then.
fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let can = Command::new("id").arg("-u").output();
    let is_root = can.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    ensure!(is_root, "run as root: apt-get install {names}");
    println!("    installs {names}");
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    if !settings.exists() {
        std::fs::create_dir_all("/etc/postgresql-common")?;
        std::fs::write(settings, "create_main_cluster = false\n")?;
    }
    let options = ["-y", "-qq", "--no-install-recommends"];
    let keep = ["-o", "Dpkg::Options::=--force-confold"];
    for arguments in [
        vec!["update", "-qq"],
        [&["install"], &options[..], &keep, packages].concat(),
    ] {
        let mut apt = Command::new("apt-get");
        run_quietly(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))?;
    }
    Ok(())
}
