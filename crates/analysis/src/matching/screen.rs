//! Screens: a quick look at a node that says whether a rule can match there at all.
//!
//! A screen is made from the same body as the rule and answers `No` only if the rule cannot match. It knows no
//! metavariables but those bound to a field of the node, so it is free to look at cheap parts first.

mod build;
mod same;

pub(super) use build::of;

use crate::pattern::Pattern;
use crate::source::syntax::Node;

/// Deeper parts of a tree are left to the rule.
const DEEPEST: usize = 200;

/// What must hold of a node.
#[derive(Clone)]
pub(super) enum Screen {
    /// Nothing is known.
    Unknown,
    /// The kind is one of these, by number.
    Kinds(Vec<bool>),
    /// The text matches.
    Regex(Box<Pattern>),
    /// The text ends with this name.
    Name(String),
    /// At least one of these stands in the text; says nothing if so.
    Contains(Vec<String>),
    /// The node is the n-th named child, from 1.
    NthChild(usize),
    /// The node may be what this variable is bound to.
    Variable(String),
    /// The node has an operator of this kind in the middle.
    Operator(u16),
    /// The first and the last child may be the same.
    Twins,
    All(Vec<Screen>),
    Any(Vec<Screen>),
    Not(Box<Screen>),
    Has(Box<Relation>),
    Inside(Box<Relation>),
    Follows(Box<Relation>),
    Precedes(Box<Relation>),
}

/// The screen of a whole rule.
pub(super) struct RuleScreen {
    screen: Screen,
    /// Variables that are surely bound to a field of the node, if the rule mentions them elsewhere too.
    bound: Vec<(String, u16)>,
}

/// A look at other nodes.
#[derive(Clone)]
pub(super) struct Relation {
    field: Option<u16>,
    stop: Stop,
    other: Screen,
}

/// How far to look.
#[derive(Clone)]
enum Stop {
    Neighbour,
    End,
    At(Screen),
}

/// Whether something holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    No,
    Maybe,
    Yes,
}

/// Where a node stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// The text of the file.
    pub(super) text: &'p str,
    /// Which named child of its parent the node is, from 1, if known.
    nth: Option<usize>,
    /// What variables are bound to.
    bound: &'p [(&'p str, &'p str)],
    depth: usize,
}

impl<'p> Place<'p> {
    /// A place in the walk over the tree.
    pub(super) fn new(text: &'p str) -> Self {
        Self {
            text,
            nth: None,
            bound: &[],
            depth: 0,
        }
    }

    fn below(&self, nth: Option<usize>) -> Self {
        Self {
            nth,
            depth: self.depth + 1,
            ..*self
        }
    }

    fn beside(&self) -> Self {
        Self { nth: None, ..*self }
    }

    fn text_of(&self, node: Node<'_>) -> &'p str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }
}

impl Answer {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }

    fn at_most_maybe(self) -> Self {
        match self {
            Self::No => Self::No,
            _ => Self::Maybe,
        }
    }
}

impl Screen {
    /// Whether this holds of a node.
    pub(super) fn answer(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        match self {
            Self::Unknown => Answer::Maybe,
            Self::Kinds(kinds) => {
                let kind = usize::from(node.kind_id());
                Answer::of(kinds.get(kind).copied().unwrap_or_default())
            }
            Self::Regex(pattern) => match pattern.regex() {
                Some(regex) => Answer::of(regex.is_match(place.text_of(node))),
                None => Answer::Maybe,
            },
            Self::Name(name) => Answer::of(last_name(place.text_of(node)) == name),
            Self::Contains(words) => {
                let text = place.text_of(node);
                Answer::of(words.iter().any(|word| text.contains(word))).at_most_maybe()
            }
            Self::NthChild(nth) => match place.nth {
                Some(own) => Answer::of(own == *nth && node.is_named()),
                None => Answer::Maybe,
            },
            Self::Variable(name) => same::as_bound(node, name, place),
            Self::Operator(kind) => same::operator(node, *kind),
            Self::Twins => same::twins(node, place),
            Self::All(parts) => all(parts, node, place),
            Self::Any(parts) => any(parts.iter().map(|part| part.answer(node, place))),
            Self::Not(part) => part.answer(node, place).not(),
            Self::Has(relation) => relation.below(node, place),
            Self::Inside(relation) => relation.above(node, place),
            Self::Follows(relation) => relation.before(node, place),
            Self::Precedes(relation) => relation.behind(node, place),
        }
    }

