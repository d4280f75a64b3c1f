//! What must hold between values that are each good on their own, and how the file's floors join the built-in ones.

use std::collections::BTreeSet;

use super::problem::nearest;
use super::read::Reader;
use super::{Code, FloorRule, Layer, Policy, RiskPolicy};

/// Checks a policy whose single values are good, and completes it.
pub(super) fn whole(reader: &mut Reader<'_>, mut policy: Policy) -> Policy {
    breadth(reader, &policy);
    bands(reader, &policy.risk);
    for (index, rule) in policy.paths.iter().enumerate() {
        if rule.fail_on.is_none() && rule.rules_off.is_empty() {
            let key = format!("paths[{index}]");
            let allowed = "at least one of fail_on, rules_off".to_owned();
            reader.report_at(Code::MissingKey, &key, String::new(), allowed);
        }
    }
    for (index, route) in policy.routes.iter().enumerate() {
        if route.labels.is_empty() && route.owners.is_empty() && route.paths.is_none() {
            let key = format!("routes[{index}]");
            let allowed = "at least one of labels, owners, paths".to_owned();
            reader.report_at(Code::MissingKey, &key, String::new(), allowed);
        }
        for (position, agent) in route.agents.iter().enumerate() {
            if !policy.agent_names().any(|name| name == agent) {
                let names: Vec<&str> = policy.agent_names().collect();
                let key = format!("routes[{index}].agents[{position}]");
                reader.report_at(Code::UnknownName, &key, agent.clone(), names.join(", "));
                reader.suggest(nearest(agent, names.iter().copied()));
            }
        }
    }
    let floors = policy.risk.floors.iter();
    unique(
        reader,
        "risk.floor",
        floors.map(|floor| floor.name.as_str()),
    );
    let agents = policy.agents.iter();
    unique(reader, "agents", agents.map(|agent| agent.name.as_str()));
    layers(reader, &policy.layers);
    policy.risk.floors = joined(RiskPolicy::default().floors, policy.risk.floors);
    policy
}

fn breadth(reader: &mut Reader<'_>, policy: &Policy) {
    let lists = [
        ("ignore", &policy.ignore),
        ("review.generated", &policy.review.generated),
        ("review.vendored", &policy.review.vendored),
    ];
    for (key, globs) in lists {
        if globs.matches_everything() {
            let given = globs.patterns().join(", ");
            let allowed = "patterns that leave some source files to review".to_owned();
            reader.report_at(Code::TooBroad, key, given, allowed);
        }
    }
}

fn bands(reader: &mut Reader<'_>, risk: &RiskPolicy) {
    if risk.approve_below > risk.deploy_below {
        let given = format!(
            "approve_below = {}, deploy_below = {}",
            risk.approve_below, risk.deploy_below
        );
        let key = reader.given_of(["risk.approve_below", "risk.deploy_below"]);
        let allowed = "approve_below at most deploy_below".to_owned();
        reader.report_at(Code::Conflict, key, given, allowed);
    }
}

fn unique<'n>(reader: &mut Reader<'_>, key: &str, names: impl Iterator<Item = &'n str>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let key = format!("{key}[{index}].name");
            let allowed = "a name that no other entry has".to_owned();
            reader.report_at(Code::Duplicate, &key, name.to_owned(), allowed);
        }
    }
}

fn layers(reader: &mut Reader<'_>, layers: &[Layer]) {
    unique(
        reader,
        "layers",
        layers.iter().map(|layer| layer.name.as_str()),
    );
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    for (index, layer) in layers.iter().enumerate() {
        for (position, used) in layer.may_use.iter().enumerate() {
            if !names.contains(&used.as_str()) {
                let key = format!("layers[{index}].may_use[{position}]");
                reader.report_at(Code::UnknownName, &key, used.clone(), names.join(", "));
                reader.suggest(nearest(used, names.iter().copied()));
            }
        }
    }
}

/// The built-in floors, those of the file in place of the ones with their name, and the file's others.
fn joined(built_in: Vec<FloorRule>, given: Vec<FloorRule>) -> Vec<FloorRule> {
    let mut floors = built_in;
    for floor in given {
        match floors.iter_mut().find(|other| other.name == floor.name) {
            Some(other) => *other = floor,
            None => floors.push(floor),
        }
    }
    floors
}
