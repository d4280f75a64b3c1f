//! Match rules: local shapes, scheduled by literals and node kinds.
//!
//! A rule is compiled only when a file holds the literals it needs, and tried only on nodes of the kinds it can match.

mod cost;
mod literals;
mod screen;
mod shape;
mod walk;

pub use cost::RuleCost;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aho_corasick::AhoCorasick;
use ast_grep_config::{DeserializeEnv, RuleCore, SerializableRuleCore};
use serde::Deserialize;
use serde_json::Value;

use crate::hit::Hit;
use crate::language::Language;
use crate::rule::RuleMeta;
use crate::source::Tree;
use crate::source::syntax::Syntax;
use screen::RuleScreen;

/// The literals that rules need, by id, as [`literals`] finds them.
pub type Needs = BTreeMap<String, Vec<Vec<String>>>;

/// The match rules of one language.
pub struct MatchRules {
    language: Language,
    rules: Vec<MatchRule>,
    /// Finds the literals of all rules in one pass; absent if no rule has any.
    finder: Option<AhoCorasick>,
}

/// One rule with what it needs before it can match.
struct MatchRule {
    meta: Arc<RuleMeta>,
    body: Value,
    /// Of every clause at least one literal, named by its number, must stand in the file.
    needs: Vec<Vec<usize>>,
    screen: OnceLock<RuleScreen>,
    /// Made when a node passes the screen, or when the screen does not know of which kinds nodes must be.
    core: OnceLock<Result<RuleCore, String>>,
}

impl MatchRules {
    /// Prepares the rules of one language without compiling them; `needs` are the literals of rules for which they are known. Errors
    /// name the rule.
    ///
    /// # Errors
    /// All problems that can be seen in the shape of the rules.
    pub fn new(
        language: Language,
        rules: Vec<(Arc<RuleMeta>, Value)>,
        needs: &Needs,
    ) -> Result<Self, Vec<String>> {
        let mut numbers = BTreeMap::new();
        let mut problems = Vec::new();
        let mut ready = Vec::new();
        for (meta, body) in rules {
            if let Err(problem) = shape::check(&body) {
                problems.push(format!("{}: {problem}", meta.id));
                continue;
            }
            let needs = match needs.get(&meta.id) {
                Some(known) => known.clone(),
                None => literals::of(&body),
            };
            let needs = needs
                .into_iter()
                .map(|clause| numbered(clause, &mut numbers))
                .collect();
            ready.push(MatchRule {
                meta,
                body,
                needs,
                screen: OnceLock::new(),
                core: OnceLock::new(),
            });
        }
        let finder = finder(&numbers).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if problems.is_empty() {
            Ok(Self {
                language,
                rules: ready,
                finder,
            })
        } else {
            Err(problems)
        }
    }

    /// Compiles every rule and names what is wrong, also rules that would have to look at every node of every file.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.rules
            .iter()
            .filter_map(|rule| {
                let problem = rule.problem(self.language)?;
                Some(format!("{}: {problem}", rule.meta.id))
            })
            .collect()
    }

    /// Every match of every rule in a parsed file, in order of the text.
    #[must_use]
    pub fn analyse(&self, tree: &Tree, syntax: &Syntax<'_>) -> Vec<Hit> {
        walk::matches(tree, syntax, &self.active(tree.source()))
    }

    /// The rules that can match in a text, by what they need to stand in it.
    fn active(&self, text: &str) -> Vec<walk::Active<'_>> {
        let found = self.found_literals(text);
        self.rules
            .iter()
            .filter(|rule| rule.may_match(&found))
            .map(|rule| walk::Active {
                meta: &rule.meta,
                screen: rule.screen(self.language),
                core: walk::Core {
                    rule,
                    language: self.language,
                },
            })
            .collect()
    }

    fn found_literals(&self, text: &str) -> Vec<bool> {
        let Some(finder) = &self.finder else {
            return Vec::new();
        };
        let mut found = vec![false; finder.patterns_len()];
        for hit in finder.find_overlapping_iter(text) {
            if let Some(flag) = found.get_mut(hit.pattern().as_usize()) {
                *flag = true;
            }
        }
        found
    }
}

impl MatchRule {
    fn may_match(&self, found: &[bool]) -> bool {
        self.needs.iter().all(|clause| {
            clause
                .iter()
                .any(|literal| found.get(*literal).copied().unwrap_or(true))
        })
    }

    fn screen(&self, language: Language) -> &RuleScreen {
        let build = || screen::of(&self.body, language.grammar());
        self.screen.get_or_init(build)
    }

    fn core(&self, language: Language) -> Result<&RuleCore, &String> {
        self.core
            .get_or_init(|| compile(&self.body, language))
            .as_ref()
    }

    fn problem(&self, language: Language) -> Option<String> {
        use ast_grep_core::Matcher;
        match self.core(language) {
            Err(problem) => Some(format!("in {}: {problem}", language.name())),
            Ok(core) if core.potential_kinds().is_none() && self.needs.is_empty() => Some(
                "the rule would be tried on every node: add a `kind` or a `pattern` with a name in it"
                    .to_owned(),
            ),
            Ok(_) => None,
        }
    }
}

fn compile(body: &Value, language: Language) -> Result<RuleCore, String> {
    let rule = SerializableRuleCore::deserialize(body).map_err(|error| error.to_string())?;
    rule.get_matcher(DeserializeEnv::new(language.grammar()))
        .map_err(|error| with_causes(&error))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

fn numbered(clause: Vec<String>, numbers: &mut BTreeMap<String, usize>) -> Vec<usize> {
    clause
        .into_iter()
        .map(|literal| {
            let next = numbers.len();
            *numbers.entry(literal).or_insert(next)
        })
        .collect()
}

fn finder(numbers: &BTreeMap<String, usize>) -> Result<Option<AhoCorasick>, String> {
    if numbers.is_empty() {
        return Ok(None);
    }
    let mut literals = vec![""; numbers.len()];
    for (literal, number) in numbers {
        if let Some(slot) = literals.get_mut(*number) {
            *slot = literal;
        }
    }
    AhoCorasick::new(literals)
        .map(Some)
        .map_err(|error| format!("the rules' literals cannot be searched for: {error}"))
}
