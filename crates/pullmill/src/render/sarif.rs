//! The review as SARIF 2.1.0, as GitHub code scanning reads it.
//!
//! Findings keep their own place; the changed line they are commented on is a related location. What was not assessed
//! is a notification, and makes the run unsuccessful unless it is neutral.

mod log;
#[cfg(test)]
pub(in crate::render) mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pullmill_core::coverage::{FileCoverage, Outcome};
use pullmill_core::finding::{Agent, Finding, Location, Severity, Step};
use pullmill_core::review::{Review, Suppressed, SuppressedBy};

use log::{
    ArtifactLocation, Automation, CodeFlow, Configuration, Driver, FilePlace, Invocation, Log,
    Notification, Physical, Place, Region, ReportingReference, Result as Found, Root, Rule,
    RuleProperties, Run, RunProperties, Suppression, Text, ThreadFlow, ThreadFlowLocation, Tool,
    VersionControl,
};
use pullmill_core::escape;

const ROOT: &str = "%SRCROOT%";
/// GitHub reads no more tags of a rule.
const MAX_TAGS: usize = 20;

/// Where the reviewed commits can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The repository's URL; without it the commits are named as properties of the run only.
    pub repository_uri: Option<String>,
}

/// The review as pretty SARIF with a line end behind it.
///
/// # Errors
/// If the value cannot be written as JSON, which its types rule out.
pub fn render(review: &Review, origin: &Origin) -> Result<String, serde_json::Error> {
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: vec![run(review, origin)],
    };
    let text = serde_json::to_string_pretty(&log)?;
    Ok(escape::json(&text) + "\n")
}

fn run(review: &Review, origin: &Origin) -> Run {
    let rules = rules(review);
    let index: BTreeMap<&str, usize> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| (rule.id.as_str(), index))
        .collect();
    let place_of = |rule: &str| index.get(rule).copied().unwrap_or(0);
    let open = review
        .findings
        .iter()
        .map(|finding| result(finding, place_of(&finding.rule)));
    let aside = review
        .suppressed
        .iter()
        .map(|one| suppressed(one, place_of(&one.rule)));
    let results = open.chain(aside).collect();
    Run {
        results,
        tool: Tool {
            driver: Driver {
                name: "Pullmill",
                version: env!("CARGO_PKG_VERSION"),
                semantic_version: env!("CARGO_PKG_VERSION"),
                rules,
            },
        },
        automation_details: Automation { id: "pullmill/" },
        original_uri_base_ids: BTreeMap::from([(
            ROOT,
            Root {
                description: Text::of("The root of the reviewed repository"),
            },
        )]),
        column_kind: "unicodeCodePoints",
        invocations: vec![invocation(review)],
        version_control_provenance: provenance(review, origin),
        properties: RunProperties {
            label: review.subject.label.clone(),
            base: review.subject.base.clone(),
            head: review.subject.head.clone(),
            verdict: review.verdict.outlook.word(),
            risk: review.risk.score,
        },
    }
}

fn provenance(review: &Review, origin: &Origin) -> Vec<VersionControl> {
    match (&origin.repository_uri, &review.subject.head) {
        (Some(uri), Some(head)) => vec![VersionControl {
            repository_uri: uri.clone(),
            revision_id: head.clone(),
            mapped_to: ArtifactLocation {
                uri: None,
                uri_base_id: ROOT,
            },
        }],
        _ => Vec::new(),
    }
}

/// One rule per id, told by its worst finding; rules that only have suppressed findings are known by name alone.
fn rules(review: &Review) -> Vec<Rule> {
    let mut by_id: BTreeMap<&str, Option<&Finding>> = BTreeMap::new();
    for one in &review.suppressed {
        by_id.entry(&one.rule).or_insert(None);
    }
    for finding in &review.findings {
        let worst = by_id.entry(&finding.rule).or_insert(None);
        if worst.is_none_or(|known| known.severity < finding.severity) {
            *worst = Some(finding);
        }
    }
    by_id
        .into_iter()
        .map(|(id, worst)| match worst {
            Some(finding) => rule(finding),
            None => bare_rule(id),
        })
        .collect()
}

