//! Whether a file names a place that exists on one machine only.

use std::env;
use std::fs;
use std::path::Path;

/// Files that hold the path of this clone, of the build folder or of somebody's home.
pub(super) fn check(root: &Path, files: &[String]) -> Vec<String> {
    let places = places(root);
    let mut problems = Vec::new();
    for file in files {
        // File contents that are reviewed are not ours to judge.
        let is_data = ["eval/", "rules/", "bench/"]
            .iter()
            .any(|folder| file.starts_with(folder));
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let names_place = places.iter().any(|place| line.contains(place));
            let names_home = !is_data && !file.ends_with(".rs") && names_home(line);
            if names_place || names_home {
                problems.push(format!(
                    "{file}:{}: names a place of one machine",
                    index + 1
                ));
            }
        }
    }
    problems
}

fn places(root: &Path) -> Vec<String> {
    let variables = ["CARGO_TARGET_DIR", "CARGO_HOME"];
    let named = variables.into_iter().filter_map(|name| env::var(name).ok());
    let own = root.display().to_string();
    let places = named
        .chain([own])
        .filter(|place| place.starts_with('/') && place.len() > 6);
    places.collect()
}

fn names_home(line: &str) -> bool {
    ["/home/", "/Users/"].iter().any(|home| {
        line.match_indices(home).any(|(at, _)| {
            let before = line.get(..at).unwrap_or_default().chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "._-}~>".contains(c))
        })
    })
}
