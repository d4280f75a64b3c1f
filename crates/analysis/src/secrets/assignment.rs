//! Names that promise a secret, and the literals they are given in code and settings.

use std::ops::Range;

use super::judge::{self, Promise};
use super::place::{Kind, Place};
use super::{Found, report};

/// What such names contain.
pub(super) const TRIGGERS: [&str; 21] = [
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "privatekey",
    "private_key",
    "encryptionkey",
    "encryption_key",
    "signingkey",
    "signing_key",
    "authkey",
    "auth_key",
    "accountkey",
    "account_key",
];

/// Words that turn the meaning of a name, wherever they stand in it.
const INNOCENT: [&str; 44] = [
    "public",
    "csrf",
    "xsrf",
    "page",
    "next",
    "continuation",
    "cursor",
    "forgot",
    "reset",
    "invalid",
    "missing",
    "wrong",
    "show",
    "hide",
    "toggle",
    "label",
    "placeholder",
    "hint",
    "error",
    "message",
    "msg",
    "title",
    "regex",
    "pattern",
    "cancel",
    "cancellation",
    "expired",
    "confirm",
    "change",
    "update",
    "validate",
    "check",
    "field",
    "input",
    "type",
    "syntax",
    "lexer",
    "hash",
    "hashed",
    "encrypted",
    "is",
    "has",
    "existing",
    "image",
];

/// Longest name and longest value that are read.
const MAX_NAME: usize = 80;
const MAX_VALUE: usize = 512;

/// Reads the name around a trigger and what it is given. Also says where the name ends.
pub(super) fn find(text: &str, at: Range<usize>, place: Place) -> (usize, Option<Found>) {
    let name = name_around(text.as_bytes(), at);
    let end = name.end;
    (end, secret(text, name, place))
}

/// A line of an interactive session in a documentation comment.
fn is_session_line(text: &str, at: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    let line = line
        .trim_start()
        .trim_start_matches(['/', '*', '#', '!'])
        .trim_start();
    line.starts_with(">>>") || line.starts_with("... ")
}

fn name_around(bytes: &[u8], at: Range<usize>) -> Range<usize> {
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$');
    let before = bytes[..at.start]
        .iter()
        .rev()
        .take(MAX_NAME)
        .take_while(|byte| is_part(byte))
        .count();
    let after = bytes[at.end..]
        .iter()
        .take(MAX_NAME)
        .take_while(|byte| is_part(byte))
        .count();
    at.start - before..at.end + after
}

fn secret(text: &str, name: Range<usize>, place: Place) -> Option<Found> {
    if place.is_test || place.kind == Kind::Prose {
        return None;
    }
    let written = &text[name.clone()];
    let words = words(written.rsplit('.').next().unwrap_or(written));
    let promise = promise(&words)?;
    let given = given(text, name.clone(), place)?;
    let value = text.get(given.value.clone())?;
    if is_session_line(text, name.start) {
        return None;
    }
    let is_known = given.is_sure || promise != Promise::Password || value.len() >= 6;
    let repeats = words.concat() == value.to_ascii_lowercase().replace(['_', '-', ' '], "");
    let is_code = place.kind == Kind::Code && given.is_quoted;
    if repeats || !is_known || !judge::is_secret(value, promise, is_code) {
        return None;
    }
    if given.is_weak && (judge::entropy(value) < 2.5 || value.len() < 8) {
        return None;
    }
    Some(Found {
        rule: report::named(promise, &words, value),
        shown: name.start..given.value.end,
        secret: given.value,
        name: written.trim_matches(|edge| "-.$".contains(edge)).to_owned(),
        is_generic: true,
        is_minor: false,
    })
}

/// Splits `dbPassword`, `DB_PASSWORD` and `db-password` into lower-case words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last_was_lower = false;
    let mut fresh = true;
    for character in name.chars() {
        if !character.is_ascii_alphabetic() {
            fresh = true;
            last_was_lower = false;
            continue;
        }
        let begins = fresh || last_was_lower && character.is_ascii_uppercase();
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(character.to_ascii_lowercase());
        }
        last_was_lower = character.is_ascii_lowercase();
        fresh = false;
    }
    words
}

