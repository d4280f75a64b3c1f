//! Who uses what a change touches: the other files of the repository that name it.

use std::collections::{BTreeMap, BTreeSet};

use crate::assemble::{self, Analyses};
use crate::change::RepoPath;
use crate::job::{SideReport, Symbol};
use crate::review::{CalleeChange, Callers};

/// Shorter names say too little.
const SHORTEST: usize = 4;
/// How many are told, those with most users first.
const MOST: usize = 8;
/// How many of the users are named.
const EXAMPLES: usize = 3;

/// Names that every second file has for something of its own.
const COMMON: [&str; 24] = [
    "close", "create", "delete", "equals", "execute", "handle", "hashCode", "index", "init",
    "list", "load", "main", "name", "next", "open", "parse", "process", "read", "render", "save",
    "setUp", "test", "toString", "update",
];

/// The functions whose users are looked for.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    list: Vec<One<'a>>,
}

#[derive(Debug)]
struct One<'a> {
    path: &'a RepoPath,
    name: &'a str,
    change: CalleeChange,
}

impl<'a> Wanted<'a> {
    /// The functions outside of tests that are gone, called in another way, or do something else.
    #[must_use]
    pub fn of(analyses: &'a Analyses) -> Self {
        let mut list = Vec::new();
        let code = || assemble::reports(analyses).filter(|(path, _)| !assemble::is_test(path));
        let there: BTreeSet<&str> = code()
            .flat_map(|(_, report)| symbols(report.head.as_ref()))
            .map(|symbol| symbol.name.as_str())
            .collect();
        for (path, report) in code() {
            let head: BTreeMap<&str, &Symbol> = symbols(report.head.as_ref())
                .map(|symbol| (symbol.name.as_str(), symbol))
                .collect();
            for was in symbols(report.base.as_ref()) {
                let change = match head.get(was.name.as_str()) {
                    // What moved to another file is not gone.
                    None if there.contains(was.name.as_str()) => continue,
                    None => CalleeChange::Removed,
                    Some(now) if now.signature != was.signature => CalleeChange::Signature,
                    Some(now) if now.digest != was.digest => CalleeChange::Body,
                    Some(_) => continue,
                };
                let is_function = matches!(was.kind.as_str(), "function" | "method");
                if is_function && was.is_public && is_telling(&was.name) {
                    list.push(One {
                        path,
                        name: &was.name,
                        change,
                    });
                }
            }
        }
        Self { list }
    }

    /// Whether somebody may have to change because of it: something is gone or called in another way.
    #[must_use]
    pub fn is_pressing(&self) -> bool {
        self.list.iter().any(|one| one.change != CalleeChange::Body)
    }

    /// Counts the files that name each: those of methods must name the class as well.
    #[must_use]
    pub fn count<'t>(&self, texts: impl Iterator<Item = (&'t RepoPath, &'t str)>) -> Vec<Callers> {
        let mut files: Vec<Vec<RepoPath>> = vec![Vec::new(); self.list.len()];
        let wanted: BTreeSet<&str> = self.list.iter().flat_map(|one| parts(one.name)).collect();
        for (path, text) in texts {
            if wanted.is_empty() || assemble::is_test(path) {
                continue;
            }
            let met: BTreeSet<&str> = words(text).filter(|word| wanted.contains(word)).collect();
            for (number, one) in self.list.iter().enumerate() {
                if path != one.path && parts(one.name).all(|part| met.contains(part)) {
                    files[number].push(path.clone());
                }
            }
        }
        let mut callers: Vec<Callers> = self
            .list
            .iter()
            .zip(files)
            .filter(|(_, files)| !files.is_empty())
            .map(|(one, mut files)| {
                files.sort();
                Callers {
                    path: one.path.clone(),
                    name: one.name.to_owned(),
                    change: one.change,
                    files: u32::try_from(files.len()).unwrap_or(u32::MAX),
                    examples: files.into_iter().take(EXAMPLES).collect(),
                }
            })
            .collect();
        callers.sort_by(|one, other| {
            let key = |one: &Callers| {
                (
                    one.change == CalleeChange::Body,
                    std::cmp::Reverse(one.files),
                )
            };
            (key(one), &one.path, &one.name).cmp(&(key(other), &other.path, &other.name))
        });
        callers.truncate(MOST);
        callers
    }
}

fn symbols(side: Option<&SideReport>) -> impl Iterator<Item = &Symbol> {
    side.into_iter().flat_map(|side| &side.symbols)
}

/// The class and the name of a method, or the name of a function.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let mut parts = name.rsplit('.');
    let own = parts.next();
    own.into_iter().chain(parts.next())
}

fn is_telling(name: &str) -> bool {
    let own = name.rsplit('.').next().unwrap_or_default();
    let is_common = COMMON.contains(&own) && !name.contains('.');
    own.len() >= SHORTEST && !own.starts_with("__") && !is_common
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|next: char| !next.is_alphanumeric() && next != '_')
}
