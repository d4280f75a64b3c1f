//! Document rules: paths and predicates over YAML, JSON, HCL, Dockerfiles and SQL.

mod dockerfile;
mod hcl;
mod json;
mod node;
mod path;
mod predicate;
mod sql;
mod workflow;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use pullmill_core::change::RepoPath;

use crate::hit::Hit;
use crate::pattern::Pattern;
use crate::rule::RuleMeta;
use node::{Node, Value};
use path::{Budget, Path, Place};
use predicate::Predicate;

/// Most hits of one rule in one document.
const MAX_HITS: usize = 200;

/// A structured format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// YAML, every version alike.
    Yaml,
    /// JSON, with comments.
    Json,
    /// HCL: Terraform and its relatives.
    Hcl,
    /// Dockerfiles and Containerfiles.
    Dockerfile,
    /// SQL of any of the common dialects.
    Sql,
}

impl Format {
    /// The format of a file, by its name.
    #[must_use]
    pub fn of(path: &RepoPath) -> Option<Self> {
        let name = path.file_name().to_ascii_lowercase();
        let is_dockerfile = |stem: &str| {
            name.strip_prefix(stem)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        };
        match path.extension().to_ascii_lowercase().as_str() {
            "yml" | "yaml" => Some(Self::Yaml),
            "json" | "jsonc" => Some(Self::Json),
            "tf" | "hcl" | "tfvars" | "nomad" => Some(Self::Hcl),
            "sql" => Some(Self::Sql),
            "dockerfile" | "containerfile" => Some(Self::Dockerfile),
            "md" | "txt" | "sh" | "dockerignore" | "j2" | "tmpl" | "tpl" | "template" | "erb" => {
                None
            }
            _ if is_dockerfile("dockerfile") || is_dockerfile("containerfile") => {
                Some(Self::Dockerfile)
            }
            _ => None,
        }
    }

    /// Reads a text into its documents, and says what of it could not be read.
    fn read(self, text: &str, path: &RepoPath) -> (Vec<Node>, Option<String>) {
        let whole = match self {
            Self::Yaml => yaml::parse(text).map(|mut documents| {
                if workflow::is_workflow(path) {
                    for document in &mut documents {
                        workflow::annotate(document, text);
                    }
                }
                documents
            }),
            Self::Json => json::parse(text).map(|document| vec![document]),
            Self::Hcl => hcl::parse(text).map(|document| vec![document]),
            Self::Dockerfile => dockerfile::parse(text).map(|document| vec![document]),
            Self::Sql => {
                let (document, problem) = sql::parse(text);
                return (vec![document], problem);
            }
        };
        match whole {
            Ok(documents) => (documents, None),
            Err(problem) => (Vec::new(), Some(problem)),
        }
    }
}

/// The `document` part of a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentRule {
    /// What the files are written in.
    pub format: Format,
    /// Globs over repository paths; left out: every file of the format.
    #[serde(default)]
    pub files: Vec<String>,
    /// Every node on this path is tested; left out: the root of each document.
    #[serde(default)]
    each: Path,
    /// All must hold.
    r#where: Vec<Predicate>,
    /// Whose lines are reported; left out: the tested node.
    #[serde(default)]
    report: Path,
    #[serde(skip)]
    globs: OnceLock<GlobSet>,
}

/// What the document rules found in one file.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Hits in order of rule and place.
    pub hits: Vec<Hit>,
    /// Why the file could not be read, if it could not.
    pub parse_error: Option<String>,
}

impl DocumentRule {
    /// Says whether the rule is about files of this path.
    #[must_use]
    pub fn applies(&self, path: &RepoPath) -> bool {
        Format::of(path) == Some(self.format)
            && (self.files.is_empty() || self.globs().is_match(path.as_str()))
    }

    fn globs(&self) -> &GlobSet {
        self.globs
            .get_or_init(|| glob_set(&self.files).unwrap_or_default())
    }

