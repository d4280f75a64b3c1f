//! Analyses one file: parses it once, runs every engine on it and turns hits into findings.

mod classify;
mod exposure;
mod ignore;
mod mask;
mod message;
mod report;
mod symbols;
mod tried;
mod unread;

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::{Outcome, SkipReason};
use pullmill_core::finding::{Severity, is_named_by};
use pullmill_core::job::{Job, JobReport, Setup, SideReport};

pub(crate) use self::message::placeholders as message_placeholders;

use self::classify::Class;
use self::report::Side;
use self::symbols::Symbols;
use crate::hit::Hit;
use crate::language::Language;
use crate::measure::Measured;
use crate::pack::{LanguageRules, Pack};
use crate::secrets::Scanner;
use crate::source::syntax::Syntax;
use crate::source::{ParseFault, Source, Tree};
use crate::{document, flow};

/// Trees deeper than this are not searched: a rule that looks at all ancestors or descendants needs time by their depth.
const DEEPEST: usize = 1_000;

/// Reviews files one at a time, with the rules it was set up with.
pub struct Analyser {
    pack: Pack,
    settings: Settings,
}

/// What the configuration says of rules.
#[derive(Clone, Debug, Default)]
struct Settings {
    off: Vec<String>,
    severities: Vec<(String, Severity)>,
}

/// One side and what was found in it.
struct Looked {
    source: Source,
    found: Found,
}

/// Hits and whether everything was looked at.
struct Found {
    symbols: Symbols,
    measured: Measured,
    is_searched: bool,
    hits: Vec<Hit>,
    outcome: Outcome,
}

impl Analyser {
    /// Makes an analyser with the built-in rules and those of the repository.
    ///
    /// # Errors
    /// Everything that is wrong with the repository's rules, one line each with file and rule.
    pub fn new(setup: &Setup) -> Result<Self, Vec<String>> {
        Ok(Self {
            pack: Pack::new(&setup.user_rules)?,
            settings: Settings {
                off: setup.rules_off.clone(),
                severities: setup.severities.clone(),
            },
        })
    }

    /// Makes an analyser with exactly these rules.
    #[must_use]
    pub fn with_pack(pack: Pack) -> Self {
        Self {
            pack,
            settings: Settings::default(),
        }
    }

    /// Reviews both sides of a file; equal sides once. The base is searched if the head holds anything or the job says so.
    #[must_use]
    pub fn analyse(&self, job: &Job) -> JobReport {
        let old_path = job.old_path.as_ref().unwrap_or(&job.path);
        let base_class = job
            .base
            .as_ref()
            .map(|bytes| classify::classify(old_path, bytes));
        let head_class = (job.head.as_ref()).map(|bytes| {
            classify::classify(&job.path, bytes).unless_marked_now(base_class.as_ref())
        });
        let mut head = (job.head.as_ref().zip(head_class.as_ref()))
            .map(|(bytes, class)| self.look(&job.path, bytes, class, |_| true));
        let report = |head: Option<Looked>| {
            let parts = head.zip(job.head.as_ref()).zip(head_class.as_ref());
            parts.map(|((head, bytes), class)| {
                let side = self.report(&job.path, head);
                self.with_tried_suggestions(&job.path, bytes, class, side)
            })
        };
        if job.base == job.head && *old_path == job.path {
            if let Some(head) = &mut head {
                self.measure(head, None);
            }
            let head = report(head);
            return JobReport {
                base: head.clone(),
                head,
            };
        }
        let base = (job.base.as_ref().zip(base_class.as_ref())).map(|(bytes, class)| {
            let mut base = self.look(old_path, bytes, class, |measured| {
                let holds_any = head.as_mut().is_some_and(|head| {
                    self.measure(head, Some(measured));
                    !head.found.hits.is_empty()
                });
                holds_any || job.search_base
            });
            if base.found.is_searched {
                self.measure(&mut base, None);
            }
            self.report(old_path, base)
        });
        if let (Some(head), None) = (&mut head, &base) {
            self.measure(head, None);
        }
        JobReport {
            base,
            head: report(head),
        }
    }

    /// Looks at one side, without its measures.
    fn side(&self, path: &RepoPath, bytes: &[u8], class: &Class) -> SideReport {
        self.report(path, self.look(path, bytes, class, |_| true))
    }

    /// Parses a side; searches it if what was measured says so.
    fn look(
        &self,
        path: &RepoPath,
        bytes: &[u8],
        class: &Class,
        search: impl FnOnce(&Measured) -> bool,
    ) -> Looked {
        let mut looked = match class {
            Class::Code(language) => self.code(bytes, *language, search),
            Class::Text(name) => self.text(path, bytes, name, search(&Measured::default())),
            Class::Skipped {
                reason,
                detail,
                has_secrets,
                ..
            } => {
                let bytes = if *has_secrets { bytes } else { &[] };
                let mut looked = Looked::plain(bytes, skipped(*reason, detail));
                looked.found.is_searched = search(&Measured::default());
                looked
            }
        };
        if looked.found.is_searched {
            let secrets = Scanner::new().scan(looked.source.text(), path);
            looked.found.hits.extend(secrets);
        }
        let hits = &mut looked.found.hits;
        hits.retain(|hit| !self.settings.is_off(&hit.rule.id));
        looked
    }

