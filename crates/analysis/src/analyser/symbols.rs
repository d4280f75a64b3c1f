//! The named pieces of a file: functions, methods, classes and the like.

use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;

use pullmill_core::job::Symbol;

use super::exposure;
use crate::language::Language;
use crate::measure::Piece;
use crate::source::Source;
use crate::source::syntax::{Node, Syntax};

/// The named pieces of one file, in order of appearance.
#[derive(Default)]
pub(super) struct Symbols {
    list: Vec<Named>,
}

struct Named {
    name: String,
    kind: &'static str,
    range: Range<usize>,
    /// Inside another function: nobody outside can name it.
    is_local: bool,
    /// Others can name it.
    is_public: bool,
    is_documented: bool,
    /// How it is called; of what is public alone.
    signature: String,
}

/// What a syntax node names.
struct Role<'t> {
    kind: &'static str,
    node: Node<'t>,
    name: Option<Node<'t>>,
}

impl Symbols {
    /// Finds the named pieces of a parsed file.
    pub(super) fn of(syntax: &Syntax<'_>, text: &str, language: Language) -> Self {
        let mut symbols = Self::default();
        symbols.collect(syntax, text, language);
        symbols
    }

    /// The innermost named piece around a byte.
    pub(super) fn around(&self, byte: usize) -> Option<&str> {
        self.list
            .iter()
            .rev()
            .find(|named| named.range.contains(&byte) && named.kind != "type")
            .map(|named| named.name.as_str())
    }

    /// What the summary names.
    pub(super) fn listed(&self, source: &Source) -> Vec<Symbol> {
        self.list
            .iter()
            .filter(|named| !named.is_local && named.kind != "impl")
            .map(|named| Symbol {
                name: named.name.clone(),
                kind: named.kind.to_owned(),
                line: source.position(named.range.start).0,
                end_line: source.position(named.range.end.saturating_sub(1)).0,
                digest: digest(
                    source.text().get(named.range.clone()).unwrap_or_default(),
                    named.name.rsplit('.').next().unwrap_or_default(),
                ),
                is_public: named.is_public,
                signature: named.signature.clone(),
            })
            .collect()
    }

    /// What can be measured.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let pieces = self.list.iter().filter(|named| named.kind != "impl");
        pieces
            .map(|named| Piece {
                name: named.name.clone(),
                range: named.range.clone(),
                is_function: named.is_function(),
                is_public: named.is_public && named.kind != "module",
                is_documented: named.is_documented,
            })
            .collect()
    }

    fn collect(&mut self, syntax: &Syntax<'_>, text: &str, language: Language) {
        // Numbers of the named pieces around the node; they end where their range ends.
        let mut open: Vec<usize> = Vec::new();
        for node in syntax.nodes().filter(Node::is_named) {
            while let Some(last) = open.last().and_then(|index| self.list.get(*index)) {
                if last.range.end > node.start_byte() {
                    break;
                }
                open.pop();
            }
            if let Some(role) = role(node, language)
                && let Some(name) = role.name.and_then(|name| text.get(name.byte_range()))
            {
                let mut named = self.named(&role, name, text, open.last().copied());
                if !named.is_local {
                    named.expose(
                        &role,
                        name,
                        text,
                        language,
                        open.last().map(|outer| &self.list[*outer]),
                    );
                }
                open.push(self.list.len());
                self.list.push(named);
            }
        }
    }

    fn named(&self, role: &Role<'_>, name: &str, text: &str, outer: Option<usize>) -> Named {
        let outer = outer.and_then(|index| self.list.get(index));
        let is_in_type =
            outer.is_some_and(|outer| !matches!(outer.kind, "function" | "method" | "module"));
        let is_in_function = outer.is_some_and(|outer| matches!(outer.kind, "function" | "method"));
        let kind = if role.kind == "function" && is_in_type {
            "method"
        } else {
            role.kind
        };
        let name = match (receiver(role.node, text), outer) {
            (Some(receiver), _) => format!("{receiver}.{name}"),
            (None, Some(outer)) => format!("{}.{name}", outer.name),
            (None, None) => name.to_owned(),
        };
        Named {
            name,
            kind,
            range: role.node.byte_range(),
            is_local: is_in_function || outer.is_some_and(|outer| outer.is_local),
            is_public: false,
            is_documented: false,
            signature: String::new(),
        }
    }
}

