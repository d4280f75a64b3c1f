//! Which models there are, what they cost and which is asked for what. Everything of it is configuration: no model, price or limit is a constant in code.

mod money;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use money::{Money, Price};
pub use read::ReadError;

/// The commented file that says what holds without one.
pub const DEFAULT_TEXT: &str = include_str!("models/default.toml");

/// All there is to know about models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// How much is asked and answered.
    pub limits: Limits,
    /// How much may be spent.
    pub caps: Caps,
    /// Which models are asked for what, in order.
    pub tiers: BTreeMap<Tier, Vec<String>>,
    /// Who offers them.
    pub providers: BTreeMap<String, Provider>,
    /// The models.
    pub models: BTreeMap<String, Entry>,
}

/// How much is asked and answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How freely a model writes, 0 to 1.
    pub temperature: f32,
    /// Most tokens of one answer.
    pub max_output_tokens: u32,
    /// Less content goes to the fast tier, unless it is a review.
    pub fast_below_tokens: u32,
    /// Reviews of more content go to the deep tier.
    pub deep_above_tokens: u32,
    /// Reviews of at least this risk go to the deep tier.
    pub deep_from_risk: u32,
    /// Most tokens of content in one call.
    pub pass_tokens: u32,
    /// Most calls for one review.
    pub max_passes: u32,
    /// Most findings of models in one review.
    pub max_findings: u32,
    /// Until an answer must have begun.
    pub begin_seconds: u32,
    /// Until it must be whole.
    pub answer_seconds: u32,
    /// Between two pieces of it.
    pub pause_seconds: u32,
    /// Most bytes of one answer.
    pub max_answer_bytes: u32,
    /// How often one question is asked again after a fault that passes.
    pub retries: u32,
}

/// How much may be spent, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// For one call.
    pub call: Money,
    /// For one execution.
    pub execution: Money,
    /// For all work on one pull request.
    pub pull: Money,
    /// For one repository and day.
    pub repo_day: Money,
    /// For one owner and day.
    pub owner_day: Money,
    /// For everything and one day.
    pub day: Money,
    /// For everything and one month.
    pub month: Money,
}

/// What becomes of a step where no model can be asked (AI9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutModel {
    /// It is not done, and says so.
    Skip,
    /// Rules alone do it.
    StaticFallback,
}

/// How able a model is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Cheap and quick.
    Fast,
    /// For reviews.
    Balanced,
    /// For what is large or risky.
    Deep,
}

impl Tier {
    /// All tiers, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Balanced, Self::Deep];

    /// The word used in configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Deep => "deep",
        }
    }
}

/// Who offers models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// Where it is.
    #[serde(default)]
    pub endpoint: String,
    /// The variable that holds its key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    pub key_file: Option<String>,
    /// A variable that says it is there, for one without a key.
    #[serde(default)]
    pub needs: Option<String>,
    /// Sends the key as `api-key`, as Azure wants it.
    #[serde(default)]
    pub is_azure: bool,
}

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Anthropic's Messages.
    Anthropic,
    /// Chat completions as OpenAI has them.
    Openai,
    /// Google's generateContent.
    Gemini,
    /// Amazon's Converse.
    Bedrock,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who offers it.
    pub provider: String,
    /// What its provider calls it.
    pub id: String,
    /// Tokens of question and answer together.
    pub window: u32,
    /// What it costs.
    pub usd: Price,
    /// Where the price is from.
    pub source: String,
    /// When the price was looked up.
    pub date: String,
    /// What one token of o200k counts here, at most.
    pub tokens: f32,
    /// Whether it can be told how freely to write.
    #[serde(default = "yes")]
    pub has_temperature: bool,
    /// Whether it keeps to a schema; without it is asked for JSON only.
    #[serde(default = "yes")]
    pub has_schema: bool,
}

fn yes() -> bool {
    true
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A review of a change of so much risk.
    Review {
        /// 0 to 100.
        risk: u32,
    },
    /// Anything else.
    Other,
}

impl Catalogue {
    /// The defaults, with a file of the operator's laid over them.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn read(text: Option<&str>) -> Result<Self, ReadError> {
        read::catalogue(text)
    }

    /// Which tier work of so many tokens goes to (decision 5).
    #[must_use]
    pub fn tier(&self, work: Work, tokens: u32) -> Tier {
        let limits = &self.limits;
        match work {
            Work::Review { risk }
                if tokens > limits.deep_above_tokens || risk >= limits.deep_from_risk =>
            {
                Tier::Deep
            }
            Work::Other if tokens < limits.fast_below_tokens => Tier::Fast,
            Work::Review { .. } | Work::Other => Tier::Balanced,
        }
    }

    /// The models to ask for a tier: its own in order, then those of the tiers above.
    #[must_use]
    pub fn order(&self, tier: Tier) -> Vec<&str> {
        let tiers = Tier::ALL.into_iter().filter(|one| *one >= tier);
        let mut names: Vec<&str> = Vec::new();
        for name in tiers.filter_map(|tier| self.tiers.get(&tier)).flatten() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Narrows the choice to one model, or to one tier, for everything.
    ///
    /// # Errors
    /// Names what can be chosen.
    pub fn only(&mut self, choice: &str) -> Result<(), String> {
        if choice == "auto" {
            return Ok(());
        }
        let tier = Tier::ALL.into_iter().find(|tier| tier.word() == choice);
        let names = match tier {
            Some(tier) => self.tiers.get(&tier).cloned().unwrap_or_default(),
            None if self.models.contains_key(choice) => vec![choice.to_owned()],
            None => {
                let known: Vec<&str> = self.models.keys().map(String::as_str).collect();
                return Err(format!(
                    "there is no model `{choice}`; there are auto, fast, balanced, deep, {}",
                    known.join(", ")
                ));
            }
        };
        self.tiers = Tier::ALL.map(|tier| (tier, names.clone())).into();
        Ok(())
    }
}

impl Limits {
    /// Until an answer must have begun.
    #[must_use]
    pub fn begin(&self) -> Duration {
        Duration::from_secs(self.begin_seconds.into())
    }

    /// Until it must be whole.
    #[must_use]
    pub fn whole(&self) -> Duration {
        Duration::from_secs(self.answer_seconds.into())
    }

    /// Between two pieces of it.
    #[must_use]
    pub fn pause(&self) -> Duration {
        Duration::from_secs(self.pause_seconds.into())
    }
}

impl Entry {
    /// How many tokens a text counts here that counts so many of o200k: rounded up, with one token to spare.
    #[must_use]
    pub fn count(&self, o200k: usize) -> u32 {
        let counted = (o200k as f64 * f64::from(self.tokens)).ceil();
        // A float that is too large for a u32 becomes the largest.
        (counted as u32).saturating_add(1)
    }

    /// Tokens of an answer that fits: at most a quarter of a small window.
    #[must_use]
    pub fn output(&self, limits: &Limits) -> u32 {
        limits.max_output_tokens.min(self.window / 4)
    }
}
