//! Picks the causes out of the many errors that one slip in a TOML file leads to.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One slip.
pub(super) struct Cause {
    /// The byte where it shows.
    pub at: usize,
    /// In the parser's words.
    pub message: String,
    /// The bytes that cannot be trusted because of it.
    pub spoilt: Range<usize>,
}

/// One cause for each value that has errors, and one for each place outside of values.
pub(super) fn causes(document: &DeTable<'_>, errors: &[toml::de::Error]) -> Vec<Cause> {
    let mut values = Vec::new();
    collect(document, &mut values);
    let mut causes: Vec<Cause> = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let is_spoilt = |range: &Range<usize>| range.start <= span.start && span.start <= range.end;
        let is_unclosed = error.message().starts_with("unclosed");
        let spoilt = values.iter().find(|range| is_spoilt(range)).cloned();
        match causes.iter_mut().find(|cause| is_spoilt(&cause.spoilt)) {
            // A list without its end makes nonsense of all that follows: its start is the place to look at.
            Some(cause) if is_unclosed => {
                cause.at = cause.spoilt.start;
                cause.message = error.message().to_owned();
            }
            Some(_) => {}
            None => causes.push(Cause {
                at: span.start,
                message: error.message().to_owned(),
                spoilt: spoilt.unwrap_or(span),
            }),
        }
    }
    causes
}

fn collect(table: &DeTable<'_>, values: &mut Vec<Range<usize>>) {
    table
        .values()
        .for_each(|value| collect_value(value, values));
}

fn collect_value(value: &Spanned<DeValue<'_>>, values: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, values),
        DeValue::Array(items) => {
            values.push(value.span());
            let tables = items.iter().filter(|item| item.get_ref().is_table());
            tables.for_each(|table| collect_value(table, values));
        }
        _ => values.push(value.span()),
    }
}
