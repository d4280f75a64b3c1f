//! Reads HCL (Terraform, Packer, Nomad) into a document tree: labels become names, expressions stay as they are written.

use std::sync::Arc;

use ast_grep_core::tree_sitter::LanguageExt;
use ast_grep_language::SupportLang;
use tree_sitter::{Node as Syntax, Parser};

use super::node::{Entry, MAX_DEPTH, MAX_NODES, Node, Value};

/// Reads one HCL file; `Err` carries what could be read as well.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser::new();
    parser
        .set_language(&SupportLang::Hcl.get_ts_language())
        .map_err(|error| error.to_string())?;
    let tree = parser.parse(text, None).ok_or("the parser gave up")?;
    if tree.root_node().has_error() {
        return Err("the file has a syntax error".to_owned());
    }
    let mut reader = Reader { text, nodes: 0 };
    let entries = match child(tree.root_node(), "body") {
        Some(body) => reader.body(body, 0)?,
        None => Vec::new(),
    };
    Ok(Node::map(entries, 0..text.len()))
}

struct Reader<'t> {
    text: &'t str,
    nodes: usize,
}

impl Reader<'_> {
    fn body(&mut self, body: Syntax<'_>, depth: usize) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        let mut cursor = body.walk();
        for item in body.named_children(&mut cursor) {
            match item.kind() {
                "attribute" => entries.extend(self.attribute(item, depth)?),
                "block" => entries.extend(self.block(item, depth)?),
                _ => {}
            }
        }
        Ok(entries)
    }

    fn attribute(&mut self, item: Syntax<'_>, depth: usize) -> Result<Option<Entry>, String> {
        let (Some(name), Some(value)) = (child(item, "identifier"), child(item, "expression"))
        else {
            return Ok(None);
        };
        Ok(Some(Entry {
            key: self.text[name.byte_range()].to_owned(),
            key_range: name.byte_range(),
            node: Arc::new(self.expression(value, depth + 1)?),
        }))
    }

    /// Reads `type "label" … { body }` as maps within maps; the innermost is the body.
    fn block(&mut self, item: Syntax<'_>, depth: usize) -> Result<Option<Entry>, String> {
        self.count(depth)?;
        let mut cursor = item.walk();
        let mut names = Vec::new();
        let mut entries = Vec::new();
        for part in item.named_children(&mut cursor) {
            match part.kind() {
                "identifier" | "string_lit" => names.push(part.byte_range()),
                "body" => entries = self.body(part, depth + 1)?,
                _ => {}
            }
        }
        let mut node = Node::map(entries, item.byte_range());
        let mut outer = None;
        while let Some(range) = names.pop() {
            let entry = Entry {
                key: self.text[range.clone()].trim_matches('"').to_owned(),
                key_range: range,
                node: Arc::new(node),
            };
            node = Node::map(vec![entry.clone()], item.byte_range());
            outer = Some(entry);
        }
        Ok(outer)
    }

    fn expression(&mut self, item: Syntax<'_>, depth: usize) -> Result<Node, String> {
        self.count(depth)?;
        let range = item.byte_range();
        let inner = item
            .named_child(0)
            .filter(|_| item.named_child_count() == 1);
        let value = match inner.map(|inner| (inner, inner.kind())) {
            Some((inner, "collection_value")) => match inner.named_child(0) {
                Some(tuple) if tuple.kind() == "tuple" => self.tuple(tuple, depth)?,
                Some(object) => self.object(object, depth)?,
                None => Value::Null,
            },
            Some((inner, "literal_value")) => self.literal(inner),
            Some((inner, "template_expr")) => {
                let written = &self.text[inner.byte_range()];
                Value::Scalar(written.trim_matches('"').to_owned())
            }
            _ => Value::Scalar(self.text[range.clone()].to_owned()),
        };
        Ok(Node { value, range })
    }

    fn tuple(&mut self, tuple: Syntax<'_>, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        let mut cursor = tuple.walk();
        for item in tuple.named_children(&mut cursor) {
            if item.kind() == "expression" {
                items.push(Arc::new(self.expression(item, depth + 1)?));
            }
        }
        Ok(Value::Seq(items))
    }

    fn object(&mut self, object: Syntax<'_>, depth: usize) -> Result<Value, String> {
        let mut entries = Vec::new();
        let mut cursor = object.walk();
        for item in object.named_children(&mut cursor) {
            let (Some(key), Some(value)) = (
                item.child_by_field_name("key"),
                item.child_by_field_name("val"),
            ) else {
                continue;
            };
            entries.push(Entry {
                key: self.text[key.byte_range()].trim_matches('"').to_owned(),
                key_range: key.byte_range(),
                node: Arc::new(self.expression(value, depth + 1)?),
            });
        }
        Ok(Value::Map(entries))
    }

    fn literal(&self, literal: Syntax<'_>) -> Value {
        let written = &self.text[literal.byte_range()];
        match literal.named_child(0).map(|inner| inner.kind()) {
            Some("null_lit") => Value::Null,
            Some("string_lit") => Value::Scalar(
                written
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'))
                    .unwrap_or(written)
                    .to_owned(),
            ),
            _ => Value::Scalar(written.to_owned()),
        }
    }

    fn count(&mut self, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err("the document is too deep or too large".to_owned());
        }
        Ok(())
    }
}

fn child<'t>(node: Syntax<'t>, kind: &str) -> Option<Syntax<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .find(|child| child.kind() == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_names_and_blocks_repeat() {
        let text = "resource \"aws_security_group\" \"web\" {\n  name = \"web\"\n  ingress {\n    cidr_blocks = [\"0.0.0.0/0\"]\n    from_port = 22\n  }\n  ingress {\n    cidr_blocks = var.office\n  }\n  tags = { Name = \"x\" }\n}\n";
        let root = parse(text).unwrap();
        let group = root
            .get("resource")
            .and_then(|types| types.get("aws_security_group"))
            .and_then(|names| names.get("web"))
            .unwrap();
        assert_eq!(group.get("name").unwrap().text(), Some("web"));
        let ingress: Vec<_> = group
            .entries()
            .iter()
            .filter(|entry| entry.key == "ingress")
            .collect();
        assert_eq!(ingress.len(), 2);
        assert_eq!(
            ingress[0].node.get("cidr_blocks").unwrap().items()[0].text(),
            Some("0.0.0.0/0")
        );
        assert_eq!(
            ingress[1].node.get("cidr_blocks").unwrap().text(),
            Some("var.office")
        );
        assert_eq!(
            group.get("tags").unwrap().get("Name").unwrap().text(),
            Some("x")
        );
    }

    #[test]
    fn broken_hcl_is_an_error() {
        assert!(parse("resource \"a\" {").is_err());
    }
}
