//! What a model says of a change, for terminals: its words, what it did not read and what it cost.

use pullmill_core::escape::one_line;
use pullmill_core::review::{Consulted, Unread};

use super::MAX_ROWS;
use super::paper::{Ink, Paper, clip_left};

/// The words.
pub(super) fn overview(paper: &mut Paper, model: &Consulted) {
    if model.overview.is_empty() {
        return;
    }
    paper.title("In a model's words");
    for words in &model.overview {
        paper.prose(2, &one_line(words));
    }
}

/// What was not read, and the price.
pub(super) fn account(paper: &mut Paper, model: &Consulted) {
    paper.title("Model");
    paper.prose(2, &one_line(&model.cost_words()));
    if model.dropped > 0 {
        let noun = if model.dropped == 1 {
            "claim"
        } else {
            "claims"
        };
        let words = format!(
            "{} {noun} did not stand up to the code, not shown",
            model.dropped
        );
        paper.prose(2, &words);
    }
    let room = paper.width() / 2;
    for unread in model.unread.iter().take(MAX_ROWS) {
        let sign = match unread.reason.is_neutral() {
            true => paper.ink(Ink::Faint, "·"),
            false => paper.ink(Ink::Warning, "!"),
        };
        let name = clip_left(&one_line(unread.path.as_str()), room);
        let taken = 4 + super::columns(&name);
        let lead = format!("  {sign} {}", paper.ink(Ink::Place, &name));
        paper.lead(&lead, taken, &words(unread));
    }
    if model.unread.len() > MAX_ROWS {
        paper.prose(2, &format!("and {} more", model.unread.len() - MAX_ROWS));
    }
}

fn words(unread: &Unread) -> String {
    let reason = unread.reason.words();
    match unread.line_words() {
        lines if lines.is_empty() => format!("not read: {reason}"),
        lines => format!("{lines} not read: {reason}"),
    }
}
