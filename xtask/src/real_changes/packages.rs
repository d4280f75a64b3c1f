//! Which packages are reviewed, and how pip, npm and cargo fetch them. Nothing that is fetched is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Where a package comes from.
#[derive(Clone, Copy, Debug)]
enum Registry {
    Crates,
    Npm,
    Python,
}

/// Two adjacent releases of a package.
#[derive(Debug)]
pub(super) struct Package {
    registry: Registry,
    /// In the registry.
    pub(super) name: &'static str,
    /// The earlier one first.
    pub(super) versions: [&'static str; 2],
}

/// The packages; versions are fixed so that runs can be compared.
pub(super) const PACKAGES: &[Package] = &[
    python("flask", ["3.0.3", "3.1.0"]),
    python("requests", ["2.31.0", "2.32.3"]),
    python("click", ["8.1.7", "8.1.8"]),
    python("jinja2", ["3.1.4", "3.1.5"]),
    python("werkzeug", ["3.0.6", "3.1.3"]),
    python("urllib3", ["2.2.3", "2.3.0"]),
    python("httpx", ["0.27.2", "0.28.1"]),
    npm("express", ["4.21.2", "5.0.1"]),
    npm("axios", ["1.7.8", "1.7.9"]),
    npm("koa", ["2.15.3", "2.16.0"]),
    npm("commander", ["12.1.0", "13.0.0"]),
    npm("body-parser", ["1.20.3", "2.0.2"]),
    npm("fastify", ["5.1.0", "5.2.0"]),
    npm("zod", ["3.23.8", "3.24.1"]),
    rust("regex", ["1.11.0", "1.11.1"]),
    rust("itoa", ["1.0.11", "1.0.14"]),
    rust("semver", ["1.0.23", "1.0.24"]),
    rust("memchr", ["2.7.3", "2.7.4"]),
];

const fn rust(name: &'static str, versions: [&'static str; 2]) -> Package {
    Package {
        registry: Registry::Crates,
        name,
        versions,
    }
}

const fn python(name: &'static str, versions: [&'static str; 2]) -> Package {
    Package {
        registry: Registry::Python,
        name,
        versions,
    }
}

const fn npm(name: &'static str, versions: [&'static str; 2]) -> Package {
    Package {
        registry: Registry::Npm,
        name,
        versions,
    }
}

impl Package {
    /// The archive of a release, fetched unless it is there already.
    pub(super) fn fetch(&self, version: &str, folder: &Path) -> Result<PathBuf> {
        let folder = folder.join(version);
        fs::create_dir_all(&folder)?;
        if let Some(archive) = archive(&folder)? {
            return Ok(archive);
        }
        let mut command = match self.registry {
            Registry::Crates => cargo_vendor(self.name, version, &folder)?,
            Registry::Npm => npm_pack(self.name, version),
            Registry::Python => pip_download(self.name, version),
        };
        let output = command
            .current_dir(&folder)
            .output()
            .with_context(|| format!("{command:?} cannot be run"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{version} cannot be fetched: {}",
            said.lines().last().unwrap_or_default()
        );
        archive(&folder)?.with_context(|| format!("{version}: there is no archive"))
    }
}

/// Cargo unpacks what a package needs and builds none of it.
fn cargo_vendor(name: &str, version: &str, folder: &Path) -> Result<Command> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"fetched\"\nedition = \"2021\"\n\n[workspace]\n\n[dependencies.{name}]\nversion = \"={version}\"\ndefault-features = false\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    let mut command = Command::new("cargo");
    command.args(["vendor", "--quiet", "vendored"]);
    Ok(command)
}

fn npm_pack(name: &str, version: &str) -> Command {
    let mut command = Command::new("npm");
    command.args(["pack", "--silent", "--ignore-scripts"]);
    command.arg(format!("{name}@{version}"));
    command
}

/// Wheels hold the same modules and, unlike source archives, are never built to read their names.
fn pip_download(name: &str, version: &str) -> Command {
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    command.arg(format!("{name}=={version}"));
    command
}

fn archive(folder: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_archive = path
            .extension()
            .is_some_and(|extension| extension == "tgz" || extension == "whl");
        if is_archive || path.ends_with("vendored") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Unpacks an archive into a folder.
pub(super) fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let is_wheel = archive
        .extension()
        .is_some_and(|extension| extension == "whl");
    let mut command = if archive.is_dir() {
        // The package and, if it has any, what it needs.
        let mut command = Command::new("cp");
        command.arg("-RT").arg(archive).arg(folder);
        command
    } else if is_wheel {
        let mut command = Command::new("python3");
        command
            .args(["-m", "zipfile", "-e"])
            .arg(archive)
            .arg(folder);
        command
    } else {
        let mut command = Command::new("tar");
        command.arg("-xzf").arg(archive).arg("-C").arg(folder);
        command.arg("--strip-components=1");
        command
    };
    let output = command.output().context("nothing unpacks it")?;
    ensure!(
        output.status.success(),
        "{} cannot be unpacked",
        archive.display()
    );
    Ok(())
}
