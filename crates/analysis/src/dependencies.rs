//! What a manifest depends on: names and versions as they are written.

use std::sync::OnceLock;

use pullmill_core::change::RepoPath;
use pullmill_core::job::Dependency;
use regex::Regex;
use serde_json::Value;

use crate::source::Source;

/// More of one manifest are not told.
const MOST: usize = 1_000;

/// The dependencies of a manifest, in order; empty for every other file.
#[must_use]
pub fn of(source: &Source, path: &RepoPath) -> Vec<Dependency> {
    let text = source.text();
    let name = path.file_name().to_ascii_lowercase();
    let mut found = match name.as_str() {
        "package.json" => of_json(
            text,
            "npm",
            &[
                "dependencies",
                "devDependencies",
                "peerDependencies",
                "optionalDependencies",
            ],
        ),
        "composer.json" => of_json(text, "composer", &["require", "require-dev"]),
        "cargo.toml" => of_toml(text, "cargo", |section| section.ends_with("dependencies")),
        "pyproject.toml" => of_pyproject(text),
        "go.mod" => of_lines(text, "go", go()),
        _ if name.contains("requirements") && path.extension() == "txt" => {
            of_lines(text, "pypi", python())
        }
        _ => Vec::new(),
    };
    found.truncate(MOST);
    found
}

fn of_json(text: &str, registry: &str, sections: &[&str]) -> Vec<Dependency> {
    let Ok(Value::Object(manifest)) = serde_json::from_str::<Value>(text) else {
        return Vec::new();
    };
    let sections = sections
        .iter()
        .filter_map(|name| manifest.get(*name)?.as_object());
    let entries = sections.flatten();
    entries
        .map(|(name, version)| Dependency {
            registry: registry.to_owned(),
            name: name.clone(),
            version: version.as_str().unwrap_or_default().to_owned(),
            line: line_of(text, &format!("\"{name}\"")),
        })
        .collect()
}

fn line_of(text: &str, word: &str) -> u32 {
    let before = text.find(word).and_then(|at| text.get(..at));
    let ends = before.map_or(0, |before| before.matches('\n').count());
    u32::try_from(ends + 1).unwrap_or(u32::MAX)
}

/// Lines `name = "version"` and `name = { version = "…" }` of certain tables.
fn of_toml(text: &str, registry: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut is_in = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            is_in = is_wanted(section.trim_matches(['[', ']']));
        } else if let Some((name, value)) = line
            .split_once('=')
            .filter(|_| is_in && !line.starts_with('#'))
        {
            let value = match value.split_once("version") {
                Some((front, rest)) if front.contains('{') => rest,
                _ => value,
            };
            let version = value.split('"').nth(1).unwrap_or_default();
            found.push(Dependency {
                registry: registry.to_owned(),
                name: name
                    .trim()
                    .trim_matches('"')
                    .split('.')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                version: version.to_owned(),
                line: number,
            });
        }
    }
    found
}

/// Poetry's tables, and the lists of the standard.
fn of_pyproject(text: &str) -> Vec<Dependency> {
    let mut found = of_toml(text, "pypi", |section| {
        section.starts_with("tool.poetry") && section.ends_with("dependencies")
    });
    let mut is_in = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let is_start = line.starts_with("dependencies") && line.contains('[');
        if is_start || is_in {
            for quoted in line.split(['"', '\'']).skip(1).step_by(2) {
                found.extend(of_lines(quoted, "pypi", python()).into_iter().map(|one| {
                    Dependency {
                        line: number,
                        ..one
                    }
                }));
            }
            is_in = !line.ends_with(']');
        }
    }
    found
}

fn of_lines(text: &str, registry: &str, shape: Option<&Regex>) -> Vec<Dependency> {
    let lines = (1..).zip(text.lines());
    let found = lines.filter_map(|(number, line)| {
        let found = shape?.captures(line)?;
        Some(Dependency {
            registry: registry.to_owned(),
            name: found.get(1)?.as_str().to_owned(),
            version: found
                .get(2)
                .map_or("", |version| version.as_str())
                .to_owned(),
            line: number,
        })
    });
    found.collect()
}

fn python() -> Option<&'static Regex> {
    static SHAPE: OnceLock<Option<Regex>> = OnceLock::new();
    SHAPE
        .get_or_init(|| {
            Regex::new(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:(?:==|>=|~=|<=|>|<|\^)\s*([0-9][^\s;,#]*))?").ok()
        })
        .as_ref()
}

fn go() -> Option<&'static Regex> {
    static SHAPE: OnceLock<Option<Regex>> = OnceLock::new();
    SHAPE
        .get_or_init(|| Regex::new(r"^(?:require)?\s+([a-z0-9.-]+\.[a-z]+/\S+)\s+v([0-9]\S*)").ok())
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        let found = of(&Source::plain(text.as_bytes()), &path.into());
        found
            .iter()
            .map(|one| format!("{} {} {}", one.line, one.name, one.version))
            .collect()
    }

    #[test]
    fn manifests_are_read() {
        assert_eq!(
            told(
                "web/package.json",
                "{\n \"name\": \"x\",\n \"dependencies\": {\n  \"left-pad\": \"^1.2.0\"\n },\n \"devDependencies\": {\"jest\": \"29\"}\n}"
            ),
            ["4 left-pad ^1.2.0", "6 jest 29"]
        );
        assert_eq!(
            told(
                "requirements.txt",
                "# x\nrequests==2.31.0\nflask[async]>=2 ; python_version > '3'\ndjango\n-r other.txt\n"
            ),
            ["2 requests 2.31.0", "3 flask 2", "4 django "]
        );
        assert_eq!(
            told(
                "Cargo.toml",
                "[package]\nname = \"x\"\n[dependencies]\nserde = { version = \"1.0\", features = [\"derive\"] }\nregex = \"1\"\n[dev-dependencies]\nproptest.workspace = true\n"
            ),
            ["4 serde 1.0", "5 regex 1", "7 proptest "]
        );
        assert_eq!(
            told(
                "pyproject.toml",
                "[project]\ndependencies = [\n  \"httpx>=0.27\",\n]\n[tool.poetry.dependencies]\nrich = \"^13.0\"\n"
            ),
            ["6 rich ^13.0", "3 httpx 0.27"]
        );
        assert_eq!(
            told(
                "go.mod",
                "module a\ngo 1.22\nrequire (\n\tgithub.com/a/b v1.2.3\n)\nrequire golang.org/x/net v0.1.0\n"
            ),
            ["4 github.com/a/b 1.2.3", "6 golang.org/x/net 0.1.0"]
        );
        assert_eq!(told("notes.txt", "requests==1\n"), [""; 0]);
    }
}
