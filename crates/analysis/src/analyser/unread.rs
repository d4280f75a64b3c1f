//! Decides whether the parser understood enough of a file.

use crate::source::Tree;

/// Below this many bytes a few tokens of newer syntax do not count.
const FEW: usize = 64;

/// Says how much of a file the parser could not make sense of, if it is too much: more than 64 bytes that are over a
/// twentieth of the file, or over a fifth of it.
pub(super) fn problem(tree: &Tree) -> Option<String> {
    let root = tree.root().get_inner_node();
    if !root.has_error() {
        return None;
    }
    let text = tree.source();
    let whole = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .count();
    let (unread, first) = unread(root);
    let is_much = unread * 5 > whole || (unread > FEW && unread * 20 > whole);
    is_much.then(|| {
        format!(
            "{unread} of {whole} bytes could not be parsed, first at line {}",
            first.saturating_add(1)
        )
    })
}

/// Bytes that stand directly in error nodes, and the first line of them. Sound pieces inside an error are still read.
fn unread(root: tree_sitter::Node<'_>) -> (usize, usize) {
    let mut total = 0;
    let mut first = usize::MAX;
    let mut cursor = root.walk();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        if node.is_error() {
            total += node.end_byte() - node.start_byte();
            first = first.min(node.start_position().row);
        }
        for child in node.children(&mut cursor) {
            let is_sound = child.child_count() > 0 && !child.is_error();
            if node.is_error() && (is_sound || child.is_error()) {
                total -= child.end_byte() - child.start_byte();
            }
            if child.has_error() {
                open.push(child);
            }
        }
    }
    (total, first)
}
