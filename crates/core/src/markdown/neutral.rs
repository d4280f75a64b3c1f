//! Puts untrusted text into Markdown so that it says what it says and does nothing.

use std::fmt::Write as _;

use crate::change::RepoPath;
use crate::escape::{one_line, visible};

/// Longer pieces of prose are cut.
const MAX_PROSE: usize = 600;
const MAX_CODE: usize = 200;
const MAX_BLOCK_LINES: usize = 20;
const MAX_BLOCK_COLUMNS: usize = 200;
/// Splits a word for GitHub's mention and reference filters without being seen.
const SPLIT: &str = "<!-- -->";

/// One line of prose. What stands in backticks becomes code; everything else is plain text without links or mentions.
#[must_use]
pub fn prose(text: &str) -> String {
    span(&clip(&one_line(text), MAX_PROSE))
}

/// As [`prose`], of any length and with blanks at the ends.
pub(super) fn span(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        let is_closed = index + 1 < pieces.len();
        match (index % 2 == 1, is_closed, piece.is_empty()) {
            (true, true, false) => out.push_str(&code(piece)),
            (true, _, _) => {
                out.push_str("&#96;");
                plain(&mut out, piece);
                if is_closed {
                    out.push_str("&#96;");
                }
            }
            (false, ..) => plain(&mut out, piece),
        }
    }
    out
}

/// Code within a line, safe in tables too.
#[must_use]
pub fn code(text: &str) -> String {
    let text = clip(&one_line(text), MAX_CODE);
    if text.is_empty() {
        return "` `".to_owned();
    }
    if !text.contains(['`', '|', '\\']) {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out + "</code>"
}

/// Lines of code in a fence that the code cannot close.
#[must_use]
pub fn block(text: &str, path: &RepoPath) -> String {
    let mut lines: Vec<String> = text
        .lines()
        .take(MAX_BLOCK_LINES)
        .map(|line| {
            let tabs = line.replace('\t', "    ");
            clip(&unspoken(&visible(&tabs)), MAX_BLOCK_COLUMNS)
        })
        .collect();
    if text.lines().count() > MAX_BLOCK_LINES {
        lines.push("…".to_owned());
    }
    let body = lines.join("\n");
    let fence = "`".repeat((longest_run(&body) + 1).max(3));
    format!("{fence}{}\n{body}\n{fence}", language(path))
}

/// Whether other programs that read comments could take a line for a command of theirs, such as `/approve` or `bors r+`.
#[must_use]
pub fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    let word: String = line
        .chars()
        .take_while(|one| !one.is_whitespace())
        .collect();
    let is_slash = line
        .strip_prefix('/')
        .is_some_and(|rest| rest.starts_with(|one: char| one.is_alphabetic()));
    is_slash || BOTS.contains(&word.trim_end_matches([':', ',']).to_lowercase().as_str())
}

/// Bots that listen to their name without a mention.
const BOTS: [&str; 6] = ["bors", "homu", "rultor", "jenkins", "retest", "copybara"];

/// A line of code that no other program takes for a command: the sign or letter that would make it one is replaced by its look-alike.
#[must_use]
pub fn unspoken(line: &str) -> String {
    if !is_command(line) {
        return line.to_owned();
    }
    let start = line.len() - line.trim_start().len();
    let (blanks, rest) = line.split_at(start);
    match rest.strip_prefix('/') {
        Some(rest) => format!("{blanks}\u{2044}{rest}"),
        None => format!("{blanks}· {rest}"),
    }
}

/// Prose that begins a line: as [`prose`], and no other program takes it for a command.
#[must_use]
pub fn opening(text: &str) -> String {
    match is_command(text) {
        true => format!("{SPLIT}{}", prose(text)),
        false => prose(text),
    }
}

pub(super) fn plain(out: &mut String, text: &str) {
    let mut characters = text.chars().peekable();
    let mut word = String::new();
    while let Some(character) = characters.next() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | '#' => {
                let _ = write!(out, "{}{SPLIT}", escaped(character));
            }
            ':' if characters.peek() == Some(&'/') => {
                out.push(':');
                out.push_str(SPLIT);
            }
            '.' if word.eq_ignore_ascii_case("www") => {
                out.push_str(SPLIT);
                out.push('.');
            }
            '-' if word.eq_ignore_ascii_case("gh") => {
                out.push('-');
                out.push_str(SPLIT);
            }
            other if is_markup(other) => out.push_str(&escaped(other)),
            other => out.push(other),
        }
        if character.is_alphanumeric() {
            word.push(character);
        } else {
            word.clear();
        }
    }
}

fn is_markup(character: char) -> bool {
    matches!(
        character,
        '\\' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' | '{' | '}' | '^'
    )
}

fn escaped(character: char) -> String {
    match character {
        '@' => "@".to_owned(),
        other => format!("\\{other}"),
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

fn clip(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn language(path: &RepoPath) -> &'static str {
    match path.extension().as_str() {
        "py" => "python",
        "js" | "jsx" | "mjs" | "cjs" => "javascript",
        "ts" | "mts" | "cts" => "typescript",
        "tsx" => "tsx",
        "java" => "java",
        "go" => "go",
        "rs" => "rust",
        "c" => "c",
        "cc" | "cpp" | "cxx" | "h" | "hh" | "hpp" => "cpp",
        "cs" => "csharp",
        "rb" => "ruby",
        "php" | "phtml" => "php",
        "kt" | "kts" => "kotlin",
        "scala" => "scala",
        "swift" => "swift",
        "yml" | "yaml" => "yaml",
        "json" => "json",
        "tf" | "hcl" => "hcl",
        "sql" => "sql",
        "sh" | "bash" => "bash",
        _ if path
            .file_name()
            .to_ascii_lowercase()
            .starts_with("dockerfile") =>
        {
            "dockerfile"
        }
        _ => "",
    }
}
