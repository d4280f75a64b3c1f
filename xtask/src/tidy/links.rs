//! Whether the relative links of our documents lead anywhere.

use std::fs;
use std::path::Path;

/// Links to files that are not there.
pub(super) fn check(root: &Path, files: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let documents = files.iter().filter(|file| {
        file.ends_with(".md") && !file.starts_with("eval/") && !file.contains("/fixtures/")
    });
    for file in documents {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        let folder = root.join(file);
        let folder = folder.parent().unwrap_or(root);
        for (line, target) in targets(&text) {
            if !folder.join(&target).exists() {
                problems.push(format!(
                    "{file}:{line}: links to {target}, which is not there"
                ));
            }
        }
    }
    problems
}

/// The targets of relative links outside code, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // Every second piece between back-ticks is code.
        for prose in line.split('`').step_by(2) {
            for (at, _) in prose.match_indices("](") {
                let rest = prose.get(at + 2..).unwrap_or_default();
                let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
                if !target.is_empty() && !target.contains(':') {
                    found.push((index + 1, target.to_owned()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_outside_code_are_found_without_their_anchors() {
        let text = "a [b](c.md#d) `[x](y)` [web](https://e.org)\n```\n[z](q)\n```\n[up](../f.md) [own](#g)\n";
        let expected = [(1, "c.md".to_owned()), (5, "../f.md".to_owned())];
        assert_eq!(targets(text), expected);
    }
}
