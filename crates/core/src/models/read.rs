//! Reads the configuration of models: the operator's file is laid over the defaults, and everything that is wrong is said.

use toml::{Table, Value};

use super::{Catalogue, DEFAULT_TEXT, ProviderKind, Tier};

/// What is wrong with a configuration of models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ReadError(pub Vec<String>);

pub(super) fn catalogue(text: Option<&str>) -> Result<Catalogue, ReadError> {
    let one = |error: &dyn std::fmt::Display| ReadError(vec![error.to_string()]);
    let mut table: Table = toml::from_str(DEFAULT_TEXT).map_err(|error| one(&error))?;
    if let Some(text) = text {
        let own: Table = toml::from_str(text).map_err(|error| one(&error))?;
        lay_over(&mut table, own, 0);
    }
    let catalogue: Catalogue = Value::Table(table)
        .try_into()
        .map_err(|error| one(&error))?;
    let problems = problems(&catalogue);
    match problems.is_empty() {
        true => Ok(catalogue),
        false => Err(ReadError(problems)),
    }
}

/// Tables are joined down to the name of a provider or a model; these are replaced as a whole, as a mixture of two would be neither.
fn lay_over(under: &mut Table, over: Table, depth: u32) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) if depth < 1 => {
                lay_over(under, over, depth + 1);
            }
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn problems(catalogue: &Catalogue) -> Vec<String> {
    let mut problems = Vec::new();
    for (tier, names) in &catalogue.tiers {
        for name in names
            .iter()
            .filter(|name| !catalogue.models.contains_key(*name))
        {
            problems.push(format!("tiers.{}: there is no model `{name}`", tier.word()));
        }
    }
    for tier in Tier::ALL {
        if !catalogue.tiers.contains_key(&tier) {
            problems.push(format!("tiers.{}: it is missing", tier.word()));
        }
    }
    for (name, model) in &catalogue.models {
        let mut say = |what: String| problems.push(format!("models.{name}.{what}"));
        if !catalogue.providers.contains_key(&model.provider) {
            say(format!(
                "provider: there is no provider `{}`",
                model.provider
            ));
        }
        if model.window < 4_000 {
            say(format!(
                "window: {} is less than 4000, too little for a question",
                model.window
            ));
        }
        if !(1.0..=4.0).contains(&model.tokens) {
            say(format!("tokens: {} is not from 1 to 4", model.tokens));
        }
    }
    for (name, provider) in &catalogue.providers {
        if provider.kind != ProviderKind::Bedrock && provider.endpoint.is_empty() {
            problems.push(format!("providers.{name}.endpoint: it is missing"));
        }
    }
    let limits = &catalogue.limits;
    let wholes = [
        ("max_output_tokens", limits.max_output_tokens, 256..=64_000),
        ("pass_tokens", limits.pass_tokens, 1_000..=500_000),
        ("max_passes", limits.max_passes, 1..=100),
        ("max_findings", limits.max_findings, 0..=100),
        ("begin_seconds", limits.begin_seconds, 1..=600),
        ("answer_seconds", limits.answer_seconds, 1..=600),
        ("pause_seconds", limits.pause_seconds, 1..=600),
        (
            "max_answer_bytes",
            limits.max_answer_bytes,
            1_000..=8_000_000,
        ),
        ("retries", limits.retries, 0..=5),
    ];
    for (name, value, allowed) in wholes {
        if !allowed.contains(&value) {
            let (least, most) = (allowed.start(), allowed.end());
            problems.push(format!(
                "limits.{name}: {value} is not from {least} to {most}"
            ));
        }
    }
    if !(0.0..=1.0).contains(&limits.temperature) {
        problems.push(format!(
            "limits.temperature: {} is not from 0 to 1",
            limits.temperature
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::{Money, Work};
    use super::*;

    #[test]
    fn what_holds_without_a_file_is_sound() {
        let catalogue = Catalogue::read(None).unwrap();
        assert_eq!(catalogue.order(Tier::Balanced)[0], "sonnet");
        assert_eq!(
            catalogue.tier(Work::Review { risk: 0 }, 100),
            Tier::Balanced
        );
        assert_eq!(catalogue.tier(Work::Review { risk: 80 }, 100), Tier::Deep);
        assert_eq!(catalogue.tier(Work::Review { risk: 0 }, 50_001), Tier::Deep);
        assert_eq!(catalogue.tier(Work::Other, 9_999), Tier::Fast);
        assert_eq!(catalogue.tier(Work::Other, 10_000), Tier::Balanced);
    }

    #[test]
    fn a_file_is_laid_over_the_defaults_by_name() {
        let text = "[caps]\nday = 2.5\n[tiers]\nfast = [\"gpt\"]\n[providers.local]\nkind = \"openai\"\nendpoint = \"http://127.0.0.1:1/v1\"\n";
        let catalogue = Catalogue::read(Some(text)).unwrap();
        assert_eq!(catalogue.caps.day, Money(2_500_000));
        assert_eq!(catalogue.caps.month, Money(1_000_000_000));
        assert_eq!(catalogue.order(Tier::Fast)[..2], ["gpt", "sonnet"]);
        assert_eq!(catalogue.providers["local"].needs, None);
    }

    #[test]
    fn everything_that_is_wrong_is_said_with_its_name_and_value() {
        let text = "[limits]\nmax_passes = 0\ntemperature = 3\n[tiers]\nfast = [\"nobody\"]\n";
        let error = Catalogue::read(Some(text)).unwrap_err();
        assert_eq!(
            error.0,
            [
                "tiers.fast: there is no model `nobody`",
                "limits.max_passes: 0 is not from 1 to 100",
                "limits.temperature: 3 is not from 0 to 1",
            ]
        );
        let error = Catalogue::read(Some("[caps]\nday = -1\n")).unwrap_err();
        assert!(
            error.to_string().contains("-1 is no amount of dollars"),
            "{error}"
        );
        assert!(Catalogue::read(Some("[limit]\n")).is_err());
    }

    #[test]
    fn one_model_can_be_chosen_for_everything() {
        let mut catalogue = Catalogue::read(None).unwrap();
        catalogue.only("gpt").unwrap();
        assert_eq!(catalogue.order(Tier::Fast), ["gpt"]);
        assert!(
            catalogue
                .only("gtp")
                .unwrap_err()
                .starts_with("there is no model `gtp`; there are auto, fast")
        );
    }
}
