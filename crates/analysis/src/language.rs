//! Languages that are read, and how a file's language is told.

use ast_grep_language::SupportLang;
use serde::{Deserialize, Serialize};

use pullmill_core::change::RepoPath;

use crate::grammar::Grammar;

/// A language with a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python.
    Python,
    /// JavaScript, with JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Java.
    Java,
    /// Go.
    Go,
    /// Rust.
    Rust,
    /// C.
    C,
    /// C++, and headers that may be either.
    Cpp,
    /// C#.
    CSharp,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Shell scripts.
    Bash,
    /// Kotlin.
    Kotlin,
    /// Scala.
    Scala,
    /// Swift.
    Swift,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 16] = [
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
        Self::Tsx,
        Self::Java,
        Self::Go,
        Self::Rust,
        Self::C,
        Self::Cpp,
        Self::CSharp,
        Self::Ruby,
        Self::Php,
        Self::Bash,
        Self::Kotlin,
        Self::Scala,
        Self::Swift,
    ];

    /// The word used in rules and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Tsx => "tsx",
            Self::Java => "java",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::CSharp => "csharp",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Bash => "bash",
            Self::Kotlin => "kotlin",
            Self::Scala => "scala",
            Self::Swift => "swift",
        }
    }

    /// An extension of this language's files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Python => "py",
            Self::JavaScript => "js",
            Self::TypeScript => "ts",
            Self::Tsx => "tsx",
            Self::Java => "java",
            Self::Go => "go",
            Self::Rust => "rs",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::CSharp => "cs",
            Self::Ruby => "rb",
            Self::Php => "php",
            Self::Bash => "sh",
            Self::Kotlin => "kt",
            Self::Scala => "scala",
            Self::Swift => "swift",
        }
    }

    /// Tells the language by the path, or by the interpreter a script names in its first line.
    #[must_use]
    pub fn detect(path: &RepoPath, start: &[u8]) -> Option<Self> {
        match path.extension().as_str() {
            "py" | "pyi" | "pyw" => Some(Self::Python),
            "js" | "jsx" | "mjs" | "cjs" => Some(Self::JavaScript),
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            "tsx" => Some(Self::Tsx),
            "java" => Some(Self::Java),
            "go" => Some(Self::Go),
            "rs" => Some(Self::Rust),
            "c" => Some(Self::C),
            "cc" | "cpp" | "cxx" | "h" | "hh" | "hpp" | "hxx" => Some(Self::Cpp),
            "cs" => Some(Self::CSharp),
            "rb" | "rake" | "gemspec" => Some(Self::Ruby),
            "php" | "phtml" => Some(Self::Php),
            "sh" | "bash" => Some(Self::Bash),
            "kt" | "kts" => Some(Self::Kotlin),
            "scala" | "sc" | "sbt" => Some(Self::Scala),
            "swift" => Some(Self::Swift),
            "" if matches!(path.file_name(), "Gemfile" | "Rakefile") => Some(Self::Ruby),
            "" => match interpreter(start)? {
                "python" => Some(Self::Python),
                "node" | "nodejs" => Some(Self::JavaScript),
                "ruby" => Some(Self::Ruby),
                "php" => Some(Self::Php),
                "sh" | "bash" | "dash" | "ksh" => Some(Self::Bash),
                "deno" | "bun" | "ts-node" | "tsx" => Some(Self::TypeScript),
                _ => None,
            },
            _ => None,
        }
    }

    /// The grammar.
    pub(crate) fn grammar(self) -> Grammar {
        Grammar::Brought(match self {
            Self::Python => SupportLang::Python,
            Self::JavaScript => SupportLang::JavaScript,
            Self::TypeScript => SupportLang::TypeScript,
            Self::Tsx => SupportLang::Tsx,
            Self::Java => SupportLang::Java,
            Self::Go => SupportLang::Go,
            Self::Rust => SupportLang::Rust,
            Self::C => SupportLang::C,
            Self::Cpp => SupportLang::Cpp,
            Self::CSharp => SupportLang::CSharp,
            Self::Ruby => SupportLang::Ruby,
            Self::Php => SupportLang::Php,
            Self::Bash => SupportLang::Bash,
            Self::Scala => SupportLang::Scala,
            Self::Swift => SupportLang::Swift,
            Self::Kotlin => return Grammar::Kotlin,
        })
    }
}

/// The program named in a `#!` line, without folder and version: `python` for `#!/usr/bin/env -S python3.12 -u`.
#[must_use]
pub fn interpreter(start: &[u8]) -> Option<&str> {
    let line = start.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line.get(..200).unwrap_or(line)).ok()?;
    let program = line
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .find(|word| *word != "env" && !word.starts_with('-') && !word.contains('='))?;
    Some(program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_extension_are_told_by_their_first_line() {
        let path = RepoPath::from("bin/tool");
        let detect = |text: &str| Language::detect(&path, text.as_bytes());
        assert_eq!(detect("#!/usr/bin/python3\n"), Some(Language::Python));
        assert_eq!(
            detect("#!/usr/bin/env -S A=1 python3.12 -u\nx"),
            Some(Language::Python)
        );
        assert_eq!(detect("#!/usr/bin/env node\n"), Some(Language::JavaScript));
        assert_eq!(detect("#!/bin/sh\n"), Some(Language::Bash));
        assert_eq!(detect("#!/bin/zsh\n"), None);
        assert_eq!(detect("python"), None);
    }

    #[test]
    fn extensions_are_read_without_case() {
        assert_eq!(
            Language::detect(&RepoPath::from("a/B.PY"), b""),
            Some(Language::Python)
        );
        assert_eq!(Language::detect(&RepoPath::from("a/.py"), b""), None);
    }
}
