//! Whether others can name a piece of code, whether it says what it is for, and how it is called.

use crate::language::Language;
use crate::source::syntax::Node;

/// Longest signature, in characters.
const LONGEST: usize = 160;

/// Whether a definition itself lets others name it; what is around it may still hide it.
pub(super) fn is_public(node: Node<'_>, name: &str, text: &str, language: Language) -> bool {
    match language {
        Language::Python => !name.starts_with('_'),
        Language::JavaScript | Language::TypeScript | Language::Tsx => match node.kind() {
            // The class decides for its members.
            "method_definition" | "public_field_definition" | "field_definition" => {
                let hides = |child: &Node<'_>| {
                    child.kind() == "accessibility_modifier"
                        && text.get(child.byte_range()) != Some("public")
                };
                !name.starts_with('#') && !node.children().any(|child| hides(&child))
            }
            _ => exported(node).is_some(),
        },
        Language::Java => {
            let is_in_interface = node
                .parent()
                .is_some_and(|parent| parent.kind() == "interface_body");
            let mut modifiers = node.children().filter(|child| child.kind() == "modifiers");
            let says_so = |list: Node<'_>| list.children().any(|child| child.kind() == "public");
            is_in_interface || modifiers.next().is_some_and(says_so)
        }
        Language::Go => name.starts_with(char::is_uppercase),
        Language::C | Language::Cpp => {
            let mut words = node.children();
            !words.any(|word| text.get(word.byte_range()) == Some("static"))
        }
        Language::CSharp => {
            let mut words = node.children().filter(|child| child.kind() == "modifier");
            words.any(|word| text.get(word.byte_range()) == Some("public"))
        }
        Language::Php => {
            let mut words = node.children();
            !words.any(|word| {
                word.kind() == "visibility_modifier"
                    && text.get(word.byte_range()) != Some("public")
            })
        }
        Language::Ruby => !name.starts_with('_') && !is_hidden(node, text),
        Language::Kotlin | Language::Scala => !modifiers(node).any(|word| {
            matches!(word.kind(), "visibility_modifier" | "access_modifier")
                && text.get(word.byte_range()) != Some("public")
        }),
        Language::Swift => modifiers(node).any(|word| {
            word.kind() == "visibility_modifier"
                && matches!(text.get(word.byte_range()), Some("public" | "open"))
        }),
        Language::Bash => false,
        Language::Rust => {
            let is_in_trait = node
                .parent()
                .and_then(|list| list.parent())
                .is_some_and(|around| around.kind() == "trait_item");
            let mut marks = node
                .children()
                .filter(|child| child.kind() == "visibility_modifier");
            is_in_trait || marks.any(|mark| text.get(mark.byte_range()) == Some("pub"))
        }
    }
}

/// Whether a word before a method of Ruby hides it, and all behind it.
fn is_hidden(node: Node<'_>, text: &str) -> bool {
    let mut before = std::iter::successors(node.previous(), Node::previous);
    let word = before.find_map(|one| {
        let word = text.get(one.byte_range()).unwrap_or_default();
        matches!(word, "private" | "protected" | "public").then_some(word)
    });
    word.is_some_and(|word| word != "public")
}

/// The words in a definition's list of modifiers.
fn modifiers<'n>(node: Node<'n>) -> impl Iterator<Item = Node<'n>> {
    let lists = node.children().filter(|child| child.kind() == "modifiers");
    lists.flat_map(|list| list.children())
}

