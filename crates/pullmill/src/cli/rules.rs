//! `pullmill rules`: lists the rules, or explains one.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use pullmill_analysis::pack;
use pullmill_analysis::rule::RuleMeta;

use super::failure::{Failure, Status};
use super::output;

/// Which rule.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// A rule's id; left out: all are listed.
    id: Option<String>,
}

/// Lists or explains.
pub fn run(args: &RulesArgs) -> Result<ExitCode, Failure> {
    let rules = pack::catalogue()
        .map_err(|problems| Failure::list(Status::Internal, "the rules are broken:", &problems))?;
    let mut text = String::new();
    let written = match &args.id {
        None => rules.values().try_for_each(|rule| list(&mut text, rule)),
        Some(id) => match rules.get(id) {
            Some(rule) => explain(&mut text, rule),
            None => {
                let message = format!("there is no rule {id}; `pullmill rules` lists all");
                return Err(Failure::new(Status::Usage, message));
            }
        },
    };
    written.map_err(|error| Failure::new(Status::Internal, error))?;
    output::write(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn list(text: &mut String, rule: &RuleMeta) -> std::fmt::Result {
    writeln!(
        text,
        "{:<8}  {:<8}  {:<44}  {}",
        rule.severity.word(),
        rule.agent.word(),
        rule.id,
        rule.message
    )
}

fn explain(text: &mut String, rule: &RuleMeta) -> std::fmt::Result {
    writeln!(text, "{}\n\n{}\n", rule.id, rule.message)?;
    writeln!(text, "Agent:       {}", rule.agent.word())?;
    writeln!(text, "Severity:    {}", rule.severity.word())?;
    writeln!(text, "Confidence:  {}", rule.confidence.word())?;
    writeln!(text, "Category:    {}", rule.category)?;
    if !rule.cwe.is_empty() {
        let ids: Vec<String> = rule.cwe.iter().map(|id| format!("CWE-{id}")).collect();
        writeln!(text, "Weakness:    {}", ids.join(", "))?;
    }
    if let Some(owasp) = &rule.owasp {
        writeln!(text, "OWASP 2021:  {owasp}")?;
    }
    writeln!(text, "\nWhy:  {}\nFix:  {}", rule.why, rule.fix)
}
