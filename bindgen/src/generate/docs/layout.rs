//! Breaks documentation into lines.

use super::Block;

/// What the lines after `(** ` begin with.
const INDENTATION: &str = "    ";

/// What the last line ends with, if there is room.
const END: &str = " *)";

/// Returns the comment. Its lines are at most `width` wide, as far as words allow it.
pub fn comment(blocks: &[Block], width: usize) -> String {
    let lines = lines(blocks, width.saturating_sub(INDENTATION.len()));
    let mut comment = String::new();
    for (i, line) in lines.iter().enumerate() {
        comment.push_str(match i {
            0 => "(** ",
            _ if line.is_empty() => "\n",
            _ => "\n    ",
        });
        comment.push_str(line);
    }
    let last = lines.last().map_or(0, |line| line.chars().count());
    comment.push_str(match INDENTATION.len() + last + END.len() <= width {
        true => END,
        false => "\n*)",
    });
    comment
}

/// Returns the lines of blocks.
fn lines(blocks: &[Block], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        match block {
            Block::Paragraph(words) => lines.extend(fill(words, width)),
            Block::Code { language, text } => lines.extend(code(language.as_deref(), text)),
            Block::List { ordered, items } => {
                let short: Option<Vec<_>> = items.iter().map(|item| only_paragraph(item)).collect();
                match short {
                    Some(items) => lines.extend(short_list(*ordered, &items, width)),
                    None => lines.extend(long_list(*ordered, items, width)),
                }
            }
        }
    }
    lines
}

fn only_paragraph(item: &[Block]) -> Option<&[String]> {
    match item {
        [Block::Paragraph(words)] => Some(words),
        _ => None,
    }
}

/// Fills lines with words.
fn fill(words: &[String], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        match is_bullet(word) {
            // As code it does not begin a list.
            true if used == 0 => {
                let (bullet, rest) = word.split_at(1);
                line.push_str(&format!("[{bullet}]{rest}"));
            }
            _ => line.push_str(word),
        }
        used += length;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Whether odoc would take the word for the beginning of an item at the beginning of a line.
fn is_bullet(word: &str) -> bool {
    let mut chars = word.chars();
    matches!(chars.next(), Some('-' | '+'))
        && matches!(chars.next(), None | Some('{' | '}' | '[' | ']' | '|'))
}

fn code(language: Option<&str>, text: &str) -> Vec<String> {
    let mut lines = vec![match language {
        None => "{[".to_owned(),
        Some(language) => format!("{{@{language}["),
    }];
    lines.extend(text.lines().map(|line| match line.trim_end() {
        "" => String::new(),
        line => format!("  {line}"),
    }));
    lines.push("]}".to_owned());
    lines
}

/// A list whose items are single paragraphs.
fn short_list(ordered: bool, items: &[&[String]], width: usize) -> Vec<String> {
    let bullet = if ordered { "+ " } else { "- " };
    let mut lines = Vec::new();
    for words in items {
        let item = fill(words, width.saturating_sub(2));
        lines.extend(hanging(bullet, "  ", item));
    }
    lines
}

/// A list whose items have several blocks, or lists.
fn long_list(ordered: bool, items: &[Vec<Block>], width: usize) -> Vec<String> {
    let mut all = vec![if ordered { "{ol" } else { "{ul" }.to_owned()];
    for item in items {
        let mut item = long_item(item, width.saturating_sub(4));
        match &mut item[..] {
            [line] => line.push_str(" }"),
            _ => item.push("}".to_owned()),
        }
        let last = item.len() - 1;
        let content = hanging(" {- ", "    ", item);
        all.extend(content.into_iter().enumerate().map(|(i, line)| match i {
            0 => line,
            _ if i == last => " }".to_owned(),
            _ => line,
        }));
    }
    all.push("}".to_owned());
    all
}

fn long_item(blocks: &[Block], width: usize) -> Vec<String> {
    let mut lines_of_item = Vec::new();
    for block in blocks {
        if !lines_of_item.is_empty() {
            lines_of_item.push(String::new());
        }
        lines_of_item.extend(match block {
            Block::List { ordered, items } => long_list(*ordered, items, width),
            block => lines(std::slice::from_ref(block), width),
        });
    }
    lines_of_item
}

/// Puts `first` before the first line and `others` before the others.
fn hanging(first: &str, others: &str, lines: Vec<String>) -> Vec<String> {
    let line = |(i, line): (usize, String)| match i {
        0 => format!("{first}{line}"),
        _ if line.is_empty() => line,
        _ => format!("{others}{line}"),
    };
    lines.into_iter().enumerate().map(line).collect()
}