/// Whether documentation stands where the language has it.
pub(super) fn is_documented(node: Node<'_>, text: &str, language: Language) -> bool {
    let says = |node: Node<'_>, starts: &[&str]| {
        let text = text.get(node.byte_range()).unwrap_or_default();
        starts.iter().any(|start| text.starts_with(start))
    };
    match language {
        Language::Python if speaks_for_another(node, text) => true,
        Language::Python => {
            let body =
                definition(node).and_then(|definition| definition.child_by_field_name("body"));
            let first = body.and_then(|body| body.children().find(Node::is_named));
            first
                .filter(|first| first.kind() == "expression_statement")
                .and_then(|first| first.child(0))
                .is_some_and(|first| matches!(first.kind(), "string" | "concatenated_string"))
        }
        Language::JavaScript | Language::TypeScript | Language::Tsx => exported(node)
            .unwrap_or(node)
            .previous()
            .is_some_and(|before| says(before, &["/**"])),
        Language::C
        | Language::Cpp
        | Language::CSharp
        | Language::Ruby
        | Language::Php
        | Language::Bash
        | Language::Kotlin
        | Language::Scala
        | Language::Swift => {
            let before = node.previous();
            before.is_some_and(|before| before.is_extra() && before.kind().ends_with("comment"))
        }
        Language::Java => node.previous().is_some_and(|before| says(before, &["/**"])),
        Language::Go => {
            let whole = node
                .parent()
                .filter(|parent| parent.kind() == "type_declaration");
            let before = whole.unwrap_or(node).previous();
            before.is_some_and(|before| before.kind() == "comment")
        }
        Language::Rust => std::iter::successors(node.previous(), Node::previous)
            .take_while(|one| one.kind() == "attribute_item" || one.is_extra())
            .any(|one| says(one, &["///", "/**", "#[doc"])),
    }
}

/// Whether a decorator says that this is another form of something: an overload, or what sets a property.
fn speaks_for_another(node: Node<'_>, text: &str) -> bool {
    let mut decorators = node.children().filter(|child| child.kind() == "decorator");
    decorators.any(|decorator| {
        let word = text.get(decorator.byte_range()).unwrap_or_default();
        let last = word.rsplit(['.', '@']).next().unwrap_or_default();
        matches!(last.trim(), "overload" | "override" | "setter" | "deleter")
    })
}

/// A definition up to its body, on one line.
pub(super) fn signature(node: Node<'_>, text: &str, language: Language) -> String {
    let inner = definition(node).unwrap_or(node);
    let inner = inner.child_by_field_name("value").unwrap_or(inner);
    let end = inner
        .child_by_field_name("body")
        // Kotlin's grammar gives the body no name.
        .or_else(|| inner.children().find(|part| part.kind() == "function_body"))
        .map_or(node.end_byte(), |body| body.start_byte());
    let head = text.get(node.start_byte()..end).unwrap_or_default();
    // Ruby's methods have no part that is their body; what they take stands on their first line.
    let is_ruby = matches!(node.kind(), "method" | "singleton_method");
    let head = if is_ruby {
        head.lines().next().unwrap_or_default()
    } else {
        head
    };
    // Decorators belong to the definition, and comments to nobody.
    let words: Vec<&str> = head.split_ascii_whitespace().collect();
    let head = words.join(" ");
    let head = without_texts(&head, language);
    let head = head.trim_end_matches(['{', ':', '=', '>', ' ']);
    match head.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &head[..end]),
        None => head.to_owned(),
    }
}

/// A signature with its texts left out: a default may be a secret.
fn without_texts(head: &str, language: Language) -> String {
    let mut out = String::with_capacity(head.len());
    let mut open: Option<char> = None;
    for next in head.chars() {
        match open {
            Some(quote) if next == quote => {
                open = None;
                out.push(next);
            }
            Some(_) => {}
            None => {
                // In Rust a single quote begins a lifetime.
                let is_quote =
                    matches!(next, '"' | '`') || (next == '\'' && language != Language::Rust);
                if is_quote {
                    open = Some(next);
                    out.push(next);
                    out.push('…');
                    continue;
                }
                out.push(next);
            }
        }
    }
    out
}

/// A Python definition without its decorators.
fn definition(node: Node<'_>) -> Option<Node<'_>> {
    match node.kind() {
        "decorated_definition" => node.child_by_field_name("definition"),
        _ => Some(node),
    }
}

/// The statement that exports a definition.
fn exported(node: Node<'_>) -> Option<Node<'_>> {
    let around = std::iter::successors(node.parent(), Node::parent).take(2);
    around
        .take_while(|one| {
            matches!(
                one.kind(),
                "export_statement" | "lexical_declaration" | "variable_declaration"
            )
        })
        .find(|one| one.kind() == "export_statement")
}
