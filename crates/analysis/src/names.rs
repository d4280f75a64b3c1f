//! Names that a file gives to people: command line flags, environment variables, routes and keys of configuration.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use pullmill_core::change::RepoPath;
use pullmill_core::docs::RenamedKind;
use pullmill_core::job::GivenName;
use regex::Regex;

use crate::language::Language;
use crate::source::Source;

/// Names of one file that are told; nobody documents more.
const MOST: usize = 500;

/// A kind of name, and where it is given. The last group that matched is the name.
struct Giver {
    kind: RenamedKind,
    shape: Regex,
}

/// The names of a file, in order.
#[must_use]
pub fn of(source: &Source, path: &RepoPath) -> Vec<GivenName> {
    let text = source.text();
    let mut names: Vec<(usize, GivenName)> = Vec::new();
    for giver in givers(source.language(), path) {
        for found in giver.shape.captures_iter(text).take(MOST) {
            let Some(name) = found.iter().skip(1).flatten().last() else {
                continue;
            };
            let line = source.lines().line(name.start());
            let whole = source.lines().range(line);
            let before = text.get(whole.start..name.start()).unwrap_or_default();
            let after = text.get(name.end()..whole.end).unwrap_or_default();
            let given = GivenName {
                kind: giver.kind,
                name: written(giver.kind, name.as_str()),
                line,
                around: digest(before, after),
            };
            names.push((name.start(), given));
        }
    }
    names.sort_by_key(|(at, _)| *at);
    names.truncate(MOST);
    names.into_iter().map(|(_, name)| name).collect()
}

/// Flags are written with two dashes, however the code has them.
fn written(kind: RenamedKind, name: &str) -> String {
    match kind {
        RenamedKind::Flag => format!("--{}", name.trim_start_matches('-')),
        _ => name.to_owned(),
    }
}

