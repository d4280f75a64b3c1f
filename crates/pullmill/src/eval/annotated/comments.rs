//! Tells comment lines from code lines, in any language, and reads annotations off them.

use pullmill_core::change::RepoPath;

use crate::eval::tree;

/// A file, line by line.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The text of each line.
    pub text: Vec<&'a str>,
    /// What its comments say, in order.
    pub annotations: Vec<Annotation>,
}

/// What a comment says of the next line of code, or of the code it stands behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The comment's line, 0-based.
    pub line: usize,
    /// The line of code, if there is one.
    pub target: Option<usize>,
    /// Whether it must be reported, or must not.
    pub is_wanted: bool,
    /// The foreign rules it is about; never empty.
    pub ids: Vec<String>,
}

/// Reads a file.
#[must_use]
pub fn read<'a>(path: &RepoPath, text: &'a str) -> Lines<'a> {
    let text: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let has_preprocessor = matches!(tree::language(path), "c" | "c++" | "c#" | "rust");
    let mut annotations: Vec<Annotation> = Vec::new();
    let mut waiting = 0;
    let mut closer = None;
    for (index, line) in text.iter().enumerate() {
        let Some(comment) = comment(line.trim(), has_preprocessor, &mut closer) else {
            if !line.trim().is_empty() {
                for annotation in annotations.iter_mut().skip(waiting) {
                    annotation.target = Some(index);
                }
                if let Some((is_wanted, ids)) = trailing(line) {
                    annotations.push(Annotation {
                        line: index,
                        target: Some(index),
                        is_wanted,
                        ids,
                    });
                }
                waiting = annotations.len();
            }
            continue;
        };
        if let Some((is_wanted, ids)) = annotation(comment) {
            annotations.push(Annotation {
                line: index,
                target: None,
                is_wanted,
                ids,
            });
        }
    }
    Lines { text, annotations }
}

/// What opens a comment, and what closes it if it may go on over lines.
const OPENERS: &[(&str, Option<&str>)] = &[
    ("{/*", Some("*/}")),
    ("/*", Some("*/")),
    ("<!--", Some("-->")),
    ("<%--", Some("--%>")),
    ("{#", Some("#}")),
    ("{{!--", Some("--}}")),
    ("(*", Some("*)")),
    ("//", None),
    ("-- ", None),
    ("--", None),
    (";;", None),
    ("#", None),
    ("%", None),
];

/// The text of a line that is nothing but a comment.
fn comment<'a>(
    line: &'a str,
    has_preprocessor: bool,
    closer: &mut Option<&'static str>,
) -> Option<&'a str> {
    if let Some(end) = *closer {
        if line.contains(end) {
            *closer = None;
        }
        return Some(line);
    }
    let (opener, end) = OPENERS
        .iter()
        .find(|(opener, _)| line.starts_with(opener))?;
    let rest = line.strip_prefix(opener)?;
    let is_certain = annotation(rest).is_some();
    match *opener {
        "#" if has_preprocessor && !is_certain => return None,
        "#" if rest.starts_with('[') => return None,
        "--" | "%" if !is_certain => return None,
        _ => {}
    }
    if let Some(end) = end {
        match rest.split_once(end) {
            None => *closer = Some(end),
            Some((_, code)) if !code.trim().is_empty() => return None,
            Some(_) => {}
        }
    }
    Some(rest)
}

/// Reads an annotation that stands behind code: it is about that code.
fn trailing(line: &str) -> Option<(bool, Vec<String>)> {
    OPENERS.iter().find_map(|(opener, end)| {
        let (code, rest) = line.rsplit_once(opener)?;
        let rest = end.map_or(rest, |end| rest.split(end).next().unwrap_or(rest));
        code.ends_with([' ', '\t']).then(|| annotation(rest))?
    })
}

/// Reads `ruleid: a, b` or `ok: a`; what is still to be done (`todoruleid:`, `todook:`) says nothing.
fn annotation(comment: &str) -> Option<(bool, Vec<String>)> {
    let comment = comment.trim_start_matches(['#', '/', '*', '-', '!', ' ', '\t']);
    let (word, ids) = comment.split_once(':')?;
    let is_wanted = match word.trim_end().to_ascii_lowercase().as_str() {
        "ruleid" => true,
        "ok" => false,
        _ => return None,
    };
    let ids: Vec<String> = ids
        .split(',')
        .filter_map(|id| id.split_whitespace().next())
        .filter(|id| is_id(id))
        .map(str::to_owned)
        .collect();
    (!ids.is_empty()).then_some((is_wanted, ids))
}

fn is_id(word: &str) -> bool {
    word.contains(char::is_alphanumeric)
        && word
            .chars()
            .all(|each| each.is_alphanumeric() || matches!(each, '-' | '_' | '.' | '/' | ':'))
}
