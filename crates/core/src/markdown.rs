//! The review as Markdown for a pull request. Untrusted text cannot mention, link, embed or break out of its place (T20, T21).

mod consulted;
pub mod neutral;
pub mod rebuild;

use crate::advice::is_from_model;
use crate::change::Status;
use crate::coverage::{self, Outcome};
use crate::finding::{Finding, Severity};
use crate::review::{
    Api, Callers, DependencyChange, NameChange, Review, Suppressed, SuppressedBy, WalkthroughRow,
};
use crate::verdict::Outlook;
use neutral::{block, code, prose};

/// A walkthrough of more rows is folded away.
const OPEN_ROWS: usize = 8;
const MAX_ROWS: usize = 100;
const MAX_REASONS: usize = 5;
/// GitHub takes 65,536 characters per comment; findings stop here and leave room for what follows.
const FINDINGS_UNTIL: usize = 45_000;
const LISTS_UNTIL: usize = 58_000;
const BODY: usize = 64_000;

/// The review as GitHub-flavoured Markdown, short enough for one comment.
#[must_use]
pub fn render(review: &Review) -> String {
    let mut page = Page::default();
    judgement(&mut page, review);
    if let Some(model) = &review.model {
        consulted::overview(&mut page, model);
    }
    findings(&mut page, &review.findings);
    walkthrough(&mut page, review);
    if let Some(model) = &review.model {
        consulted::files(&mut page, model);
    }
    api(&mut page, &review.summary.api);
    names(&mut page, &review.summary.names);
    callers(&mut page, &review.summary.callers);
    dependencies(&mut page, &review.summary.dependencies);
    suppressed(&mut page, &review.suppressed);
    covered(&mut page, review);
    if let Some(model) = &review.model {
        consulted::account(&mut page, model);
    }
    for note in review.notes.iter().take(MAX_REASONS) {
        page.paragraph(&format!("Note: {}", prose(note)));
    }
    page.out.truncate(page.out.trim_end().len());
    page.out + "\n"
}

/// What changed, to stand in a pull request's description.
#[must_use]
pub fn description(review: &Review, head: &str) -> String {
    let mut page = Page::default();
    page.paragraph("### What changes");
    page.paragraph(&prose(&review.summary.headline));
    if let Some(model) = &review.model {
        consulted::overview(&mut page, model);
    }
    walkthrough(&mut page, review);
    api(&mut page, &review.summary.api);
    names(&mut page, &review.summary.names);
    dependencies(&mut page, &review.summary.dependencies);
    page.paragraph(&format!("As of {}.", code(head.get(..7).unwrap_or(head))));
    page.out.truncate(page.out.trim_end().len());
    clipped(page.out)
}

/// A comment about one finding, to stand at its line.
#[must_use]
pub fn comment(finding: &Finding) -> String {
    let mut page = Page::default();
    page.paragraph(&format!(
        "**{}:** {}",
        capitalised(finding.severity.word()),
        prose(&finding.message)
    ));
    for (label, text) in [
        ("Why it matters", &finding.why),
        ("How to fix it", &finding.fix),
    ] {
        if !text.is_empty() {
            page.paragraph(&format!("**{label}.** {}", prose(text)));
        }
    }
    path(&mut page, finding);
    let mut about = vec![code(&finding.rule)];
    about.extend(finding.cwe.iter().map(|cwe| format!("CWE-{cwe}")));
    about.push(format!("{} confidence", finding.confidence.word()));
    page.paragraph(&about.join(" · "));
    if is_from_model(&finding.rule) && finding.suggestion.is_some() {
        page.paragraph("A model suggests this: the file can still be parsed with it and no rule objects. Nobody has tried it.");
    }
    page.out.truncate(page.out.trim_end().len());
    page.out
}

/// A block whose text takes the place of the line it is said at, with a click. A longer fence than any in the text cannot
/// be closed by it.
#[must_use]
pub fn suggestion(text: &str) -> String {
    let fence = fence(&[text]);
    format!("{fence}suggestion\n{text}\n{fence}")
}

