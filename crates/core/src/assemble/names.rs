//! Which names a change replaces, takes away and gives, for comparing them with what documents say.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;
use super::summary::{self, reports};
use super::{Analyses, sorted};
use crate::change::{Change, RepoPath};
use crate::docs::{Gone, Renamed, RenamedKind};
use crate::job::{GivenName, JobReport, SideReport, Symbol};
use crate::review::NameChange;

/// More of a kind are not followed.
const MOST: usize = 100;

/// The names that a change touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Symbols and files that certainly have another name now.
    pub renamed: Vec<Renamed>,
    /// What people call the program by, and has another name now if nothing else in the repository gives the old one.
    pub replaced: Vec<Renamed>,
    /// What is gone if nothing else in the repository has its name.
    pub gone: Vec<Gone>,
    /// What is new.
    pub new: Vec<New>,
}

/// A new name that people may want to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    /// What is called so.
    pub kind: RenamedKind,
    /// Its name.
    pub name: String,
    /// Where it is given.
    pub path: RepoPath,
    /// The line there.
    pub line: u32,
    /// The names of its kind that the file gave before.
    pub others: Vec<String>,
}

impl Names {
    /// Whether there is nothing to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.renamed.is_empty()
            && self.replaced.is_empty()
            && self.gone.is_empty()
            && self.new.is_empty()
    }

    /// What people call the program by, as the changed files have it: what is called in another way, what they do not give any
    /// more, and what is new.
    #[must_use]
    pub fn changes(self) -> Vec<NameChange> {
        let replaced = self.replaced.into_iter().map(|one| NameChange {
            kind: one.kind,
            before: Some(one.from),
            after: Some(one.to),
            path: one.path,
        });
        let gone = self.gone.into_iter();
        let gone = gone.filter(|one| one.kind != RenamedKind::Symbol);
        let gone = gone.map(|one| NameChange {
            kind: one.kind,
            before: Some(one.name),
            after: None,
            path: one.path,
        });
        let new = self.new.into_iter().map(|one| NameChange {
            kind: one.kind,
            before: None,
            after: Some(one.name),
            path: one.path,
        });
        replaced.chain(gone).chain(new).collect()
    }
}

/// Finds the names that a change touches outside its tests.
#[must_use]
pub fn names(change: &Change, analyses: &Analyses) -> Names {
    let mut names = Names {
        renamed: summary::renamed(&sorted(change), analyses),
        ..Names::default()
    };
    let there = There::of(analyses);
    for (path, report) in reports(analyses) {
        if Kind::of(path) == Kind::Test {
            continue;
        }
        names.given(path, report, &there);
        names.symbols(path, report, &there);
    }
    names.replaced.truncate(MOST);
    names.gone.truncate(MOST);
    names.new.truncate(MOST);
    names
}

