//! Whose view an answer takes (CM3): the agent that a command names, or those to which the base's routes send what it is about.

use pullmill_core::change::{Change, RepoPath};
use pullmill_core::event::comment::AGENTS;
use pullmill_core::models::Tier;
use pullmill_core::owners::Owners;
use pullmill_core::policy::{OwnAgent, Policy};
use pullmill_core::ports::analyzer::Ground;
use pullmill_core::ports::forge::Pull;

/// The agents whose view an answer takes; none for nobody's in particular.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Views {
    built_in: Vec<String>,
    own: Vec<OwnAgent>,
}

/// A name that no agent has, with the names there are.
pub(super) struct NoAgent {
    pub(super) name: String,
    pub(super) names: Vec<String>,
}

/// What the base says. What cannot be read chooses nobody; the review says what is wrong with it.
pub(super) fn policy(config: Option<&[u8]>) -> Policy {
    config
        .and_then(|bytes| Policy::parse_bytes(bytes).ok())
        .unwrap_or_default()
}

/// The agents to which the base's routes send some paths of a pull request; none if no route is for them.
pub(super) fn routed(
    ground: &Ground,
    pull: &Pull,
    owners: &Owners,
    paths: &[&RepoPath],
) -> Vec<String> {
    let policy = policy(ground.config.as_deref());
    let owners = owners.of_any(paths.iter().copied());
    policy.agents_for(&pull.labels, &owners, paths)
}

impl Views {
    /// The agents that have these names.
    pub(super) fn of(policy: &Policy, names: &[String]) -> Result<Self, NoAgent> {
        let mut views = Self::default();
        for name in names {
            let is_it = |other: &str| other.to_lowercase() == name.to_lowercase();
            if let Some(own) = policy.agents.iter().find(|agent| is_it(&agent.name)) {
                views.own.push(own.clone());
            } else if AGENTS.iter().any(|other| is_it(other)) {
                views.built_in.push(name.clone());
            } else {
                return Err(NoAgent {
                    name: name.clone(),
                    names: policy.agent_names().map(str::to_owned).collect(),
                });
            }
        }
        Ok(views)
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&str> {
        let own = self.own.iter().map(|agent| agent.name.as_str());
        self.built_in
            .iter()
            .map(String::as_str)
            .chain(own)
            .collect()
    }

    /// What a model is told of them; the words are ours or stand at the base.
    pub(super) fn words(&self) -> Option<String> {
        let built_in = self.built_in.iter();
        let mut lines: Vec<String> = built_in
            .map(|name| format!("Take the view of somebody who looks after {name}."))
            .collect();
        let own = self.own.iter();
        lines.extend(own.map(|agent| {
            format!(
                "Take the view of a reviewer who looks for this: {}",
                agent.instructions
            )
        }));
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// How able a model the repository wants for them.
    pub(super) fn tier(&self) -> Option<Tier> {
        self.own.iter().filter_map(|agent| agent.tier).max()
    }

    /// Leaves what they look at, if they look at some paths alone and the change has any of them.
    pub(super) fn narrow(&self, change: &mut Change) {
        let is_theirs = |path: &RepoPath| self.own.iter().any(|agent| agent.paths.matches(path));
        if self.built_in.is_empty() && change.files.iter().any(|file| is_theirs(&file.path)) {
            change.files.retain(|file| is_theirs(&file.path));
        }
    }
}
