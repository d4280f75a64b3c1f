//! Tries what models suggest: the file with the new line is analysed beside the file as it is, and must be no worse (GH6, T22).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::advice::is_from_model;
use crate::assemble::Assessed;
use crate::change::Side;
use crate::coverage::Outcome;
use crate::finding::{Finding, Suggestion};
use crate::job::{Job, JobReport, SideReport};

/// What is to be analysed, and for which finding.
#[must_use]
pub fn jobs(assessed: &Assessed, findings: &[Finding]) -> Vec<(usize, Job)> {
    let numbered = findings.iter().enumerate();
    let tried = numbered.filter(|(_, finding)| is_from_model(&finding.rule));
    tried
        .filter_map(|(index, finding)| Some((index, job(assessed, finding)?)))
        .collect()
}

fn job(assessed: &Assessed, finding: &Finding) -> Option<Job> {
    let suggestion = finding.suggestion.as_ref()?;
    let path = &finding.location.path;
    // Where a mistake costs most, nothing is offered that is one click from being taken.
    let floors = &assessed.settings.policy.risk.floors;
    if floors.iter().any(|floor| floor.paths.matches(path)) {
        return None;
    }
    let file = assessed
        .change
        .files
        .iter()
        .find(|file| file.path == *path)?;
    let Side::Text(text) = &file.head else {
        return None;
    };
    let head = replaced(text, suggestion)?;
    Some(Job {
        path: path.clone(),
        old_path: None,
        base: Some(Arc::clone(text)),
        head: Some(Arc::from(head)),
        search_base: true,
    })
}

/// The text with one line replaced; its end stays.
fn replaced(text: &[u8], suggestion: &Suggestion) -> Option<Vec<u8>> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let index = usize::try_from(suggestion.line).ok()?.checked_sub(1)?;
    let old = *lines.get(index)?;
    let end: &[u8] = match old {
        old if old.ends_with(b"\r\n") => b"\r\n",
        old if old.ends_with(b"\n") => b"\n",
        _ => b"",
    };
    let new = [suggestion.text.as_bytes(), end].concat();
    lines[index] = &new;
    Some(lines.concat())
}

/// Takes suggestions away that were not tried or did not stand the trial. `None` is a file whose analysis was stopped.
pub fn settle(findings: &mut [Finding], tried: &[(usize, Option<JobReport>)]) {
    let good: Vec<usize> = tried
        .iter()
        .filter(|(_, report)| report.as_ref().is_some_and(stands))
        .map(|(index, _)| *index)
        .collect();
    for (index, finding) in findings.iter_mut().enumerate() {
        if is_from_model(&finding.rule) && !good.contains(&index) {
            finding.suggestion = None;
        }
    }
}

/// Whether the new text can be read and nothing is found in it that was not there before.
fn stands(report: &JobReport) -> bool {
    let (Some(base), Some(head)) = (&report.base, &report.head) else {
        return false;
    };
    let is_read = |side: &SideReport| matches!(side.outcome, Outcome::Assessed { .. });
    let mut before: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &base.findings {
        *before.entry(&finding.fingerprint).or_default() += 1;
    }
    let is_known = |finding: &Finding| match before.get_mut(finding.fingerprint.as_str()) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    is_read(base)
        && is_read(head)
        && head.syntax_errors <= base.syntax_errors
        && head.findings.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_replaced_and_its_end_stays() {
        let with = |text: &str, line: u32, new: &str| {
            let suggestion = Suggestion {
                line,
                text: new.to_owned(),
            };
            replaced(text.as_bytes(), &suggestion).map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(with("a\r\nb\r\n", 1, "x").as_deref(), Some("x\r\nb\r\n"));
        assert_eq!(with("a\nb", 2, "x\ny").as_deref(), Some("a\nx\ny"));
        assert_eq!(with("a\n", 2, "x"), None);
        assert_eq!(with("a\n", 0, "x"), None);
    }
}
