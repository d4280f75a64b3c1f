//! `pullmill replay`: takes a recorded delivery in once more.

use std::process::ExitCode;

use clap::Args;
use hyper::Method;

use super::executions::encoded;
use super::failure::Failure;
use super::output;
use super::store::{StoreArgs, TenantArgs, block_on};

/// Which delivery.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    tenant: TenantArgs,
    /// The delivery's id, as GitHub names it.
    delivery: String,
    /// Say what would happen and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Replays.
pub fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let owner = args.store.existing().await?;
        let (id, tenant) = (encoded(&args.delivery), encoded(&args.tenant.tenant));
        let path = format!(
            "/api/deliveries/{id}/replay?tenant={tenant}&dry_run={}",
            args.dry_run
        );
        let answer = owner.ask(Method::POST, &path, None).await?;
        let delivery = &answer["delivery"];
        let text = |name: &str| delivery[name].as_str().unwrap_or("-").to_owned();
        output::write(&format!(
            "{}  {}.{}  {}#{}\n{}\n",
            text("delivery_id"),
            text("event"),
            text("action"),
            text("repo"),
            delivery["pr_number"],
            answer["outcome"].as_str().unwrap_or_default()
        ))?;
        Ok(ExitCode::SUCCESS)
    })
}