    /// Every problem that reading the rule did not show: bad globs, bad patterns, predicates without a test.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(error) = glob_set(&self.files) {
            problems.push(error.to_string());
        }
        for predicate in &self.r#where {
            predicate.check(&mut problems);
        }
        problems
    }

    /// A path that the rule applies to, for trying its examples.
    #[must_use]
    pub fn sample_path(&self) -> RepoPath {
        let fallback = match self.format {
            Format::Yaml => "example.yml",
            Format::Json => "example.json",
            Format::Hcl => "example.tf",
            Format::Dockerfile => "Dockerfile",
            Format::Sql => "example.sql",
        };
        let sample = self
            .files
            .iter()
            .map(|glob| glob.replace("**/", "").replace('*', "example"));
        sample
            .map(|text| RepoPath::from(text.as_str()))
            .find(|path| self.applies(path))
            .unwrap_or_else(|| RepoPath::from(fallback))
    }

    fn hits(&self, meta: &Arc<RuleMeta>, text: &str, document: &Node, out: &mut Vec<Hit>) {
        let budget = Budget::new();
        let mut seen = BTreeSet::new();
        let _ = self
            .each
            .walk(Place::root(document), &budget, &mut |place| {
                if self.r#where.iter().all(|one| one.holds(place, &budget)) {
                    for hit in self.report(meta, text, place, &budget) {
                        if seen.insert((hit.range.start, hit.range.end)) {
                            out.push(hit);
                        }
                    }
                }
                if seen.len() < MAX_HITS {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
    }

    /// Hits at the reported node: where its patterns match, else its name, else its first line.
    fn report(
        &self,
        meta: &Arc<RuleMeta>,
        text: &str,
        place: Place<'_>,
        budget: &Budget,
    ) -> Vec<Hit> {
        let mut patterns = Vec::new();
        for predicate in &self.r#where {
            predicate.patterns_at(&self.report, &mut patterns);
        }
        let mut hits = Vec::new();
        let _ = self.report.walk(place, budget, &mut |reported| {
            hits = matched(meta, text, reported.node, &patterns);
            if hits.is_empty() {
                hits.push(Hit::new(meta, anchor(text, reported)));
            }
            for hit in &mut hits {
                hit.names.append(&mut names(place, reported));
            }
            ControlFlow::Break(())
        });
        if hits.is_empty() {
            hits.push(Hit::new(meta, anchor(text, place)));
        }
        hits
    }
}

/// Runs rules over one file. Rules that do not apply to the path are left out; without any, the file is not even read.
#[must_use]
pub fn analyse(text: &str, path: &RepoPath, rules: &[(Arc<RuleMeta>, DocumentRule)]) -> Outcome {
    let mut outcome = Outcome::default();
    let applying: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.applies(path))
        .collect();
    let Some((_, first)) = applying.first() else {
        return outcome;
    };
    let (documents, problem) = first.format.read(text, path);
    outcome.parse_error = problem;
    for (meta, rule) in applying {
        for document in &documents {
            rule.hits(meta, text, document, &mut outcome.hits);
        }
    }
    outcome
}

fn glob_set(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(GlobBuilder::new(glob).literal_separator(true).build()?);
    }
    builder.build()
}

/// Hits where a scalar's patterns match in the source; one for each line.
fn matched(meta: &Arc<RuleMeta>, text: &str, node: &Node, patterns: &[&Pattern]) -> Vec<Hit> {
    let (Some(value), Some(source)) = (node.text(), text.get(node.range.clone())) else {
        return Vec::new();
    };
    // A Dockerfile's joined lines keep every byte in its place, and comments are blanked in them.
    let searched = if value.len() == source.len() {
        value
    } else {
        source
    };
    let mut by_line: BTreeMap<usize, Hit> = BTreeMap::new();
    for regex in patterns.iter().filter_map(|pattern| pattern.regex()) {
        for captures in regex.captures_iter(searched).take(MAX_HITS) {
            let Some(all) = captures.get(0).filter(|all| !all.is_empty()) else {
                continue;
            };
            let lead = all.as_str().len() - all.as_str().trim_start().len();
            let range = node.range.start + all.start() + lead..node.range.start + all.end();
            let line = text[..range.start].matches('\n').count();
            by_line.entry(line).or_insert_with(|| {
                let mut hit = Hit::new(meta, range);
                for name in regex.capture_names().flatten() {
                    if let Some(group) = captures.name(name) {
                        hit.names.insert(name.to_owned(), group.as_str().to_owned());
                    }
                }
                hit
            });
        }
    }
    by_line.into_values().collect()
}

/// The bytes that stand for a node: a scalar's own, a named value's name, else the first line.
fn anchor(text: &str, place: Place<'_>) -> Range<usize> {
    let range = place.node.range.clone();
    match (&place.node.value, place.entry) {
        (Value::Scalar(_), _) => range,
        (_, Some(entry)) if !entry.key_range.is_empty() && entry.key_range != range => {
            entry.key_range.clone()
        }
        _ => {
            let shown = text.get(range.clone()).unwrap_or_default();
            let line = shown.lines().next().unwrap_or_default();
            range.start..range.start + line.len()
        }
    }
}

/// `key` and `value` of the reported node, and `each`, the name of the tested one.
fn names(tested: Place<'_>, reported: Place<'_>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    if let Some(entry) = reported.entry {
        names.insert("key".to_owned(), entry.key.clone());
    }
    if let Some(entry) = tested.entry {
        names.insert("each".to_owned(), entry.key.clone());
    }
    if let Some(value) = reported.node.text() {
        let line = value.lines().next().unwrap_or_default();
        names.insert("value".to_owned(), line.chars().take(80).collect());
    }
    names
}

#[cfg(test)]
mod tests;
