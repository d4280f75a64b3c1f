//! The flow rules and the model of one language, made ready to be looked up by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::model::{
    FillEntry, FlowBody, GuardEntry, Mark, ModelFile, NameIndex, NamePattern, RetypeEntry,
    SanitizerEntry, Selector, SinkEntry, SourceEntry, TypeEntry, UseEntry, When,
};
use super::relevance::Words;
use crate::pattern::Pattern;
use crate::rule::RuleMeta;

/// A set of dangers, one bit each.
pub(crate) type Dangers = u64;

/// Every danger.
pub(crate) const ALL_DANGERS: Dangers = u64::MAX;

/// One flow rule.
#[derive(Clone, Debug)]
pub(crate) struct FlowRule {
    pub(crate) meta: Arc<RuleMeta>,
    pub(crate) danger: Dangers,
    pub(crate) labels: u32,
    pub(crate) joined: bool,
    pub(crate) quoted: bool,
}

/// A source, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) label: u32,
    pub(crate) what: Arc<str>,
    pub(crate) collection: bool,
    pub(crate) fills: Vec<usize>,
    pub(crate) except_type: Vec<String>,
}

impl Source {
    /// Whether parameters of a type bring nothing, by its full or last name, or the last words of that (`DbSession`).
    pub(crate) fn excepts(&self, name: &str) -> bool {
        self.except_type.iter().any(|except| {
            let before = name.strip_suffix(except.as_str());
            let is_word = except.starts_with(|first: char| first.is_ascii_uppercase());
            before.is_some_and(|before| is_word || before.is_empty() || before.ends_with('.'))
        })
    }
}

/// A sanitiser, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Sanitizer {
    pub(crate) clears: Dangers,
    pub(crate) marks: Vec<Mark>,
    pub(crate) when: Vec<When>,
}

/// A guard, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) target: Option<Selector>,
    pub(crate) holds: bool,
    pub(crate) clears: Dangers,
    pub(crate) needs: Option<Mark>,
    pub(crate) pattern: Option<Selector>,
    pub(crate) whole_match: bool,
    pub(crate) raises: bool,
    pub(crate) when: Vec<When>,
}

/// The kinds of container that calls make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContainerKind {
    List,
    Map,
    Buffer,
}

type Entry<T> = (usize, Arc<T>);

/// The flow rules and the model of one language.
#[derive(Debug, Default)]
pub struct FlowRules {
    pub(crate) rules: Vec<FlowRule>,
    pub(crate) source_calls: NameIndex<Arc<Source>>,
    pub(crate) source_names: Vec<(Pattern, Vec<NamePattern>, Arc<Source>)>,
    pub(crate) source_fields: NameIndex<Arc<Source>>,
    pub(crate) source_parameter_types: NameIndex<Arc<Source>>,
    pub(crate) source_parameter_annotations: NameIndex<Arc<Source>>,
    pub(crate) source_function_annotations: NameIndex<Arc<Source>>,
    pub(crate) source_parameters: Option<Arc<Source>>,
    pub(crate) sink_calls: NameIndex<Entry<SinkEntry>>,
    pub(crate) sink_assigns: NameIndex<Entry<SinkEntry>>,
    pub(crate) sink_stores: NameIndex<Entry<SinkEntry>>,
    pub(crate) sink_returns: NameIndex<Entry<SinkEntry>>,
    pub(crate) sink_variables: Vec<(Pattern, Entry<SinkEntry>)>,
    pub(crate) use_calls: NameIndex<Entry<UseEntry>>,
    pub(crate) use_assigns: NameIndex<Entry<UseEntry>>,
    pub(crate) sanitizers: NameIndex<Arc<Sanitizer>>,
    pub(crate) sanitizer_fields: NameIndex<Arc<Sanitizer>>,
    pub(crate) guards: NameIndex<Arc<Guard>>,
    pub(crate) call_types: NameIndex<Arc<TypeEntry>>,
    pub(crate) field_types: NameIndex<Arc<str>>,
    pub(crate) whole: NameIndex<()>,
    pub(crate) lookups: NameIndex<()>,
    pub(crate) clean: NameIndex<()>,
    pub(crate) exits: NameIndex<()>,
    pub(crate) fills: NameIndex<Arc<FillEntry>>,
    pub(crate) retypes: NameIndex<Arc<RetypeEntry>>,
    pub(crate) containers: NameIndex<ContainerKind>,
    words: OnceLock<Words>,
    dangers: BTreeMap<String, u32>,
    labels: BTreeMap<String, u32>,
}

impl FlowRules {
    /// Puts the models and rules of a language together.
    #[must_use]
    pub fn new(models: &[ModelFile], rules: Vec<(Arc<RuleMeta>, FlowBody)>) -> Self {
        let mut all = Self::default();
        for model in models {
            all.add_model(model);
        }
        let sinks: BTreeMap<String, Vec<SinkEntry>> = rules
            .iter()
            .map(|(meta, body)| (meta.id.clone(), body.sinks.clone()))
            .collect();
        for (meta, mut body) in rules {
            body.sinks
                .extend(sinks.get(&body.sinks_of).into_iter().flatten().cloned());
            all.add_rule(meta, &body);
        }
        all.forget_unused_sources();
        all
    }

