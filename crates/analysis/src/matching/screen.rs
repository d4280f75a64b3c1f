//! Screens: a quick look at a node that says whether a rule can match there at all.
//!
//! A screen is made from the same body as the rule and answers `No` only if the rule cannot match. It knows no
//! metavariables but those bound to a field of the node, so it is free to look at cheap parts first, and it looks outwards along the ancestors that the walk
//! keeps, where asking a node for its parent would search from the root.

mod build;
mod same;

use std::cell::Cell;

use regex::Regex;
use tree_sitter::Node;

pub(super) use build::of;

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
    Regex(Regex),
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
}

/// The screen of a whole rule.
pub(super) struct RuleScreen {
    screen: Screen,
    /// Variables that are surely bound to a field of the node, if the rule mentions them elsewhere too.
    bound: Vec<(String, u16)>,
}

/// The child that was asked for last: node, field, answer.
type Recent<'t> = Cell<Option<(usize, u16, Option<Node<'t>>)>>;

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
pub(super) struct Place<'p, 't> {
    /// The text of the file.
    pub text: &'p str,
    /// From the root to the parent, if known.
    pub ancestors: Option<&'p [Node<'t>]>,
    /// The siblings in front of the node, if known.
    pub earlier: Option<&'p [Node<'t>]>,
    /// Which named child of its parent the node is, from 1, if known.
    pub nth: Option<usize>,
    /// What variables are bound to.
    bound: &'p [(&'p str, &'p str)],
    recent: &'p Recent<'t>,
    depth: usize,
}

