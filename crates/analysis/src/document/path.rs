//! Paths through a document: how they are written and how their nodes are visited, within a budget of steps.

use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;

use serde::Deserialize;

use super::node::{Entry, Node, Value};

/// Most nodes that one rule may visit in one document.
const MAX_VISITS: u32 = 400_000;

/// A path such as `jobs.*.steps[*].run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path {
    absolute: bool,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `name` or `"a quoted.name"`.
    Key(String),
    /// `*`: every value of a map, every item of a list.
    Each,
    /// `[*]`: every item of a list.
    Items,
    /// `[2]`, or `[-1]` from the end.
    Item(isize),
    /// `**`: the node itself and everything below it.
    Below,
    /// `^`: what holds the node.
    Up,
}

/// What is wrong with a path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path: {reason}")]
pub struct PathError {
    path: String,
    reason: &'static str,
}

/// A node together with the way that led to it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) node: &'a Node,
    /// The entry it is the value of, if it is one.
    pub(crate) entry: Option<&'a Entry>,
    up: Option<&'a Place<'a>>,
}

/// Counts visits, so that aliases of aliases cannot make a walk endless.
pub(crate) struct Budget(Cell<u32>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Cell::new(MAX_VISITS))
    }

    fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

impl<'a> Place<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self {
            node,
            entry: None,
            up: None,
        }
    }

    fn topmost(&self) -> Place<'a> {
        let mut place = *self;
        while let Some(up) = place.up {
            place = *up;
        }
        place
    }
}

type Visit<'v> = dyn FnMut(Place<'_>) -> ControlFlow<()> + 'v;

impl Path {
    /// Visits every node on the path, in document order, until the visitor breaks.
    pub(crate) fn walk(
        &self,
        from: Place<'_>,
        budget: &Budget,
        visit: &mut Visit<'_>,
    ) -> ControlFlow<()> {
        let start = if self.absolute { from.topmost() } else { from };
        step(start, &self.segments, budget, visit)
    }
}

fn step(
    place: Place<'_>,
    segments: &[Segment],
    budget: &Budget,
    visit: &mut Visit<'_>,
) -> ControlFlow<()> {
    if !budget.spend() {
        return ControlFlow::Break(());
    }
    let Some((segment, rest)) = segments.split_first() else {
        return visit(place);
    };
    match segment {
        Segment::Up => place.up.map_or(ControlFlow::Continue(()), |up| {
            step(*up, rest, budget, visit)
        }),
        Segment::Below => below(place, rest, budget, visit),
        _ => children(place, segment, &mut |child| {
            step(child, rest, budget, visit)
        }),
    }
}

fn below(
    place: Place<'_>,
    rest: &[Segment],
    budget: &Budget,
    visit: &mut Visit<'_>,
) -> ControlFlow<()> {
    step(place, rest, budget, visit)?;
    children(place, &Segment::Each, &mut |child| {
        below(child, rest, budget, visit)
    })
}

/// Visits the children that one segment names.
fn children(place: Place<'_>, segment: &Segment, visit: &mut Visit<'_>) -> ControlFlow<()> {
    match (&place.node.value, segment) {
        (Value::Map(entries), Segment::Key(_) | Segment::Each) => entries
            .iter()
            .filter(|entry| !matches!(segment, Segment::Key(key) if *key != entry.key))
            .try_for_each(|entry| {
                visit(Place {
                    node: &entry.node,
                    entry: Some(entry),
                    up: Some(&place),
                })
            }),
        (Value::Seq(items), _) => {
            let wanted = match segment {
                Segment::Each | Segment::Items => 0..items.len(),
                Segment::Item(index) => one_item(*index, items.len()),
                _ => 0..0,
            };
            items[wanted].iter().try_for_each(|item| {
                visit(Place {
                    node: item,
                    entry: None,
                    up: Some(&place),
                })
            })
        }
        _ => ControlFlow::Continue(()),
    }
}

fn one_item(index: isize, len: usize) -> std::ops::Range<usize> {
    let at = if index < 0 {
        len.checked_sub(index.unsigned_abs())
    } else {
        Some(index.unsigned_abs())
    };
    match at {
        Some(at) if at < len => at..at + 1,
        _ => 0..0,
    }
}

impl TryFrom<String> for Path {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        parse(&text).map_err(|reason| PathError { path: text, reason })
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => formatter.write_str(key),
            Self::Each => formatter.write_str("*"),
            Self::Items => formatter.write_str("[*]"),
            Self::Item(index) => write!(formatter, "[{index}]"),
            Self::Below => formatter.write_str("**"),
            Self::Up => formatter.write_str("^"),
        }
    }
}

fn parse(text: &str) -> Result<Path, &'static str> {
    let mut rest = text.trim();
    let mut path = Path::default();
    if let Some(after) = rest.strip_prefix('$') {
        path.absolute = true;
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    while !rest.is_empty() {
        let (segment, after) = if let Some(inner) = rest.strip_prefix('[') {
            bracket(inner)?
        } else if let Some(inner) = rest.strip_prefix('"') {
            let (key, after) = inner.split_once('"').ok_or("a quote is not closed")?;
            (Segment::Key(key.to_owned()), after)
        } else {
            name(rest)?
        };
        path.segments.push(segment);
        rest = match after.strip_prefix('.') {
            Some("") => return Err("it ends with a dot"),
            Some(after) => after,
            None if after.is_empty() || after.starts_with('[') => after,
            None => return Err("a dot or a bracket is missing"),
        };
    }
    Ok(path)
}

fn bracket(inner: &str) -> Result<(Segment, &str), &'static str> {
    let (index, after) = inner.split_once(']').ok_or("a bracket is not closed")?;
    let segment = match index {
        "*" => Segment::Items,
        _ => Segment::Item(
            index
                .parse()
                .map_err(|_| "an index must be a number or *")?,
        ),
    };
    Ok((segment, after))
}

fn name(rest: &str) -> Result<(Segment, &str), &'static str> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let segment = match word {
        "" => return Err("a name is empty"),
        "*" => Segment::Each,
        "**" => Segment::Below,
        "^" => Segment::Up,
        _ => Segment::Key(word.to_owned()),
    };
    Ok((segment, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let path = Path::try_from(text.to_owned()).unwrap();
        let words: Vec<String> = path.segments.iter().map(ToString::to_string).collect();
        format!(
            "{}{}",
            if path.absolute { "$ " } else { "" },
            words.join(" ")
        )
    }

    #[test]
    fn paths_are_read_segment_by_segment() {
        assert_eq!(written("jobs.*.steps[*].run"), "jobs * steps [*] run");
        assert_eq!(written("$.on.\"a.b\"[0]"), "$ on a.b [0]");
        assert_eq!(written("^.^.runs-on"), "^ ^ runs-on");
        assert_eq!(written("**.image"), "** image");
        assert_eq!(written("stages[-1]"), "stages [-1]");
    }

    #[test]
    fn malformed_paths_are_refused() {
        for text in ["a..b", "a.", "a[", "a[x]", "\"a", "a]b["] {
            assert!(Path::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
