//! Which paths raise the risk of a change, whatever is found in them. The list of defaults stands here and nowhere else.

use crate::change::{FileChange, RepoPath, Side};
use crate::glob::{Glob, SplitPath};
use crate::risk::Floor;

/// Touching one of `paths` raises the score to at least `score`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorRule {
    /// Stable name, e.g. `workflow`.
    pub name: String,
    /// Least score, 0–100.
    pub score: u32,
    /// Patterns of the paths, matched without regard to ASCII case.
    pub paths: Vec<Glob>,
}

/// Decision 2: workflow and CI files, dependency manifests and lockfiles, auth and migration paths.
const DEFAULTS: [(&str, &[&str]); 4] = [
    (
        "workflow",
        &[
            ".github/{workflows,actions}/**",
            "{.gitea,.forgejo}/workflows/**",
            "{.circleci,.buildkite,.woodpecker,.ci,.gitlab}/**",
            "{.gitlab-ci,.travis,.drone,.woodpecker,appveyor,.appveyor,azure-pipelines,bitbucket-pipelines,buildspec,cloudbuild}.{yml,yaml}",
            "jenkinsfile",
            "action.{yml,yaml}",
        ],
    ),
    (
        "dependencies",
        &[
            "{package,package-lock,npm-shrinkwrap,composer,deno,vcpkg,packages.lock}.json",
            "{yarn,bun,deno,cargo,poetry,uv,pdm,composer,mix,flake,pubspec}.lock",
            "{pnpm-lock,pnpm-workspace,pubspec}.yaml",
            "bun.lockb",
            ".npmrc",
            "{cargo,pyproject,libs.versions}.toml",
            "*requirements*.{txt,in}",
            "requirements/*.{txt,in}",
            "setup.{py,cfg}",
            "{pipfile,gemfile}{,.lock}",
            "go.{mod,sum,work,work.sum}",
            "pom.xml",
            "{build,settings}.gradle{,.kts}",
            "gradle.lockfile",
            "gradle/wrapper/**",
            "*.{gemspec,csproj,fsproj,vbproj,nuspec}",
            "{directory.packages.props,packages.config,nuget.config}",
            "package.{swift,resolved}",
            "{podfile,podfile.lock,cartfile,cartfile.resolved}",
            "{mix.exs,flake.nix,conanfile.py,conanfile.txt,.gitmodules,.terraform.lock.hcl}",
        ],
    ),
    (
        "auth",
        &[
            "**/{auth,authn,authz,authentication,authorization,oauth,oauth2,sso,saml,oidc,acl,rbac,permissions}/**",
            "{auth,authn,authz,authentication,authorization,oauth,oauth2,login,permissions,rbac}.*",
            "*{_,-}auth.*",
            "auth{_,-}*.*",
            "codeowners",
        ],
    ),
    (
        "migration",
        &[
            "**/{migrations,migration,migrate}/**",
            "**/alembic/versions/**",
            "v[0-9]*__*.sql",
            "*.{up,down}.sql",
        ],
    ),
];

/// The height of every default floor (decision 2).
const DEFAULT_SCORE: u32 = 40;

impl FloorRule {
    /// The floors that hold without configuration.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        DEFAULTS
            .iter()
            .map(|(name, patterns)| Self {
                name: (*name).to_owned(),
                score: DEFAULT_SCORE,
                paths: patterns
                    .iter()
                    .filter_map(|pattern| Glob::parse(pattern).ok())
                    .collect(),
            })
            .collect()
    }

    fn matches(&self, path: &SplitPath) -> bool {
        self.paths.iter().any(|glob| glob.matches_split(path))
    }

    fn in_lower_case(&self) -> Self {
        let lower = |glob: &Glob| Glob::parse(&glob.as_str().to_ascii_lowercase()).ok();
        Self {
            name: self.name.clone(),
            score: self.score,
            paths: self.paths.iter().filter_map(lower).collect(),
        }
    }
}

/// The floors that the change touches, each with the first path that does.
///
/// Either path of a file counts. A submodule is a dependency, wherever it lies.
pub(super) fn touched(files: &[&FileChange], rules: &[FloorRule]) -> Vec<Floor> {
    let rules: Vec<FloorRule> = rules.iter().map(FloorRule::in_lower_case).collect();
    let mut first: Vec<Option<&RepoPath>> = vec![None; rules.len()];
    for file in files {
        let paths: Vec<SplitPath> = [Some(&file.path), file.old_path.as_ref()]
            .into_iter()
            .flatten()
            .map(|path| SplitPath::of(&path.as_str().to_ascii_lowercase()))
            .collect();
        for (rule, first) in rules.iter().zip(&mut first) {
            let is_dependency = rule.name == "dependencies" && has_submodule(file);
            if first.is_none() && (is_dependency || paths.iter().any(|path| rule.matches(path))) {
                *first = Some(&file.path);
            }
        }
    }
    let floors = rules.into_iter().zip(first).filter_map(|(rule, path)| {
        Some(Floor {
            name: rule.name,
            score: rule.score,
            path: path?.clone(),
        })
    });
    floors.collect()
}

fn has_submodule(file: &FileChange) -> bool {
    [&file.base, &file.head]
        .iter()
        .any(|side| matches!(side, Side::Submodule(_)))
}

#[cfg(test)]
mod tests {
    use super::{DEFAULTS, FloorRule};
    use crate::glob::SplitPath;

    fn floor_of(path: &str) -> Option<String> {
        FloorRule::defaults()
            .into_iter()
            .find(|rule| rule.matches(&SplitPath::of(&path.to_ascii_lowercase())))
            .map(|rule| rule.name)
    }

    #[test]
    fn every_default_pattern_is_read() {
        for ((name, patterns), rule) in DEFAULTS.iter().zip(FloorRule::defaults()) {
            assert_eq!(patterns.len(), rule.paths.len(), "{name}");
        }
    }

    #[test]
    fn the_paths_of_decision_two_have_a_floor() {
        let expected = [
            (".github/workflows/ci.yml", "workflow"),
            (".gitlab-ci.yml", "workflow"),
            ("Jenkinsfile", "workflow"),
            ("Cargo.lock", "dependencies"),
            ("web/package.json", "dependencies"),
            ("requirements-dev.txt", "dependencies"),
            ("Pipfile", "dependencies"),
            ("Gemfile.lock", "dependencies"),
            ("src/Auth/Token.cs", "auth"),
            ("app/user_auth.py", "auth"),
            ("app/login.ts", "auth"),
            ("db/migrate/001_users.rb", "migration"),
            ("sql/V2__add_users.sql", "migration"),
        ];
        for (path, name) in expected {
            assert_eq!(floor_of(path).as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn look_alikes_have_none() {
        for path in [
            "src/author/book.py",
            "docs/authors.md",
            "src/packages.rs",
            "src/emigrate.py",
            "src/lock.rs",
        ] {
            assert_eq!(floor_of(path), None, "{path}");
        }
    }
}
