//! A Postgres server for tests, on a free loopback port: it can be killed and started anew, and is gone afterwards.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The variable that tells tests the address of a server that is there for all of them.
pub const VARIABLE: &str = "PULLMILL_TEST_POSTGRES";
/// The variable that tells tests the file of that server's certificate.
pub const CERTIFICATE: &str = "PULLMILL_TEST_POSTGRES_CERTIFICATE";

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells the servers and schemas of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running server with an empty database; it ends and its files go when this is dropped.
#[derive(Debug)]
pub struct Server {
    server: Child,
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
}

/// The folder of the newest server's programs, where Debian puts them.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.flatten().map(|version| version.path().join("bin"));
    let usable = bins.filter(|bin| bin.join("postgres").is_file());
    let number =
        |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    usable.max_by_key(number)
}

/// The address of tables nobody else uses, on the server that [`VARIABLE`] names. Without one a test fails.
#[must_use]
pub fn fresh() -> String {
    let Ok(address) = std::env::var(VARIABLE) else {
        panic!("{VARIABLE} names no server; `cargo xtask test` starts one");
    };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{number}", std::process::id());
    if let Err(error) = query(&address, &format!("CREATE SCHEMA {schema}")) {
        panic!("{error}");
    }
    format!("{address}&options=-csearch_path%3D{schema}")
}

/// Has a server do something, and gives what it says.
pub fn query(address: &str, sql: &str) -> io::Result<String> {
    let programs = programs().ok_or_else(|| io::Error::other("there is no Postgres client"))?;
    let mut command = Command::new(programs.join("psql"));
    command.args([
        "-X",
        "-A",
        "-t",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        address,
    ]);
    succeeds(command.args(["-c", sql]))
}

impl Server {
    /// Makes a database and starts its server. Commits are as durable as in production.
    pub fn start() -> io::Result<Self> {
        let programs = programs().ok_or_else(|| io::Error::other("there is no Postgres server"))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pullmill-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        if is_root() {
            // Postgres does not run as root.
            succeeds(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let data = folder.join("data");
        let mut made = as_server(&programs.join("initdb"));
        made.args(["--username", "pullmill", "--auth", "trust"]);
        made.args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--pgdata"]);
        succeeds(made.arg(&data).current_dir(&folder))?;
        certify(&data)?;
        if is_root() {
            succeeds(Command::new("chown").args(["-R", "postgres"]).arg(&folder))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = launch(&programs, &folder, port)?;
        let mut server = Self {
            server,
            folder,
            programs,
            port,
        };
        server.wait()?;
        Ok(server)
    }

    /// Kills it in the middle of whatever it does, and starts it anew.
    pub fn crash(&mut self) -> io::Result<()> {
        // All its processes: they are a group of their own.
        let group = format!("-{}", self.server.id());
        succeeds(Command::new("kill").args(["-KILL", "--", &group]))?;
        self.server.wait()?;
        self.server = launch(&self.programs, &self.folder, self.port)?;
        self.wait()
    }

    /// Waits until it is ready, and starts it anew as long as it ends by itself: after a crash its port, or the memory
    /// it shared with processes that are still ending, may be taken for a moment.
    fn wait(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        while !ready.status()?.success() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("Postgres does not start: {log}")));
            }
            if self.server.try_wait()?.is_some() {
                self.server = launch(&self.programs, &self.folder, self.port)?;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        let port = self.port;
        format!("postgres://pullmill@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    /// Variables that tell tests where it is, and whose certificate it has.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        let certificate = self.folder.join("server.crt");
        [
            (VARIABLE, PathBuf::from(self.address())),
            (CERTIFICATE, certificate),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends at once and in order.
        let pid = self.server.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn launch(programs: &Path, folder: &Path, port: u16) -> io::Result<Child> {
    use std::os::unix::process::CommandExt as _;
    let _ = fs::remove_file(folder.join("data/postmaster.pid"));
    let log = fs::File::create(folder.join("log"))?;
    let mut command = as_server(&programs.join("postgres"));
    command.arg("-D").arg(folder.join("data"));
    command.arg("-k").arg(folder);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in [
        "max_connections=400",
        "max_locks_per_transaction=128",
        "ssl=on",
    ] {
        command.args(["-c", setting]);
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
}

/// A certificate of its own, which one test trusts and another does not.
fn certify(data: &Path) -> io::Result<()> {
    let (key, certificate) = (data.join("server.key"), data.join("server.crt"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    command.args(["-subj", "/CN=localhost"]);
    command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    succeeds(
        command
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate),
    )?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    fs::copy(&certificate, data.with_file_name("server.crt"))?;
    Ok(())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Runs a server's program as the account that Debian made for it, if this one may not.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres"]);
    command.arg("--clear-groups").arg(program);
    command
}

fn succeeds(command: &mut Command) -> io::Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{name} failed: {said}")))
}
