//! What a workflow of GitHub Actions means beyond its text: its events, and which expressions put untrusted text into a script.
//!
//! The result is added to the tree under names that begin with `~`, so that rules stay data.

mod expression;
mod guard;

use std::collections::BTreeSet;
use std::sync::Arc;

use pullmill_core::change::RepoPath;

use super::node::{Entry, Node, Value};
use expression::Source;

/// How far values are followed through `env`, `outputs` and `needs`.
const MAX_HOPS: usize = 5;

/// Inputs of well-known actions that run what they are given.
const SCRIPT_INPUTS: [(&str, &str); 9] = [
    ("actions/github-script", "script"),
    ("appleboy/ssh-action", "script"),
    ("azure/cli", "inlinescript"),
    ("azure/powershell", "inlinescript"),
    ("jannekem/run-python-script-action", "script"),
    ("mikefarah/yq", "cmd"),
    ("nick-fields/retry", "command"),
    ("nick-invision/retry", "command"),
    ("cardinalby/js-eval-action", "expression"),
];

/// Says whether a YAML file is a workflow or the definition of an action.
pub(crate) fn is_workflow(path: &RepoPath) -> bool {
    let is_action = matches!(path.file_name(), "action.yml" | "action.yaml");
    is_action
        || [
            ".github/workflows/",
            ".gitea/workflows/",
            ".forgejo/workflows/",
        ]
        .iter()
        .any(|folder| path.as_str().contains(folder))
}

/// Adds `~events` to the root and, to every step, `~untrusted`: a list of `{context, reach}`.
///
/// `reach` is `anyone` if strangers can start the workflow with its rights, else `limited`. Jobs and steps get `~reaching`: the events that
/// get past their conditions in a stranger's hands.
pub(crate) fn annotate(root: &mut Node, text: &str) {
    let before = root.clone();
    let events = events(&before);
    let mut places = Vec::new();
    for job in before.get("jobs").map_or(&[][..], |jobs| jobs.entries()) {
        places.push((vec!["jobs", job.key.as_str()], Arc::clone(&job.node)));
    }
    places.extend(
        before
            .get("runs")
            .map(|runs| (vec!["runs"], Arc::clone(runs))),
    );
    for (way, job) in places {
        let workflow = Workflow {
            text,
            root: &before,
            job: &job,
        };
        let Some(target) = way
            .iter()
            .try_fold(&mut *root, |node, key| node.get_mut(key))
        else {
            continue;
        };
        annotate_job(&workflow, &events, target);
    }
    add(root, "~events", names(&events));
}

fn names(events: &BTreeSet<String>) -> Node {
    let items = events
        .iter()
        .map(|event| Arc::new(Node::scalar(event.clone(), 0..0)));
    Node::seq(items.collect(), 0..0)
}

fn add(node: &mut Node, key: &str, value: Node) {
    if let Value::Map(entries) = &mut node.value {
        entries.push(Entry {
            key: key.to_owned(),
            key_range: 0..0,
            node: Arc::new(value),
        });
    }
}

fn events(root: &Node) -> BTreeSet<String> {
    let Some(on) = root.get("on") else {
        return root
            .get("runs")
            .map(|_| "workflow_call".to_owned())
            .into_iter()
            .collect();
    };
    let entries = on.entries().iter().map(|entry| entry.key.as_str());
    let items = on.items().iter().filter_map(|item| item.text());
    entries
        .chain(items)
        .chain(on.text())
        .map(str::to_owned)
        .collect()
}

fn annotate_job(workflow: &Workflow<'_>, events: &BTreeSet<String>, target: &mut Node) {
    let steps = workflow.steps();
    let reaching = guard::reaching(condition(workflow.job), events);
    if let Some(Value::Seq(items)) = target.get_mut("steps").map(|node| &mut node.value) {
        for (index, item) in items.iter_mut().enumerate().take(steps.len()) {
            let step = &steps[index];
            let reaching = guard::reaching(condition(step), &reaching);
            let found = untrusted(workflow, step, index, &reaching);
            if !found.is_empty() {
                let range = step.range.clone();
                add(Arc::make_mut(item), "~untrusted", Node::seq(found, range));
            }
            add(Arc::make_mut(item), "~reaching", names(&reaching));
        }
    }
    add(target, "~reaching", names(&reaching));
}

fn condition(node: &Node) -> &str {
    node.get("if").and_then(|node| node.text()).unwrap_or("")
}

/// Every untrusted expression in the scripts of a step.
fn untrusted(
    workflow: &Workflow<'_>,
    step: &Node,
    index: usize,
    events: &BTreeSet<String>,
) -> Vec<Arc<Node>> {
    let mut found = Vec::new();
    for script in scripts(step) {
        // The source rather than the value, so that places are exact.
        let text = workflow.text.get(script.range.clone()).unwrap_or_default();
        for (written, offset) in expression::all(text) {
            let Some(source) = workflow.source(written, index, events, MAX_HOPS) else {
                continue;
            };
            let start = script.range.start + offset;
            let range = start..start + "${{".len() + written.len() + "}}".len();
            let reach = if source.anyone { "anyone" } else { "limited" };
            found.push(Arc::new(Node::map(
                vec![
                    Entry::derived("context", Node::scalar(source.context, range.clone())),
                    Entry::derived("reach", Node::scalar(reach, range.clone())),
                ],
                range,
            )));
        }
    }
    found
}

