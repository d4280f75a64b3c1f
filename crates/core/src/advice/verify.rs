//! The coordinator: holds what a model claims against the code it was shown. What does not stand is dropped, what is unsure is lowered.

use std::collections::{BTreeMap, BTreeSet};

use super::{Advice, Claim};
use crate::change::RepoPath;
use crate::escape;
use crate::finding::{Confidence, Finding, Location, Severity, Suggestion, stem};
use crate::markdown::is_showable;
use crate::markdown::neutral::is_command;
use crate::pack::{Pass, PassFile};

/// How rules of models begin.
pub const PREFIX: &str = "model.";
/// Findings of one answer.
const MAX_CLAIMS: usize = 20;
const MAX_TITLE: usize = 240;
const MAX_TEXT: usize = 500;
/// Lines that may take the place of one, and characters of each.
const MAX_REPLACEMENT: usize = 10;
const MAX_LINE: usize = 300;
/// A shorter quotation is found everywhere.
const MIN_QUOTE: usize = 3;

/// The rule of what a repository's own agent finds.
fn own_rule(agent: &str) -> String {
    format!("{PREFIX}custom.{agent}")
}

/// Whether a repository's own agent has found something.
#[must_use]
pub fn is_from_own(rule: &str, agent: &str) -> bool {
    rule.to_lowercase() == own_rule(agent).to_lowercase()
}

/// What stands of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Findings, with stems as fingerprints.
    pub findings: Vec<Finding>,
    /// What was dropped, and why.
    pub dropped: Vec<Dropped>,
    /// What happens in each file.
    pub words: BTreeMap<RepoPath, String>,
    /// Files that were to be read and of which nothing is said.
    pub unconfirmed: BTreeSet<RepoPath>,
}

/// Why a claim was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// It is about a file that the model was not shown.
    NoFile,
    /// What it quotes stands nowhere near.
    NoLine,
    /// It says nothing.
    NoWords,
    /// There are more than one answer may have.
    TooMany,
}

/// Whether a rule is a model's.
#[must_use]
pub fn is_from_model(rule: &str) -> bool {
    rule.starts_with(PREFIX)
}

/// Holds an answer against what it is about. `symbol` says what encloses a line; `agent` names an agent of the configuration.
#[must_use]
pub fn verify(
    advice: &Advice,
    pass: &Pass,
    agent: Option<&str>,
    symbol: &dyn Fn(&RepoPath, u32) -> Option<String>,
) -> Verified {
    let mut verified = Verified::default();
    let files: BTreeMap<&str, &PassFile> = pass
        .files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    for said in &advice.files {
        if let Some(file) = find(&files, &said.path) {
            let what = line_of(&said.what, MAX_TITLE);
            if !what.is_empty() {
                verified.words.insert(file.path.clone(), what);
            }
        }
    }
    let read = pass.files.iter().filter(|file| !file.added.is_empty());
    let silent = read.filter(|file| !verified.words.contains_key(&file.path));
    verified.unconfirmed = silent.map(|file| file.path.clone()).collect();
    for (index, claim) in advice.findings.iter().enumerate() {
        let judged = match index < MAX_CLAIMS {
            true => judge(claim, &files, pass, agent, symbol),
            false => Err(Dropped::TooMany),
        };
        match judged {
            Ok(finding) => verified.findings.push(finding),
            Err(why) => verified.dropped.push(why),
        }
    }
    verified
}

fn find<'a>(files: &BTreeMap<&str, &'a PassFile>, path: &str) -> Option<&'a PassFile> {
    let path = path.trim();
    let bare = ["a/", "b/", "./"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix));
    [Some(path), bare]
        .into_iter()
        .flatten()
        .find_map(|path| files.get(path).copied())
}

