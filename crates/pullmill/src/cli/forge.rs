//! Which forge a server reviews on, and as whom.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pullmill_adapters::forge::github::{App, AppKey};
use pullmill_core::routing::Rules;

use super::failure::{Failure, Status};
use crate::wire::{self, ForgeAddress, GitHubAddress};

/// How fast to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pacing {
    /// As GitHub asks: 4 at once, then one a second, 80 a minute, 500 an hour.
    On,
    /// As fast as it goes: for a forge on this machine only.
    Off,
}

/// Which GitHub.
#[derive(Clone, Debug, Args)]
pub struct ApiArgs {
    /// Where GitHub's API is; for GitHub Enterprise Server https://HOST/api/v3.
    #[arg(
        long,
        value_name = "URL",
        env = "PULLMILL_GITHUB_API",
        default_value = "https://api.github.com"
    )]
    pub github_api: String,
}

/// Which forge.
#[derive(Clone, Debug, Args)]
pub struct ForgeArgs {
    /// Review the branches of a git repository on this machine: local:DIR.
    #[arg(long, value_name = "FORGE", env = "PULLMILL_FORGE", conflicts_with = "github_app", value_parser = local)]
    forge: Option<PathBuf>,
    /// The number of the GitHub App that reviews. Left out: pull requests are not reviewed.
    #[arg(
        long,
        value_name = "ID",
        env = "PULLMILL_GITHUB_APP",
        requires = "github_key_file"
    )]
    github_app: Option<u64>,
    /// A file with the App's private key.
    #[arg(long, value_name = "FILE", env = "PULLMILL_GITHUB_KEY_FILE")]
    github_key_file: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArgs,
    /// How fast to write.
    #[arg(long, value_enum, value_name = "WHETHER", default_value = "on")]
    github_pacing: Pacing,
    /// Seconds until everybody would see what a request made that seemed lost; only then is it made again.
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = clap::value_parser!(u16).range(0..=3600))]
    github_stale: u16,
    /// Seconds between two looks for webhooks that GitHub could not deliver; 0: never.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = clap::value_parser!(u16).range(0..=43_200))]
    github_reconcile: u16,
    /// A file of rules that say which events start what, asked before the built-in ones.
    #[arg(long, value_name = "FILE", env = "PULLMILL_ROUTES")]
    routes: Option<PathBuf>,
}

impl ForgeArgs {
    /// The operator's own rules.
    pub fn rules(&self) -> Result<Option<Rules>, Failure> {
        let Some(path) = &self.routes else {
            return Ok(None);
        };
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("the rules in {shown} cannot be read: {error}");
            Failure::new(Status::NoInput, message)
        })?;
        let rules = Rules::read(&text, &wire::forge_workflows());
        let rules = rules
            .map_err(|error| Failure::new(Status::Config, format_args!("{shown}: {error}")))?;
        Ok(Some(rules))
    }

    /// Where the forge is and who we are there; `None` if there is none.
    pub fn address(&self) -> Result<Option<ForgeAddress>, Failure> {
        if let Some(folder) = &self.forge {
            return Ok(Some(ForgeAddress::Local(folder.clone())));
        }
        let Some((id, path)) = self.github_app.zip(self.github_key_file.as_ref()) else {
            return Ok(None);
        };
        let shown = path.display();
        let pem = std::fs::read(path).map_err(|error| {
            let message = format!("the key in {shown} cannot be read: {error}");
            Failure::new(Status::NoInput, message)
        })?;
        let key = AppKey::from_pem(&pem)
            .map_err(|error| Failure::new(Status::Config, format_args!("{shown}: {error}")))?;
        Ok(Some(ForgeAddress::GitHub(GitHubAddress {
            app: App {
                id,
                key: Arc::new(key),
                api: self.api.github_api.clone(),
            },
            is_paced: self.github_pacing == Pacing::On,
            stale: Duration::from_secs(self.github_stale.into()),
            reconcile: Duration::from_secs(self.github_reconcile.into()),
        })))
    }
}

fn local(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("local:") {
        Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        _ => Err("a forge is written local:DIR; for GitHub give --github-app".to_owned()),
    }
}
