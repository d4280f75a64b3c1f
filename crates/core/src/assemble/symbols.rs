//! Compares the named pieces of code on both sides of a file: added, removed, renamed, moved here, changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::RepoPath;
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

/// Symbols that left a file, by digest, for finding out where they went; ambiguous digests are left out.
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
                left.entry(symbol.digest.clone())
                    .and_modify(|place| *place = None)
                    .or_insert_with(|| Some(path.clone()));
            }
            for symbol in missing(head, base) {
                *arrived.entry(symbol.digest.clone()).or_insert(0) += 1;
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

    fn origin(&self, digest: &str) -> Option<&RepoPath> {
        let place = self.left.get(digest)?;
        self.arrived.contains(digest).then_some(place)
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
        } else if let Some(origin) = moves
            .origin(&symbol.digest)
            .filter(|origin| *origin != path)
        {
            edits.moved_here.push((symbol.name.clone(), origin.clone()));
        } else {
            edits.added.push(symbol.name.clone());
        }
    }
    for symbol in gone {
        if found.contains(symbol.name.as_str()) {
            continue;
        }
        match moves.origin(&symbol.digest) {
            Some(_) => edits.moved_away.push(symbol.name.clone()),
            None => edits.removed.push(symbol.name.clone()),
        }
    }
    edits.changed = changed(base, head);
    edits.simplify();
    edits
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
