//! Whether words are English, as far as a few words tell: an answer in another language does what it was not asked to.

use super::Advice;

/// Fewer words say nothing.
const MIN_WORDS: usize = 8;
/// Hardly an English sentence does without one of these.
const COMMON: [&str; 40] = [
    "a", "an", "the", "and", "or", "but", "if", "is", "are", "was", "be", "it", "its", "this",
    "that", "to", "of", "in", "on", "for", "with", "by", "from", "as", "at", "not", "no", "now",
    "when", "which", "into", "than", "so", "also", "new", "adds", "removes", "changes", "instead",
    "only",
];

/// Whether what people will read is English. Names and code count for nothing.
pub(super) fn is_english(advice: &Advice) -> bool {
    let files: Vec<&str> = advice.files.iter().map(|file| file.what.as_str()).collect();
    reads_english(&advice.overview) && reads_english(&files.join(" "))
}

fn reads_english(text: &str) -> bool {
    let prose: String = text.split('`').step_by(2).collect();
    let letters = prose.chars().filter(|one| one.is_alphabetic()).count();
    let latin = prose.chars().filter(char::is_ascii_alphabetic).count();
    if letters > 0 && latin * 2 < letters {
        return false;
    }
    let words: Vec<String> = prose
        .split(|one: char| !one.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let common = words
        .iter()
        .filter(|word| COMMON.contains(&word.as_str()))
        .count();
    // One in sixteen: English has about one in two, other languages share a word here and there.
    words.len() < MIN_WORDS || common * 16 >= words.len()
}

#[cfg(test)]
mod tests {
    use super::reads_english;

    #[test]
    fn english_is_told_from_others_and_short_texts_are_not_judged() {
        assert!(reads_english(
            "It reads the file twice and keeps both results until the end."
        ));
        assert!(reads_english("Replaces foo by bar."));
        assert!(reads_english(
            "Renames `ελληνικά` in the parser, with `новый` names."
        ));
        assert!(!reads_english(
            "Diese Änderung fügt eine Funktion hinzu, welche Dateien zweimal liest"
        ));
        assert!(!reads_english(
            "Este cambio agrega una función que lee los archivos dos veces más"
        ));
        assert!(!reads_english("这个更改添加了一个函数"));
    }
}
