//! The built-in rule packs and the rules of a repository.
//!
//! The built-in ones were turned to JSON when this crate was built; a language's rules are read when its first file comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::Value;

use pullmill_core::change::RepoPath;

use crate::document::DocumentRule;
use crate::flow::FlowRules;
use crate::flow::model::{FlowBody, ModelFile};
use crate::language::Language;
use crate::matching::{MatchRules, Needs};
use crate::measure::MeasureEntry;
use crate::rule::{Body, Rule, RuleMeta};
use crate::secrets::Scanner;

macro_rules! built_in {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".json"))
    };
}

/// A document rule with what it says of itself.
pub type DocumentEntry = (Arc<RuleMeta>, DocumentRule);

/// All rules of one analyser.
pub struct Pack {
    has_built_in: bool,
    user: Vec<Rule>,
    user_models: Vec<Value>,
    languages: BTreeMap<Language, OnceLock<Result<LanguageRules, Vec<String>>>>,
    documents: OnceLock<Result<Vec<DocumentEntry>, Vec<String>>>,
}

/// The rules that apply to one language.
pub struct LanguageRules {
    /// Local shapes.
    pub matching: MatchRules,
    /// Data flow.
    pub flow: FlowRules,
    /// Measures of functions and tests.
    pub measures: Vec<MeasureEntry>,
}

/// A pack as the build script wrote it.
#[derive(Deserialize)]
struct Written {
    rules: Vec<Rule>,
    models: Vec<Value>,
    needs: Needs,
}

impl Pack {
    /// The built-in rules and those of the repository, given as path and text.
    ///
    /// # Errors
    /// Everything that is wrong with the repository's rules, by file and rule.
    pub fn new(user_rules: &[(RepoPath, String)]) -> Result<Self, Vec<String>> {
        let mut taken: BTreeSet<String> = serde_json::from_slice(built_in!("ids"))
            .map_err(|error| vec![format!("built-in rules: {error}")])?;
        taken.extend(Scanner::new().rules().iter().map(|rule| rule.id.clone()));
        Self::of(user_rules, taken, true)
    }

    /// Only the given rules.
    ///
    /// # Errors
    /// Everything that is wrong with the rules, by file and rule.
    pub fn only(rules: &[(RepoPath, String)]) -> Result<Self, Vec<String>> {
        Self::of(rules, BTreeSet::new(), false)
    }

    fn of(
        files: &[(RepoPath, String)],
        mut taken: BTreeSet<String>,
        has_built_in: bool,
    ) -> Result<Self, Vec<String>> {
        let mut pack = Self {
            has_built_in,
            user: Vec::new(),
            user_models: Vec::new(),
            languages: Language::ALL
                .into_iter()
                .map(|language| (language, OnceLock::new()))
                .collect(),
            documents: OnceLock::new(),
        };
        let mut problems = Vec::new();
        let mut places = BTreeMap::new();
        for (path, text) in files {
            let (rules, models) = read_file(path, text, &mut problems);
            for rule in rules {
                if taken.insert(rule.meta.id.clone()) {
                    places.insert(rule.meta.id.clone(), path);
                    pack.user.push(rule);
                } else {
                    problems.push(format!("{path}: {}: this id is taken", rule.meta.id));
                }
            }
            pack.user_models.extend(models);
        }
        for problem in pack.problems_of_user_rules() {
            let place = problem.split_once(": ").and_then(|(id, _)| places.get(id));
            problems.push(match place {
                Some(path) => format!("{path}: {problem}"),
                None => problem,
            });
        }
        if problems.is_empty() {
            Ok(pack)
        } else {
            Err(problems)
        }
    }

    /// The rules of a language, read on first use.
    ///
    /// # Errors
    /// What is wrong with them; a built-in pack that passed its tests has nothing wrong.
    pub fn language(&self, language: Language) -> Result<&LanguageRules, &[String]> {
        let Some(slot) = self.languages.get(&language) else {
            return Err(&[]);
        };
        slot.get_or_init(|| self.load(language))
            .as_ref()
            .map_err(Vec::as_slice)
    }

