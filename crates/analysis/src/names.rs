//! Names that a file gives to people: command line flags, environment variables, routes and keys of configuration.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use pullmill_core::change::RepoPath;
use pullmill_core::docs::RenamedKind;
use pullmill_core::job::GivenName;
use regex::Regex;

use crate::language::Language;
use crate::secrets::Scanner;
use crate::source::Source;

/// Names of one file that are told; nobody documents more.
const MOST: usize = 500;

/// A kind of name, and where it is given. The last group that matched is the name.
struct Giver {
    kind: RenamedKind,
    /// A file without any of these gives none; most files need no expression.
    words: &'static [&'static str],
    shape: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Giver {
    const fn new(kind: RenamedKind, words: &'static [&'static str], shape: &'static str) -> Self {
        Self {
            kind,
            words,
            shape,
            compiled: OnceLock::new(),
        }
    }

    /// The expression, if the text has a word of it.
    fn shape(&self, text: &str) -> Option<&Regex> {
        let has_word = self.words.iter().any(|word| text.contains(word));
        let compiled = || self.compiled.get_or_init(|| Regex::new(self.shape).ok());
        has_word.then(compiled)?.as_ref()
    }
}

/// The names of a file, in order.
#[must_use]
pub fn of(source: &Source, path: &RepoPath) -> Vec<GivenName> {
    let text = source.text();
    let mut names: Vec<(usize, GivenName)> = Vec::new();
    for giver in givers(source.language(), path) {
        let Some(shape) = giver.shape(text) else {
            continue;
        };
        for found in shape.captures_iter(text).take(MOST) {
            let Some(name) = found.iter().skip(1).flatten().last() else {
                continue;
            };
            // Names are shown wherever a change is told of: a route may hold a token.
            if !Scanner::new().scan(name.as_str(), path).is_empty() {
                continue;
            }
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

/// What gives names. Expressions know ASCII alone: the classes of Unicode cost more to make than the files to read.
fn givers(language: Option<Language>, path: &RepoPath) -> &'static [Giver] {
    use RenamedKind::{Flag, Key, Route, Variable};
    static PYTHON: [Giver; 3] = [
        Giver::new(
            Variable,
            &["os.environ", "os.getenv"],
            r#"(?-u:\b)os\.(?:environ(?:\.get)?[ \t]*[\[(]|getenv[ \t]*\()[ \t\r\n]*["']([A-Za-z_][A-Za-z0-9_]*)["']"#,
        ),
        Giver::new(
            Flag,
            &["add_argument", "option", "Option"],
            r#"(?-u:\b)(?:add_argument|option|Option)[ \t]*\([ \t\r\n]*(?:["']-[A-Za-z]["'][ \t\r\n]*,[ \t\r\n]*)?["'](--[a-z][a-z0-9-]*)"#,
        ),
        Giver::new(
            Route,
            &[".route", ".get", ".post", ".put", ".delete", ".patch"],
            r#"(?m)^[ \t]*@[A-Za-z0-9_.]+\.(?:route|get|post|put|delete|patch)[ \t]*\([ \t\r\n]*["'](/[^"' \t\r\n]*)["']"#,
        ),
    ];
    static SCRIPT: [Giver; 3] = [
        Giver::new(
            Variable,
            &["process.env"],
            r#"(?-u:\b)process\.env(?:\.([A-Z][A-Z0-9_]*)|\[[ \t]*["']([A-Za-z_][A-Za-z0-9_]*)["'][ \t]*\])"#,
        ),
        Giver::new(
            Flag,
            &[".option(", ".requiredOption("],
            r#"\.(?:option|requiredOption)\([ \t\r\n]*["'](?:-[A-Za-z],[ \t]*)?(--[a-z][a-z0-9-]*)"#,
        ),
        Giver::new(
            Route,
            &["app.", "router.", "server.", "fastify.", "api."],
            r#"(?-u:\b)(?:app|router|server|fastify|api)\.(?:get|post|put|delete|patch|all)\([ \t\r\n]*["'`](/[^"'` \t\r\n]*)["'`]"#,
        ),
    ];
    static JAVA: [Giver; 3] = [
        Giver::new(
            Variable,
            &["System.getenv"],
            r#"System\.getenv\([ \t]*"([A-Za-z0-9_]+)""#,
        ),
        Giver::new(
            Flag,
            &["Option("],
            r#"@(?:CommandLine\.)?Option\([^)"]*(?:"-[A-Za-z]"[ \t]*,[ \t]*)?"(--[a-z][a-z0-9-]*)""#,
        ),
        Giver::new(
            Route,
            &["Mapping(", "@Path("],
            r#"@(?:(?:Get|Post|Put|Delete|Patch|Request)Mapping|Path)\([ \t]*(?:(?:value|path)[ \t]*=[ \t]*)?"(/[^" \t\r\n]*)""#,
        ),
    ];
    static GO: [Giver; 3] = [
        Giver::new(
            Variable,
            &["os.Getenv", "os.LookupEnv"],
            r#"(?-u:\b)os\.(?:Getenv|LookupEnv)\([ \t]*"([A-Za-z0-9_]+)""#,
        ),
        Giver::new(
            Flag,
            &["flag", "fs.", "Flags()"],
            r#"(?:(?-u:\b)(?:flag|flags|fs)|Flags\(\))\.(?:String|Bool|Int|Uint|Float|Duration)[A-Za-z0-9]*\([ \t\r\n]*(?:&[A-Za-z0-9_.]+[ \t]*,[ \t]*)?"([a-z][a-z0-9-]*)""#,
        ),
        Giver::new(
            Route,
            &[
                "Handle", "GET", "POST", "PUT", "DELETE", "PATCH", ".Get(", ".Post(", ".Put(",
                ".Delete(", ".Patch(",
            ],
            r#"\.(?:HandleFunc|Handle|GET|POST|PUT|DELETE|PATCH|Get|Post|Put|Delete|Patch)\([ \t]*"(?:[A-Z]+ )?(/[^" \t\r\n]*)""#,
        ),
    ];
    static RUST: [Giver; 3] = [
        Giver::new(
            Variable,
            &["env::var", "env!("],
            r#"(?-u:\b)env::var(?:_os)?\([ \t]*"([A-Za-z0-9_]+)"|(?-u:\b)(?:option_)?env!\([ \t]*"([A-Za-z0-9_]+)""#,
        ),
        Giver::new(
            Flag,
            &["long"],
            r#"(?-u:\b)long[ \t]*=[ \t]*"([a-z][a-z0-9-]*)""#,
        ),
        Giver::new(
            Route,
            &[
                ".route(",
                "#[get(",
                "#[post(",
                "#[put(",
                "#[delete(",
                "#[patch(",
            ],
            r#"(?:\.route\([ \t\r\n]*|#\[(?:get|post|put|delete|patch)\()"(/[^" \t\r\n]*)""#,
        ),
    ];
    static KEYS: [Giver; 1] = [Giver::new(
        Key,
        &["=", ":"],
        r"(?m)^[ \t]*([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[:=][ \t]*[^ \t\r\n]",
    )];
    static VARIABLES: [Giver; 1] = [Giver::new(
        Variable,
        &["="],
        r"(?m)^[ \t]*(?:export[ \t]+)?([A-Z][A-Z0-9_]*)=",
    )];
    const CONFIGURATION: [&str; 7] = ["toml", "ini", "cfg", "conf", "properties", "yml", "yaml"];
    match language {
        Some(Language::Python) => &PYTHON,
        Some(Language::JavaScript | Language::TypeScript | Language::Tsx) => &SCRIPT,
        Some(Language::Java) => &JAVA,
        Some(Language::Go) => &GO,
        Some(Language::Rust) => &RUST,
        Some(_) => &[],
        None if path.file_name().starts_with(".env") => &VARIABLES,
        None if CONFIGURATION.contains(&path.extension().as_str()) => &KEYS,
        None => &[],
    }
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
    fn names_that_hold_secrets_are_not_told() {
        let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4).get(..36).unwrap());
        let text = format!(
            "@app.post(\"/hooks/{token}\")\ndef f(): pass\n@app.get(\"/users\")\ndef g(): pass\n"
        );
        assert_eq!(told("a.py", &text), ["3 Route /users"]);
    }

    #[test]
    fn every_shape_is_an_expression() {
        for path in ["a.py", "a.js", "a.java", "a.go", "a.rs", ".env", "a.yml"] {
            let path = RepoPath::from(path);
            for giver in givers(Language::detect(&path, b""), &path) {
                assert!(Regex::new(giver.shape).is_ok(), "{path}: {}", giver.shape);
            }
        }
    }
}
