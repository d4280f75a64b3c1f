//! The review for terminals: the judgement first, then what changed, what was found, and what was not looked at.

mod frame;
mod model;
mod paper;
#[cfg(test)]
mod tests;

use pullmill_core::change::Status;
use pullmill_core::coverage::Outcome;
use pullmill_core::finding::{Finding, Severity, Step};
use pullmill_core::review::{
    Api, Callers, DependencyChange, NameChange, Review, SubjectKind, Suppressed, SuppressedBy,
    WalkthroughRow,
};
use pullmill_core::risk::Level;
use pullmill_core::verdict::Outlook;

use paper::{Ink, Paper, clip, clip_left, columns};
use pullmill_core::coverage;
use pullmill_core::escape::one_line;

/// How much room there is and whether colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns of the terminal; at least 40 are used.
    pub width: usize,
    /// Whether to write ANSI colours.
    pub is_coloured: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            width: 80,
            is_coloured: false,
        }
    }
}

/// Rows of the walkthrough, files without assessment and set-aside findings that are listed one by one.
const MAX_ROWS: usize = 20;
const MAX_COMPONENTS: usize = 6;
const MAX_REASONS: usize = 5;

/// The review as text that ends in a line end. Nothing from the repository reaches the terminal unescaped.
#[must_use]
pub fn render(review: &Review, style: &TextStyle) -> String {
    let mut paper = Paper::new(style);
    judgement(&mut paper, review);
    risk(&mut paper, review);
    if let Some(model) = &review.model {
        model::overview(&mut paper, model);
    }
    components(&mut paper, review);
    walkthrough(&mut paper, review);
    api(&mut paper, &review.summary.api);
    names(&mut paper, &review.summary.names);
    callers(&mut paper, &review.summary.callers);
    dependencies(&mut paper, &review.summary.dependencies);
    for (index, finding) in review.findings.iter().enumerate() {
        if index == 0 {
            paper.title(&format!("Findings ({})", review.findings.len()));
        }
        paper.blank();
        write_finding(&mut paper, finding);
    }
    suppressed(&mut paper, &review.suppressed);
    not_assessed(&mut paper, review);
    if let Some(model) = &review.model {
        model::account(&mut paper, model);
    }
    notes(&mut paper, &review.notes);
    paper.finish()
}

fn judgement(paper: &mut Paper, review: &Review) {
    let (word, ink) = match review.verdict.outlook {
        Outlook::Pass => ("PASS", Ink::Good),
        Outlook::Fail => ("FAIL", Ink::Bad),
        Outlook::Inconclusive => ("INCONCLUSIVE", Ink::Warning),
    };
    let reasons = &review.verdict.reasons;
    let first = reasons.first().map(String::as_str).unwrap_or_default();
    let lead = paper.ink(ink, word);
    paper.lead(&lead, columns(word), &one_line(first));
    let hang = columns(word) + 2;
    for reason in reasons.iter().skip(1).take(MAX_REASONS - 1) {
        paper.prose(hang, &one_line(reason));
    }
    if reasons.len() > MAX_REASONS {
        paper.prose(
            hang,
            &format!("and {} more reasons", reasons.len() - MAX_REASONS),
        );
    }
    paper.blank();
    paper.prose(0, &one_line(&review.summary.headline));
    let label = one_line(&review.subject.label);
    if !label.is_empty() {
        let text = clip(&format!("Reviewed: {label}"), paper.width());
        let text = paper.ink(Ink::Faint, &text);
        paper.line(&text);
    }
}

