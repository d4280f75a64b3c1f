//! Secrets in text: provider tokens, private keys, connection strings and passwords. What is found is never repeated.

mod assignment;
mod header;
mod judge;
mod pem;
mod place;
mod provider;
mod report;
mod url;

use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use pullmill_core::change::RepoPath;
use regex::bytes::Regex;

use crate::hit::Hit;
use crate::rule::RuleMeta;
use place::Place;

/// Finds secrets. One pass over the text looks for what every secret begins with or is named by; only there is more asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scanner;

/// A secret that was found.
struct Found {
    /// Index into the rules.
    rule: usize,
    /// What is reported.
    shown: Range<usize>,
    /// The secret itself.
    secret: Range<usize>,
    /// What the message calls it.
    name: String,
    /// Whether it is weak evidence: of two at one place, the stronger stays.
    is_generic: bool,
    /// Whether its severity is lowered.
    is_minor: bool,
}

/// What a literal that was seen leads to.
#[derive(Clone, Copy)]
enum Lead {
    /// A provider's token, by index.
    Provider(usize),
    /// A name such as `password`.
    Name,
    /// `://`.
    Url,
    /// `-----BEGIN `.
    Pem,
    /// `Basic ` or `Bearer `.
    Header,
}

struct Engine {
    literals: Option<AhoCorasick>,
    leads: Vec<Lead>,
    shapes: Vec<OnceLock<Option<Regex>>>,
    rules: Vec<[Arc<RuleMeta>; 2]>,
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::build);

impl Scanner {
    /// A scanner; what it needs is built when it is first used, and once.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// What every rule says of itself, in order of id.
    #[must_use]
    pub fn rules(&self) -> Vec<Arc<RuleMeta>> {
        let mut rules: Vec<_> = ENGINE
            .rules
            .iter()
            .map(|[rule, _]| Arc::clone(rule))
            .collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        rules
    }

    /// Finds the secrets of a text, in order of place. The path says how strict to be: tests, documents and lock files are full of look-alikes.
    #[must_use]
    pub fn scan(&self, text: &str, path: &RepoPath) -> Vec<Hit> {
        let mut found = ENGINE.find(text, Place::of(path));
        found.sort_by_key(|one| (one.is_generic, one.secret.start, one.secret.end));
        let mut kept: Vec<Found> = Vec::new();
        for one in found {
            let overlaps = |other: &Found| {
                other.secret.start < one.secret.end && one.secret.start < other.secret.end
            };
            if !kept.iter().rev().take(64).any(overlaps) {
                kept.push(one);
            }
        }
        kept.sort_by_key(|one| one.secret.start);
        kept.iter().map(|one| ENGINE.hit(text, one)).collect()
    }
}

impl Engine {
    fn build() -> Self {
        let mut literals: Vec<&str> = Vec::new();
        let mut leads = Vec::new();
        let mut add = |literal: &'static str, lead: Lead| {
            literals.push(literal);
            leads.push(lead);
        };
        for (index, provider) in provider::PROVIDERS.iter().enumerate() {
            for prefix in provider.prefixes {
                add(prefix, Lead::Provider(index));
            }
        }
        assignment::TRIGGERS
            .iter()
            .for_each(|name| add(name, Lead::Name));
        header::TRIGGERS
            .iter()
            .for_each(|name| add(name, Lead::Header));
        add("://", Lead::Url);
        add("-----BEGIN ", Lead::Pem);
        let rules = report::rules();
        Self {
            literals: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::DFA))
                .build(&literals)
                .ok(),
            leads,
            shapes: provider::PROVIDERS
                .iter()
                .map(|_| OnceLock::new())
                .collect(),
            rules,
        }
    }

    fn find(&self, text: &str, place: Place) -> Vec<Found> {
        let mut found = Vec::new();
        let Some(literals) = &self.literals else {
            return found;
        };
        let mut named_until = 0;
        for literal in literals.find_iter(text) {
            let at = literal.range();
            match self.leads[literal.pattern().as_usize()] {
                Lead::Provider(index) => {
                    let shape = &self.shapes[index];
                    found.extend(provider::find(index, shape, text, at, place));
                }
                Lead::Url => found.extend(url::find(text, at.start, place)),
                Lead::Pem => found.extend(pem::find(text, at.start, place)),
                Lead::Header => found.extend(header::find(text, at, place)),
                Lead::Name if at.start >= named_until => {
                    let (end, secret) = assignment::find(text, at, place);
                    named_until = end;
                    found.extend(secret);
                }
                Lead::Name => {}
            }
        }
        found
    }

    fn hit(&self, text: &str, found: &Found) -> Hit {
        let rule = &self.rules[found.rule][usize::from(found.is_minor)];
        let mut hit = Hit::new(rule, found.shown.clone());
        hit.names.insert("name".to_owned(), found.name.clone());
        let secret = &text[found.secret.clone()];
        hit.code = Some(report::code(
            &rule.id,
            &found.name,
            secret,
            found.is_generic,
        ));
        hit.masked = vec![found.secret.clone()];
        hit
    }
}

#[cfg(test)]
mod tests;
