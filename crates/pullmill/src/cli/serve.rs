//! `pullmill serve`: one process that receives, answers and works; `pullmill worker`: one that works for a shared store.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use pullmill_core::signature::Secrets;
use tracing::level_filters::LevelFilter;

use super::consult::ModelArgs;
use super::failure::{Failure, Status};
use super::forge::ForgeArgs;
use super::store::StoreArgs;
use crate::server::Server;
use crate::telemetry::meter::Meter;
use crate::{telemetry, wire};

/// How to work.
#[derive(Debug, Args)]
struct WorkArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    forge: ForgeArgs,
    #[command(flatten)]
    models: ModelArgs,
    /// Reviews at a time; left out: one per processor.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=256))]
    reviews: Option<u16>,
    /// What to log: error, warn, info, debug.
    #[arg(
        long,
        value_name = "LEVEL",
        env = "PULLMILL_LOG",
        default_value = "info"
    )]
    log: LevelFilter,
}

/// How to work beside others.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    #[command(flatten)]
    work: WorkArgs,
    /// Where to answer /health, /ready and /metrics; left out: nowhere.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    work: WorkArgs,
    /// Where to listen. The API answers only on a loopback address.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PULLMILL_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    listen: SocketAddr,
    /// A file with the webhook's secret; a second one for the secret before it. Left out: PULLMILL_WEBHOOK_SECRET is the secret.
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Vec<PathBuf>,
    /// Accept secrets that could be guessed: for development only.
    #[arg(long)]
    dev: bool,
}

/// Serves until the process is told to end.
pub fn run(args: ServeArgs) -> Result<ExitCode, Failure> {
    telemetry::start_logs(args.work.log);
    let secrets = secrets(&args)?;
    if secrets.is_empty() {
        tracing::warn!(
            event = "server.no_secret",
            "There is no webhook secret, so every webhook is refused"
        );
    }
    start(&args.work, Some(args.listen), Some(secrets))
}

/// Works until the process is told to end.
pub fn work(args: &WorkerArgs) -> Result<ExitCode, Failure> {
    telemetry::start_logs(args.work.log);
    start(&args.work, args.listen, None)
}

fn start(
    args: &WorkArgs,
    listen: Option<SocketAddr>,
    secrets: Option<Secrets>,
) -> Result<ExitCode, Failure> {
    let place = args.store.place()?;
    let forge = args.forge.address()?;
    let rules = args.forge.rules()?;
    let meter = Meter::default();
    let models = args.models.open()?.map(|models| meter.on(models));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let reviews = args.reviews.map_or(processors, usize::from);
    if place.file().is_some() {
        let alone = |message: &str| {
            let message = format!("{place} has one process, which {message}");
            Err(Failure::new(Status::Usage, message))
        };
        if secrets.is_none() {
            return alone("serves and works: use `pullmill serve`");
        }
        if reviews == 0 {
            return alone("does its own reviews: --reviews is at least 1");
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(Status::Internal, error))?;
    runtime.block_on(async {
        let (mut engine, watched) = wire::engine(&place, reviews, forge, models).await?;
        if let Some(rules) = rules {
            engine = engine.with_rules(rules);
        }
        let server = Server {
            engine,
            watched,
            secrets,
            listen,
            socket: place.socket(),
            reviews,
            meter,
        };
        let ready = |address: Option<SocketAddr>| match address {
            Some(address) => {
                tracing::info!(event = "server.ready", address = %address, store = %place, "Listening on {address}");
            }
            None => tracing::info!(event = "server.ready", store = %place, "Working"),
        };
        server.run(ready).await.map_err(|error| {
            Failure::new(
                Status::Unavailable,
                format_args!("the server cannot listen: {error}"),
            )
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

fn secrets(args: &ServeArgs) -> Result<Secrets, Failure> {
    let mut secrets = Vec::new();
    for path in &args.webhook_secret_file {
        secrets.push(read_secret(path)?);
    }
    // Never an argument, which every account of the machine could read.
    if let (true, Ok(secret)) = (secrets.is_empty(), std::env::var("PULLMILL_WEBHOOK_SECRET")) {
        secrets.push(secret.trim().as_bytes().to_vec());
    }
    Secrets::new(secrets, args.dev).map_err(|error| Failure::new(Status::Config, error))
}

fn read_secret(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = std::fs::read(path).map_err(|error| {
        let message = format!("the secret in {} cannot be read: {error}", path.display());
        Failure::new(Status::NoInput, message)
    })?;
    Ok(text.trim_ascii().to_vec())
}
