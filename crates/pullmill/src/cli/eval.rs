//! `pullmill eval`: reads labelled corpora, has them reviewed and prints how good the review is.

mod corpora;
mod folder;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::consult::ModelArgs;
use crate::eval::score::{self, By, Tally};
use crate::eval::table::{self, Show};
use crate::eval::{self, Evaluation, ReviewChanges, Unlabelled};

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
    #[command(flatten)]
    pub models: ModelArgs,
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

/// Runs the command; the result goes to `out`, notes to standard error. With a model, the same corpora are reviewed once more.
///
/// Returns whether precision and recall are high enough, with the model if there is one.
///
/// # Errors
/// Fails if a corpus cannot be read, a reviewer fails, or `out` does.
pub fn run(
    args: &EvalArgs,
    review: &mut ReviewChanges<'_>,
    with_model: Option<&mut ReviewChanges<'_>>,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let without = eval::evaluate(corpora::load(args)?, review)?;
    let with = match with_model {
        Some(review) => Some(eval::evaluate(corpora::load(args)?, review)?),
        None => None,
    };
    for note in &without.notes {
        anstream::eprintln!("note: {note}");
    }
    let text = match (&with, args.json) {
        (None, true) => serde_json::to_string_pretty(&table::report(&without))? + "\n",
        (None, false) => tables(args, &without)?,
        (Some(with), true) => {
            let both = serde_json::json!({
                "without_model": table::report(&without), "with_model": table::report(with),
            });
            serde_json::to_string_pretty(&both)? + "\n"
        }
        (Some(with), false) => {
            let (without, with) = (tables(args, &without)?, tables(args, with)?);
            format!("Without a model\n\n{without}\nWith a model\n\n{with}")
        }
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot print the result")?;
    let last = with.unwrap_or(without);
    Ok(is_good_enough(args, &score::total(&last.judgements)))
}

fn tables(args: &EvalArgs, evaluation: &Evaluation) -> anyhow::Result<String> {
    let by: &[By] = if args.by.is_empty() {
        &[By::Language, By::Cwe]
    } else {
        &args.by
    };
    let mut text = String::new();
    table::print(&mut text, evaluation, by, args.show)?;
    Ok(text)
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
