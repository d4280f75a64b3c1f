//! A parsed file: its text, its syntax tree and its lines.

mod lines;
mod markup;
mod nesting;
mod parse;
pub mod syntax;

use ast_grep_core::AstGrep;
use ast_grep_core::tree_sitter::StrDoc;

pub use lines::Lines;
pub use parse::ParseFault;

use crate::grammar::Grammar;
use crate::language::Language;

/// The syntax tree of a file together with its text.
pub type Tree = AstGrep<StrDoc<Grammar>>;

/// One side of a file, decoded and, if it is code, parsed.
///
/// Bytes that are not UTF-8 are replaced while decoding; every byte range means this decoded text.
pub struct Source {
    content: Content,
    language: Option<Language>,
    lines: Lines,
}

/// The text, which the tree owns if there is one.
enum Content {
    Plain(String),
    Parsed(Box<Tree>),
}

impl Source {
    /// A file without a grammar.
    #[must_use]
    pub fn plain(bytes: &[u8]) -> Self {
        Self::of(Content::Plain(decode(bytes)), None)
    }

    /// A file of code; the fault says why it has no tree.
    #[must_use]
    pub fn parse(bytes: &[u8], language: Language) -> (Self, Option<ParseFault>) {
        match parse::tree(decode(bytes), language) {
            Ok(tree) => (
                Self::of(Content::Parsed(Box::new(tree)), Some(language)),
                None,
            ),
            Err((text, fault)) => (Self::of(Content::Plain(text), Some(language)), Some(fault)),
        }
    }

    fn of(content: Content, language: Option<Language>) -> Self {
        let lines = Lines::of(content.text());
        Self {
            content,
            language,
            lines,
        }
    }

    /// The decoded text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.content.text()
    }

    /// The language, if the file is code.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        self.language
    }

    /// The syntax tree, if the file is code and could be parsed.
    #[must_use]
    pub fn tree(&self) -> Option<&Tree> {
        match &self.content {
            Content::Plain(_) => None,
            Content::Parsed(tree) => Some(tree),
        }
    }

    /// Where lines start.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// 1-based line and column, in characters, of a byte.
    #[must_use]
    pub fn position(&self, byte: usize) -> (u32, u32) {
        self.lines.position(self.text(), byte)
    }
}

impl Content {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Parsed(tree) => tree.source(),
        }
    }
}

fn decode(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
