//! Whether the licences of everything we build from are permissive, by the list in `deny.toml`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::crates::{packages, text};

/// Packages whose licence is not on the list.
pub(super) fn check(metadata: &Value, deny: &toml::Table) -> Vec<String> {
    let allowed = allowed(deny);
    packages(metadata)
        .filter(|package| !is_permitted(text(package, "license"), &allowed))
        .map(|package| {
            format!(
                "licence `{}` of {} {} is not on the list in deny.toml",
                text(package, "license"),
                text(package, "name"),
                text(package, "version")
            )
        })
        .collect()
}

fn allowed(deny: &toml::Table) -> BTreeSet<String> {
    let list = deny.get("licenses").and_then(|table| table.get("allow"));
    let words = list.and_then(toml::Value::as_array).into_iter().flatten();
    words
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// Reads an SPDX expression: `OR` needs one side, `AND` both. The old `/` means `OR`.
fn is_permitted(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest, allowed) && rest.is_empty()
}

fn either(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut holds = both(rest, allowed);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        let right = both(rest, allowed);
        holds = holds || right;
    }
    holds
}

fn both(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut holds = single(rest, allowed);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        let right = single(rest, allowed);
        holds = holds && right;
    }
    holds
}

fn single(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let holds = either(rest, allowed);
            if let [")", after @ ..] = *rest {
                *rest = after;
            }
            holds
        }
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            allowed.contains(&format!("{name} WITH {exception}"))
        }
        [name, after @ ..] => {
            *rest = after;
            allowed.contains(*name)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_of_or_and_both_sides_of_and_must_be_on_the_list() {
        let allowed = ["MIT", "BSD-3-Clause", "Apache-2.0 WITH LLVM-exception"];
        let allowed: BTreeSet<String> = allowed.into_iter().map(str::to_owned).collect();
        let cases = [
            ("MIT", true),
            ("Unlicense/MIT", true),
            ("GPL-3.0 OR MIT", true),
            ("(GPL-3.0 OR MIT) AND BSD-3-Clause", true),
            ("MIT AND GPL-3.0", false),
            ("MIT OR (GPL-3.0 AND MIT)", true),
            ("Apache-2.0 WITH LLVM-exception OR X", true),
            ("Apache-2.0", false),
            ("MIT )", false),
            ("", false),
        ];
        for (expression, expected) in cases {
            assert_eq!(is_permitted(expression, &allowed), expected, "{expression}");
        }
    }
}