    /// The rules over documents, read on first use.
    ///
    /// # Errors
    /// What is wrong with them; a built-in pack that passed its tests has nothing wrong.
    pub fn documents(&self) -> Result<&[DocumentEntry], &[String]> {
        self.documents
            .get_or_init(|| self.load_documents())
            .as_deref()
            .map_err(Vec::as_slice)
    }

    /// Compiles every rule and says what is wrong; slow, for tests of rules.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for language in Language::ALL {
            match self.language(language) {
                Ok(rules) => problems.extend(rules.matching.problems()),
                Err(found) => problems.extend_from_slice(found),
            }
        }
        match self.documents() {
            Ok(rules) => problems.extend(problems_of_documents(rules)),
            Err(found) => problems.extend_from_slice(found),
        }
        problems
    }

    /// Rules of a repository are compiled at once, so that mistakes show before any review.
    fn problems_of_user_rules(&self) -> Vec<String> {
        let languages: BTreeSet<Language> = self
            .user
            .iter()
            .flat_map(|rule| rule.languages.iter().copied())
            .collect();
        let mut problems = Vec::new();
        for language in languages {
            match self.user_rules(language) {
                Ok(rules) => problems.extend(rules.matching.problems()),
                Err(mut found) => problems.append(&mut found),
            }
        }
        problems.sort();
        problems.dedup();
        match documents_of(&self.user) {
            Ok(rules) => problems.extend(problems_of_documents(&rules)),
            Err(mut found) => problems.append(&mut found),
        }
        problems
    }

    fn user_rules(&self, language: Language) -> Result<LanguageRules, Vec<String>> {
        compile(language, &self.user, &self.user_models, &Needs::new())
    }

    fn load(&self, language: Language) -> Result<LanguageRules, Vec<String>> {
        if !self.has_built_in {
            return self.user_rules(language);
        }
        let mut written = read_built_in(built_in(language))?;
        written.rules.extend(self.user.iter().cloned());
        written.models.extend(self.user_models.iter().cloned());
        compile(language, &written.rules, &written.models, &written.needs)
    }

    fn load_documents(&self) -> Result<Vec<DocumentEntry>, Vec<String>> {
        let mut rules = documents_of(&self.user)?;
        if self.has_built_in {
            rules.extend(documents_of(&read_built_in(built_in!("document"))?.rules)?);
        }
        Ok(rules)
    }
}

/// What every built-in rule says of itself, by id.
///
/// # Errors
/// None that the tests of this crate would let through.
pub fn catalogue() -> Result<BTreeMap<String, RuleMeta>, Vec<String>> {
    let mut packs: Vec<&[u8]> = Language::ALL.into_iter().map(built_in).collect();
    packs.push(built_in!("document"));
    let mut rules = BTreeMap::new();
    for pack in packs {
        let written = read_built_in(pack)?.rules.into_iter();
        rules.extend(written.map(|rule| (rule.meta.id.clone(), rule.meta)));
    }
    let secrets = Scanner::new().rules().into_iter();
    rules.extend(secrets.map(|meta| (meta.id.clone(), RuleMeta::clone(&meta))));
    Ok(rules)
}

/// Reads one rule file; documents without `id` and `message` are flow models and left out.
///
/// # Errors
/// Everything that is wrong with it, each problem with file and rule.
pub fn read(path: &RepoPath, text: &str) -> Result<Vec<Rule>, Vec<String>> {
    let mut problems = Vec::new();
    let (rules, _) = read_file(path, text, &mut problems);
    if problems.is_empty() {
        Ok(rules)
    } else {
        Err(problems)
    }
}

fn read_file(path: &RepoPath, text: &str, problems: &mut Vec<String>) -> (Vec<Rule>, Vec<Value>) {
    let mut rules = Vec::new();
    let mut models = Vec::new();
    let documents = match ast_grep_config::from_multiple::<Value>(text) {
        Ok(documents) => documents,
        Err(error) => {
            problems.push(format!("{path}: not readable as YAML: {error}"));
            return (rules, models);
        }
    };
    for (index, document) in documents.into_iter().enumerate() {
        let Some(id) = document.get("id").cloned() else {
            models.push(document);
            continue;
        };
        match Rule::deserialize(document) {
            Ok(rule) => rules.push(rule),
            Err(error) => {
                let name = id
                    .as_str()
                    .map_or_else(|| format!("rule {}", index + 1), str::to_owned);
                problems.push(format!("{path}: {name}: {error}"));
            }
        }
    }
    (rules, models)
}

