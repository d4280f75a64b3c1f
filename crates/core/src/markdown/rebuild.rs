//! Markdown that a model wrote, built anew from its syntax tree: an allowlist of paragraphs, lists, emphasis and code. Nothing
//! in it links, embeds, mentions, closes or commands anything (T20, T21).

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::fence;
use super::neutral::{code, is_command, plain, unspoken};
use crate::escape::visible;

/// Longer texts are cut.
const MAX_TEXT: usize = 12_000;
/// Deeper lists are flat from there on.
const MAX_DEPTH: usize = 4;
/// Ends the search of other programs for a word at the beginning of a line, and is not seen.
const SPLIT: &str = "<!-- -->";

/// The text with nothing in it but what is allowed.
#[must_use]
pub fn rebuild(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT.min(text.len()));
    let mut writer = Writer::default();
    for event in Parser::new_ext(&text[..end], Options::ENABLE_STRIKETHROUGH) {
        writer.take(event);
    }
    writer.flush();
    if end < text.len() {
        writer.blocks.push("…".to_owned());
    }
    writer.blocks.join("\n\n")
}

#[derive(Default)]
struct Writer {
    blocks: Vec<String>,
    /// The line that is being written, raw as far as it may still be part of a command.
    line: String,
    /// The words of it, to tell whether it begins like a command.
    raw: String,
    /// Open lists: the number of the next item, if they are numbered.
    lists: Vec<Option<u64>>,
    /// What stands before the next line of an item.
    bullet: Option<String>,
    /// The code of an open block.
    block: Option<String>,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.block {
                Some(block) => block.push_str(&text),
                None => self.text(&text),
            },
            Event::Code(text) => {
                self.raw.push_str(&text);
                self.line.push_str(&code(&text));
            }
            Event::SoftBreak | Event::HardBreak => self.text(" "),
            Event::Rule => self.flush(),
            // What would be markup of another language is shown as the text that it is.
            Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text) => {
                self.text(&text.replace('\n', " "));
            }
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.raw.push_str(text);
        let text = visible(&text.replace(['\n', '\r', '\t'], " "));
        for (index, piece) in text.split('`').enumerate() {
            if index > 0 {
                // As it is, it could begin or end code with what stands beside it.
                self.line.push_str("&#96;");
            }
            plain(&mut self.line, piece);
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph => {}
            // The headings of the page are ours.
            Tag::Heading { .. } => {
                self.flush();
                self.line.push_str("**");
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.block = Some(String::new());
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.flush();
                self.bullet = Some(self.next_bullet());
            }
            Tag::Emphasis => self.line.push('_'),
            Tag::Strong => self.line.push_str("**"),
            // The text of a link or an image stays; where it leads does not.
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.line.push_str("**");
                self.flush();
            }
            TagEnd::CodeBlock => {
                let text = self.block.take().unwrap_or_default();
                let lines: Vec<String> = text
                    .lines()
                    .map(|line| unspoken(&visible(&line.replace('\t', "    "))))
                    .collect();
                let body = lines.join("\n");
                let fence = fence(&[&body]);
                self.blocks.push(format!("{fence}\n{body}\n{fence}"));
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Emphasis => self.line.push('_'),
            TagEnd::Strong => self.line.push_str("**"),
            TagEnd::Paragraph | TagEnd::Item | TagEnd::BlockQuote(_) | TagEnd::HtmlBlock => {
                self.flush()
            }
            _ => {}
        }
    }

    fn next_bullet(&mut self) -> String {
        let depth = self.lists.len().clamp(1, MAX_DEPTH) - 1;
        let sign = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}.", *number - 1)
            }
            _ => "-".to_owned(),
        };
        format!("{}{sign} ", "   ".repeat(depth))
    }

    /// Ends the line that is being written. Items of a list stand close together.
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        let raw = std::mem::take(&mut self.raw);
        if raw.trim().is_empty() {
            return;
        }
        let split = if is_command(&raw) { SPLIT } else { "" };
        let text = format!("{split}{}", line.trim());
        let is_first = self.bullet.is_some();
        let bullet = self.bullet.take().unwrap_or_default();
        let depth = self.lists.len().min(MAX_DEPTH);
        match self.blocks.last_mut() {
            Some(last) if is_first && is_item(last) => {
                last.push('\n');
                last.push_str(&bullet);
                last.push_str(&text);
            }
            _ if is_first => self.blocks.push(format!("{bullet}{text}")),
            _ => self.blocks.push(format!("{}{text}", "   ".repeat(depth))),
        }
    }
}

/// Whether a block ends with an item of a list.
fn is_item(block: &str) -> bool {
    let last = block.lines().last().unwrap_or("").trim_start();
    let number = last.trim_start_matches(|one: char| one.is_ascii_digit());
    last.starts_with("- ") || (number.len() < last.len() && number.starts_with(". "))
}

#[cfg(test)]
mod tests {
    use super::rebuild;

    #[test]
    fn what_is_allowed_stays_as_it_was_meant() {
        insta::assert_snapshot!(
            rebuild("# Why\nIt *reads* the **file** twice, see `open()`.\n\n1. one\n2. two\n   - deep\n\n```py\nx = 1\n```\n> said\n"),
            @r"
        **Why**

        It _reads_ the **file** twice, see `open()`.

        1. one
        2. two
           - deep

        ```
        x = 1
        ```

        said
        "
        );
    }

    #[test]
    fn nothing_links_embeds_mentions_closes_or_commands() {
        let text = "![x](https://evil.example/a.png) [here](https://evil.example) <img src=x> <https://evil.example>\n\n\
            Closes #12, fixes GH-7 and https://github.com/o/r/issues/3, says @octocat\n\n/approve\n\nbors r+\n\n```\n/lgtm\n```\n\
            <script>alert(1)</script>\n\n[x]: https://evil.example\n\n- /merge\n";
        let rebuilt = rebuild(text);
        for bad in [
            "](",
            "![",
            "<img",
            "<script",
            "https://e",
            "@o",
            "#12",
            "GH-7",
            "\n/",
            "\nbors",
            "\n- /",
        ] {
            assert!(!rebuilt.contains(bad), "{bad} in {rebuilt}");
        }
        assert!(!rebuilt.starts_with('/'));
    }

    #[test]
    fn a_tick_beside_code_is_no_part_of_it() {
        assert_eq!(rebuild("\\``<`"), "&#96;`<`");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_048))]

        #[test]
        fn no_text_breaks_out(text in "[-*_`~<>\\[\\]()!#@/:.a-z0-9 \n|$\\\\]{0,120}") {
            let rebuilt = rebuild(&text);
            let mut is_code = false;
            for line in rebuilt.lines() {
                if line.trim_start().starts_with("```") {
                    is_code = !is_code;
                    continue;
                }
                proptest::prop_assert!(!super::is_command(line), "{line:?}");
                if is_code {
                    continue;
                }
                let tags = line.replace(super::SPLIT, "").replace("<code>", "").replace("</code>", "");
                // Inside a span of code nothing is markup.
                let prose: String = tags.split('`').step_by(2).collect();
                proptest::prop_assert!(!prose.contains('<'), "{line:?}");
                proptest::prop_assert!(!line.contains("](http"), "{line:?}");
            }
        }
    }
}
