//! Where a document shows code: fenced blocks, and spans between backticks. Of a source file the comments are the document.

use std::ops::Range;

use super::is_source;
use crate::change::RepoPath;

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

/// The lines that are looked at, from 1, with what of them is code. In comments every word may be.
pub(super) fn lines<'t>(
    path: &RepoPath,
    text: &'t str,
) -> Box<dyn Iterator<Item = (u32, &'t str, Code)> + 't> {
    let numbered = (1..).zip(text.lines());
    if is_source(path) {
        let mut comments = Comments::of(path);
        let comments = numbered.filter(move |(_, line)| comments.is_comment(line));
        return Box::new(comments.map(|(number, line)| (number, line, inline(line, true))));
    }
    let mut fence = Fence::default();
    Box::new(numbered.map(move |(number, line)| (number, line, fence.code(line))))
}

/// The lines of a source file that are no comments.
pub(super) fn code_lines<'t>(
    path: &RepoPath,
    text: &'t str,
) -> impl Iterator<Item = &'t str> + use<'t> {
    let mut comments = Comments::of(path);
    text.lines().filter(move |line| !comments.is_comment(line))
}

/// Follows the comments of a source file from line to line, as far as whole lines are comments.
struct Comments {
    is_python: bool,
    /// Whether `#` begins a comment, and whether `//` does.
    marks: (bool, bool),
    /// What ends the text that is open, and whether it is a comment.
    open: Option<(&'static str, bool)>,
}

impl Comments {
    fn of(path: &RepoPath) -> Self {
        let extension = path.extension();
        let is_python = matches!(extension.as_str(), "py" | "pyi");
        let has_hashes = matches!(extension.as_str(), "rb" | "sh" | "php" | "phtml");
        let has_slashes = !is_python && !matches!(extension.as_str(), "rb" | "sh");
        Self {
            is_python,
            marks: (has_hashes, has_slashes),
            open: None,
        }
    }

    fn is_comment(&mut self, line: &str) -> bool {
        let text = line.trim_start();
        if let Some((end, is_comment)) = self.open {
            self.open = self.open.filter(|_| !text.contains(end));
            return is_comment;
        }
        if !self.is_python {
            let (has_hashes, has_slashes) = self.marks;
            let is_block = has_slashes && text.starts_with("/*");
            if is_block && !text.contains("*/") {
                self.open = Some(("*/", true));
            }
            // An attribute of PHP is no comment.
            let is_hash = has_hashes && text.starts_with('#') && !text.starts_with("#[");
            return is_block || is_hash || (has_slashes && text.starts_with("//"));
        }
        let quotes = ["\"\"\"", "'''"]
            .into_iter()
            .find(|quotes| text.contains(quotes));
        let Some(quotes) = quotes.filter(|_| !text.starts_with('#')) else {
            return text.starts_with('#');
        };
        // A text that begins a line is a docstring; any other is a value.
        let is_docstring = text.trim_start_matches(['r', 'R']).starts_with(quotes);
        if text.matches(quotes).count() % 2 == 1 {
            self.open = Some((quotes, is_docstring));
        }
        is_docstring
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
