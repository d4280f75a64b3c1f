//! Credentials in `Authorization` headers written out: `Basic …` and `Bearer …`.

use std::ops::Range;

use super::place::{Kind, Place};
use super::{Found, judge, report};

/// What such a header value begins with.
pub(super) const TRIGGERS: [&str; 2] = ["basic ", "bearer "];

/// Reads the value behind the scheme's name.
pub(super) fn find(text: &str, at: Range<usize>, place: Place) -> Option<Found> {
    if place.is_test || place.kind == Kind::Prose {
        return None;
    }
    let rest = text.get(at.end..)?;
    let length = rest
        .find(|character: char| {
            !(character.is_ascii_alphanumeric() || "+/=_.~-".contains(character))
        })
        .unwrap_or(rest.len());
    let value = &rest[..length];
    let is_basic =
        text.as_bytes()[at.start].eq_ignore_ascii_case(&b'b') && text[at.clone()].len() == 6;
    let fits = !judge::SPECIMENS.contains(&value)
        && if is_basic {
            is_user_and_password(value)
        } else {
            judge::is_secret(value, judge::Promise::Token, true) && value.len() >= 20
        };
    let secret = at.end..at.end + length;
    fits.then(|| Found {
        rule: report::header(),
        shown: at.start..secret.end,
        secret,
        name: text[at.clone()].trim().to_owned(),
        is_generic: true,
        is_minor: false,
    })
}

/// Says whether it is base64 of `user:password` in plain characters.
fn is_user_and_password(value: &str) -> bool {
    if value.len() < 12 || !value.len().is_multiple_of(4) {
        return false;
    }
    let Some(bytes) = decode(value) else {
        return false;
    };
    let is_plain = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    let colon = bytes.iter().position(|byte| *byte == b':');
    is_plain
        && colon.is_some_and(|colon| {
            let password = String::from_utf8_lossy(&bytes[colon + 1..]);
            colon > 0 && password.len() >= 4 && !judge::is_placeholder(&password)
        })
}

fn decode(value: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in value.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}
