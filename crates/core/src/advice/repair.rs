//! Finds the JSON object in an answer and mends what is commonly wrong with it: words around it, a missing end, commas too many, raw line ends.

use serde_json::{Map, Value};

use super::Unusable;

/// Deeper answers are none of ours.
const MAX_DEPTH: usize = 32;

/// The first object of a text, and whether its end was missing.
pub(super) fn object(text: &str) -> Result<(Map<String, Value>, bool), Unusable> {
    if text.trim().is_empty() {
        return Err(Unusable::Empty);
    }
    let start = text.find('{').ok_or(Unusable::NotJson)?;
    // An array at the beginning is not what was asked for, whatever is in it.
    if text[..start].trim_end().ends_with('[') {
        return Err(Unusable::NotJson);
    }
    let (mended, is_cut) = mend(&text[start..]).ok_or(Unusable::NotJson)?;
    match serde_json::from_str(&mended) {
        Ok(Value::Object(object)) => Ok((object, is_cut)),
        _ => Err(Unusable::NotJson),
    }
}

/// What stands open at some place.
struct Open {
    /// What closes it.
    close: char,
    /// How long the text was when its last part was whole.
    whole: usize,
}

/// Copies the object at the beginning of a text. Of one without an end, the parts that are whole are kept.
fn mend(text: &str) -> Option<(String, bool)> {
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut is_string = false;
    let mut is_escaped = false;
    for character in text.chars() {
        if is_string {
            match character {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => is_string = false,
                '\n' => {
                    out.push_str("\\n");
                    continue;
                }
                '\r' => continue,
                '\t' => {
                    out.push_str("\\t");
                    continue;
                }
                control if control.is_control() => continue,
                _ => {}
            }
            out.push(character);
            continue;
        }
        match character {
            '"' => is_string = true,
            '{' | '[' => {
                if open.len() == MAX_DEPTH {
                    return None;
                }
                let close = if character == '{' { '}' } else { ']' };
                out.push(character);
                let whole = out.len();
                open.push(Open { close, whole });
                continue;
            }
            '}' | ']' => {
                if open.pop()?.close != character {
                    return None;
                }
                drop_comma(&mut out);
                out.push(character);
                if open.is_empty() {
                    return Some((out, false));
                }
                continue;
            }
            ',' => {
                if let Some(last) = open.last_mut() {
                    last.whole = out.len();
                }
            }
            _ => {}
        }
        out.push(character);
    }
    // The end is missing. Of what stands open innermost, only parts that a comma followed are known to be whole.
    out.truncate(open.last()?.whole);
    while let Some(last) = open.pop() {
        drop_comma(&mut out);
        out.push(last.close);
    }
    Some((out, true))
}

fn drop_comma(out: &mut String) {
    let end = out.trim_end().len();
    if out[..end].ends_with(',') {
        out.truncate(end - 1);
    }
}