/// The scripts of a step: `run`, and inputs that actions run.
fn scripts(step: &Node) -> Vec<&Node> {
    let mut found: Vec<&Node> = step.get("run").map(|run| &**run).into_iter().collect();
    let uses = step.get("uses").and_then(|uses| uses.text()).unwrap_or("");
    let action = uses.split('@').next().unwrap_or_default();
    for (name, input) in SCRIPT_INPUTS {
        if action.eq_ignore_ascii_case(name) {
            let with = step.get("with").map_or(&[][..], |with| with.entries());
            let inputs = with
                .iter()
                .filter(|entry| entry.key.eq_ignore_ascii_case(input));
            found.extend(inputs.map(|entry| &*entry.node));
        }
    }
    found
}

/// A job in its workflow.
struct Workflow<'a> {
    text: &'a str,
    root: &'a Node,
    job: &'a Node,
}

impl<'a> Workflow<'a> {
    fn steps(&self) -> &'a [Arc<Node>] {
        self.job.get("steps").map_or(&[], |steps| steps.items())
    }

    /// The untrusted source behind an expression, followed through `env`, outputs and `needs`.
    fn source(
        &self,
        written: &str,
        step: usize,
        events: &BTreeSet<String>,
        hops: usize,
    ) -> Option<Source> {
        let read = expression::Read::of(written);
        if let Some(source) = read.untrusted(events) {
            return Some(source);
        }
        let hops = hops.checked_sub(1)?;
        read.references.iter().find_map(|reference| {
            let parts: Vec<&str> = reference.split('.').collect();
            match parts[..] {
                ["env", name] => self.environment(name, step, events, hops),
                ["steps", id, "outputs", name] => self.output(id, name, step, events, hops),
                ["needs", job, "outputs", name] => self.needed(job, name, events, hops),
                _ => None,
            }
        })
    }

    fn environment(
        &self,
        name: &str,
        step: usize,
        events: &BTreeSet<String>,
        hops: usize,
    ) -> Option<Source> {
        let scopes = [
            self.steps().get(step).map(|step| &**step),
            Some(self.job),
            Some(self.root),
        ];
        let value = scopes.into_iter().flatten().find_map(|scope| {
            scope
                .get("env")?
                .entries()
                .iter()
                .find(|entry| entry.key.eq_ignore_ascii_case(name))
        });
        match value {
            Some(entry) => self.text_source(entry.node.text()?, step, events, hops),
            None => self.steps()[..step.min(self.steps().len())]
                .iter()
                .enumerate()
                .find_map(|(at, _)| self.assigned("GITHUB_ENV", name, at, events, hops)),
        }
    }

    fn text_source(
        &self,
        text: &str,
        step: usize,
        events: &BTreeSet<String>,
        hops: usize,
    ) -> Option<Source> {
        expression::all(text)
            .into_iter()
            .find_map(|(written, _)| self.source(written, step, events, hops))
    }

    fn output(
        &self,
        id: &str,
        name: &str,
        step: usize,
        events: &BTreeSet<String>,
        hops: usize,
    ) -> Option<Source> {
        let at = self.steps()[..step.min(self.steps().len())]
            .iter()
            .position(|step| {
                let own = step.get("id").and_then(|own| own.text());
                own.is_some_and(|own| own.eq_ignore_ascii_case(id))
            })?;
        self.assigned("GITHUB_OUTPUT", name, at, events, hops)
    }

    /// The source of `name=value` that a step's script writes to one of the runner's files.
    fn assigned(
        &self,
        file: &str,
        name: &str,
        step: usize,
        events: &BTreeSet<String>,
        hops: usize,
    ) -> Option<Source> {
        let run = self.steps().get(step)?.get("run")?.text()?;
        let hops = hops.checked_sub(1)?;
        run.lines()
            .filter(|line| line.contains(file))
            .find_map(|line| {
                let value = expression::assignment(line, name)?;
                if value.starts_with("${{") {
                    return self.text_source(value, step, events, hops);
                }
                let variable = value.strip_prefix('$')?.trim_start_matches('{');
                let end = variable
                    .find(|character: char| {
                        !(character.is_ascii_alphanumeric() || character == '_')
                    })
                    .unwrap_or(variable.len());
                self.environment(&variable[..end], step, events, hops)
            })
    }

    fn needed(
        &self,
        job: &str,
        name: &str,
        events: &BTreeSet<String>,
        hops: usize,
    ) -> Option<Source> {
        let jobs = self.root.get("jobs")?.entries();
        let job = &jobs
            .iter()
            .find(|entry| entry.key.eq_ignore_ascii_case(job))?
            .node;
        let outputs = job.get("outputs")?.entries();
        let output = outputs
            .iter()
            .find(|entry| entry.key.eq_ignore_ascii_case(name))?;
        let there = Workflow {
            text: self.text,
            root: self.root,
            job,
        };
        there.text_source(output.node.text()?, there.steps().len(), events, hops)
    }
}
