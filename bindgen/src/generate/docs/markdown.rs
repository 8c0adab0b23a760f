//! Parses Markdown, as rustdoc reads it.

mod html;
mod links;
mod table;

use super::{Block, lexical};
use html::without_tags;
use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};
use table::Table;

/// Where a line may be broken. The text itself has no such character.
const BREAK: char = '\0';

/// Returns the blocks of a documentation. None of them is empty.
pub fn blocks(documentation: &str) -> Vec<Block> {
    let text = documentation.replace(|c: char| c.is_control() && c != '\n' && c != '\t', " ");
    let mut links =
        |link: BrokenLink<'_>| links::is_path(&link).then(|| (CowStr::from(""), CowStr::from("")));
    let parser =
        Parser::new_with_broken_link_callback(&text, Options::ENABLE_TABLES, Some(&mut links));
    let mut builder = Builder::default();
    for event in parser {
        builder.event(event);
    }
    builder.end_paragraph();
    builder.open.into_iter().next().unwrap_or_default()
}

#[derive(Default)]
struct Builder {
    /// The blocks of the documentation, and those of the items that are open, each in the one before.
    open: Vec<Vec<Block>>,
    /// The lists that are open: whether they are ordered, and their items.
    lists: Vec<(bool, Vec<Vec<Block>>)>,
    /// The paragraph that is open, with its markup.
    paragraph: String,
    /// Where the markup that is open in the paragraph begins, and where its content does, or `None` for markup that is
    /// left out.
    markup: Vec<Option<(usize, usize)>>,
    /// The target of the link that is open, if it is written.
    link: Option<String>,
    /// The code block that is open: its language and its text.
    code: Option<(Option<String>, String)>,
    table: Option<Table>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) {
        if let Some((_, text)) = &mut self.code {
            match event {
                Event::Text(more) => text.push_str(&more),
                _ => self.end_code(),
            }
            return;
        }
        if let Some(table) = &mut self.table {
            match event {
                Event::End(TagEnd::Table) => self.end_table(),
                _ => table.event(&event),
            }
            return;
        }
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.code_span(&text);
            }
            Event::SoftBreak | Event::HardBreak => self.paragraph.push(BREAK),
            Event::InlineHtml(html) | Event::Html(html) => self.text(&without_tags(&html)),
            Event::Rule | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Emphasis => self.open_markup("{e\0"),
            Tag::Strong => self.open_markup("{b\0"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.open_link(&dest_url),
            Tag::Heading { .. } => {
                self.end_paragraph();
                self.open_markup("{b\0");
            }
            Tag::List(first) => {
                self.end_paragraph();
                self.lists.push((first.is_some(), Vec::new()));
            }
            Tag::Item => {
                self.end_paragraph();
                self.here();
                self.open.push(Vec::new());
            }
            Tag::CodeBlock(kind) => {
                self.end_paragraph();
                self.code = Some((language(&kind), String::new()));
            }
            Tag::Table(_) => {
                self.end_paragraph();
                self.table = Some(Table::default());
            }
            _ => self.end_paragraph(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong => self.close_markup(),
            TagEnd::Link | TagEnd::Image => self.close_link(),
            TagEnd::Heading(_) => {
                self.close_markup();
                self.end_paragraph();
            }
            TagEnd::Item => {
                self.end_paragraph();
                let item = self.open.pop().unwrap_or_default();
                if let (Some((_, items)), false) = (self.lists.last_mut(), item.is_empty()) {
                    items.push(item);
                }
            }
            TagEnd::List(_) => {
                self.end_paragraph();
                if let Some((ordered, items)) = self.lists.pop() {
                    if !items.is_empty() {
                        self.here().push(Block::List { ordered, items });
                    }
                }
            }
            _ => self.end_paragraph(),
        }
    }

    /// Returns the blocks to which the next one belongs.
    fn here(&mut self) -> &mut Vec<Block> {
        if self.open.is_empty() {
            self.open.push(Vec::new());
        }
        let last = self.open.len() - 1;
        &mut self.open[last]
    }

    fn end_paragraph(&mut self) {
        self.markup.clear();
        self.link = None;
        let text = lexical::harmless(&std::mem::take(&mut self.paragraph));
        let words = text
            .split(BREAK)
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_owned).collect();
        if !words.is_empty() {
            self.here().push(Block::Paragraph(words));
        }
    }

    /// Writes markup, apart from what would change its meaning: a backslash escapes it, and `%}` is a token of ocamldoc.
    fn markup(&mut self, text: &str) {
        if self.paragraph.ends_with('\\') || text == "}" && self.paragraph.ends_with('%') {
            self.paragraph.push(' ');
        }
        self.paragraph.push_str(text);
    }

    fn open_markup(&mut self, opening: &str) {
        let begin = self.paragraph.len();
        self.markup(opening);
        self.markup.push(Some((begin, self.paragraph.len())));
    }

    fn close_markup(&mut self) {
        let Some(Some((begin, content))) = self.markup.pop() else {
            return;
        };
        let is_blank = |c: char| c == BREAK || c.is_whitespace();
        match self.paragraph[content..].trim_matches(is_blank) {
            // odoc warns of empty markup.
            "" => self.paragraph.truncate(begin),
            _ => self.markup("}"),
        }
    }

    fn open_link(&mut self, target: &str) {
        match links::url(target) {
            // A link in a link is only its text.
            Some(url) if self.link.is_none() => {
                self.open_markup(&format!("{{{{:{url}}}"));
                self.link = Some(url);
            }
            _ => self.markup.push(None),
        }
    }

    fn close_link(&mut self) {
        if self.markup.last().is_some_and(Option::is_some) {
            self.link = None;
        }
        self.close_markup();
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                ' ' | '\n' | '\t' => self.paragraph.push(BREAK),
                '{' | '}' | '[' | ']' | '@' => self.paragraph.extend(['\\', c]),
                c => self.paragraph.push(c),
            }
        }
    }

    fn code_span(&mut self, text: &str) {
        self.markup("[");
        let text = text.replace(['\n', '\t'], " ");
        match is_balanced(&text) {
            true => self.paragraph.push_str(&text),
            false => {
                for c in text.chars() {
                    if matches!(c, '[' | ']') {
                        self.paragraph.push('\\');
                    }
                    self.paragraph.push(c);
                }
            }
        }
        // It would escape the bracket.
        if text.ends_with('\\') {
            self.paragraph.push(' ');
        }
        self.paragraph.push(']');
    }

    fn end_code(&mut self) {
        if let Some((language, text)) = self.code.take() {
            self.code_block(language, &text);
        }
    }

    fn code_block(&mut self, language: Option<String>, text: &str) {
        let text = match language.as_deref() {
            Some("rust") => without_hidden_lines(text),
            _ => text.to_owned(),
        };
        // These end the block. Blanks between brackets have no meaning in Rust and OCaml.
        let text = text.replace("]}", "] }").replace("][", "] [");
        let text = lexical::harmless(text.trim_matches('\n').trim_end());
        if !text.trim().is_empty() {
            self.here().push(Block::Code { language, text });
        }
    }

    fn end_table(&mut self) {
        if let Some(table) = self.table.take() {
            self.code_block(Some("text".to_owned()), &table.aligned());
        }
    }
}

