//! Format strings of Go: which arguments become part of the text.

/// A piece of a format.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Fixed text.
    Text(String),
    /// The next argument as it is (`%s`, `%v`).
    Plain,
    /// The next argument in quotes, with line breaks escaped (`%q`).
    Quoted,
    /// The next argument as a number or the like.
    Number,
}

/// The pieces of a format; `None` if it names arguments by position or takes widths from them.
pub(super) fn pieces(format: &str) -> Option<Vec<Piece>> {
    let (mut pieces, mut text) = (Vec::new(), String::new());
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let verb = loop {
            match characters.next()? {
                '*' | '[' => return None,
                '+' | '-' | '#' | ' ' | '.' | '0'..='9' => {}
                verb => break verb,
            }
        };
        if verb == '%' {
            text.push('%');
            continue;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(match verb {
            's' | 'v' | 'w' => Piece::Plain,
            'q' => Piece::Quoted,
            _ => Piece::Number,
        });
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    #[test]
    fn verbs_tell_text_from_numbers() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let expected = vec![
            text("a="),
            Piece::Plain,
            text(" 5% "),
            Piece::Number,
            Piece::Quoted,
        ];
        assert_eq!(pieces("a=%s 5%% %03d%q"), Some(expected));
    }

    #[test]
    fn formats_with_positions_or_an_open_verb_are_left_alone() {
        assert_eq!(pieces("%[2]s"), None);
        assert_eq!(pieces("%*d"), None);
        assert_eq!(pieces("100%"), None);
    }
}
