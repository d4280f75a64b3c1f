//! Where a document shows code: fenced blocks, and spans between backticks.

use std::ops::Range;

/// The code of one line.
pub(super) struct Code {
    /// Whether all of it is.
    pub(super) is_all: bool,
    spans: Vec<Range<usize>>,
}

impl Code {
    /// Whether a byte is of code.
    pub(super) fn holds(&self, at: usize) -> bool {
        self.is_all || self.spans.iter().any(|span| span.contains(&at))
    }
}

/// Follows the fences of a document from line to line.
#[derive(Default)]
pub(super) struct Fence {
    /// The character and the length of the fence that is open.
    open: Option<(char, usize)>,
}

impl Fence {
    /// The code of the next line.
    pub(super) fn code(&mut self, line: &str) -> Code {
        let text = line.trim_start();
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'));
        let length = mark.map_or(0, |mark| run(text, mark));
        if length >= 3 {
            let mark = mark.unwrap_or('`');
            let rest = text.trim_start_matches(mark);
            match self.open {
                Some((open, least))
                    if open == mark && length >= least && rest.trim().is_empty() =>
                {
                    self.open = None;
                    return Code {
                        is_all: false,
                        spans: Vec::new(),
                    };
                }
                // What follows three backticks on the same line may be a span of code.
                None if mark == '~' || !rest.contains('`') => {
                    self.open = Some((mark, length));
                    return Code {
                        is_all: false,
                        spans: Vec::new(),
                    };
                }
                _ => {}
            }
        }
        inline(line, self.open.is_some())
    }
}

/// The code of a line, of which all is code or only what stands between backticks.
pub(super) fn inline(line: &str, is_all: bool) -> Code {
    let mut spans = Vec::new();
    let mut at = 0;
    while !is_all && let Some(found) = line[at..].find('`') {
        let start = at + found;
        let length = run(&line[start..], '`');
        let inner = start + length;
        match closing(line, inner, length) {
            Some(end) => {
                spans.push(inner..end);
                at = end + length;
            }
            None => at = inner,
        }
    }
    Code { is_all, spans }
}

/// The next run of exactly so many backticks.
fn closing(line: &str, from: usize, length: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = line[at..].find('`') {
        let start = at + found;
        let run = run(&line[start..], '`');
        if run == length {
            return Some(start);
        }
        at = start + run;
    }
    None
}

fn run(text: &str, mark: char) -> usize {
    text.chars().take_while(|next| *next == mark).count()
}
