//! Guesses, in any language, where the statement or block that starts on a line ends.

use super::comments::Lines;

/// No label reaches further than this.
const MOST_LINES: usize = 60;

/// The last line of the statement that starts on line `first`: open brackets, continued lines, chained calls.
#[must_use]
pub fn statement_end(file: &Lines<'_>, first: usize) -> usize {
    let limit = limit(file, first);
    let mut depth = 0;
    for index in first..limit {
        depth += balance(file, index, ['(', '['], [')', ']']);
        if depth <= 0 && !goes_on(file, index) {
            return index;
        }
    }
    limit.saturating_sub(1).max(first)
}

/// The last line of the statement or block that starts on line `first`: also braces and indented lines.
#[must_use]
pub fn block_end(file: &Lines<'_>, first: usize) -> usize {
    let limit = limit(file, first);
    let mut end = statement_end(file, first);
    while line(file, first).trim_start().starts_with('@') && end + 1 < limit && is_head(file, end) {
        end = statement_end(file, end + 1);
    }
    if line(file, end).trim_end().ends_with(':') {
        return indented_end(file, first, end, limit);
    }
    let mut depth = 0;
    for index in first..limit {
        depth += balance(file, index, ['{', '{'], ['}', '}']);
        if index >= end && depth <= 0 {
            return index.max(end);
        }
    }
    limit.saturating_sub(1).max(end)
}

/// Whether the line is a decorator or annotation, so that what it belongs to follows.
fn is_head(file: &Lines<'_>, index: usize) -> bool {
    let text = line(file, index).trim();
    text.starts_with('@') || text.ends_with(')')
}

fn indented_end(file: &Lines<'_>, first: usize, head: usize, limit: usize) -> usize {
    let indent = |index: usize| {
        let text = line(file, index);
        text.len() - text.trim_start().len()
    };
    let outer = indent(first);
    let mut end = head;
    for index in head + 1..limit {
        if line(file, index).trim().is_empty() {
            continue;
        }
        if indent(index) <= outer {
            break;
        }
        end = index;
    }
    end
}

/// Labels end before the next annotation.
fn limit(file: &Lines<'_>, first: usize) -> usize {
    let next = file.annotations.iter().map(|each| each.line);
    let next = next.filter(|line| *line > first).min();
    let last = next.unwrap_or(file.text.len());
    last.min(first + MOST_LINES).min(file.text.len())
}

fn line<'a>(file: &Lines<'a>, index: usize) -> &'a str {
    file.text.get(index).copied().unwrap_or_default()
}

fn goes_on(file: &Lines<'_>, index: usize) -> bool {
    let text = line(file, index).trim_end();
    let next = line(file, index + 1).trim_start();
    [",", "\\", "=", "+", "&&", "||", "(", "["]
        .iter()
        .any(|end| text.ends_with(end))
        || next.starts_with('.')
        || next.starts_with("?.")
}

/// How many more brackets open than close on a line, outside of quotes.
fn balance(file: &Lines<'_>, index: usize, opening: [char; 2], closing: [char; 2]) -> i32 {
    let mut quote = None;
    let mut is_escaped = false;
    let mut depth = 0;
    for character in line(file, index).chars() {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' {
            is_escaped = true;
        } else if quote == Some(character) {
            quote = None;
        } else if quote.is_none() && matches!(character, '"' | '\'' | '`') {
            quote = Some(character);
        } else if quote.is_none() && opening.contains(&character) {
            depth += 1;
        } else if quote.is_none() && closing.contains(&character) {
            depth -= 1;
        }
    }
    depth
}
