//! Routing: which workflow an event starts. Rules are data, chosen by patterns; an operator's own come before the built-in ones, and the first that fits counts.

pub mod pattern;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::event::Envelope;
use crate::event::comment::AGENTS;
use crate::event::github::Purpose;
use crate::id::WorkflowName;
use pattern::Pattern;

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Start a workflow.
    Start {
        /// Which.
        workflow: WorkflowName,
        /// Whose place on the lane it takes: there is one at a time, and the newest event wins. `None` if it runs beside all others.
        place: Option<WorkflowName>,
        /// Whose findings are said at lines; empty for all.
        agents: Vec<String>,
    },
    /// Nothing runs it here.
    Ignore(String),
}

/// The workflow that reviews a pull request.
const REVIEW: &str = "pr-review";
/// The workflow that keeps documents true.
const DOCS: &str = "docs-update";
/// The target of events that nothing shall follow from.
const IGNORE: &str = "ignore";

/// Rules in the order in which they are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: String,
    pattern: Pattern,
    /// `None` to ignore the event.
    workflow: Option<WorkflowName>,
    agents: Vec<String>,
}

/// A file of rules, in the form of the first seed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "Rules")]
    rules: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "EventPattern")]
    pattern: Value,
    #[serde(rename = "Targets")]
    targets: Vec<String>,
    #[serde(default, rename = "Agents")]
    agents: Vec<String>,
}

/// Why rules cannot be used: all of it, a line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadRules(Vec<String>);

impl Rules {
    /// The rules that hold without a file.
    #[must_use]
    pub fn built_in() -> Self {
        Self::read(include_str!("routing/rules.json"), &BTreeSet::new()).unwrap_or(Self(Vec::new()))
    }

    /// Reads a file of rules. `known` are the workflows that there are; empty for any.
    pub fn read(text: &str, known: &BTreeSet<WorkflowName>) -> Result<Self, BadRules> {
        let written: Written = crate::strict::read(text.as_bytes()).map_err(|error| {
            let form = r#"{"Rules": [{"Name", "EventPattern", "Targets", "Agents"?}]}"#;
            BadRules(vec![format!("it is not of the form {form}: {error}")])
        })?;
        let (mut rules, mut problems) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        for one in written.rules {
            let name = one.name.clone();
            if name.is_empty() || !names.insert(name.clone()) {
                problems.push(format!("rule `{name}`: a name is there once and not empty"));
            }
            match Rule::read(one, known) {
                Ok(rule) => rules.push(rule),
                Err(problem) => problems.push(format!("rule `{name}`: {problem}")),
            }
        }
        match problems.is_empty() {
            true => Ok(Self(rules)),
            false => Err(BadRules(problems)),
        }
    }

