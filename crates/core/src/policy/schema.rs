//! The JSON Schema of the configuration file, for editors that know TOML.

use serde_json::{Map, Value, json};

use super::Policy;
use super::glob::MAX_PATTERN;
use super::key::{Item, Key, MAX_ITEMS, MAX_NAME, MAX_PROSE, MAX_TEXT, ROOT, SEVERITIES, Shape};

/// The schema of the whole file.
pub(super) fn root() -> Value {
    let defaults = serde_json::to_value(Policy::default()).unwrap_or(Value::Null);
    let mut schema = table(ROOT, &defaults);
    schema.insert(
        "$schema".to_owned(),
        json!("http://json-schema.org/draft-07/schema#"),
    );
    schema.insert("title".to_owned(), json!("Pullmill configuration"));
    Value::Object(schema)
}

fn table(keys: &[Key], defaults: &Value) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in keys {
        let default = &defaults[key.name];
        let mut schema = shape(&key.shape, default);
        schema.insert("description".to_owned(), json!(key.doc));
        let is_leaf = !matches!(key.shape, Shape::Table(_) | Shape::Tables { .. });
        if is_leaf && !default.is_null() {
            schema.insert("default".to_owned(), default.clone());
        }
        properties.insert(key.name.to_owned(), Value::Object(schema));
    }
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.is_required)
        .map(|key| key.name)
        .collect();
    let mut schema = object(json!({"type": "object", "additionalProperties": false}));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn shape(shape: &Shape, defaults: &Value) -> Map<String, Value> {
    match shape {
        Shape::One(kind) => item(*kind),
        Shape::List { item: kind, min } => object(json!({
            "type": "array", "items": item(*kind), "minItems": min, "maxItems": MAX_ITEMS,
        })),
        Shape::SeverityByRule => object(json!({
            "type": "object",
            "propertyNames": item(Item::Rule),
            "additionalProperties": item(Item::Word(SEVERITIES)),
        })),
        Shape::Table(keys) => table(keys, defaults),
        Shape::Tables { keys, .. } => object(json!({
            "type": "array", "items": table(keys, &Value::Null), "maxItems": MAX_ITEMS,
        })),
    }
}

fn item(item: Item) -> Map<String, Value> {
    object(match item {
        Item::Word(words) => json!({"type": "string", "enum": words}),
        Item::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Item::Glob => {
            json!({"type": "string", "minLength": 1, "maxLength": MAX_PATTERN, "pattern": "^[^!]"})
        }
        Item::Rule => {
            json!({"type": "string", "pattern": r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.(\*|[a-z0-9-]+)$"})
        }
        Item::Prose => json!({"type": "string", "minLength": 1, "maxLength": MAX_PROSE}),
        Item::Text => json!({
            "type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": r"^[^\p{Cc}]+$",
        }),
        Item::Name => json!({
            "type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": r"^[\p{L}\p{N}_-]+$",
        }),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
