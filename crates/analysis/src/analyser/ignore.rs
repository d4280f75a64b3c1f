//! Ignore comments: `pullmill: ignore <rule>[, <rule>…] -- <reason>`. Without a reason a comment ignores nothing.

use std::ops::Range;

use pullmill_core::job::Ignore;

use crate::source::Source;

/// The start of every ignore comment.
const WORD: &str = "pullmill:";
/// A reason has at least this many characters that are not white space.
const SHORTEST_REASON: usize = 3;

/// Reads the ignore comments of a file; in code only real comments count, in text whole lines or what follows ` #`.
pub(super) fn ignores(source: &Source) -> Vec<Ignore> {
    let text = source.text();
    if !text.contains(WORD) {
        return Vec::new();
    }
    let comments = match (source.tree(), source.language()) {
        (Some(tree), _) => comments_of_code(tree.root().get_inner_node()),
        // Code that could not be parsed: nothing in it is known to be a comment.
        (None, Some(_)) => Vec::new(),
        (None, None) => comments_of_text(source),
    };
    let mut list = Vec::new();
    for (index, comment) in comments.iter().enumerate() {
        let Some((rules, reason)) = text.get(comment.clone()).and_then(parse) else {
            continue;
        };
        let line = target(
            source,
            comment,
            comments.get(index + 1..).unwrap_or_default(),
        );
        list.push(Ignore {
            line,
            rules,
            reason,
        });
    }
    list
}

fn comments_of_code(root: tree_sitter::Node<'_>) -> Vec<Range<usize>> {
    let mut comments = Vec::new();
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.is_extra() && node.kind().ends_with("comment") {
            comments.push(node.byte_range());
        } else if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return comments;
            }
        }
    }
}

fn comments_of_text(source: &Source) -> Vec<Range<usize>> {
    let text = source.text();
    (1..=source.lines().count())
        .filter_map(|line| {
            let range = source.lines().range(line);
            let words = text.get(range.clone())?;
            let start = words.len() - words.trim_start().len();
            let is_whole = ["#", "//", "<!--", ";", "--"]
                .iter()
                .any(|mark| words.trim_start().starts_with(mark));
            let offset = if is_whole {
                start
            } else {
                words.find(" # ").map(|at| at + 1)?
            };
            Some(range.start + offset..range.start + words.trim_end().len())
        })
        .collect()
}

/// The line a comment speaks of: its own if code stands before it, else the first line below that is no comment.
fn target(source: &Source, comment: &Range<usize>, later: &[Range<usize>]) -> u32 {
    let (first, _) = source.position(comment.start);
    if !is_alone(source, comment) {
        return first;
    }
    let mut line = source.position(comment.end.saturating_sub(1)).0 + 1;
    for next in later {
        if source.position(next.start).0 == line && is_alone(source, next) {
            line = source.position(next.end.saturating_sub(1)).0 + 1;
        }
    }
    line
}

fn is_alone(source: &Source, comment: &Range<usize>) -> bool {
    let line = source.lines().range(source.position(comment.start).0);
    source
        .text()
        .get(line.start..comment.start)
        .is_some_and(|before| before.trim().is_empty())
}

/// Rules and reason of a comment, if it is an ignore comment of ours.
fn parse(comment: &str) -> Option<(Vec<String>, String)> {
    let words = comment
        .trim_start_matches(|c: char| "#/*<!-;".contains(c) || c.is_whitespace())
        .trim_end_matches("*/")
        .trim_end_matches("-->");
    let rest = words
        .strip_prefix(WORD)?
        .trim_start()
        .strip_prefix("ignore")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (rules, reason) = rest.split_once("--")?;
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.chars().filter(|c| !c.is_whitespace()).count() < SHORTEST_REASON {
        return None;
    }
    let rules: Vec<String> = rules
        .split(',')
        .map(|rule| rule.trim().to_owned())
        .filter(|rule| !rule.is_empty() && rule != "*")
        .collect();
    (!rules.is_empty()).then_some((rules, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn python(text: &str) -> Vec<Ignore> {
        ignores(&Source::parse(text.as_bytes(), Language::Python).0)
    }

    fn reason<'a>(ignores: &'a [Ignore], rule: &str, line: u32) -> Option<&'a str> {
        let mut ignores = ignores.iter();
        let own = ignores.find(|ignore| ignore.sets_aside(rule, line));
        own.map(|ignore| ignore.reason.as_str())
    }

    #[test]
    fn comment_speaks_of_its_line_or_the_next_one() {
        let ignores = python(
            "a()  # pullmill: ignore python.x -- known to be safe\n\
             b()\n\
             # pullmill: ignore python.y, bugs.* -- old code\n\
             # more words\n\
             c()\n",
        );
        assert_eq!(reason(&ignores, "python.x", 1), Some("known to be safe"));
        assert_eq!(reason(&ignores, "python.x", 2), None);
        assert_eq!(reason(&ignores, "python.y", 5), Some("old code"));
        assert_eq!(reason(&ignores, "bugs.any", 5), Some("old code"));
        assert_eq!(reason(&ignores, "python.z", 5), None);
    }

    #[test]
    fn comment_without_reason_ignores_nothing() {
        for comment in [
            "# pullmill: ignore python.x",
            "# pullmill: ignore python.x --",
            "# pullmill: ignore python.x -- ok",
            "# pullmill: ignore -- because I say so",
            "# pullmill: ignore * -- because I say so",
            "# pullmill: ignored python.x -- because I say so",
            "# noqa",
            "# nosec",
            "# ast-grep-ignore",
        ] {
            let ignores = python(&format!("a()  {comment}\n"));
            assert_eq!(reason(&ignores, "python.x", 1), None, "{comment}");
        }
    }

    #[test]
    fn text_that_only_looks_like_a_comment_ignores_nothing() {
        let ignores = python("a('# pullmill: ignore python.x -- in a string')\n");
        assert_eq!(reason(&ignores, "python.x", 1), None);
    }

    #[test]
    fn text_formats_have_line_comments() {
        let source = Source::plain(b"# pullmill: ignore secrets.* -- test key\nkey: 1\nb: 2 # pullmill: ignore a.b -- fine here\n");
        let ignores = ignores(&source);
        assert_eq!(reason(&ignores, "secrets.any", 2), Some("test key"));
        assert_eq!(reason(&ignores, "a.b", 3), Some("fine here"));
    }
}
