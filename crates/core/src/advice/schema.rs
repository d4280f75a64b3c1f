//! JSON Schemas of answers, made from their types and cut down to what all providers take.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The schema of a type: inlined, every property required, no others allowed, nothing that providers refuse.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    compact(
        settings
            .into_generator()
            .into_root_schema_for::<T>()
            .to_value(),
    )
}

/// Cuts a schema down. Descriptions would be paid for with every call; the question says what is meant.
fn compact(schema: Value) -> Value {
    match schema {
        Value::Object(object) => Value::Object(object_of(object)),
        Value::Array(items) => items.into_iter().map(compact).collect(),
        other => other,
    }
}

fn object_of(object: Map<String, Value>) -> Map<String, Value> {
    if let Some(words) = object.get("oneOf").and_then(words) {
        return Map::from_iter([
            ("type".to_owned(), Value::from("string")),
            ("enum".to_owned(), words),
        ]);
    }
    let mut out = Map::new();
    for (key, value) in object {
        match key.as_str() {
            "$schema" | "title" | "description" | "format" | "minimum" | "maximum" | "default"
            | "required" => {}
            // Names of properties are no keywords.
            "properties" => {
                let properties = value.as_object().cloned().unwrap_or_default();
                let required: Vec<&String> = properties.keys().collect();
                out.insert("required".to_owned(), serde_json::json!(required));
                let properties = properties.into_iter();
                let properties = properties.map(|(name, value)| (name, compact(value)));
                out.insert(key, Value::Object(properties.collect()));
            }
            _ => {
                out.insert(key, compact(value));
            }
        }
    }
    out
}

/// The words of a choice between constants.
fn words(choice: &Value) -> Option<Value> {
    let choices = choice.as_array()?.iter();
    choices.map(|one| one.get("const").cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Advice;
    use super::*;

    #[test]
    fn the_schema_of_an_answer_asks_for_every_property_and_no_other() {
        let schema = schema_of::<Advice>();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(
            schema["required"],
            serde_json::json!(["files", "findings", "overview"])
        );
        let finding = &schema["properties"]["findings"]["items"];
        assert_eq!(finding["properties"]["severity"]["enum"][0], "info");
        assert_eq!(
            finding["properties"]["cwe"]["type"],
            serde_json::json!(["integer", "null"])
        );
        assert_eq!(finding["required"].as_array().unwrap().len(), 11);
        let text = schema.to_string();
        for word in ["description", "$ref", "format", "oneOf"] {
            assert!(!text.contains(word), "{text}");
        }
    }
}
