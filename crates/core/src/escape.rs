//! Makes characters visible that would change what a reader sees: controls, escapes, bidi and invisible text (T23, T43).

use std::fmt::Write as _;

/// The text with every dangerous character written as `\xNN` or `\u{NNNN}`; tabs and line ends too.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(&mut out, character);
    }
    out
}

/// Like [`visible`] for text of several lines: line ends stay.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(visible).collect();
    lines.join("\n")
}

/// Like [`visible`] for one line of prose: line ends and tabs become spaces.
#[must_use]
pub fn one_line(text: &str) -> String {
    let flat: String = text
        .chars()
        .map(|character| match character {
            '\n' | '\r' | '\t' => ' ',
            other => other,
        })
        .collect();
    visible(flat.trim())
}

/// Whether the character must not reach a terminal or a page as it is.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0xAD | 0x34F
                | 0x61C
                | 0x115F..=0x1160
                | 0x17B4..=0x17B5
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x2028..=0x202E
                | 0x2060..=0x206F
                | 0x3164
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFA0
                | 0xFFF0..=0xFFFB
                | 0x1BCA0..=0x1BCA3
                | 0x1D173..=0x1D17A
                | 0xE0000..=0xE0FFF
        )
}

/// Escapes hidden characters in finished JSON, where beyond ASCII they stand in strings only.
#[must_use]
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                push(&mut out, format_args!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    out
}

fn push_visible(out: &mut String, character: char) {
    if !is_hidden(character) {
        out.push(character);
    } else if u32::from(character) < 0x100 {
        push(out, format_args!("\\x{:02x}", u32::from(character)));
    } else {
        push(out, format_args!("\\u{{{:x}}}", u32::from(character)));
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = out.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::{json, one_line, visible};

    #[test]
    fn escapes_and_bidi_become_visible() {
        assert_eq!(visible("a\u{1b}[31mb"), r"a\x1b[31mb");
        assert_eq!(visible("a\u{202e}b\u{e0041}"), r"a\u{202e}b\u{e0041}");
        assert_eq!(visible("naïve 日本 🦀"), "naïve 日本 🦀");
        assert_eq!(one_line("a\n\tb\r\n"), "a  b");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::Value::from("a\u{9b}b\u{202e}c\u{e0041}\u{7f}");
        let text = json(&value.to_string());
        assert!(text.is_ascii());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
