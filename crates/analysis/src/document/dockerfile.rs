//! Reads a Dockerfile into a document tree of stages and instructions; nothing in it is run or expanded.

mod instruction;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::node::{Entry, MAX_NODES, Node};
use instruction::Instruction;

/// Reads one Dockerfile.
///
/// The tree is `{instructions: […], stages: […], final: …}`. A stage has `image`, `name`, `from_stage`, `user` (the last one, or that of its base stage) and, for every
/// keyword in lower case, the list of its instructions; an instruction is `{instruction, text, form, flags, words, pairs}`.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let instructions = instruction::split(text)?;
    if instructions.len() > MAX_NODES {
        return Err("the file has too many instructions".to_owned());
    }
    let whole = 0..text.trim_end().len();
    let mut entries = vec![Entry::derived(
        "instructions",
        Node::seq(
            instructions
                .iter()
                .map(|one| Arc::clone(&one.node))
                .collect(),
            whole.clone(),
        ),
    )];
    let stages = stages(&instructions);
    if let Some(last) = stages.last() {
        entries.push(given("final", last));
    }
    entries.push(Entry::derived("stages", Node::seq(stages, whole.clone())));
    Ok(Node::map(entries, whole))
}

fn stages(instructions: &[Instruction]) -> Vec<Arc<Node>> {
    let mut defaults = BTreeMap::new();
    let mut stages = Vec::new();
    let mut names: BTreeMap<String, Option<Arc<Node>>> = BTreeMap::new();
    let mut open: Option<Vec<&Instruction>> = None;
    for one in instructions {
        if one.keyword == "from" {
            stages.extend(
                open.take()
                    .map(|parts| stage(&parts, &mut names, &defaults)),
            );
            open = Some(vec![one]);
        } else if let Some(parts) = &mut open {
            parts.push(one);
        } else if one.keyword == "arg" {
            defaults.extend(pairs(one));
        }
    }
    stages.extend(open.map(|parts| stage(&parts, &mut names, &defaults)));
    stages
}

fn pairs(one: &Instruction) -> impl Iterator<Item = (String, String)> {
    one.node
        .get("pairs")
        .into_iter()
        .flat_map(|pairs| pairs.entries())
        .filter_map(|pair| Some((pair.key.clone(), pair.node.text()?.to_owned())))
}

fn stage(
    parts: &[&Instruction],
    names: &mut BTreeMap<String, Option<Arc<Node>>>,
    defaults: &BTreeMap<String, String>,
) -> Arc<Node> {
    let from = parts[0];
    let words: &[Arc<Node>] = from.node.get("words").map_or(&[], |words| words.items());
    let mut entries = Vec::new();
    let mut user = parts
        .iter()
        .rev()
        .find(|one| one.keyword == "user")
        .and_then(|user| user.node.get("text"))
        .cloned();
    if let Some(image) = words.first() {
        let written = image.text().unwrap_or_default();
        let resolved = resolve(written, defaults);
        let base = names.get(&resolved.to_ascii_lowercase());
        let flag = if base.is_some() { "true" } else { "false" };
        user = user.or_else(|| base.cloned().flatten());
        entries.push(Entry::derived(
            "image",
            Node::scalar(resolved, image.range.clone()),
        ));
        entries.push(Entry::derived(
            "from_stage",
            Node::scalar(flag, image.range.clone()),
        ));
    }
    if let [_, keyword, name, ..] = words
        && keyword
            .text()
            .is_some_and(|word| word.eq_ignore_ascii_case("as"))
    {
        names.insert(
            name.text().unwrap_or_default().to_ascii_lowercase(),
            user.clone(),
        );
        entries.push(given("name", name));
    }
    entries.extend(user.map(|user| given("user", &user)));
    entries.extend(by_keyword(parts));
    Arc::new(Node::map(entries, stage_range(parts)))
}

fn given(key: &str, node: &Arc<Node>) -> Entry {
    Entry {
        key: key.to_owned(),
        key_range: node.range.clone(),
        node: Arc::clone(node),
    }
}

/// Lists the instructions of a stage under their keyword; `user` alone is kept as `users`, since `user` is the last one.
fn by_keyword(parts: &[&Instruction]) -> Vec<Entry> {
    let mut lists: BTreeMap<&str, Vec<Arc<Node>>> = BTreeMap::new();
    for one in parts {
        lists
            .entry(&one.keyword)
            .or_default()
            .push(Arc::clone(&one.node));
    }
    lists
        .into_iter()
        .map(|(keyword, nodes)| {
            let key = if keyword == "user" { "users" } else { keyword };
            let range = nodes[0].range.start..nodes[nodes.len() - 1].range.end;
            Entry::derived(key, Node::seq(nodes, range))
        })
        .collect()
}

fn stage_range(parts: &[&Instruction]) -> Range<usize> {
    parts[0].node.range.start..parts[parts.len() - 1].node.range.end
}

/// Puts the defaults of global arguments in place of `$NAME`, `${NAME}` and `${NAME:-default}`; others stay as they are.
fn resolve(image: &str, defaults: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = image;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let (variable, after) = split_variable(&rest[at..]);
        let name = variable
            .trim_start_matches(['$', '{'])
            .trim_end_matches('}');
        let (name, fallback) = match name.split_once(":-") {
            Some((name, fallback)) => (name, Some(fallback)),
            None => (name, None),
        };
        match defaults
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
        {
            Some(value) => out.push_str(value),
            None => out.push_str(fallback.unwrap_or(variable)),
        }
        rest = after;
    }
    out + rest
}

fn split_variable(text: &str) -> (&str, &str) {
    let end = if text.starts_with("${") {
        text.find('}').map_or(text.len(), |end| end + 1)
    } else {
        text[1..]
            .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .map_or(text.len(), |end| end + 1)
    };
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_know_their_image_and_last_user() {
        let text = "ARG V=20\nFROM node:${V} AS build\nRUN npm ci && \\\n    # why\n    npm run build\nFROM build\nUSER root\nUSER app\n";
        let root = parse(text).unwrap();
        let stages = root.get("stages").unwrap().items();
        assert_eq!(stages[0].get("image").unwrap().text(), Some("node:20"));
        assert_eq!(stages[1].get("from_stage").unwrap().text(), Some("true"));
        assert_eq!(
            root.get("final").unwrap().get("user").unwrap().text(),
            Some("app")
        );
        let run = &stages[0].get("run").unwrap().items()[0];
        let run = run.get("text").unwrap();
        assert_eq!(run.text().unwrap().len(), run.range.len());
        assert!(!run.text().unwrap().contains("why"));
    }

    #[test]
    fn what_is_no_dockerfile_is_an_error() {
        assert!(parse("hello world\n").is_err());
        assert!(parse("RUN make\n").is_ok(), "a fragment");
    }
}
