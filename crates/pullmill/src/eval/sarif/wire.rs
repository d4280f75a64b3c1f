//! The parts of SARIF 2.1.0 that a ground truth needs.

use serde::Deserialize;
use serde_json::Value;

use crate::eval::families;

/// A SARIF file.
#[derive(Debug, Deserialize)]
pub struct Log {
    /// The version of the format.
    pub version: String,
    /// What tools said.
    pub runs: Vec<Run>,
}

/// What one tool said.
#[derive(Debug, Deserialize)]
pub struct Run {
    /// The tool.
    pub tool: Option<Tool>,
    /// Its results.
    pub results: Option<Vec<Entry>>,
    /// Files that results point to by number.
    pub artifacts: Option<Vec<ArtifactEntry>>,
}

/// A tool.
#[derive(Debug, Deserialize)]
pub struct Tool {
    /// Its main part.
    pub driver: Component,
    /// Its other parts.
    #[serde(default)]
    pub extensions: Vec<Component>,
}

/// A part of a tool.
#[derive(Debug, Deserialize)]
pub struct Component {
    /// Its rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Tags and the like.
    #[serde(default)]
    pub properties: Value,
    /// What it is related to, such as weaknesses.
    #[serde(default)]
    pub relationships: Vec<Relationship>,
}

/// A relation to a taxon.
#[derive(Debug, Deserialize)]
pub struct Relationship {
    /// The taxon.
    pub target: Taxon,
}

/// An entry of a taxonomy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taxon {
    /// Its id, e.g. `89` or `CWE-89`.
    pub id: Option<String>,
    /// The taxonomy.
    pub tool_component: Option<Named>,
}

/// Something with a name.
#[derive(Debug, Deserialize)]
pub struct Named {
    /// The name.
    pub name: Option<String>,
}

/// A result.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The rule's id.
    pub rule_id: Option<String>,
    /// The rule's number.
    pub rule_index: Option<u64>,
    /// The rule by reference.
    pub rule: Option<Reference>,
    /// `fail`, `pass` or something else.
    pub kind: Option<String>,
    /// Where.
    pub locations: Option<Vec<Place>>,
    /// Weaknesses.
    #[serde(default)]
    pub taxa: Vec<Taxon>,
    /// Decisions to leave the result as it is.
    #[serde(default)]
    pub suppressions: Vec<Suppression>,
    /// Whatever else is known.
    #[serde(default)]
    pub properties: Value,
}

/// A reference to a rule.
#[derive(Debug, Deserialize)]
pub struct Reference {
    /// Its id.
    pub id: Option<String>,
    /// Its number.
    pub index: Option<u64>,
}

/// A decision to leave a result as it is.
#[derive(Debug, Deserialize)]
pub struct Suppression {
    /// `accepted` if left out.
    pub status: Option<String>,
}

/// A place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// In a file.
    pub physical_location: Option<Physical>,
}

/// A place in a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Physical {
    /// The file.
    pub artifact_location: Option<Artifact>,
    /// The lines.
    pub region: Option<Region>,
}

/// A file.
#[derive(Debug, Deserialize)]
pub struct Artifact {
    /// Where it is.
    pub uri: Option<String>,
    /// Its number among the run's artifacts.
    pub index: Option<u64>,
}

/// An entry of the run's list of files.
#[derive(Debug, Deserialize)]
pub struct ArtifactEntry {
    /// The file.
    pub location: Option<Artifact>,
}

/// Lines of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// First line, 1-based.
    pub start_line: Option<u32>,
    /// Last line.
    pub end_line: Option<u32>,
}

impl Entry {
    /// The weaknesses that the result names itself.
    #[must_use]
    pub fn weaknesses(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.taxa.iter().flat_map(Taxon::weaknesses).collect();
        numbers.extend(in_properties(&self.properties));
        numbers
    }

    /// Whether somebody decided to leave the result as it is.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        self.suppressions.iter().any(|each| {
            each.status
                .as_deref()
                .is_none_or(|status| status == "accepted")
        })
    }

    /// What the property `vulnerable` or `expected` says, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<bool> {
        let property = |name| self.properties.get(name)?.as_bool();
        property("vulnerable").or_else(|| property("expected"))
    }
}

impl Rule {
    /// The weaknesses that the rule is about.
    #[must_use]
    pub fn weaknesses(&self) -> Vec<u32> {
        let targets = self.relationships.iter().map(|each| &each.target);
        let mut numbers: Vec<u32> = targets.flat_map(Taxon::weaknesses).collect();
        numbers.extend(in_properties(&self.properties));
        numbers
    }
}

impl Taxon {
    fn weaknesses(&self) -> Vec<u32> {
        let id = self.id.as_deref().unwrap_or_default();
        let taxonomy = self
            .tool_component
            .as_ref()
            .and_then(|each| each.name.as_deref());
        match (id.parse(), taxonomy) {
            (Ok(number), Some(name)) if name.eq_ignore_ascii_case("cwe") => vec![number],
            _ => families::numbers_in(id),
        }
    }
}

/// Weaknesses in the properties `cwe` and `tags`, as numbers or text, alone or in lists.
fn in_properties(properties: &Value) -> Vec<u32> {
    let mut numbers = Vec::new();
    for (name, value) in properties.as_object().into_iter().flatten() {
        let is_cwe = name.to_ascii_lowercase().starts_with("cwe");
        if is_cwe || name == "tags" {
            let values = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            numbers.extend(values.iter().flat_map(|value| in_value(value, is_cwe)));
        }
    }
    numbers
}

fn in_value(value: &Value, is_cwe: bool) -> Vec<u32> {
    let bare = || match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match value {
        _ if is_cwe && bare().is_some() => bare().into_iter().collect(),
        Value::String(text) => families::numbers_in(text),
        _ => Vec::new(),
    }
}
