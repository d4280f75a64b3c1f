//! Which floors a change meets: paths that raise its risk, whatever is found in them.

use super::{FloorRule, Policy};
use crate::change::{FileChange, RepoPath, Side};
use crate::risk::Floor;

impl Policy {
    /// The floors that files meet, each with the first file that met it.
    ///
    /// Either path of a file counts, as it is written or in lower case. A submodule is a dependency, wherever it lies.
    #[must_use]
    pub fn floors(&self, files: &[&FileChange]) -> Vec<Floor> {
        let named: Vec<Names<'_>> = files.iter().copied().map(Names::of).collect();
        let met = |rule: &FloorRule| {
            let first = named.iter().find(|names| names.meet(rule))?;
            Some(Floor {
                name: rule.name.clone(),
                score: rule.score,
                path: first.file.path.clone(),
            })
        };
        self.risk.floors.iter().filter_map(met).collect()
    }
}

/// A file and all that it is called.
struct Names<'f> {
    file: &'f FileChange,
    lower: Vec<RepoPath>,
}

impl<'f> Names<'f> {
    fn of(file: &'f FileChange) -> Self {
        let lower = |path: &RepoPath| RepoPath::from(path.as_str().to_ascii_lowercase().as_str());
        Self {
            file,
            lower: written(file).map(lower).collect(),
        }
    }

    fn meet(&self, rule: &FloorRule) -> bool {
        let is_dependency = rule.name == "dependencies" && has_submodule(self.file);
        is_dependency
            || written(self.file)
                .chain(&self.lower)
                .any(|path| rule.paths.matches(path))
    }
}

fn written(file: &FileChange) -> impl Iterator<Item = &RepoPath> {
    [Some(&file.path), file.old_path.as_ref()]
        .into_iter()
        .flatten()
}

fn has_submodule(file: &FileChange) -> bool {
    [&file.base, &file.head]
        .iter()
        .any(|side| matches!(side, Side::Submodule(_)))
}

#[cfg(test)]
mod tests {
    use crate::change::{FileChange, Side, Status};
    use crate::policy::Policy;

    fn file(path: &str) -> FileChange {
        FileChange {
            path: path.into(),
            old_path: None,
            status: Status::Modified,
            old_mode: None,
            new_mode: None,
            base: Side::Absent,
            head: Side::Absent,
            hunks: Vec::new(),
        }
    }

    fn floors_of(file: &FileChange) -> Vec<String> {
        let floors = Policy::default().floors(&[file]);
        floors.into_iter().map(|floor| floor.name).collect()
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
            assert_eq!(floors_of(&file(path)), [name], "{path}");
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
            assert!(floors_of(&file(path)).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_file_that_leaves_a_path_meets_its_floor_too() {
        let mut moved = file("plain.py");
        moved.old_path = Some("src/auth/token.py".into());
        assert_eq!(floors_of(&moved), ["auth"]);
    }

    #[test]
    fn a_submodule_is_a_dependency() {
        let mut module = file("third/party");
        module.head = Side::Submodule("0".repeat(40));
        assert_eq!(floors_of(&module), ["dependencies"]);
    }
}