fn bare_rule(id: &str) -> Rule {
    let title = title(id);
    Rule {
        id: id.to_owned(),
        name: id.to_owned(),
        short_description: Text::of(&title),
        full_description: Text::of(&title),
        help: Text::of(&title),
        default_configuration: Configuration { level: "note" },
        properties: RuleProperties::default(),
    }
}

fn rule(finding: &Finding) -> Rule {
    let title = title(&finding.rule);
    let text = format!("{}\n\n{}", finding.why, finding.fix);
    let markdown = format!(
        "**Why it matters.** {}\n\n**How to mend it.** {}",
        finding.why, finding.fix
    );
    let is_security = finding.agent == Agent::Security;
    Rule {
        id: finding.rule.clone(),
        name: finding.rule.clone(),
        short_description: Text::of(&title),
        full_description: Text::of(if finding.why.is_empty() {
            &title
        } else {
            &finding.why
        }),
        help: Text {
            text,
            markdown: Some(markdown),
        },
        default_configuration: Configuration {
            level: level(finding.severity),
        },
        properties: RuleProperties {
            tags: tags(finding),
            precision: Some(finding.confidence.word()),
            security_severity: is_security.then(|| security_severity(finding.severity)),
            problem_severity: (!is_security).then(|| problem_severity(finding.severity)),
        },
    }
}

/// `python.sql-injection` in words: "Sql injection (python)".
fn title(id: &str) -> String {
    let (scope, name) = id.split_once('.').unwrap_or(("", id));
    let words = name.replace(['-', '_', '.'], " ");
    let mut letters = words.chars();
    let mut title: String = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default();
    if !scope.is_empty() {
        let _ = write!(title, " ({scope})");
    }
    title
}

fn tags(finding: &Finding) -> Vec<String> {
    let agent = match finding.agent {
        Agent::Security => "security",
        Agent::Bugs => "correctness",
        Agent::Architecture => "maintainability",
        Agent::Tests => "tests",
        Agent::Docs => "documentation",
    };
    let weaknesses = finding
        .cwe
        .iter()
        .map(|cwe| format!("external/cwe/cwe-{cwe:03}"));
    let mut tags = vec![agent.to_owned()];
    if !finding.category.is_empty() && finding.category != agent {
        tags.push(finding.category.clone());
    }
    for tag in weaknesses {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.truncate(MAX_TAGS);
    tags
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The middle of GitHub's bands: above 9.0 critical, from 7.0 high, from 4.0 medium, below low.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.5",
    }
}

fn problem_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "recommendation",
    }
}

fn result(finding: &Finding, rule_index: usize) -> Found {
    let own = &finding.location;
    let elsewhere = finding
        .comment_line
        .filter(|line| !(own.line..=own.end_line.max(own.line)).contains(line));
    let related = elsewhere.map(|line| Place {
        message: Some(Text::of("The changed line that leads here")),
        ..at_line(own, line)
    });
    let mut place = place(own);
    if !finding.snippet.is_empty() {
        place.physical_location.region.snippet = Some(Text::of(&finding.snippet));
    }
    Found {
        rule_id: finding.rule.clone(),
        rule_index,
        level: level(finding.severity),
        message: Text::of(&finding.message),
        locations: vec![place],
        related_locations: related.into_iter().collect(),
        partial_fingerprints: fingerprints(&finding.fingerprint),
        code_flows: flow(&finding.path).into_iter().collect(),
        suppressions: Vec::new(),
    }
}