    /// Roughly what an answer costs.
    fn cost(&self) -> usize {
        match self {
            Self::Unknown | Self::Kinds(_) | Self::NthChild(_) => 1,
            Self::Name(_) => 2,
            Self::Contains(_) | Self::Operator(_) => 6,
            Self::Variable(_) | Self::Twins => 10,
            Self::Regex(_) => 8,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(part) => part.cost(),
            Self::Has(relation) => relation.other.cost() + relation.has_cost(),
            Self::Inside(relation) | Self::Follows(relation) | Self::Precedes(relation) => {
                relation.other.cost() + relation.inside_cost()
            }
        }
    }

    /// How often a variable stands in a pattern of its own.
    fn mentions(&self, variable: &str) -> usize {
        match self {
            Self::Variable(name) => usize::from(name == variable),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().map(|part| part.mentions(variable)).sum()
            }
            Self::Not(part) => part.mentions(variable),
            Self::Has(relation)
            | Self::Inside(relation)
            | Self::Follows(relation)
            | Self::Precedes(relation) => relation.other.mentions(variable),
            _ => 0,
        }
    }

    /// Whether this cannot hold unless a variable stands in the node.
    fn requires(&self, variable: &str) -> bool {
        match self {
            Self::Variable(name) => name == variable,
            Self::All(parts) => parts.iter().any(|part| part.requires(variable)),
            Self::Has(relation) => relation.other.requires(variable),
            _ => false,
        }
    }

    /// A field whose text must end with one of these names.
    fn named_field(&self) -> Option<(u16, Vec<&str>)> {
        match self {
            Self::All(parts) => parts.iter().find_map(Self::named_field),
            Self::Any(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(Self::named_field).collect();
                let (fields, names): (Vec<_>, Vec<_>) = parts?.into_iter().unzip();
                let field = *fields.first()?;
                let is_one = fields.iter().all(|other| *other == field);
                is_one.then(|| (field, names.concat()))
            }
            Self::Has(relation) if matches!(relation.stop, Stop::Neighbour) => {
                Some((relation.field?, relation.other.names()?))
            }
            _ => None,
        }
    }

    /// The names that the text must end with one of.
    fn names(&self) -> Option<Vec<&str>> {
        match self {
            Self::Name(name) => Some(vec![name]),
            Self::Any(parts) => {
                let names: Option<Vec<_>> = parts.iter().map(Self::names).collect();
                names.map(|names| names.concat())
            }
            Self::All(parts) => parts.iter().find_map(Self::names),
            _ => None,
        }
    }

    /// The kinds of which the parent must be one.
    fn parent_kinds(&self) -> Option<Vec<bool>> {
        match self {
            Self::All(parts) => parts.iter().find_map(Self::parent_kinds),
            Self::Any(parts) => united(parts.iter().map(Self::parent_kinds)),
            Self::Inside(relation) if matches!(relation.stop, Stop::Neighbour) => {
                relation.other.kinds()
            }
            _ => None,
        }
    }

    fn kinds(&self) -> Option<Vec<bool>> {
        match self {
            Self::Kinds(kinds) => Some(kinds.clone()),
            Self::All(parts) => parts.iter().filter_map(Self::kinds).reduce(|all, one| {
                let both = all.into_iter().zip(one);
                both.map(|(all, one)| all && one).collect()
            }),
            Self::Any(parts) => united(parts.iter().map(Self::kinds)),
            _ => None,
        }
    }

    /// The variables that this binds to fields of the node itself.
    fn bindings(&self) -> Vec<(String, u16)> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::bindings).collect(),
            Self::Has(relation) => match (relation.field, &relation.stop) {
                (Some(field), Stop::Neighbour) => relation
                    .other
                    .own_variables()
                    .into_iter()
                    .map(|name| (name.to_owned(), field))
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn own_variables(&self) -> Vec<&str> {
        match self {
            Self::Variable(name) => vec![name],
            Self::All(parts) => parts.iter().flat_map(Self::own_variables).collect(),
            _ => Vec::new(),
        }
    }
}

