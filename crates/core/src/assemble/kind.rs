//! Names the kind of a file by its path alone, in words for the walkthrough.

use crate::change::RepoPath;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Workflow,
    Lockfile,
    Manifest,
    Migration,
    Container,
    Infrastructure,
    Test,
    Code,
    Configuration,
    Documentation,
    Style,
    Markup,
    Image,
    Data,
    Other,
}

const LOCKFILES: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "bun.lockb",
    "packages.lock.json",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "package.resolved",
    ".terraform.lock.hcl",
    "podfile.lock",
    "pipfile.lock",
];

const MANIFESTS: &[&str] = &[
    "package.json",
    "composer.json",
    "deno.json",
    "vcpkg.json",
    "cargo.toml",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pipfile",
    "go.mod",
    "go.work",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "gemfile",
    "package.swift",
    "mix.exs",
    "pubspec.yaml",
    ".gitmodules",
    "pnpm-workspace.yaml",
];

impl Kind {
    pub(super) fn of(path: &RepoPath) -> Self {
        let lower = path.as_str().to_ascii_lowercase();
        let name = lower.rsplit('/').next().unwrap_or(&lower);
        let extension = path.extension();
        let folders: Vec<&str> = lower.split('/').rev().skip(1).collect();
        Self::by_name(&lower, name, &extension)
            .or_else(|| Self::by_folder(&folders, name, &extension))
            .unwrap_or_else(|| Self::by_extension(name, &extension))
    }

    fn by_name(path: &str, name: &str, extension: &str) -> Option<Self> {
        let is_ci = path.starts_with(".github/workflows/")
            || path.starts_with(".github/actions/")
            || path.starts_with(".circleci/")
            || path.starts_with(".ci/")
            || matches!(
                name,
                ".gitlab-ci.yml" | "jenkinsfile" | ".travis.yml" | "azure-pipelines.yml"
            );
        let is_requirements = name.contains("requirements") && matches!(extension, "txt" | "in");
        if is_ci {
            Some(Self::Workflow)
        } else if LOCKFILES.contains(&name) || extension == "lock" {
            Some(Self::Lockfile)
        } else if MANIFESTS.contains(&name)
            || is_requirements
            || matches!(extension, "gemspec" | "csproj")
        {
            Some(Self::Manifest)
        } else if name.starts_with("dockerfile")
            || name.ends_with(".dockerfile")
            || name.contains("docker-compose")
            || name == "containerfile"
        {
            Some(Self::Container)
        } else {
            None
        }
    }

    fn by_folder(folders: &[&str], name: &str, extension: &str) -> Option<Self> {
        let is_in = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
        let stem = name.split('.').next().unwrap_or(name);
        let is_test = is_in(&["test", "tests", "__tests__", "spec", "testdata", "fixtures"])
            || stem.starts_with("test_")
            || stem.ends_with("_test")
            || stem.ends_with("_tests")
            || name.contains(".test.")
            || name.contains(".spec.");
        let is_code = Self::by_extension(name, extension) == Self::Code;
        if is_in(&["migrations", "migration", "migrate"]) {
            Some(Self::Migration)
        } else if is_test && (is_code || extension == "snap") {
            Some(Self::Test)
        } else {
            None
        }
    }

    fn by_extension(name: &str, extension: &str) -> Self {
        if matches!(
            name,
            "license" | "licence" | "notice" | "authors" | "readme" | "changelog" | "codeowners"
        ) {
            return Self::Documentation;
        }
        match extension {
            "md" | "mdx" | "rst" | "adoc" | "txt" => Self::Documentation,
            "tf" | "hcl" | "tfvars" | "bicep" => Self::Infrastructure,
            "css" | "scss" | "sass" | "less" => Self::Style,
            "html" | "htm" | "xml" | "xsl" | "jinja" | "j2" | "tmpl" => Self::Markup,
            "png" | "jpg" | "jpeg" | "gif" | "svg" | "webp" | "ico" | "bmp" => Self::Image,
            "csv" | "tsv" | "parquet" | "jsonl" | "ndjson" | "sqlite" | "snap" => Self::Data,
            "json" | "yml" | "yaml" | "toml" | "ini" | "cfg" | "conf" | "env" | "properties"
            | "editorconfig" => Self::Configuration,
            "" if name.starts_with('.') => Self::Configuration,
            _ if is_code_extension(extension) => Self::Code,
            _ => Self::Other,
        }
    }

    /// One file of this kind, with its article where there is one.
    pub(super) fn one(self) -> &'static str {
        match self {
            Self::Workflow => "a CI workflow",
            Self::Lockfile => "a lockfile",
            Self::Manifest => "a dependency manifest",
            Self::Migration => "a migration",
            Self::Container => "a container build",
            Self::Infrastructure => "infrastructure code",
            Self::Test => "tests",
            Self::Code => "code",
            Self::Configuration => "configuration",
            Self::Documentation => "documentation",
            Self::Style => "styles",
            Self::Markup => "markup",
            Self::Image => "an image",
            Self::Data => "data",
            Self::Other => "a file",
        }
    }

    /// Several files of this kind.
    pub(super) fn many(self) -> &'static str {
        match self {
            Self::Workflow => "CI workflows",
            Self::Lockfile => "lockfiles",
            Self::Manifest => "dependency manifests",
            Self::Migration => "migrations",
            Self::Container => "container builds",
            Self::Image => "images",
            Self::Other => "other files",
            same => same.one(),
        }
    }
}

fn is_code_extension(extension: &str) -> bool {
    matches!(
        extension,
        "rs" | "py"
            | "pyi"
            | "js"
            | "jsx"
            | "mjs"
            | "cjs"
            | "ts"
            | "tsx"
            | "mts"
            | "cts"
            | "java"
            | "go"
            | "c"
            | "h"
            | "cc"
            | "cpp"
            | "cxx"
            | "hpp"
            | "hh"
            | "cs"
            | "rb"
            | "php"
            | "phtml"
            | "kt"
            | "kts"
            | "scala"
            | "swift"
            | "sh"
            | "bash"
            | "zsh"
            | "ps1"
            | "pl"
            | "lua"
            | "ex"
            | "exs"
            | "erl"
            | "hs"
            | "ml"
            | "clj"
            | "dart"
            | "r"
            | "jl"
            | "sql"
            | "vue"
            | "svelte"
            | "groovy"
            | "m"
            | "mm"
            | "zig"
    )
}
