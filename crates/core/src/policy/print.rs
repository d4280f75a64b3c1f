//! Prints a policy as a commented TOML file, in the order of the table of keys.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Policy;
use super::key::{Key, ROOT, Shape};

/// The longest line of the printed file, where it can be helped.
const WIDTH: usize = 100;

/// Prints the effective configuration.
pub(super) fn policy(policy: &Policy) -> String {
    let mut out = String::from(
        "# Configuration of Pullmill. Every key may be left out; what stands here is what then holds.\n\
         # Lists replace their defaults. Path patterns are like those of .gitignore, without negation.\n",
    );
    let values = match serde_json::to_value(policy) {
        Ok(Value::Object(values)) => values,
        _ => Map::new(),
    };
    table(&mut out, "", ROOT, &values);
    out
}

fn table(out: &mut String, path: &str, keys: &[Key], values: &Map<String, Value>) {
    for key in keys {
        let value = values.get(key.name).unwrap_or(&Value::Null);
        let full = if path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{path}.{}", key.name)
        };
        out.push('\n');
        comment(out, key.doc);
        match (&key.shape, value) {
            (Shape::Table(keys), Value::Object(values)) => {
                let _ = writeln!(out, "[{full}]");
                table(out, &full, keys, values);
            }
            (Shape::SeverityByRule, Value::Object(values)) => {
                let _ = writeln!(out, "[{full}]");
                if values.is_empty() {
                    out.push_str("# \"python.weak-hash\" = \"low\"\n");
                }
                for (rule, severity) in values {
                    let _ = writeln!(out, "{} = {}", text(rule), toml(severity, 0));
                }
            }
            (Shape::Tables { keys, example }, Value::Array(entries)) => {
                tables(out, &full, keys, entries, example);
            }
            (shape, value) => {
                comment(out, &format!("Allowed: {}.", shape.allowed()));
                let _ = writeln!(out, "{} = {}", key.name, toml(value, key.name.len() + 3));
            }
        }
    }
}

fn tables(out: &mut String, path: &str, keys: &[Key], entries: &[Value], example: &str) {
    for key in keys {
        let needed = if key.is_required { "" } else { " (optional)" };
        let text = format!("{}{needed}: {} {}", key.name, key.doc, allowed(&key.shape));
        comment(out, &format!("- {}", text.trim_end()));
    }
    if entries.is_empty() {
        for line in example.lines() {
            let _ = writeln!(out, "# {line}");
        }
    }
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "[[{path}]]");
        for key in keys {
            if let Some(value) = entry.get(key.name) {
                let _ = writeln!(out, "{} = {}", key.name, toml(value, key.name.len() + 3));
            }
        }
    }
}

fn allowed(shape: &Shape) -> String {
    match shape {
        Shape::List { .. } => String::new(),
        shape => format!("Allowed: {}.", shape.allowed()),
    }
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

/// Prints a value that stands behind `indent` characters.
pub(super) fn toml(value: &Value, indent: usize) -> String {
    match value {
        Value::String(string) => text(string),
        Value::Array(values) => list(values, indent),
        other => other.to_string(),
    }
}

fn list(values: &[Value], indent: usize) -> String {
    let items: Vec<String> = values.iter().map(|value| toml(value, 0)).collect();
    let short = format!("[{}]", items.join(", "));
    if indent + short.chars().count() <= WIDTH {
        return short;
    }
    let mut long = String::from("[\n");
    for item in items {
        let _ = writeln!(long, "  {item},");
    }
    long.push(']');
    long
}

fn text(string: &str) -> String {
    toml::Value::String(string.to_owned()).to_string()
}
