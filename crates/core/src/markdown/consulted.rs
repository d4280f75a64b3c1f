//! What a model says of a change, as Markdown: its words, what it did not read and what it cost.

use super::Page;
use super::neutral::{code, opening, prose};
use crate::review::{Consulted, Unread};

/// Paragraphs of a model's words; a large change has many.
const MAX_PARAGRAPHS: usize = 6;

/// The words, below the judgement, which is not a model's.
pub(super) fn overview(page: &mut Page, model: &Consulted) {
    if model.overview.is_empty() {
        return;
    }
    page.paragraph("### In a model's words");
    for words in model.overview.iter().take(MAX_PARAGRAPHS) {
        page.paragraph(&opening(words));
    }
    let left = model.overview.len().saturating_sub(MAX_PARAGRAPHS);
    if left > 0 {
        page.paragraph(&format!("and {left} more in the full report"));
    }
}

/// What happens in each file, folded away.
pub(super) fn files(page: &mut Page, model: &Consulted) {
    if model.files.is_empty() {
        return;
    }
    page.fold(
        &format!("File by file, in a model's words: {}", model.files.len()),
        |page| {
            let lines = model.files.iter();
            let lines =
                lines.map(|(path, what)| format!("{}: {}", code(path.as_str()), prose(what)));
            page.bullets(lines.collect());
        },
    );
}

/// What was not read, folded away, and what it has cost.
pub(super) fn account(page: &mut Page, model: &Consulted) {
    if !model.unread.is_empty() {
        let lines: u32 = model.unread.iter().map(Unread::count).sum();
        let files = model.unread.len();
        let noun = if files == 1 { "entry" } else { "entries" };
        page.fold(
            &format!("Not read by a model: {lines} lines, {files} {noun}"),
            |page| {
                page.bullets(model.unread.iter().map(line).collect());
            },
        );
    }
    let dropped = match model.dropped {
        0 => String::new(),
        1 => " 1 claim did not stand up to the code and is not shown.".to_owned(),
        count => format!(" {count} claims did not stand up to the code and are not shown."),
    };
    page.paragraph(&format!("Model: {}.{dropped}", prose(&model.cost_words())));
}

fn line(unread: &Unread) -> String {
    let lines = match unread.line_words() {
        lines if lines.is_empty() => String::new(),
        lines => format!(" {lines}"),
    };
    format!(
        "{}{lines}: {}",
        code(unread.path.as_str()),
        unread.reason.words()
    )
}
