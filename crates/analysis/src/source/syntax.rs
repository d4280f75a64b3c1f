//! A syntax tree laid flat in one walk, so that everything that looks at it afterwards looks at neighbouring memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use ast_grep_core::tree_sitter::LanguageExt;

use super::Tree;
use crate::language::Language;

/// A file's syntax tree: every node in order of the text, parents before their children.
pub struct Syntax<'t> {
    entries: Vec<Entry<'t>>,
    names: Rc<Names>,
    depth: usize,
}

/// One node.
struct Entry<'t> {
    node: tree_sitter::Node<'t>,
    start: u32,
    end: u32,
    /// Itself, if there is none; so is `previous`.
    parent: u32,
    previous: u32,
    /// Behind the last node under this one.
    after: u32,
    kind: u16,
    field: u16,
    is_named: bool,
    is_extra: bool,
}

/// A node of a [`Syntax`].
#[derive(Clone, Copy)]
pub struct Node<'s> {
    syntax: &'s Syntax<'s>,
    index: u32,
}

/// The names of a grammar's kinds and fields.
struct Names {
    kinds: Vec<Box<str>>,
    fields: BTreeMap<Box<str>, u16>,
}

/// The kind of what the parser could not read.
const ERROR: &str = "ERROR";

thread_local! {
    static NAMES: RefCell<BTreeMap<Language, Rc<Names>>> = const { RefCell::new(BTreeMap::new()) };
}

impl<'t> Syntax<'t> {
    /// Lays a tree flat.
    #[must_use]
    pub fn of(tree: &'t Tree, language: Language) -> Self {
        let root = tree.root().get_inner_node();
        let mut syntax = Self {
            // Honest code has a node for every three to four bytes.
            entries: Vec::with_capacity(tree.source().len() / 3 + 1),
            names: Names::of(language),
            depth: 0,
        };
        syntax.fill(root);
        syntax
    }

    fn fill(&mut self, root: tree_sitter::Node<'t>) {
        let mut cursor = root.walk();
        let mut open: Vec<u32> = Vec::new();
        let mut previous = None;
        loop {
            let index = self.next();
            self.entries.push(Entry {
                field: cursor.field_id().map_or(0, std::num::NonZero::get),
                parent: open.last().copied().unwrap_or(index),
                previous: previous.unwrap_or(index),
                ..Entry::new(cursor.node())
            });
            if cursor.goto_first_child() {
                open.push(index);
                previous = None;
                self.depth = self.depth.max(open.len());
                continue;
            }
            let mut last = index;
            while !cursor.goto_next_sibling() {
                cursor.goto_parent();
                let Some(closed) = open.pop() else {
                    return;
                };
                let after = self.next();
                if let Some(entry) = self.entries.get_mut(closed as usize) {
                    entry.after = after;
                }
                last = closed;
            }
            previous = Some(last);
        }
    }

    fn next(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The node that holds all others.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        self.at(0)
    }

    /// Every node, in order of the text.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.next()).map(|index| self.at(index))
    }

    /// How deeply it nests.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    fn at(&self, index: u32) -> Node<'_> {
        Node {
            syntax: self,
            index,
        }
    }
}

impl<'t> Entry<'t> {
    fn new(node: tree_sitter::Node<'t>) -> Self {
        let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: byte(node.start_byte()),
            end: byte(node.end_byte()),
            parent: 0,
            previous: 0,
            after: 0,
            kind: node.kind_id(),
            field: 0,
            is_named: node.is_named(),
            is_extra: node.is_extra(),
            node,
        }
    }
}

impl<'s> Node<'s> {
    fn entry(&self) -> &'s Entry<'s> {
        &self.syntax.entries[self.index as usize]
    }