/// What a name promises, if its last words say that it holds a secret.
fn promise(words: &[String]) -> Option<Promise> {
    if words.iter().any(|word| INNOCENT.contains(&word.as_str())) {
        return None;
    }
    let mut end = words;
    while let [rest @ .., last] = end
        && matches!(
            last.as_str(),
            "value" | "default" | "prod" | "production" | "dev" | "staging" | "string"
        )
        && !rest.is_empty()
    {
        end = rest;
    }
    let last = end.last()?.as_str();
    let before = end.len().checked_sub(2).map_or("", |at| end[at].as_str());
    match (before, last) {
        (_, "password" | "passwd" | "pwd" | "passphrase" | "passwort") => Some(Promise::Password),
        ("secret" | "signing" | "encryption" | "jwt" | "session" | "cookie" | "crypto", "key")
        | ("jwt" | "session" | "signing" | "cookie" | "app" | "hmac", "secret")
        | (_, "secretkey" | "signingkey" | "encryptionkey" | "jwtsecret") => {
            Some(Promise::SigningKey)
        }
        (_, "secret") => Some(Promise::Secret),
        (_, "token" | "apikey" | "accesskey" | "authkey" | "privatekey" | "accountkey")
        | ("api" | "access" | "auth" | "private" | "account" | "license", "key") => {
            Some(Promise::Token)
        }
        _ if last.ends_with("password") && !last.starts_with("no") => Some(Promise::Password),
        _ => None,
    }
}

/// A literal that a name is given.
struct Given {
    value: Range<usize>,
    is_quoted: bool,
    /// Only a strong value counts: a comparison, or an argument after the name.
    is_weak: bool,
    /// The operator is certainly an assignment.
    is_sure: bool,
}

fn given(text: &str, name: Range<usize>, place: Place) -> Option<Given> {
    let bytes = text.as_bytes();
    if let Some(value) = in_connection_string(text, &name) {
        return Some(Given {
            value,
            is_quoted: true,
            is_weak: false,
            is_sure: true,
        });
    }
    if place.kind == Kind::Xml
        && let Some(value) = xml_value(text, name.end)
    {
        return Some(Given {
            value,
            is_quoted: false,
            is_weak: false,
            is_sure: true,
        });
    }
    let mut at = name.end;
    let closes_quote = matches!(bytes.get(at), Some(b'"' | b'\'' | b'`'));
    // `"Acme::ApiKey": …` names something else: the whole quoted text is the name.
    if closes_quote && name.start.checked_sub(1).map(|before| bytes[before]) != Some(bytes[at]) {
        return None;
    }
    at += usize::from(closes_quote);
    at += usize::from(bytes.get(at) == Some(&b']'));
    let is_called = !closes_quote && bytes.get(at) == Some(&b'(');
    if is_called {
        return call_argument(text, &name, at);
    }
    at = blanks(bytes, at);
    let (after, is_weak) = operator(text, at, closes_quote, place.kind)?;
    let separator = bytes[at];
    let start = blanks(bytes, after);
    if let Some(value) = quoted(text, start) {
        return Some(Given {
            value,
            is_quoted: true,
            is_weak,
            is_sure: separator != b',',
        });
    }
    let is_open = match place.kind {
        Kind::Properties => separator == b'=' && after == at + 1,
        Kind::Yaml => separator == b':' || separator == b'=' && is_listed(text, name.start),
        _ => false,
    };
    if !is_open {
        return None;
    }
    bare(text, start, place.kind).map(|value| Given {
        value,
        is_quoted: false,
        is_weak: false,
        is_sure: true,
    })
}