/// Equal for lines that are equal but for the name and for white space.
fn digest(before: &str, after: &str) -> String {
    let mut hasher = DefaultHasher::new();
    for part in [before, after] {
        for word in part.split_ascii_whitespace() {
            word.hash(&mut hasher);
        }
        0_u8.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn givers(language: Option<Language>, path: &RepoPath) -> &'static [Giver] {
    use RenamedKind::{Flag, Key, Route, Variable};
    static PYTHON: OnceLock<Vec<Giver>> = OnceLock::new();
    static SCRIPT: OnceLock<Vec<Giver>> = OnceLock::new();
    static JAVA: OnceLock<Vec<Giver>> = OnceLock::new();
    static GO: OnceLock<Vec<Giver>> = OnceLock::new();
    static RUST: OnceLock<Vec<Giver>> = OnceLock::new();
    static KEYS: OnceLock<Vec<Giver>> = OnceLock::new();
    static VARIABLES: OnceLock<Vec<Giver>> = OnceLock::new();
    match language {
        Some(Language::Python) => PYTHON.get_or_init(|| {
            givers_of(&[
                (Variable, r#"\bos\.(?:environ(?:\.get)?\s*[\[(]|getenv\s*\()\s*["']([A-Za-z_]\w*)["']"#),
                (Flag, r#"\b(?:add_argument|option|Option)\s*\(\s*(?:["']-\w["']\s*,\s*)?["'](--[a-z][a-z0-9-]*)"#),
                (Route, r#"(?m)^\s*@\w+(?:\.\w+)*\.(?:route|get|post|put|delete|patch)\s*\(\s*["'](/[^"'\s]*)["']"#),
            ])
        }),
        Some(Language::JavaScript | Language::TypeScript | Language::Tsx) => {
            SCRIPT.get_or_init(|| {
                givers_of(&[
                    (Variable, r#"\bprocess\.env(?:\.([A-Z][A-Z0-9_]*)\b|\[\s*["']([A-Za-z_]\w*)["']\s*\])"#),
                    (Flag, r#"\.(?:option|requiredOption)\(\s*["'](?:-\w,\s*)?(--[a-z][a-z0-9-]*)"#),
                    (Route, r#"\b(?:app|router|server|fastify|api)\.(?:get|post|put|delete|patch|all)\(\s*["'`](/[^"'`\s]*)["'`]"#),
                ])
            })
        }
        Some(Language::Java) => JAVA.get_or_init(|| {
            givers_of(&[
                (Variable, r#"\bSystem\.getenv\(\s*"(\w+)""#),
                (Flag, r#"@(?:CommandLine\.)?Option\([^)"]*(?:"-\w"\s*,\s*)?"(--[a-z][a-z0-9-]*)""#),
                (Route, r#"@(?:(?:Get|Post|Put|Delete|Patch|Request)Mapping|Path)\(\s*(?:(?:value|path)\s*=\s*)?"(/[^"\s]*)""#),
            ])
        }),
        Some(Language::Go) => GO.get_or_init(|| {
            givers_of(&[
                (Variable, r#"\bos\.(?:Getenv|LookupEnv)\(\s*"(\w+)""#),
                (Flag, r#"\b(?:flag|flags|fs|Flags\(\)|PersistentFlags\(\))\.(?:String|Bool|Int|Uint|Float|Duration)\w*\(\s*(?:&[\w.]+\s*,\s*)?"([a-z][a-z0-9-]*)""#),
                (Route, r#"\.(?:HandleFunc|Handle|GET|POST|PUT|DELETE|PATCH|Get|Post|Put|Delete|Patch)\(\s*"(?:[A-Z]+ )?(/[^"\s]*)""#),
            ])
        }),
        Some(Language::Rust) => RUST.get_or_init(|| {
            givers_of(&[
                (Variable, r#"\benv::var(?:_os)?\(\s*"(\w+)"|\b(?:option_)?env!\(\s*"(\w+)""#),
                (Flag, r#"\blong\s*=\s*"([a-z][a-z0-9-]*)""#),
                (Route, r#"(?:\.route\(\s*|#\[(?:get|post|put|delete|patch)\()"(/[^"\s]*)""#),
            ])
        }),
        None if path.file_name().starts_with(".env") => VARIABLES
            .get_or_init(|| givers_of(&[(Variable, r"(?m)^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=")])),
        None if matches!(path.extension().as_str(), "toml" | "ini" | "cfg" | "conf" | "properties" | "yml" | "yaml") => {
            KEYS.get_or_init(|| givers_of(&[(Key, r"(?m)^[ \t]*([A-Za-z_][\w.-]*)[ \t]*[:=][ \t]*\S")]))
        }
        None => &[],
    }
}

fn givers_of(shapes: &[(RenamedKind, &str)]) -> Vec<Giver> {
    // A shape that is no expression would be found by the first test that uses its language.
    let givers = shapes.iter().filter_map(|(kind, shape)| {
        let shape = Regex::new(shape).ok()?;
        Some(Giver { kind: *kind, shape })
    });
    givers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        let path = RepoPath::from(path);
        let source = match Language::detect(&path, text.as_bytes()) {
            Some(language) => Source::parse(text.as_bytes(), language).0,
            None => Source::plain(text.as_bytes()),
        };
        let names = of(&source, &path);
        names
            .iter()
            .map(|name| format!("{} {:?} {}", name.line, name.kind, name.name))
            .collect()
    }

    #[test]
    fn names_are_found_where_they_are_given() {
        let python = "import os\na = os.environ[\"SHOP_URL\"]\nb = os.getenv('SHOP_KEY', '')\n\
            p.add_argument(\"-v\", \"--very-loud\")\n@app.get(\"/users/<id>\")\ndef f(): pass\ngit(\"--no-pager\")\n";
        assert_eq!(
            told("a.py", python),
            [
                "2 Variable SHOP_URL",
                "3 Variable SHOP_KEY",
                "4 Flag --very-loud",
                "5 Route /users/<id>"
            ]
        );
        let script = "const a = process.env.SHOP_URL;\nconst b = process.env[\"shop_key\"];\n\
            program.option(\"-p, --port <n>\");\nrouter.post('/users', f);\naxios.get('/users');\n";
        assert_eq!(
            told("a.ts", script),
            [
                "1 Variable SHOP_URL",
                "2 Variable shop_key",
                "3 Flag --port",
                "4 Route /users"
            ]
        );
        let java = "class A { @GetMapping(path = \"/users\") void f() { System.getenv(\"SHOP_URL\"); }\n@Option(names = {\"-p\", \"--port\"}) int p; }";
        assert_eq!(
            told("A.java", java),
            ["1 Route /users", "1 Variable SHOP_URL", "2 Flag --port"]
        );
        let go = "package a\nvar u = os.Getenv(\"SHOP_URL\")\nvar p = flag.Int(\"port\", 1, \"\")\n\
            func f() { cmd.Flags().StringVar(&c.name, \"name\", \"\", \"\"); mux.HandleFunc(\"GET /users\", g) }\n";
        assert_eq!(
            told("a.go", go),
            [
                "2 Variable SHOP_URL",
                "3 Flag --port",
                "4 Flag --name",
                "4 Route /users"
            ]
        );
        let rust = "fn f() { std::env::var(\"SHOP_URL\"); env!(\"SHOP_KEY\"); }\n#[arg(long = \"port\")]\nstruct A;\nfn g() { Router::new().route(\"/users\", get(h)) }\n";
        assert_eq!(
            told("a.rs", rust),
            [
                "1 Variable SHOP_URL",
                "1 Variable SHOP_KEY",
                "2 Flag --port",
                "4 Route /users"
            ]
        );
        assert_eq!(
            told(".env.example", "# x\nSHOP_URL=http://x\n"),
            ["2 Variable SHOP_URL"]
        );
        assert_eq!(
            told(
                "a.toml",
                "[server]\nmax_size = 3\n# old = 4\nname = \"x\"\n"
            ),
            ["2 Key max_size", "4 Key name"]
        );
    }

    #[test]
    fn every_shape_is_an_expression() {
        for path in ["a.py", "a.js", "a.java", "a.go", "a.rs"] {
            let path = RepoPath::from(path);
            assert_eq!(
                givers(Language::detect(&path, b""), &path).len(),
                3,
                "{path}"
            );
        }
        assert_eq!(givers(None, &".env".into()).len(), 1);
        assert_eq!(givers(None, &"a.yml".into()).len(), 1);
    }
}
