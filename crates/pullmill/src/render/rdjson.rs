//! The findings in reviewdog's diagnostic format (`rdjson`): lines without columns, since its columns count bytes.

use pullmill_core::escape;
use pullmill_core::finding::{Finding, Severity};
use pullmill_core::review::Review;
use serde_json::{Value, json};

/// The review as pretty JSON with a line end behind it.
///
/// # Errors
/// If the value cannot be written as JSON, which its types rule out.
pub fn render(review: &Review) -> Result<String, serde_json::Error> {
    let diagnostics: Vec<Value> = review.findings.iter().map(diagnostic).collect();
    let worst = review.findings.iter().map(|finding| finding.severity).max();
    let result = json!({
        "source": {"name": "pullmill"},
        "severity": word(worst.unwrap_or(Severity::Info)),
        "diagnostics": diagnostics,
    });
    Ok(escape::json(&serde_json::to_string_pretty(&result)?) + "\n")
}

fn diagnostic(finding: &Finding) -> Value {
    let place = &finding.location;
    let mut message = finding.message.clone();
    for more in [&finding.why, &finding.fix] {
        if !more.is_empty() {
            message.push_str("\n\n");
            message.push_str(more);
        }
    }
    let suggestions: Vec<Value> = finding
        .suggestion
        .iter()
        .map(|suggestion| json!({"range": range(suggestion.line, suggestion.line), "text": suggestion.text}))
        .collect();
    json!({
        "message": message,
        "location": {"path": place.path, "range": range(place.line, place.end_line)},
        "severity": word(finding.severity),
        "code": {"value": finding.rule},
        "suggestions": suggestions,
    })
}

fn range(first: u32, last: u32) -> Value {
    json!({"start": {"line": first.max(1)}, "end": {"line": last.max(first).max(1)}})
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "ERROR",
        Severity::Medium => "WARNING",
        Severity::Low | Severity::Info => "INFO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::sample;

    /// The format as reviewdog's documentation has it, with nothing beside what it names.
    fn schema() -> jsonschema::Validator {
        let closed = |required: Value, properties: Value| json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties});
        let severity = json!({"enum": ["UNKNOWN_SEVERITY", "ERROR", "WARNING", "INFO"]});
        let text = json!({"type": "string"});
        let position = closed(
            json!(["line"]),
            json!({"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}}),
        );
        let range = closed(
            json!(["start"]),
            json!({"start": position, "end": position}),
        );
        let location = closed(json!(["path"]), json!({"path": text, "range": range}));
        let source = closed(json!(["name"]), json!({"name": text, "url": text}));
        let code = closed(json!(["value"]), json!({"value": text, "url": text}));
        let suggestion = closed(
            json!(["range", "text"]),
            json!({"range": range, "text": text}),
        );
        let diagnostic = closed(
            json!(["message", "location"]),
            json!({
                "message": text, "location": location, "severity": severity, "source": source, "code": code,
                "suggestions": {"type": "array", "items": suggestion}, "original_output": text,
            }),
        );
        let result = closed(
            json!(["diagnostics"]),
            json!({
                "source": source, "severity": severity, "diagnostics": {"type": "array", "items": diagnostic},
            }),
        );
        jsonschema::draft7::new(&result).unwrap()
    }

    #[test]
    fn a_real_review_fits_the_format() {
        let value: Value = serde_json::from_str(&render(&sample()).unwrap()).unwrap();
        let problems: Vec<String> = schema()
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            value["diagnostics"].as_array().unwrap().len(),
            sample().findings.len()
        );
        assert_eq!(value["severity"], "ERROR");
        let mut wrong = value.clone();
        wrong["diagnostics"][0]["severity"] = json!("BAD");
        assert!(!schema().is_valid(&wrong));
    }
}
