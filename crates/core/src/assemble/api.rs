//! What a change does to what others can name: new, changed and removed public pieces of code.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyses;
use super::kind::Kind;
use super::summary::reports;
use crate::change::RepoPath;
use crate::docs::{Renamed, RenamedKind};
use crate::job::{JobReport, SideReport, Symbol};
use crate::review::{Api, ApiChange, ApiItem, Bump};

/// A public piece of code, by file and name.
type Place<'a> = (&'a RepoPath, &'a str);

/// Compares the public pieces of both sides, outside of tests. What moved to another file of the change is neither new nor gone.
pub(super) fn of_change(analyses: &Analyses, renamed: &[Renamed]) -> Api {
    let base = Pieces::of(analyses, |report| report.base.as_ref());
    let head = Pieces::of(analyses, |report| report.head.as_ref());
    let renamed: Vec<&Renamed> = renamed
        .iter()
        .filter(|one| one.kind == RenamedKind::Symbol)
        .collect();
    let (went, came) = (head.names_beside(&base), base.names_beside(&head));
    let mut api = Api::default();
    for (path, old) in &base.list {
        let name = renamed
            .iter()
            .find(|one| one.path == **path && one.from == old.name)
            .map_or(&old.name, |one| &one.to);
        match head.places.get(&(*path, name.as_str())) {
            Some(new) if (&old.name, &old.signature) == (&new.name, &new.signature) => {}
            Some(new) => api.changed.push(ApiChange {
                path: (*path).clone(),
                name: new.name.clone(),
                before: shown(old),
                after: shown(new),
            }),
            None if went.contains(old.name.as_str()) => {}
            None => api.removed.push(item(path, old)),
        }
    }
    for (path, new) in &head.list {
        let was_renamed = renamed
            .iter()
            .any(|one| one.path == **path && one.to == new.name);
        let was_here = was_renamed || base.places.contains_key(&(*path, new.name.as_str()));
        if !was_here && !came.contains(new.name.as_str()) {
            api.added.push(item(path, new));
        }
    }
    drop_members(&mut api.added);
    drop_members(&mut api.removed);
    api.bump = match (&*api.removed, &*api.changed, &*api.added) {
        ([], [], []) => Bump::Patch,
        ([], [], _) => Bump::Minor,
        _ => Bump::Major,
    };
    api
}

/// The public pieces of one side.
struct Pieces<'a> {
    list: Vec<(&'a RepoPath, &'a Symbol)>,
    places: BTreeMap<Place<'a>, &'a Symbol>,
}

impl<'a> Pieces<'a> {
    fn of(analyses: &'a Analyses, side: fn(&JobReport) -> Option<&SideReport>) -> Self {
        let code = reports(analyses).filter(|(path, _)| Kind::of(path) == Kind::Code);
        let sides = code.filter_map(|(path, report)| Some((path, side(report)?)));
        let list: Vec<(&RepoPath, &Symbol)> = sides
            .flat_map(|(path, side)| side.symbols.iter().map(move |one| (path, one)))
            .filter(|(_, one)| one.is_public)
            .collect();
        let places = list
            .iter()
            .map(|(path, one)| ((*path, one.name.as_str()), *one));
        Self {
            places: places.collect(),
            list,
        }
    }

    /// The names that some file has here and not on the other side: there they went, or from there they came.
    fn names_beside(&self, other: &Self) -> BTreeSet<&'a str> {
        let places = self.places.keys();
        let beside = places.filter(|place| !other.places.contains_key(*place));
        beside.map(|(_, name)| *name).collect()
    }
}

/// Members whose class says it all are left out.
fn drop_members(items: &mut Vec<ApiItem>) {
    let all: BTreeSet<(RepoPath, String)> = items
        .iter()
        .map(|one| (one.path.clone(), one.name.clone()))
        .collect();
    items.retain(|one| {
        let owner = one.name.rsplit_once('.');
        owner.is_none_or(|(owner, _)| !all.contains(&(one.path.clone(), owner.to_owned())))
    });
}

fn item(path: &RepoPath, symbol: &Symbol) -> ApiItem {
    ApiItem {
        path: path.clone(),
        name: symbol.name.clone(),
        signature: shown(symbol),
    }
}

/// How it is called, or what it is.
fn shown(symbol: &Symbol) -> String {
    if symbol.signature.is_empty() {
        format!("{} {}", symbol.kind, symbol.name)
    } else {
        symbol.signature.clone()
    }
}
