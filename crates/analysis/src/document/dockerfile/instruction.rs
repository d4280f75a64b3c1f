//! Splits a Dockerfile into instructions: continuations, comments, heredocs, flags, and the words or pairs behind them.

use std::ops::Range;
use std::sync::Arc;

use crate::document::node::{Entry, Node};

const KEYWORDS: [&str; 18] = [
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

/// One instruction.
pub(super) struct Instruction {
    /// In lower case.
    pub(super) keyword: String,
    /// What the tree holds of it.
    pub(super) node: Arc<Node>,
}

/// Splits a Dockerfile; a line that begins with no instruction is an error.
pub(super) fn split(text: &str) -> Result<Vec<Instruction>, String> {
    let escape = escape_character(text);
    let mut found = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while at < text.len() {
        let line = line_at(text, at);
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            at += line.len();
            continue;
        }
        let start = at + line.len() - trimmed.len();
        let (logical, end) = logical_line(text, start, escape);
        let end = heredoc_end(text, &logical, end);
        found.push(instruction(text, logical, start..end)?);
        at = end;
    }
    Ok(found)
}

fn line_at(text: &str, at: usize) -> &str {
    text[at..].split_inclusive('\n').next().unwrap_or_default()
}

fn escape_character(text: &str) -> char {
    let directive = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .filter_map(|line| line[1..].trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    match directive {
        Some((_, value)) if value.trim() == "`" => '`',
        _ => '\\',
    }
}

/// Joins continued lines. What belongs to the join is blanked, so that every byte keeps its place.
fn logical_line(text: &str, start: usize, escape: char) -> (String, usize) {
    let mut logical = String::new();
    let mut at = start;
    while at < text.len() {
        let line = line_at(text, at);
        at += line.len();
        let trimmed = line.trim();
        let is_first = logical.is_empty();
        if !is_first && (trimmed.is_empty() || trimmed.starts_with('#')) {
            blank(&mut logical, line);
            continue;
        }
        let body = line.trim_end();
        match body.strip_suffix(escape) {
            Some(kept) => {
                logical.push_str(kept);
                blank(&mut logical, &line[kept.len()..]);
            }
            None => {
                logical.push_str(body);
                return (logical, at);
            }
        }
    }
    (logical, at)
}

fn blank(out: &mut String, text: &str) {
    out.extend(std::iter::repeat_n(' ', text.len()));
}

/// Where the last heredoc of an instruction ends, if it has one.
fn heredoc_end(text: &str, logical: &str, mut end: usize) -> usize {
    let keyword = logical.split_whitespace().next().unwrap_or_default();
    if !["run", "copy", "add"]
        .iter()
        .any(|one| keyword.eq_ignore_ascii_case(one))
    {
        return end;
    }
    for word in heredoc_words(logical) {
        let mut at = end;
        while at < text.len() {
            let line = line_at(text, at);
            at += line.len();
            if line.trim() == word {
                end = at;
                break;
            }
        }
    }
    end
}

fn heredoc_words(logical: &str) -> impl Iterator<Item = &str> {
    logical.split("<<").skip(1).filter_map(|after| {
        let word = after.strip_prefix('-').unwrap_or(after);
        let word = word.trim_start_matches(['"', '\'']);
        let end = word
            .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .unwrap_or(word.len());
        Some(&word[..end]).filter(|word| {
            word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        })
    })
}

fn instruction(text: &str, logical: String, range: Range<usize>) -> Result<Instruction, String> {
    let keyword_length = logical.find(char::is_whitespace).unwrap_or(logical.len());
    let keyword = logical[..keyword_length].to_ascii_lowercase();
    if !KEYWORDS.contains(&keyword.as_str()) {
        let line = text[..range.start].matches('\n').count() + 1;
        return Err(format!("line {line} begins with no instruction"));
    }
    let start = range.start;
    // A heredoc's lines follow the joined line as they are.
    let mut body = logical;
    let kept = text[range.clone()].trim_end();
    if let Some(heredoc) = kept.get(body.len()..) {
        body.push_str(heredoc);
    }
    let (flags, at) = flags(&body, keyword_length, start);
    let arguments = body[at..].trim_end();
    let place = start + at..start + at + arguments.len();
    let form = if arguments.starts_with('[') {
        "exec"
    } else {
        "shell"
    };
    let mut entries = vec![
        Entry::derived(
            "instruction",
            Node::scalar(keyword.to_ascii_uppercase(), start..start + keyword_length),
        ),
        Entry::derived("text", Node::scalar(arguments, place.clone())),
        Entry::derived("form", Node::scalar(form, place.clone())),
        Entry::derived("flags", Node::map(flags, start..start + at)),
    ];
    entries.extend(match keyword.as_str() {
        "env" | "arg" | "label" => {
            Some(Entry::derived("pairs", pairs(&keyword, arguments, &place)))
        }
        "run" => None,
        _ => Some(Entry::derived("words", words(arguments, &place))),
    });
    Ok(Instruction {
        keyword,
        node: Arc::new(Node::map(entries, start..start + body.trim_end().len())),
    })
}

/// Reads `--name=value` in front of the arguments; gives where the arguments begin.
fn flags(body: &str, keyword_length: usize, start: usize) -> (Vec<Entry>, usize) {
    let mut flags = Vec::new();
    let mut at = keyword_length;
    loop {
        at += body[at..].len() - body[at..].trim_start().len();
        let word = body[at..].split_whitespace().next().unwrap_or_default();
        let Some(flag) = word.strip_prefix("--") else {
            return (flags, at);
        };
        let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
        let range = start + at..start + at + word.len();
        flags.push(Entry::derived(name, Node::scalar(value, range)));
        at += word.len();
    }
}

/// Words with their places; quotes and JSON brackets are taken off.
fn words(arguments: &str, place: &Range<usize>) -> Node {
    let items = tokens(arguments)
        .map(|range| {
            let word = &arguments[range.clone()];
            let bare = word.trim_matches(|character| "[],\"'".contains(character));
            (bare.to_owned(), range)
        })
        .filter(|(word, _)| !word.is_empty())
        .map(|(word, range)| {
            Arc::new(Node::scalar(
                word,
                place.start + range.start..place.start + range.end,
            ))
        })
        .collect();
    Node::seq(items, place.clone())
}

/// `NAME=value` pairs, a bare `NAME`, or the old form `NAME value`.
fn pairs(keyword: &str, arguments: &str, place: &Range<usize>) -> Node {
    let tokens: Vec<Range<usize>> = tokens(arguments).collect();
    let mut entries = Vec::new();
    let is_old_form = keyword != "arg"
        && tokens
            .first()
            .is_some_and(|first| !arguments[first.clone()].contains('='));
    if is_old_form {
        let first = tokens[0].clone();
        let rest = first.end..arguments.len();
        entries.push(pair(arguments, first, Some(rest), place.start));
    } else {
        for token in tokens {
            let equals = arguments[token.clone()]
                .find('=')
                .map(|at| token.start + at);
            let value = equals.map(|at| at + 1..token.end);
            entries.push(pair(
                arguments,
                token.start..equals.unwrap_or(token.end),
                value,
                place.start,
            ));
        }
    }
    Node::map(entries, place.clone())
}

fn pair(arguments: &str, name: Range<usize>, value: Option<Range<usize>>, shift: usize) -> Entry {
    let placed = |range: &Range<usize>| shift + range.start..shift + range.end;
    let node = match value {
        Some(range) => {
            let written = arguments[range.clone()].trim().trim_matches(['"', '\'']);
            Node::scalar(written, placed(&range))
        }
        None => Node {
            value: crate::document::node::Value::Null,
            range: placed(&name),
        },
    };
    Entry {
        key: arguments[name.clone()].to_owned(),
        key_range: placed(&name),
        node: Arc::new(node),
    }
}

/// Splits at white space outside quotes.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].len() - text[at..].trim_start().len();
        if at >= text.len() {
            return None;
        }
        let start = at;
        let mut quote = None;
        let mut escaped = false;
        let length = text[start..].find(|character: char| {
            if escaped {
                escaped = false;
                return false;
            }
            match (quote, character) {
                (_, '\\') => escaped = true,
                (Some(open), _) if open == character => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, _) => return character.is_whitespace(),
                _ => {}
            }
            false
        });
        at = length.map_or(text.len(), |length| start + length);
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Instruction> {
        split(text).unwrap()
    }

    #[test]
    fn heredocs_belong_to_their_instruction() {
        let found = read("FROM a\nRUN <<EOF\ncurl x | sh\nEOF\nUSER b\n");
        assert_eq!(found.len(), 3);
        assert!(
            found[1]
                .node
                .get("text")
                .unwrap()
                .text()
                .unwrap()
                .contains("curl x | sh")
        );
    }

    #[test]
    fn pairs_are_read_in_both_forms() {
        let found = read("ENV A=1 B=\"x y\"\nENV OLD some words\nARG BARE\n");
        let first = found[0].node.get("pairs").unwrap();
        assert_eq!(first.get("B").unwrap().text(), Some("x y"));
        assert_eq!(
            found[1]
                .node
                .get("pairs")
                .unwrap()
                .get("OLD")
                .unwrap()
                .text(),
            Some("some words")
        );
        assert_eq!(
            found[2]
                .node
                .get("pairs")
                .unwrap()
                .get("BARE")
                .unwrap()
                .text(),
            None
        );
    }

    #[test]
    fn flags_and_words_are_told_apart() {
        let found = read("COPY --from=build --chown=a:b /x /y\nADD [\"a\", \"b\"]\n");
        assert_eq!(
            found[0]
                .node
                .get("flags")
                .unwrap()
                .get("from")
                .unwrap()
                .text(),
            Some("build")
        );
        let words: Vec<_> = found[1]
            .node
            .get("words")
            .unwrap()
            .items()
            .iter()
            .map(|word| word.text().unwrap())
            .collect();
        assert_eq!(words, ["a", "b"]);
    }
}
