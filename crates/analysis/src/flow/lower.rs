//! Lowering: a syntax tree becomes the small language that data flow is computed on.

mod csharp;
mod go;
mod java;
mod javascript;
mod php;
mod python;
mod ruby;
#[cfg(test)]
mod tests;
mod tree;

use super::ir::Unit;
use crate::language::Language;
use crate::source::syntax::Node;

/// Lowers a file; `None` if data flow is not computed for its language.
#[must_use]
pub fn unit(language: Language, text: &str, root: Node<'_>) -> Option<Unit> {
    match language {
        Language::Java => Some(java::lower(text, root)),
        Language::Python => Some(python::lower(text, root)),
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            Some(javascript::lower(text, root))
        }
        Language::Go => Some(go::lower(text, root)),
        Language::Php => Some(php::lower(text, root)),
        Language::Ruby => Some(ruby::lower(text, root)),
        Language::CSharp => Some(csharp::lower(text, root)),
        Language::Rust
        | Language::C
        | Language::Cpp
        | Language::Bash
        | Language::Kotlin
        | Language::Scala
        | Language::Swift => None,
    }
}
