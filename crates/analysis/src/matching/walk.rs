//! One walk over a tree, trying each rule on the nodes whose kind it can match.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use ast_grep_config::RuleCore;
use ast_grep_core::Matcher;
use ast_grep_core::matcher::{MatcherExt, NodeMatch};
use ast_grep_core::meta_var::MetaVariable;
use ast_grep_core::tree_sitter::StrDoc;

use super::MatchRule;
use super::screen::{self, Place, RuleScreen};
use crate::grammar::Grammar;
use crate::hit::Hit;
use crate::language::Language;
use crate::rule::RuleMeta;
use crate::source::Tree;
use crate::source::syntax::{Node, Syntax};

/// A rule that may match in the file.
#[derive(Clone, Copy)]
pub(super) struct Active<'r> {
    pub meta: &'r Arc<RuleMeta>,
    pub core: Core<'r>,
    pub screen: &'r RuleScreen,
}

/// What decides, compiled when it is first asked. A rule that cannot be compiled matches nothing.
#[derive(Clone, Copy)]
pub(super) struct Core<'r> {
    pub rule: &'r MatchRule,
    pub language: Language,
}

impl<'r> Core<'r> {
    pub(super) fn get(&self) -> Option<&'r RuleCore> {
        self.rule.core(self.language).ok()
    }
}

/// Which rules to try on a node, by its kind.
#[derive(Default)]
struct Dispatch<'r> {
    by_kind: Vec<Choice<'r>>,
    /// Rules that do not know their kinds.
    always: Vec<usize>,
}

/// The rules for one kind.
#[derive(Clone, Default)]
struct Choice<'r> {
    /// Those that have to be asked, by the kinds that the parent must have.
    any: Vec<(usize, Option<Rc<[bool]>>)>,
    /// Those that need a field to end with a name.
    named: BTreeMap<u16, HashMap<&'r str, Vec<usize>>>,
}

/// Every match of the given rules, in order of the text.
pub(super) fn matches(tree: &Tree, syntax: &Syntax<'_>, rules: &[Active<'_>]) -> Vec<Hit> {
    let mut hits = Vec::new();
    if rules.is_empty() {
        return hits;
    }
    visit(syntax, tree.source(), rules, |node, place, rule| {
        if rule.screen.may_match(node, place)
            && let Some(core) = rule.core.get()
            && let Some(found) = core.match_node(tree.adopt(node.inner()))
        {
            hits.push(hit(rule.meta, &found));
        }
    });
    hits
}

/// The kinds that a rule can match; `None` for any.
fn kinds_of(rule: &Active<'_>) -> Option<Vec<usize>> {
    rule.screen.kinds().or_else(|| {
        let kinds = rule.core.get()?.potential_kinds()?;
        Some(kinds.iter().collect())
    })
}

/// Calls back for every node and every rule that can match its kind, in order of the text.
pub(super) fn visit<'s, 'r>(
    syntax: &'s Syntax<'s>,
    text: &'s str,
    rules: &[Active<'r>],
    mut each: impl FnMut(Node<'s>, &Place<'s>, &Active<'r>),
) {
    let dispatch = Dispatch::of(rules);
    let place = Place::new(text);
    let mut chosen = Vec::new();
    for node in syntax.nodes() {
        chosen.clear();
        dispatch.choose(node, text, &mut chosen);
        for rule in &chosen {
            if let Some(rule) = rules.get(*rule) {
                each(node, &place, rule);
            }
        }
    }
}

impl<'r> Dispatch<'r> {
    fn of(rules: &[Active<'r>]) -> Self {
        let mut dispatch = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            let Some(kinds) = kinds_of(rule) else {
                dispatch.always.push(index);
                continue;
            };
            let named = rule.screen.named_field();
            let parents: Option<Rc<[bool]>> = rule.screen.parent_kinds().map(Rc::from);
            for kind in kinds {
                if dispatch.by_kind.len() <= kind {
                    dispatch.by_kind.resize_with(kind + 1, Choice::default);
                }
                if let Some(choice) = dispatch.by_kind.get_mut(kind) {
                    choice.add(index, named.as_ref(), parents.as_ref());
                }
            }
        }
        dispatch
    }

    /// The rules that may match a node, in their order.
    fn choose(&self, node: Node<'_>, text: &str, chosen: &mut Vec<usize>) {
        if node.is_named() {
            chosen.extend(&self.always);
        }
        let Some(choice) = self.by_kind.get(usize::from(node.kind_id())) else {
            return;
        };
        let parent = node.parent().map(|parent| usize::from(parent.kind_id()));
        let may_stand = |kinds: &[bool]| {
            parent.is_some_and(|parent| kinds.get(parent).copied().unwrap_or_default())
        };
        let asked = choice.any.iter();
        chosen.extend(
            asked
                .filter(|(_, kinds)| kinds.as_deref().is_none_or(may_stand))
                .map(|(rule, _)| *rule),
        );
        for (field, names) in &choice.named {
            let child = node.child_by_field_id(*field);
            let name = child.and_then(|child| text.get(child.byte_range()));
            let rules = name.and_then(|name| names.get(screen::last_name(name)));
            chosen.extend(rules.into_iter().flatten());
        }
        chosen.sort_unstable();
    }
}

impl<'r> Choice<'r> {
    fn add(
        &mut self,
        rule: usize,
        named: Option<&(u16, Vec<&'r str>)>,
        parents: Option<&Rc<[bool]>>,
    ) {
        let Some((field, names)) = named else {
            self.any.push((rule, parents.cloned()));
            return;
        };
        let by_name = self.named.entry(*field).or_default();
        for name in names {
            let rules = by_name.entry(name).or_default();
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
}

fn hit(meta: &Arc<RuleMeta>, found: &NodeMatch<'_, StrDoc<Grammar>>) -> Hit {
    let mut hit = Hit::new(meta, found.range());
    let env = found.get_env();
    for variable in env.get_matched_variables() {
        let (name, text) = match variable {
            MetaVariable::Capture(name, _) => {
                let text = env.get_match(&name).map(|node| node.text().into_owned());
                (name, text)
            }
            MetaVariable::MultiCapture(name) => {
                let nodes = env.get_multiple_matches(&name);
                let text = span(
                    found,
                    nodes
                        .first()
                        .zip(nodes.last())
                        .map(|(first, last)| first.range().start..last.range().end),
                );
                (name, text)
            }
            MetaVariable::Dropped(_) | MetaVariable::Multiple => continue,
        };
        // ast-grep keeps the nodes of relational rules under lower-case labels.
        if name.starts_with(|first: char| first.is_ascii_lowercase()) {
            continue;
        }
        if let Some(text) = text {
            hit.names.insert(name, text);
        }
    }
    hit
}

fn span(
    found: &NodeMatch<'_, StrDoc<Grammar>>,
    range: Option<std::ops::Range<usize>>,
) -> Option<String> {
    let source = found.get_doc().src.get(range?)?;
    Some(source.to_owned())
}
