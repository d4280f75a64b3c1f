//! Reads SQL into a document tree: one entry for each statement, in the dialect that understands most of the file.

use std::ops::Range;
use std::sync::Arc;

use sqlparser::dialect::{
    Dialect, GenericDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::node::{Entry, MAX_NODES, Node, Value};

/// Chains of operators become trees as deep as they are long; longer ones are not read.
const LONGEST_CHAIN: usize = 1_000;

/// What one dialect made of a text.
#[derive(Default)]
struct Reading {
    statements: Vec<Node>,
    /// The first problem, and how many statements have one.
    problem: Option<String>,
    problems: usize,
}

/// Reads all statements: `statements` lists them, each with its `kind` and what the parser says of it.
///
/// The statements that were understood come even if others were not; the second value says what was not.
pub(crate) fn parse(text: &str) -> (Node, Option<String>) {
    let dialects: [&dyn Dialect; 5] = [
        &GenericDialect {},
        &PostgreSqlDialect {},
        &MySqlDialect {},
        &MsSqlDialect {},
        &SQLiteDialect {},
    ];
    let lines = line_starts(text);
    let mut best: Option<Reading> = None;
    for dialect in dialects {
        let reading = read(text, &lines, dialect);
        let is_whole = reading.problems == 0;
        if best
            .as_ref()
            .is_none_or(|best| reading.problems < best.problems)
        {
            best = Some(reading);
        }
        if is_whole {
            break;
        }
    }
    let best = best.unwrap_or_default();
    let statements = best.statements.into_iter().map(Arc::new).collect();
    let all = Node::seq(statements, 0..text.len());
    let root = Node::map(vec![Entry::derived("statements", all)], 0..text.len());
    (root, best.problem)
}

fn read(text: &str, lines: &[usize], dialect: &dyn Dialect) -> Reading {
    let mut reading = Reading::default();
    let tokens = match Tokenizer::new(dialect, text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => {
            reading.fail(error.to_string());
            return reading;
        }
    };
    let mut nodes = 0;
    for part in tokens.split(|token| token.token == Token::SemiColon) {
        let Some(first) = part.iter().find(|token| is_dark(token)) else {
            continue;
        };
        let last = part.iter().rfind(|token| is_dark(token)).unwrap_or(first);
        let range = byte(text, lines, first.span.start)..byte(text, lines, last.span.end);
        match statement(dialect, part) {
            Ok(value) => {
                let node = tagged(&value, &range, &mut nodes);
                reading.statements.push(node);
            }
            Err(problem) => reading.fail(problem),
        }
    }
    reading
}

fn statement(dialect: &dyn Dialect, tokens: &[TokenWithSpan]) -> Result<serde_json::Value, String> {
    let is_operator = |token: &&TokenWithSpan| match &token.token {
        Token::Word(word) => {
            let word = word.value.as_str();
            ["and", "or", "union", "join"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
        }
        Token::Comma | Token::Whitespace(_) | Token::LParen | Token::RParen => false,
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Period => false,
        _ => true,
    };
    if tokens.iter().filter(is_operator).count() > LONGEST_CHAIN {
        return Err(format!(
            "a statement has more than {LONGEST_CHAIN} operators"
        ));
    }
    let mut parser = Parser::new(dialect).with_tokens_with_locations(tokens.to_vec());
    let statement = parser
        .parse_statement()
        .map_err(|error| error.to_string())?;
    if parser.peek_token().token != Token::EOF {
        return Err(format!(
            "nothing more was expected at {}",
            parser.peek_token()
        ));
    }
    serde_json::to_value(&statement).map_err(|error| error.to_string())
}

impl Reading {
    fn fail(&mut self, problem: String) {
        self.problems += 1;
        self.problem.get_or_insert(problem);
    }
}

fn is_dark(token: &TokenWithSpan) -> bool {
    !matches!(token.token, Token::Whitespace(_) | Token::EOF)
}

/// A statement: `kind` is its name, the rest what the parser has under it.
fn tagged(value: &serde_json::Value, range: &Range<usize>, nodes: &mut usize) -> Node {
    let (kind, body) = match value {
        serde_json::Value::Object(map) if map.len() == 1 => {
            let only = map.iter().next();
            only.map_or(("", value), |(kind, body)| (kind.as_str(), body))
        }
        serde_json::Value::String(kind) => (kind.as_str(), &serde_json::Value::Null),
        _ => ("", value),
    };
    let mut entries = vec![Entry::derived("kind", Node::scalar(kind, range.clone()))];
    match node(body, range, nodes).value {
        Value::Map(rest) => entries.extend(rest),
        other => entries.push(Entry::derived(
            "value",
            Node {
                value: other,
                range: range.clone(),
            },
        )),
    }
    Node::map(entries, range.clone())
}

fn node(value: &serde_json::Value, range: &Range<usize>, nodes: &mut usize) -> Node {
    *nodes += 1;
    let value = match value {
        _ if *nodes > MAX_NODES => Value::Null,
        serde_json::Value::Null => Value::Null,
        serde_json::Value::String(text) => Value::Scalar(text.clone()),
        serde_json::Value::Array(items) => {
            let items = items.iter().map(|item| Arc::new(node(item, range, nodes)));
            Value::Seq(items.collect())
        }
        serde_json::Value::Object(map) => {
            // What is not there is left out, and where things stand is known of whole statements.
            let entries = map
                .iter()
                .filter(|(key, value)| !key.ends_with("span") && !value.is_null());
            let entries =
                entries.map(|(key, value)| Entry::derived(key, node(value, range, nodes)));
            Value::Map(entries.collect())
        }
        other => Value::Scalar(other.to_string()),
    };
    Node {
        value,
        range: range.clone(),
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(breaks).collect()
}

/// The byte of a line and column, both from 1, columns in characters.
fn byte(text: &str, lines: &[usize], place: Location) -> usize {
    let index = |number: u64| {
        usize::try_from(number)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    let start = lines.get(index(place.line)).copied().unwrap_or(text.len());
    let rest = text.get(start..).unwrap_or_default();
    let offset = rest.char_indices().nth(index(place.column));
    start + offset.map_or(rest.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let (root, _) = parse(text);
        let statements = root.get("statements").unwrap();
        let kind = |node: &Arc<Node>| node.get("kind").unwrap().text().unwrap().to_owned();
        statements.items().iter().map(kind).collect()
    }

    #[test]
    fn statements_are_read_with_their_places() {
        let text = "-- first\nDELETE FROM a;\n\nUPDATE b SET c = 'é;' WHERE d = 1;\n";
        assert_eq!(kinds(text), ["Delete", "Update"]);
        let (root, problem) = parse(text);
        assert_eq!(problem, None);
        let second = &root.get("statements").unwrap().items()[1];
        assert_eq!(
            text.get(second.range.clone()),
            Some("UPDATE b SET c = 'é;' WHERE d = 1")
        );
    }

    #[test]
    fn a_statement_that_nobody_understands_does_not_hide_the_others() {
        let (_, problem) = parse("DELETE FROM a;\nFROB THE KNOB;\nDROP TABLE b;\n");
        assert!(problem.is_some());
        assert_eq!(
            kinds("DELETE FROM a;\nFROB THE KNOB;\nDROP TABLE b;\n"),
            ["Delete", "Drop"]
        );
    }

    #[test]
    fn dialects_are_tried_in_turn() {
        assert_eq!(
            parse("CREATE INDEX CONCURRENTLY i ON t (a);\nSELECT a::text FROM t;\n").1,
            None
        );
        assert_eq!(parse("CREATE TABLE `a` (`b` INT) ENGINE=InnoDB;\n").1, None);
    }

    #[test]
    fn long_chains_are_refused() {
        let chain = format!("SELECT 1{};", " + 1".repeat(50_000));
        assert!(parse(&chain).1.is_some());
        let deep = format!("SELECT {}1{};", "(".repeat(5_000), ")".repeat(5_000));
        assert!(parse(&deep).1.is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_makes_the_reader_panic(text in r#"((SELECT|DELETE FROM|WHERE|a|'|"|\(|\)|;|,|=|--|/\*|\$\$|\n|é|[0-9.]+) ?){0,40}"#) {
            let (root, _) = parse(&text);
            for statement in root.get("statements").unwrap().items() {
                prop_assert!(text.get(statement.range.clone()).is_some());
            }
        }
    }
}
