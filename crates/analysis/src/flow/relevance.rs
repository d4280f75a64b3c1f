//! Which functions are worth going through: those from which a source and a sink, or a wrong use, can be reached.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::ir::{FunctionId, Span, Unit};
use super::rules::FlowRules;
use crate::source::syntax::Node;

/// Words that stand for sources, sinks and uses, ready to be looked for in a text.
#[derive(Debug, Default)]
pub(crate) struct Words {
    words: Vec<String>,
    /// The words by the first run of letters, digits and `_` in them, and where in the word it begins.
    by_run: HashMap<String, Vec<(usize, usize)>>,
    /// A quick look at those runs.
    look: Look,
    /// Words without such a run.
    others: Vec<usize>,
    /// Each source: all of these words must occur; and its labels.
    sources: Vec<(Vec<usize>, u32)>,
    /// The labels that sinks of this name take.
    sinks: BTreeMap<usize, u32>,
    uses: BTreeSet<usize>,
    /// The labels that sinks take which may have any name.
    sinks_of_any_name: u32,
    /// The label of what comes in as a parameter.
    parameters: u32,
}

/// Where a text holds words of sources, sinks and uses, with their labels.
#[derive(Debug, Default)]
pub(crate) struct Places {
    sources: Vec<(u32, u32)>,
    sinks: Vec<(u32, u32)>,
    uses: Vec<(u32, u32)>,
    sinks_of_any_name: u32,
    parameters: u32,
}

impl Words {
    /// Collects the words of a language's rules.
    pub(crate) fn of(rules: &FlowRules) -> Self {
        let mut words = Self {
            sinks_of_any_name: rules.labels_of_any_name(),
            parameters: rules.label_of_parameters(),
            ..Self::default()
        };
        let mut known = BTreeMap::new();
        let types = rules.made_types();
        for (segments, label) in rules.source_segments() {
            let needed = segments
                .iter()
                .filter(|segment| !types.contains(segment.as_str()));
            let needed: Vec<usize> = needed
                .map(|segment| words.word(segment, &mut known))
                .collect();
            if !needed.is_empty() {
                words.sources.push((needed, label));
            }
        }
        for (word, labels) in rules.sink_words() {
            let index = words.word(&word, &mut known);
            *words.sinks.entry(index).or_insert(0) |= labels;
        }
        for word in rules.use_words() {
            let index = words.word(&word, &mut known);
            words.uses.insert(index);
        }
        words.indexed()
    }

    fn indexed(mut self) -> Self {
        for (index, word) in self.words.iter().enumerate() {
            match runs(word).next() {
                Some((at, run)) => {
                    self.look.add(run);
                    let same = self.by_run.entry(run.to_owned()).or_default();
                    same.push((index, at));
                }
                None => self.others.push(index),
            }
        }
        self
    }

    /// Where the words stand in a text as whole words, in order of the text.
    fn found(&self, text: &str) -> BTreeMap<usize, Vec<u32>> {
        let mut found: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let mut add = |word: usize, start: usize| {
            let at = u32::try_from(start).unwrap_or(u32::MAX);
            found.entry(word).or_default().push(at);
        };
        let is_there = |word: usize, start: usize| {
            let word = self.words.get(word).map(String::as_str).unwrap_or_default();
            let end = start + word.len();
            text.get(start..end) == Some(word) && is_whole_word(text.as_bytes(), start, end)
        };
        for (place, run) in runs(text).filter(|(_, run)| self.look.may_be(run)) {
            for (word, at) in self.by_run.get(run).into_iter().flatten() {
                if let Some(start) = place.checked_sub(*at)
                    && is_there(*word, start)
                {
                    add(*word, start);
                }
            }
        }
        for word in &self.others {
            let text_of = self.words.get(*word).map(String::as_str);
            for (start, _) in text.match_indices(text_of.unwrap_or_default()) {
                if is_there(*word, start) {
                    add(*word, start);
                }
            }
        }
        found
    }

    fn word(&mut self, word: &str, known: &mut BTreeMap<String, usize>) -> usize {
        *known.entry(word.to_owned()).or_insert_with(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        })
    }

    /// Looks for the words in a text; `None` if nothing there can be found by any rule.
    pub(crate) fn places(&self, text: &str) -> Option<Places> {
        let found = self.found(text);
        let mut places = Places {
            sinks_of_any_name: self.sinks_of_any_name,
            parameters: self.parameters,
            ..Places::default()
        };
        for (needed, label) in &self.sources {
            if needed.iter().all(|word| found.contains_key(word)) {
                // The first word is the one at the source itself, the second only says what it belongs to.
                let at = needed
                    .first()
                    .and_then(|word| found.get(word))
                    .into_iter()
                    .flatten();
                places.sources.extend(at.map(|at| (*at, *label)));
            }
        }
        for (word, at) in &found {
            if let Some(labels) = self.sinks.get(word) {
                places.sinks.extend(at.iter().map(|at| (*at, *labels)));
            }
            if self.uses.contains(word) {
                places.uses.extend(at.iter().map(|at| (*at, 1)));
            }
        }
        for list in [&mut places.sources, &mut places.sinks, &mut places.uses] {
            list.sort_unstable();
            list.dedup();
        }
        let all = Reach {
            source: labels(&places.sources) | places.parameters,
            sink: labels(&places.sinks) | places.sinks_of_any_name,
            wrong: !places.uses.is_empty(),
            is_open: false,
        };
        all.is_worth().then_some(places)
    }
}

