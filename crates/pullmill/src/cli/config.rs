//! `pullmill config`: checks, shows and describes the configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pullmill_core::policy::{self, Policy};

use super::failure::{Failure, Status};
use super::{folder_or_here, output};
use crate::session::settings;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List everything that is wrong with it.
    Check(ConfigArgs),
    /// Print it with all defaults filled in.
    Show(ConfigArgs),
    /// Print the JSON Schema of the file.
    Schema,
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The file; left out: .pullmill.toml of the repository.
    #[arg(long, value_name = "FILE", conflicts_with = "repo")]
    config: Option<PathBuf>,
    /// The repository; left out: the present folder.
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
}

/// Does what was asked.
pub fn run(command: &ConfigCommand) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Check(args) => {
            let message = match args.read()? {
                Some(_) => "the configuration is valid\n",
                None => "there is no configuration; the defaults hold\n",
            };
            output::write(message)?;
        }
        ConfigCommand::Show(args) => output::write(&args.read()?.unwrap_or_default().to_toml())?,
        ConfigCommand::Schema => {
            let schema = serde_json::to_string_pretty(&Policy::schema());
            output::write(&schema.map_err(|error| Failure::new(Status::Internal, error))?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl ConfigArgs {
    /// The configuration; `None` if the repository has none.
    fn read(&self) -> Result<Option<Policy>, Failure> {
        if let Some(path) = &self.config {
            return settings::read_config(path).map(Some);
        }
        let path = folder_or_here(self.repo.as_ref()).join(policy::FILE_NAME);
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        settings::read_config(&path).map(Some)
    }
}
