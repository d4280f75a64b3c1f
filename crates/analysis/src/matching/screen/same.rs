//! Whether two nodes may be the same, as a metavariable that occurs twice asks.

use super::{Answer, Place};
use crate::source::syntax::Node;

/// Longer texts are left to the rule.
const LONGEST: usize = 4096;

/// Whether a node may be what a variable is bound to.
pub(super) fn as_bound(node: Node<'_>, name: &str, place: &Place<'_>) -> Answer {
    let bound = place.bound.iter().find(|(bound, _)| *bound == name);
    match bound {
        Some((_, text)) => may_equal(text, place.text_of(node)),
        None => Answer::Maybe,
    }
}

/// Whether the node has three children with this operator in the middle, or another number of children.
pub(super) fn operator(node: Node<'_>, kind: u16) -> Answer {
    match node.child(1) {
        Some(middle) if node.child_count() == 3 && middle.kind_id() != kind => Answer::No,
        _ => Answer::Maybe,
    }
}

/// Whether the first and the last child may be the same.
pub(super) fn twins(node: Node<'_>, place: &Place<'_>) -> Answer {
    match (node.child(0), node.child(2)) {
        (Some(first), Some(last)) if node.child_count() == 3 => {
            if first.kind_id() != last.kind_id() {
                return Answer::No;
            }
            may_equal(place.text_of(first), place.text_of(last))
        }
        _ => Answer::Maybe,
    }
}

/// The longest word in a text, which every other spelling of the same nodes contains too.
pub(super) fn longest_word(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words.max_by_key(|word| word.len()).unwrap_or_default()
}

/// Nodes are the same if they differ in the space between their parts only.
fn may_equal(one: &str, other: &str) -> Answer {
    if one.len() > LONGEST || other.len() > LONGEST {
        return Answer::Maybe;
    }
    let is_dark = |byte: &u8| !byte.is_ascii_whitespace();
    let one = one.bytes().filter(is_dark);
    Answer::of(one.eq(other.bytes().filter(is_dark))).at_most_maybe()
}
