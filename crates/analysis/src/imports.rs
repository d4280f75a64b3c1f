//! Which modules a file uses, by the names it calls them.

use std::sync::OnceLock;

use pullmill_core::job::Import;
use regex::Regex;

use crate::language::Language;
use crate::source::Source;

/// More imports are not told.
const MOST: usize = 500;

/// The imports of a file, in order, each module once.
#[must_use]
pub fn of(source: &Source) -> Vec<Import> {
    let Some(shape) = source.language().and_then(shape) else {
        return Vec::new();
    };
    let mut imports: Vec<Import> = Vec::new();
    for found in shape.captures_iter(source.text()) {
        let Some(modules) = found.iter().skip(1).flatten().last() else {
            continue;
        };
        let line = source.lines().line(modules.start());
        for module in modules.as_str().split(',') {
            let module = module.split_whitespace().next().unwrap_or_default();
            if !module.is_empty() && !imports.iter().any(|import| import.module == module) {
                imports.push(Import {
                    module: module.to_owned(),
                    line,
                });
            }
        }
        if imports.len() >= MOST {
            break;
        }
    }
    imports
}

fn shape(language: Language) -> Option<&'static Regex> {
    static SHAPES: [OnceLock<Option<Regex>>; 5] = [const { OnceLock::new() }; 5];
    let (place, shape) = match language {
        Language::Python => (
            0,
            r"(?m)^[ \t]*(?:from[ \t]+([.A-Za-z0-9_]+)[ \t]+import(?-u:\b)|import[ \t]+([A-Za-z0-9_., \t]+))",
        ),
        Language::JavaScript | Language::TypeScript | Language::Tsx => (
            1,
            r#"(?:(?-u:\b)from[ \t]*|(?-u:\b)import[ \t]*\(?[ \t]*|(?-u:\b)require\([ \t]*)["']([^"' \t\r\n]+)["']"#,
        ),
        Language::Java => (
            2,
            r"(?m)^[ \t]*import[ \t]+(?:static[ \t]+)?([A-Za-z0-9_.]+)",
        ),
        Language::Go => (
            3,
            r#"(?m)^(?:import[ \t]+|\t)(?:[A-Za-z0-9_.]+[ \t]+)?"([^" \t\r\n]+)"[ \t]*(?://.*)?$"#,
        ),
        Language::Rust => (
            4,
            r"(?m)^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?use[ \t]+([A-Za-z0-9_:]+)",
        ),
        _ => return None,
    };
    SHAPES[place]
        .get_or_init(|| Regex::new(shape).ok())
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, language: Language) -> Vec<String> {
        let (source, _) = Source::parse(text.as_bytes(), language);
        let imports = of(&source);
        imports
            .iter()
            .map(|import| format!("{} {}", import.line, import.module))
            .collect()
    }

    #[test]
    fn imports_are_found_in_every_language() {
        assert_eq!(
            told(
                "import os, sys as s\nfrom ..db import models\nx = 'import no'\n",
                Language::Python
            ),
            ["1 os", "1 sys", "2 ..db"]
        );
        assert_eq!(
            told(
                "import a from '../db/a'\nimport './b'\nconst c = require(\"c\")\nexport { d } from 'd'\n",
                Language::TypeScript
            ),
            ["1 ../db/a", "2 ./b", "3 c", "4 d"]
        );
        assert_eq!(
            told(
                "import org.shop.db.Users;\nimport static org.shop.A.b;\nclass A {}",
                Language::Java
            ),
            ["1 org.shop.db.Users", "2 org.shop.A.b"]
        );
        assert_eq!(
            told(
                "package a\nimport \"os\"\nimport (\n\t\"fmt\"\n\tdb \"example.com/shop/db\"\n)\n",
                Language::Go
            ),
            ["2 os", "4 fmt", "5 example.com/shop/db"]
        );
        assert_eq!(
            told(
                "use crate::db::models::User;\npub(crate) use std::io::{self, Read};\n",
                Language::Rust
            ),
            ["1 crate::db::models::User", "2 std::io::"]
        );
    }
}