fn risk(paper: &mut Paper, review: &Review) {
    const CELLS: u32 = 20;
    let risk = &review.risk;
    let ink = match risk.level {
        Level::Low => Ink::Good,
        Level::Medium => Ink::Warning,
        Level::High | Level::Critical => Ink::Bad,
    };
    let score = risk.score.min(100);
    let full = (score * CELLS).div_ceil(100);
    let bar = paper.ink(ink, &"━".repeat(full as usize));
    let rest = paper.ink(Ink::Faint, &"─".repeat((CELLS - full) as usize));
    let level = paper.ink(ink, risk.level.word());
    let title = paper.ink(Ink::Strong, "Risk");
    paper.blank();
    paper.line(&format!(
        "{title}  {bar}{rest}  {} of 100, {level}",
        risk.score
    ));
    for reason in risk.reasons.iter().take(MAX_REASONS) {
        let sign = if reason.name.starts_with("floor.") {
            "at least "
        } else {
            "+"
        };
        let text = format!("{sign}{}: {}", reason.points, reason.message);
        paper.prose(6, &one_line(&text));
    }
    if risk.reasons.len() > MAX_REASONS {
        paper.prose(
            6,
            &format!("and {} more reasons", risk.reasons.len() - MAX_REASONS),
        );
    }
}

fn components(paper: &mut Paper, review: &Review) {
    let all = &review.summary.components;
    if all.len() < 2 {
        return;
    }
    paper.title("Components");
    let shown: Vec<_> = all.iter().take(MAX_COMPONENTS).collect();
    let room = paper.width().saturating_sub(32);
    let names: Vec<String> = shown
        .iter()
        .map(|one| clip_left(&one_line(&one.name), room))
        .collect();
    let wide = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    for (one, name) in shown.iter().zip(&names) {
        let files = if one.files == 1 {
            "1 file".to_owned()
        } else {
            format!("{} files", one.files)
        };
        let pad = " ".repeat(wide - columns(name));
        let lines = match review.subject.kind {
            SubjectKind::Change => line_counts(paper, one.added_lines, one.removed_lines),
            SubjectKind::Scan => String::new(),
        };
        let name = paper.ink(Ink::Place, name);
        let kinds = paper.ink(Ink::Faint, &one_line(&one.kinds.join(", ")));
        paper.line(format!("  {name}{pad}  {files:>9}  {lines}  {kinds}").trim_end());
    }
    if all.len() > MAX_COMPONENTS {
        paper.prose(2, &format!("and {} more", all.len() - MAX_COMPONENTS));
    }
}

fn line_counts(paper: &Paper, added: u32, removed: u32) -> String {
    let number = |sign: &str, count: u32, ink| {
        let text = if count == 0 {
            String::new()
        } else {
            format!("{sign}{count}")
        };
        format!(
            "{}{}",
            " ".repeat(6_usize.saturating_sub(columns(&text))),
            paper.ink(ink, &text)
        )
    };
    format!(
        "{}{}",
        number("+", added, Ink::Good),
        number("−", removed, Ink::Bad)
    )
}

fn walkthrough(paper: &mut Paper, review: &Review) {
    let rows = &review.summary.walkthrough;
    if rows.is_empty() {
        return;
    }
    paper.title("Files");
    let room = (paper.width() / 2).saturating_sub(4).max(16);
    let names: Vec<String> = rows
        .iter()
        .take(MAX_ROWS)
        .map(|row| clip_left(&one_line(row.path.as_str()), room))
        .collect();
    let wide = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    for (row, name) in rows.iter().zip(&names) {
        write_row(paper, row, name, wide);
    }
    if rows.len() > MAX_ROWS {
        let rest = &rows[MAX_ROWS..];
        let added = rest
            .iter()
            .fold(0_u32, |sum, row| sum.saturating_add(row.added_lines));
        let removed = rest
            .iter()
            .fold(0_u32, |sum, row| sum.saturating_add(row.removed_lines));
        let files = if rest.len() == 1 { "file" } else { "files" };
        paper.prose(
            2,
            &format!("and {} more {files} (+{added} −{removed})", rest.len()),
        );
    }
}

/// What the program depends on.
fn dependencies(paper: &mut Paper, all: &[DependencyChange]) {
    if all.is_empty() {
        return;
    }
    paper.title("Dependencies");
    for one in all.iter().take(MAX_ROWS) {
        let (verb, what) = one.words();
        let text = format!(
            "{verb} {} in {}",
            one_line(&what),
            one_line(one.path.as_str())
        );
        paper.prose(2, &text);
    }
    if all.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", all.len() - MAX_ROWS));
    }
}

