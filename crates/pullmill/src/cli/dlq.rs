//! `pullmill dlq`: what could not be done, and putting it back.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::executions::encoded;
use super::failure::Failure;
use super::output;
use super::store::{StoreArgs, TenantArgs, block_on};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// List them, newest first.
    List(ListArgs),
    /// Show one whole.
    Show(OneArgs),
    /// Put one back, or all.
    Replay(ReplayArgs),
}

/// Whose.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    tenant: TenantArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which one.
#[derive(Debug, Args)]
pub struct OneArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    tenant: TenantArgs,
    /// Its id, as `list` prints it.
    id: String,
}

/// Which, and whether it is only tried.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    tenant: TenantArgs,
    /// Its id; left out with --all.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Say what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
pub fn run(command: &DlqCommand) -> Result<ExitCode, Failure> {
    block_on(async {
        match command {
            DlqCommand::List(args) => list(args).await?,
            DlqCommand::Show(args) => show(args).await?,
            DlqCommand::Replay(args) => replay(args).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn list(args: &ListArgs) -> Result<(), Failure> {
    let owner = args.store.existing().await?;
    let path = format!("/api/dlq?tenant={}", encoded(&args.tenant.tenant));
    let answer = owner.ask(Method::GET, &path, None).await?;
    let letters = &answer["dead_letters"];
    if args.json {
        return output::write(&format!("{letters:#}\n"));
    }
    print(letters)
}

async fn show(args: &OneArgs) -> Result<(), Failure> {
    let owner = args.store.existing().await?;
    let (id, tenant) = (encoded(&args.id), encoded(&args.tenant.tenant));
    let answer = owner
        .ask(Method::GET, &format!("/api/dlq/{id}?tenant={tenant}"), None)
        .await?;
    output::write(&format!("{:#}\n", answer["dead_letter"]))
}

async fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let owner = args.store.existing().await?;
    let place = args
        .id
        .as_ref()
        .map_or_else(String::new, |id| format!("/{}", encoded(id)));
    let tenant = encoded(&args.tenant.tenant);
    let path = format!(
        "/api/dlq{place}/replay?tenant={tenant}&dry_run={}",
        args.dry_run
    );
    let answer = owner.ask(Method::POST, &path, None).await?;
    print(&answer["dead_letters"])
}

fn print(letters: &Value) -> Result<(), Failure> {
    let letters = letters.as_array().map(Vec::as_slice).unwrap_or_default();
    if letters.is_empty() {
        return output::write("There are no dead letters.\n");
    }
    let row = |letter: &Value| {
        let text = |name: &str| letter[name].as_str().unwrap_or("-").to_owned();
        let outcome = letter["outcome"]
            .as_str()
            .map(|outcome| format!("  {outcome}"));
        format!(
            "{}  {:<10}  {}  {}{}\n",
            text("id"),
            text("queue"),
            letter["execution_id"]
                .as_str()
                .map_or_else(|| text("record"), str::to_owned),
            text("error"),
            outcome.unwrap_or_default()
        )
    };
    output::write(&letters.iter().map(row).collect::<String>())
}
