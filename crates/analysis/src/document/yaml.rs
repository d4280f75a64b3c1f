//! Reads YAML into document trees: anchors, aliases, merge keys and several documents, without expanding anything.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::node::{Entry, MAX_DEPTH, MAX_NODES, Node, Value};

/// Reads every document of a YAML stream.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::new(body, text.len() - body.len());
    for event in Parser::new_from_str(body) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

/// A list or map that is still open.
struct Open {
    anchor: usize,
    start: usize,
    end: usize,
    kind: OpenKind,
}

enum OpenKind {
    Seq(Vec<Arc<Node>>),
    /// Entries so far, and the key that waits for its value.
    Map(Vec<Entry>, Option<(String, Range<usize>)>),
}

struct Builder<'t> {
    text: &'t str,
    /// Byte offsets by character, if the text has characters of several bytes.
    offsets: Option<Vec<u32>>,
    shift: usize,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Arc<Node>>,
    documents: Vec<Node>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, shift: usize) -> Self {
        let offsets = (!text.is_ascii()).then(|| {
            text.char_indices()
                .map(|(offset, _)| u32::try_from(offset).unwrap_or(u32::MAX))
                .collect()
        });
        Self {
            text,
            offsets,
            shift,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            documents: Vec::new(),
            nodes: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err("the document has too many nodes".to_owned());
        }
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Alias(id) => {
                let range = self.range(span);
                let node = self.anchors.get(&id).cloned();
                self.put(node.unwrap_or_else(|| Arc::new(null(range.clone()))), range);
            }
            Event::Scalar(text, style, anchor, _) => {
                let range = self.range(span);
                let node = Arc::new(scalar(&text, style, range.clone()));
                self.remember(anchor, &node);
                self.put(node, range);
            }
            Event::SequenceStart(anchor, _) => {
                self.open(anchor, span, OpenKind::Seq(Vec::new()))?;
            }
            Event::MappingStart(anchor, _) => {
                self.open(anchor, span, OpenKind::Map(Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, span: Span, kind: OpenKind) -> Result<(), String> {
        if self.stack.len() >= MAX_DEPTH {
            return Err("the document is nested too deeply".to_owned());
        }
        let start = self.range(span).start;
        self.stack.push(Open {
            anchor,
            start,
            end: start,
            kind,
        });
        Ok(())
    }

    fn close(&mut self, span: Span) {
        let end = self.range(span).end;
        let Some(open) = self.stack.pop() else {
            return;
        };
        // A block collection ends where the next token begins; its last child says where it really ends.
        let flow = matches!(
            self.text.as_bytes().get(end.wrapping_sub(self.shift + 1)),
            Some(b']' | b'}')
        );
        let range = open.start..if flow { end.max(open.end) } else { open.end };
        let value = match open.kind {
            OpenKind::Seq(items) => Value::Seq(items),
            OpenKind::Map(entries, _) => Value::Map(self.merge(entries)),
        };
        let node = Arc::new(Node {
            value,
            range: range.clone(),
        });
        self.remember(open.anchor, &node);
        self.put(node, range);
    }

    fn remember(&mut self, anchor: usize, node: &Arc<Node>) {
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(node));
        }
    }

    /// Hands a finished node to what holds it; `range` is where it stands here.
    fn put(&mut self, node: Arc<Node>, range: Range<usize>) {
        let Some(open) = self.stack.last_mut() else {
            self.documents.push(Arc::unwrap_or_clone(node));
            return;
        };
        open.end = open.end.max(range.end);
        match &mut open.kind {
            OpenKind::Seq(items) => items.push(node),
            OpenKind::Map(entries, waiting) => match waiting.take() {
                Some((key, key_range)) => entries.push(Entry {
                    key,
                    key_range,
                    node,
                }),
                None => {
                    let key = node.text().unwrap_or_default().to_owned();
                    *waiting = Some((key, range));
                }
            },
        }
    }

    /// Adds what `<<` brings in; names that the map has itself win.
    fn merge(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let Some(at) = entries.iter().position(|entry| entry.key == "<<") else {
            return entries;
        };
        let merged = entries.remove(at).node;
        let sources: Vec<&Arc<Node>> = match &merged.value {
            Value::Seq(items) => items.iter().collect(),
            _ => vec![&merged],
        };
        for entry in sources.iter().flat_map(|source| source.entries()) {
            self.nodes += 1;
            if self.nodes <= MAX_NODES && !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry.clone());
            }
        }
        entries
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.offset(span.start.index());
        let end = self.offset(span.end.index()).max(start);
        let blank = self.text[start..end].trim_end().len();
        self.shift + start..self.shift + start + blank
    }

    fn offset(&self, character: usize) -> usize {
        let offset = match &self.offsets {
            Some(offsets) => offsets
                .get(character)
                .map_or(self.text.len(), |at| *at as usize),
            None => character,
        };
        offset.min(self.text.len())
    }
}

fn null(range: Range<usize>) -> Node {
    Node {
        value: Value::Null,
        range,
    }
}

fn scalar(text: &str, style: ScalarStyle, range: Range<usize>) -> Node {
    if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return null(range);
    }
    Node::scalar(text, range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_is_a_name_and_places_are_bytes() {
        let text = "name: é\non:\n  push: ~\njobs: {a: [x, 'y z']}\n";
        let root = &parse(text).unwrap()[0];
        assert_eq!(root.get("on").unwrap().entries()[0].key, "push");
        let items = root.get("jobs").unwrap().get("a").unwrap().items();
        assert_eq!(&text[items[1].range.clone()], "'y z'");
        assert_eq!(
            &text[root.get("jobs").unwrap().range.clone()],
            "{a: [x, 'y z']}"
        );
    }

    #[test]
    fn a_block_scalar_covers_its_lines() {
        let text = "run: |\n  one\n  two\n\nnext: 1\r\nlast: 2\r\n";
        let root = &parse(text).unwrap()[0];
        let run = root.get("run").unwrap();
        assert_eq!(run.text(), Some("one\ntwo\n"));
        assert!(
            text[run.range.clone()].ends_with("two"),
            "{:?}",
            &text[run.range.clone()]
        );
        assert_eq!(&text[root.get("last").unwrap().range.clone()], "2");
    }

    #[test]
    fn merge_keys_add_and_do_not_overwrite() {
        let root = &parse("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n").unwrap()[0];
        let b = root.get("b").unwrap();
        assert_eq!(b.get("x").unwrap().text(), Some("1"));
        assert_eq!(b.get("y").unwrap().text(), Some("3"));
    }

    #[test]
    fn aliases_of_aliases_stay_small() {
        let mut text = "a0: &a0 [x, x]\n".to_owned();
        for level in 1..60 {
            let below = level - 1;
            text += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n");
        }
        assert_eq!(parse(&text).unwrap().len(), 1);
    }

    #[test]
    fn several_documents_and_broken_ones() {
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap().len(), 2);
        assert!(parse("a: [1\nb: }").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
