//! How deeply brackets nest, told before any parser sees the text.

/// Code nested deeper than this is not parsed: parsers and everything that walks their trees grow slow or deep on it.
pub(super) const DEEPEST: u32 = 500;

/// Whether brackets outside strings and line comments nest deeper than [`DEEPEST`].
///
/// Strings are told by their quotes only and end with their line, so what looks like a string may hide brackets: the
/// guard lets too much pass rather than too little, and the process around it bounds the rest.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return true;
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => skip_string(&mut bytes, byte),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>, quote: u8) {
    while let Some(byte) = bytes.peek().copied() {
        if byte == b'\n' {
            return;
        }
        bytes.next();
        if byte == quote {
            return;
        }
        if byte == b'\\' {
            bytes.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = "x = \"((((((((((\" \n".repeat(200);
        assert!(!is_too_deep(&text));
    }

    #[test]
    fn deep_brackets_are_seen() {
        assert!(is_too_deep(&"[".repeat(501)));
        assert!(!is_too_deep(&"[".repeat(500)));
        assert!(!is_too_deep(&"()".repeat(5000)));
    }
}
