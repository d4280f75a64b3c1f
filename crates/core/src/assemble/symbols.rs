//! Compares the named pieces of code on both sides of a file: added, removed, renamed, moved here, changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::RepoPath;
use crate::docs::{Renamed, RenamedKind};
use crate::job::{JobReport, Symbol};

/// What happened to the symbols of one file. Names are ready to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edits {
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) changed: Vec<String>,
    /// Old and new name.
    pub(super) renamed: Vec<(String, String)>,
    /// Name and the file it was in.
    pub(super) moved_here: Vec<(String, RepoPath)>,
    /// Names that are in another file now.
    pub(super) moved_away: Vec<String>,
}

/// Symbols that left a file, by digest and last name, for finding out where they went; ambiguous digests are left out.
#[derive(Default)]
pub(super) struct Moves {
    left: BTreeMap<String, RepoPath>,
    arrived: BTreeSet<String>,
}

/// How many names a phrase spells out.
const SHOWN: usize = 3;
const MAX_NAME: usize = 60;

impl Moves {
    pub(super) fn of<'a>(
        reports: impl Iterator<Item = (&'a RepoPath, &'a JobReport)> + Clone,
    ) -> Self {
        let mut left: BTreeMap<String, Option<RepoPath>> = BTreeMap::new();
        let mut arrived: BTreeMap<String, u32> = BTreeMap::new();
        for (path, report) in reports {
            let (base, head) = sides(report);
            for symbol in missing(base, head) {
                left.entry(identity(symbol))
                    .and_modify(|place| *place = None)
                    .or_insert_with(|| Some(path.clone()));
            }
            for symbol in missing(head, base) {
                *arrived.entry(identity(symbol)).or_insert(0) += 1;
            }
        }
        Self {
            left: left
                .into_iter()
                .filter_map(|(digest, place)| Some((digest, place?)))
                .collect(),
            arrived: arrived
                .into_iter()
                .filter(|(_, count)| *count == 1)
                .map(|(digest, _)| digest)
                .collect(),
        }
    }

    fn origin(&self, symbol: &Symbol) -> Option<&RepoPath> {
        let identity = identity(symbol);
        let place = self.left.get(&identity)?;
        self.arrived.contains(&identity).then_some(place)
    }
}

/// Compares the sides of one file.
pub(super) fn compare(path: &RepoPath, report: &JobReport, moves: &Moves) -> Edits {
    let (base, head) = sides(report);
    let mut edits = Edits::default();
    let gone = missing(base, head);
    let mut twins: BTreeMap<(&str, &str), Vec<&Symbol>> = BTreeMap::new();
    for symbol in gone.iter().rev() {
        let twin = twins.entry((&symbol.digest, &symbol.kind)).or_default();
        twin.push(symbol);
    }
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for symbol in missing(head, base) {
        let same = twins.get_mut(&(symbol.digest.as_str(), symbol.kind.as_str()));
        if let Some(old) = same.and_then(Vec::pop) {
            found.insert(&old.name);
            edits.renamed.push((old.name.clone(), symbol.name.clone()));
        } else if let Some(origin) = moves.origin(symbol).filter(|origin| *origin != path) {
            edits.moved_here.push((symbol.name.clone(), origin.clone()));
        } else {
            edits.added.push(symbol.name.clone());
        }
    }
    for symbol in gone {
        if found.contains(symbol.name.as_str()) {
            continue;
        }
        match moves.origin(symbol) {
            Some(_) => edits.moved_away.push(symbol.name.clone()),
            None => edits.removed.push(symbol.name.clone()),
        }
    }
    edits.changed = changed(base, head);
    edits.simplify();
    edits
}

/// The symbols that certainly have another name now: in one file, one is gone and one is new, and they are equal but for
/// their names. `names` are all last names that are left anywhere in the change.
pub(super) fn renamed(path: &RepoPath, report: &JobReport, names: &BTreeSet<&str>) -> Vec<Renamed> {
    let (base, head) = sides(report);
    let (gone, new) = (missing(base, head), missing(head, base));
    let mut renamed = Vec::new();
    for symbol in &new {
        let is_twin =
            |other: &&&Symbol| (&other.digest, &other.kind) == (&symbol.digest, &symbol.kind);
        let mut old = gone.iter().filter(is_twin);
        let (Some(old), None) = (old.next(), old.next()) else {
            continue;
        };
        let is_only = new.iter().filter(is_twin).count() == 1;
        // Of a single line there may be others like it anywhere.
        let is_long = symbol.end_line > symbol.line;
        if is_only && is_long && !names.contains(last(&old.name)) {
            renamed.push(Renamed {
                kind: RenamedKind::Symbol,
                from: old.name.clone(),
                to: symbol.name.clone(),
                path: path.clone(),
                line: symbol.line,
            });
        }
    }
    renamed
}

/// The last names of all symbols at head.
pub(super) fn last_names<'a>(
    reports: impl Iterator<Item = (&'a RepoPath, &'a JobReport)>,
) -> BTreeSet<&'a str> {
    let symbols = reports.flat_map(|(_, report)| sides(report).1);
    symbols.map(|symbol| last(&symbol.name)).collect()
}

