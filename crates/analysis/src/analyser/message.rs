//! Fills the names of a place into what a rule says.

use std::collections::BTreeMap;

/// Longer values are cut.
const LONGEST: usize = 60;

/// Replaces every `{NAME}` by its value; names without a value vanish.
pub(super) fn fill(template: &str, names: &BTreeMap<String, String>) -> String {
    replace(template, |name| {
        names
            .get(name)
            .map(|value| short(value))
            .unwrap_or_default()
    })
}

/// Replaces every `{NAME}` that has a value; what else stands in braces is code that the text shows.
pub(super) fn fill_known(template: &str, names: &BTreeMap<String, String>) -> String {
    replace(template, |name| {
        let value = names.get(name).map(|value| short(value));
        value.unwrap_or_else(|| format!("{{{name}}}"))
    })
}

fn replace(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        text.push_str(before);
        match placeholder(after) {
            Some(name) => {
                text.push_str(&value(name));
                rest = after.get(name.len() + 2..).unwrap_or_default();
            }
            None => {
                text.push('{');
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    text.push_str(rest);
    text
}

/// The names a message wants.
pub(crate) fn placeholders(template: &str) -> Vec<&str> {
    template
        .match_indices('{')
        .filter_map(|(at, _)| placeholder(template.get(at..)?))
        .collect()
}

fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

/// One line of at most [`LONGEST`] characters.
fn short(value: &str) -> String {
    let folded = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if folded.chars().count() <= LONGEST {
        return folded;
    }
    let mut cut: String = folded.chars().take(LONGEST - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_folded_and_cut() {
        let names = BTreeMap::from([
            ("A".to_owned(), "x\n   + y".to_owned()),
            ("B".to_owned(), "é".repeat(80)),
        ]);
        assert_eq!(fill("`{A}` and {C}{} {", &names), "`x + y` and {} {");
        assert_eq!(fill("{B}", &names).chars().count(), 60);
        assert_eq!(
            fill_known("`{A}` and `${C}` {", &names),
            "`x + y` and `${C}` {"
        );
    }
}
