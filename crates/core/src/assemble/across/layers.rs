//! Parts of the code base that use others which the configuration does not let them use.

use std::collections::BTreeSet;

use super::super::Analyses;
use super::super::summary::reports;
use crate::change::RepoPath;
use crate::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use crate::policy::Layer;
use crate::rule_text::RuleText;

/// A file uses a layer that it may not use.
pub const LAYERS: RuleText = RuleText {
    id: "code.layering",
    agent: Agent::Architecture,
    severity: Severity::Medium,
    confidence: Confidence::High,
    category: "layering",
    message: "a file uses a layer that it may not use",
    why: "The configuration says which part may use which; every exception ties two parts together that were to stay apart.",
    fix: "Use what the layer may use, move the code, or change `layers` in the configuration first.",
};

/// How a module's file may end.
const ENDINGS: [&str; 14] = [
    "",
    ".py",
    "/__init__.py",
    ".js",
    ".ts",
    ".tsx",
    ".jsx",
    ".mjs",
    "/index.js",
    "/index.ts",
    ".java",
    ".rs",
    "/mod.rs",
    "/any.go",
];

/// New imports that cross into a layer they may not use.
pub(super) fn find(analyses: &Analyses, layers: &[Layer]) -> Vec<Finding> {
    let mut found = Vec::new();
    if layers.is_empty() {
        return found;
    }
    for (path, report) in reports(analyses) {
        let Some(own) = layer_of(layers, path) else {
            continue;
        };
        let Some(head) = &report.head else { continue };
        let before = report.base.iter().flat_map(|side| &side.imports);
        let before: BTreeSet<&str> = before.map(|import| import.module.as_str()).collect();
        for import in head
            .imports
            .iter()
            .filter(|import| !before.contains(import.module.as_str()))
        {
            let places = candidates(path, &import.module);
            let used = places.iter().find_map(|place| layer_of(layers, place));
            let Some(used) = used.filter(|used| used.name != own.name) else {
                continue;
            };
            if own.may_use.contains(&used.name) {
                continue;
            }
            let location = Location {
                path: path.clone(),
                line: import.line,
                column: 1,
                end_line: import.line,
                end_column: 1,
            };
            found.push(Finding {
                message: format!(
                    "`{}` may not use `{}`: `{}`",
                    own.name, used.name, import.module
                ),
                fingerprint: stem(LAYERS.id, Some(path.as_str()), &import.module),
                ..LAYERS.finding(location)
            });
        }
    }
    found
}

fn layer_of<'l>(layers: &'l [Layer], path: &RepoPath) -> Option<&'l Layer> {
    layers.iter().find(|layer| layer.paths.matches(path))
}

/// The files that an import may mean. Where the modules' root is, nobody says, so every folder around the file may be it.
fn candidates(path: &RepoPath, module: &str) -> Vec<RepoPath> {
    let folders: Vec<&str> = path.as_str().split('/').collect();
    let folders = &folders[..folders.len() - 1];
    let mut stems = Vec::new();
    if module.starts_with('.') && module.contains('/') || module == "." || module == ".." {
        stems.push(joined(folders, module.split('/')));
    } else if let Some(rest) = module.strip_prefix('.') {
        // Python: a dot for the own package, and one for each above it.
        let up = rest.len() - rest.trim_start_matches('.').len();
        let around = &folders[..folders.len().saturating_sub(up)];
        stems.push(joined(around, rest.trim_start_matches('.').split('.')));
    } else {
        let plain = module.trim_start_matches("@/").trim_start_matches("~/");
        let parts: Vec<&str> = if plain.contains('/') {
            plain.split('/').collect()
        } else if plain.contains("::") {
            plain.split("::").filter(|part| *part != "crate").collect()
        } else {
            plain.split('.').collect()
        };
        for depth in 0..=folders.len() {
            // The last words may be names in the module, the first ones the repository's own address.
            for first in 0..parts.len() {
                for last in (first + 1..=parts.len()).rev() {
                    stems.push(joined(
                        &folders[..depth],
                        parts[first..last].iter().copied(),
                    ));
                }
                if !module.contains('/') {
                    break;
                }
            }
        }
    }
    let ended =
        |stem: &String| ENDINGS.map(|ending| RepoPath::from(format!("{stem}{ending}").as_str()));
    stems.iter().flat_map(ended).collect()
}

fn joined<'p>(folders: &[&'p str], parts: impl Iterator<Item = &'p str>) -> String {
    let mut all = folders.to_vec();
    for part in parts {
        match part {
            "" | "." => {}
            ".." => {
                all.pop();
            }
            part => all.push(part),
        }
    }
    all.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(path: &str, module: &str, file: &str) -> bool {
        candidates(&path.into(), module).contains(&file.into())
    }

    #[test]
    fn an_import_means_a_file() {
        for (path, module, file) in [
            (
                "src/shop/web/views.py",
                "shop.db.models",
                "src/shop/db/models.py",
            ),
            (
                "src/shop/web/views.py",
                "..db.models",
                "src/shop/db/models.py",
            ),
            ("src/shop/web/views.py", ".forms", "src/shop/web/forms.py"),
            ("shop/web/views.py", "shop.db", "shop/db/__init__.py"),
            (
                "web/src/pages/a.tsx",
                "../db/client",
                "web/src/db/client.ts",
            ),
            ("web/src/pages/a.tsx", "@/db/client", "web/src/db/client.ts"),
            (
                "src/main/java/org/shop/web/A.java",
                "org.shop.db.Users",
                "src/main/java/org/shop/db/Users.java",
            ),
            ("web/handler.go", "example.com/shop/db", "db/any.go"),
            (
                "src/web/mod.rs",
                "crate::db::models::User",
                "src/db/models.rs",
            ),
        ] {
            assert!(means(path, module, file), "{path} {module}");
        }
        assert!(!means("src/web/a.py", "os.path", "src/db/models.py"));
    }
}