/// What a symbol is called within its class or module.
fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// What stays when a symbol moves.
fn identity(symbol: &Symbol) -> String {
    format!("{} {}", symbol.digest, last(&symbol.name))
}

impl Edits {
    /// The edits in words, e.g. "adds `login`; changes `logout`"; empty if there are none.
    pub(super) fn words(&self) -> String {
        let mut parts = Vec::new();
        let mut say = |verb: &str, names: &[String]| {
            if !names.is_empty() {
                parts.push(format!("{verb} {}", list(names)));
            }
        };
        say("adds", &self.added);
        say("changes", &self.changed);
        say("removes", &self.removed);
        say("hands over", &self.moved_away);
        for (old, new) in self.renamed.iter().take(SHOWN) {
            parts.push(format!("renames {} to {}", quote(old), quote(new)));
        }
        let mut origins: BTreeMap<&RepoPath, Vec<String>> = BTreeMap::new();
        for (name, origin) in &self.moved_here {
            origins.entry(origin).or_default().push(name.clone());
        }
        for (origin, names) in origins {
            parts.push(format!(
                "takes {} from {}",
                list(&names),
                quote(origin.as_str())
            ));
        }
        parts.join("; ")
    }

    /// Leaves out members whose class says it all, and classes whose members say it better.
    fn simplify(&mut self) {
        drop_members(&mut self.added);
        drop_members(&mut self.removed);
        drop_members(&mut self.moved_away);
        let roots: BTreeSet<String> = self
            .moved_here
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        self.moved_here
            .retain(|(name, _)| !has_root_in(name, &roots));
        let renamed: BTreeSet<String> = self.renamed.iter().map(|(_, new)| new.clone()).collect();
        self.renamed.retain(|(_, new)| !has_root_in(new, &renamed));
        let touched: BTreeSet<String> = self
            .added
            .iter()
            .chain(&self.removed)
            .chain(&self.changed)
            .chain(self.renamed.iter().map(|(_, new)| new))
            .chain(self.moved_here.iter().map(|(name, _)| name))
            .cloned()
            .collect();
        self.changed.retain(|name| {
            let prefix = format!("{name}.");
            let next = touched.range(prefix.clone()..).next();
            !next.is_some_and(|other| other.starts_with(&prefix))
        });
    }
}

/// Names in backticks: up to three, then a count.
pub(super) fn list(names: &[String]) -> String {
    let shown = names.len().min(SHOWN);
    let quoted: Vec<String> = names[..shown].iter().map(|name| quote(name)).collect();
    match (names.len() - shown, quoted.split_last()) {
        (0, Some((last, []))) => last.clone(),
        (0, Some((last, front))) => format!("{} and {last}", front.join(", ")),
        (more, _) => format!("{} and {more} more", quoted.join(", ")),
    }
}

/// A name in backticks, without backticks of its own, clipped.
pub(super) fn quote(name: &str) -> String {
    let mut clean: String = name
        .chars()
        .map(|character| match character {
            '`' => '\'',
            other if other.is_control() => ' ',
            other => other,
        })
        .collect();
    if let Some((end, _)) = clean.char_indices().nth(MAX_NAME) {
        clean.truncate(end);
        clean.push('…');
    }
    format!("`{clean}`")
}

fn sides(report: &JobReport) -> (&[Symbol], &[Symbol]) {
    (
        report.base.as_ref().map_or(&[], |side| &side.symbols),
        report.head.as_ref().map_or(&[], |side| &side.symbols),
    )
}

/// The symbols of `these` whose names are not among `those`, each name once.
fn missing<'a>(these: &'a [Symbol], those: &[Symbol]) -> Vec<&'a Symbol> {
    let mut known: BTreeSet<&str> = those.iter().map(|symbol| symbol.name.as_str()).collect();
    these
        .iter()
        .filter(|symbol| known.insert(symbol.name.as_str()))
        .collect()
}

fn changed(base: &[Symbol], head: &[Symbol]) -> Vec<String> {
    let before = digests(base);
    let after = digests(head);
    let mut seen = BTreeSet::new();
    head.iter()
        .filter(|symbol| {
            let name = symbol.name.as_str();
            before
                .get(name)
                .is_some_and(|old| Some(old) != after.get(name))
                && seen.insert(name)
        })
        .map(|symbol| symbol.name.clone())
        .collect()
}

fn digests(symbols: &[Symbol]) -> BTreeMap<&str, Vec<&str>> {
    let mut digests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for symbol in symbols {
        digests
            .entry(&symbol.name)
            .or_default()
            .push(&symbol.digest);
    }
    for list in digests.values_mut() {
        list.sort_unstable();
    }
    digests
}

fn drop_members(names: &mut Vec<String>) {
    let roots: BTreeSet<String> = names.iter().cloned().collect();
    names.retain(|name| !has_root_in(name, &roots));
}

fn has_root_in(name: &str, roots: &BTreeSet<String>) -> bool {
    name.match_indices('.')
        .any(|(index, _)| roots.contains(&name[..index]))
}