/// A fence that none of these texts can close.
pub(crate) fn fence(texts: &[&str]) -> String {
    let runs = texts
        .iter()
        .flat_map(|text| text.split(|character| character != '`').map(str::len));
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

/// Whether a line looks like what it is: nothing in it is invisible or turns around what is shown.
pub(crate) fn is_showable(line: &str) -> bool {
    crate::escape::visible_lines(line) == line
}

fn capitalised(word: &str) -> String {
    let mut rest = word.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// Cut so that a forge takes it, with room for a marker.
#[must_use]
pub fn clipped(mut body: String) -> String {
    if body.len() > BODY {
        let end = body.floor_char_boundary(BODY);
        body.truncate(end);
        body.push_str("\n\n…");
    }
    body
}

#[derive(Default)]
struct Page {
    out: String,
}

impl Page {
    fn paragraph(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push_str("\n\n");
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A folded part with a summary line.
    fn fold(&mut self, summary: &str, body: impl FnOnce(&mut Self)) {
        self.paragraph(&format!("<details><summary>{summary}</summary>"));
        body(self);
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
        self.paragraph("</details>");
    }

    /// One bullet each while there is room, then a count.
    fn bullets(&mut self, items: Vec<String>) {
        let total = items.len();
        for (index, item) in items.into_iter().enumerate() {
            if index >= MAX_ROWS || self.out.len() + item.len() > LISTS_UNTIL {
                self.line(&format!("- and {} more", total - index));
                break;
            }
            self.line(&format!("- {item}"));
        }
        self.out.push('\n');
    }
}

fn judgement(page: &mut Page, review: &Review) {
    let (sign, word) = match review.verdict.outlook {
        Outlook::Pass => ("✅", "Pass"),
        Outlook::Fail => ("❌", "Fail"),
        Outlook::Inconclusive => ("🟡", "Inconclusive"),
    };
    let reasons = &review.verdict.reasons;
    let first = reasons.first().map(String::as_str).unwrap_or_default();
    page.paragraph(&format!("## {sign} {word}: {}", prose(first)));
    page.paragraph(&prose(&review.summary.headline));
    if reasons.len() > 1 {
        let mut rest: Vec<String> = reasons[1..]
            .iter()
            .take(MAX_REASONS - 1)
            .map(|reason| prose(reason))
            .collect();
        if reasons.len() > MAX_REASONS {
            rest.push(format!("and {} more reasons", reasons.len() - MAX_REASONS));
        }
        page.bullets(rest);
    }
    let risk = &review.risk;
    let mut reasons: Vec<String> = risk
        .reasons
        .iter()
        .take(MAX_REASONS)
        .map(|reason| {
            let sign = if reason.name.starts_with("floor.") {
                "at least "
            } else {
                "+"
            };
            format!("{} ({sign}{})", prose(&reason.message), reason.points)
        })
        .collect();
    if risk.reasons.len() > MAX_REASONS {
        reasons.push(format!("{} more", risk.reasons.len() - MAX_REASONS));
    }
    let why = if reasons.is_empty() {
        String::new()
    } else {
        format!(": {}", reasons.join(" · "))
    };
    page.paragraph(&format!(
        "**Risk {} of 100, {}**{why}",
        risk.score,
        risk.level.word()
    ));
}

fn findings(page: &mut Page, findings: &[Finding]) {
    let mut shown = 0;
    for severity in Severity::ALL {
        let group: Vec<&Finding> = findings
            .iter()
            .filter(|one| one.severity == severity)
            .collect();
        if group.is_empty() {
            continue;
        }
        let noun = if group.len() == 1 {
            "finding"
        } else {
            "findings"
        };
        page.paragraph(&format!("### {} {} {noun}", group.len(), severity.word()));
        for finding in group {
            let before = page.out.len();
            write_finding(page, finding);
            if page.out.len() > FINDINGS_UNTIL {
                page.out.truncate(before);
                return left_out(page, findings.len() - shown);
            }
            shown += 1;
        }
    }
}

fn left_out(page: &mut Page, number: usize) {
    let (noun, verb) = if number == 1 {
        ("finding", "is")
    } else {
        ("findings", "are")
    };
    page.paragraph(&format!(
        "{number} further {noun} {verb} in the full report."
    ));
}

fn write_finding(page: &mut Page, finding: &Finding) {
    let place = &finding.location;
    page.paragraph(&format!("#### {}", prose(&finding.message)));
    let mut about = vec![
        code(&format!("{}:{}", place.path, place.line)),
        code(&finding.rule),
    ];
    about.extend(finding.cwe.iter().map(|cwe| format!("CWE-{cwe}")));
    about.push(format!("{} confidence", finding.confidence.word()));
    if let Some(symbol) = &finding.symbol {
        about.push(format!("in {}", code(symbol)));
    }
    page.paragraph(&about.join(" · "));
    if let Some(line) = finding
        .comment_line
        .filter(|line| !(place.line..=place.end_line).contains(line))
    {
        page.paragraph(&format!("The change causes this by line {line}."));
    }
    if !finding.snippet.trim().is_empty() {
        page.paragraph(&block(&finding.snippet, &place.path));
    }
    for (label, text) in [
        ("Why it matters", &finding.why),
        ("How to fix it", &finding.fix),
    ] {
        if !text.is_empty() {
            page.paragraph(&format!("**{label}.** {}", prose(text)));
        }
    }
    path(page, finding);
}

fn path(page: &mut Page, finding: &Finding) {
    if !finding.path.is_empty() {
        let steps = if finding.path.len() == 1 {
            "step"
        } else {
            "steps"
        };
        page.fold(
            &format!("Path from source to sink, {} {steps}", finding.path.len()),
            |page| {
                for (number, step) in (1..).zip(finding.path.iter().take(MAX_ROWS)) {
                    let location = format!("{}:{}", step.location.path, step.location.line);
                    page.line(&format!(
                        "{number}. {}: {}",
                        code(&location),
                        prose(&step.message)
                    ));
                }
            },
        );
    }
}

fn walkthrough(page: &mut Page, review: &Review) {
    let summary = &review.summary;
    let rows = &summary.walkthrough;
    if rows.is_empty() {
        return;
    }
    if rows.len() <= OPEN_ROWS {
        page.paragraph("### Walkthrough");
        return table(page, rows);
    }
    let title = format!(
        "Walkthrough: {} files, +{} −{}",
        rows.len(),
        summary.added_lines,
        summary.removed_lines
    );
    page.fold(&title, |page| {
        if summary.components.len() > 1 {
            page.bullets(
                summary
                    .components
                    .iter()
                    .take(OPEN_ROWS)
                    .map(|one| {
                        let files = if one.files == 1 { "file" } else { "files" };
                        format!(
                            "{}: {} {files} ({}), +{} −{}",
                            code(&one.name),
                            one.files,
                            one.kinds.join(", "),
                            one.added_lines,
                            one.removed_lines
                        )
                    })
                    .collect(),
            );
        }
        table(page, rows);
    });
}

/// What the program depends on: folded away.
fn dependencies(page: &mut Page, all: &[DependencyChange]) {
    if all.is_empty() {
        return;
    }
    page.fold(&format!("Dependencies: {} changed", all.len()), |page| {
        let lines = all.iter().map(|one| {
            let (verb, what) = one.words();
            format!("{verb} {} in {}", code(&what), code(one.path.as_str()))
        });
        page.bullets(lines.collect());
    });
}

/// Who uses what changed, folded away.
fn callers(page: &mut Page, all: &[Callers]) {
    if all.is_empty() {
        return;
    }
    let lines = all.iter().map(|one| {
        let (what, files) = one.words();
        let examples: Vec<String> = one
            .examples
            .iter()
            .map(|path| code(path.as_str()))
            .collect();
        format!(
            "{} {what}: {files} ({})",
            code(&one.name),
            examples.join(", ")
        )
    });
    page.fold(&format!("Used by others: {}", all.len()), |page| {
        page.bullets(lines.collect());
    });
}

/// What others can name: folded away, with what it means for a version.
fn api(page: &mut Page, api: &Api) {
    let counts = [
        (api.removed.len(), "removed"),
        (api.changed.len(), "changed"),
        (api.added.len(), "added"),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if words.is_empty() {
        return;
    }
    let title = format!("Public names: {} ({})", words.join(", "), api.bump.word());
    page.fold(&title, |page| {
        let removed = api
            .removed
            .iter()
            .map(|one| format!("removed {}", code(&one.signature)));
        let changed = api
            .changed
            .iter()
            .map(|one| format!("{} became {}", code(&one.before), code(&one.after)));
        let added = api
            .added
            .iter()
            .map(|one| format!("added {}", code(&one.signature)));
        page.bullets(removed.chain(changed).chain(added).collect());
    });
}

/// What people call the program by: folded away.
fn names(page: &mut Page, all: &[NameChange]) {
    if all.is_empty() {
        return;
    }
    let lines = all.iter().map(|one| {
        let kind = one.kind.word();
        let what = match (&one.before, &one.after) {
            (Some(before), Some(after)) => {
                format!("{kind} {} became {}", code(before), code(after))
            }
            (Some(before), None) => format!("removed {kind} {}", code(before)),
            (None, _) => format!("added {kind} {}", code(one.name())),
        };
        format!("{what} in {}", code(one.path.as_str()))
    });
    let title = format!("Flags, variables, routes and keys: {} changed", all.len());
    page.fold(&title, |page| page.bullets(lines.collect()));
}

fn table(page: &mut Page, rows: &[WalkthroughRow]) {
    page.line("| | File | Lines | What |");
    page.line("|---|---|---|---|");
    for (index, row) in rows.iter().enumerate() {
        let letter = match row.status {
            Status::Added => "A",
            Status::Modified => "M",
            Status::Deleted => "D",
            Status::Renamed => "R",
            Status::Copied => "C",
            Status::ModeChanged => "mode",
        };
        let line = format!(
            "| {letter} | {} | {} | {} |",
            code(row.path.as_str()),
            lines(row),
            prose(&row.what)
        );
        if index >= MAX_ROWS || page.out.len() + line.len() > LISTS_UNTIL {
            page.line(&format!("| | and {} more files | | |", rows.len() - index));
            break;
        }
        page.line(&line);
    }
    page.out.push('\n');
}

fn lines(row: &WalkthroughRow) -> String {
    let counts = [("+", row.added_lines), ("−", row.removed_lines)];
    let words: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(sign, count)| format!("{sign}{count}"))
        .collect();
    words.join(" ")
}

fn suppressed(page: &mut Page, all: &[Suppressed]) {
    if all.is_empty() {
        return;
    }
    let noun = if all.len() == 1 {
        "finding"
    } else {
        "findings"
    };
    page.fold(&format!("{} {noun} set aside", all.len()), |page| {
        page.bullets(
            all.iter()
                .map(|one| {
                    let by = match one.by {
                        SuppressedBy::Comment => "a comment",
                        SuppressedBy::Baseline => "the baseline",
                    };
                    let place = format!("{}:{}", one.location.path, one.location.line);
                    format!(
                        "{} {} by {by}: {}",
                        code(&place),
                        code(&one.rule),
                        prose(&one.reason)
                    )
                })
                .collect(),
        );
    });
}

fn covered(page: &mut Page, review: &Review) {
    let mut skipped: Vec<(bool, String)> = review
        .coverage
        .iter()
        .filter_map(|file| match &file.outcome {
            Outcome::Skipped { reason, detail } => {
                let detail = if detail.is_empty() {
                    String::new()
                } else {
                    format!(": {}", prose(detail))
                };
                Some((
                    reason.is_neutral(),
                    format!("{}: {}{detail}", code(file.path.as_str()), reason.words()),
                ))
            }
            Outcome::Assessed { .. } => None,
        })
        .collect();
    skipped.sort_by_key(|(is_neutral, _)| *is_neutral);
    let words = coverage::words(&review.coverage);
    if skipped.is_empty() {
        return page.paragraph(&format!("{words}."));
    }
    page.fold(&words, |page| {
        page.bullets(skipped.into_iter().map(|(_, line)| line).collect())
    });
}