    /// Sources that no rule asks for need not be followed.
    fn forget_unused_sources(&mut self) {
        let used = self.rules.iter().fold(0, |all, rule| all | rule.labels);
        for index in [
            &mut self.source_calls,
            &mut self.source_fields,
            &mut self.source_parameter_types,
            &mut self.source_parameter_annotations,
            &mut self.source_function_annotations,
        ] {
            index.retain(|source| source.label & used != 0);
        }
        self.source_parameters = self
            .source_parameters
            .take()
            .filter(|source| source.label & used != 0);
    }

    /// Whether there is no rule at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The words by which it can be told whether a text holds anything to follow.
    pub(crate) fn words(&self) -> &Words {
        self.words.get_or_init(|| Words::of(self))
    }

    /// Of each source, the words that a text that uses it holds (its last segment and the one before), and its label.
    pub(crate) fn source_segments(&self) -> Vec<(Vec<String>, u32)> {
        let label = |(words, source): (Vec<String>, &Arc<Source>)| (words, source.label);
        let both = self
            .source_calls
            .segments()
            .chain(self.source_fields.segments())
            .map(label);
        let parameters = [
            &self.source_parameter_types,
            &self.source_parameter_annotations,
            &self.source_function_annotations,
        ];
        let single = parameters
            .into_iter()
            .flat_map(NameIndex::segments)
            .map(label);
        let single = single.map(|(words, label)| (words.into_iter().take(1).collect(), label));
        both.chain(single).collect()
    }

    /// The label of what comes in as a parameter.
    pub(crate) fn label_of_parameters(&self) -> u32 {
        self.source_parameters
            .as_ref()
            .map_or(0, |source| source.label)
    }

    /// Last segments of sinks, and the labels that they take.
    pub(crate) fn sink_words(&self) -> Vec<(String, u32)> {
        let indexes = [
            &self.sink_calls,
            &self.sink_assigns,
            &self.sink_stores,
            &self.sink_returns,
        ];
        let named = indexes.into_iter().flat_map(NameIndex::segments);
        named
            .filter_map(|(words, (rule, _))| {
                Some((words.into_iter().next()?, self.rules[*rule].labels))
            })
            .collect()
    }

    /// The labels of sinks that may have any name.
    pub(crate) fn labels_of_any_name(&self) -> u32 {
        self.sink_variables
            .iter()
            .fold(0, |all, (_, (rule, _))| all | self.rules[*rule].labels)
    }

    /// Last segments of wrong uses.
    pub(crate) fn use_words(&self) -> Vec<String> {
        let indexes = [&self.use_calls, &self.use_assigns];
        let named = indexes.into_iter().flat_map(NameIndex::segments);
        named
            .filter_map(|(words, _)| words.into_iter().next())
            .collect()
    }

    /// Types that calls and fields have without the text naming them.
    pub(crate) fn made_types(&self) -> BTreeSet<String> {
        let by_call = self
            .call_types
            .meanings()
            .map(|entry| entry.type_name.as_str());
        let entries = by_call.chain(self.field_types.meanings().map(AsRef::as_ref));
        entries
            .map(|name| super::model::last_segment(name).to_owned())
            .collect()
    }

    fn add_model(&mut self, model: &ModelFile) {
        for source in &model.sources {
            self.add_source(source);
        }
        for entry in &model.types {
            let name: Arc<str> = Arc::from(entry.type_name.as_str());
            self.call_types.add(&entry.call, &Arc::new(entry.clone()));
            self.field_types.add(&entry.field, &name);
        }
        self.whole.add(&model.whole, &());
        self.lookups.add(&model.lookups, &());
        self.clean.add(&model.clean, &());
        self.exits.add(&model.exits, &());
        self.containers
            .add(&model.containers.list, &ContainerKind::List);
        self.containers
            .add(&model.containers.map, &ContainerKind::Map);
        self.containers
            .add(&model.containers.buffer, &ContainerKind::Buffer);
        for fill in &model.fills {
            self.fills.add(&fill.call, &Arc::new(fill.clone()));
        }
        for retype in &model.retypes {
            self.retypes.add(&retype.call, &Arc::new(retype.clone()));
        }
        for sanitizer in &model.sanitizers {
            let clears = self.danger_set(&sanitizer.clears);
            self.add_sanitizer(sanitizer, clears);
        }
        for guard in &model.guards {
            let clears = if guard.clears.is_empty() {
                ALL_DANGERS
            } else {
                self.danger_set(&guard.clears)
            };
            self.add_guard(guard, clears);
        }
    }