    /// Adds what the measures of a side say, beside those of the side before.
    fn measure(&self, looked: &mut Looked, before: Option<&Measured>) {
        let Some(language) = looked.source.language() else {
            return;
        };
        let Ok(rules) = self.pack.language(language) else {
            return;
        };
        let mut hits = looked.found.measured.hits(&rules.measures, before);
        hits.retain(|hit| !self.settings.is_off(&hit.rule.id));
        looked.found.hits.extend(hits);
    }

    fn report(&self, path: &RepoPath, looked: Looked) -> SideReport {
        let Looked { source, found } = looked;
        let side = Side {
            path,
            source: &source,
            settings: &self.settings,
            symbols: &found.symbols,
            tests: found.measured.tests(),
        };
        side.report(found.hits, found.outcome, found.is_searched)
    }

    fn code(
        &self,
        bytes: &[u8],
        language: Language,
        search: impl FnOnce(&Measured) -> bool,
    ) -> Looked {
        let (source, fault) = Source::parse(bytes, language);
        let mut found = Found::new(outcome_of_code(&source, fault, language));
        match source.tree() {
            Some(tree) => self.tree(tree, language, &mut found, search),
            None => found.is_searched = search(&found.measured),
        }
        Looked { source, found }
    }

    fn tree(
        &self,
        tree: &Tree,
        language: Language,
        found: &mut Found,
        search: impl FnOnce(&Measured) -> bool,
    ) {
        let syntax = Syntax::of(tree, language);
        found.symbols = Symbols::of(&syntax, tree.source(), language);
        let is_deep = syntax.depth() > DEEPEST;
        if is_deep {
            let detail = format!("syntax nests deeper than {DEEPEST} levels");
            found.outcome = skipped(SkipReason::ParseError, &detail);
        } else {
            let pieces = found.symbols.pieces();
            found.measured = Measured::of(&syntax, tree.source(), language, &pieces);
        }
        found.is_searched = search(&found.measured);
        if is_deep || !found.is_searched {
            return;
        }
        match self.pack.language(language) {
            Ok(rules) => found.run(tree, &syntax, language, rules),
            Err(problems) => found.outcome = skipped(SkipReason::Stopped, &problems.join("; ")),
        }
    }

    fn text(&self, path: &RepoPath, bytes: &[u8], name: &str, search: bool) -> Looked {
        let outcome = Outcome::Assessed {
            language: name.to_owned(),
        };
        let mut looked = Looked::plain(bytes, outcome);
        looked.found.is_searched = search;
        if search && document::Format::of(path).is_some() {
            self.document(path, &mut looked);
        }
        looked
    }

    fn document(&self, path: &RepoPath, looked: &mut Looked) {
        match self.pack.documents() {
            Ok(rules) => {
                let found = document::analyse(looked.source.text(), path, rules);
                looked.found.hits.extend(found.hits);
                if let Some(problem) = found.parse_error {
                    looked.found.outcome = skipped(SkipReason::ParseError, &problem);
                }
            }
            Err(problems) => {
                looked.found.outcome = skipped(SkipReason::Stopped, &problems.join("; "))
            }
        }
    }
}

impl Looked {
    fn plain(bytes: &[u8], outcome: Outcome) -> Self {
        Self {
            source: Source::plain(bytes),
            found: Found::new(outcome),
        }
    }
}

impl Found {
    fn new(outcome: Outcome) -> Self {
        Self {
            symbols: Symbols::default(),
            measured: Measured::default(),
            is_searched: false,
            hits: Vec::new(),
            outcome,
        }
    }

    fn run(&mut self, tree: &Tree, syntax: &Syntax<'_>, language: Language, rules: &LanguageRules) {
        self.hits.extend(rules.matching.analyse(tree, syntax));
        if rules.flow.is_empty() {
            return;
        }
        let (hits, is_cut_short) =
            flow::analyse(language, tree.source(), syntax.root(), &rules.flow);
        self.hits.extend(hits);
        if is_cut_short && matches!(self.outcome, Outcome::Assessed { .. }) {
            self.outcome = skipped(
                SkipReason::TooLarge,
                "a function is too long to follow values through it",
            );
        }
    }
}

impl Settings {
    fn is_off(&self, rule: &str) -> bool {
        self.off.iter().any(|pattern| is_named_by(rule, pattern))
    }

    /// The last setting that names the rule wins.
    fn severity(&self, rule: &str, own: Severity) -> Severity {
        let set = self
            .severities
            .iter()
            .rev()
            .find(|(pattern, _)| is_named_by(rule, pattern));
        set.map_or(own, |(_, severity)| *severity)
    }
}

fn outcome_of_code(source: &Source, fault: Option<ParseFault>, language: Language) -> Outcome {
    match fault {
        Some(fault @ (ParseFault::TooDeep | ParseFault::NoGrammar)) => {
            skipped(SkipReason::ParseError, &fault.to_string())
        }
        Some(fault @ ParseFault::Stopped) => skipped(SkipReason::Stopped, &fault.to_string()),
        None => match source.tree().and_then(unread::problem) {
            Some(problem) => skipped(SkipReason::ParseError, &problem),
            None => Outcome::Assessed {
                language: language.name().to_owned(),
            },
        },
    }
}

fn skipped(reason: SkipReason, detail: &str) -> Outcome {
    Outcome::Skipped {
        reason,
        detail: detail.to_owned(),
    }
}
