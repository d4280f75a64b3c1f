//! `pullmill executions`: what runs and ran, from the store.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::failure::Failure;
use super::output;
use super::store::{StoreArgs, TenantArgs, block_on};

/// What to do with executions.
#[derive(Debug, Subcommand)]
pub enum ExecutionsCommand {
    /// List them, newest first.
    List(ListArgs),
    /// Show one with its steps.
    Show(OneArgs),
    /// Print its events until it is over.
    Follow(OneArgs),
    /// Stop one.
    Cancel(OneArgs),
    /// Begin a failed one anew; what is done stays done.
    Retry(OneArgs),
}

/// Which to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    tenant: TenantArgs,
    /// Only with this status.
    #[arg(long)]
    status: Option<String>,
    /// Of this month alone, like 2026-11.
    #[arg(long)]
    month: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
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
    /// Its id.
    id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub fn run(command: &ExecutionsCommand) -> Result<ExitCode, Failure> {
    block_on(async {
        match command {
            ExecutionsCommand::List(args) => list(args).await?,
            ExecutionsCommand::Show(args) => one(args, Method::GET, "", whole).await?,
            ExecutionsCommand::Cancel(args) => one(args, Method::POST, "/cancel", row).await?,
            ExecutionsCommand::Retry(args) => one(args, Method::POST, "/retry", row).await?,
            ExecutionsCommand::Follow(args) => follow(args).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn list(args: &ListArgs) -> Result<(), Failure> {
    let owner = args.store.existing().await?;
    let mut path = format!(
        "/api/executions?tenant={}&limit={}",
        args.tenant.tenant, args.limit
    );
    for (name, value) in [("status", &args.status), ("month", &args.month)] {
        if let Some(value) = value {
            let _ = write!(path, "&{name}={}", encoded(value));
        }
    }
    let answer = owner.ask(Method::GET, &path, None).await?;
    let executions = answer["executions"].as_array().cloned().unwrap_or_default();
    if args.json {
        return output::write(&format!("{:#}\n", Value::Array(executions)));
    }
    if executions.is_empty() {
        return output::write("There are no such executions.\n");
    }
    let text: String = executions.iter().map(row).collect();
    output::write(&text)
}

async fn one(
    args: &OneArgs,
    method: Method,
    action: &str,
    print: fn(&Value) -> String,
) -> Result<(), Failure> {
    let owner = args.store.existing().await?;
    let path = format!(
        "/api/executions/{}{action}?tenant={}",
        encoded(&args.id),
        args.tenant.tenant
    );
    let answer = owner.ask(method, &path, None).await?;
    let execution = &answer["execution"];
    if args.json {
        return output::write(&format!("{execution:#}\n"));
    }
    output::write(&print(execution))
}

async fn follow(args: &OneArgs) -> Result<(), Failure> {
    let owner = args.store.existing().await?;
    let path = format!("/api/executions/{}/events", encoded(&args.id));
    owner
        .work_until_over(&path, |event| {
            let line = if args.json {
                format!("{event}\n")
            } else {
                print_event(event)
            };
            let _ = output::write(&line);
        })
        .await
}

fn row(execution: &Value) -> String {
    let text = |name: &str| execution[name].as_str().unwrap_or("-").to_owned();
    let reason = match (execution["reason"].as_str(), execution["detail"].as_str()) {
        (Some(reason), Some(detail)) => format!("  {reason}: {detail}"),
        (Some(reason), None) => format!("  {reason}"),
        _ => String::new(),
    };
    format!(
        "{}  {:<12}  {:<16}  {}{reason}\n",
        text("id"),
        text("status"),
        text("workflow"),
        text("created_at"),
    )
}

fn whole(execution: &Value) -> String {
    let mut text = row(execution);
    for (name, label) in [
        ("owner", "Owner"),
        ("started_at", "Started"),
        ("finished_at", "Finished"),
    ] {
        if let Some(value) = execution[name].as_str() {
            let _ = writeln!(text, "{label:<10}{value}");
        }
    }
    for (name, step) in execution["steps"].as_object().into_iter().flatten() {
        let state = match &step["state"] {
            Value::String(state) => state.clone(),
            other => other.to_string(),
        };
        let _ = writeln!(text, "step      {name}  {state}  round {}", step["round"]);
    }
    text
}

/// One event as a line.
pub fn print_event(event: &Value) -> String {
    let data = &event["data"];
    let detail = match event["type"].as_str() {
        Some("finding.created") => format!(
            "{} {}:{} {}",
            data["severity"].as_str().unwrap_or_default(),
            data["path"].as_str().unwrap_or_default(),
            data["line"],
            data["message"].as_str().unwrap_or_default()
        ),
        _ if data.as_object().is_none_or(serde_json::Map::is_empty) => String::new(),
        _ => data.to_string(),
    };
    let line = format!(
        "{:>5}  {}  {:<22}  {detail}",
        event["seq"].as_u64().unwrap_or_default(),
        event["at"].as_str().unwrap_or_default(),
        event["type"].as_str().unwrap_or_default(),
    );
    format!("{}\n", line.trim_end())
}

/// Text as part of a path or query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
