//! The parts of SARIF 2.1.0 that are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::eval::families;

/// Reads `null` as if it were left out.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    source: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

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
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The tool.
    pub tool: Option<Tool>,
    /// Its results.
    pub results: Option<Vec<Entry>>,
    /// Files that results point to by number.
    #[serde(default, deserialize_with = "or_default")]
    pub artifacts: Vec<ArtifactEntry>,
    /// Lists of weaknesses that results point to by number.
    #[serde(default, deserialize_with = "or_default")]
    pub taxonomies: Vec<Taxonomy>,
    /// Folders that locations are relative to, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub original_uri_base_ids: BTreeMap<String, Artifact>,
}

/// A tool.
#[derive(Debug, Deserialize)]
pub struct Tool {
    /// Its main part.
    pub driver: Component,
    /// Its other parts.
    #[serde(default, deserialize_with = "or_default")]
    pub extensions: Vec<Component>,
}

/// A part of a tool.
#[derive(Debug, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: Option<String>,
    /// Its rules.
    #[serde(default, deserialize_with = "or_default")]
    pub rules: Vec<Rule>,
}

/// A list of weaknesses.
#[derive(Debug, Deserialize)]
pub struct Taxonomy {
    /// Its name.
    pub name: Option<String>,
    /// Its entries.
    #[serde(default, deserialize_with = "or_default")]
    pub taxa: Vec<TaxonEntry>,
}

/// An entry of a list of weaknesses.
#[derive(Debug, Deserialize)]
pub struct TaxonEntry {
    /// Its id, e.g. `89` or `CWE-89`.
    pub id: Option<String>,
}

/// A text for people.
#[derive(Debug, Deserialize)]
pub struct Text {
    /// As it is.
    pub text: Option<String>,
}

/// How a rule is meant.
#[derive(Debug, Deserialize)]
pub struct Configuration {
    /// `error`, `warning`, `note` or `none`.
    pub level: Option<String>,
}

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// One line about it.
    pub short_description: Option<Text>,
    /// More about it.
    pub full_description: Option<Text>,
    /// What to do about it.
    pub help: Option<Text>,
    /// How it is meant unless a result says otherwise.
    pub default_configuration: Option<Configuration>,
    /// Tags and the like.
    #[serde(default)]
    pub properties: Value,
    /// What it is related to, such as weaknesses.
    #[serde(default, deserialize_with = "or_default")]
    pub relationships: Vec<Relationship>,
}

/// A relation to a taxon.
#[derive(Debug, Deserialize)]
pub struct Relationship {
    /// The taxon.
    pub target: Taxon,
}

/// A reference to an entry of a taxonomy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taxon {
    /// Its id, e.g. `89` or `CWE-89`.
    pub id: Option<String>,
    /// Its number.
    pub index: Option<i64>,
    /// The taxonomy.
    pub tool_component: Option<ComponentReference>,
}

/// A reference to a part of the tool, or to a taxonomy.
#[derive(Debug, Deserialize)]
pub struct ComponentReference {
    /// Its name.
    pub name: Option<String>,
    /// Its number.
    pub index: Option<i64>,
}

/// A result.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The rule's id.
    pub rule_id: Option<String>,
    /// The rule's number.
    pub rule_index: Option<i64>,
    /// The rule by reference.
    pub rule: Option<Reference>,
    /// `error`, `warning`, `note` or `none`.
    pub level: Option<String>,
    /// What it says.
    pub message: Option<Text>,
    /// `fail`, `pass` or something else.
    pub kind: Option<String>,
    /// Where.
    pub locations: Option<Vec<Place>>,
    /// Weaknesses.
    #[serde(default, deserialize_with = "or_default")]
    pub taxa: Vec<Taxon>,
    /// Decisions to leave the result as it is.
    #[serde(default, deserialize_with = "or_default")]
    pub suppressions: Vec<Suppression>,
    /// Whatever else is known.
    #[serde(default)]
    pub properties: Value,
}

/// A reference to a rule.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Its id.
    pub id: Option<String>,
    /// Its number.
    pub index: Option<i64>,
    /// The part of the tool it belongs to.
    pub tool_component: Option<ComponentReference>,
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

/// A file or folder.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Where it is.
    pub uri: Option<String>,
    /// The folder that this is relative to.
    pub uri_base_id: Option<String>,
    /// Its number among the run's artifacts.
    pub index: Option<i64>,
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
    /// The text there.
    pub snippet: Option<Text>,
}

impl Run {
    /// The weaknesses that the result names itself.
    #[must_use]
    pub fn weaknesses_of_entry(&self, entry: &Entry) -> Vec<u32> {
        let taxa = entry
            .taxa
            .iter()
            .flat_map(|taxon| self.weaknesses_of(taxon));
        taxa.chain(families::numbers_under(&entry.properties))
            .collect()
    }

    /// The weaknesses that the rule is about.
    #[must_use]
    pub fn weaknesses_of_rule(&self, rule: &Rule) -> Vec<u32> {
        let targets = rule.relationships.iter().map(|each| &each.target);
        let taxa = targets.flat_map(|taxon| self.weaknesses_of(taxon));
        taxa.chain(families::numbers_under(&rule.properties))
            .collect()
    }

    fn weaknesses_of(&self, taxon: &Taxon) -> Vec<u32> {
        let reference = taxon.tool_component.as_ref();
        let name = reference.and_then(|each| each.name.as_deref());
        let taxonomy = match name {
            Some(name) => (self.taxonomies.iter()).find(|each| each.name.as_deref() == Some(name)),
            None => at(&self.taxonomies, reference.and_then(|each| each.index)),
        };
        let entry = || at(&taxonomy?.taxa, taxon.index)?.id.as_deref();
        let id = taxon.id.as_deref().or_else(entry).unwrap_or_default();
        let name = name.or_else(|| taxonomy?.name.as_deref());
        match id.parse() {
            Ok(number) if name.is_some_and(|name| name.eq_ignore_ascii_case("cwe")) => {
                vec![number]
            }
            _ => families::numbers_in(id),
        }
    }
}

/// The entry of this number; `-1` is SARIF's word for none.
pub fn at<T>(list: &[T], index: Option<i64>) -> Option<&T> {
    list.get(usize::try_from(index?).ok()?)
}

impl Entry {
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