impl RuleScreen {
    fn new(screen: Screen) -> Self {
        let mut bound = screen.bindings();
        bound.retain(|(name, _)| screen.mentions(name) > 1);
        Self { screen, bound }
    }

    /// A field of the node that must end with one of these names, by [`last_name`].
    pub(super) fn named_field(&self) -> Option<(u16, Vec<&str>)> {
        self.screen.named_field()
    }

    /// The kinds of which the node must be one, if they are known.
    pub(super) fn kinds(&self) -> Option<Vec<usize>> {
        let kinds = self.screen.kinds()?.into_iter().enumerate();
        Some(
            kinds
                .filter(|(_, is_one)| *is_one)
                .map(|(kind, _)| kind)
                .collect(),
        )
    }

    /// The kinds of which the node's parent must be one.
    pub(super) fn parent_kinds(&self) -> Option<Vec<bool>> {
        self.screen.parent_kinds()
    }

    /// Whether the rule can match a node.
    pub(super) fn may_match(&self, node: Node<'_>, place: &Place<'_>) -> bool {
        if self.screen.answer(node, place) == Answer::No {
            return false;
        }
        if self.bound.is_empty() {
            return true;
        }
        let bound: Vec<(&str, &str)> = self
            .bound
            .iter()
            .filter_map(|(name, field)| {
                let child = node.child_by_field_id(*field)?;
                Some((name.as_str(), place.text_of(child)))
            })
            .collect();
        let place = Place {
            bound: &bound,
            ..*place
        };
        self.screen.answer(node, &place) != Answer::No
    }
}

/// The kinds in any of the sets; `None` if one of them is not known.
fn united(sets: impl Iterator<Item = Option<Vec<bool>>>) -> Option<Vec<bool>> {
    let mut all = Vec::new();
    for set in sets {
        let set = set?;
        if all.len() < set.len() {
            all.resize(set.len(), false);
        }
        all.iter_mut().zip(set).for_each(|(all, one)| *all |= one);
    }
    Some(all)
}

/// The name that a text ends with, such as `get` of `request.args.get`.
pub(super) fn last_name(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.rfind(|c| !is_part(c))
        .and_then(|at| text.get(at..))
        .map_or(text, |rest| rest.trim_start_matches(|c| !is_part(c)))
}

fn all(parts: &[Screen], node: Node<'_>, place: &Place<'_>) -> Answer {
    let mut answer = Answer::Yes;
    for part in parts {
        match part.answer(node, place) {
            Answer::No => return Answer::No,
            Answer::Maybe => answer = Answer::Maybe,
            Answer::Yes => {}
        }
    }
    answer
}

fn any(answers: impl Iterator<Item = Answer>) -> Answer {
    let mut answer = Answer::No;
    for next in answers {
        match next {
            Answer::Yes => return Answer::Yes,
            Answer::Maybe => answer = Answer::Maybe,
            Answer::No => {}
        }
    }
    answer
}

impl Relation {
    fn has_cost(&self) -> usize {
        match (&self.stop, self.field) {
            (Stop::Neighbour, Some(_)) => 3,
            (Stop::Neighbour, None) => 20,
            _ => 1000,
        }
    }

    fn inside_cost(&self) -> usize {
        match (&self.stop, self.field) {
            (Stop::Neighbour, None) => 1,
            (Stop::Neighbour, Some(_)) => 3,
            _ => 200,
        }
    }

    fn below(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        if let Some(field) = self.field {
            let Some(child) = node.child_by_field_id(field) else {
                return Answer::No;
            };
            let place = place.below(None);
            return match &self.stop {
                Stop::Neighbour => self.other.answer(child, &place),
                Stop::End => any([self.other.answer(child, &place)]
                    .into_iter()
                    .chain(std::iter::once_with(|| self.anywhere(child, &place)))),
                Stop::At(_) => Answer::Maybe,
            };
        }
        match &self.stop {
            Stop::Neighbour => self.among_children(node, place),
            Stop::End => self.anywhere(node, place),
            Stop::At(stop) => self.until(stop, node, place),
        }
    }

