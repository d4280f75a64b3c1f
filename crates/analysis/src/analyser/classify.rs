//! Decides by path and first lines how a file is read: as code, as text, or not at all.

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::SkipReason;

use crate::document::Format;
use crate::language::{Language, interpreter};

/// Larger files are not read.
const MOST_BYTES: usize = 1024 * 1024;
/// Code with longer lines was not written by hand, and parsers are slow on it.
const LONGEST_LINE: usize = 20_000;
/// Scripts whose lines are this long on average are minified.
const MINIFIED_AVERAGE: usize = 500;
/// Markers of generated code count in the first lines only.
const MARKER_LINES: usize = 30;

/// How a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// As code.
    Code(Language),
    /// As text of this name; secrets, and documents if it is one.
    Text(&'static str),
    /// Not by the agents.
    Skipped {
        /// Why.
        reason: SkipReason,
        /// More for the reader.
        detail: String,
        /// Whether secrets are looked for nevertheless.
        has_secrets: bool,
        /// How it would be read without the marker in its first lines.
        unmarked: Option<Box<Class>>,
    },
}

impl Class {
    /// Undoes a marker of generated code that the change itself wrote: otherwise one comment could hide a change.
    pub(super) fn unless_marked_now(self, base: Option<&Self>) -> Self {
        match (&self, base) {
            (
                Self::Skipped {
                    unmarked: Some(plain),
                    ..
                },
                Some(base),
            ) if !matches!(base, Self::Skipped { .. }) => (**plain).clone(),
            _ => self,
        }
    }
}

/// Tells how a file is read.
pub(super) fn classify(path: &RepoPath, bytes: &[u8]) -> Class {
    if let Some(folder) = vendored_folder(path) {
        return skip(SkipReason::Vendored, format!("in {folder}/"), false);
    }
    if let Some(detail) = generated_name(path) {
        return skip(SkipReason::Generated, detail.to_owned(), false);
    }
    if bytes.len() > MOST_BYTES {
        let detail = format!("{} bytes, at most {MOST_BYTES} are read", bytes.len());
        return skip(SkipReason::TooLarge, detail, false);
    }
    let class = by_content(path, bytes);
    match marker(bytes) {
        Some(marker) => Class::Skipped {
            reason: SkipReason::Generated,
            detail: format!("marked `{marker}`"),
            has_secrets: true,
            unmarked: Some(Box::new(class)),
        },
        None => class,
    }
}

fn skip(reason: SkipReason, detail: String, has_secrets: bool) -> Class {
    Class::Skipped {
        reason,
        detail,
        has_secrets,
        unmarked: None,
    }
}

fn by_content(path: &RepoPath, bytes: &[u8]) -> Class {
    let language = Language::detect(path, bytes);
    let is_style = path.extension() == "css";
    if matches!(
        language,
        Some(Language::JavaScript | Language::TypeScript | Language::Tsx)
    ) || is_style
    {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        if bytes.len() / lines > MINIFIED_AVERAGE && bytes.len() > 2 * MINIFIED_AVERAGE {
            return skip(SkipReason::Generated, "minified".to_owned(), false);
        }
    }
    if let Some(language) = language {
        return match longest_line(bytes) {
            length if length > LONGEST_LINE => skip(
                SkipReason::TooLarge,
                format!("a line of {length} bytes, at most {LONGEST_LINE} are read"),
                true,
            ),
            _ => Class::Code(language),
        };
    }
    match unsupported(path, bytes) {
        Some(name) => skip(SkipReason::Unsupported, name.to_owned(), true),
        None => Class::Text(text_name(path)),
    }
}

fn longest_line(bytes: &[u8]) -> usize {
    bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}

fn vendored_folder(path: &RepoPath) -> Option<&str> {
    let (folders, _) = path.as_str().rsplit_once('/')?;
    folders.split('/').find(|folder| {
        matches!(
            *folder,
            "vendor"
                | "vendored"
                | "_vendor"
                | "third_party"
                | "third-party"
                | "thirdparty"
                | "node_modules"
                | "bower_components"
                | "site-packages"
                | ".venv"
        )
    })
}

fn generated_name(path: &RepoPath) -> Option<&'static str> {
    const LOCKS: [&str; 16] = [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "deno.lock",
        "Cargo.lock",
        "poetry.lock",
        "pdm.lock",
        "uv.lock",
        "Pipfile.lock",
        "composer.lock",
        "Gemfile.lock",
        "go.sum",
        "gradle.lockfile",
        ".terraform.lock.hcl",
    ];
    const ENDINGS: [&str; 12] = [
        ".min.js",
        ".min.mjs",
        ".min.css",
        ".bundle.js",
        ".map",
        ".snap",
        ".pb.go",
        "_pb2.py",
        "_pb2.pyi",
        "_pb2_grpc.py",
        "_pb.js",
        "_pb.d.ts",
    ];
    let name = path.file_name();
    if LOCKS.contains(&name) {
        return Some("lock file");
    }
    ENDINGS
        .iter()
        .any(|ending| name.ends_with(ending))
        .then_some("by its name")
}

/// The marker of generated code in a comment of the first lines, if there is one.
fn marker(bytes: &[u8]) -> Option<&'static str> {
    bytes
        .split(|byte| *byte == b'\n')
        .take(MARKER_LINES)
        .find_map(|line| marker_of_line(&String::from_utf8_lossy(line.get(..300).unwrap_or(line))))
}