/// Who uses what changed.
fn callers(paper: &mut Paper, all: &[Callers]) {
    if all.is_empty() {
        return;
    }
    paper.title("Used by");
    for one in all {
        let (what, files) = one.words();
        let examples: Vec<String> = one
            .examples
            .iter()
            .map(|path| one_line(path.as_str()))
            .collect();
        let text = format!(
            "{} {what}: {files} ({})",
            one_line(&one.name),
            examples.join(", ")
        );
        paper.prose(2, &text);
    }
}

/// What others can name: what may break them first.
fn api(paper: &mut Paper, api: &Api) {
    let removed = api
        .removed
        .iter()
        .map(|one| (Ink::Bad, "−", one_line(&one.signature)));
    let changed = api.changed.iter().map(|one| {
        let text = format!("{} → {}", one_line(&one.before), one_line(&one.after));
        (Ink::Warning, "~", text)
    });
    let added = api
        .added
        .iter()
        .map(|one| (Ink::Good, "+", one_line(&one.signature)));
    let rows: Vec<(Ink, &str, String)> = removed.chain(changed).chain(added).collect();
    if rows.is_empty() {
        return;
    }
    paper.title(&format!("Public names ({})", api.bump.word()));
    for (ink, sign, text) in rows.iter().take(MAX_ROWS) {
        let lead = format!("  {}", paper.ink(*ink, sign));
        paper.lead(&lead, 3, text);
    }
    if rows.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", rows.len() - MAX_ROWS));
    }
}

/// What people call the program by: what may break them first.
fn names(paper: &mut Paper, all: &[NameChange]) {
    if all.is_empty() {
        return;
    }
    paper.title("Flags, variables, routes and keys");
    let rank = |one: &&NameChange| (one.after.is_some(), one.before.is_none());
    let mut rows: Vec<&NameChange> = all.iter().collect();
    rows.sort_by_key(rank);
    for one in rows.iter().take(MAX_ROWS) {
        let (ink, sign) = match (&one.before, &one.after) {
            (Some(_), None) => (Ink::Bad, "−"),
            (Some(_), Some(_)) => (Ink::Warning, "~"),
            (None, _) => (Ink::Good, "+"),
        };
        let names: Vec<String> = [&one.before, &one.after]
            .into_iter()
            .flatten()
            .map(|name| one_line(name))
            .collect();
        let path = one_line(one.path.as_str());
        let text = format!("{} {} in {path}", one.kind.word(), names.join(" → "));
        let lead = format!("  {}", paper.ink(ink, sign));
        paper.lead(&lead, 3, &text);
    }
    if rows.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", rows.len() - MAX_ROWS));
    }
}

fn write_row(paper: &mut Paper, row: &WalkthroughRow, name: &str, wide: usize) {
    let (letter, ink) = match row.status {
        Status::Added => ("A", Ink::Good),
        Status::Modified => ("M", Ink::Warning),
        Status::Deleted => ("D", Ink::Bad),
        Status::Renamed => ("R", Ink::Place),
        Status::Copied => ("C", Ink::Place),
        Status::ModeChanged => ("m", Ink::Warning),
    };
    let pad = " ".repeat(wide - columns(name));
    let lead = format!(
        "  {} {}{pad}{}",
        paper.ink(ink, letter),
        paper.ink(Ink::Place, name),
        line_counts(paper, row.added_lines, row.removed_lines),
    );
    paper.lead(&lead, 4 + wide + 12, &one_line(&row.what));
}

fn severity_ink(severity: Severity) -> Ink {
    match severity {
        Severity::Critical | Severity::High => Ink::Bad,
        Severity::Medium => Ink::Warning,
        Severity::Low | Severity::Info => Ink::Note,
    }
}