fn judge(
    claim: &Claim,
    files: &BTreeMap<&str, &PassFile>,
    pass: &Pass,
    agent: Option<&str>,
    symbol: &dyn Fn(&RepoPath, u32) -> Option<String>,
) -> Result<Finding, Dropped> {
    let file = find(files, &claim.path).ok_or(Dropped::NoFile)?;
    let line = place(file, claim).ok_or(Dropped::NoLine)?;
    let message = line_of(&claim.title, MAX_TITLE);
    if message.is_empty() {
        return Err(Dropped::NoWords);
    }
    let text = file.lines.get(&line).map_or("", String::as_str);
    let mut confidence = claim.confidence;
    // A name that stands nowhere in what was shown is made up.
    if names(&message)
        .iter()
        .any(|name| !pass.files.iter().any(|file| file.text.contains(name)))
    {
        confidence = Confidence::Low;
    }
    // Being sure is what it takes to be loud.
    let most = match confidence {
        Confidence::High => Severity::Critical,
        Confidence::Medium => Severity::High,
        Confidence::Low => Severity::Medium,
    };
    let rule = match agent {
        Some(name) => own_rule(name),
        None => format!("{PREFIX}{}", claim.agent.word()),
    };
    let symbol = symbol(&file.path, line);
    let indent = text.chars().take_while(|one| one.is_whitespace()).count();
    let indent = u32::try_from(indent).unwrap_or(0);
    let width = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    Ok(Finding {
        agent: claim.agent,
        severity: claim.severity.min(most),
        confidence,
        category: claim.agent.word().to_owned(),
        cwe: claim
            .cwe
            .filter(|cwe| (1..=2_000).contains(cwe))
            .into_iter()
            .collect(),
        message,
        why: line_of(&claim.why, MAX_TEXT),
        fix: line_of(&claim.fix, MAX_TEXT),
        location: Location {
            path: file.path.clone(),
            line,
            column: indent.saturating_add(1),
            end_line: line,
            end_column: width.saturating_add(1),
        },
        comment_line: None,
        path: Vec::new(),
        snippet: text.chars().take(MAX_LINE).collect(),
        fingerprint: stem(&rule, symbol.as_deref(), text),
        suggestion: suggestion(claim, file, line, text),
        symbol,
        rule,
    })
}

/// The line that a claim is about: where it says, or the nearest that says what it quotes.
fn place(file: &PassFile, claim: &Claim) -> Option<u32> {
    let quote = claim.quote.trim();
    let first = quote.lines().next().unwrap_or("").trim();
    let says = |text: &String| first.len() >= MIN_QUOTE && text.contains(first);
    if file
        .lines
        .get(&claim.line)
        .is_some_and(|text| says(text) || text.trim() == first && !first.is_empty())
    {
        return Some(claim.line);
    }
    let same = file
        .lines
        .iter()
        .filter(|(_, text)| says(text))
        .map(|(line, _)| *line);
    same.min_by_key(|line| (line.abs_diff(claim.line), *line))
}

/// Names of code in a sentence: what stands in backticks and is one word.
fn names(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let words = quoted.map(|one| one.trim_end_matches("()"));
    words
        .filter(|one| one.len() > 2 && !one.contains(char::is_whitespace))
        .collect()
}

/// What may take the place of the line. Whether the file can still be parsed with it is tried elsewhere.
fn suggestion(claim: &Claim, file: &PassFile, line: u32, text: &str) -> Option<Suggestion> {
    let wanted = claim.replacement.as_deref()?;
    let wanted = wanted.strip_suffix('\n').unwrap_or(wanted);
    let is_fit = file.added.contains(&line)
        && wanted != text
        && wanted.lines().count() <= MAX_REPLACEMENT
        && wanted
            .lines()
            .all(|one| one.chars().count() <= MAX_LINE && !is_command(one))
        && is_showable(wanted);
    is_fit.then(|| Suggestion {
        line,
        text: wanted.to_owned(),
    })
}

