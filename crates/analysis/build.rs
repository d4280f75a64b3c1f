//! Turns `rules/**/*.yml` into compact JSON, one pack per language or format, so that no YAML is read at start, with the literals
//! that `match` rules need, so that they are not looked for at start either.

#[expect(dead_code, reason = "only what is needed of whole rules is asked here")]
#[path = "src/matching/literals.rs"]
mod literals;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

const LANGUAGES: [&str; 16] = [
    "python",
    "javascript",
    "typescript",
    "tsx",
    "java",
    "go",
    "rust",
    "c",
    "cpp",
    "csharp",
    "ruby",
    "php",
    "bash",
    "kotlin",
    "scala",
    "swift",
];
const KINDS: [&str; 4] = ["match", "flow", "document", "measure"];

/// What ends up in one pack.
#[derive(Default)]
struct Pack {
    rules: Vec<Value>,
    models: Vec<Value>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../rules");
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/matching/literals.rs");
    let mut packs: BTreeMap<&str, Pack> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for file in rule_files(&root)? {
        println!("cargo::rerun-if-changed={}", file.display());
        let text = fs::read_to_string(&file)?;
        add_file(&text, &mut packs, &mut ids)
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    write(&packs, &ids)
}

/// All rule files in a fixed order.
fn rule_files(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        println!("cargo::rerun-if-changed={}", folder.display());
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn add_file(
    text: &str,
    packs: &mut BTreeMap<&str, Pack>,
    ids: &mut BTreeSet<String>,
) -> Result<(), Box<dyn Error>> {
    for document in serde_saphyr::from_multiple::<Value>(text)? {
        let Value::Object(mut rule) = document else {
            return Err("every document must be a map".into());
        };
        rule.remove("examples");
        let id = rule.get("id").and_then(Value::as_str).map(str::to_owned);
        add_rule(id.as_deref(), rule, packs).map_err(|error| match &id {
            Some(id) => format!("{id}: {error}"),
            None => error.to_string(),
        })?;
        if let Some(id) = id
            && !ids.insert(id.clone())
        {
            return Err(format!("{id}: this id is taken").into());
        }
    }
    Ok(())
}

/// Puts one document where it belongs; one without `id` is a flow model.
fn add_rule(
    id: Option<&str>,
    rule: Map<String, Value>,
    packs: &mut BTreeMap<&str, Pack>,
) -> Result<(), Box<dyn Error>> {
    if id.is_none() && rule.contains_key("message") {
        return Err("`id` is needed".into());
    }
    if id.is_some() {
        let kinds = KINDS.iter().filter(|kind| rule.contains_key(**kind));
        if kinds.count() != 1 {
            return Err("exactly one of match, flow, document, measure is needed".into());
        }
    }
    if rule.contains_key("document") {
        packs
            .entry("document")
            .or_default()
            .rules
            .push(Value::Object(rule));
        return Ok(());
    }
    for language in languages(&rule)? {
        let pack = packs.entry(language).or_default();
        let list = if id.is_some() {
            &mut pack.rules
        } else {
            &mut pack.models
        };
        list.push(Value::Object(rule.clone()));
    }
    Ok(())
}

fn languages(rule: &Map<String, Value>) -> Result<Vec<&'static str>, Box<dyn Error>> {
    let named = rule
        .get("languages")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
        .ok_or("`languages` is needed")?;
    named
        .iter()
        .map(|name| {
            LANGUAGES
                .into_iter()
                .find(|known| name.as_str() == Some(known))
                .ok_or_else(|| format!("unknown language {name}; known: {LANGUAGES:?}").into())
        })
        .collect()
}

fn write(packs: &BTreeMap<&str, Pack>, ids: &BTreeSet<String>) -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let empty = Pack::default();
    for name in LANGUAGES.into_iter().chain(["document"]) {
        let pack = packs.get(name).unwrap_or(&empty);
        let needs: BTreeMap<&str, Vec<Vec<String>>> = pack
            .rules
            .iter()
            .filter_map(|rule| {
                let id = rule.get("id")?.as_str()?;
                Some((id, literals::of(rule.get("match")?)))
            })
            .collect();
        let json =
            serde_json::json!({ "rules": pack.rules, "models": pack.models, "needs": needs });
        fs::write(out.join(format!("{name}.json")), serde_json::to_vec(&json)?)?;
    }
    fs::write(out.join("ids.json"), serde_json::to_vec(ids)?)?;
    Ok(())
}
