//! As much of GraphQL as a client of ours may use: fields that GitHub does not have are errors here too.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value, json};

use crate::app::No;
use crate::git::{Files, blob_id};
use crate::state::{Pull, Repo, ReviewComment, State};

/// A field that is asked for, or what holds for one type only.
#[derive(Debug)]
enum Selection {
    Field(Field),
    On(String, Vec<Selection>),
}

#[derive(Debug)]
struct Field {
    alias: String,
    name: String,
    arguments: BTreeMap<String, Argument>,
    fields: Vec<Selection>,
}

#[derive(Debug)]
enum Argument {
    Variable(String),
    Value(Value),
    Object(BTreeMap<String, Argument>),
}

/// A thing that has fields.
enum Node<'s> {
    Query,
    Mutation,
    Repository(&'s Repo),
    Labels(&'s Pull),
    Label(&'s str),
    Reference(&'s str),
    Target(&'s str),
    PullRequest(&'s Pull),
    Threads(&'s Pull, usize, usize),
    Thread(&'s ReviewComment),
    Comments(&'s ReviewComment),
    Comment(&'s ReviewComment),
    PageInfo(usize, bool),
    Blob(&'s [u8]),
    Tree(&'s Files, String),
    Entry(&'s Files, String, String),
    Resolved,
}

/// What a field holds.
enum Held<'s> {
    Plain(Value),
    One(Option<Node<'s>>),
    Many(Vec<Node<'s>>),
}

/// Answers a request: the data, or errors as GraphQL gives them.
pub(crate) fn answer(state: &mut State, body: &Value) -> Result<Value, No> {
    let text = body["query"].as_str().unwrap_or_default();
    let variables = &body["variables"];
    let (is_mutation, fields) = match parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(errors("", &format!("Parse error: {error}"))),
    };
    if is_mutation && let Err(error) = change(state, &fields, variables) {
        return Ok(errors("NOT_FOUND", &error));
    }
    let root = if is_mutation {
        Node::Mutation
    } else {
        Node::Query
    };
    let run = Run { state, variables };
    match run.select(&root, &fields) {
        Ok(data) => Ok(json!({"data": data})),
        Err((kind, error)) => Ok(errors(kind, &error)),
    }
}

fn errors(kind: &str, message: &str) -> Value {
    json!({"data": null, "errors": [{"type": kind, "message": message}]})
}

/// Whether a request changes something.
pub(crate) fn is_mutation(body: &Value) -> bool {
    body["query"]
        .as_str()
        .unwrap_or_default()
        .trim_start()
        .starts_with("mutation")
}

/// The one change there is.
fn change(state: &mut State, fields: &[Selection], variables: &Value) -> Result<(), String> {
    for selection in fields {
        let Selection::Field(field) = selection else {
            continue;
        };
        if field.name != "resolveReviewThread" {
            return Err(format!(
                "Field '{}' doesn't exist on type 'Mutation'",
                field.name
            ));
        }
        let input = field
            .arguments
            .get("input")
            .map(|input| plain(input, variables));
        let id = input.unwrap_or_default()["threadId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let place = state.thread(&id);
        let (repo, number, place) = place
            .ok_or_else(|| format!("Could not resolve to a node with the global id of '{id}'"))?;
        let pull = state
            .repos
            .get_mut(&repo)
            .and_then(|repo| repo.pulls.get_mut(&number));
        if let Some(comment) = pull.and_then(|pull| pull.review_comments.get_mut(place)) {
            comment.is_resolved = true;
        }
    }
    Ok(())
}

/// The conversation that the one change is about.
fn resolved<'s>(state: &'s State, variables: &Value) -> Option<&'s ReviewComment> {
    let (repo, number, place) = state.thread(variables["id"].as_str()?)?;
    state
        .repos
        .get(&repo)?
        .pulls
        .get(&number)?
        .review_comments
        .get(place)
}

fn plain(argument: &Argument, variables: &Value) -> Value {
    match argument {
        Argument::Variable(name) => variables[name].clone(),
        Argument::Value(value) => value.clone(),
        Argument::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), plain(value, variables)));
            Value::Object(fields.collect())
        }
    }
}

struct Run<'s> {
    state: &'s State,
    variables: &'s Value,
}

type Wrong = (&'static str, String);

impl<'s> Run<'s> {
    fn select(&self, node: &Node<'s>, fields: &[Selection]) -> Result<Value, Wrong> {
        let mut out = Map::new();
        for selection in fields {
            match selection {
                Selection::On(name, fields) => {
                    if *name == node.type_name()
                        && let Value::Object(more) = self.select(node, fields)?
                    {
                        out.extend(more);
                    }
                }
                Selection::Field(field) => {
                    let value = match self.field(node, field)? {
                        Held::Plain(value) => value,
                        Held::One(None) => Value::Null,
                        Held::One(Some(node)) => self.select(&node, &field.fields)?,
                        Held::Many(nodes) => {
                            let nodes = nodes.iter().map(|node| self.select(node, &field.fields));
                            Value::Array(nodes.collect::<Result<_, _>>()?)
                        }
                    };
                    out.insert(field.alias.clone(), value);
                }
            }
        }
        Ok(Value::Object(out))
    }

    fn argument(&self, field: &Field, name: &str) -> Value {
        field
            .arguments
            .get(name)
            .map(|argument| plain(argument, self.variables))
            .unwrap_or_default()
    }

    fn field(&self, node: &Node<'s>, field: &Field) -> Result<Held<'s>, Wrong> {
        let text = |name: &str| {
            self.argument(field, name)
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Ok(match (node, field.name.as_str()) {
            (_, "__typename") => Held::Plain(json!(node.type_name())),
            (Node::Query, "repository") => {
                let (owner, name) = (text("owner"), text("name"));
                let repo = self.state.repo(&owner, &name);
                let missing = || {
                    (
                        "NOT_FOUND",
                        format!(
                            "Could not resolve to a Repository with the name '{owner}/{name}'."
                        ),
                    )
                };
                Held::One(Some(Node::Repository(repo.ok_or_else(missing)?)))
            }
            (Node::Query, "node") => {
                let id = text("id");
                let place = self.state.thread(&id);
                let missing = || {
                    (
                        "NOT_FOUND",
                        format!("Could not resolve to a node with the global id of '{id}'."),
                    )
                };
                let (repo, number, place) = place.ok_or_else(missing)?;
                Held::One(Some(Node::Thread(
                    &self.state.repos[&repo].pulls[&number].review_comments[place],
                )))
            }
            (Node::Mutation, "resolveReviewThread") => Held::One(Some(Node::Resolved)),
            (Node::Resolved, "thread") => {
                let resolved = resolved(self.state, self.variables);
                Held::One(resolved.map(Node::Thread))
            }
            (Node::Repository(repo), "pullRequest") => {
                let number = self.argument(field, "number").as_u64().unwrap_or(0);
                let pull = repo.pulls.get(&number);
                let missing = || {
                    (
                        "NOT_FOUND",
                        format!("Could not resolve to a PullRequest with the number of {number}."),
                    )
                };
                Held::One(Some(Node::PullRequest(pull.ok_or_else(missing)?)))
            }
            (Node::Repository(repo), "defaultBranchRef") => {
                Held::One(Some(Node::Reference(&repo.main)))
            }
            (Node::Reference(tip), "target") => Held::One(Some(Node::Target(tip))),
            (Node::Target(tip), "oid") => Held::Plain(json!(tip)),
            (Node::Repository(repo), "object") => {
                let expression = text("expression");
                Held::One(object(repo, &expression))
            }
            (Node::PullRequest(pull), "labels") => Held::One(Some(Node::Labels(pull))),
            (Node::Labels(pull), "nodes") => {
                Held::Many(pull.labels.iter().map(|name| Node::Label(name)).collect())
            }
            (Node::Label(name), "name") => Held::Plain(json!(name)),
            (Node::PullRequest(pull), name) => self.pull(pull, field, name)?,
            (Node::Threads(pull, _, end), "pageInfo") => {
                Held::One(Some(Node::PageInfo(*end, *end < threads_of(pull).len())))
            }
            (Node::Threads(pull, start, end), "nodes") => {
                let threads = threads_of(pull);
                let threads = threads.get(*start..*end).unwrap_or_default();
                Held::Many(threads.iter().map(|one| Node::Thread(one)).collect())
            }
            (Node::PageInfo(end, _), "endCursor") => Held::Plain(json!(end.to_string())),
            (Node::PageInfo(_, has_next), "hasNextPage") => Held::Plain(json!(has_next)),
            (Node::Thread(comment), "id") => Held::Plain(json!(format!("PRRT_{}", comment.id))),
            (Node::Thread(comment), "isResolved") => Held::Plain(json!(comment.is_resolved)),
            (Node::Thread(comment), "comments") => Held::One(Some(Node::Comments(comment))),
            (Node::Comments(comment), "nodes") => Held::Many(vec![Node::Comment(comment)]),
            (Node::Comment(comment), "databaseId") => Held::Plain(json!(comment.id)),
            (Node::Comment(comment), "body") => Held::Plain(json!(comment.body)),
            (Node::Comment(comment), "viewerDidAuthor") => Held::Plain(json!(comment.is_ours)),
            (Node::Blob(bytes), name) => blob(bytes, name).ok_or_else(|| missing(node, field))?,
            (Node::Tree(files, folder), "entries") => Held::Many(entries(files, folder)),
            (Node::Entry(_, _, name), "name") => Held::Plain(json!(name.trim_end_matches('/'))),
            (Node::Entry(_, _, name), "type") => {
                Held::Plain(json!(if name.ends_with('/') { "tree" } else { "blob" }))
            }
            (Node::Entry(files, folder, name), "object") => {
                let bytes = files.get(&format!("{folder}{name}"));
                Held::One(bytes.map(|bytes| Node::Blob(bytes)))
            }
            _ => return Err(missing(node, field)),
        })
    }

    fn pull(&self, pull: &'s Pull, field: &Field, name: &str) -> Result<Held<'s>, Wrong> {
        Ok(Held::Plain(match name {
            "title" => json!(pull.title),
            "body" => json!(pull.body),
            "state" => json!(if pull.is_open { "OPEN" } else { "CLOSED" }),
            "isDraft" => json!(pull.is_draft),
            "isCrossRepository" => json!(pull.is_fork),
            "baseRefOid" => json!(pull.base),
            "headRefOid" => json!(pull.head),
            "headRefName" => json!(pull.branch),
            "reviewThreads" => {
                let first = self.argument(field, "first").as_u64().unwrap_or(0);
                if !(1..=100).contains(&first) {
                    return Err(("", "`first` must be between 1 and 100".to_owned()));
                }
                let after = self.argument(field, "after");
                let start = after
                    .as_str()
                    .and_then(|after| after.parse().ok())
                    .unwrap_or(0);
                let end =
                    (start + usize::try_from(first).unwrap_or(100)).min(threads_of(pull).len());
                return Ok(Held::One(Some(Node::Threads(pull, start, end))));
            }
            _ => {
                let message = format!("Field '{name}' doesn't exist on type 'PullRequest'");
                return Err(("undefinedField", message));
            }
        }))
    }
}

/// The comments that began a conversation.
fn threads_of(pull: &Pull) -> Vec<&ReviewComment> {
    pull.review_comments
        .iter()
        .filter(|one| one.answers.is_none())
        .collect()
}

fn missing(node: &Node<'_>, field: &Field) -> Wrong {
    let message = format!(
        "Field '{}' doesn't exist on type '{}'",
        field.name,
        node.type_name()
    );
    ("undefinedField", message)
}

impl Node<'_> {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
            Self::Repository(_) => "Repository",
            Self::Labels(_) => "LabelConnection",
            Self::Label(_) => "Label",
            Self::Reference(_) => "Ref",
            Self::Target(_) => "GitObject",
            Self::PullRequest(..) => "PullRequest",
            Self::Threads(..) => "PullRequestReviewThreadConnection",
            Self::Thread(_) => "PullRequestReviewThread",
            Self::Comments(_) => "PullRequestReviewCommentConnection",
            Self::Comment(_) => "PullRequestReviewComment",
            Self::PageInfo(..) => "PageInfo",
            Self::Blob(_) => "Blob",
            Self::Tree(..) => "Tree",
            Self::Entry(..) => "TreeEntry",
            Self::Resolved => "ResolveReviewThreadPayload",
        }
    }
}

fn object<'s>(repo: &'s Repo, expression: &str) -> Option<Node<'s>> {
    let (commit, path) = expression.split_once(':')?;
    let files = &repo.objects.commits.get(commit)?.files;
    if let Some(bytes) = files.get(path) {
        return Some(Node::Blob(bytes));
    }
    let folder = format!("{path}/");
    let is_there = files.keys().any(|one| one.starts_with(&folder));
    is_there.then_some(Node::Tree(files, folder))
}

fn entries<'s>(files: &'s Files, folder: &str) -> Vec<Node<'s>> {
    let mut names: Vec<String> = Vec::new();
    for path in files.keys().filter_map(|path| path.strip_prefix(folder)) {
        let name = match path.split_once('/') {
            Some((name, _)) => format!("{name}/"),
            None => path.to_owned(),
        };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    let entry = |name| Node::Entry(files, folder.to_owned(), name);
    names.into_iter().map(entry).collect()
}

/// GitHub cuts texts of more than half a megabyte short.
const CUT: usize = 512_000;

fn blob<'s>(bytes: &[u8], name: &str) -> Option<Held<'s>> {
    let is_binary = bytes.iter().take(8000).any(|byte| *byte == 0);
    Some(Held::Plain(match name {
        "oid" => json!(blob_id(bytes)),
        "byteSize" => json!(bytes.len()),
        "isBinary" => json!(is_binary),
        "isTruncated" => json!(bytes.len() > CUT),
        "text" if is_binary => Value::Null,
        "text" => json!(String::from_utf8_lossy(&bytes[..bytes.len().min(CUT)])),
        _ => return None,
    }))
}

fn parse(text: &str) -> Result<(bool, Vec<Selection>), String> {
    let mut parser = Parser {
        rest: text.chars().peekable(),
    };
    let word = parser.word()?;
    let is_mutation = match word.as_str() {
        "query" => false,
        "mutation" => true,
        other => return Err(format!("unexpected {other}")),
    };
    if parser.takes('(') {
        // The types of variables are not looked at.
        while !parser.takes(')') {
            parser
                .rest
                .next()
                .ok_or("the text ends in its parameters")?;
        }
    }
    let fields = parser.selections()?;
    parser.space();
    match parser.rest.next() {
        None => Ok((is_mutation, fields)),
        Some(other) => Err(format!("unexpected {other}")),
    }
}

struct Parser<'t> {
    rest: Peekable<Chars<'t>>,
}

impl Parser<'_> {
    fn space(&mut self) {
        while self
            .rest
            .next_if(|one| one.is_whitespace() || *one == ',')
            .is_some()
        {}
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.space();
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn must(&mut self, wanted: char) -> Result<(), String> {
        match self.takes(wanted) {
            true => Ok(()),
            false => Err(format!("expected {wanted}, found {:?}", self.rest.peek())),
        }
    }

    fn word(&mut self) -> Result<String, String> {
        self.space();
        let mut word = String::new();
        while let Some(one) = self
            .rest
            .next_if(|one| one.is_ascii_alphanumeric() || *one == '_')
        {
            word.push(one);
        }
        match word.is_empty() {
            true => Err(format!("expected a name, found {:?}", self.rest.peek())),
            false => Ok(word),
        }
    }

    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        self.must('{')?;
        let mut selections = Vec::new();
        while !self.takes('}') {
            selections.push(self.selection()?);
        }
        Ok(selections)
    }

    fn selection(&mut self) -> Result<Selection, String> {
        if self.takes('.') {
            self.must('.')?;
            self.must('.')?;
            if self.word()? != "on" {
                return Err("named fragments are not known here".to_owned());
            }
            let name = self.word()?;
            return Ok(Selection::On(name, self.selections()?));
        }
        let mut name = self.word()?;
        let alias = name.clone();
        if self.takes(':') {
            name = self.word()?;
        }
        let mut arguments = BTreeMap::new();
        if self.takes('(') {
            arguments = self.arguments(')')?;
        }
        self.space();
        let fields = match self.rest.peek() {
            Some('{') => self.selections()?,
            _ => Vec::new(),
        };
        Ok(Selection::Field(Field {
            alias,
            name,
            arguments,
            fields,
        }))
    }

    fn arguments(&mut self, end: char) -> Result<BTreeMap<String, Argument>, String> {
        let mut arguments = BTreeMap::new();
        while !self.takes(end) {
            let name = self.word()?;
            self.must(':')?;
            arguments.insert(name, self.argument()?);
        }
        Ok(arguments)
    }

    fn argument(&mut self) -> Result<Argument, String> {
        if self.takes('$') {
            return self.word().map(Argument::Variable);
        }
        if self.takes('{') {
            return self.arguments('}').map(Argument::Object);
        }
        let word = self.word()?;
        Ok(Argument::Value(match word.parse::<u64>() {
            Ok(number) => json!(number),
            Err(_) => json!(word),
        }))
    }
}
