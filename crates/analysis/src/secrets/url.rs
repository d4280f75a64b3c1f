//! Passwords inside URLs: connection strings and basic authentication.

use super::place::{Kind, Place};
use super::{Found, judge, report};

/// Longest user and password that are read.
const MAX_USERINFO: usize = 300;

/// Reads the user and password of a URL whose `://` stands at `at`.
pub(super) fn find(text: &str, at: usize, place: Place) -> Option<Found> {
    let bytes = text.as_bytes();
    let start = at + 3;
    let window = &bytes[start..bytes.len().min(start + MAX_USERINFO)];
    let end = window.iter().position(|byte| {
        matches!(
            byte,
            b'@' | b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'`' | b'\\' | b'|' | b'(' | b')'
        ) || byte.is_ascii_whitespace()
    })?;
    if window[end] != b'@' {
        return None;
    }
    let colon = window[..end].iter().position(|byte| *byte == b':')?;
    let user = text.get(start..start + colon)?;
    let secret = start + colon + 1..start + end;
    let password = text.get(secret.clone())?;
    let host = host(text.get(start + end + 1..)?);
    if !is_password(password, user, host, place) {
        return None;
    }
    let scheme_length = bytes[..at]
        .iter()
        .rev()
        .take(20)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte))
        .count();
    let scheme = text[at - scheme_length..at].to_ascii_lowercase();
    if scheme.is_empty() {
        return None;
    }
    let is_web = matches!(
        scheme.as_str(),
        "http" | "https" | "ftp" | "ftps" | "ssh" | "git" | "ws" | "wss"
    );
    Some(Found {
        rule: if is_web {
            report::url()
        } else {
            report::connection()
        },
        shown: at - scheme_length..start + end + 1 + host.len(),
        secret,
        name: scheme,
        is_generic: true,
        is_minor: false,
    })
}

fn host(rest: &str) -> &str {
    let end = rest
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-._[]".contains(character)))
        .unwrap_or(rest.len());
    &rest[..end]
}

fn is_password(password: &str, user: &str, host: &str, place: Place) -> bool {
    let lower = host.to_ascii_lowercase();
    let is_documented = [
        "example.com",
        "example.org",
        "example.net",
        ".test",
        ".invalid",
        ".example",
    ]
    .iter()
    .any(|end| lower.ends_with(end));
    let is_local = !lower.contains('.')
        || lower.starts_with("127.")
        || lower.starts_with("0.0.0.0")
        || lower == "host.docker.internal";
    let is_plain = password.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_dull = judge::is_placeholder(password)
        || password.contains(['$', '{', '}', '%', '*'])
        || password.to_ascii_lowercase().contains("pass") && is_plain
        || password.eq_ignore_ascii_case(user)
        || password.len() < 4
        || matches!(user, "user" | "username" | "foo") && is_plain
        || password.starts_with("test")
        || judge::is_placeholder(user) && user.contains(['<', '$', '{']);
    if place.is_test || is_documented || is_dull || lower.is_empty() {
        return false;
    }
    let is_strong = password.len() >= 8
        && judge::entropy(password) >= 2.5
        && password.bytes().any(|byte| byte.is_ascii_digit());
    match place.kind {
        Kind::Prose => is_strong && !is_local,
        _ if is_local => is_strong,
        _ => true,
    }
}
