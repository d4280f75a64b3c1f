//! What each rule costs on real files.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ast_grep_config::RuleCore;
use ast_grep_core::matcher::MatcherExt;

use super::{MatchRules, walk};
use crate::source::Source;
use crate::source::syntax::Syntax;

/// What one rule has cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleCost {
    /// Nodes whose kind the rule can match.
    pub nodes: usize,
    /// Nodes that the quick look left over.
    pub tried: usize,
    /// Matches.
    pub hits: usize,
    /// Matches that the quick look would have refused; always 0 in a sound engine.
    pub lost: usize,
    /// Time for quick looks.
    pub look: Duration,
    /// Time for trying the rule.
    pub trial: Duration,
}

impl MatchRules {
    /// Adds what each rule costs on a file to the costs by rule; `check` also tries the rule on nodes that the quick
    /// look refuses.
    pub fn add_costs(
        &self,
        source: &Source,
        syntax: &Syntax<'_>,
        check: bool,
        costs: &mut BTreeMap<String, RuleCost>,
    ) {
        let Some(tree) = source.tree() else {
            return;
        };
        let active = self.active(source.text());
        walk::visit(syntax, source.text(), &active, |node, place, rule| {
            let start = Instant::now();
            let may = rule.screen.may_match(node, place);
            let looked = Instant::now();
            let hit = |core: &RuleCore| core.match_node(tree.adopt(node.inner())).is_some();
            let is_hit = (may || check) && rule.core.get().is_some_and(hit);
            let cost = match costs.get_mut(&rule.meta.id) {
                Some(cost) => cost,
                None => costs.entry(rule.meta.id.clone()).or_default(),
            };
            cost.nodes += 1;
            cost.tried += usize::from(may);
            cost.hits += usize::from(is_hit);
            cost.lost += usize::from(is_hit && !may);
            cost.look += looked - start;
            cost.trial += looked.elapsed();
        });
    }
}