    /// The same node as the parser's library has it.
    #[must_use]
    pub fn inner(&self) -> tree_sitter::Node<'s> {
        self.entry().node
    }

    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'s str {
        let kinds = &self.syntax.names.kinds;
        kinds
            .get(usize::from(self.kind_id()))
            .map_or(ERROR, AsRef::as_ref)
    }

    /// The number of its kind.
    #[must_use]
    pub fn kind_id(&self) -> u16 {
        self.entry().kind
    }

    /// Whether the grammar has a name for it.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.entry().is_named
    }

    /// Whether it may stand anywhere, as comments may.
    #[must_use]
    pub fn is_extra(&self) -> bool {
        self.entry().is_extra
    }

    /// Whether it has no children.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.after() == self.index + 1
    }

    /// Its first byte.
    #[must_use]
    pub fn start_byte(&self) -> usize {
        self.entry().start as usize
    }

    /// Behind its last byte.
    #[must_use]
    pub fn end_byte(&self) -> usize {
        self.entry().end as usize
    }

    /// Its bytes.
    #[must_use]
    pub fn byte_range(&self) -> Range<usize> {
        self.start_byte()..self.end_byte()
    }

    /// The node around it.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parent = self.entry().parent;
        (parent != self.index).then(|| self.syntax.at(parent))
    }

    /// The sibling in front of it.
    #[must_use]
    pub fn previous(&self) -> Option<Self> {
        let previous = self.entry().previous;
        (previous != self.index).then(|| self.syntax.at(previous))
    }

    /// The sibling behind it.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let next = self.after();
        (next < self.parent()?.after()).then(|| self.syntax.at(next))
    }

    /// Its children.
    pub fn children(&self) -> impl Iterator<Item = Self> + use<'s> {
        let syntax = self.syntax;
        let mut next = self.index + 1;
        let after = self.after();
        std::iter::from_fn(move || {
            let child = (next < after).then(|| syntax.at(next))?;
            next = child.after();
            Some(child)
        })
    }

    /// Everything under it, in order of the text.
    pub fn descendants(&self) -> impl Iterator<Item = Self> + use<'s> {
        let syntax = self.syntax;
        (self.index + 1..self.after()).map(move |index| syntax.at(index))
    }

    /// The n-th child, from 0.
    #[must_use]
    pub fn child(&self, n: usize) -> Option<Self> {
        self.children().nth(n)
    }

    /// How many children it has.
    #[must_use]
    pub fn child_count(&self) -> usize {
        self.children().count()
    }

    /// The first child in a field.
    #[must_use]
    pub fn child_by_field_id(&self, field: u16) -> Option<Self> {
        self.children().find(|child| child.entry().field == field)
    }

    /// The first child in a field.
    #[must_use]
    pub fn child_by_field_name(&self, name: &str) -> Option<Self> {
        self.child_by_field_id(self.field(name)?)
    }

    /// The children in a field.
    pub fn children_by_field_name(&self, name: &str) -> impl Iterator<Item = Self> + use<'s> {
        let field = self.field(name);
        self.children()
            .filter(move |child| Some(child.entry().field) == field)
    }

    fn field(&self, name: &str) -> Option<u16> {
        self.syntax.names.fields.get(name).copied()
    }

    fn after(&self) -> u32 {
        self.entry().after.max(self.index + 1)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Names {
    fn of(language: Language) -> Rc<Self> {
        NAMES.with_borrow_mut(|known| {
            let names = known.entry(language).or_insert_with(|| {
                let grammar = language.grammar().get_ts_language();
                let kinds = (0..grammar.node_kind_count()).map(|kind| {
                    let kind = u16::try_from(kind).unwrap_or(u16::MAX);
                    Box::from(grammar.node_kind_for_id(kind).unwrap_or(ERROR))
                });
                let fields = (1..=grammar.field_count()).filter_map(|field| {
                    let field = u16::try_from(field).ok()?;
                    Some((Box::from(grammar.field_name_for_id(field)?), field))
                });
                Rc::new(Self {
                    kinds: kinds.collect(),
                    fields: fields.collect(),
                })
            });
            Rc::clone(names)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn agrees(flat: Node<'_>, deep: tree_sitter::Node<'_>) {
        assert_eq!(flat.kind(), deep.kind());
        assert_eq!(flat.byte_range(), deep.byte_range());
        assert_eq!(flat.parent().map(|node| node.inner()), deep.parent());
        assert_eq!(
            flat.previous().map(|node| node.inner()),
            deep.prev_sibling()
        );
        assert_eq!(flat.next().map(|node| node.inner()), deep.next_sibling());
        assert_eq!(flat.child_count(), deep.child_count() as usize);
        for name in ["name", "body", "left", "value", "function", "alternative"] {
            let one = flat.child_by_field_name(name).map(|node| node.inner());
            assert_eq!(one, deep.child_by_field_name(name), "{name} of {deep:?}");
        }
        let mut cursor = deep.walk();
        for (flat, deep) in flat.children().zip(deep.children(&mut cursor)) {
            agrees(flat, deep);
        }
    }

    #[test]
    fn the_flat_tree_says_what_the_deep_one_says() {
        let texts = [
            (
                Language::Python,
                "@a\ndef f(x, y=1):\n    if x: pass\n    elif y: z = [*x]\n    else: x.y\n# c\nclass (:",
            ),
            (
                Language::Go,
                "package a\nfunc (s *T) F(a, b int) (x error) { a, b := 1, 2; for { } }",
            ),
            (
                Language::TypeScript,
                "export const a = async (b?: string) => { try { await c } finally { d() } };",
            ),
            (
                Language::Java,
                "class A { int b, c[]; A() { super(); if (x) y(); else z(); } }",
            ),
        ];
        for (language, text) in texts {
            let (source, _) = Source::parse(text.as_bytes(), language);
            let tree = source.tree().unwrap();
            let syntax = Syntax::of(tree, language);
            agrees(syntax.root(), tree.root().get_inner_node());
            assert_eq!(
                syntax.nodes().count(),
                syntax.root().descendants().count() + 1
            );
        }
    }
}
