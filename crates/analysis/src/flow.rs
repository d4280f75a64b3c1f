//! Data flow: follows untrusted values from where they come in to where they do harm.

mod call;
mod condition;
mod container;
mod eval;
mod exec;
mod fold;
mod guard;
pub mod ir;
pub mod lower;
pub mod model;
mod relevance;
mod rules;
mod run;
mod sink;
mod value;

pub use rules::FlowRules;

use crate::hit::Hit;
use crate::language::Language;
use crate::source::syntax::Node;

/// Follows values through one file. The flag says that some function was too long to be gone through to its end.
#[must_use]
pub fn analyse(
    language: Language,
    text: &str,
    root: Node<'_>,
    rules: &FlowRules,
) -> (Vec<Hit>, bool) {
    let Some(places) = rules.words().places(text) else {
        return (Vec::new(), false);
    };
    let Some(unit) = lower::unit(language, text, root) else {
        return (Vec::new(), false);
    };
    let reach = relevance::of_functions(&unit, text, root, &places);
    run::Run::new(&unit, rules, text, reach).whole()
}
