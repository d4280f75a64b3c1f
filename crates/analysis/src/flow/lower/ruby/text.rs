//! Texts, symbols and patterns.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::source::syntax::Node;

use super::Ruby;
use crate::flow::ir::{Const, Expr, ExprKind};
use crate::flow::lower::tree::{children, text_constant, unescape};

/// Which body belongs to which beginning of a heredoc: both come in the same order.
pub(super) fn heredocs(root: Node<'_>) -> BTreeMap<usize, Node<'_>> {
    let of_kind = |kind: &'static str| {
        root.descendants()
            .filter(move |node| node.kind() == kind && node.is_named())
    };
    of_kind("heredoc_beginning")
        .map(|node| node.start_byte())
        .zip(of_kind("heredoc_body"))
        .collect()
}

impl<'n> Ruby<'_, 'n> {
    /// A literal with values in it.
    pub(super) fn interpolated(&mut self, node: Node<'n>) -> ExprKind {
        let mut parts = Vec::new();
        self.parts_of_text(node, &mut parts);
        let mut whole = String::new();
        for part in &parts {
            match &part.kind {
                ExprKind::Const(Const::Text(text)) => whole.push_str(text),
                _ => return ExprKind::Concat(parts),
            }
        }
        ExprKind::Const(Const::Text(Rc::from(whole)))
    }

    fn parts_of_text(&mut self, node: Node<'n>, parts: &mut Vec<Expr>) {
        for child in children(node) {
            match child.kind() {
                "string_content" | "heredoc_content" => {
                    parts.push(text_constant(child, self.tree.text(child)));
                }
                "escape_sequence" => {
                    parts.push(text_constant(child, &unescape(self.tree.text(child))));
                }
                "interpolation" => {
                    parts.extend(children(child).into_iter().map(|inner| self.expr(inner)));
                }
                "string" => self.parts_of_text(child, parts),
                _ => {}
            }
        }
    }

    pub(super) fn heredoc(&mut self, node: Node<'n>) -> ExprKind {
        match self.heredocs.get(&node.start_byte()).copied() {
            Some(body) => self.interpolated(body),
            None => ExprKind::Const(Const::Other),
        }
    }

    /// A symbol, the key of a pair, or an element of `%w[…]`, as text.
    pub(super) fn symbol(&self, node: Node<'_>) -> ExprKind {
        let text = self.tree.text(node).trim_matches([':', '"', '\'']);
        ExprKind::Const(Const::Text(Rc::from(text)))
    }

    /// A regular expression as text. `^` and `$` stand for lines here, so only `\A` and `\z` bind it to the whole.
    pub(super) fn pattern(&mut self, node: Node<'n>) -> ExprKind {
        match self.interpolated(node) {
            ExprKind::Const(Const::Text(text)) => {
                let whole = text.strip_prefix("\\A").and_then(|rest| {
                    rest.strip_suffix("\\z")
                        .or_else(|| rest.strip_suffix("\\Z"))
                });
                let text = match whole {
                    Some(inner) => format!("^{inner}$"),
                    None => text.trim_matches(['^', '$']).to_owned(),
                };
                ExprKind::Const(Const::Text(Rc::from(text)))
            }
            other => other,
        }
    }
}
