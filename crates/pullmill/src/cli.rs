//! The command line: what can be asked, and how each answer becomes an exit status.

mod app;
mod backup;
mod baseline;
mod config;
mod consult;
mod cost;
mod demo;
mod dlq;
mod doctor;
mod eval;
mod executions;
mod failure;
mod fix_docs;
mod forge;
mod models;
mod output;
mod pulls;
mod replace;
mod replay;
mod review;
mod rules;
mod scan;
mod serve;
mod shell;
mod store;
mod submit;

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use pullmill_adapters::analyzer::child::Limits;
use pullmill_core::change::Change;

use pullmill_core::review::Review;

use crate::eval::ReviewChanges;
use crate::progress::Progress;
use crate::session::settings::Settings;
use crate::session::{self, Reviewer};

pub use failure::{Failure, Status};

const STATUSES: &str = "\
Exit status:
  0   pass: everything was assessed and nothing at or above the threshold is open
  1   fail: a finding at or above the threshold is open
  2   inconclusive: something that counts was not assessed
  64  the command line is wrong, or names a commit that is not there
  65  the input is wrong: a patch, a baseline
  66  the input is not there: a file, a repository
  69  a program that is needed is missing or too old: git
  70  a mistake in pullmill itself
  73  a file could not be written
  74  reading or writing failed
  78  the configuration or a rule of the repository is wrong";

/// Reviews changes: what changed, what is wrong with it, how risky it is, and what nobody looked at.
#[derive(Debug, Parser)]
#[command(name = "pullmill", version, after_help = STATUSES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command knows.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Analysis processes at a time.
    #[arg(long, global = true, hide = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

impl Common {
    /// What the analysis children may use up.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(jobs) = self.jobs {
            limits.children = usize::from(jobs);
        }
        limits
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Review a change: the working tree if it differs from HEAD, else the last commit.
    #[command(after_help = STATUSES)]
    Review(review::ReviewArgs),
    /// Review files and folders as they are, in git or not.
    #[command(after_help = STATUSES)]
    Scan(scan::ScanArgs),
    /// Record the present findings in .pullmill/baseline.json, so that reviews set them aside.
    Baseline(baseline::BaselineArgs),
    /// Check, show or describe the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Measure the reviewer against labelled corpora.
    Eval(eval::EvalArgs),
    /// List the rules, or explain one.
    Rules(rules::RulesArgs),
    /// Make a GitHub App with what reviews need.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Show a pull request's life on a GitHub of our own, with a server that is killed in the middle of it.
    Demo(demo::DemoArgs),
    /// Receive webhooks, answer the API and do the work, on one store.
    Serve(serve::ServeArgs),
    /// Do the work of a store that many processes share.
    Worker(serve::WorkerArgs),
    /// Submit files for a review that is stored and can be followed.
    Submit(submit::SubmitArgs),
    /// List, show, follow, cancel executions, or begin a failed one anew.
    #[command(subcommand)]
    Executions(executions::ExecutionsCommand),
    /// List, show or put back what could not be done.
    #[command(subcommand)]
    Dlq(dlq::DlqCommand),
    /// Show what was posted on the pull requests of a local forge.
    #[command(subcommand)]
    Pulls(pulls::PullsCommand),
    /// Take a recorded delivery in once more.
    Replay(replay::ReplayArgs),
    /// Say what models have cost.
    Cost(cost::CostArgs),
    /// List the configured models, or ask each whether it answers.
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Look whether everything that is needed is there and works.
    Doctor(doctor::DoctorArgs),
    /// Copy a store, while it is in use or not.
    Backup(backup::BackupArgs),
    /// Make a store from a backup.
    Restore(backup::RestoreArgs),
    /// Print a script that completes commands and flags in a shell.
    Completions(shell::CompletionsArgs),
    /// Print a manual page.
    Man(shell::ManArgs),
}

/// Does what the arguments ask for.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let result = match cli.command {
        Command::Review(args) => review::run(&args, &cli.common),
        Command::Scan(args) => scan::run(&args, &cli.common),
        Command::Baseline(args) => baseline::run(&args, &cli.common),
        Command::Config(command) => config::run(&command),
        Command::Eval(args) => measure(&args, &cli.common),
        Command::Rules(args) => rules::run(&args),
        Command::App(command) => app::run(&command),
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Worker(args) => serve::work(&args),
        Command::Submit(args) => submit::run(&args),
        Command::Executions(command) => executions::run(&command),
        Command::Dlq(command) => dlq::run(&command),
        Command::Pulls(command) => pulls::run(&command),
        Command::Replay(args) => replay::run(&args),
        Command::Cost(args) => cost::run(&args),
        Command::Models(command) => models::run(&command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Backup(args) => backup::back_up(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    };
    match result {
        Ok(status) => status,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "pullmill: {failure}");
            failure.status().into()
        }
    }
}

/// Has labelled changes reviewed as a user would have them, with the built-in rules and no configuration.
fn measure(args: &eval::EvalArgs, common: &Common) -> Result<ExitCode, Failure> {
    let reviewer = Reviewer::new(session::start(common.limits())?, Settings::default())?;
    let silent = Progress::new(false);
    let mut review = |changes: &[Change]| Ok(reviewer.review_all(changes, &silent)?);
    let models = args.models.open()?;
    let mut with_model = models.as_ref().map(|models| {
        |changes: &[Change]| -> anyhow::Result<Vec<Review>> {
            let advised = |change: &Change| -> Result<Review, Failure> {
                let analyses = reviewer.look(change, None, &[], &silent)?;
                let mut assessed = reviewer.assessed(change.clone(), analyses);
                consult::consult(&mut assessed, models, &reviewer, false)?;
                Ok(assessed.review())
            };
            Ok(changes
                .iter()
                .map(advised)
                .collect::<Result<_, Failure>>()?)
        }
    });
    let with_model = with_model
        .as_mut()
        .map(|review| review as &mut ReviewChanges<'_>);
    match eval::run(args, &mut review, with_model, &mut std::io::stdout().lock()) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(1)),
        Err(error) if output::is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast::<Failure>() {
            Ok(failure) => Err(failure),
            Err(error) => Err(Failure::new(Status::Data, format_args!("{error:#}"))),
        },
    }
}

/// Help and version are no errors; everything else is a wrong command line.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => Status::Usage.into(),
    }
}

/// A path from the command line, `.` if none was given.
fn folder_or_here(path: Option<&PathBuf>) -> PathBuf {
    path.cloned().unwrap_or_else(|| PathBuf::from("."))
}

/// Whether an argument stands for standard input.
fn is_standard_input(argument: &OsStr) -> bool {
    argument == "-"
}