fn labels(places: &[(u32, u32)]) -> u32 {
    places.iter().fold(0, |all, (_, labels)| all | labels)
}

/// The runs of letters, digits and `_` in a text, each with its place.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        let start = at + bytes.get(at..)?.iter().position(is_part)?;
        let rest = bytes.get(start..)?;
        let length = rest.iter().position(|byte| !is_part(byte));
        at = start + length.unwrap_or(rest.len());
        Some((start, text.get(start..at)?))
    })
}

/// A quick look at words of a set: most others begin with another byte or have another length.
#[derive(Debug)]
struct Look([u32; 256]);

impl Default for Look {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Look {
    fn add(&mut self, word: &str) {
        if let Some(first) = word.as_bytes().first() {
            self.0[usize::from(*first)] |= Self::length(word);
        }
    }

    /// Whether a word may be one of them.
    fn may_be(&self, word: &str) -> bool {
        let first = word.as_bytes().first();
        first.is_some_and(|first| self.0[usize::from(*first)] & Self::length(word) != 0)
    }

    /// The bit for its length; long ones share the last.
    fn length(word: &str) -> u32 {
        1 << word.len().min(31)
    }
}

fn is_whole_word(text: &[u8], start: usize, end: usize) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    !is_part(before) && !is_part(text.get(end))
}

/// What can be reached from a function: labels of sources, labels that sinks take, wrong uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) source: u32,
    pub(crate) sink: u32,
    pub(crate) wrong: bool,
    /// Whether its parameters may come from anywhere: nothing in the file calls it.
    pub(crate) is_open: bool,
}

impl Reach {
    fn or(self, other: Self) -> Self {
        Self {
            source: self.source | other.source,
            sink: self.sink | other.sink,
            wrong: self.wrong || other.wrong,
            is_open: self.is_open,
        }
    }

    /// Whether something can be found from there, perhaps by way of a field.
    pub(crate) fn matters(self) -> bool {
        self.wrong || self.source != 0
    }

    /// Whether something can be found from there.
    pub(crate) fn is_worth(self) -> bool {
        self.wrong || self.source & self.sink != 0
    }
}

/// What can be reached from each function.
pub(crate) fn of_functions(unit: &Unit, text: &str, root: Node<'_>, places: &Places) -> Vec<Reach> {
    let mut reach: Vec<Reach> = unit
        .functions
        .iter()
        .map(|function| own(function.span, places))
        .collect();
    let calls = references(unit, text, root);
    if places.parameters != 0 {
        open(unit, &calls, &mut reach);
        for own in reach.iter_mut().filter(|own| own.is_open) {
            own.source |= places.parameters;
        }
    }
    loop {
        let mut changed = false;
        for id in 0..reach.len() {
            let all = calls[id]
                .iter()
                .fold(reach[id], |all, callee| all.or(reach[*callee]));
            changed |= all != reach[id];
            reach[id] = all;
        }
        if !changed {
            break;
        }
    }
    reach
}

/// Notes the functions whose callers are not in the file. What a constructor is given is settings as often as not.
fn open(unit: &Unit, calls: &[BTreeSet<FunctionId>], reach: &mut [Reach]) {
    let of_others = calls
        .iter()
        .enumerate()
        .flat_map(|(id, callees)| callees.iter().filter(move |callee| **callee != id));
    let called: BTreeSet<FunctionId> = of_others.copied().collect();
    let classes = unit.classes.iter();
    let constructors: BTreeSet<FunctionId> = classes
        .filter_map(|class| class.methods.get("<new>").copied())
        .collect();
    for (id, function) in unit.functions.iter().enumerate().skip(1) {
        reach[id].is_open = !function.is_closure
            && !function.parameters.is_empty()
            && !called.contains(&id)
            && !constructors.contains(&id);
    }
}

fn own(span: Span, places: &Places) -> Reach {
    // Decorators stand before a function and may make its parameters sources or its result a sink.
    let start = span.start.saturating_sub(400);
    let within = |list: &[(u32, u32)]| {
        let first = list.partition_point(|(at, _)| *at < start);
        let last = list.partition_point(|(at, _)| *at < span.end);
        labels(&list[first..last.max(first)])
    };
    Reach {
        source: within(&places.sources),
        sink: within(&places.sinks) | places.sinks_of_any_name,
        wrong: within(&places.uses) != 0,
        is_open: false,
    }
}