/// One line of prose without anything hidden.
#[must_use]
fn line_of(text: &str, room: usize) -> String {
    let text = escape::one_line(text);
    match text.char_indices().nth(room) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileWords;
    use super::*;
    use crate::finding::Agent;

    fn pass() -> Pass {
        let lines = [
            (1, "def f(x):"),
            (2, "    return eval(x)"),
            (7, "    y = eval(z)"),
        ];
        Pass {
            files: vec![PassFile {
                path: RepoPath::from("a.py"),
                text: lines
                    .map(|(line, text)| format!("{line}+{text}"))
                    .join("\n"),
                lines: lines.map(|(line, text)| (line, text.to_owned())).into(),
                added: [1, 2, 7].into(),
            }],
            tokens: 20,
        }
    }

    fn claim() -> Claim {
        Claim {
            agent: Agent::Security,
            severity: Severity::Critical,
            confidence: Confidence::High,
            path: "a.py".to_owned(),
            line: 2,
            quote: "return eval(x)".to_owned(),
            title: "`eval` runs what the caller sends".to_owned(),
            why: "It is code.".to_owned(),
            fix: "Parse it.".to_owned(),
            cwe: Some(95),
            replacement: Some("    return parse(x)".to_owned()),
        }
    }

    fn judged(claim: Claim) -> Verified {
        let advice = Advice {
            findings: vec![claim],
            ..Advice::default()
        };
        verify(&advice, &pass(), None, &|_, _| Some("f".to_owned()))
    }

    #[test]
    fn what_stands_in_the_code_stands() {
        let verified = judged(claim());
        let finding = &verified.findings[0];
        assert_eq!(
            (finding.location.line, finding.severity),
            (2, Severity::Critical)
        );
        assert_eq!(finding.suggestion.as_ref().map(|one| one.line), Some(2));
        assert_eq!(finding.rule, "model.security");
        assert_eq!(
            verified.unconfirmed.len(),
            1,
            "nothing was said of the file"
        );
    }

    #[test]
    fn a_line_number_that_is_wrong_is_mended_by_the_quotation_or_the_claim_goes() {
        let moved = judged(Claim { line: 4, ..claim() });
        assert_eq!(moved.findings[0].location.line, 2);
        let made_up = judged(Claim {
            quote: "exec(x)".to_owned(),
            ..claim()
        });
        assert_eq!(made_up.dropped, [Dropped::NoLine]);
        let short = judged(Claim {
            line: 4,
            quote: "x".to_owned(),
            ..claim()
        });
        assert_eq!(short.dropped, [Dropped::NoLine]);
        let elsewhere = judged(Claim {
            path: "/etc/passwd".to_owned(),
            ..claim()
        });
        assert_eq!(elsewhere.dropped, [Dropped::NoFile]);
        let silent = judged(Claim {
            title: " \n".to_owned(),
            ..claim()
        });
        assert_eq!(silent.dropped, [Dropped::NoWords]);
    }

    #[test]
    fn who_is_unsure_or_names_what_is_not_there_is_not_loud() {
        let unsure = judged(Claim {
            confidence: Confidence::Low,
            ..claim()
        });
        assert_eq!(unsure.findings[0].severity, Severity::Medium);
        let named = judged(Claim {
            title: "`execute_all` is called".to_owned(),
            ..claim()
        });
        assert_eq!(named.findings[0].confidence, Confidence::Low);
        assert_eq!(named.findings[0].severity, Severity::Medium);
    }

    #[test]
    fn replacements_that_hide_command_or_go_on_are_withheld() {
        for text in [
            "/approve",
            "x\u{202e}y",
            &"line\n".repeat(11),
            &"x".repeat(301),
            "    return eval(x)",
        ] {
            let replaced = judged(Claim {
                replacement: Some(text.to_owned()),
                ..claim()
            });
            assert_eq!(replaced.findings[0].suggestion, None, "{text}");
        }
    }

    #[test]
    fn one_answer_has_only_so_many_findings_and_words_confirm_what_was_read() {
        let advice = Advice {
            overview: String::new(),
            files: vec![FileWords {
                path: "b/a.py".to_owned(),
                what: "Adds\n`f`.".to_owned(),
            }],
            findings: vec![claim(); 30],
        };
        let verified = verify(&advice, &pass(), Some("style"), &|_, _| None);
        assert_eq!((verified.findings.len(), verified.dropped.len()), (20, 10));
        assert_eq!(verified.findings[0].rule, "model.custom.style");
        assert_eq!(verified.words[&RepoPath::from("a.py")], "Adds `f`.");
        assert!(verified.unconfirmed.is_empty());
    }
}
