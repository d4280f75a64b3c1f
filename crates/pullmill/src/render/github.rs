//! The findings as workflow commands of GitHub Actions, which shows them as annotations.

use std::fmt::Write as _;

use pullmill_core::escape;
use pullmill_core::finding::{Finding, Severity};
use pullmill_core::review::Review;

/// One command per finding, and one for what the verdict rests on.
#[must_use]
pub fn render(review: &Review) -> String {
    let mut out = String::new();
    for finding in &review.findings {
        command(&mut out, finding);
    }
    let reasons: Vec<String> = review
        .verdict
        .reasons
        .iter()
        .map(|one| escape::one_line(one))
        .collect();
    let level = match review.verdict.outlook {
        pullmill_core::verdict::Outlook::Pass => "notice",
        pullmill_core::verdict::Outlook::Fail => "error",
        pullmill_core::verdict::Outlook::Inconclusive => "warning",
    };
    let title = format!("Pullmill: {}", review.verdict.outlook.word());
    let _ = writeln!(
        out,
        "::{level} title={}::{}",
        property(&title),
        data(&reasons.join("\n"))
    );
    out
}

fn command(out: &mut String, finding: &Finding) {
    let place = &finding.location;
    let level = match finding.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    };
    let mut text = escape::visible_lines(&finding.message);
    for more in [&finding.why, &finding.fix] {
        if !more.is_empty() {
            text.push('\n');
            text.push_str(&escape::visible_lines(more));
        }
    }
    if let Some(suggestion) = &finding.suggestion {
        let _ = write!(
            text,
            "\nLine {}: {}",
            suggestion.line,
            escape::visible(&suggestion.text)
        );
    }
    let _ = writeln!(
        out,
        "::{level} file={},line={},endLine={},title={}::{}",
        property(place.path.as_str()),
        place.line.max(1),
        place.end_line.max(place.line).max(1),
        property(&format!("{}: {}", finding.severity.word(), finding.rule)),
        data(&text)
    );
}

/// What may stand behind the last `::`: no line may end there.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What may stand as a property.
fn property(text: &str) -> String {
    data(&escape::visible(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::sample;

    #[test]
    fn a_real_review_is_told() {
        insta::assert_snapshot!(render(&sample()));
    }

    /// No text of a finding can begin a command of its own.
    #[test]
    fn every_line_is_a_command_of_ours() {
        let mut review = sample();
        for finding in &mut review.findings {
            finding.message = "x\n::set-env name=A::b\r\n::error::c".to_owned();
            finding.location.path = "a,line=1:\n::stop-commands::x".into();
        }
        review.verdict.reasons = vec!["\n::error::x".to_owned()];
        let text = render(&review);
        assert_eq!(text.lines().count(), review.findings.len() + 1);
        for line in text.lines() {
            let (properties, _) = line[2..].split_once("::").unwrap();
            assert!(
                ["error ", "warning ", "notice "]
                    .iter()
                    .any(|level| properties.starts_with(level)),
                "{line}"
            );
            assert!(!line.contains('\r'));
        }
    }
}
