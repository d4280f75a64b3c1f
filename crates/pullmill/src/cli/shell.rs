//! `pullmill completions` and `pullmill man`: what a shell and `man` want to know.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::failure::{Failure, Status};
use super::{Cli, output};

/// Which shell.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Which page.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// A command; left out: the program.
    command: Option<String>,
}

/// Prints a script that completes commands and flags.
pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pullmill", &mut script);
    output::write(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a manual page.
pub fn man(args: &ManArgs) -> Result<ExitCode, Failure> {
    let mut program = Cli::command();
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
            let message = format!("there is no command {name}; `pullmill help` lists all");
            Failure::new(Status::Usage, message)
        })?,
    };
    let mut text = Vec::new();
    Man::new(page)
        .render(&mut text)
        .map_err(|error| Failure::new(Status::Internal, error))?;
    output::write(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
