//! Reads JSON into a document tree; comments and trailing commas, as editors' settings have them, are let pass.

use std::ops::Range;
use std::sync::Arc;

use super::node::{Entry, MAX_DEPTH, MAX_NODES, Node, Value};

/// Reads one JSON value.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let mut reader = Reader {
        text,
        at: if text.starts_with('\u{feff}') { 3 } else { 0 },
        nodes: 0,
    };
    let node = reader.value(0)?;
    reader.blank();
    if reader.at < text.len() {
        return Err(reader.wrong("nothing more"));
    }
    Ok(node)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn wrong(&self, expected: &str) -> String {
        format!("expected {expected} at byte {}", self.at)
    }

    /// Passes white space and comments.
    fn blank(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            let length = if trimmed.starts_with("//") {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
            } else {
                return;
            };
            self.at += length;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, String> {
        self.blank();
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err("the document is too deep or too large".to_owned());
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::Scalar(self.string()?.0),
            _ => self.word()?,
        };
        Ok(Node {
            value,
            range: start..self.at,
        })
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            self.blank();
            if self.eat(b'}') {
                return Ok(Value::Map(entries));
            }
            let (key, key_range) = self.string()?;
            self.blank();
            if !self.eat(b':') {
                return Err(self.wrong("`:`"));
            }
            let node = Arc::new(self.value(depth + 1)?);
            entries.push(Entry {
                key,
                key_range,
                node,
            });
            self.separator(b'}')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blank();
            if self.eat(b']') {
                return Ok(Value::Seq(items));
            }
            items.push(Arc::new(self.value(depth + 1)?));
            self.separator(b']')?;
        }
    }

    fn separator(&mut self, end: u8) -> Result<(), String> {
        self.blank();
        if self.eat(b',') || self.peek() == Some(end) {
            return Ok(());
        }
        Err(self.wrong("`,`"))
    }

    /// Reads a quoted string; its range leaves the quotes out only in the text, not in the place.
    fn string(&mut self) -> Result<(String, Range<usize>), String> {
        let start = self.at;
        if !self.eat(b'"') {
            return Err(self.wrong("a string"));
        }
        let rest = &self.text[self.at..];
        let mut escaped = false;
        let end = rest.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes || byte == b'\n'
        });
        match end {
            Some(end) if rest.as_bytes()[end] == b'"' => {
                self.at += end + 1;
                let range = start..self.at;
                Ok((decode(&rest[..end], &self.text[range.clone()]), range))
            }
            _ => Err("a string is not closed".to_owned()),
        }
    }

    fn word(&mut self) -> Result<Value, String> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|character: char| {
                !(character.is_ascii_alphanumeric() || "+-.".contains(character))
            })
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let is_value = matches!(word, "true" | "false" | "null") || word.parse::<f64>().is_ok();
        if !is_value {
            return Err(self.wrong("a value"));
        }
        self.at += end;
        Ok(match word {
            "null" => Value::Null,
            _ => Value::Scalar(word.to_owned()),
        })
    }
}

/// Takes escapes out of a string's inside.
fn decode(inside: &str, quoted: &str) -> String {
    if !inside.contains('\\') {
        return inside.to_owned();
    }
    serde_json::from_str(quoted).unwrap_or_else(|_| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places() {
        let text = "// settings\n{\"a\": [1, true, null, \"x\\ny\",], /* b */ \"b\": {}}";
        let root = parse(text).unwrap();
        let items = root.get("a").unwrap().items();
        assert_eq!(items[3].text(), Some("x\ny"));
        assert_eq!(&text[items[3].range.clone()], "\"x\\ny\"");
        assert_eq!(items[2].value, Value::Null);
    }

    #[test]
    fn broken_json_is_an_error() {
        for text in ["", "{", "{\"a\" 1}", "[1 2]", "{} x", "\"a", "nul"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(1_000_000)).is_err());
    }
}
