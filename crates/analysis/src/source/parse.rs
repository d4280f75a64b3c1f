//! Parses a text with a bound on the parser's steps, the same on every machine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ast_grep_core::AstGrep;
use ast_grep_core::tree_sitter::{LanguageExt, StrDoc};
use tree_sitter::{ParseOptions, ParseState, Parser};

use super::{Tree, markup, nesting};
use crate::language::Language;

/// How many bytes of text earn the parser one more report of progress; honest code has a report every 50 to 100 bytes.
const BYTES_PER_REPORT: usize = 4;
/// Reports that even the smallest text may have.
const REPORTS_AT_LEAST: usize = 20_000;

/// Why a text has no syntax tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFault {
    /// Brackets nest too deeply.
    #[error("brackets nest deeper than {}", nesting::DEEPEST)]
    TooDeep,
    /// The parser needed too many steps.
    #[error("the parser was stopped: it took too many steps for this text")]
    Stopped,
    /// The grammar cannot be used at all.
    #[error("the grammar could not be loaded")]
    NoGrammar,
}

thread_local! {
    /// Making a parser anew costs more than parsing a small file.
    static PARSERS: RefCell<BTreeMap<Language, Parser>> = const { RefCell::new(BTreeMap::new()) };
}

/// Parses `text`, unless that could take too long; then the text comes back.
pub(super) fn tree(text: String, language: Language) -> Result<Tree, (String, ParseFault)> {
    match bounded(&text, language) {
        Ok(tree) => Ok(AstGrep::doc(StrDoc {
            src: text,
            lang: language.grammar(),
            tree,
        })),
        Err(fault) => Err((text, fault)),
    }
}

fn bounded(text: &str, language: Language) -> Result<tree_sitter::Tree, ParseFault> {
    if nesting::is_too_deep(text) {
        return Err(ParseFault::TooDeep);
    }
    PARSERS.with_borrow_mut(|parsers| {
        let mut parser = match parsers.remove(&language) {
            Some(parser) => parser,
            None => parser_for(language)?,
        };
        parser.reset();
        let tree = match language {
            Language::Php => parse(&mut parser, markup::code_only(text).as_bytes()),
            _ => parse(&mut parser, text.as_bytes()),
        };
        parsers.insert(language, parser);
        tree.ok_or(ParseFault::Stopped)
    })
}

fn parser_for(language: Language) -> Result<Parser, ParseFault> {
    let mut parser = Parser::new();
    parser
        .set_language(&language.grammar().get_ts_language())
        .map_err(|_| ParseFault::NoGrammar)?;
    Ok(parser)
}

fn parse(parser: &mut Parser, text: &[u8]) -> Option<tree_sitter::Tree> {
    let mut reports_left = REPORTS_AT_LEAST.max(text.len() / BYTES_PER_REPORT);
    let mut progress = |_: &ParseState| match reports_left.checked_sub(1) {
        Some(left) => {
            reports_left = left;
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(()),
    };
    parser.parse_with_options(
        &mut |offset, _| text.get(offset..).unwrap_or_default(),
        None,
        Some(ParseOptions::new().progress_callback(&mut progress)),
    )
}
