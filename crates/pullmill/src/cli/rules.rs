//! `pullmill rules`: lists the rules, or explains one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use pullmill_analysis::pack;
use pullmill_analysis::rule::RuleMeta;
use pullmill_core::rule_text::{self, RuleText};

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
    let wide = rule_text::ALL
        .iter()
        .map(|rule| (rule.id.to_owned(), wide(rule)));
    let rules: BTreeMap<String, RuleMeta> = rules.into_iter().chain(wide).collect();
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

/// A rule that looks at a whole change, in the form of the others.
fn wide(rule: &RuleText) -> RuleMeta {
    RuleMeta {
        id: rule.id.to_owned(),
        agent: rule.agent,
        severity: rule.severity,
        confidence: rule.confidence,
        category: rule.category.to_owned(),
        cwe: Vec::new(),
        owasp: None,
        message: rule.message.to_owned(),
        why: rule.why.to_owned(),
        fix: rule.fix.to_owned(),
        suggest: Vec::new(),
    }
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
