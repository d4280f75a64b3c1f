//! Writes and reads paths the way git quotes them in diffs.

/// Quotes a path in C style if it holds anything but plain printable ASCII.
pub(super) fn quote(path: &[u8]) -> Vec<u8> {
    if !path.iter().copied().any(needs_escape) {
        return path.to_vec();
    }
    let mut quoted = vec![b'"'];
    for byte in path.iter().copied() {
        push_escaped(&mut quoted, byte);
    }
    quoted.push(b'"');
    quoted
}

fn needs_escape(byte: u8) -> bool {
    !(0x20..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    if let Some((_, letter)) = LETTERS.iter().find(|(raw, _)| *raw == byte) {
        out.extend([b'\\', *letter]);
    } else if needs_escape(byte) {
        out.extend([
            b'\\',
            b'0' + (byte >> 6),
            b'0' + ((byte >> 3) & 7),
            b'0' + (byte & 7),
        ]);
    } else {
        out.push(byte);
    }
}

const LETTERS: [(u8, u8); 9] = [
    (7, b'a'),
    (8, b'b'),
    (b'\t', b't'),
    (b'\n', b'n'),
    (11, b'v'),
    (12, b'f'),
    (b'\r', b'r'),
    (b'"', b'"'),
    (b'\\', b'\\'),
];

/// Reads a quoted path that starts at the opening quote: the path and what follows the closing quote.
pub(super) fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut path = Vec::new();
    loop {
        let (first, tail) = rest.split_first()?;
        rest = tail;
        match first {
            b'"' => return Some((path, rest)),
            b'\\' => {
                let (byte, tail) = unescape(rest)?;
                path.push(byte);
                rest = tail;
            }
            byte => path.push(*byte),
        }
    }
}

fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, tail) = text.split_first()?;
    if let Some((raw, _)) = LETTERS.iter().find(|(_, letter)| letter == first) {
        return Some((*raw, tail));
    }
    let digits = std::str::from_utf8(text.get(..3)?).ok()?;
    let byte = u8::from_str_radix(digits, 8).ok()?;
    Some((byte, &text[3..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{quote, unquote};

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(quote(b"src/my file.rs"), b"src/my file.rs");
        assert_eq!(quote("\u{e9}\"".as_bytes()), br#""\303\251\"""#);
    }

    proptest! {
        #[test]
        fn quoted_paths_read_back(path in proptest::collection::vec(any::<u8>(), 1..40)) {
            let quoted = quote(&path);
            if quoted.first() == Some(&b'"') {
                prop_assert_eq!(unquote(&quoted), Some((path, &b""[..])));
            } else {
                prop_assert_eq!(quoted, path);
            }
        }

        #[test]
        fn unquoting_never_panics(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = unquote(&text);
        }
    }
}
