//! How a review is printed, and which exit status it has.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use pullmill_core::finding::Severity;
use pullmill_core::review::Review;
use pullmill_core::verdict::Outlook;

use super::failure::{Failure, Status};
use crate::render;
use crate::session::settings::Overrides;
use crate::terminal::{Color, Terminal};

/// Flags of every command that prints a review.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// What the report is for.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    /// Configuration to use instead of the repository's.
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Least severity that fails, instead of the configured one.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<SeverityWord>,
    /// Report what the baseline sets aside, too.
    #[arg(long)]
    no_baseline: bool,
}

/// What a report is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people at a terminal.
    Text,
    /// For programs; see schema/review.schema.json.
    Json,
    /// For pull requests.
    Markdown,
    /// For code scanning; SARIF 2.1.0.
    Sarif,
    /// For GitHub Actions: commands that become annotations.
    Github,
    /// For reviewdog.
    Rdjson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SeverityWord {
    Critical,
    High,
    Medium,
    Low,
    Info,
}

impl From<SeverityWord> for Severity {
    fn from(word: SeverityWord) -> Self {
        match word {
            SeverityWord::Critical => Self::Critical,
            SeverityWord::High => Self::High,
            SeverityWord::Medium => Self::Medium,
            SeverityWord::Low => Self::Low,
            SeverityWord::Info => Self::Info,
        }
    }
}

impl OutputArgs {
    /// What the command line says instead of the repository.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            fail_on: self.fail_on.map(Into::into),
            ignores_baseline: self.no_baseline,
        }
    }

    /// What the terminal can show.
    #[must_use]
    pub fn terminal(&self) -> Terminal {
        Terminal::look(self.color)
    }

    /// Prints the review; its verdict is the exit status.
    pub fn print(&self, review: &Review, terminal: &Terminal) -> Result<ExitCode, Failure> {
        let text = self.rendered(review, terminal).map_err(|error| {
            Failure::new(
                Status::Io,
                format_args!("the report could not be written: {error}"),
            )
        })?;
        write(&text)?;
        Ok(match review.verdict.outlook {
            Outlook::Pass => ExitCode::SUCCESS,
            Outlook::Fail => ExitCode::from(1),
            Outlook::Inconclusive => ExitCode::from(2),
        })
    }

    fn rendered(&self, review: &Review, terminal: &Terminal) -> Result<String, serde_json::Error> {
        let style = render::text::TextStyle {
            width: terminal.width,
            is_coloured: terminal.is_colored,
        };
        match self.format {
            Format::Text => Ok(render::text::render(review, &style)),
            Format::Json => render::json::render(review),
            Format::Markdown => Ok(pullmill_core::markdown::render(review)),
            Format::Github => Ok(render::github::render(review)),
            Format::Rdjson => render::rdjson::render(review),
            Format::Sarif => render::sarif::render(review, &render::sarif::Origin::default()),
        }
    }
}

/// Writes to standard output. A reader that went away has read what it wanted.
pub fn write(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.write_all(end.as_bytes()))
        .and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            Status::Io,
            format_args!("the report could not be written: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Whether an error is a reader that went away.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}
