//! `pullmill cost`: what models have cost, from the store.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use hyper::Method;
use pullmill_core::escape::one_line;
use pullmill_core::models::Money;
use serde_json::Value;

use super::failure::Failure;
use super::output;
use super::store::{StoreArgs, TenantArgs, block_on};

/// Rows of one table.
const MAX_ROWS: usize = 20;

/// Whose, and since when.
#[derive(Debug, Args)]
pub struct CostArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    tenant: TenantArgs,
    /// Days to look back, today among them.
    #[arg(long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=400))]
    days: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub fn run(args: &CostArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let owner = args.store.existing().await?;
        let path = format!(
            "/api/costs?tenant={}&days={}",
            args.tenant.tenant, args.days
        );
        let answer = owner.ask(Method::GET, &path, None).await?;
        let text = match args.json {
            true => serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n",
            false => table(&answer),
        };
        output::write(&text)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn table(answer: &Value) -> String {
    let days = answer["days"].as_u64().unwrap_or(0);
    let noun = if days == 1 { "day" } else { "days" };
    let mut out = format!("Models, {days} {noun}\n\n");
    let _ = writeln!(out, "{}", heading(""));
    let _ = writeln!(out, "{}", row("all", answer));
    for (title, field) in [
        ("Day", "by_day"),
        ("Model", "by_model"),
        ("Repository", "by_repo"),
        ("Pull request", "by_pull"),
    ] {
        let mut rows = answer[field].as_array().cloned().unwrap_or_default();
        if rows.is_empty() {
            continue;
        }
        if field != "by_day" {
            rows.sort_by_key(|row| std::cmp::Reverse(row["charged_micro_usd"].as_i64()));
        }
        let _ = write!(out, "\n{}\n", heading(title));
        for one in rows.iter().take(MAX_ROWS) {
            let name = one_line(one["name"].as_str().unwrap_or_default());
            let _ = writeln!(out, "{}", row(&name, one));
        }
        if rows.len() > MAX_ROWS {
            let _ = writeln!(out, "and {} more", rows.len() - MAX_ROWS);
        }
    }
    if answer["unknown"].as_u64().unwrap_or(0) > 0 {
        out.push_str("\nNobody knows what some calls have cost; they are charged with the most that it can be.\n");
    }
    out
}

fn heading(title: &str) -> String {
    format!(
        "{title:<32} {:>6} {:>10} {:>10} {:>10} {:>12}",
        "calls", "sent", "cached", "answered", "USD"
    )
}

fn row(name: &str, sum: &Value) -> String {
    let number = |field: &str| sum[field].as_u64().unwrap_or(0);
    let name: String = name.chars().take(32).collect();
    let dollars = Money(sum["charged_micro_usd"].as_i64().unwrap_or(0)).dollars();
    format!(
        "{name:<32} {:>6} {:>10} {:>10} {:>10} {dollars:>12.4}",
        number("calls"),
        number("tokens_in"),
        number("tokens_cached"),
        number("tokens_out")
    )
}