    fn add_rule(&mut self, meta: Arc<RuleMeta>, body: &FlowBody) {
        let index = self.rules.len();
        let name = if body.danger.is_empty() {
            meta.id.clone()
        } else {
            body.danger.clone()
        };
        let danger = self.danger_bit(&name);
        let labels = if body.from.is_empty() {
            let own: Vec<u32> = body
                .sources
                .iter()
                .map(|source| self.label_of(source))
                .collect();
            if own.is_empty() {
                self.label_bit("remote")
            } else {
                own.iter().fold(0, |all, one| all | one)
            }
        } else {
            body.from
                .iter()
                .fold(0, |all, label| all | self.label_bit(label))
        };
        self.rules.push(FlowRule {
            meta,
            danger,
            labels,
            joined: body.joined,
            quoted: body.quoted,
        });
        for source in &body.sources {
            self.add_source(source);
        }
        for sink in &body.sinks {
            let entry = (index, Arc::new(sink.clone()));
            self.sink_calls.add(&sink.call, &entry);
            self.sink_assigns.add(&sink.assign, &entry);
            self.sink_stores.add(&sink.store, &entry);
            self.sink_returns.add(&sink.returned_by, &entry);
            if let Some(pattern) = &sink.variable {
                self.sink_variables.push((pattern.clone(), entry));
            }
        }
        for wrong in &body.uses {
            let entry = (index, Arc::new(wrong.clone()));
            self.use_calls.add(&wrong.call, &entry);
            self.use_assigns.add(&wrong.assign, &entry);
        }
        for sanitizer in &body.sanitizers {
            self.add_sanitizer(sanitizer, danger);
        }
        for guard in &body.guards {
            self.add_guard(guard, danger);
        }
    }

    fn add_source(&mut self, entry: &SourceEntry) {
        let source = Arc::new(Source {
            label: self.label_of(entry),
            what: Arc::from(if entry.what.is_empty() {
                "untrusted input"
            } else {
                &entry.what
            }),
            collection: entry.collection,
            fills: entry.fills.clone(),
            except_type: entry.except_type.clone(),
        });
        if let Some(pattern) = &entry.named {
            let about = entry
                .about
                .iter()
                .map(|name| NamePattern::new(name))
                .collect();
            self.source_names
                .push((pattern.clone(), about, Arc::clone(&source)));
        }
        if entry.parameters {
            self.source_parameters = Some(Arc::clone(&source));
        }
        self.source_calls.add(&entry.call, &source);
        self.source_fields.add(&entry.field, &source);
        self.source_parameter_types
            .add(&entry.parameter_type, &source);
        self.source_parameter_annotations
            .add(&entry.parameter_annotation, &source);
        self.source_function_annotations
            .add(&entry.function_annotation, &source);
    }

    fn add_sanitizer(&mut self, entry: &SanitizerEntry, clears: Dangers) {
        let sanitizer = Arc::new(Sanitizer {
            clears,
            marks: entry.marks.clone(),
            when: entry.when.clone(),
        });
        self.sanitizers.add(&entry.call, &sanitizer);
        self.sanitizer_fields.add(&entry.field, &sanitizer);
    }

    fn add_guard(&mut self, entry: &GuardEntry, clears: Dangers) {
        let guard = Arc::new(Guard {
            target: entry.target.clone(),
            holds: entry.holds.unwrap_or(true),
            clears,
            needs: entry.needs,
            pattern: entry.pattern.clone(),
            whole_match: entry.whole_match,
            raises: entry.raises,
            when: entry.when.clone(),
        });
        self.guards.add(&entry.call, &guard);
    }

    fn danger_set(&mut self, names: &[String]) -> Dangers {
        names.iter().fold(0, |all, name| {
            all | if name == "all" {
                ALL_DANGERS
            } else if name == "text" {
                // Of a number no text is left, but one that can be guessed still can.
                ALL_DANGERS & !self.danger_bit("random")
            } else {
                self.danger_bit(name)
            }
        })
    }

    /// The set of one danger; the 64th and later ones share a bit, which only makes sanitisers of the one count for the other.
    pub(crate) fn danger_bit(&mut self, name: &str) -> Dangers {
        let next = u32::try_from(self.dangers.len()).unwrap_or(63).min(63);
        1 << *self.dangers.entry(name.to_owned()).or_insert(next)
    }

    /// The dangers that a guard on part of a URL, or a prefix check on a normalised path, can clear.
    pub(crate) fn known_danger(&self, name: &str) -> Dangers {
        self.dangers.get(name).map_or(0, |bit| 1 << bit)
    }

    fn label_of(&mut self, entry: &SourceEntry) -> u32 {
        let label = entry.label.clone().unwrap_or_else(|| "remote".to_owned());
        self.label_bit(&label)
    }

    fn label_bit(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.labels.len()).unwrap_or(31).min(31);
        1 << *self.labels.entry(name.to_owned()).or_insert(next)
    }
}
