//! Reads SARIF 2.1.0, as far as its readers here need it.

pub mod wire;

use wire::{Artifact, Component, Entry, Log, Physical, Rule, Run, at};

/// Why something is no SARIF.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; 0 if it is about all of it.
    pub line: usize,
    /// In words.
    pub message: String,
}

/// Reads a file, with or without a byte order mark.
pub fn read(bytes: &[u8]) -> Result<Log, Fault> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let log: Log = serde_json::from_slice(bytes).map_err(|error| Fault {
        line: error.line(),
        message: format!("no SARIF 2.1.0: {error}"),
    })?;
    if log.version != "2.1.0" {
        return Err(Fault {
            line: 1,
            message: format!("SARIF version `{}`; allowed is `2.1.0`", log.version),
        });
    }
    Ok(log)
}

/// What a result calls its rule; empty if nobody says.
pub fn rule_id<'a>(run: &'a Run, entry: &'a Entry) -> &'a str {
    (entry.rule_id.as_deref())
        .or_else(|| entry.rule.as_ref()?.id.as_deref())
        .or_else(|| Some(rule(run, entry)?.id.as_str()))
        .unwrap_or_default()
}

/// The rule of a result, if the run lists it.
pub fn rule<'a>(run: &'a Run, entry: &Entry) -> Option<&'a Rule> {
    let tool = run.tool.as_ref()?;
    let reference = entry.rule.as_ref();
    let id = entry
        .rule_id
        .as_deref()
        .or_else(|| reference?.id.as_deref());
    let index = (entry.rule_index).or_else(|| reference?.index);
    let components = || std::iter::once(&tool.driver).chain(&tool.extensions);
    let named = reference.and_then(|each| each.tool_component.as_ref());
    let component = match named {
        None => &tool.driver,
        Some(reference) => at(&tool.extensions, reference.index)
            .or_else(|| {
                components().find(|each| each.name.is_some() && each.name == reference.name)
            })
            .unwrap_or(&tool.driver),
    };
    let by_id = |id: &str| {
        let mut rules = components().flat_map(|each: &Component| &each.rules);
        rules.find(|rule| rule.id == id)
    };
    let by_index = || at(&component.rules, index);
    id.and_then(by_id)
        .or_else(by_index)
        .or_else(|| by_id(id?.rsplit_once('/')?.0))
}

/// Whether a place is named from the root of a machine.
pub fn is_rooted(run: &Run, location: &Physical) -> bool {
    let file = location.artifact_location.as_ref();
    let uri = file.and_then(|file| absolute(run, file));
    uri.is_some_and(|uri| uri.starts_with('/') || uri.contains("://"))
}

/// The file of a place, and its first and last line.
pub fn lines_of(run: &Run, location: &Physical) -> Option<(String, Option<(u32, u32)>)> {
    let artifact = location.artifact_location.as_ref()?;
    let listed = || at(&run.artifacts, artifact.index)?.location.as_ref();
    let file = match artifact.uri {
        Some(_) => artifact,
        None => listed()?,
    };
    let lines = location.region.as_ref().and_then(|region| {
        let first = region.start_line?;
        Some((first, region.end_line.unwrap_or(first).max(first)))
    });
    Some((path_of(&absolute(run, file)?), lines))
}

/// The URI of a file with the folders it is relative to.
fn absolute(run: &Run, file: &Artifact) -> Option<String> {
    let mut uri = file.uri.clone()?;
    let mut base = file.uri_base_id.as_deref();
    // A base may name a base; a circle of them ends here.
    for _ in 0..run.original_uri_base_ids.len() {
        let Some(folder) = base.and_then(|name| run.original_uri_base_ids.get(name)) else {
            break;
        };
        if let Some(prefix) = folder.uri.as_deref().filter(|prefix| !prefix.is_empty()) {
            uri = format!("{}/{uri}", prefix.trim_end_matches('/'));
        }
        base = folder.uri_base_id.as_deref();
    }
    Some(uri)
}

/// Decodes a URI into a path without scheme, leading slash or `./`.
fn path_of(uri: &str) -> String {
    let uri = uri.strip_prefix("file://").unwrap_or(uri);
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| std::str::from_utf8(tail.get(..2)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    let path = String::from_utf8_lossy(&bytes).replace('\\', "/");
    let path = path.trim_start_matches('/');
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path.to_owned()
}
