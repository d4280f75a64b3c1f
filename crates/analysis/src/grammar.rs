//! The grammars: those that `ast-grep` brings, and Kotlin's.

use std::borrow::Cow;

use ast_grep_core::language::Language;
use ast_grep_core::matcher::{Pattern, PatternBuilder, PatternError};
use ast_grep_core::tree_sitter::{LanguageExt, StrDoc, TSLanguage};
use ast_grep_language::SupportLang;

/// A grammar, and how patterns are written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// One that `ast-grep` brings.
    Brought(SupportLang),
    /// Kotlin: the grammar that `ast-grep` would bring ends the process on a few bytes.
    Kotlin,
}

/// What stands for the `$` of a pattern's variables, where `$` is no letter of a name.
const LETTER: char = 'µ';

impl Language for Grammar {
    fn pre_process_pattern<'q>(&self, query: &'q str) -> Cow<'q, str> {
        match self {
            Self::Brought(known) => known.pre_process_pattern(query),
            Self::Kotlin => Cow::Owned(with_letters(query)),
        }
    }

    fn meta_var_char(&self) -> char {
        match self {
            Self::Brought(known) => known.meta_var_char(),
            Self::Kotlin => '$',
        }
    }

    fn expando_char(&self) -> char {
        match self {
            Self::Brought(known) => known.expando_char(),
            Self::Kotlin => LETTER,
        }
    }

    fn kind_to_id(&self, kind: &str) -> u16 {
        self.get_ts_language().id_for_node_kind(kind, true)
    }

    fn field_to_id(&self, field: &str) -> Option<u16> {
        let id = self.get_ts_language().field_id_for_name(field);
        id.map(std::num::NonZero::get)
    }

    fn build_pattern(&self, builder: &PatternBuilder) -> Result<Pattern, PatternError> {
        builder.build(|text| StrDoc::try_new(text, *self))
    }
}

impl LanguageExt for Grammar {
    fn get_ts_language(&self) -> TSLanguage {
        match self {
            Self::Brought(known) => known.get_ts_language(),
            Self::Kotlin => tree_sitter_kotlin_ng::LANGUAGE.into(),
        }
    }
}

/// A pattern whose variables (`$NAME`, `$$$NAMES`) are names of the language.
fn with_letters(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let signs = rest[at..].chars().take_while(|sign| *sign == '$').count();
        let after = &rest[at + signs..];
        let is_variable = signs == 3
            || after.starts_with(|first: char| first.is_ascii_uppercase() || first == '_');
        let sign = if is_variable { LETTER } else { '$' };
        out.extend(std::iter::repeat_n(sign, signs));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::with_letters;

    #[test]
    fn variables_of_patterns_become_names() {
        assert_eq!(with_letters("f($A, $$$B) + $_"), "f(µA, µµµB) + µ_");
        assert_eq!(with_letters("\"$name ${x}\""), "\"$name ${x}\"");
    }
}