impl Named {
    fn expose(
        &mut self,
        role: &Role<'_>,
        name: &str,
        text: &str,
        language: Language,
        outer: Option<&Self>,
    ) {
        let is_open = outer.is_none_or(|outer| outer.is_public || outer.kind == "impl");
        self.is_public = is_open && exposure::is_public(role.node, name, text, language);
        if self.is_public {
            self.is_documented = exposure::is_documented(role.node, text, language);
            if matches!(self.kind, "function" | "method") {
                self.signature = exposure::signature(role.node, text, language);
            }
        }
    }

    fn is_function(&self) -> bool {
        matches!(self.kind, "function" | "method")
    }
}

fn role(node: Node<'_>, language: Language) -> Option<Role<'_>> {
    let kind = match language {
        Language::Python => match node.kind() {
            "function_definition" => "function",
            "class_definition" => "class",
            _ => return None,
        },
        Language::JavaScript | Language::TypeScript | Language::Tsx => return script_role(node),
        Language::Java => match node.kind() {
            "class_declaration" => "class",
            "interface_declaration" | "annotation_type_declaration" => "interface",
            "enum_declaration" => "enum",
            "record_declaration" => "record",
            "method_declaration" | "constructor_declaration" => "method",
            _ => return None,
        },
        Language::Go => match node.kind() {
            "function_declaration" => "function",
            "method_declaration" => "method",
            "type_spec" => "struct",
            _ => return None,
        },
        Language::C | Language::Cpp => return c_role(node),
        Language::CSharp => match node.kind() {
            "class_declaration" => "class",
            "interface_declaration" => "interface",
            "struct_declaration" => "struct",
            "record_declaration" => "record",
            "enum_declaration" => "enum",
            "method_declaration" | "constructor_declaration" | "local_function_statement" => {
                "method"
            }
            _ => return None,
        },
        Language::Ruby => match node.kind() {
            "method" | "singleton_method" => "function",
            "class" => "class",
            "module" => "module",
            _ => return None,
        },
        Language::Php => match node.kind() {
            "function_definition" => "function",
            "method_declaration" => "method",
            "class_declaration" => "class",
            "interface_declaration" => "interface",
            "trait_declaration" => "trait",
            "enum_declaration" => "enum",
            _ => return None,
        },
        Language::Bash => match node.kind() {
            "function_definition" => "function",
            _ => return None,
        },
        Language::Kotlin => match node.kind() {
            "function_declaration" => "function",
            "class_declaration" => "class",
            "object_declaration" => "object",
            _ => return None,
        },
        Language::Scala => match node.kind() {
            "function_definition" | "function_declaration" => "function",
            "class_definition" => "class",
            "object_definition" => "object",
            "trait_definition" => "trait",
            _ => return None,
        },
        Language::Swift => match node.kind() {
            "function_declaration" | "init_declaration" | "protocol_function_declaration" => {
                "function"
            }
            "class_declaration" => "class",
            "protocol_declaration" => "interface",
            _ => return None,
        },
        Language::Rust => match node.kind() {
            "function_item" | "function_signature_item" => "function",
            "struct_item" => "struct",
            "enum_item" => "enum",
            "union_item" => "union",
            "trait_item" => "trait",
            "mod_item" => "module",
            "macro_definition" => "macro",
            "impl_item" => {
                return Some(Role {
                    kind: "impl",
                    node,
                    name: bare_type(node.child_by_field_name("type")?),
                });
            }
            _ => return None,
        },
    };
    Some(Role {
        kind,
        node: with_decorators(node),
        name: node.child_by_field_name("name"),
    })
}

fn script_role(node: Node<'_>) -> Option<Role<'_>> {
    let kind = match node.kind() {
        "function_declaration" | "generator_function_declaration" => "function",
        "class_declaration" | "abstract_class_declaration" => "class",
        "method_definition" => "method",
        "interface_declaration" => "interface",
        "enum_declaration" => "enum",
        "type_alias_declaration" => "type",
        "internal_module" => "module",
        "variable_declarator" | "public_field_definition" | "field_definition" => {
            let value = node.child_by_field_name("value")?;
            match value.kind() {
                "arrow_function" | "function_expression" | "generator_function" => "function",
                "class" => "class",
                _ => return None,
            }
        }
        _ => return None,
    };
    let name = node
        .child_by_field_name("name")
        .or_else(|| node.child_by_field_name("property"));
    Some(Role { kind, node, name })
}

/// C hides a function's name in its declarator, behind pointers and what it takes.
fn c_role(node: Node<'_>) -> Option<Role<'_>> {
    let kind = match node.kind() {
        "function_definition" => {
            let mut name = node.child_by_field_name("declarator")?;
            while let Some(inner) = name.child_by_field_name("declarator") {
                name = inner;
            }
            return Some(Role {
                kind: "function",
                node,
                name: Some(name),
            });
        }
        "class_specifier" => "class",
        "struct_specifier" => "struct",
        "enum_specifier" => "enum",
        "namespace_definition" => "module",
        _ => return None,
    };
    // Without a body it only names what is somewhere else.
    node.child_by_field_name("body")?;
    Some(Role {
        kind,
        node,
        name: node.child_by_field_name("name"),
    })
}

/// A Python definition together with its decorators.
fn with_decorators(node: Node<'_>) -> Node<'_> {
    match node.parent() {
        Some(parent) if parent.kind() == "decorated_definition" => parent,
        _ => node,
    }
}

/// `Vec` of `Vec<T>`.
fn bare_type(node: Node<'_>) -> Option<Node<'_>> {
    node.child_by_field_name("type").or(Some(node))
}

/// The type a Go method belongs to.
fn receiver<'s>(node: Node<'_>, text: &'s str) -> Option<&'s str> {
    let list = node.child_by_field_name("receiver")?;
    let declared = list
        .children()
        .find(Node::is_named)?
        .child_by_field_name("type")?;
    let words = text.get(declared.byte_range())?.trim_start_matches('*');
    words.split('[').next()
}

/// Equal for texts that differ in white space and in their own name only. Compared within one review and never kept.
fn digest(text: &str, name: &str) -> String {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let text = text.trim_ascii();
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = 0;
    let named = text.match_indices(name).filter(|_| !name.is_empty());
    for (at, _) in named {
        let end = at + name.len();
        let is_part =
            bytes[..at].last().is_some_and(is_of_word) || bytes.get(end).is_some_and(is_of_word);
        if !is_part {
            push(&mut plain, &bytes[rest..at]);
            // No byte of a text.
            plain.push(0xff);
            rest = end;
        }
    }
    push(&mut plain, &bytes[rest..]);
    let mut hasher = DefaultHasher::new();
    hasher.write(&plain);
    format!("{:016x}", hasher.finish())
}

/// Adds a text with one space for each white space.
fn push(plain: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        if !byte.is_ascii_whitespace() {
            plain.push(*byte);
        } else if plain.last() != Some(&b' ') {
            plain.push(b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, language: Language) -> Vec<String> {
        let (source, _) = Source::parse(text.as_bytes(), language);
        let syntax = Syntax::of(source.tree().unwrap(), language);
        Symbols::of(&syntax, source.text(), language)
            .listed(&source)
            .into_iter()
            .map(|symbol| format!("{} {}", symbol.kind, symbol.name))
            .collect()
    }

    #[test]
    fn symbols_are_qualified_in_every_language() {
        assert_eq!(
            names(
                "class A:\n  @x\n  def b(self):\n    def c(): pass\ndef d(): pass\n",
                Language::Python
            ),
            ["class A", "method A.b", "function d"]
        );
        assert_eq!(
            names(
                "class A { b() {} c = () => 1 }\nexport const d = async () => { const e = () => 1 };\n",
                Language::JavaScript
            ),
            ["class A", "method A.b", "method A.c", "function d"]
        );
        assert_eq!(
            names(
                "namespace N { export function f(): void {} }\ninterface I { a: string }\n",
                Language::TypeScript
            ),
            ["module N", "function N.f", "interface I"]
        );
        assert_eq!(
            names("const V = () => <div/>;", Language::Tsx),
            ["function V"]
        );
        assert_eq!(
            names(
                "class A { A() {} int b() { return 1; } enum E { X } }",
                Language::Java
            ),
            ["class A", "method A.A", "method A.b", "enum A.E"]
        );
        assert_eq!(
            names(
                "package p\ntype S struct{}\nfunc (s *S[T]) Open() {}\nfunc main() {}\n",
                Language::Go
            ),
            ["struct S", "method S.Open", "function main"]
        );
        assert_eq!(
            names(
                "mod m { struct S; impl<T> S<T> { fn f() {} } }\nfn g() {}",
                Language::Rust
            ),
            ["module m", "struct m.S", "method m.S.f", "function g"]
        );
    }

    #[test]
    fn what_others_can_name_is_told_in_each_language() {
        let public = |text: &str, language: Language| -> Vec<String> {
            let (source, _) = Source::parse(text.as_bytes(), language);
            let syntax = Syntax::of(source.tree().unwrap(), language);
            let symbols = Symbols::of(&syntax, source.text(), language);
            let list = symbols.list.iter().filter(|named| named.is_public);
            list.map(|named| format!("{} | {}", named.name, named.signature))
                .collect()
        };
        let kotlin =
            "class A {\n  fun f(a: Int): Int { return a }\n  private fun g() = 1\n}\nobject B\n";
        assert_eq!(
            public(kotlin, Language::Kotlin),
            ["A | ", "A.f | fun f(a: Int): Int", "B | "]
        );
        let scala = "trait A {\n  def f(a: Int): Int = a\n  private def g = 1\n}\nobject B {}\n";
        assert_eq!(
            public(scala, Language::Scala),
            ["A | ", "A.f | def f(a: Int): Int", "B | "]
        );
        let swift = "public struct A {\n  public init(a: Int) {}\n  public func f() -> Int { 1 }\n  func g() {}\n}\n";
        assert_eq!(
            public(swift, Language::Swift),
            [
                "A | ",
                "A.init | public init(a: Int)",
                "A.f | public func f() -> Int"
            ]
        );
        let ruby = "class A\n  def f(a)\n    a\n  end\n  private\n  def g\n  end\n  public\n  def h\n  end\nend\n";
        assert_eq!(
            public(ruby, Language::Ruby),
            ["A | ", "A.f | def f(a)", "A.h | def h"]
        );
    }

    #[test]
    fn digest_sees_code_and_neither_white_space_nor_its_own_name() {
        let of = |text: &str| digest(text, "own");
        assert_eq!(of("a  b\n c"), of("a b c"));
        assert_eq!(of("a b c\n\n"), of("a b c"));
        assert_ne!(of("a b c"), of("a b d"));
        assert_eq!(of("def own(x): own(x)"), digest("def it(x): it(x)", "it"));
        assert_ne!(of("def own(x): own(x)"), digest("def it(x): own(x)", "it"));
        assert_ne!(of("def own(x)"), of("def owner(x)"));
        assert_ne!(of("own (x)"), of("own(x)"));
        assert_eq!(of("own\n  (x)"), digest("it (x)", "it"));
        assert_ne!(of("a b"), of("ab"));
    }
}