/// What all files of a change have at head, and gave before.
struct There<'a> {
    symbols: BTreeSet<&'a str>,
    given: BTreeSet<(RenamedKind, &'a str)>,
    before: BTreeSet<(RenamedKind, &'a str)>,
}

impl<'a> There<'a> {
    fn of(analyses: &'a Analyses) -> Self {
        let heads = reports(analyses).filter_map(|(_, report)| report.head.as_ref());
        let bases = reports(analyses).filter_map(|(_, report)| report.base.as_ref());
        let given =
            |side: &'a SideReport| side.names.iter().map(|one| (one.kind, one.name.as_str()));
        let heads: Vec<&SideReport> = heads.collect();
        let symbols = heads.iter().flat_map(|side| &side.symbols);
        Self {
            symbols: symbols.map(|symbol| last(&symbol.name)).collect(),
            given: heads.iter().flat_map(|side| given(side)).collect(),
            before: bases.flat_map(given).collect(),
        }
    }
}

impl Names {
    fn given(&mut self, path: &RepoPath, report: &JobReport, there: &There<'_>) {
        let names = |side: &Option<SideReport>| -> Vec<GivenName> {
            side.as_ref()
                .map(|side| side.names.clone())
                .unwrap_or_default()
        };
        let (base, head) = (names(&report.base), names(&report.head));
        let left = distinct(&base, &there.given);
        let come = distinct(&head, &there.before);
        let mut twins: BTreeMap<(RenamedKind, &str), Twins<'_>> = BTreeMap::new();
        for one in &left {
            let twin = twins.entry((one.kind, &one.around)).or_default();
            twin.old.push(one);
        }
        for one in &come {
            let twin = twins.entry((one.kind, &one.around)).or_default();
            twin.new.push(one);
        }
        let mut settled: Vec<&GivenName> = Vec::new();
        for twin in twins.values() {
            if let ([old], [new]) = (twin.old.as_slice(), twin.new.as_slice()) {
                settled.extend([*old, *new]);
                self.replaced.push(Renamed {
                    kind: old.kind,
                    from: old.name.clone(),
                    to: new.name.clone(),
                    path: path.clone(),
                    line: new.line,
                });
            }
        }
        let is_open = |one: &&&GivenName| !settled.iter().any(|other| is_same(one, other));
        let gone = left.iter().filter(is_open).map(|one| Gone {
            kind: one.kind,
            name: one.name.clone(),
            path: path.clone(),
        });
        self.gone.extend(gone);
        let told = come.iter().filter(|one| one.kind != RenamedKind::Key);
        let told: Vec<New> = told
            .filter(is_open)
            .map(|one| New {
                kind: one.kind,
                name: one.name.clone(),
                path: path.clone(),
                line: one.line,
                others: base
                    .iter()
                    .filter(|other| other.kind == one.kind)
                    .map(|other| other.name.clone())
                    .collect::<BTreeSet<String>>()
                    .into_iter()
                    .collect(),
            })
            .collect();
        self.new.extend(told);
    }

    /// Public pieces that are gone, but not those whose class went with them.
    fn symbols(&mut self, path: &RepoPath, report: &JobReport, there: &There<'_>) {
        let Some(base) = &report.base else { return };
        let head: &[Symbol] = report.head.as_ref().map_or(&[], |side| &side.symbols);
        let is_left = |name: &str| head.iter().any(|symbol| symbol.name == name);
        let gone = base.symbols.iter().filter(|symbol| {
            let owner = symbol.name.rsplit_once('.').map(|(owner, _)| owner);
            let was_renamed = self
                .renamed
                .iter()
                .any(|one| one.kind == RenamedKind::Symbol && one.from == symbol.name);
            symbol.is_public
                && !there.symbols.contains(last(&symbol.name))
                && owner.is_none_or(|owner| {
                    is_left(owner) || !base.symbols.iter().any(|one| one.name == owner)
                })
                && !was_renamed
        });
        let gone: Vec<Gone> = gone
            .map(|symbol| Gone {
                kind: RenamedKind::Symbol,
                name: symbol.name.clone(),
                path: path.clone(),
            })
            .collect();
        self.gone.extend(gone);
    }
}

/// Names on lines that are equal but for them.
#[derive(Default)]
struct Twins<'a> {
    old: Vec<&'a GivenName>,
    new: Vec<&'a GivenName>,
}

/// The names of one side that the other does not have anywhere, each once.
fn distinct<'a>(
    names: &'a [GivenName],
    elsewhere: &BTreeSet<(RenamedKind, &str)>,
) -> Vec<&'a GivenName> {
    let mut distinct: Vec<&GivenName> = Vec::new();
    for one in names {
        let is_there = elsewhere.contains(&(one.kind, one.name.as_str()));
        if !is_there && !distinct.iter().any(|other| is_same(one, other)) {
            distinct.push(one);
        }
    }
    distinct
}

fn is_same(one: &GivenName, other: &GivenName) -> bool {
    (one.kind, &one.name) == (other.kind, &other.name)
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}