fn suppressed(one: &Suppressed, rule_index: usize) -> Found {
    Found {
        rule_id: one.rule.clone(),
        rule_index,
        level: "note",
        message: Text::of(&format!("Set aside: {}", one.reason)),
        locations: vec![place(&one.location)],
        related_locations: Vec::new(),
        partial_fingerprints: fingerprints(&one.fingerprint),
        code_flows: Vec::new(),
        suppressions: vec![Suppression {
            kind: match one.by {
                SuppressedBy::Comment => "inSource",
                SuppressedBy::Baseline => "external",
            },
            justification: one.reason.clone(),
        }],
    }
}

/// Ours, and the one that GitHub recognises alerts by: it has the form `hash:ordinal`, counted from 1.
fn fingerprints(fingerprint: &str) -> BTreeMap<&'static str, String> {
    let mut known = BTreeMap::from([("pullmillFingerprint/v1", fingerprint.to_owned())]);
    if let Some((stem, Ok(ordinal))) = fingerprint
        .rsplit_once('-')
        .map(|(stem, ordinal)| (stem, ordinal.parse::<u64>()))
    {
        let line_hash = format!("{stem}:{}", ordinal.saturating_add(1));
        known.insert("primaryLocationLineHash", line_hash);
    }
    known
}

fn flow(path: &[Step]) -> Option<CodeFlow> {
    if path.is_empty() {
        return None;
    }
    let locations = path
        .iter()
        .map(|step| ThreadFlowLocation {
            location: Place {
                message: Some(Text::of(&step.message)),
                ..place(&step.location)
            },
        })
        .collect();
    Some(CodeFlow {
        thread_flows: vec![ThreadFlow { locations }],
    })
}

fn place(location: &Location) -> Place {
    Place {
        physical_location: Physical {
            artifact_location: artifact(location.path.as_str()),
            region: region(location),
        },
        message: None,
    }
}

fn at_line(own: &Location, line: u32) -> Place {
    Place {
        physical_location: Physical {
            artifact_location: artifact(own.path.as_str()),
            region: Region {
                start_line: line.max(1),
                ..Region::default()
            },
        },
        message: None,
    }
}

/// SARIF counts from 1 and wants no end before its start.
fn region(location: &Location) -> Region {
    let start_line = location.line.max(1);
    let end_line = location.end_line.max(start_line);
    let start_column = location.column.max(1);
    let end_column = match end_line == start_line {
        true => location.end_column.max(start_column),
        false => location.end_column.max(1),
    };
    Region {
        start_line,
        start_column: Some(start_column),
        end_line: Some(end_line),
        end_column: Some(end_column),
        snippet: None,
    }
}

fn artifact(path: &str) -> ArtifactLocation {
    ArtifactLocation {
        uri: Some(percent_encoded(path)),
        uri_base_id: ROOT,
    }
}

/// A relative reference by RFC 3986; a colon is encoded too, or it would end a scheme.
fn percent_encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

fn invocation(review: &Review) -> Invocation {
    let is_complete = review.agents.iter().all(|agent| agent.is_complete);
    let skipped = review.coverage.iter().filter_map(notification);
    let notes = review.notes.iter().map(|note| Notification {
        level: "note",
        message: Text::of(note),
        locations: Vec::new(),
        descriptor: None,
    });
    Invocation {
        execution_successful: is_complete,
        tool_execution_notifications: skipped.chain(notes).collect(),
    }
}

fn notification(file: &FileCoverage) -> Option<Notification> {
    let Outcome::Skipped { reason, detail } = &file.outcome else {
        return None;
    };
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    };
    Some(Notification {
        level: if reason.is_neutral() {
            "note"
        } else {
            "warning"
        },
        message: Text::of(&format!(
            "{} was not assessed ({}{detail})",
            file.path,
            reason.words()
        )),
        locations: vec![FilePlace {
            physical_location: log::File {
                artifact_location: artifact(file.path.as_str()),
            },
        }],
        descriptor: Some(ReportingReference {
            id: format!("skipped/{}", reason.words().replace(' ', "-")),
        }),
    })
}