    /// These before others.
    #[must_use]
    pub fn before(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Says where an event goes. `known` are the workflows that are run here.
    #[must_use]
    pub fn route(
        &self,
        envelope: &Envelope,
        purpose: Purpose,
        known: &BTreeSet<WorkflowName>,
    ) -> Route {
        let event = as_event(envelope, purpose);
        let Some(rule) = self.0.iter().find(|rule| rule.pattern.matches(&event)) else {
            return Route::Ignore("no rule is for this event".to_owned());
        };
        let Some(workflow) = rule.workflow.clone() else {
            return Route::Ignore(format!("the rule `{}` says so", rule.name));
        };
        if !known.contains(&workflow) {
            return Route::Ignore(format!("no workflow `{workflow}` runs here"));
        }
        let place = match workflow.as_str() {
            // Whatever a review of a closed pull request still wants is not wanted any more (decision 34).
            REVIEW | "cleanup" => Some(REVIEW),
            DOCS => Some(DOCS),
            _ => None,
        };
        Route::Start {
            workflow,
            place: place.map(WorkflowName::constant),
            agents: rule.agents.clone(),
        }
    }
}

impl Rule {
    fn read(written: WrittenRule, known: &BTreeSet<WorkflowName>) -> Result<Self, String> {
        let pattern = Pattern::read(&written.pattern)
            .map_err(|error| format!("`EventPattern` has a problem at {error}"))?;
        let [target] = written.targets.as_slice() else {
            return Err("`Targets` names one workflow, or `ignore`".to_owned());
        };
        let workflow = match target.as_str() {
            IGNORE => None,
            target => Some(WorkflowName::parse(target).map_err(|error| error.to_string())?),
        };
        if let Some(workflow) = &workflow
            && !known.is_empty()
            && !known.contains(workflow)
        {
            let names: Vec<&str> = known.iter().map(WorkflowName::as_str).collect();
            let names = names.join(", ");
            return Err(format!(
                "there is no workflow `{workflow}`; there are {names}, or `ignore`"
            ));
        }
        if let Some(agent) = written
            .agents
            .iter()
            .find(|agent| !AGENTS.contains(&agent.as_str()))
        {
            let names = AGENTS.join(", ");
            return Err(format!("there is no agent `{agent}`; there are {names}"));
        }
        Ok(Self {
            name: written.name,
            pattern,
            workflow,
            agents: written.agents,
        })
    }
}

/// An event as patterns see it. The seeds' names for sources and types fit, too: a list fits if something in it does.
fn as_event(envelope: &Envelope, purpose: Purpose) -> Value {
    let about = &envelope.about;
    let is_ours = envelope.event_type.starts_with("pullmill.");
    let sources = match is_ours {
        true => json!(["pullmill.engine"]),
        false => json!(["pullmill.webhook", "autodev.webhook"]),
    };
    let action = envelope.action.as_deref();
    let mut types = vec![
        match purpose {
            Purpose::Review if is_ours => "Review Request",
            Purpose::Review | Purpose::Cleanup | Purpose::Policy => "PR Event",
            Purpose::Recheck => "Check Event",
            Purpose::Docs => "Docs Request",
            Purpose::Command => "Comment Command",
            Purpose::Thread => "Thread Event",
            Purpose::Deployment => "Deployment Event",
            Purpose::Installation => "Installation Event",
        }
        .to_owned(),
    ];
    if let Some(action) = action.filter(|_| types[0] == "PR Event") {
        types.push(format!("pr.{action}"));
    }
    let mut detail = json!({
        "event": envelope.event_type, "owner": envelope.tenant, "labels": about.labels,
        "purpose": purpose.word(),
    });
    let word = |line: &str| line.split_whitespace().nth(1).unwrap_or("help").to_owned();
    for (name, value) in [
        ("action", json!(action)),
        ("repository", json!(about.repo)),
        ("pr_number", json!(about.pr_number)),
        ("base", json!(about.base)),
        ("head", json!(about.head)),
        ("draft", json!(about.is_draft)),
        ("sender", json!(about.sender)),
        ("command", json!(about.command.as_deref().map(word))),
    ] {
        // What is not known is not there.
        if !value.is_null() {
            detail[name] = value;
        }
    }
    json!({"source": sources, "detail-type": types, "detail": detail})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::About;
    use crate::event::github;
    use crate::id::{DeliveryId, TenantId};
    use crate::time::Timestamp;

    fn envelope(event: &str, action: &str, about: About) -> Envelope {
        Envelope {
            delivery_id: DeliveryId::parse("one").unwrap(),
            tenant: TenantId::parse("octo").unwrap(),
            event_type: event.to_owned(),
            action: Some(action.to_owned()),
            about,
            received_at: Timestamp::from_millis(0),
            semantic: None,
            replayed_by: None,
            asked: None,
            disposition: None,
        }
    }

    fn known() -> BTreeSet<WorkflowName> {
        ["pr-review", "cleanup", "comment-command", "docs-update"]
            .map(WorkflowName::constant)
            .into()
    }

    fn routed(rules: &Rules, envelope: &Envelope) -> String {
        let purpose = github::purpose(
            &envelope.event_type,
            envelope.action.as_deref(),
            &envelope.about,
        );
        match rules.route(envelope, purpose.unwrap(), &known()) {
            Route::Start {
                workflow,
                place,
                agents,
            } => {
                let place = place.map(|place| format!(" in the place of {place}"));
                format!("{workflow}{} {agents:?}", place.unwrap_or_default())
            }
            Route::Ignore(reason) => reason,
        }
    }

    fn about() -> About {
        About {
            pr_number: Some(7),
            repo: Some("Octo/shop".to_owned()),
            base: Some("main".to_owned()),
            labels: vec!["security".to_owned()],
            ..About::default()
        }
    }

    #[test]
    fn built_in_rules_do_what_the_seeds_say() {
        let rules = Rules::built_in();
        for (event, action, wanted) in [
            (
                "pull_request",
                "opened",
                "pr-review in the place of pr-review []",
            ),
            (
                "pull_request",
                "synchronize",
                "pr-review in the place of pr-review []",
            ),
            (
                "pull_request",
                "closed",
                "cleanup in the place of pr-review []",
            ),
            ("pull_request", "labeled", "no workflow `policy` runs here"),
            (
                "check_run",
                "rerequested",
                "pr-review in the place of pr-review []",
            ),
            (
                "pullmill.review",
                "",
                "pr-review in the place of pr-review []",
            ),
            (
                "pullmill.docs",
                "",
                "docs-update in the place of docs-update []",
            ),
            (
                "deployment_status",
                "created",
                "no workflow `deploy` runs here",
            ),
            (
                "installation",
                "created",
                "no workflow `installation` runs here",
            ),
        ] {
            assert_eq!(
                routed(&rules, &envelope(event, action, about())),
                wanted,
                "{event} {action}"
            );
        }
        let command = About {
            command: Some("/pullmill help".to_owned()),
            ..about()
        };
        assert_eq!(
            routed(&rules, &envelope("issue_comment", "created", command)),
            "comment-command []"
        );
    }

    #[test]
    fn own_rules_come_first_and_may_be_written_as_the_seeds_write_them() {
        let own = r#"{"Rules": [
            {"Name": "quiet", "EventPattern": {"detail": {"base": [{"prefix": "release/"}]}}, "Targets": ["ignore"]},
            {"Name": "guard", "EventPattern": {"detail": {"labels": ["security"]}}, "Targets": ["pr-review"], "Agents": ["security"]},
            {"Name": "S3", "EventPattern": {"source": ["autodev.webhook"], "detail-type": ["pr.closed"]}, "Targets": ["pr-review"]}
        ]}"#;
        let rules = Rules::read(own, &known())
            .unwrap()
            .before(Rules::built_in());
        let routed = |action, about| routed(&rules, &envelope("pull_request", action, about));
        assert_eq!(
            routed("opened", about()),
            "pr-review in the place of pr-review [\"security\"]"
        );
        let release = About {
            base: Some("release/1".to_owned()),
            ..about()
        };
        assert_eq!(routed("opened", release), "the rule `quiet` says so");
        let plain = || About {
            labels: Vec::new(),
            ..about()
        };
        assert_eq!(
            routed("opened", plain()),
            "pr-review in the place of pr-review []"
        );
        assert_eq!(
            routed("closed", plain()),
            "pr-review in the place of pr-review []"
        );
    }

    #[test]
    fn everything_that_is_wrong_with_rules_is_said() {
        let bad = r#"{"Rules": [
            {"Name": "a", "EventPattern": {"detail": {"action": "opened"}}, "Targets": ["pr-review"]},
            {"Name": "a", "EventPattern": {"x": [1]}, "Targets": ["pr-revue"]},
            {"Name": "b", "EventPattern": {"x": [1]}, "Targets": []},
            {"Name": "c", "EventPattern": {"x": [1]}, "Targets": ["pr-review"], "Agents": ["everybody"]}
        ]}"#;
        let BadRules(problems) = Rules::read(bad, &known()).unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:#?}");
        assert!(problems[0].contains("`detail.action`"), "{problems:#?}");
        assert!(
            problems[2].contains("there are cleanup, comment-command"),
            "{problems:#?}"
        );
        assert!(Rules::read("{\"rules\": []}", &known()).is_err());
    }
}
