//! Screens: a quick look at a node that says whether a rule can match there at all.
//!
//! A screen is made from the same body as the rule and answers `No` only if the rule cannot match. It knows no
//! metavariables, so it is free to look at cheap parts first, and it looks outwards along the ancestors that the walk
//! keeps, where asking a node for its parent would search from the root.

mod build;

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
    All(Vec<Screen>),
    Any(Vec<Screen>),
    Not(Box<Screen>),
    Has(Box<Relation>),
    Inside(Box<Relation>),
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
pub(super) struct Place<'p, 't> {
    /// The text of the file.
    pub text: &'p str,
    /// From the root to the parent, if known.
    pub ancestors: Option<&'p [Node<'t>]>,
    /// Which named child of its parent the node is, from 1, if known.
    pub nth: Option<usize>,
    depth: usize,
}

impl<'p, 't> Place<'p, 't> {
    /// A place in the walk over the tree.
    pub(super) fn new(text: &'p str, ancestors: &'p [Node<'t>]) -> Self {
        Self {
            text,
            ancestors: Some(ancestors),
            nth: None,
            depth: 0,
        }
    }

    fn below(&self, nth: Option<usize>) -> Self {
        Self {
            text: self.text,
            ancestors: None,
            nth,
            depth: self.depth + 1,
        }
    }

    fn at(&self, ancestors: &'p [Node<'t>]) -> Self {
        Self {
            text: self.text,
            ancestors: Some(ancestors),
            nth: None,
            depth: self.depth,
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
            Self::All(parts) => all(parts, node, place),
            Self::Any(parts) => any(parts.iter().map(|part| part.answer(node, place))),
            Self::Not(part) => part.answer(node, place).not(),
            Self::Has(relation) => relation.below(node, place),
            Self::Inside(relation) => relation.above(node, place),
        }
    }

    /// Roughly what an answer costs.
    fn cost(&self) -> usize {
        match self {
            Self::Unknown | Self::Kinds(_) | Self::NthChild(_) => 1,
            Self::Name(_) => 2,
            Self::Contains(_) => 6,
            Self::Regex(_) => 8,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(part) => part.cost(),
            Self::Has(relation) => relation.other.cost() + relation.has_cost(),
            Self::Inside(relation) => relation.other.cost() + relation.inside_cost(),
        }
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
            _ => 200,
        }
    }

    fn inside_cost(&self) -> usize {
        match (&self.stop, self.field) {
            (Stop::Neighbour, None) => 1,
            (Stop::Neighbour, Some(_)) => 3,
            _ => 20,
        }
    }

    fn below<'t>(&self, node: Node<'t>, place: &Place<'_, 't>) -> Answer {
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