    fn among_children(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        let mut nth = 0;
        any(node.children().map(|child| {
            nth += usize::from(child.is_named());
            self.other.answer(child, &place.below(Some(nth)))
        }))
    }

    /// Looks at everything under a node.
    fn anywhere(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        let place = place.below(None);
        any(node
            .descendants()
            .map(|inner| self.other.answer(inner, &place)))
    }

    /// Looks at everything under a node, but not into what stops the search.
    fn until(&self, stop: &Screen, node: Node<'_>, place: &Place<'_>) -> Answer {
        if place.depth > DEEPEST {
            return Answer::Maybe;
        }
        let place = place.below(None);
        any(node.children().map(|child| {
            let own = self.other.answer(child, &place);
            if own == Answer::Yes || child.is_leaf() {
                return own;
            }
            let inner = match stop.answer(child, &place) {
                Answer::Yes => Answer::No,
                Answer::Maybe => self.until(stop, child, &place).at_most_maybe(),
                Answer::No => self.until(stop, child, &place),
            };
            any([own, inner].into_iter())
        }))
    }

    fn above(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        let place = place.beside();
        let mut from = node;
        self.outwards(
            std::iter::from_fn(|| {
                let outer = from.parent()?;
                let inner = std::mem::replace(&mut from, outer);
                Some((outer, self.outer(outer, inner, &place)))
            }),
            &place,
        )
    }

    fn before(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        let place = place.beside();
        if self.lacks_bound_words(node, &place) {
            return Answer::No;
        }
        let siblings = std::iter::successors(node.previous(), Node::previous);
        self.outwards(
            siblings.map(|sibling| (sibling, self.other.answer(sibling, &place))),
            &place,
        )
    }

    fn behind(&self, node: Node<'_>, place: &Place<'_>) -> Answer {
        let place = place.beside();
        let siblings = std::iter::successors(node.next(), Node::next);
        self.outwards(
            siblings.map(|sibling| (sibling, self.other.answer(sibling, &place))),
            &place,
        )
    }

    /// Goes through nodes with their answers until one holds or stops the search.
    fn outwards<'s>(
        &self,
        nodes: impl Iterator<Item = (Node<'s>, Answer)>,
        place: &Place<'_>,
    ) -> Answer {
        let mut answer = Answer::No;
        let mut is_sure = true;
        for (node, found) in nodes {
            match found {
                Answer::Yes if is_sure => return Answer::Yes,
                Answer::No => {}
                _ => answer = Answer::Maybe,
            }
            match self.stops(node, place) {
                Answer::Yes => return answer,
                Answer::Maybe => is_sure = false,
                Answer::No => {}
            }
        }
        answer
    }

    /// Whether a word that a sibling must repeat stands in none of them; spares long tables a look at every row.
    fn lacks_bound_words(&self, node: Node<'_>, place: &Place<'_>) -> bool {
        let Some(parent) = node.parent() else {
            return false;
        };
        let text = place.text.get(parent.start_byte()..node.start_byte());
        place.bound.iter().any(|(name, bound)| {
            let word = same::longest_word(bound);
            self.other.requires(name) && text.is_some_and(|text| !text.contains(word))
        })
    }

    fn outer(&self, outer: Node<'_>, from: Node<'_>, place: &Place<'_>) -> Answer {
        let is_in_field = self
            .field
            .is_none_or(|field| outer.child_by_field_id(field) == Some(from));
        if is_in_field {
            self.other.answer(outer, place)
        } else {
            Answer::No
        }
    }

    fn stops(&self, outer: Node<'_>, place: &Place<'_>) -> Answer {
        match &self.stop {
            Stop::Neighbour => Answer::Yes,
            Stop::End => Answer::No,
            Stop::At(stop) => stop.answer(outer, place),
        }
    }
}
