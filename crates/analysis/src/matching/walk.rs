//! One walk over a tree, trying each rule on the nodes whose kind it can match.

use std::sync::Arc;

use ast_grep_config::RuleCore;
use ast_grep_core::Matcher;
use ast_grep_core::matcher::{MatcherExt, NodeMatch};
use ast_grep_core::meta_var::MetaVariable;
use ast_grep_core::tree_sitter::StrDoc;
use ast_grep_language::SupportLang;

use super::screen::{Place, RuleScreen};
use crate::hit::Hit;
use crate::rule::RuleMeta;
use crate::source::Tree;
use crate::source::syntax::{Node, Syntax};

/// A rule that may match in the file.
#[derive(Clone, Copy)]
pub(super) struct Active<'r> {
    pub meta: &'r Arc<RuleMeta>,
    pub core: &'r RuleCore,
    pub screen: &'r RuleScreen,
}

/// Which rules to try on a node, by its kind.
struct Dispatch {
    by_kind: Vec<Vec<usize>>,
    /// Rules that do not know their kinds.
    always: Vec<usize>,
}

/// Every match of the given rules, in order of the text.
pub(super) fn matches(tree: &Tree, syntax: &Syntax<'_>, rules: &[Active<'_>]) -> Vec<Hit> {
    let mut hits = Vec::new();
    if rules.is_empty() {
        return hits;
    }
    visit(syntax, tree.source(), rules, |node, place, rule| {
        if rule.screen.may_match(node, place)
            && let Some(found) = rule.core.match_node(tree.adopt(node.inner()))
        {
            hits.push(hit(rule.meta, &found));
        }
    });
    hits
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
    for node in syntax.nodes() {
        for rule in dispatch.rules(node.kind_id(), node.is_named()) {
            if let Some(rule) = rules.get(*rule) {
                each(node, &place, rule);
            }
        }
    }
}

impl Dispatch {
    fn of(rules: &[Active<'_>]) -> Self {
        let mut dispatch = Self {
            by_kind: Vec::new(),
            always: Vec::new(),
        };
        for (index, rule) in rules.iter().enumerate() {
            let Some(kinds) = rule.core.potential_kinds() else {
                dispatch.always.push(index);
                continue;
            };
            for kind in &kinds {
                if dispatch.by_kind.len() <= kind {
                    dispatch.by_kind.resize_with(kind + 1, Vec::new);
                }
                if let Some(list) = dispatch.by_kind.get_mut(kind) {
                    list.push(index);
                }
            }
        }
        dispatch
    }

    fn rules(&self, kind: u16, is_named: bool) -> impl Iterator<Item = &usize> {
        let always: &[usize] = if is_named { &self.always } else { &[] };
        self.by_kind
            .get(usize::from(kind))
            .into_iter()
            .flatten()
            .chain(always)
    }
}

fn hit(meta: &Arc<RuleMeta>, found: &NodeMatch<'_, StrDoc<SupportLang>>) -> Hit {
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
    found: &NodeMatch<'_, StrDoc<SupportLang>>,
    range: Option<std::ops::Range<usize>>,
) -> Option<String> {
    let source = found.get_doc().src.get(range?)?;
    Some(source.to_owned())
}
