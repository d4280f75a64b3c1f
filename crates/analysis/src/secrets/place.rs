//! What kind of file a path names, as far as secrets in it are more or less likely.

use pullmill_core::change::RepoPath;

/// What is known of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Test code, fixtures, examples, mocks.
    pub(super) is_test: bool,
    /// How values are written in it.
    pub(super) kind: Kind,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Code: only quoted text is a literal.
    Code,
    /// `name=value` to the end of the line: `.env`, properties, ini, shell, Dockerfile.
    Properties,
    /// YAML: `name: value` to the end of the line.
    Yaml,
    /// XML and its relatives: `<name>value</name>`.
    Xml,
    /// Prose, translations, style sheets, lock files: names in it mean nothing.
    Prose,
}

impl Place {
    pub(super) fn of(path: &RepoPath) -> Self {
        let lower = path.as_str().to_ascii_lowercase();
        Self {
            is_test: is_test(&lower),
            kind: kind(&lower),
        }
    }
}

fn is_test(path: &str) -> bool {
    const FOLDERS: [&str; 19] = [
        "test",
        "tests",
        "testing",
        "testdata",
        "test-data",
        "test_data",
        "__tests__",
        "__mocks__",
        "spec",
        "specs",
        "fixture",
        "fixtures",
        "mock",
        "mocks",
        "example",
        "examples",
        "sample",
        "samples",
        "e2e",
    ];
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or_default();
    folders.split('/').any(|folder| FOLDERS.contains(&folder))
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || stem == "conftest"
        || stem.starts_with("example")
        || [
            ".test.",
            ".spec.",
            ".example",
            ".sample",
            ".template",
            ".dist",
            ".stories.",
        ]
        .iter()
        .any(|part| name.contains(part))
        || is_camel_test(stem, name)
}

/// `LoginTest.java`, `LoginTests.cs`, `LoginIT.java`; the path is in lower case by now.
fn is_camel_test(stem: &str, name: &str) -> bool {
    [".java", ".kt", ".cs", ".scala", ".groovy", ".php", ".swift"]
        .iter()
        .any(|end| name.ends_with(end))
        && ["test", "tests", "testcase"]
            .iter()
            .any(|end| stem.ends_with(end))
}

fn kind(path: &str) -> Kind {
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_lock = matches!(
        name,
        "package-lock.json" | "pnpm-lock.yaml" | "go.sum" | "npm-shrinkwrap.json" | "composer.lock"
    ) || extension == "lock";
    let is_translation = [
        "/locales/",
        "/locale/",
        "/i18n/",
        "/translations/",
        "/lang/",
        "/l10n/",
        "/messages/",
    ]
    .iter()
    .any(|folder| format!("/{path}").contains(folder))
        || name.starts_with("messages_");
    if is_lock || is_translation {
        return Kind::Prose;
    }
    if name.starts_with(".env")
        || name.ends_with(".env")
        || name.starts_with("dockerfile")
        || name.starts_with("containerfile")
    {
        return Kind::Properties;
    }
    match extension {
        "properties" | "ini" | "cfg" | "conf" | "sh" | "bash" | "zsh" | "fish" | "env"
        | "envrc" | "dockerfile" | "npmrc" | "pypirc" | "netrc" | "service" => Kind::Properties,
        "yml" | "yaml" => Kind::Yaml,
        "xml" | "config" | "plist" | "csproj" | "xsd" | "pom" => Kind::Xml,
        "md" | "mdx" | "rst" | "txt" | "adoc" | "html" | "htm" | "css" | "scss" | "less"
        | "sass" | "svg" | "po" | "pot" | "csv" | "tsv" | "sum" | "patch" | "diff" | "log"
        | "ipynb" | "map" | "strings" | "arb" => Kind::Prose,
        _ => Kind::Code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_a_file_is() {
        let of = |path: &str| Place::of(&RepoPath::from(path));
        assert!(of("src/tests/a.py").is_test);
        assert!(of("src/a.test.ts").is_test);
        assert!(of("a/LoginTest.java").is_test);
        assert!(of(".env.example").is_test);
        assert!(!of("src/contest.py").is_test);
        assert_eq!(of("config/app.properties").kind, Kind::Properties);
        assert_eq!(of("web.config").kind, Kind::Xml);
        assert_eq!(of("yarn.lock").kind, Kind::Prose);
        assert_eq!(of("src/locales/en.json").kind, Kind::Prose);
    }
}
