//! Our own section of a text that belongs to somebody else: only what stands between our markers is ever changed.

/// What a section says, if the text has it.
#[must_use]
pub fn read<'t>(text: &'t str, marker: &str) -> Option<&'t str> {
    let (start, end) = place(text, marker)?;
    Some(text[start..end].trim_matches(['\n', '\r']))
}

/// The text with its section saying something else; behind all that is there, if it has none.
#[must_use]
pub fn write(text: &str, marker: &str, says: &str) -> String {
    let says = says.replace(&end_of(marker), "");
    match place(text, marker) {
        Some((start, end)) => format!("{}\n{says}\n{}", &text[..start], &text[end..]),
        None => {
            let gap = if text.is_empty() { "" } else { "\n\n" };
            format!("{text}{gap}{marker}\n{says}\n{}", end_of(marker))
        }
    }
}

/// Where the section lies between its markers: the last beginning that has an end.
fn place(text: &str, marker: &str) -> Option<(usize, usize)> {
    let end = text.rfind(&end_of(marker))?;
    let start = text[..end].rfind(marker)? + marker.len();
    Some((start, end))
}

/// The marker behind a section.
fn end_of(marker: &str) -> String {
    marker.replacen("<!-- ", "<!-- /", 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKER: &str = "<!-- pullmill:1:description:abc -->";

    proptest! {
        #[test]
        fn only_the_section_changes(
            before in "[a-z<!> \n-]{0,30}", one in "[a-z<!>\n-]{0,20}", other in "[a-z<!>\n-]{0,20}", after in "[a-z \n]{0,20}",
        ) {
            let first = write(&before, MARKER, &one);
            prop_assert!(first.starts_with(&before));
            prop_assert_eq!(read(&first, MARKER).unwrap(), one.trim_matches('\n'));
            let second = write(&format!("{first}{after}"), MARKER, &other);
            prop_assert!(second.starts_with(&before) && second.ends_with(&after));
            prop_assert_eq!(read(&second, MARKER).unwrap(), other.trim_matches('\n'));
            prop_assert_eq!(second.matches(MARKER).count(), 1);
            prop_assert_eq!(write(&second, MARKER, &other), second);
        }
    }

    #[test]
    fn a_section_without_its_end_is_somebodys_text() {
        let text = format!("mine {MARKER} more");
        assert_eq!(read(&text, MARKER), None);
        assert!(write(&text, MARKER, "says").starts_with(&text));
    }

    #[test]
    fn what_it_says_cannot_end_it() {
        let evil = "a <!-- /pullmill:1:description:abc --> b";
        assert_eq!(read(&write("", MARKER, evil), MARKER), Some("a  b"));
    }
}