impl<'p, 't> Place<'p, 't> {
    /// A place in the walk over the tree.
    pub(super) fn new(
        text: &'p str,
        ancestors: &'p [Node<'t>],
        earlier: &'p [Node<'t>],
        recent: &'p Recent<'t>,
    ) -> Self {
        Self {
            text,
            ancestors: Some(ancestors),
            earlier: Some(earlier),
            nth: None,
            bound: &[],
            recent,
            depth: 0,
        }
    }

    fn below(&self, nth: Option<usize>) -> Self {
        Self {
            ancestors: None,
            earlier: None,
            nth,
            depth: self.depth + 1,
            ..*self
        }
    }

    fn at(&self, ancestors: &'p [Node<'t>]) -> Self {
        Self {
            ancestors: Some(ancestors),
            earlier: None,
            nth: None,
            ..*self
        }
    }

    fn behind(&self, earlier: &'p [Node<'t>]) -> Self {
        Self {
            earlier: Some(earlier),
            nth: None,
            ..*self
        }
    }

    fn field(&self, node: Node<'t>, field: u16) -> Option<Node<'t>> {
        match self.recent.get() {
            Some((id, known, child)) if id == node.id() && known == field => child,
            _ => {
                let child = node.child_by_field_id(field);
                self.recent.set(Some((node.id(), field, child)));
                child
            }
        }
    }

    fn text_of(&self, node: Node<'t>) -> &'p str {
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
    pub(super) fn answer<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
        match self {
            Self::Unknown => Answer::Maybe,
            Self::Kinds(kinds) => {
                let kind = usize::from(node.kind_id());
                Answer::of(kinds.get(kind).copied().unwrap_or_default())
            }
            Self::Regex(regex) => Answer::of(regex.is_match(place.text_of(node))),
            Self::Name(name) => Answer::of(ends_with_name(place.text_of(node), name)),
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
            Self::Follows(relation) => relation.before(place),
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
            Self::Inside(relation) | Self::Follows(relation) => {
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
            Self::Has(relation) | Self::Inside(relation) | Self::Follows(relation) => {
                relation.other.mentions(variable)
            }
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

    /// Whether the rule can match a node.
    pub(super) fn may_match<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> bool {
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
                let child = place.field(node, *field)?;
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

fn ends_with_name(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.strip_suffix(name)
        .is_some_and(|before| !before.ends_with(is_part))
}

fn all<'t>(parts: &[Screen], node: Node<'t>, place: &Place<'_, 't>) -> Answer {
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

    fn below<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
        if let Some(field) = self.field {
            let Some(child) = place.field(node, field) else {
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

    fn among_children<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
        let mut nth = 0;
        let mut cursor = node.walk();
        any(node.children(&mut cursor).map(|child| {
            nth += usize::from(child.is_named());
            self.other.answer(child, &place.below(Some(nth)))
        }))
    }

    /// Looks at everything under a node.
    fn anywhere<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
        let place = place.below(None);
        let mut cursor = node.walk();
        let mut answer = Answer::No;
        loop {
            let mut more = cursor.goto_first_child();
            while !more {
                more = cursor.goto_next_sibling();
                if !more && !cursor.goto_parent() {
                    return answer;
                }
            }
            match self.other.answer(cursor.node(), &place) {
                Answer::Yes => return Answer::Yes,
                Answer::Maybe => answer = Answer::Maybe,
                Answer::No => {}
            }
        }
    }

    /// Looks at everything under a node, but not into what stops the search.
    fn until<'t>(&self, stop: &Screen, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
        if place.depth > DEEPEST {
            return Answer::Maybe;
        }
        let place = place.below(None);
        let mut cursor = node.walk();
        any(node.children(&mut cursor).map(|child| {
            let own = self.other.answer(child, &place);
            if own == Answer::Yes || child.child_count() == 0 {
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

    fn above<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
        let Some(ancestors) = place.ancestors else {
            return Answer::Maybe;
        };
        let mut rest = ancestors;
        let mut from = node;
        let mut answer = Answer::No;
        let mut is_sure = true;
        while let Some((outer, further)) = rest.split_last() {
            let found = self.outer(*outer, from, &place.at(further));
            match found {
                Answer::Yes if is_sure => return Answer::Yes,
                Answer::No => {}
                _ => answer = Answer::Maybe,
            }
            match self.stops(*outer, &place.at(further)) {
                Answer::Yes => return answer,
                Answer::Maybe => is_sure = false,
                Answer::No => {}
            }
            from = *outer;
            rest = further;
        }
        answer
    }

    fn before(&self, place: &Place<'_, '_>) -> Answer {
        let Some(mut rest) = place.earlier else {
            return Answer::Maybe;
        };
        if self.lacks_bound_words(rest, place) {
            return Answer::No;
        }
        let mut answer = Answer::No;
        let mut is_sure = true;
        while let Some((sibling, further)) = rest.split_last() {
            let place = place.behind(further);
            match self.other.answer(*sibling, &place) {
                Answer::Yes if is_sure => return Answer::Yes,
                Answer::No => {}
                _ => answer = Answer::Maybe,
            }
            match self.stops(*sibling, &place) {
                Answer::Yes => return answer,
                Answer::Maybe => is_sure = false,
                Answer::No => {}
            }
            rest = further;
        }
        answer
    }

    /// Whether a word that a sibling must repeat stands in none of them; spares long tables a look at every row.
    fn lacks_bound_words(&self, siblings: &[Node<'_>], place: &Place<'_, '_>) -> bool {
        let (Some(first), Some(last)) = (siblings.first(), siblings.last()) else {
            return false;
        };
        let text = place.text.get(first.start_byte()..last.end_byte());
        place.bound.iter().any(|(name, bound)| {
            let word = same::longest_word(bound);
            self.other.requires(name) && text.is_some_and(|text| !text.contains(word))
        })
    }

    fn outer<'t>(&self, outer: Node<'t>, from: Node<'t>, place: &Place<'_, 't>) -> Answer {
        let is_in_field = self
            .field
            .is_none_or(|field| outer.child_by_field_id(field) == Some(from));
        if is_in_field {
            self.other.answer(outer, place)
        } else {
            Answer::No
        }
    }

    fn stops<'t>(&self, outer: Node<'t>, place: &Place<'_, 't>) -> Answer {
        match &self.stop {
            Stop::Neighbour => Answer::Yes,
            Stop::End => Answer::No,
            Stop::At(stop) => stop.answer(outer, place),
        }
    }
}