/// `- NAME=value`, as Compose files have it.
fn is_listed(text: &str, at: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    line.trim_start().starts_with('-')
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    at + bytes[at.min(bytes.len())..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// Passes `=`, `:=`, `=>`, `:`, `==`, `,` or a type and `=`; says where the value may begin, and whether that is weak evidence.
fn operator(text: &str, at: usize, closes_quote: bool, kind: Kind) -> Option<(usize, bool)> {
    let rest = text.get(at..)?;
    for (written, is_weak) in [
        ("===", true),
        ("==", true),
        ("!=", true),
        (":=", false),
        ("=>", false),
        ("?=", false),
        ("=", false),
    ] {
        if rest.starts_with(written) {
            return (written != "!=").then_some((at + written.len(), is_weak));
        }
    }
    if rest.starts_with(',') {
        return closes_quote.then_some((at + 1, true));
    }
    let annotation = rest.strip_prefix(':')?;
    let line = annotation.split('\n').next().unwrap_or_default();
    let is_typed = kind == Kind::Code && !closes_quote;
    match line.find('=').filter(|_| is_typed) {
        Some(equals) if is_type(&line[..equals]) => Some((at + 1 + equals + 1, false)),
        _ => Some((at + 1, false)),
    }
}

fn is_type(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "<>[]&'|.?_ ".contains(character))
        && !text.starts_with('\'')
}

/// `setPassword("…")` and `.password("…")`, with one argument.
fn call_argument(text: &str, name: &Range<usize>, open: usize) -> Option<Given> {
    let method = text[name.clone()].rsplit('.').next()?;
    let first = words(method).first().cloned().unwrap_or_default();
    let is_setter = matches!(
        first.as_str(),
        "set" | "with" | "password" | "passwd" | "secret"
    );
    let is_method = text[name.clone()].contains('.');
    let value = quoted(text, open + 1).filter(|_| is_setter && is_method)?;
    let is_only = text.as_bytes().get(value.end + 1) == Some(&b')');
    is_only.then_some(Given {
        value,
        is_quoted: true,
        is_weak: false,
        is_sure: true,
    })
}

/// The inside of a quoted literal that begins here and is nothing but a literal.
fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let prefix = bytes
        .get(at..)?
        .iter()
        .take(2)
        .take_while(|byte| b"rRbBuUL@".contains(byte))
        .count();
    let open = at + prefix;
    let quote = *bytes
        .get(open)
        .filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let inside = &bytes[open + 1..bytes.len().min(open + 1 + MAX_VALUE)];
    let length = inside
        .iter()
        .position(|byte| *byte == quote || *byte == b'\n')?;
    if inside[length] != quote || length == 0 {
        return None;
    }
    let value = open + 1..open + 1 + length;
    let after = text.get(value.end + 1..)?.trim_start_matches([' ', '\t']);
    let goes_on = ["+", "%", ".format", ".replace", "..", "."]
        .iter()
        .any(|more| after.starts_with(more))
        || after.starts_with(['"', '\'']);
    (!goes_on && text.get(value.clone()).is_some()).then_some(value)
}

/// The rest of a line as an unquoted value.
fn bare(text: &str, at: usize, kind: Kind) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let end = rest
        .find(|character: char| {
            character == '\n'
                || character == '\r'
                || (kind == Kind::Properties && character.is_whitespace())
        })
        .unwrap_or(rest.len())
        .min(MAX_VALUE);
    let line = rest.get(..end)?;
    let value = line
        .split(" #")
        .next()
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches([';', ',']);
    let is_plain =
        !value.is_empty() && !value.contains(['"', '\'', '`', '{', '}', '[', ']', '(', ')']);
    (is_plain && !value.starts_with(['*', '&', '|', '>', '!'])).then(|| at..at + value.len())
}

/// `<password>value</password>`, `name="password" value="…"`.
fn xml_value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    if let Some(inner) = rest.strip_prefix('>') {
        let length = inner.find('<').filter(|length| *length <= MAX_VALUE)?;
        let value = inner[..length].trim();
        let lead = inner.len() - inner.trim_start().len();
        return inner[length..]
            .starts_with("</")
            .then(|| at + 1 + lead..at + 1 + lead + value.len());
    }
    let inner = rest.strip_prefix('"')?.trim_start();
    let value = inner.strip_prefix("value=\"")?;
    let start = text.len() - value.len();
    let length = value.find('"').filter(|length| *length <= MAX_VALUE)?;
    Some(start..start + length)
}

/// The value of `Password=…;` or `&password=…` within a connection string.
fn in_connection_string(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = *bytes.get(name.start.checked_sub(1)?)?;
    let is_field =
        matches!(before, b';' | b'&' | b'?' | b' ') && bytes.get(name.end) == Some(&b'=');
    if !is_field {
        return None;
    }
    let line_start = text[..name.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..name.start].to_ascii_lowercase();
    let has_marks = [
        "server=",
        "data source=",
        "jdbc:",
        "user id=",
        "uid=",
        "dsn=",
        "initial catalog=",
        "host=",
    ]
    .iter()
    .any(|mark| line.contains(mark));
    let start = name.end + 1;
    let rest = text.get(start..)?;
    let end = rest
        .find([';', '&', '"', '\'', '`', '\n', '\r', ' ', '<'])
        .unwrap_or(rest.len())
        .min(MAX_VALUE);
    (has_marks && end > 0 && rest.get(..end).is_some()).then(|| start..start + end)
}