/// The functions of the file that a function may call, by the names it mentions.
///
/// A method counts if it is named on the own object, or where the function names its class too.
fn references(unit: &Unit, text: &str, root: Node<'_>) -> Vec<BTreeSet<FunctionId>> {
    let mut references: Vec<BTreeSet<FunctionId>> = vec![BTreeSet::new(); unit.functions.len()];
    let mentions = mentions(unit, text, root);
    let named = by_name(unit);
    for (id, mentioned) in mentions.iter().enumerate() {
        let own_class = unit.functions[id].class;
        let classes: BTreeSet<usize> = mentioned
            .keys()
            .filter_map(|name| unit.class_names.get(*name))
            .copied()
            .collect();
        for class in &classes {
            references[id].extend(unit.classes[*class].methods.get("<new>"));
        }
        for (name, on_itself) in mentioned {
            for callee in named.get(name).into_iter().flatten() {
                let may_call = match unit.functions[*callee].class {
                    None => true,
                    Some(class) if Some(class) == own_class => *on_itself,
                    Some(class) => classes.contains(&class) || *on_itself && own_class.is_some(),
                };
                if may_call {
                    references[id].insert(*callee);
                }
            }
        }
    }
    references
}

fn by_name(unit: &Unit) -> BTreeMap<&str, Vec<FunctionId>> {
    let mut named: BTreeMap<&str, Vec<FunctionId>> = BTreeMap::new();
    for (id, function) in unit
        .functions
        .iter()
        .enumerate()
        .filter(|(_, function)| !function.name.is_empty())
    {
        named.entry(&function.name).or_default().push(id);
    }
    named
}

/// For each function, the names of functions and classes of the file in it, and whether they stand bare or on the own object.
fn mentions<'t>(unit: &Unit, text: &'t str, root: Node<'_>) -> Vec<BTreeMap<&'t str, bool>> {
    let mut mentions: Vec<BTreeMap<&str, bool>> = vec![BTreeMap::new(); unit.functions.len()];
    let functions = unit.functions.iter().map(|function| &function.name);
    let mut names: HashSet<&str> = HashSet::new();
    let mut look = Look::default();
    for name in functions.chain(unit.class_names.keys()) {
        names.insert(name);
        look.add(name);
    }
    let mut starts: Vec<(u32, FunctionId)> = unit
        .functions
        .iter()
        .enumerate()
        .map(|(id, function)| (function.span.start, id))
        .collect();
    starts.sort_unstable();
    for node in root.descendants().filter(Node::is_leaf) {
        let Some(name) = text.get(node.byte_range()) else {
            continue;
        };
        if !look.may_be(name) || !names.contains(name) {
            continue;
        }
        let at = u32::try_from(node.start_byte()).unwrap_or(u32::MAX);
        let on_itself = is_on_itself(&text[..node.start_byte()]);
        let before = starts.partition_point(|(start, _)| *start <= at);
        for (_, id) in starts[..before].iter().rev().take(64) {
            if unit.functions[*id].span.end > at {
                *mentions[*id].entry(name).or_insert(false) |= on_itself;
            }
        }
    }
    mentions
}

/// Whether a name stands alone or behind `self.`, `$this->` and the like.
fn is_on_itself(before: &str) -> bool {
    let receiver = [".", "->", "::"]
        .iter()
        .find_map(|access| before.strip_suffix(access));
    let Some(receiver) = receiver.map(|before| before.trim_end_matches(['?', '&'])) else {
        return true;
    };
    [
        "self", "this", "cls", "super()", "super", "static", "parent", "base",
    ]
    .iter()
    .any(|word| receiver.ends_with(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_found_where_they_stand_alone(
            all in proptest::collection::btree_set("(a|b|_|\\$|-|é){1,3}", 1..6),
            text in "(a|b|_|\\$|-|é| ){0,12}",
        ) {
            let all: Vec<String> = all.into_iter().collect();
            let words = Words { words: all.clone(), ..Words::default() }.indexed();
            let naive: BTreeMap<usize, Vec<u32>> = all
                .iter()
                .enumerate()
                .map(|(index, word)| {
                    let places = (0..text.len()).filter(|at| {
                        text.get(*at..).is_some_and(|rest| rest.starts_with(word.as_str()))
                            && is_whole_word(text.as_bytes(), *at, at + word.len())
                    });
                    (index, places.map(|at| u32::try_from(at).unwrap()).collect::<Vec<u32>>())
                })
                .filter(|(_, places)| !places.is_empty())
                .collect();
            let mut found = words.found(&text);
            // A word without letters may overlap itself, where one place is as good as two.
            found.retain(|index, _| !words.others.contains(index));
            let naive: BTreeMap<usize, Vec<u32>> = naive
                .into_iter()
                .filter(|(index, _)| !words.others.contains(index))
                .collect();
            prop_assert_eq!(found, naive);
        }
    }
}