/// Returns the language of a code block as odoc writes it, or `None` for OCaml. Without a name it is Rust, as rustdoc
/// has it.
fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    let CodeBlockKind::Fenced(info) = kind else {
        return Some("rust".to_owned());
    };
    let is_separator = |c: char| c == ',' || c.is_whitespace();
    let mut words = info.split(is_separator).filter(|word| !word.is_empty());
    let is_rust = |word: &&str| {
        let attributes = [
            "rust",
            "ignore",
            "no_run",
            "should_panic",
            "compile_fail",
            "standalone",
        ];
        attributes.contains(word) || word.starts_with("edition") || word.starts_with("ignore-")
    };
    match words.next() {
        None => Some("rust".to_owned()),
        Some("ocaml" | "ml") => None,
        Some(word) if is_rust(&word) => Some("rust".to_owned()),
        Some(word) if word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            Some(word.to_owned())
        }
        Some(_) => Some("text".to_owned()),
    }
}

/// Removes the lines of an example that rustdoc does not show.
fn without_hidden_lines(text: &str) -> String {
    let shown = |line: &&str| {
        let line = line.trim_start();
        line != "#" && !line.starts_with("# ")
    };
    // Two of them are one that is shown.
    let unescaped = |line: &str| match line.trim_start().starts_with("##") {
        true => line.replacen("##", "#", 1),
        false => line.to_owned(),
    };
    let lines: Vec<_> = text.lines().filter(shown).map(unescaped).collect();
    lines.join("\n")
}

/// Returns `true` if brackets are balanced and no backslash is before one, so that a code span needs no escapes.
fn is_balanced(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut last = ' ';
    for c in text.chars() {
        match c {
            '[' | ']' if last == '\\' => return false,
            '[' => depth += 1,
            ']' if depth == 0 => return false,
            ']' => depth -= 1,
            _ => {}
        }
        last = c;
    }
    depth == 0
}
