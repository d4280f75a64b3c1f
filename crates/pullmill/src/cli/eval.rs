//! `pullmill eval`: reads labelled corpora, has them reviewed and prints how good the review is.

mod corpora;
mod folder;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::eval::score::{self, By, Tally};
use crate::eval::table::{self, Show};
use crate::eval::{self, ReviewChanges, Unlabelled};

/// Measures the reviewer against labelled corpora.
#[derive(Clone, Debug, Args)]
pub struct EvalArgs {
    /// Case files, or folders of them; for other formats, folders of source files
    #[arg(value_name = "PATH", default_value = "eval")]
    pub paths: Vec<PathBuf>,
    /// How the corpus is labelled
    #[arg(long, value_enum, default_value = "case")]
    pub format: Format,
    /// The labels: CSV table, SARIF file, or weaknesses of foreign rule ids [default: what PATH holds of them]
    #[arg(long, value_name = "FILE")]
    pub expected: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print these tables [default: language and cwe]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub by: Vec<By>,
    /// List what was missed, what was reported and must not be, or both
    #[arg(long, value_enum)]
    pub show: Option<Show>,
    /// SARIF: a finding this many lines away still meets a result
    #[arg(long, value_name = "LINES", default_value_t = 2)]
    pub tolerance: u32,
    /// What a finding is that touches no label [default: by format, see docs/eval.md]
    #[arg(long, value_enum)]
    pub unlabelled: Option<Unlabelled>,
    /// Fail below this precision, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_precision: Option<f64>,
    /// Fail below this recall, 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_recall: Option<f64>,
}

/// How a corpus is labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Our own: one `.case` file per change
    Case,
    /// A table of expected results, one test per file
    Csv,
    /// Comments `ruleid:` and `ok:` in the source
    Annotated,
    /// A SARIF file with the true results
    Sarif,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("allowed is a number from 0 to 1, such as 0.9".to_owned()),
    }
}

/// Runs the command; the result goes to `out`, notes to standard error.
///
/// Returns whether precision and recall are high enough.
///
/// # Errors
/// Fails if a corpus cannot be read, the reviewer fails, or `out` does.
pub fn run(
    args: &EvalArgs,
    review: &mut ReviewChanges<'_>,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let corpora = corpora::load(args)?;
    let evaluation = eval::evaluate(corpora, review)?;
    for note in &evaluation.notes {
        anstream::eprintln!("note: {note}");
    }
    let text = if args.json {
        let mut text = serde_json::to_string_pretty(&table::report(&evaluation))?;
        text.push('\n');
        text
    } else {
        let by: &[By] = if args.by.is_empty() {
            &[By::Language, By::Cwe]
        } else {
            &args.by
        };
        let mut text = String::new();
        table::print(&mut text, &evaluation, by, args.show)?;
        text
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot print the result")?;
    Ok(is_good_enough(args, &score::total(&evaluation.judgements)))
}

/// A rate without meaning, such as the precision of no reports, breaks no promise.
fn is_good_enough(args: &EvalArgs, total: &Tally) -> bool {
    let mut is_good = true;
    let rates = [
        ("precision", total.precision(), args.min_precision),
        ("recall", total.recall(), args.min_recall),
    ];
    for (name, rate, least) in rates {
        if let (Some(rate), Some(least)) = (rate, least)
            && rate < least
        {
            anstream::eprintln!("{name} {rate:.3} is below {least:.3}");
            is_good = false;
        }
    }
    is_good
}

#[cfg(test)]
mod tests;