fn built_in(language: Language) -> &'static [u8] {
    match language {
        Language::Python => built_in!("python"),
        Language::JavaScript => built_in!("javascript"),
        Language::TypeScript => built_in!("typescript"),
        Language::Tsx => built_in!("tsx"),
        Language::Java => built_in!("java"),
        Language::Go => built_in!("go"),
        Language::Rust => built_in!("rust"),
        Language::C => built_in!("c"),
        Language::Cpp => built_in!("cpp"),
        Language::CSharp => built_in!("csharp"),
        Language::Ruby => built_in!("ruby"),
        Language::Php => built_in!("php"),
        Language::Bash => built_in!("bash"),
        Language::Kotlin => built_in!("kotlin"),
        Language::Scala => built_in!("scala"),
        Language::Swift => built_in!("swift"),
    }
}

fn read_built_in(json: &[u8]) -> Result<Written, Vec<String>> {
    serde_json::from_slice(json).map_err(|error| vec![format!("built-in rules: {error}")])
}

fn compile(
    language: Language,
    rules: &[Rule],
    models: &[Value],
    needs: &Needs,
) -> Result<LanguageRules, Vec<String>> {
    let mut problems = Vec::new();
    let mut shapes = Vec::new();
    let mut flows = Vec::new();
    let mut measures = Vec::new();
    for rule in rules
        .iter()
        .filter(|rule| rule.languages.contains(&language))
    {
        match &rule.body {
            Body::Match(body) => shapes.push((Arc::new(rule.meta.clone()), body.clone())),
            Body::Flow(body) => match FlowBody::deserialize(body) {
                Ok(body) => flows.push((Arc::new(rule.meta.clone()), body)),
                Err(error) => problems.push(format!("{}: {error}", rule.meta.id)),
            },
            Body::Measure(body) => measures.push((Arc::new(rule.meta.clone()), body.clone())),
            Body::Document(_) => {}
        }
    }
    let known: BTreeSet<&str> = flows.iter().map(|(meta, _)| meta.id.as_str()).collect();
    let mut lost = flows
        .iter()
        .filter(|(_, body)| !body.sinks_of.is_empty() && !known.contains(body.sinks_of.as_str()));
    problems.extend(lost.by_ref().map(|(meta, body)| {
        format!(
            "{}: no flow rule `{}` for these sinks",
            meta.id, body.sinks_of
        )
    }));
    let models = models_of(language, models, &mut problems);
    match MatchRules::new(language, shapes, needs) {
        Ok(matching) if problems.is_empty() => Ok(LanguageRules {
            matching,
            flow: FlowRules::new(&models, flows),
            measures,
        }),
        Ok(_) => Err(problems),
        Err(found) => Err([problems, found].concat()),
    }
}

fn models_of(language: Language, models: &[Value], problems: &mut Vec<String>) -> Vec<ModelFile> {
    let mut own = Vec::new();
    for model in models {
        match ModelFile::deserialize(model) {
            Ok(model) if model.languages.contains(&language) => own.push(model),
            Ok(_) => {}
            Err(error) => problems.push(format!("model of {}: {error}", language.name())),
        }
    }
    own
}

fn documents_of(rules: &[Rule]) -> Result<Vec<DocumentEntry>, Vec<String>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for rule in rules {
        if let Body::Document(body) = &rule.body {
            match DocumentRule::deserialize(body) {
                Ok(body) => documents.push((Arc::new(rule.meta.clone()), body)),
                Err(error) => problems.push(format!("{}: {error}", rule.meta.id)),
            }
        }
    }
    if problems.is_empty() {
        Ok(documents)
    } else {
        Err(problems)
    }
}

fn problems_of_documents(rules: &[DocumentEntry]) -> Vec<String> {
    rules
        .iter()
        .flat_map(|(meta, rule)| {
            rule.problems()
                .into_iter()
                .map(|problem| format!("{}: {problem}", meta.id))
        })
        .collect()
}
