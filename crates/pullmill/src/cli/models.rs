//! `pullmill models`: which models are configured, what they cost, and whether they answer.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};
use pullmill_core::escape::one_line;
use pullmill_core::models::{Entry, Money};
use pullmill_core::ports::model::{Ask, Reservation, Unheard};
use pullmill_engine::desk::Models;

use super::failure::{Failure, Status};
use super::output;
use super::store::block_on;
use crate::wire;
use crate::wire::models::Tape;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List them with windows and prices, and say which can be asked.
    List(ModelsArgs),
    /// Ask each that can be asked one short question: shows that key, name and address are right, and how long it takes.
    Check(ModelsArgs),
    /// Print the configuration that holds without a file of your own.
    Defaults,
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// What is known of models, laid over the defaults.
    #[arg(long, value_name = "FILE", env = "PULLMILL_MODELS")]
    models: Option<PathBuf>,
}

/// Does it.
pub fn run(command: &ModelsCommand) -> Result<ExitCode, Failure> {
    match command {
        ModelsCommand::Defaults => {
            output::write(pullmill_core::models::DEFAULT_TEXT)?;
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::List(args) => {
            output::write(&list(&open(args)?))?;
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Check(args) => block_on(check(&open(args)?)),
    }
}

fn open(args: &ModelsArgs) -> Result<Models, Failure> {
    let catalogue = wire::models::catalogue(args.models.as_deref())?;
    wire::models::open(catalogue, Tape::Live)
}

fn list(models: &Models) -> String {
    let mut out = format!(
        "{:<14} {:<34} {:>9} {:>16}  {:<10}  {}\n",
        "model", "provider and id", "window", "USD in/out per M", "as of", "can be asked"
    );
    for (name, entry) in &models.catalogue.models {
        let can = if models.model.has(name) {
            "yes"
        } else {
            "no key here"
        };
        out.push_str(&format!("{}  {can}\n", about(name, entry)));
    }
    out
}

fn about(name: &str, entry: &Entry) -> String {
    let id = format!("{} {}", entry.provider, entry.id);
    let price = format!(
        "{:.2}/{:.2}",
        entry.usd.input.dollars(),
        entry.usd.output.dollars()
    );
    format!(
        "{name:<14} {id:<34} {:>9} {price:>16}  {:<10}",
        entry.window, entry.date
    )
}

async fn check(models: &Models) -> Result<ExitCode, Failure> {
    let open: Vec<_> = models
        .catalogue
        .models
        .iter()
        .filter(|(name, _)| models.model.has(name))
        .collect();
    if open.is_empty() {
        let message = "no provider of the configured models has a key here; `pullmill models defaults` shows which variables hold keys";
        return Err(Failure::new(Status::Unavailable, message));
    }
    let mut is_good = true;
    for (name, entry) in open {
        let said = try_one(models, name, entry).await;
        is_good &= said.is_ok();
        let words = said.unwrap_or_else(|error| format!("FAILED: {}", one_line(&error)));
        output::write(&format!("{}  {words}\n", about(name, entry)))?;
    }
    Ok(ExitCode::from(u8::from(!is_good)))
}

/// One question of a few tokens; it costs next to nothing and is on no account.
async fn try_one(models: &Models, name: &str, entry: &Entry) -> Result<String, String> {
    let ask = Ask {
        model: name.to_owned(),
        system: "Answer with one word.".to_owned(),
        content: "Say: ready".to_owned(),
        schema: None,
        max_output: 256,
        name: format!("check{name}"),
    };
    let counted = models
        .model
        .count(name, &format!("{}{}", ask.system, ask.content));
    let paid = Reservation {
        worst: entry.usd.worst(counted, ask.max_output),
    };
    let begun = Instant::now();
    let answer = models.model.ask(&ask, &paid, &mut Unheard).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let cost: Money = entry.usd.of(&answer.usage);
    Ok(format!(
        "answers in {} ms; {} tokens sent, counted here as {counted}; {cost}",
        begun.elapsed().as_millis(),
        answer.usage.sent()
    ))
}