fn write_finding(paper: &mut Paper, finding: &Finding) {
    let word = finding.severity.word();
    let lead = paper.ink(severity_ink(finding.severity), word);
    paper.lead_strong(&lead, columns(word), &one_line(&finding.message));
    let mut about = vec![one_line(&finding.rule)];
    about.extend(finding.cwe.iter().map(|cwe| format!("CWE-{cwe}")));
    about.push(format!("{} confidence", finding.confidence.word()));
    if let Some(symbol) = &finding.symbol {
        about.push(format!("in `{}`", one_line(symbol)));
    }
    paper.place(&finding.location);
    frame::write(paper, finding);
    if let Some(line) = finding
        .comment_line
        .filter(|line| !(finding.location.line..=finding.location.end_line).contains(line))
    {
        paper.prose(2, &format!("The change causes this by line {line}."));
    }
    steps(paper, &finding.path);
    for (label, text) in [("Why", &finding.why), ("Fix", &finding.fix)] {
        if !text.is_empty() {
            let lead = format!("  {}", paper.ink(Ink::Strong, label));
            paper.lead(&lead, 5, &one_line(text));
        }
    }
    if let Some(suggestion) = &finding.suggestion {
        let lead = format!("  {}", paper.ink(Ink::Strong, "Try"));
        let text = one_line(suggestion.text.trim());
        paper.lead(&lead, 5, &format!("line {}: {text}", suggestion.line));
    }
    paper.faint(2, &about.join(" · "));
}

fn steps(paper: &mut Paper, path: &[Step]) {
    if path.is_empty() {
        return;
    }
    let places: Vec<String> = path
        .iter()
        .map(|step| {
            let text = format!("{}:{}", step.location.path, step.location.line);
            clip_left(&one_line(&text), paper.width() / 2)
        })
        .collect();
    let wide = places.iter().map(|place| columns(place)).max().unwrap_or(0);
    let digits = path.len().to_string().len();
    for (index, (step, place)) in path.iter().zip(&places).enumerate() {
        let label = if index == 0 { "Path" } else { "    " };
        let number = paper.ink(Ink::Note, &format!("{:>digits$}", index + 1));
        let lead = format!(
            "  {} {number} {}{}",
            paper.ink(Ink::Strong, label),
            paper.ink(Ink::Place, place),
            " ".repeat(wide - columns(place)),
        );
        paper.lead(&lead, 8 + digits + wide, &one_line(&step.message));
    }
}

fn suppressed(paper: &mut Paper, all: &[Suppressed]) {
    if all.is_empty() {
        return;
    }
    paper.title(&format!("Set aside ({})", all.len()));
    for one in all.iter().take(MAX_ROWS) {
        let by = match one.by {
            SuppressedBy::Comment => "comment",
            SuppressedBy::Baseline => "baseline",
        };
        paper.place(&one.location);
        let reason = one_line(&one.reason);
        paper.prose(4, &format!("{}, by {by}: {reason}", one_line(&one.rule)));
    }
    if all.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", all.len() - MAX_ROWS));
    }
}

fn not_assessed(paper: &mut Paper, review: &Review) {
    paper.title("Coverage");
    paper.prose(2, &coverage::words(&review.coverage));
    let mut listed: Vec<_> = review
        .coverage
        .iter()
        .filter_map(|file| match &file.outcome {
            Outcome::Skipped { reason, detail } => {
                Some((reason.is_neutral(), file, reason, detail))
            }
            Outcome::Assessed { .. } => None,
        })
        .collect();
    listed.sort_by_key(|(is_neutral, file, ..)| (*is_neutral, &file.path));
    let room = (paper.width() / 2).max(20);
    let names: Vec<String> = listed
        .iter()
        .take(MAX_ROWS)
        .map(|(_, file, ..)| clip_left(&one_line(file.path.as_str()), room))
        .collect();
    let wide = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    for ((is_neutral, _, reason, detail), name) in listed.iter().zip(&names) {
        let sign = if *is_neutral {
            paper.ink(Ink::Faint, "·")
        } else {
            paper.ink(Ink::Warning, "!")
        };
        let lead = format!(
            "  {sign} {}{}",
            paper.ink(Ink::Place, name),
            " ".repeat(wide - columns(name))
        );
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!(": {detail}")
        };
        paper.lead(
            &lead,
            4 + wide,
            &one_line(&format!("{}{detail}", reason.words())),
        );
    }
    if listed.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", listed.len() - MAX_ROWS));
    }
}

fn notes(paper: &mut Paper, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    paper.title("Notes");
    for note in notes.iter().take(MAX_ROWS) {
        paper.lead("  ·", 3, &one_line(note));
    }
    if notes.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", notes.len() - MAX_ROWS));
    }
}