fn marker_of_line(line: &str) -> Option<&'static str> {
    let words = line.trim_start();
    let is_indented = line.len() - words.len() > 3;
    let is_comment = ["#", "//", "/*", "*", "--", "<!--", ";", "\"\"\""]
        .iter()
        .any(|start| words.starts_with(start));
    if !is_comment || is_indented {
        return None;
    }
    let words = words.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '@');
    if words.starts_with("@generated") {
        return Some("@generated");
    }
    let lower = words.to_ascii_lowercase();
    let says_so = lower.contains("generated") && lower.contains("do not edit");
    let says_by_what = ["generated by", "generated from", "generated file"]
        .iter()
        .any(|phrase| lower.contains(phrase));
    (says_so || (lower.starts_with("auto") && says_by_what)).then_some("generated, do not edit")
}

/// The language's name, if the file is code that no agent reads.
fn unsupported(path: &RepoPath, bytes: &[u8]) -> Option<&'static str> {
    let extension = path.extension();
    if extension.is_empty() {
        return match interpreter(bytes)? {
            "sh" | "bash" | "zsh" | "dash" | "ksh" | "fish" => Some("shell"),
            "perl" => Some("perl"),
            "ruby" => Some("ruby"),
            "php" => Some("php"),
            "lua" => Some("lua"),
            "Rscript" => Some("r"),
            "awk" => Some("awk"),
            _ => Some("script"),
        };
    }
    UNSUPPORTED
        .iter()
        .find(|(_, extensions)| extensions.split(' ').any(|known| known == extension))
        .map(|(name, _)| *name)
}

const UNSUPPORTED: [(&str, &str); 33] = [
    ("c", "c h"),
    ("c++", "cc cpp cxx c++ hpp hh hxx ipp inl"),
    ("c#", "cs csx"),
    ("objective-c", "m mm"),
    ("kotlin", "kt kts"),
    ("scala", "scala sc"),
    ("groovy", "groovy gradle"),
    ("swift", "swift"),
    ("ruby", "rb rake gemspec erb"),
    ("php", "php phtml"),
    ("perl", "pl pm t"),
    ("lua", "lua"),
    ("r", "r"),
    ("julia", "jl"),
    ("dart", "dart"),
    ("elixir", "ex exs"),
    ("erlang", "erl hrl"),
    ("haskell", "hs lhs"),
    ("ocaml", "ml mli"),
    ("f#", "fs fsx fsi"),
    ("visual basic", "vb vbs bas"),
    ("clojure", "clj cljs cljc"),
    ("zig", "zig"),
    ("nim", "nim"),
    ("solidity", "sol"),
    ("shell", "sh bash zsh ksh fish"),
    ("powershell", "ps1 psm1"),
    ("batch", "bat cmd"),
    ("sql", "sql plsql"),
    ("assembly", "s asm"),
    ("vue", "vue"),
    ("svelte", "svelte astro"),
    ("notebook", "ipynb"),
];

fn text_name(path: &RepoPath) -> &'static str {
    match Format::of(path) {
        Some(Format::Yaml) => "yaml",
        Some(Format::Json) => "json",
        Some(Format::Hcl) => "hcl",
        Some(Format::Dockerfile) => "dockerfile",
        None => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(path: &str, text: &str) -> Option<SkipReason> {
        match classify(&RepoPath::from(path), text.as_bytes()) {
            Class::Skipped { reason, .. } => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn what_tools_wrote_is_told_by_name_and_marker() {
        let generated = Some(SkipReason::Generated);
        assert_eq!(reason("web/package-lock.json", "{}"), generated);
        assert_eq!(
            reason(
                "api/x.go",
                "// Code generated by protoc. DO NOT EDIT.\npackage x\n"
            ),
            generated
        );
        assert_eq!(reason("a.py", "# @generated\n"), generated);
        assert_eq!(reason("a.py", "x = '@generated'\n"), None);
        assert_eq!(reason("a.ts", "// Autogenerated by a tool\n"), generated);
        assert_eq!(
            reason("A.java", "// Auto-generated method stub\nclass A {}\n"),
            None
        );
        assert_eq!(reason("a.js", &"f();".repeat(2000)), generated);
    }

    #[test]
    fn marker_written_by_the_change_does_not_hide_it() {
        let path = RepoPath::from("a.py");
        let base = classify(&path, b"x = 1\n");
        let head = classify(&path, b"# @generated\nx = 2\n");
        assert_eq!(
            head.clone().unless_marked_now(Some(&base)),
            Class::Code(Language::Python)
        );
        assert_eq!(head.clone().unless_marked_now(Some(&head)), head);
    }

    #[test]
    fn unread_languages_are_named() {
        assert_eq!(reason("a.kt", "fun f() {}"), Some(SkipReason::Unsupported));
        assert_eq!(
            reason("bin/run", "#!/bin/sh\n"),
            Some(SkipReason::Unsupported)
        );
        assert_eq!(reason("README.md", "# Hello\n"), None);
        assert_eq!(reason("LICENSE", "words\n"), None);
        assert_eq!(
            reason("vendor/a/b.go", "package b\n"),
            Some(SkipReason::Vendored)
        );
        assert_eq!(reason("vendor.go", "package b\n"), None);
    }

    #[test]
    fn what_is_too_large_says_so() {
        let line = format!("x = \"{}\"\n", "a".repeat(30_000));
        assert_eq!(reason("a.py", &line), Some(SkipReason::TooLarge));
        assert_eq!(
            reason("a.txt", &"a\n".repeat(600_000)),
            Some(SkipReason::TooLarge)
        );
    }
}
