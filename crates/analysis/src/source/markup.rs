//! PHP between markup: what the parser reads of a page.

use std::borrow::Cow;

/// The text as the parser reads it: as many bytes and the same lines, with blanks for the markup and for the tags around code,
/// and `;` where code ends. A text that is code from its first tag to its end is read as it is.
pub(super) fn code_only(text: &str) -> Cow<'_, str> {
    let body = text.trim_start();
    if body.starts_with("<?php") && !text.contains("?>") {
        return Cow::Borrowed(text);
    }
    let mut out = Masked {
        bytes: Vec::with_capacity(text.len()),
        text,
    };
    while out.bytes.len() < text.len() {
        let at = out.bytes.len();
        let (start, end) = opening(text, at);
        out.blank(start);
        // The first tag stays, so that the parser knows what it reads.
        if at == 0 && text.get(start..end).is_some_and(|tag| tag == "<?php") {
            out.keep(end);
        } else {
            out.blank(end);
        }
        let close = closing(text, end);
        out.keep(close);
        if close < text.len() {
            out.bytes.push(b';');
            out.blank(close + 2);
        }
    }
    String::from_utf8(out.bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text as far as it is written.
struct Masked<'t> {
    bytes: Vec<u8>,
    text: &'t str,
}

impl Masked<'_> {
    fn keep(&mut self, end: usize) {
        let rest = &self.text.as_bytes()[self.bytes.len()..end];
        self.bytes.extend_from_slice(rest);
    }

    fn blank(&mut self, end: usize) {
        let rest = &self.text.as_bytes()[self.bytes.len()..end];
        self.bytes.extend(rest.iter().map(|byte| match byte {
            b'\n' | b'\r' => *byte,
            _ => b' ',
        }));
    }
}

/// Where the next tag that begins code starts and ends.
fn opening(text: &str, from: usize) -> (usize, usize) {
    let mut at = from;
    while let Some(found) = text[at..].find("<?") {
        let start = at + found;
        let rest = &text.as_bytes()[start + 2..];
        let is_end = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        if rest.first() == Some(&b'=') {
            return (start, start + 3);
        }
        if rest
            .get(..3)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"php"))
            && is_end(rest.get(3))
        {
            return (start, start + 5);
        }
        if is_end(rest.first()) {
            return (start, start + 2);
        }
        at = start + 2;
    }
    (text.len(), text.len())
}

/// Where the tag that ends code starts; in texts and long comments it does not count.
fn closing(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        let rest = &bytes[at..];
        at += match rest {
            [b'?', b'>', ..] => return at,
            [quote @ (b'\'' | b'"' | b'`'), ..] => quoted(rest, *quote),
            [b'/', b'*', ..] => text[at..].find("*/").map_or(rest.len(), |end| end + 2),
            [b'/', b'/', ..] => line_comment(rest),
            [b'#', next, ..] if *next != b'[' => line_comment(rest),
            [b'<', b'<', b'<', ..] => heredoc(&text[at..]),
            _ => 1,
        };
    }
    text.len()
}

/// How long a quoted text is.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// How long a comment is that ends with its line, or with the code.
fn line_comment(bytes: &[u8]) -> usize {
    let end = bytes
        .windows(2)
        .position(|two| two[0] == b'\n' || two == b"?>");
    end.unwrap_or(bytes.len())
}

/// How long a text is that stands between lines with a name of its own choice.
fn heredoc(text: &str) -> usize {
    let Some((first, _)) = text.split_once('\n') else {
        return 3;
    };
    let name = first[3..].trim().trim_matches(['\'', '"']);
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return 3;
    }
    let mut length = first.len() + 1;
    for line in text[length..].split_inclusive('\n') {
        if line.trim_start().starts_with(name) {
            return length;
        }
        length += line.len();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::code_only;

    #[test]
    fn markup_is_blank_and_code_stays_where_it_is() {
        let cases = [
            ("<?php\nf();\n", "<?php\nf();\n"),
            ("<b><?= $a ?></b>\n", "       $a ;     \n"),
            (
                "<?php f() ?>\n<i>\n<?PHP g();",
                "<?php f() ; \n   \n      g();",
            ),
            ("a <?xml version='1'?> b", "                       "),
            (
                "<?php $a = '?>'; /* ?> */ f() ?>x",
                "<?php $a = '?>'; /* ?> */ f() ;  ",
            ),
            ("<?php // see ?>x", "<?php // see ;  "),
            (
                "<?php $a = <<<E\n ?> 'x\n E;\nf() ?>x",
                "<?php $a = <<<E\n ?> 'x\n E;\nf() ;  ",
            ),
            ("<? f(); ?>x", "   f(); ;  "),
        ];
        for (text, code) in cases {
            assert_eq!(code_only(text), code);
        }
    }

    proptest! {
        #[test]
        fn no_byte_moves(text in "(<\\?php |<\\?= |\\?>|'|\"|/\\*|\\*/|//|<<<E\n|E\n|\n|\u{e4}|#|\\\\|x){0,24}") {
            let code = code_only(&text);
            prop_assert_eq!(code.len(), text.len());
            let lines = |text: &str| text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(lines(&code), lines(&text));
        }
    }
}
